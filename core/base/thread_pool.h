// Worker threads over one queue. A worker whose work hangs can be given up: another thread takes its place.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace golong {

// All members may be called from any thread.
class ThreadPool {
 public:
  // Names a worker thread; never given to another one.
  using Worker = uint64_t;

  // `threads` = 0: one for each core.
  explicit ThreadPool(size_t threads);

  // Forgets what still waits in the queue, and waits for the work that runs, but not for workers that were given up.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  size_t threads() const;

  // Work is started in the order in which it was submitted. It must not throw (std::terminate).
  void submit(std::function<void()> work);

  // Like submit, but before everything that waits: what continues work that has begun, so that it ends early.
  void submit_next(std::function<void()> work);

  // The worker that runs the caller. Only inside of work.
  static Worker current();

  // The worker's present work may never return. A new thread takes its place; the old one ends when its work returns,
  // if ever, so that work must own everything it touches. Does nothing for a worker that is not running.
  void give_up(Worker worker);

 private:
  struct State;
  std::shared_ptr<State> state_;  // also held by every worker: one that was given up may outlive the pool
};

}  // namespace golong
