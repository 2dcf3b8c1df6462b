#include "core/model/safetensors.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "tests/unit/model/model_folder.h"

namespace golong {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Safetensors : public ModelFolder {
 protected:
  // A file with this header and `bytes` zero bytes of data.
  std::string with_header(const std::string& header, size_t bytes) {
    uint64_t size = header.size();
    std::string file(reinterpret_cast<const char*>(&size), 8);
    return file + header + std::string(bytes, '\0');
  }
  std::string error_with(const std::string& contents) {
    write("a.safetensors", contents);
    return error_message([&] { SafetensorsFile file(folder / "a.safetensors"); });
  }
};

TEST_F(Safetensors, ReadsBackWhatItWrote) {
  at::Tensor base = at::arange(24, at::kFloat).view({4, 6});
  NamedTensors tensors{{"plain", base},
                       {"strided", base.t()},
                       {"bf16", base.to(at::kBFloat16)},
                       {"half", base.to(at::kHalf)},
                       {"double", base.to(at::kDouble)},
                       {"long", at::tensor({int64_t{1} << 40, int64_t{-1}}, at::kLong)},
                       {"scalar", at::scalar_tensor(2.5)},
                       {"empty", at::empty({0, 3})},
                       {"bool", at::tensor({1, 0, 1}).to(at::kBool)}};
  write_safetensors(folder / "a.safetensors", tensors, {{"format", "pt"}, {"note", "\"quoted\" \xc3\xa9"}});
  SafetensorsFile file(folder / "a.safetensors");
  ASSERT_EQ(file.tensors().size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor& found = file.tensors().at(name);
    EXPECT_EQ(found.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_EQ(found.sizes(), tensor.sizes()) << name;
    EXPECT_TRUE(at::equal(found, tensor)) << name;
  }
  EXPECT_EQ(file.metadata().at("note"), "\"quoted\" \xc3\xa9");
}

TEST_F(Safetensors, TensorsOutliveTheFileObject) {
  write_safetensors(folder / "a.safetensors", {{"x", at::ones({1000})}});
  at::Tensor x = SafetensorsFile(folder / "a.safetensors").tensors().at("x");
  std::filesystem::remove(folder / "a.safetensors");
  EXPECT_EQ(x.sum().item<float>(), 1000);
}

TEST_F(Safetensors, EveryTruncationIsAnError) {
  write_safetensors(folder / "whole.safetensors", {{"x", at::ones({4})}, {"y", at::ones({3})}});
  std::ifstream in(folder / "whole.safetensors", std::ios::binary);
  std::string whole(std::istreambuf_iterator<char>(in), {});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(error_with(whole.substr(0, size)), HasSubstr("a.safetensors")) << size;
  }
}

TEST_F(Safetensors, CorruptHeadersAreErrorsThatNameTheTensor) {
  EXPECT_THAT(error_with(std::string(8, '\xff')), HasSubstr("truncated"));
  EXPECT_THAT(error_with(with_header("{", 0)), HasSubstr("header cannot be read"));
  EXPECT_THAT(error_with(with_header("[]", 0)), HasSubstr("header cannot be read"));
  EXPECT_THAT(error_with(with_header(R"({"w":{"dtype":"F32"}})", 4)), HasSubstr("header cannot be read"));
  EXPECT_THAT(error_with(with_header(R"({"w":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", 4)),
              AllOf(HasSubstr(": w: "), HasSubstr("F31")));
  EXPECT_THAT(error_with(with_header(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4)),
              AllOf(HasSubstr(": w: "), HasSubstr("has 4 bytes"), HasSubstr("need 8")));
  EXPECT_THAT(error_with(with_header(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4)),
              AllOf(HasSubstr(": w: "), HasSubstr("beyond")));
  EXPECT_THAT(error_with(with_header(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4)),
              HasSubstr("data_offsets"));
  EXPECT_THAT(error_with(with_header(R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4)),
              HasSubstr("impossible shape"));
  EXPECT_THAT(error_with(with_header(
                  R"({"w":{"dtype":"U8","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0]}})", 0)),
              HasSubstr("impossible shape"));
}

TEST_F(Safetensors, AFolderWithoutWeightsOrWithABrokenIndexIsAnError) {
  EXPECT_THAT(error_message([&] { read_weights(folder); }), HasSubstr("no model.safetensors"));
  write("model.safetensors.index.json", R"({"weight_map": {"w": 3}})");
  EXPECT_THAT(error_message([&] { read_weights(folder); }), HasSubstr("index.json"));
  write("model.safetensors.index.json", R"({"weight_map": {"w": "model-1.safetensors"}})");
  EXPECT_THAT(error_message([&] { read_weights(folder); }), HasSubstr("model-1.safetensors"));
}

TEST_F(Safetensors, WritingWhereItCannotBeIsAnErrorAndLeavesNothing) {
  write("file", "");
  EXPECT_THAT(error_message([&] {
                write_safetensors(folder / "file" / "a.safetensors", {{"x", at::ones({1})}});
              }),
              HasSubstr("cannot write"));
  std::filesystem::create_directory(folder / "taken.safetensors");
  EXPECT_THAT(error_message([&] {
                write_safetensors(folder / "taken.safetensors", {{"x", at::ones({1})}});
              }),
              HasSubstr("cannot write"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 2);
}

}  // namespace
}  // namespace golong
