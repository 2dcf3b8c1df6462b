// Errors that a person reads. Everything that bad input or a bad environment can cause throws golong::Error; broken
// invariants are asserted.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace golong {

// What is wrong, where, what was expected, and what to do, in one message.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Raised to leave a long computation when the user asked to stop (Ctrl-C, or a Python callback that returned False).
class Stopped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// fail("rows.jsonl:", 3, ": no column prompt") throws Error with the pieces put together.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(message.str());
}

}  // namespace golong
