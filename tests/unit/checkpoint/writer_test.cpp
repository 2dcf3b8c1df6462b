// Writing in the background: what is written is what was there when save() was called, and failures are told.
#include "core/checkpoint/writer.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <optional>

#include "core/base/error.h"
#include "core/base/file.h"
#include "tests/unit/error_message.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Writer : public testing::Test {
 protected:
  Writer() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder = fs::path(testing::TempDir()) / "golong_checkpoint_writer" / info->name();
    fs::remove_all(folder);
    store.emplace(folder, CheckpointConfig{.keep = 9});
  }
  ~Writer() override { fs::remove_all(folder); }

  Snapshot snapshot(int64_t step) const {
    Snapshot made;
    made.step = step;
    made.weights = {{"w", weight}};
    made.optimizer = {{"w.first_moment", moment.t()}};
    made.texts = {{"sampler.json", std::to_string(step)}};
    return made;
  }
  // Cannot be written: its name is too long.
  Snapshot bad(int64_t step) const {
    Snapshot made = snapshot(step);
    made.texts[std::string(300, 'x')] = "";
    return made;
  }
  at::Tensor written(int64_t step) const {
    char name[32];
    std::snprintf(name, sizeof name, "step-%08d", static_cast<int>(step));
    return read_checkpoint(folder / name).weights.at(0).second;
  }

  fs::path folder;
  std::optional<CheckpointStore> store;
  at::Tensor weight = at::arange(1 << 20, at::kFloat), moment = at::rand({3, 5});
};

// The tensor changes while the thread writes: without a copy some of it, if not all, would be in the file.
TEST_F(Writer, WhatChangesAfterwardsIsNotWritten) {
  for (const bool background : {true, false}) {
    const at::Tensor before = weight.clone();
    const int64_t step = background ? 1 : 2;
    CheckpointWriter writer(*store, background);
    writer.save(snapshot(step));
    weight.add_(1);
    writer.finish();
    EXPECT_TRUE(at::equal(written(step), before));
  }
  EXPECT_TRUE(at::equal(read_checkpoint(folder / "step-00000001").optimizer.at(0).second, moment.t()));
}

TEST_F(Writer, OneAfterTheOtherAndAllAreThereAtItsEnd) {
  {
    CheckpointWriter writer(*store, true);
    for (int64_t step = 1; step <= 5; ++step) {
      weight.fill_(static_cast<double>(step));
      writer.save(snapshot(step));
    }
  }
  ASSERT_EQ(store->list().size(), 5u);
  for (int64_t step = 1; step <= 5; ++step) {
    EXPECT_TRUE(at::equal(written(step), at::full_like(weight, static_cast<double>(step))));
  }
}

TEST_F(Writer, AFailureIsToldOnceByWhatIsCalledNext) {
  CheckpointWriter writer(*store, true);
  writer.save(bad(1));
  EXPECT_THAT(error_message([&] { writer.finish(); }), HasSubstr("the checkpoint of step 1 cannot be written"));
  writer.finish();
  writer.save(bad(2));
  EXPECT_THAT(error_message([&] { writer.save(snapshot(3)); }), HasSubstr("step 2 cannot be written"));
  writer.save(snapshot(3));
  writer.finish();
  EXPECT_TRUE(at::equal(written(3), weight));
}

TEST_F(Writer, AFailureThatNobodyAskedForIsLogged) {
  testing::internal::CaptureStderr();
  { CheckpointWriter(*store, true).save(bad(4)); }
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("the checkpoint of step 4 cannot be written"));
}

// A pipe in the place of a folder's entry holds the write until it is read: check() says nothing until then, and does
// not wait.
TEST_F(Writer, CheckDoesNotWait) {
  const fs::path pipe = folder / "hold";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  Snapshot held = bad(1);
  held.texts["../hold"] = "through the pipe";  // written in place, as what is no regular file
  CheckpointWriter writer(*store, true);
  writer.save(held);
  writer.check();
  EXPECT_TRUE(store->list().empty());
  const int end = ::open(pipe.c_str(), O_RDONLY | O_CLOEXEC);  // returns when the thread has opened its end
  ASSERT_GE(end, 0);
  char text[64];
  while (::read(end, text, sizeof text) > 0) {
  }
  ::close(end);
  EXPECT_THAT(error_message([&] {
                const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
                while (std::chrono::steady_clock::now() < end) writer.check();
              }),
              HasSubstr("step 1 cannot be written"));
}

}  // namespace
}  // namespace golong
