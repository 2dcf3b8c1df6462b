// Libraries that break the rules are refused with a message that says which rule.
#include <fstream>

#include "tests/unit/plugin/plugin_fixture.h"

namespace golong::plugin {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct Fault {
  const char* variant;
  std::vector<const char*> message;  // parts of it
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.variant; }

class BadLibrary : public testing::TestWithParam<Fault> {};

TEST_P(BadLibrary, IsRefused) {
  std::filesystem::path path = bad_library(GetParam().variant);
  ASSERT_TRUE(std::filesystem::exists(path)) << path;
  std::string message = error_message([&] { open_library(path); });
  EXPECT_THAT(message, StartsWith(path.string() + ": "));
  for (const char* part : GetParam().message) EXPECT_THAT(message, HasSubstr(part));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, BadLibrary,
    testing::Values(Fault{"no_symbol", {"no golong plugin", "golong_plugin_library", "GOLONG_LIBRARY"}},
                    Fault{"abi_major", {"needs plugin interface 2.0", "this golong has 1.0"}},
                    Fault{"library_size", {"golong_library has struct_size 16, at least 32"}},
                    Fault{"no_plugins", {"lists no plugins"}}, Fault{"null_descriptor", {"plugin 0", "is NULL"}},
                    Fault{"descriptor_size", {"golong_descriptor has struct_size 24, at least"}},
                    Fault{"functions_size", {"(bad_variant)", "golong_reward has struct_size 16, at least 32"}},
                    Fault{"kind", {"its kind is 9", "1 (task), 2 (reward) and 3 (normalizer)"}},
                    Fault{"id", {"its id must be made of a-z, 0-9 and _"}},
                    Fault{"version", {"its version must be three numbers"}},
                    Fault{"summary", {"its summary must be one line"}},
                    Fault{"null_score", {"prepare, score and release must not be NULL"}},
                    Fault{"null_create", {"create and destroy must not be NULL"}},
                    Fault{"null_functions", {"table of functions is NULL"}},
                    Fault{"null_params", {"param_count is 2, params is NULL"}},
                    Fault{"param_size", {"golong_param has struct_size 8"}},
                    Fault{"param_name", {"the name of parameter 0 must be made of a-z, 0-9, _"}},
                    Fault{"param_twice", {"parameter style is declared twice"}},
                    Fault{"param_own", {"parameter isolate has a name that golong's own key has"}},
                    Fault{"param_type", {"parameter weight has an unknown type, 7"}},
                    Fault{"param_help", {"parameter weight needs one line of help"}},
                    Fault{"default_type", {"the default of parameter weight has another type"}},
                    Fault{"default_range", {"the default of parameter weight is outside its range"}},
                    Fault{"empty_range", {"the range of parameter weight is empty"}},
                    Fault{"default_choice", {"the default of parameter style is none of its choices"}}),
    [](const auto& info) { return std::string(info.param.variant); });

TEST(Library, TheVariantWithoutAFaultIsFine) {
  std::vector<Plugin> plugins = open_library(bad_library("nothing"));
  ASSERT_EQ(plugins.size(), 1u);
  EXPECT_EQ(plugins[0].id, "bad_variant");
  EXPECT_EQ(plugins[0].kind, Kind::reward);
  EXPECT_EQ(plugins[0].library, bad_library("nothing"));
}

// As a library of a later minor version would be.
TEST(Library, LargerStructsAreFine) { EXPECT_EQ(open_library(bad_library("larger"))[0].id, "bad_larger"); }

TEST(Library, AFileThatIsNoLibrary) {
  std::filesystem::path path = testing::TempDir() + "/no_library.so";
  std::ofstream(path) << "text";
  EXPECT_THAT(error_message([&] { open_library(path); }),
              AllOf(StartsWith(path.string() + ": cannot be loaded: "), HasSubstr("file too short")));
  EXPECT_THAT(error_message([&] { open_library("/nowhere/at/all.so"); }),
              HasSubstr("/nowhere/at/all.so: cannot be loaded"));
}

// The reward and the normalizer were built from a frozen copy of the header.
TEST(Library, CompiledOnceAgainstOnePointZero) {
  std::vector<Plugin> plugins = open_library(abi_1_0_library());
  ASSERT_EQ(plugins.size(), 2u);
  EXPECT_EQ(plugins[0].kind, Kind::reward);
  EXPECT_EQ(plugins[1].kind, Kind::normalizer);
}

// What stands in the frozen header must keep its place in the present one.
TEST(Library, LayoutOfOnePointZeroIsKept) {
  EXPECT_EQ(offsetof(golong_library, plugins), 24u);
  EXPECT_EQ(offsetof(golong_descriptor, extension), 72u);
  EXPECT_EQ(offsetof(golong_param, choices), 80u);
  EXPECT_EQ(sizeof(golong_value), 40u);
  EXPECT_EQ(offsetof(golong_gold, json), 72u);
  EXPECT_EQ(offsetof(golong_response, answer), 24u);
  EXPECT_EQ(offsetof(golong_call, detail), 24u);
  EXPECT_EQ(offsetof(golong_reward, release), 24u);
  EXPECT_EQ(offsetof(golong_row, extra_info), 168u);
  EXPECT_EQ(offsetof(golong_batch, tasks), 80u);
  EXPECT_EQ(offsetof(golong_host, extension), 32u);
}

}  // namespace
}  // namespace golong::plugin
