// Runs pieces of work that may hang on native threads, and goes on without those that do.
#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

namespace golong {

// Calls body(i) for i in [0, count) on `threads` threads. A call that takes longer than `limit` is given up: its thread
// is written off (it stays alive with everything that `body` holds, which must be shared, not borrowed) and another
// takes its place. Returns which calls were given up; all others have returned. `body` must not throw.
std::vector<bool> run_watched(size_t count, size_t threads, std::chrono::nanoseconds limit,
                              std::function<void(size_t)> body);

}  // namespace golong
