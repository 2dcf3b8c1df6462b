#include "core/score/worker_process.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include "core/base/error.h"
#include "core/score/worker.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

// What a new process is given: descriptors, signals as they are by default, a process group of its own (Ctrl-C in a
// terminal is for golong, which saves and ends; what the reward starts can be killed with it).
class SpawnSettings {
 public:
  explicit SpawnSettings(int socket) {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawn_file_actions_adddup2(&files_, socket, worker_socket);
    ::posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files_, STDERR_FILENO, STDOUT_FILENO);  // stdout may be golong's output
    ::posix_spawn_file_actions_addclosefrom_np(&files_, worker_socket + 1);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnSettings() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&files_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  const posix_spawn_file_actions_t* files() const { return &files_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

// How a process that was waited for ended.
std::string ending(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return "signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
  }
  if (WEXITSTATUS(status) == worker_out_of_memory) return "no memory is left to it (rewards.isolate_memory_mb)";
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

fs::path worker_program() {
  Dl_info here;
  if (::dladdr(reinterpret_cast<const void*>(&worker_program), &here) == 0 || !here.dli_fname) {
    fail("the file of golong's own library is not known, so that golong-worker cannot be found");
  }
  const fs::path library = fs::weakly_canonical(fs::absolute(here.dli_fname));
  fs::path program = library.parent_path().parent_path() / "bin" / "golong-worker";
  std::error_code error;
  if (!fs::is_regular_file(program, error)) {
    fail("isolated rewards (isolate = true) need ", program.string(),
         ", which is not there; build it with `make build`, or install golong again");
  }
  return program;
}

WorkerProcess::WorkerProcess(const fs::path& program) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    fail("cannot make a socket for a worker process: ", std::strerror(errno));
  }
  channel_.emplace(ends[0]);
  const SpawnSettings settings(ends[1]);
  std::string name = program.filename().string();
  char* arguments[] = {name.data(), nullptr};
  const int problem =
      ::posix_spawn(&process_, program.c_str(), settings.files(), settings.attributes(), arguments, environ);
  ::close(ends[1]);
  if (problem != 0) {
    process_ = 0;
    fail("cannot start ", program.string(), ": ", std::strerror(problem));
  }
}

WorkerProcess::~WorkerProcess() { end(); }

WorkerAnswer WorkerProcess::ask(FrameKind kind, std::string_view payload, Clock::time_point latest) {
  assert(process_ > 0);
  const uint64_t number = ++requests_;
  Frame reply;
  Exchange exchange = channel_->send(kind, number, payload, latest);
  if (exchange == Exchange::done) exchange = channel_->receive(reply, most_reply_bytes, latest);
  if (exchange != Exchange::done) return failed(exchange);
  if (reply.kind != FrameKind::reply || reply.number != number) return failed(Exchange::garbage);
  try {
    return {WorkerAnswer::Kind::reply, decode_result(reply.payload), ""};
  } catch (const Error&) {
    return failed(Exchange::garbage);
  }
}

WorkerAnswer WorkerProcess::failed(Exchange exchange) {
  const std::string how = end();
  if (exchange == Exchange::late) return {WorkerAnswer::Kind::late, {}, ""};
  if (exchange == Exchange::closed) return {WorkerAnswer::Kind::died, {}, "its worker process died: " + how};
  return {WorkerAnswer::Kind::died, {}, "its worker process was killed: it sent something that is no reply"};
}

// Kills the process group and waits for the process. A process that was already ending keeps its own cause of death.
std::string WorkerProcess::end() {
  if (process_ <= 0) return "";
  ::kill(-process_, SIGKILL);
  ::kill(process_, SIGKILL);  // it may have left the group
  int status = 0;
  pid_t waited = 0;
  do {
    waited = ::waitpid(process_, &status, 0);
  } while (waited < 0 && errno == EINTR);
  process_ = 0;
  channel_.reset();
  return waited < 0 ? "how is not known (" + std::string(std::strerror(errno)) + ")" : ending(status);
}

}  // namespace golong
