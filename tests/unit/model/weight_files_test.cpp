// One file or shards: what is written is read; an index and shards that do not belong together are errors.
#include "core/model/weight_files.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <set>

#include "core/base/file.h"
#include "tests/unit/model/model_folder.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WeightFiles : public ModelFolder {
 protected:
  // Tensors of 40, 400 and 80 bytes in float32.
  NamedTensors weights{{"a", at::arange(10, at::kFloat)},
                       {"b", at::arange(100, at::kFloat).view({10, 10}).t()},
                       {"c", at::arange(20, at::kFloat)}};

  std::set<std::string> files() {
    std::set<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
    return names;
  }
  std::string error() {
    return error_message([&] { StoredWeights stored(folder); });
  }
  void write_index(const json::object& map) {
    write("model.safetensors.index.json", json::serialize(json::object{{"weight_map", map}}));
  }
};

TEST_F(WeightFiles, ShardsAreAsLargeAsAllowedAndReadBack) {
  write_weights(folder, weights, at::kFloat, 440);
  EXPECT_THAT(files(), ElementsAre("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                                   "model.safetensors.index.json"));
  const SafetensorsFile first(folder / "model-00001-of-00002.safetensors");
  EXPECT_EQ(first.tensors().size(), 2U);
  EXPECT_EQ(first.metadata().at("format"), "pt");
  const json::value index = json::parse(read_file(folder / "model.safetensors.index.json"));
  EXPECT_EQ(index.at("metadata").at("total_size").as_int64(), 520);
  EXPECT_EQ(index.at("metadata").at("total_parameters").as_int64(), 130);
  EXPECT_EQ(index.at("weight_map").at("c").as_string(), "model-00002-of-00002.safetensors");
  const StoredWeights stored(folder);
  ASSERT_EQ(stored.tensors().size(), weights.size());
  for (const auto& [name, tensor] : weights) {
    EXPECT_TRUE(at::equal(stored.copy(name, at::kFloat, at::kCPU), tensor)) << name;
    EXPECT_TRUE(at::equal(stored.copy(name, at::kBFloat16, at::kCPU), tensor.to(at::kBFloat16))) << name;
    EXPECT_TRUE(at::equal(stored.tensors().at(name), tensor)) << name;  // also after its pages were given back
  }
}

TEST_F(WeightFiles, TheLimitCountsTheWrittenDtypeAndALargerTensorStandsAlone) {
  write_weights(folder, weights, at::kBFloat16, 260);
  EXPECT_THAT(files(), ElementsAre("model.safetensors"));
  write_weights(folder, weights, at::kFloat, 100);
  EXPECT_EQ(files().size(), 4U);
  EXPECT_EQ(SafetensorsFile(folder / "model-00002-of-00003.safetensors").tensors().begin()->first, "b");
}

TEST_F(WeightFiles, FilesOfAnEarlierModelAreRemovedAndNothingElse) {
  write("model-card.safetensors.txt", "");
  write("adapter_model.safetensors", "");
  for (const int64_t bytes : {int64_t{1000}, int64_t{100}, int64_t{440}, int64_t{1000}}) {
    write_weights(folder, weights, at::kFloat, bytes);
    EXPECT_EQ(StoredWeights(folder).tensors().size(), 3U);
  }
  EXPECT_THAT(files(), ElementsAre("adapter_model.safetensors", "model-card.safetensors.txt", "model.safetensors"));
}

TEST_F(WeightFiles, AFolderWithoutWeightsIsAnError) {
  EXPECT_THAT(error(), AllOf(HasSubstr(folder.string()), HasSubstr("no model.safetensors")));
  fs::create_symlink("gone", folder / "model.safetensors");  // as an interrupted download leaves it
  EXPECT_THAT(error(), AllOf(HasSubstr("model.safetensors"), HasSubstr("No such file")));
  fs::remove(folder / "model.safetensors");
  fs::create_directory(folder / "model.safetensors");
  EXPECT_THAT(error(), AllOf(HasSubstr("model.safetensors"), HasSubstr("it is a folder")));
}

TEST_F(WeightFiles, AnIndexThatCannotBeReadIsAnError) {
  for (const char* text : {"", "{", "[]", R"({"weights": {}})", R"({"weight_map": []})", R"({"weight_map": {}})"}) {
    write("model.safetensors.index.json", text);
    EXPECT_THAT(error(), AllOf(HasSubstr("index.json"), HasSubstr("weight_map"))) << text;
  }
  write_index({{"w", 3}});
  EXPECT_THAT(error(), AllOf(HasSubstr("index.json: w: "), HasSubstr("found 3")));
  for (const char* file : {"../model.safetensors", "/etc/passwd", "a/b", ""}) {
    write_index({{"w", file}});
    EXPECT_THAT(error(), AllOf(HasSubstr("index.json: w: "), HasSubstr(file))) << file;
  }
  fs::remove(folder / "model.safetensors.index.json");
  ASSERT_EQ(mkfifo((folder / "model.safetensors.index.json").c_str(), 0600), 0);
  EXPECT_THAT(error(), HasSubstr("pipe"));
}

TEST_F(WeightFiles, AnIndexAndShardsThatDoNotBelongTogetherAreErrors) {
  write_weights(folder, weights, at::kFloat, 440);
  const char *first = "model-00001-of-00002.safetensors", *second = "model-00002-of-00002.safetensors";
  write_index({{"a", first}, {"b", first}, {"c", second}, {"d", second}});
  EXPECT_THAT(error(), HasSubstr("index.json: d: is not in model-00002-of-00002.safetensors"));
  write_index({{"a", first}, {"b", second}, {"c", second}});
  EXPECT_THAT(error(), HasSubstr("index.json: b: is not in model-00002-of-00002.safetensors"));
  write_index({{"a", first}, {"b", first}, {"c", second}});
  write_safetensors(folder / second, {{"c", at::ones({20})}, {"a", at::ones({10})}});
  EXPECT_THAT(error(), HasSubstr("model-00002-of-00002.safetensors: a: is in an earlier shard, too"));
  fs::resize_file(folder / second, 100);
  EXPECT_THAT(error(), HasSubstr(second));
  fs::remove(folder / second);
  EXPECT_THAT(error(), AllOf(HasSubstr(std::string(second) + ": is missing"), HasSubstr("index.json names it")));
}

}  // namespace
}  // namespace golong
