// Ranks that write one checkpoint and read it again: threads of one process, that leave each other notes in memory.
#include "core/checkpoint/together.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>

#include "core/base/file.h"
#include "core/base/rank_errors.h"
#include "core/checkpoint/checkpoint.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
using testing::Each;
using testing::HasSubstr;

class NotesInMemory : public parallel::Notes {
 public:
  void set(const std::string& key, const std::string& value) override {
    const std::scoped_lock lock(mutex_);
    notes_[key] = value;
    changed_.notify_all();
  }
  std::string wait(const std::string& key, std::chrono::milliseconds longest) override {
    std::unique_lock lock(mutex_);
    if (!missing.empty() && key.ends_with(missing)) throw Overdue("nobody wrote " + key);
    if (!changed_.wait_for(lock, longest, [&] { return notes_.contains(key); })) throw Overdue("nobody wrote " + key);
    return notes_[key];
  }
  std::optional<std::string> find(const std::string&) override { throw std::logic_error("unused"); }
  int64_t add(const std::string&, int64_t) override { throw std::logic_error("unused"); }
  std::vector<std::string> read(const std::vector<std::string>&) override { throw std::logic_error("unused"); }

  std::string missing;  // the end of a key that nobody writes

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> notes_;
};

class Together : public testing::Test {
 protected:
  static constexpr int64_t kRanks = 3;

  Together() : folder_(fs::path(testing::TempDir()) / "golong_together") {
    fs::remove_all(folder_);
    for (int64_t rank = 0; rank < kRanks; ++rank) {
      stores_.emplace_back(folder_, CheckpointConfig{.keep = 9},
                           CheckpointRanks{rank, kRanks, notes_, std::chrono::seconds(60)});
    }
  }
  ~Together() override { fs::remove_all(folder_); }

  // What each rank's call gives, or its error.
  template <class Function>
  std::vector<std::string> on_ranks(const Function& function) {
    std::vector<std::string> results(kRanks);
    std::vector<std::thread> threads;
    for (int64_t rank = 0; rank < kRanks; ++rank) {
      threads.emplace_back([&, rank] {
        try {
          results[static_cast<size_t>(rank)] = function(stores_[static_cast<size_t>(rank)], rank);
        } catch (const Error& error) {
          results[static_cast<size_t>(rank)] = error.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return results;
  }

  void save(int64_t step) {
    const std::vector<std::string> errors = on_ranks([&](CheckpointStore& store, int64_t rank) {
      Snapshot part;
      part.step = step;
      part.weights = {{"w" + std::to_string(rank), at::full({4}, static_cast<double>(step + rank))}};
      part.optimizer = {{"m" + std::to_string(rank), at::full({4}, static_cast<double>(rank))}};
      if (rank == 0) part.texts = {{"sampler.json", std::to_string(step)}};
      store.save(part);
      return std::string();
    });
    EXPECT_THAT(errors, Each(""));
  }

  // "step: tensors of weights", or "none".
  std::vector<std::string> load() {
    return on_ranks([](const CheckpointStore& store, int64_t) {
      const std::optional<Snapshot> found = store.load_newest();
      if (!found) return std::string("none");
      std::string all = std::to_string(found->step) + ":";
      for (const auto& [name, tensor] : found->weights) all += " " + name;
      return all;
    });
  }

  fs::path folder_;
  std::shared_ptr<NotesInMemory> notes_ = std::make_shared<NotesInMemory>();
  std::vector<CheckpointStore> stores_;
};

TEST_F(Together, AllReadWhatAllWrote) {
  EXPECT_THAT(load(), Each("none"));
  save(1);
  save(2);
  EXPECT_THAT(load(), Each("2: w0 w1 w2"));
}

// Whoever verifies the file.
TEST_F(Together, DamageThatOneFindsMakesAllTakeTheOneBefore) {
  save(1);
  for (const char* name :
       {"model.rank-00000.safetensors", "model.rank-00001.safetensors", "model.rank-00002.safetensors",
        "optimizer.rank-00001.safetensors", "sampler.json", "manifest.json"}) {
    save(2);
    const fs::path file = folder_ / "step-00000002" / name;
    std::string contents = read_file(file);
    contents[contents.size() / 2] ^= 1;
    std::ofstream(file, std::ios::binary) << contents;
    EXPECT_THAT(load(), Each("1: w0 w1 w2")) << name;
  }
  fs::remove(folder_ / "step-00000001" / "optimizer.rank-00002.safetensors");
  EXPECT_THAT(load(), Each(HasSubstr("none of the 2 checkpoints can be read")));
  save(3);
  EXPECT_THAT(load(), Each("3: w0 w1 w2"));
}

TEST_F(Together, WhereOneCannotWriteAllHearOfIt) {
  save(1);
  const std::vector<std::string> errors = on_ranks([&](CheckpointStore& store, int64_t rank) {
    Snapshot part;
    part.step = 2;
    part.weights = {{"w" + std::to_string(rank), at::ones({4})}};
    if (rank == 0) part.texts = {{"no/such/folder.json", "x"}};
    store.save(part);
    return std::string("saved");
  });
  EXPECT_THAT(errors, Each(HasSubstr("the checkpoint of step 2 cannot be written: ")));
  EXPECT_THAT(load(), Each("1: w0 w1 w2"));
}

// A disk that does not answer is noticed by those whose disks do.
TEST_F(Together, WhereOneDoesNotComeAllKnowWho) {
  save(1);
  notes_->missing = "/1";  // what rank 1 leaves when it has written
  const std::vector<std::string> errors = on_ranks([&](CheckpointStore& store, int64_t rank) {
    Snapshot part;
    part.step = 2;
    part.weights = {{"w" + std::to_string(rank), at::ones({4})}};
    try {
      store.save(part);
    } catch (const Overdue& overdue) {
      return std::string(overdue.what());
    }
    return std::string("saved");
  });
  EXPECT_THAT(errors,
              Each(HasSubstr("rank 1 is not done with its files of a checkpoint within 60 s; look at the disk")));
  notes_->missing.clear();
  EXPECT_THAT(load(), Each("1: w0 w1 w2"));
}

}  // namespace
}  // namespace golong
