#include "core/score/watched_work.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace golong {
namespace {

using Clock = std::chrono::steady_clock;

enum class Item : unsigned char { waiting, running, done, given_up };

// Shared by the caller and its threads, so that a thread that was written off never touches freed memory.
struct Work {
  std::function<void(size_t)> body;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Item> items;
  std::vector<Clock::time_point> started;
  size_t next = 0;
  size_t open = 0;  // items that are neither done nor given up
};

void work(const std::shared_ptr<Work>& w) {
  std::unique_lock lock(w->mutex);
  while (w->next < w->items.size()) {
    size_t item = w->next++;
    w->items[item] = Item::running;
    w->started[item] = Clock::now();
    lock.unlock();
    w->body(item);
    lock.lock();
    if (w->items[item] == Item::given_up) return;  // somebody took this thread's place
    w->items[item] = Item::done;
    --w->open;
    w->changed.notify_all();
  }
}

}  // namespace

std::vector<bool> run_watched(size_t count, size_t threads, std::chrono::nanoseconds limit,
                              std::function<void(size_t)> body) {
  auto w = std::make_shared<Work>();
  w->body = std::move(body);
  w->items.assign(count, Item::waiting);
  w->started.resize(count);
  w->open = count;
  for (size_t i = 0; i < std::min(threads, count); ++i) std::thread(work, w).detach();
  std::unique_lock lock(w->mutex);
  while (w->open > 0) {
    // Wake when the oldest running item is at its limit, at the latest.
    Clock::time_point wake = Clock::now() + limit;
    for (size_t i = 0; i < w->next; ++i) {
      if (w->items[i] == Item::running) wake = std::min(wake, w->started[i] + limit);
    }
    w->changed.wait_until(lock, wake);
    for (size_t i = 0; i < w->next; ++i) {
      if (w->items[i] != Item::running || Clock::now() < w->started[i] + limit) continue;
      w->items[i] = Item::given_up;
      --w->open;
      std::thread(work, w).detach();
    }
  }
  std::vector<bool> given_up(count);
  for (size_t i = 0; i < count; ++i) given_up[i] = w->items[i] == Item::given_up;
  return given_up;
}

}  // namespace golong
