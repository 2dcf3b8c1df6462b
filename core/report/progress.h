// How far a long computation is: a bar with values and time left where a person watches, a plain line for each step
// where not.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/report/console.h"

namespace golong {

struct ProgressOptions {
  int64_t first = 0;              // steps that were done before (a resumed run): they say nothing about the time left
  int64_t plain_every = 1;        // without a terminal, print each that many steps, and the last
  double plain_seconds = 0;       // ... but none within so many seconds after the one before, nor from the start
  double minimum_redraw = 0.05;   // seconds between drawings of the bar
  Console* console = nullptr;     // default: stderr
  bool quiet = false;             // shows nothing: another rank does
  std::function<double()> clock;  // seconds; default: the steady clock
};

// Thread-safe but for construction. Removes its bar when it goes.
class Progress {
 public:
  using Values = std::vector<std::pair<std::string, std::string>>;  // {"reward", "0.412"}, shown in this order

  Progress(std::string title, int64_t total, ProgressOptions options = {});
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // What is going on within the step ("generate"); shown in the bar, and logged for those who debug.
  void phase(const std::string& name);

  // `done` steps are finished.
  void update(int64_t done, const Values& values = {});

  // The training's line: reward and tokens per second.
  void update(int64_t done, double reward, double tokens_per_second);

 private:
  std::string line(int64_t width) const;
  std::string plain() const;
  double left() const;
  bool plain_is_due(int64_t before, double now) const;
  void draw(bool now);

  std::string title_;
  int64_t total_;
  ProgressOptions options_;
  Console& console_;
  std::mutex mutex_;
  int64_t done_;
  std::string phase_;
  Values values_;
  double started_;
  double drawn_ = -1e9;
  double printed_ = 0;       // when a plain line was printed, or the start
  double last_ = 0;          // when the last step ended
  double step_seconds_ = 0;  // of one step, newer ones counting more
};

// Bits of text that people read: "1m 05s", "2h 03m"; "12.3k", "4.56M".
std::string format_duration(double seconds);
std::string format_count(double value);

}  // namespace golong
