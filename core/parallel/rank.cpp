#include "core/parallel/rank.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "core/base/error.h"

namespace golong::parallel {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value && *value ? std::optional<std::string>(value) : std::nullopt;
}

std::string needed(const char* name, const char* because) {
  if (auto value = variable(name)) return *value;
  fail("the environment has ", because, " but no ", name, "; start all ranks with torchrun, srun or `golong launch`");
}

int64_t number(const char* name, const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) {
    fail("the environment has ", name, "=\"", text, "\"; expected a number from 0 on");
  }
  return value;
}

int64_t number_or(const char* name, int64_t otherwise) {
  const auto value = variable(name);
  return value ? number(name, *value) : otherwise;
}

void check(const Rank& rank) {
  if (rank.size < 1 || rank.rank >= rank.size) {
    fail("the environment names rank ", rank.rank, " of ", rank.size, "; ranks are from 0 to their number less one");
  }
  if (!rank.alone() && (rank.port < 1 || rank.port > 65535)) {
    fail("the environment names port ", rank.port, " for ", rank.host, "; expected one from 1 to 65535");
  }
}

}  // namespace

std::string first_host(const std::string& nodelist) {
  const size_t bracket = nodelist.find('['), comma = nodelist.find(',');
  if (bracket == std::string::npos || comma < bracket) return nodelist.substr(0, comma);
  const size_t end = nodelist.find_first_of(",-]", bracket);
  const size_t close = nodelist.find(']', bracket);
  if (end == std::string::npos || close == std::string::npos) fail("\"", nodelist, "\" is no list of Slurm's nodes");
  const size_t after = nodelist.find(',', close);
  return nodelist.substr(0, bracket) + nodelist.substr(bracket + 1, end - bracket - 1) +
         nodelist.substr(close + 1, after == std::string::npos ? after : after - close - 1);
}

Rank rank_from_environment() {
  Rank rank;
  rank.restart = number_or("GOLONG_RESTART", number_or("TORCHELASTIC_RESTART_COUNT", 0));
  if (variable("WORLD_SIZE")) {
    rank.size = number("WORLD_SIZE", *variable("WORLD_SIZE"));
    rank.rank = number("RANK", needed("RANK", "WORLD_SIZE"));
    rank.local_rank = number_or("LOCAL_RANK", 0);
    if (rank.size > 1) {
      rank.host = needed("MASTER_ADDR", "WORLD_SIZE");
      rank.port = number("MASTER_PORT", needed("MASTER_PORT", "WORLD_SIZE"));
      rank.store_is_there = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
    }
  } else if (variable("SLURM_PROCID") && variable("SLURM_STEP_NODELIST")) {  // within srun
    rank.size = number("SLURM_NTASKS", needed("SLURM_NTASKS", "SLURM_PROCID"));
    rank.rank = number("SLURM_PROCID", *variable("SLURM_PROCID"));
    rank.local_rank = number_or("SLURM_LOCALID", 0);
    if (rank.size > 1) {
      const auto host = variable("MASTER_ADDR");
      rank.host = host ? *host : first_host(*variable("SLURM_STEP_NODELIST"));
      rank.port = number_or("MASTER_PORT", 20000 + number_or("SLURM_JOB_ID", 0) % 20000);
    }
  }
  const bool one_machine = rank.host == "127.0.0.1" || rank.host == "localhost";
  rank.local_size = number_or("LOCAL_WORLD_SIZE", number_or("SLURM_NTASKS_PER_NODE", one_machine ? rank.size : 1));
  check(rank);
  return rank;
}

}  // namespace golong::parallel
