#include "core/model/safetensors.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "core/base/file.h"
#include "core/base/random.h"
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

TEST_F(Safetensors, AHeaderThatCannotBeReadIsAnError) {
  EXPECT_THAT(error_with(""), HasSubstr("it has 0 bytes"));
  EXPECT_THAT(error_with(std::string(8, '\xff')), HasSubstr("header is said to have 18446744073709551615 bytes"));
  EXPECT_THAT(error_with(with_header("{", 0)), HasSubstr("header cannot be read"));
  EXPECT_THAT(error_with(with_header("[]", 0)), HasSubstr("header cannot be read"));
  EXPECT_THAT(error_with(with_header("\x80\x04pickle", 0)), HasSubstr("header cannot be read"));
  EXPECT_THAT(error_with(with_header(std::string(1000, '['), 0)), HasSubstr("header cannot be read"));
  EXPECT_THAT(error_with(with_header(R"({"__metadata__": 3})", 0)), HasSubstr("__metadata__"));
  EXPECT_THAT(error_with(with_header(R"({"__metadata__": {"format": 3}})", 0)), HasSubstr("format must be a text"));
}

TEST_F(Safetensors, EntriesThatDoNotFitAreErrorsThatNameTheTensor) {
  const auto entry = [&](const std::string& members, size_t bytes = 4) {
    return error_with(with_header("{\"w\":{" + members + "}}", bytes));
  };
  EXPECT_THAT(entry(R"("dtype":"F32")"), AllOf(HasSubstr(": w: "), HasSubstr("no shape")));
  EXPECT_THAT(entry(R"("dtype":4,"shape":[1],"data_offsets":[0,4])"), AllOf(HasSubstr(": w: "), HasSubstr("no dtype")));
  EXPECT_THAT(entry(R"("dtype":"F31","shape":[1],"data_offsets":[0,4])"), AllOf(HasSubstr(": w: "), HasSubstr("F31")));
  EXPECT_THAT(entry(R"("dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4])"), HasSubstr("expected one of F64, F32"));
  EXPECT_THAT(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
              AllOf(HasSubstr(": w: "), HasSubstr("has 4 bytes"), HasSubstr("need 8")));
  EXPECT_THAT(entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"),
              AllOf(HasSubstr(": w: "), HasSubstr("beyond")));
  EXPECT_THAT(entry(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), HasSubstr("data_offsets"));
  EXPECT_THAT(entry(R"("dtype":"F32","shape":[1],"data_offsets":[0])"), HasSubstr("two numbers"));
  EXPECT_THAT(entry(R"("dtype":"F32","shape":[1],"data_offsets":[-4,0])"), HasSubstr("found -4"));
  EXPECT_THAT(entry(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), HasSubstr("shape must hold numbers"));
  EXPECT_THAT(entry(R"("dtype":"F32","shape":[1.5],"data_offsets":[0,4])"), HasSubstr("found 1.5"));
  EXPECT_THAT(entry(R"("dtype":"U8","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0])", 0),
              HasSubstr("impossible shape"));
}

TEST_F(Safetensors, DataThatOverlapsOrBelongsToNobodyIsAnError) {
  const auto two = [&](const std::string& first, const std::string& second, size_t bytes) {
    return error_with(with_header(R"({"v":{"dtype":"F32","shape":[1],"data_offsets":)" + first +
                                      R"(},"w":{"dtype":"F32","shape":[1],"data_offsets":)" + second + "}}",
                                  bytes));
  };
  EXPECT_THAT(two("[0,4]", "[2,6]", 6), HasSubstr("w: begins at byte 2 of the data, the tensor before it ends at 4"));
  EXPECT_THAT(two("[0,4]", "[0,4]", 4), HasSubstr("begins at byte 0"));
  EXPECT_THAT(two("[8,12]", "[0,4]", 12), HasSubstr("v: begins at byte 8 of the data, the tensor before it ends at 4"));
  EXPECT_THAT(two("[0,4]", "[4,8]", 12), HasSubstr("has 12 bytes of data, its tensors 8"));
}

TEST_F(Safetensors, WhatIsNoFileIsAnError) {
  const std::filesystem::path path = folder / "a.safetensors";
  const auto error = [&] { return error_message([&] { SafetensorsFile file(path); }); };
  EXPECT_THAT(error(), AllOf(HasSubstr(path.string()), HasSubstr("No such file")));
  std::filesystem::create_directory(path);
  EXPECT_THAT(error(), AllOf(HasSubstr(path.string()), HasSubstr("it is a folder")));
  std::filesystem::remove(path);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(error(), AllOf(HasSubstr(path.string()), HasSubstr("pipe")));
}

// Bytes changed, put in, and taken out at random, mostly in the header: a file that reads, or an Error.
TEST_F(Safetensors, AMutatedFileReadsOrIsAnErrorThatNamesIt) {
  write_safetensors(folder / "whole.safetensors", {{"x", at::ones({4, 2})}, {"y", at::ones({3}).to(at::kBFloat16)}});
  const std::string whole = read_file(folder / "whole.safetensors");
  RandomSequence random(random_key({29}));
  size_t readable = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string changed = whole;
    for (uint64_t times = 1 + random.below(3); times > 0; --times) {
      const uint64_t at = random.below(changed.size());
      const uint64_t kind = random.below(6);
      if (kind == 0) changed.erase(at, 1 + random.below(9));
      if (kind == 1) changed.insert(at, 1, static_cast<char>(random.below(256)));
      if (kind > 1)
        changed[at] = kind == 2 ? static_cast<char>(random.below(256)) : "0123456789-[]{},:\"F"[random.below(20)];
      if (changed.empty()) break;
    }
    std::filesystem::remove(folder / "a.safetensors");  // writing over it would wait for the disk
    write("a.safetensors", changed);
    try {
      double sum = 0;
      const SafetensorsFile file(folder / "a.safetensors");
      for (const auto& [name, tensor] : file.tensors()) {
        sum += tensor.to(at::kDouble).sum().item<double>();
      }
      ++readable;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("a.safetensors")) << i;
    }
  }
  EXPECT_GT(readable, 100U);
  EXPECT_LT(readable, 4500U);
}

TEST_F(Safetensors, WhatIsReleasedIsReadAgain) {
  write_safetensors(folder / "a.safetensors", {{"x", at::ones({100000})}, {"y", at::ones({3})}});
  SafetensorsFile file(folder / "a.safetensors");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(file.tensors().at("x").sum().item<float>(), 100000);
    file.release();
  }
}

TEST_F(Safetensors, WritesInAnotherDtype) {
  const at::Tensor x = at::arange(12, at::kFloat).view({3, 4}).t();
  write_safetensors(folder / "a.safetensors", {{"x", x}, {"y", at::ones({3})}}, {}, at::kBFloat16);
  const SafetensorsFile file(folder / "a.safetensors");
  EXPECT_TRUE(at::equal(file.tensors().at("x"), x.to(at::kBFloat16)));
  EXPECT_EQ(file.tensors().at("y").scalar_type(), at::kBFloat16);
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
