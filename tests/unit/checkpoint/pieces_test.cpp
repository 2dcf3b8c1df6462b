#include "core/checkpoint/pieces.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/error_message.h"

namespace golong {
namespace {

using ::testing::HasSubstr;

TEST(Pieces, ReadWhatAnyNumberOfRanksSaved) {
  const at::Tensor whole = at::arange(30, at::kFloat).view({6, 5});
  for (const int64_t saved : {1, 2, 4, 7}) {
    NamedTensors stored{{"other", at::ones({2})}};
    const int64_t part = (30 + saved - 1) / saved;
    for (int64_t start = 0; start < 30; start += part) {
      stored.push_back(stored_part("x", whole.flatten().narrow(0, start, std::min(part, 30 - start)), start, {6, 5}));
    }
    const Pieces pieces(stored);
    EXPECT_TRUE(pieces.whole("x").equal(whole)) << saved;
    for (int64_t offset = 0; offset < 30; offset += 4) {
      const at::Tensor to = at::empty({std::min<int64_t>(11, 30 - offset)}, at::kDouble);
      pieces.read("x", offset, {6, 5}, to);
      EXPECT_TRUE(to.equal(whole.flatten().narrow(0, offset, to.size(0)).to(at::kDouble))) << saved << " " << offset;
    }
    EXPECT_EQ(pieces.names(), (std::vector<std::string>{"other", "x"}));
  }
}

TEST(Pieces, WholeTensorsKeepNameAndShape) {
  const at::Tensor x = at::arange(6, at::kFloat);
  const auto [name, part] = stored_part("x", x, 0, {2, 3});
  EXPECT_EQ(name, "x");
  EXPECT_EQ(part.sizes(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(stored_part("x", x, 6, {4, 3}).first, "x@6:4x3");
}

TEST(Pieces, SayWhatIsMissing) {
  const Pieces pieces({{"x@0:8", at::zeros({3})}, {"x@5:8", at::zeros({3})}});
  EXPECT_THAT(error_message([&] { pieces.whole("x"); }), HasSubstr("not all of x: its element 3 is missing"));
  EXPECT_THAT(error_message([&] {
                pieces.read("x", 0, {2, 4}, at::zeros({2}));
              }),
              HasSubstr("x has size 8, expected 2x4"));
  EXPECT_THAT(error_message([&] { pieces.whole("y"); }), HasSubstr("has no y"));
  EXPECT_THAT(error_message([&] { Pieces({{"x@a", at::zeros({3})}}); }), HasSubstr("x@a, which is no part"));
}

}  // namespace
}  // namespace golong
