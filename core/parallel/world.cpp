#include "core/parallel/world.h"

#include <ATen/ATen.h>
#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <cassert>
#include <csignal>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "core/base/rank_errors.h"
#include "core/parallel/backend.h"
#include "core/parallel/reason.h"

namespace golong::parallel {
namespace {

class OneRank : public World {
 public:
  explicit OneRank(Rank rank) : rank_(std::move(rank)) {}
  const Rank& rank() const override { return rank_; }
  const Group& all() const override { return all_; }
  Group group(const std::vector<int64_t>&, const std::string&) override { return {}; }
  Notes& notes() override { throw std::logic_error(alone); }
  std::unique_ptr<Notes> notes_apart() override { throw std::logic_error(alone); }
  Operations& operations() override { throw std::logic_error(alone); }
  Traffic traffic() const override { return {}; }

 private:
  static constexpr char alone[] = "one rank has nobody to do something with";
  Rank rank_;
  Group all_;
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
    bool is_there = false;
    talk([&] {
      try {
        store_->wait({key}, longest);
      } catch (const std::exception&) {
        if (!store_->check({key})) return;  // and not for want of a connection, or this had thrown
      }
      is_there = true;
      value = text(store_->get(key));
    });
    if (is_there) return value;
    throw Overdue("no rank has left the note \"" + key + "\" within " +
                  std::to_string(std::chrono::duration_cast<std::chrono::seconds>(longest).count()) + " s");
  }
  int64_t add(const std::string& key, int64_t number) override {
    int64_t sum = 0;
    talk([&] { sum = store_->add(key, number); });
    return sum;
  }
  std::vector<std::string> read(const std::vector<std::string>& keys) override {
    std::vector<std::string> values;
    talk([&] {
      for (const std::vector<uint8_t>& value : store_->multiGet(keys)) values.push_back(text(value));
    });
    return values;
  }

 private:
  static std::string text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }
  template <class Function>
  static void talk(const Function& function) {
    try {
      function();
    } catch (const std::exception& error) {
      throw OtherRankFailed(std::string("the notes that rank 0 keeps could not be reached: ") + reason_of(error));
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
    at.isServer = rank.rank == 0 && !rank.store_is_there;
    at.waitWorkers = false;  // meet() does, and knows who they are
    at.timeout = options_.timeout;
    try {
      store_ = c10::make_intrusive<c10d::TCPStore>(rank.host, at);
      meet();
      gloo_ = std::make_shared<Gloo>(rank.host == "127.0.0.1" || rank.host == "localhost");
      std::vector<int64_t> everyone(static_cast<size_t>(rank.size));
      std::iota(everyone.begin(), everyone.end(), 0);
      all_ = make(*gloo_, prefixed("all"), everyone, "ranks", traffic_of_all_);
      notes_ = std::make_unique<StoreNotes>(prefixed("notes")->clone());
    } catch (const std::exception& error) {
      throw OtherRankFailed("rank " + std::to_string(rank.rank) + " of " + std::to_string(rank.size) +
                            " did not meet the others at " + rank.host + ":" + std::to_string(rank.port) + ": " +
                            reason_of(error) + (store_ || at.isServer ? "" : nobody_there));
    }
  }

  const Rank& rank() const override { return options_.rank; }
  const Group& all() const override { return all_; }
  Notes& notes() override { return *notes_; }
  std::unique_ptr<Notes> notes_apart() override { return std::make_unique<StoreNotes>(prefixed("notes")->clone()); }
  Operations& operations() override { return *operations_; }
  Traffic traffic() const override { return {traffic_->bytes_sent, traffic_->seconds + traffic_of_all_->seconds}; }

  Group group(const std::vector<int64_t>& ranks, const std::string& name) override {
    assert(std::ranges::count(ranks, options_.rank.rank) == 1);
    const auto store = prefixed(name + "/" + std::to_string(ranks.front()) + "/" + std::to_string(made_++));
    const Backends& backends = options_.backends ? *options_.backends : *gloo_;
    try {
      return make(backends, store, ranks, name, traffic_);
    } catch (const std::exception& error) {
      throw OtherRankFailed("rank " + std::to_string(options_.rank.rank) + " did not meet the other " + name + ": " +
                            reason_of(error));
    }
  }

 private:
  static constexpr char nobody_there[] =
      ". Rank 0, or torchrun, keeps that place: does it run, and does this machine reach it (MASTER_ADDR, "
      "MASTER_PORT)?";

  // Waits until every rank has said that it is there.
  void meet() {
    std::vector<std::string> ranks;
    const auto here = prefixed("here");
    here->set(std::to_string(options_.rank.rank), std::vector<uint8_t>{1});
    for (int64_t rank = 0; rank < options_.rank.size; ++rank) ranks.push_back(std::to_string(rank));
    try {
      here->wait(ranks, options_.timeout);
    } catch (const std::exception&) {
      std::string list;
      for (const std::string& rank : ranks) {
        if (!here->check({rank})) list += (list.empty() ? "" : ", ") + rank;
      }
      if (list.empty()) throw;
      fail("these ranks did not come within ", std::chrono::duration<double>(options_.timeout).count(), " s: ", list);
    }
  }

  Group make(const Backends& backends, const c10::intrusive_ptr<c10d::Store>& store, const std::vector<int64_t>& ranks,
             const std::string& name, std::shared_ptr<Traffic> traffic) const {
    const size_t number = operations_->add_group({name, ranks});
    if (ranks.size() == 1) return {};
    const auto rank = std::ranges::find(ranks, options_.rank.rank) - ranks.begin();
    return Group(std::make_shared<GroupState>(
        GroupState{backends.make(store, static_cast<int>(rank), static_cast<int>(ranks.size()), options_.timeout), name,
                   std::move(traffic), operations_, number}));
  }

  // A restarted job may meet at the same place.
  c10::intrusive_ptr<c10d::Store> prefixed(const std::string& name) const {
    return c10::make_intrusive<c10d::PrefixStore>(std::to_string(options_.rank.restart) + "/" + name, store_);
  }

  WorldOptions options_;
  c10::intrusive_ptr<c10d::Store> store_;
  std::shared_ptr<Gloo> gloo_;
  std::unique_ptr<Notes> notes_;
  std::shared_ptr<Operations> operations_ = std::make_shared<Operations>();
  Group all_;
  int64_t made_ = 0;
  std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>(), traffic_of_all_ = std::make_shared<Traffic>();
};

}  // namespace

std::shared_ptr<World> World::open(const WorldOptions& options) {
  if (options.rank.alone()) return std::make_shared<OneRank>(options.rank);
  // LibTorch warns of each connection that breaks, with a stack. What it means is said in words where it matters.
  if (!std::getenv("TORCH_CPP_LOG_LEVEL")) FLAGS_caffe2_log_level = c10::GLOG_ERROR;
  // Gloo writes to connections whose other end may be gone: that is an error to tell, not the end of this process.
  struct sigaction action {};
  if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
    action.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &action, nullptr);
  }
  return std::make_shared<ManyRanks>(options);
}

}  // namespace golong::parallel
