// A plugin inside the program takes it down when it crashes; people should know which one it was.
#pragma once
#include "core/plugin/registry.h"

namespace golong::plugin {

// While one lives its thread is inside a function of `plugin`. They nest; `function` is a literal.
class Inside {
 public:
  Inside(const Plugin& plugin, const char* function);
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  const Plugin* plugin_before_;
  const char* function_before_;
};

// From now on a fatal signal inside a plugin (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT; a stack that ran over, too)
// first says on stderr whose function it was, and then ends the program as ever. A signal that somebody handles already
// stays theirs: sanitizers say more.
void report_crashes();

}  // namespace golong::plugin
