#include "core/plugin/check.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "core/base/error.h"
#include "core/plugin/check_cases.h"
#include "core/plugin/library.h"

namespace golong::plugin {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds limit_of_a_check = std::chrono::seconds(20);

[[noreturn]] void be_the_child(const std::function<void()>& check, int out) {
  std::string problem;
  try {
    check();
  } catch (const std::exception& error) {
    problem = error.what();
  } catch (...) {
    problem = "an exception crossed the interface";
  }
  bool is_written = ::write(out, problem.data(), problem.size()) == static_cast<ssize_t>(problem.size());
  std::fflush(nullptr);
  ::_exit(is_written && problem.empty() ? 0 : 1);
}

// Everything that the child writes until it closes its end; false where that takes too long.
bool read_all(int in, std::string& text, steady_clock::time_point until) {
  while (true) {
    auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd entry{in, POLLIN, 0};
    int ready = ::poll(&entry, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    char buffer[4096];
    ssize_t count = ::read(in, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return true;
    text.append(buffer, static_cast<size_t>(count));
  }
}

// Creating and destroying with each parameter at its default, its bounds and its choices.
void check_life(const Plugin& plugin) {
  for (int i = 0; i < 3; ++i) Instance(plugin, {});
  Instance first(plugin, {});
  Instance second(plugin, {});
  const golong_descriptor& d = *plugin.descriptor;
  auto try_value = [&](const golong_param& param, const Scalar& value) {
    try {
      Instance(plugin, {{param.name, {value, "check"}}});
    } catch (const Error& error) {
      // Refusing a value is fine when the user learns why.
      if (std::strstr(error.what(), "it gives no reason")) throw;
    }
  };
  for (uint32_t i = 0; i < d.param_count; ++i) {
    const golong_param& param = *d.params[i];
    for (double bound : {param.minimum, param.maximum}) {
      if (!std::isfinite(bound) || std::abs(bound) > 1e9) continue;  // what nobody means to be used
      if (param.type == GOLONG_FLOAT) try_value(param, bound);
      if (param.type == GOLONG_INT) try_value(param, static_cast<int64_t>(bound));
    }
    if (param.type == GOLONG_BOOL) {
      try_value(param, true);
      try_value(param, false);
    }
    for (const char* const* choice = param.choices; param.type == GOLONG_STRING && choice && *choice; ++choice) {
      try_value(param, std::string(*choice));
    }
  }
}

const std::vector<Check>& checks_of(Kind kind) {
  return kind == Kind::task ? task_checks() : kind == Kind::reward ? reward_checks() : normalizer_checks();
}

}  // namespace

std::string run_isolated(const std::function<void()>& check, milliseconds limit) {
  int ends[2];
  if (::pipe(ends) != 0) fail("cannot make a pipe: ", std::strerror(errno));
  std::fflush(nullptr);
  pid_t child = ::fork();
  if (child < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    fail("cannot start a process: ", std::strerror(errno));
  }
  if (child == 0) {
    ::close(ends[0]);
    be_the_child(check, ends[1]);
  }
  ::close(ends[1]);
  std::string problem;
  bool has_ended = read_all(ends[0], problem, steady_clock::now() + limit);
  ::close(ends[0]);
  if (!has_ended) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!has_ended) return "it did not end within " + std::to_string(limit.count() / 1000.0).substr(0, 5) + " s";
  if (WIFSIGNALED(status)) return std::string("it crashed: ") + ::strsignal(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0 && problem.empty()) return "it ended the process";
  return problem;
}

void check_library(const std::filesystem::path& path, const std::function<void(const CheckResult&)>& report) {
  // First in a child: opening a library runs its code.
  std::string problem = run_isolated([&] { open_library(path); }, limit_of_a_check);
  report({"", "can be loaded; symbol, interface, ids, parameters", problem});
  if (!problem.empty()) return;
  for (const Plugin& plugin : open_library(path)) {
    std::string who = std::string(name(plugin.kind)) + " " + plugin.id;
    report({who, "instances are made and destroyed, parameters at their bounds",
            run_isolated([&] { check_life(plugin); }, limit_of_a_check)});
    for (const Check& check : checks_of(plugin.kind)) {
      report({who, check.first, run_isolated([&] { check.second(plugin); }, limit_of_a_check)});
    }
  }
}

}  // namespace golong::plugin
