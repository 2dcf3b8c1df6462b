#include "core/report/progress.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "core/report/log.h"

namespace golong {

namespace {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The C locale's terminals do not show box drawings.
bool unicode_terminal() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(variable);
    if (!value || !*value) continue;
    const std::string_view locale(value);
    return locale.find("UTF-8") != std::string_view::npos || locale.find("utf8") != std::string_view::npos;
  }
  return false;
}

std::string repeated(std::string_view piece, int64_t times) {
  std::string text;
  for (int64_t i = 0; i < times; ++i) text += piece;
  return text;
}

// Cuts ASCII-and-UTF-8 text to `width` columns, counting code points.
std::string cut(const std::string& text, int64_t width) {
  int64_t columns = 0;
  size_t end = 0;
  while (end < text.size()) {
    size_t next = end + 1;
    while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0) == 0x80) ++next;
    if (++columns > width) return text.substr(0, end);
    end = next;
  }
  return text;
}

std::string printed(const char* format, double value) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, value);
  return buffer.data();
}

}  // namespace

std::string format_duration(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  std::array<char, 64> buffer{};
  if (whole < 60) {
    std::snprintf(buffer.data(), buffer.size(), "%llds", static_cast<long long>(whole));
  } else if (whole < 3600) {
    std::snprintf(buffer.data(), buffer.size(), "%lldm %02llds", static_cast<long long>(whole / 60),
                  static_cast<long long>(whole % 60));
  } else {
    std::snprintf(buffer.data(), buffer.size(), "%lldh %02lldm", static_cast<long long>(whole / 3600),
                  static_cast<long long>(whole / 60 % 60));
  }
  return buffer.data();
}

std::string format_count(double value) {
  if (!std::isfinite(value)) return "?";
  const double size = std::abs(value);
  if (size >= 999.5e6) return printed("%.3gG", value / 1e9);
  if (size >= 999.5e3) return printed("%.3gM", value / 1e6);
  if (size >= 999.5) return printed("%.3gk", value / 1e3);
  return printed("%.3g", value);
}

Progress::Progress(std::string title, int64_t total, ProgressOptions options)
    : title_(std::move(title)),
      total_(total),
      options_(std::move(options)),
      console_(options_.console ? *options_.console : console()),
      done_(options_.first) {
  if (!options_.clock) options_.clock = steady_seconds;
  started_ = printed_ = last_ = options_.clock();
  draw(true);
}

Progress::~Progress() {
  if (!options_.quiet) console_.status("");
}

void Progress::phase(const std::string& name) {
  const std::lock_guard lock(mutex_);
  log::debug(title_, " ", done_, "/", total_, ": ", name);
  phase_ = name;
  draw(false);
}

void Progress::update(int64_t done, const Values& values) {
  const std::lock_guard lock(mutex_);
  const double now = options_.clock();
  if (done > done_) {
    const double seconds = (now - last_) / static_cast<double>(done - done_);
    const double newer = done_ == options_.first ? 1.0 : 0.2;
    step_seconds_ += newer * (seconds - step_seconds_);
    last_ = now;
  }
  const int64_t before = done_;
  done_ = done;
  values_ = values;
  phase_.clear();
  if (options_.quiet) return;
  if (console_.terminal()) {
    draw(done_ == total_);
  } else if (plain_is_due(before, now)) {
    printed_ = now;
    console_.print(plain());
  }
}

bool Progress::plain_is_due(int64_t before, double now) const {
  if (now - printed_ < options_.plain_seconds) return false;
  return done_ == total_ || done_ / options_.plain_every != before / options_.plain_every;
}

void Progress::update(int64_t done, double reward, double tokens_per_second) {
  update(done, {{"reward", printed("%.3f", reward)}, {"tokens/s", format_count(tokens_per_second)}});
}

// Seconds that the remaining steps take: the mean of all steps so far and of the newest, so that neither one slow step
// nor a long gone speed misleads.
double Progress::left() const {
  const int64_t steps = done_ - options_.first;
  if (steps <= 0) return -1;
  const double mean = (last_ - started_) / static_cast<double>(steps);
  return 0.5 * (mean + step_seconds_) * static_cast<double>(total_ - done_);
}

std::string Progress::plain() const {
  std::string text = title_ + " " + std::to_string(done_) + "/" + std::to_string(total_);
  for (const auto& [name, value] : values_) text.append("  ").append(name).append(" ").append(value);
  if (done_ < total_ && left() >= 0) text += "  left " + format_duration(left());
  if (done_ >= total_) text += "  in " + format_duration(last_ - started_);
  return text;
}

std::string Progress::line(int64_t width) const {
  static const bool unicode = unicode_terminal();
  std::string tail = " " + std::to_string(done_) + "/" + std::to_string(total_);
  for (const auto& [name, value] : values_) tail.append("  ").append(name).append(" ").append(value);
  if (left() >= 0) tail += "  left " + format_duration(left());
  if (!phase_.empty()) tail += "  " + phase_;
  const std::string head = title_ + " ";
  // The bar takes what is left of the line, the text comes first.
  const auto text = static_cast<int64_t>(head.size() + tail.size());
  const int64_t bar = std::clamp<int64_t>(width - 1 - text, 0, 30);
  const double share = total_ > 0 ? std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0) : 0;
  const auto full = static_cast<int64_t>(std::floor(share * static_cast<double>(bar)));
  const std::string drawn = repeated(unicode ? "━" : "=", full) + repeated(unicode ? "─" : "-", bar - full);
  return cut(head + (bar >= 5 ? drawn : "") + tail, width - 1);
}

void Progress::draw(bool now) {
  if (options_.quiet) return;
  if (!console_.terminal()) return;
  const double time = options_.clock();
  if (!now && time - drawn_ < options_.minimum_redraw) return;
  drawn_ = time;
  console_.status(line(console_.width()));
}

}  // namespace golong
