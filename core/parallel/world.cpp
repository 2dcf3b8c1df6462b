#include "core/parallel/world.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <cassert>
#include <optional>
#include <stdexcept>

#include "core/base/error.h"
#include "core/parallel/backend.h"

namespace golong::parallel {
namespace {

class OneRank : public World {
 public:
  explicit OneRank(Rank rank) : rank_(std::move(rank)) {}
  const Rank& rank() const override { return rank_; }
  const Group& all() const override { return all_; }
  Group group(const std::vector<int64_t>&, const std::string&) override { return {}; }
  Notes& notes() override { throw std::logic_error("one rank has nobody to leave notes to"); }
  const Traffic& traffic() const override { return traffic_; }

 private:
  Rank rank_;
  Group all_;
  Traffic traffic_;
};

class Gloo : public Backends {
 public:
  explicit Gloo(bool one_machine) : one_machine_(one_machine) {}
  c10::intrusive_ptr<c10d::Backend> make(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                         std::chrono::milliseconds timeout) const override {
    auto options = c10d::ProcessGroupGloo::Options::create(timeout);
    // The address by which others reach this machine; where all ranks are on it, the one that needs no network.
    options->devices = {one_machine_ ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                     : c10d::ProcessGroupGloo::createDefaultDevice()};
    return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options);
  }

 private:
  bool one_machine_;
};

// In the store that rank 0 keeps.
class StoreNotes : public Notes {
 public:
  explicit StoreNotes(c10::intrusive_ptr<c10d::Store> store) : store_(std::move(store)) {}
  void set(const std::string& key, const std::string& value) override {
    talk([&] { store_->set(key, std::vector<uint8_t>(value.begin(), value.end())); });
  }
  std::optional<std::string> find(const std::string& key) override {
    std::optional<std::string> found;
    talk([&] {
      if (store_->check({key})) found = text(store_->get(key));
    });
    return found;
  }
  std::string wait(const std::string& key, std::chrono::milliseconds longest) override {
    std::string value;
    talk([&] {
      store_->wait({key}, longest);
      value = text(store_->get(key));
    });
    return value;
  }
  int64_t add(const std::string& key, int64_t number) override {
    int64_t sum = 0;
    talk([&] { sum = store_->add(key, number); });
    return sum;
  }

 private:
  static std::string text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }
  template <class Function>
  static void talk(const Function& function) {
    try {
      function();
    } catch (const std::exception& error) {
      fail("the notes that rank 0 keeps could not be reached: ", error.what());
    }
  }

  c10::intrusive_ptr<c10d::Store> store_;
};

class ManyRanks : public World {
 public:
  explicit ManyRanks(const WorldOptions& options) : options_(options) {
    const Rank& rank = options_.rank;
    c10d::TCPStoreOptions at;
    at.port = static_cast<uint16_t>(rank.port);
    at.isServer = rank.rank == 0;
    at.numWorkers = static_cast<size_t>(rank.size);
    at.timeout = options_.timeout;
    try {
      store_ = c10::make_intrusive<c10d::TCPStore>(rank.host, at);
      gloo_ = std::make_shared<Gloo>(rank.host == "127.0.0.1" || rank.host == "localhost");
      all_ = make(*gloo_, prefixed("all"), rank.rank, rank.size, "ranks", std::make_shared<Traffic>());
      // A connection of its own, so that who waits on a note holds nobody up.
      notes_.emplace(prefixed("notes")->clone());
    } catch (const std::exception& error) {
      fail("rank ", rank.rank, " of ", rank.size, " did not meet the others at ", rank.host, ":", rank.port, ": ",
           error.what());
    }
  }

  const Rank& rank() const override { return options_.rank; }
  const Group& all() const override { return all_; }
  Notes& notes() override { return *notes_; }
  const Traffic& traffic() const override { return *traffic_; }

  Group group(const std::vector<int64_t>& ranks, const std::string& name) override {
    const auto found = std::ranges::find(ranks, options_.rank.rank);
    assert(found != ranks.end());
    if (ranks.size() == 1) return {};
    const auto store = prefixed(name + "/" + std::to_string(ranks.front()) + "/" + std::to_string(made_++));
    const Backends& backends = options_.backends ? *options_.backends : *gloo_;
    try {
      return make(backends, store, found - ranks.begin(), static_cast<int64_t>(ranks.size()), name, traffic_);
    } catch (const std::exception& error) {
      fail("rank ", options_.rank.rank, " did not meet the other ", name, ": ", error.what());
    }
  }

 private:
  Group make(const Backends& backends, const c10::intrusive_ptr<c10d::Store>& store, int64_t rank, int64_t size,
             const std::string& name, std::shared_ptr<Traffic> traffic) const {
    return Group(std::make_shared<GroupState>(
        GroupState{backends.make(store, static_cast<int>(rank), static_cast<int>(size), options_.timeout), name,
                   std::move(traffic)}));
  }

  // A restarted job may meet at the same place.
  c10::intrusive_ptr<c10d::Store> prefixed(const std::string& name) const {
    return c10::make_intrusive<c10d::PrefixStore>(std::to_string(options_.rank.restart) + "/" + name, store_);
  }

  WorldOptions options_;
  c10::intrusive_ptr<c10d::Store> store_;
  std::shared_ptr<Gloo> gloo_;
  std::optional<StoreNotes> notes_;
  Group all_;
  int64_t made_ = 0;
  std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
};

}  // namespace

std::shared_ptr<World> World::open(const WorldOptions& options) {
  if (options.rank.alone()) return std::make_shared<OneRank>(options.rank);
  return std::make_shared<ManyRanks>(options);
}

}  // namespace golong::parallel
