// Tasks of different lengths on all threads.
#pragma once
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace golong::nn {

// Calls run(task, scratch) for the tasks 0 .. tasks - 1, with what make_scratch() gave to the thread. A thread takes
// the next task when it is done with one, in the order of their numbers.
template <class MakeScratch, class Run>
void share_out(int64_t tasks, const MakeScratch& make_scratch, const Run& run) {
  std::atomic<int64_t> next{0};
  at::parallel_for(0, std::min<int64_t>(at::get_num_threads(), tasks), 1, [&](int64_t, int64_t) {
    const auto scratch = make_scratch();
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) run(i, scratch);
  });
}

// Without scratch: run(task).
template <class Run>
void share_out(int64_t tasks, const Run& run) {
  share_out(
      tasks, [] { return 0; }, [&](int64_t task, int) { run(task); });
}

}  // namespace golong::nn
