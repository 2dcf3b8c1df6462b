// The inside of a worker process: what the program golong-worker runs. The outside is worker_process.h.
#pragma once

namespace golong {

// The descriptor at which a worker finds its socket, and the status with which it ends when memory is used up.
constexpr int worker_socket = 3;
constexpr int worker_out_of_memory = 86;

// Serves the requests that come through `worker_socket` with one instance of one reward. Returns only where it was not
// started by golong (2, after a message): else the process ends when the other end of the socket closes, even in the
// middle of a call.
int run_worker();

}  // namespace golong
