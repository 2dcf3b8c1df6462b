#include "core/base/thread_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "core/base/error.h"

namespace golong {
namespace {

thread_local ThreadPool::Worker this_worker = 0;

}  // namespace

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable changed;  // the queue has grown, the pool stops, or a worker has ended
  std::deque<std::function<void()>> queue;
  std::set<Worker> workers;  // that belong to the pool; one that was given up does not
  Worker last_worker = 0;
  size_t threads = 0;
  bool stops = false;
};

namespace {

// Runs work until the pool stops or gives this worker up.
template <class State>
void work_loop(const std::shared_ptr<State>& state, ThreadPool::Worker worker) {
  this_worker = worker;
  std::unique_lock lock(state->mutex);
  while (true) {
    state->changed.wait(lock,
                        [&] { return state->stops || !state->queue.empty() || !state->workers.contains(worker); });
    if (state->stops || !state->workers.contains(worker)) break;
    std::function<void()> work = std::move(state->queue.front());
    state->queue.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // what it owns is freed before the pool may go
    lock.lock();
  }
  state->workers.erase(worker);
  state->changed.notify_all();
}

// Threads are detached, since nobody could join one that hangs; the destructor waits for `workers` to be empty instead.
template <class State>
void start_worker(const std::shared_ptr<State>& state) {
  ThreadPool::Worker worker = ++state->last_worker;
  std::thread([state, worker] { work_loop(state, worker); }).detach();  // waits for the caller's lock
  state->workers.insert(worker);
}

}  // namespace

ThreadPool::ThreadPool(size_t threads) : state_(std::make_shared<State>()) {
  state_->threads = threads ? threads : std::max(1u, std::thread::hardware_concurrency());
  std::lock_guard lock(state_->mutex);
  try {
    for (size_t i = 0; i < state_->threads; ++i) start_worker(state_);
  } catch (const std::system_error& error) {
    state_->stops = true;  // those that were started end
    state_->changed.notify_all();
    fail("cannot start ", state_->threads, " threads: ", error.what(), ". Ask for fewer (rewards.threads)");
  }
}

ThreadPool::~ThreadPool() {
  std::deque<std::function<void()>> forgotten;  // destroyed without the lock: it may own anything
  std::unique_lock lock(state_->mutex);
  state_->stops = true;
  forgotten.swap(state_->queue);
  state_->changed.notify_all();
  state_->changed.wait(lock, [&] { return state_->workers.empty(); });
}

size_t ThreadPool::threads() const { return state_->threads; }

void ThreadPool::submit(std::function<void()> work) {
  std::lock_guard lock(state_->mutex);
  state_->queue.push_back(std::move(work));
  state_->changed.notify_one();
}

void ThreadPool::submit_next(std::function<void()> work) {
  std::lock_guard lock(state_->mutex);
  state_->queue.push_front(std::move(work));
  state_->changed.notify_one();
}

ThreadPool::Worker ThreadPool::current() { return this_worker; }

void ThreadPool::give_up(Worker worker) {
  std::lock_guard lock(state_->mutex);
  if (state_->workers.erase(worker) == 0) return;
  if (!state_->stops) start_worker(state_);
  state_->changed.notify_all();
}

}  // namespace golong
