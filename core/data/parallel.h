// A loop on all cores, for work that is done row by row.
#pragma once
#include <cstddef>
#include <functional>

namespace golong {

// Calls `work(i)` for each i below `count`, in any order, from several threads, this one among them. When some calls
// throw, the others may be left out, and what the call with the lowest i threw is thrown: the same each time.
// `threads` = 0: one for each core.
void parallel_for(size_t count, const std::function<void(size_t)>& work, size_t threads = 0);

}  // namespace golong
