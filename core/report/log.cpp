#include "core/report/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "core/base/error.h"
#include "core/report/console.h"

namespace golong::log {

namespace {

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

// Lines to stderr, around the progress bar; colours for what needs attention.
class ConsoleSink : public spdlog::sinks::base_sink<std::mutex> {
 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t buffer;
    formatter_->format(message, buffer);
    std::string line(buffer.data(), buffer.size());
    while (!line.empty() && line.back() == '\n') line.pop_back();
    if (console().terminal() && message.level >= spdlog::level::warn) {
      line = (message.level >= spdlog::level::err ? "\x1b[31m" : "\x1b[33m") + line + "\x1b[0m";
    }
    console().print(line);
  }
  void flush_() override {}
};

struct State {
  std::shared_ptr<ConsoleSink> terminal = std::make_shared<ConsoleSink>();
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks = std::make_shared<spdlog::sinks::dist_sink_mt>();
  std::shared_ptr<spdlog::sinks::sink> file;
  std::unique_ptr<spdlog::logger> logger;
  Level level = Level::info;
  std::mutex mutex;  // guards file and level; spdlog guards the rest

  State() {
    terminal->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%H:%M:%S %l: %v", spdlog::pattern_time_type::local));
    sinks->add_sink(terminal);
    logger = std::make_unique<spdlog::logger>("golong", sinks);
    logger->flush_on(spdlog::level::debug);
    apply();
    if (const char* word = std::getenv("GOLONG_LOG")) {
      try {
        level = parse_level(word);
        apply();
      } catch (const Error& error) {
        logger->warn("GOLONG_LOG: {}", error.what());
      }
    }
  }

  // The logger lets through what any sink wants; the sinks' own levels decide.
  void apply() {
    terminal->set_level(to_spdlog(level));
    const Level in_file = std::min(level, Level::info);
    if (file) file->set_level(to_spdlog(in_file));
    logger->set_level(to_spdlog(file ? in_file : level));
  }
};

State& state() {
  static State* const instance = new State;  // never destroyed, as console()
  return *instance;
}

}  // namespace

Level parse_level(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (lower == "debug") return Level::debug;
  if (lower == "info") return Level::info;
  if (lower == "warning" || lower == "warn") return Level::warning;
  if (lower == "error") return Level::error;
  if (lower == "off") return Level::off;
  fail("log level \"", word, "\" is not known; expected debug, info, warning, error or off");
}

void set_level(Level level) {
  const std::lock_guard lock(state().mutex);
  state().level = level;
  state().apply();
}

Level level() {
  const std::lock_guard lock(state().mutex);
  return state().level;
}

void open_file(const std::filesystem::path& path) {
  std::shared_ptr<spdlog::sinks::sink> file;
  try {
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
    file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
  } catch (const std::exception& error) {
    fail(path.string(), ": cannot write the log: ", error.what());
  }
  file->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%Y-%m-%d %H:%M:%S.%e %l: %v", spdlog::pattern_time_type::local));
  close_file();
  const std::lock_guard lock(state().mutex);
  state().file = file;
  state().sinks->add_sink(file);
  state().apply();
}

void close_file() {
  const std::lock_guard lock(state().mutex);
  if (!state().file) return;
  state().file->flush();
  state().sinks->remove_sink(state().file);
  state().file = nullptr;
  state().apply();
}

void write(Level level, const std::string& message) {
  if (level == Level::off) return;
  state().logger->log(to_spdlog(level), spdlog::string_view_t(message.data(), message.size()));
}

void write_to_file(Level level, const std::string& message) {
  const std::lock_guard lock(state().mutex);
  if (!state().file || level == Level::off) return;
  state().file->log({"golong", to_spdlog(level), spdlog::string_view_t(message.data(), message.size())});
  state().file->flush();
}

bool enabled(Level level) { return level != Level::off && state().logger->should_log(to_spdlog(level)); }

}  // namespace golong::log
