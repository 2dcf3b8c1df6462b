#include "core/checkpoint/checkpoint.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <functional>

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
  CheckpointStore store(folder, 3);
  EXPECT_FALSE(store.load_newest().has_value());
  store.save(snapshot(1));
  store.save(snapshot(2));
  std::optional<Snapshot> loaded = CheckpointStore(folder, 3).load_newest();
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
  CheckpointStore store(folder, 2);
  for (int64_t step : {5, 10, 99999999, 100000000}) store.save(snapshot(step));
  EXPECT_THAT(names(), ElementsAre("step-100000000", "step-99999999"));
  EXPECT_EQ(store.load_newest()->step, 100000000) << "the newest by number, not by name";
}

// A run that goes on from step 5 because step 10 is damaged leaves that future.
TEST_F(Checkpoints, ADamagedLaterOneDoesNotPushOutTheGood) {
  CheckpointStore store(folder, 1);
  store.save(snapshot(10));
  store.save(snapshot(5));
  EXPECT_THAT(names(), ElementsAre("step-00000005"));
  store.save(snapshot(5));
  EXPECT_THAT(names(), ElementsAre("step-00000005"));
}

TEST_F(Checkpoints, CopiesThatSomebodyPutAsideAreLeftAlone) {
  CheckpointStore store(folder, 1);
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
                              {"manifest.json", "", [](const fs::path& path) { fs::resize_file(path, 10); }},
                              {"manifest.json", "", remove}};
  for (const Damage& damage : damages) {
    fs::remove_all(folder);
    CheckpointStore store(folder, 2);
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
  CheckpointStore store(folder, 2);
  store.save(snapshot(1));
  flip(folder / "step-00000001" / "model.safetensors");
  testing::internal::CaptureStderr();
  EXPECT_THAT(error_of([&] { store.load_newest(); }), HasSubstr("none of the 1 checkpoints"));
  testing::internal::GetCapturedStderr();
}

TEST_F(Checkpoints, WhatAnInterruptedSaveLeftGoesWithTheNextSaveAndNoReaderTakesIt) {
  CheckpointStore(folder, 2).save(snapshot(1));
  fs::path torn = folder / ".saving-step-00000002";
  fs::create_directories(torn);
  std::ofstream(torn / "model.safetensors") << "half a file";
  EXPECT_EQ(CheckpointStore(folder, 2).load_newest()->step, 1);
  EXPECT_TRUE(fs::exists(torn)) << "a reader beside a running save must not take its files away";
  CheckpointStore(folder, 2).save(snapshot(2));
  EXPECT_THAT(names(), ElementsAre("step-00000001", "step-00000002"));
}

// A name that cannot be a file stands for a disk that refuses.
TEST_F(Checkpoints, AFailedSaveSaysWhyAndLeavesTheOldOnes) {
  CheckpointStore store(folder, 1);
  store.save(snapshot(1));
  Snapshot bad = snapshot(2);
  bad.texts[std::string(300, 'x')] = "too long a name";
  EXPECT_THAT(error_of([&] { store.save(bad); }), AllOf(HasSubstr("step 2 cannot be written"), HasSubstr("too long")));
  EXPECT_THAT(names(), ElementsAre("step-00000001"));
  EXPECT_EQ(store.load_newest()->step, 1);
}

}  // namespace
}  // namespace golong
