// Finding libraries, ids that stand twice, settings, instances.
#include "core/plugin/registry.h"

#include <cstdlib>

#include "tests/unit/plugin/plugin_fixture.h"

namespace golong::plugin {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
namespace fs = std::filesystem;

// A folder of its own with links to some of the libraries.
class Folder {
 public:
  explicit Folder(const std::vector<std::string>& names)
      : path_(fs::path(testing::TempDir()) /
              (std::string("registry_") + testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(path_);
    fs::create_directories(path_ / "deeper");
    for (const std::string& name : names) fs::create_symlink(bad_library(name), path_ / "deeper" / (name + ".so"));
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Sets GOLONG_PLUGIN_PATH for the life of the object.
class PluginPath {
 public:
  explicit PluginPath(const std::string& value) { ::setenv("GOLONG_PLUGIN_PATH", value.c_str(), 1); }
  ~PluginPath() { ::unsetenv("GOLONG_PLUGIN_PATH"); }
};

TEST(Registry, FindsLibrariesInFoldersBelow) {
  Folder folder({"rewards", "normalizers"});
  auto registry = Registry::load({folder.path()});
  EXPECT_EQ(registry->find(Kind::reward, "bad_obedient").descriptor->version, std::string("1.0.0"));
  EXPECT_TRUE(registry->has(Kind::normalizer, "counting"));
  EXPECT_FALSE(registry->has(Kind::reward, "counting"));
}

TEST(Registry, BuiltInPluginsAreFoundWithoutAPath) {
  auto registry = Registry::load({});
  for (const char* id : {"grpo", "dr_grpo", "tmn_reweight", "task_batch"}) {
    EXPECT_TRUE(registry->has(Kind::normalizer, id)) << id;
  }
  EXPECT_THAT(registry->find(Kind::normalizer, "grpo").library.string(),
              EndsWith("lib/golong/plugins/normalizers/grpo.so"));
}

TEST(Registry, IsSortedByKindAndId) {
  auto registry = Registry::load({bad_library("rewards"), abi_1_0_library()});
  const auto& all = registry->plugins();
  for (size_t i = 1; i < all.size(); ++i) {
    EXPECT_LT(std::tie(all[i - 1].kind, all[i - 1].id), std::tie(all[i].kind, all[i].id));
  }
}

TEST(Registry, ReadsTheEnvironment) {
  PluginPath path(":" + bad_library("rewards").string() + ":" + bad_library("normalizers").string());
  auto registry = Registry::load({});
  EXPECT_TRUE(registry->has(Kind::reward, "bad_obedient"));
  EXPECT_TRUE(registry->has(Kind::normalizer, "counting"));
}

TEST(Registry, OneFileThroughTwoEntriesIsOneLibrary) {
  Folder folder({"rewards"});
  EXPECT_TRUE(Registry::load({folder.path(), bad_library("rewards")})->has(Kind::reward, "bad_obedient"));
}

TEST(Registry, AnIdThatStandsTwiceNamesBothLibraries) {
  std::string message = error_message([] { Registry::load({bad_library("rewards"), bad_library("same_id")}); });
  EXPECT_THAT(message, AllOf(StartsWith(bad_library("same_id").string()), HasSubstr("the reward bad_obedient"),
                             HasSubstr(bad_library("rewards").string()), HasSubstr("Rename one")));
}

TEST(Registry, KindsHaveTheirOwnIds) {
  auto registry = Registry::load({abi_1_0_library()});
  EXPECT_TRUE(registry->has(Kind::reward, "compiled_once"));
  EXPECT_TRUE(registry->has(Kind::normalizer, "compiled_once"));
}

TEST(Registry, AFolderThatIsNotThere) {
  EXPECT_THAT(error_message([] { Registry::load({"/nowhere"}); }),
              AllOf(HasSubstr("/nowhere does not exist"), HasSubstr("plugins.path")));
}

TEST(Registry, NamesTheNearestId) {
  auto registry = Registry::load({});
  EXPECT_THAT(error_message([&] { registry->find(Kind::normalizer, "tmn_rewieght"); }),
              HasSubstr("there is no normalizer tmn_rewieght; did you mean tmn_reweight?"));
  EXPECT_THAT(error_message([&] { registry->find(Kind::normalizer, "xxxxxxxxxxxx"); }),
              HasSubstr("xxxxxxxxxxxx; `golong plugin list` shows"));
}

class SettingsTest : public testing::Test {
 protected:
  Plugin plugin_ = plugin_of(bad_library("nothing"), "bad_variant", Kind::reward);

  std::string complaint(const std::string& key, Scalar value) {
    return error_message([&] { check_settings(plugin_, {{key, {std::move(value), "x.toml:3:1"}}}); });
  }
};

TEST_F(SettingsTest, DefaultsFillWhatIsNotSet) {
  auto values = check_settings(plugin_, {});
  ASSERT_EQ(values.size(), 2u);
  EXPECT_EQ(values[0].real, 1.0);
  EXPECT_EQ(std::string(values[1].text.data, values[1].text.size), "plain");
}

TEST_F(SettingsTest, AnIntegerIsAFloatWhereOneIsAsked) {
  auto values = check_settings(plugin_, {{"weight", {int64_t{3}, "x.toml:1:1"}}});
  EXPECT_EQ(values[0].type, GOLONG_FLOAT);
  EXPECT_EQ(values[0].real, 3.0);
}

TEST_F(SettingsTest, ComplaintsSayWhereAndWhatIsExpected) {
  EXPECT_THAT(complaint("wieght", 1.0), AllOf(StartsWith("x.toml:3:1: unknown key rewards.bad_variant.wieght"),
                                              HasSubstr("did you mean rewards.bad_variant.weight?")));
  EXPECT_THAT(complaint("weight", std::string("much")), HasSubstr("is \"much\"; expected a number"));
  EXPECT_THAT(complaint("weight", true), HasSubstr("is true; expected a number"));
  EXPECT_THAT(complaint("weight", 10.5), HasSubstr("is 10.5; expected a value from 0 to 10"));
  EXPECT_THAT(complaint("weight", std::nan("")), HasSubstr("expected a value from 0 to 10"));
  EXPECT_THAT(complaint("style", std::string("fancy")), HasSubstr("is \"fancy\"; expected one of \"plain\""));
  EXPECT_THAT(complaint("style", int64_t{1}), HasSubstr("is 1; expected a string"));
}

TEST(Instance, ARefusalNamesPluginAndReason) {
  Plugin plugin = plugin_of(bad_library("rewards"), "bad_refusing", Kind::reward);
  EXPECT_THAT(error_message([&] { Instance(plugin, {}); }),
              AllOf(HasSubstr("reward bad_refusing"), HasSubstr("no dictionary anywhere")));
  Instance made(plugin, {{"refuse", {false, ""}}});
  EXPECT_NE(made.get(), nullptr);
}

// Two plugins of one C++ class have their own parameters.
TEST(Instance, OneClassServesTwoPlugins) {
  Plugin moody = plugin_of(bad_library("rewards"), "bad_moody", Kind::reward);
  Plugin own = plugin_of(bad_library("rewards"), "bad_own_mode", Kind::reward);
  Instance strict(moody, {{"mode", {std::string("strict"), ""}}});
  Instance slow(own, {{"mode", {std::string("slow"), ""}}});
  EXPECT_THAT(error_message([&] {
                Instance(own, {{"mode", {std::string("strict"), "x"}}});
              }),
              HasSubstr("\"fast\", \"slow\""));
}

}  // namespace
}  // namespace golong::plugin
