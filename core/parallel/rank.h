// Which of how many processes this one is, and where they meet: as torchrun, Slurm or `golong launch` says it.
#pragma once
#include <cstdint>
#include <string>

namespace golong::parallel {

struct Rank {
  int64_t rank = 0;        // of all, from 0
  int64_t size = 1;        // how many there are
  int64_t local_rank = 0;  // of those on this machine: which of its devices is this one's
  int64_t local_size = 1;  // how many are on this machine, as far as is known
  std::string host;        // where rank 0 is; "" where there is one rank
  int64_t port = 0;
  bool store_is_there =
      false;            // torchrun keeps the store itself, at that port (TORCHELASTIC_USE_AGENT_STORE); else rank 0
  int64_t restart = 0;  // how often the job was started before (GOLONG_RESTART, TORCHELASTIC_RESTART_COUNT)

  bool alone() const { return size == 1; }
};

// RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT where they are set; else SLURM_PROCID, SLURM_NTASKS and
// SLURM_LOCALID, with MASTER_ADDR and MASTER_PORT, or the first of SLURM_STEP_NODELIST and a port made of
// SLURM_JOB_ID; else one process alone. `srun` sets its variables for a single task, too. Throws Error that names a
// variable that is missing or is not a number.
Rank rank_from_environment();

// The first host of a list as Slurm writes it: "node[003-006,9],login" -> "node003".
std::string first_host(const std::string& nodelist);

}  // namespace golong::parallel
