#include "core/checkpoint/checkpoint.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <limits>

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Checkpoints : public testing::Test {
 protected:
  Checkpoints() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder = fs::path(testing::TempDir()) / "golong_checkpoint" / info->name();
    fs::remove_all(folder);
  }
  ~Checkpoints() override { fs::remove_all(folder); }

  static Snapshot snapshot(int64_t step) {
    Snapshot made;
    made.step = step;
    made.weights = {{"a", at::full({2, 3}, static_cast<double>(step))}, {"b", at::ones({4}, at::kBFloat16)}};
    made.optimizer = {{"a.first_moment", at::arange(6, at::kFloat)}};
    made.texts = {{"sampler.json", "{\"at\": " + std::to_string(step) + "}"}, {"normalizer.state", ""}};
    return made;
  }

  std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder)) found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }

  void save(CheckpointStore& store, int64_t step, const Metrics& metrics) {
    Snapshot made = snapshot(step);
    made.metrics = metrics;
    store.save(made);
  }

  // Changes one byte in the middle of a file.
  static void flip(const fs::path& path) {
    std::string contents = read_file(path);
    contents[contents.size() / 2] ^= 1;
    std::ofstream(path, std::ios::binary) << contents;
  }

  template <class Function>
  static std::string error_of(const Function& function) {
    try {
      function();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder;
};

TEST_F(Checkpoints, ComeBackExactly) {
  CheckpointStore store(folder, {.keep = 3});
  EXPECT_FALSE(store.load_newest().has_value());
  store.save(snapshot(1));
  store.save(snapshot(2));
  std::optional<Snapshot> loaded = CheckpointStore(folder, {.keep = 3}).load_newest();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->step, 2);
  Snapshot expected = snapshot(2);
  EXPECT_EQ(loaded->texts, expected.texts);
  ASSERT_EQ(loaded->weights.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(loaded->weights[i].first, expected.weights[i].first);
    EXPECT_EQ(loaded->weights[i].second.scalar_type(), expected.weights[i].second.scalar_type());
    EXPECT_TRUE(at::equal(loaded->weights[i].second, expected.weights[i].second));
  }
  EXPECT_TRUE(at::equal(loaded->optimizer[0].second, expected.optimizer[0].second));
}

TEST_F(Checkpoints, TheNewestAreKeptAndNothingElse) {
  CheckpointStore store(folder, {.keep = 2});
  for (int64_t step : {5, 10, 99999999, 100000000}) store.save(snapshot(step));
  EXPECT_THAT(names(), ElementsAre("step-100000000", "step-99999999"));
  EXPECT_EQ(store.load_newest()->step, 100000000) << "the newest by number, not by name";
}

// A run that goes on from step 5 because step 10 is damaged leaves that future.
TEST_F(Checkpoints, ADamagedLaterOneDoesNotPushOutTheGood) {
  CheckpointStore store(folder, {.keep = 1});
  store.save(snapshot(10));
  store.save(snapshot(5));
  EXPECT_THAT(names(), ElementsAre("step-00000005"));
  store.save(snapshot(5));
  EXPECT_THAT(names(), ElementsAre("step-00000005"));
}

// Neither does one of a step that the run passes over this time.
TEST_F(Checkpoints, ADamagedOneBetweenTheLoadedAndTheNextDoesNotCount) {
  CheckpointStore store(folder, {.keep = 2});
  store.save(snapshot(4));
  store.save(snapshot(5));
  flip(folder / "step-00000005" / "model.safetensors");
  CheckpointStore resumed(folder, {.keep = 2});
  EXPECT_EQ(resumed.load_newest()->step, 4);
  resumed.save(snapshot(6));
  EXPECT_THAT(names(), ElementsAre("step-00000004", "step-00000005", "step-00000006"));
  resumed.save(snapshot(7));
  EXPECT_THAT(names(), ElementsAre("step-00000006", "step-00000007"));
}

TEST_F(Checkpoints, CopiesThatSomebodyPutAsideAreLeftAlone) {
  CheckpointStore store(folder, {.keep = 1});
  store.save(snapshot(1));
  fs::copy(folder / "step-00000001", folder / "step-00000001.good", fs::copy_options::recursive);
  store.save(snapshot(2));
  EXPECT_THAT(names(), ElementsAre("step-00000001.good", "step-00000002"));
  EXPECT_EQ(read_checkpoint(folder / "step-00000001.good").step, 1);
}

TEST_F(Checkpoints, EveryKindOfDamageIsNamedAndTheOneBeforeIsTaken) {
  struct Damage {
    const char* file;
    const char* message;
    std::function<void(const fs::path&)> make;
  };
  auto truncate = [](const fs::path& path) { fs::resize_file(path, fs::file_size(path) - 1); };
  auto remove = [](const fs::path& path) { fs::remove(path); };
  std::vector<Damage> damages{{"model.safetensors", "bytes", truncate},
                              {"model.safetensors", "contents changed", flip},
                              {"optimizer.safetensors", "contents changed", flip},
                              {"optimizer.safetensors", "missing", remove},
                              {"sampler.json", "contents changed", flip},
                              {"sampler.json", "bytes", truncate},
                              {"manifest.json", "contents changed", flip},
                              {"manifest.json", "", [](const fs::path& path) { fs::resize_file(path, 10); }},
                              {"manifest.json", "", remove}};
  for (const Damage& damage : damages) {
    fs::remove_all(folder);
    CheckpointStore store(folder, {.keep = 2});
    store.save(snapshot(1));
    store.save(snapshot(2));
    damage.make(folder / "step-00000002" / damage.file);
    EXPECT_THAT(error_of([&] { read_checkpoint(folder / "step-00000002"); }),
                AllOf(HasSubstr(damage.file), HasSubstr(damage.message)));
    testing::internal::CaptureStderr();
    std::optional<Snapshot> loaded = store.load_newest();
    std::string warning = testing::internal::GetCapturedStderr();
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->step, 1) << damage.file;
    EXPECT_THAT(warning, AllOf(HasSubstr("step-00000002"), HasSubstr("taking the one before")));
  }
}

TEST_F(Checkpoints, AllDamagedIsAnErrorAndNoFreshStart) {
  CheckpointStore store(folder, {.keep = 2});
  store.save(snapshot(1));
  flip(folder / "step-00000001" / "model.safetensors");
  testing::internal::CaptureStderr();
  EXPECT_THAT(error_of([&] { store.load_newest(); }), HasSubstr("none of the 1 checkpoints"));
  testing::internal::GetCapturedStderr();
}

TEST_F(Checkpoints, WhatAnInterruptedSaveLeftGoesWithTheNextSaveAndNoReaderTakesIt) {
  CheckpointStore(folder, {.keep = 2}).save(snapshot(1));
  fs::path torn = folder / ".saving-step-00000002";
  fs::create_directories(torn);
  std::ofstream(torn / "model.safetensors") << "half a file";
  testing::internal::CaptureStderr();
  EXPECT_EQ(CheckpointStore(folder, {.keep = 2}).load_newest()->step, 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr(".saving-step-00000002 is not finished"));
  EXPECT_TRUE(fs::exists(torn)) << "a reader beside a running save must not take its files away";
  CheckpointStore(folder, {.keep = 2}).save(snapshot(2));
  EXPECT_THAT(names(), ElementsAre("step-00000001", "step-00000002"));
}

TEST_F(Checkpoints, LargeTensorsAreSplitIntoFilesAndComeBack) {
  CheckpointStore store(folder, {.keep = 2, .shard_bytes = 24});
  store.save(snapshot(1));
  const fs::path one = folder / "step-00000001";
  for (const char* name : {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                           "model.safetensors.index.json", "optimizer.safetensors"}) {
    EXPECT_TRUE(fs::exists(one / name)) << name;
  }
  const Snapshot loaded = read_checkpoint(one), expected = snapshot(1);
  EXPECT_EQ(loaded.texts, expected.texts) << "an index is no text of the run's";
  ASSERT_EQ(loaded.weights.size(), 2u);
  for (size_t i = 0; i < 2; ++i) EXPECT_TRUE(at::equal(loaded.weights[i].second, expected.weights[i].second));
  flip(one / "model-00002-of-00002.safetensors");
  EXPECT_THAT(error_of([&] { read_checkpoint(one); }), HasSubstr("model-00002-of-00002.safetensors: its contents"));
}

TEST_F(Checkpoints, TheBestIsKeptBesideTheNewest) {
  CheckpointStore store(folder, {.keep = 1, .keep_best_metric = "eval/mean"});
  EXPECT_FALSE(store.best());
  save(store, 1, {{"eval/mean", 0.5}});
  save(store, 2, {{"eval/mean", 0.75}, {"reward/mean", 0.1}});
  EXPECT_THAT(names(), ElementsAre("step-00000002"));
  save(store, 3, {{"eval/mean", 0.25}});
  save(store, 4, {{"reward/mean", 9}});  // not measured
  save(store, 5, {{"eval/mean", 0.75}});
  EXPECT_THAT(names(), ElementsAre("step-00000002", "step-00000005")) << "of equal ones the oldest";
  // Another store, as after a resume, knows it from what lies there.
  CheckpointStore resumed(folder, {.keep = 1, .keep_best_metric = "eval/mean"});
  ASSERT_TRUE(resumed.best());
  EXPECT_EQ(resumed.best()->step, 2);
  EXPECT_EQ(resumed.best()->value, 0.75);
  save(resumed, 6, {{"eval/mean", std::numeric_limits<double>::quiet_NaN()}});
  EXPECT_THAT(names(), ElementsAre("step-00000002", "step-00000006")) << "what is not finite is not the best";
  save(resumed, 7, {{"eval/mean", 0.8}});
  EXPECT_THAT(names(), ElementsAre("step-00000007"));
}

TEST_F(Checkpoints, WhatIsMeasuredLaterDecidesWhichIsTheBest) {
  CheckpointStore store(folder, {.keep = 1, .keep_best_metric = "eval/mean"});
  save(store, 1, {{"eval/mean", 0.5}});
  save(store, 2, {{"reward/mean", 0.1}});
  store.add_metrics(2, {{"eval/mean", 0.75}});
  const std::optional<Snapshot> loaded = store.load_newest();  // it is whole
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->metrics, (Metrics{{"eval/mean", 0.75}, {"reward/mean", 0.1}}));
  save(store, 3, {{"eval/mean", 0.25}});
  EXPECT_THAT(names(), ElementsAre("step-00000002", "step-00000003"));
}

TEST_F(Checkpoints, TheBestMayBeTheLowest) {
  CheckpointStore store(folder, {.keep = 1, .keep_best_metric = "train/loss", .best_is_highest = false});
  for (const auto& [step, loss] : {std::pair{1, 2.0}, {2, 1.0}, {3, 3.0}}) save(store, step, {{"train/loss", loss}});
  EXPECT_THAT(names(), ElementsAre("step-00000002", "step-00000003"));
}

// A run that goes on from before the best one makes another future.
TEST_F(Checkpoints, TheBestOfAFutureThatWasLeftGoes) {
  CheckpointStore store(folder, {.keep = 1, .keep_best_metric = "a"});
  save(store, 1, {{"a", 1}});
  save(store, 9, {{"a", 5}});
  save(store, 3, {{"a", 2}});
  EXPECT_THAT(names(), ElementsAre("step-00000003"));
}

// A name that cannot be a file stands for a disk that refuses.
TEST_F(Checkpoints, AFailedSaveSaysWhyAndLeavesTheOldOnes) {
  CheckpointStore store(folder, {.keep = 1});
  store.save(snapshot(1));
  Snapshot bad = snapshot(2);
  bad.texts[std::string(300, 'x')] = "too long a name";
  EXPECT_THAT(error_of([&] { store.save(bad); }),
              AllOf(HasSubstr("step 2 cannot be written"), HasSubstr("too long"), HasSubstr("are free"),
                    HasSubstr("make room in " + folder.string())));
  EXPECT_THAT(names(), ElementsAre("step-00000001"));
  EXPECT_EQ(store.load_newest()->step, 1);
}

}  // namespace
}  // namespace golong
