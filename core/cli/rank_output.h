// What a rank of `golong launch` writes, on its way to our stderr.
#pragma once
#include <deque>
#include <string>

namespace golong {

// A pipe for the stdout and stderr of a rank. What comes out of it goes to stderr line by line, each behind "[rank 3]
// "; the last lines are kept for the message about the rank's end. Not thread-safe.
class RankOutput {
 public:
  explicit RankOutput(const std::string& rank);  // Throws Error with the system's reason
  ~RankOutput();
  RankOutput(const RankOutput&) = delete;
  RankOutput& operator=(const RankOutput&) = delete;

  int for_rank() const { return to_; }  // to be closed when the rank was started
  void close_for_rank();
  int pipe() const { return from_; }  // to be read when it is readable; -1: it was closed at the other end

  void read();                     // passes on what is there, without waiting
  void finish();                   // and a last line without an end
  std::string last_lines() const;  // each with its end

 private:
  void pass_on(const std::string& line);

  std::string prefix_;
  int from_ = -1, to_ = -1;
  std::string begun_;  // a line that has no end yet
  std::deque<std::string> last_;
};

}  // namespace golong
