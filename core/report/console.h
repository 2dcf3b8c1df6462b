// One terminal, two writers: log lines and a progress bar. Lines are printed above the bar, which is drawn again below.
#pragma once
#include <mutex>
#include <string>
#include <string_view>

namespace golong {

// Thread-safe. Does not own the file descriptor.
class Console {
 public:
  Console(int descriptor, bool terminal) : descriptor_(descriptor), terminal_(terminal) {}

  bool terminal() const { return terminal_; }
  int width() const;  // columns, 80 where unknown

  // Prints whole lines (without the last newline), above the status where there is one.
  void print(std::string_view lines);

  // Sets the bottom line; "" removes it. Nothing where this is no terminal. Must fit the width and hold no newline.
  void status(std::string_view line);

 private:
  void put(std::string_view bytes);

  const int descriptor_;
  const bool terminal_;
  std::mutex mutex_;
  std::string status_;
};

// stderr; a terminal unless it is redirected or TERM is "dumb".
Console& console();

}  // namespace golong
