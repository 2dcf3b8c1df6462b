#include "core/plugin/crash.h"

#include <unistd.h>

#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

namespace golong::plugin {
namespace {

thread_local const Plugin* current_plugin = nullptr;
thread_local const char* current_function = nullptr;

// A stack for the handler, as the thread's own may be what is used up.
class SignalStack {
 public:
  SignalStack() {
    stack_t before{}, stack{};
    if (::sigaltstack(nullptr, &before) != 0 || !(before.ss_flags & SS_DISABLE)) return;  // somebody's, and enough
    stack.ss_sp = memory_.data();
    stack.ss_size = memory_.size();
    is_ours_ = ::sigaltstack(&stack, nullptr) == 0;
  }
  ~SignalStack() {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    if (is_ours_) ::sigaltstack(&none, nullptr);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  std::vector<char> memory_ = std::vector<char>(32768);  // the kernel keeps the registers there: 11 KiB with AMX
  bool is_ours_ = false;
};

// All that a signal handler may do.
void put(const char* text) {
  if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) return;  // nobody is left to hear of it
}

void report(int signal) {
  if (const Plugin* plugin = std::exchange(current_plugin, nullptr)) {
    put("golong: SIG");
    put(::sigabbrev_np(signal));
    put(" inside ");
    put(current_function);
    put("() of ");
    put(name(plugin->kind));
    put(" ");
    put(plugin->id.c_str());
    put(" (");
    put(plugin->library.c_str());
    put(")");
    if (plugin->kind == Kind::reward) {
      put("; with `isolate = true` in [rewards.");
      put(plugin->id.c_str());
      put("] that costs a response and not the run");
    }
    put("\n");
  }
  std::raise(signal);  // SA_RESETHAND: when this handler returns, it ends the program
}

}  // namespace

Inside::Inside(const Plugin& plugin, const char* function)
    : plugin_before_(std::exchange(current_plugin, &plugin)),
      function_before_(std::exchange(current_function, function)) {
  thread_local const SignalStack stack;
}
Inside::~Inside() {
  current_plugin = plugin_before_;
  current_function = function_before_;
}

void report_crashes() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    struct sigaction before {};
    if (::sigaction(signal, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
    struct sigaction action {};
    action.sa_handler = report;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_ONSTACK);
    ::sigaction(signal, &action, nullptr);
  }
}

}  // namespace golong::plugin
