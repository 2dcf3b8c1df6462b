#include "core/data/parallel.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace golong {

void parallel_for(size_t count, const std::function<void(size_t)>& work, size_t threads) {
  std::atomic<size_t> next{0};
  std::atomic<size_t> failed{SIZE_MAX};
  std::mutex mutex;  // of `error`
  std::exception_ptr error;
  const auto loop = [&] {
    for (size_t i; (i = next++) < count && i < failed;) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < failed) {
          failed = i;
          error = std::current_exception();
        }
      }
    }
  };
  {
    if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::jthread> others;
    for (size_t i = 1; i < std::min(threads, count); ++i) others.emplace_back(loop);
    loop();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace golong
