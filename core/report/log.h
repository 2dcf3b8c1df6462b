// Log lines for people: to stderr, and to a file once a run has a folder. Start here to read this folder.
//
// Thread-safe. Lines to a terminal go around the progress bar (console.h). The level comes from the environment
// variable GOLONG_LOG (debug, info, warning, error, off), else info; the file keeps everything from info on. spdlog
// does the work in log.cpp; no type of it shows here.
#pragma once
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>

namespace golong::log {

enum class Level { debug, info, warning, error, off };

// The level of a word, whatever its case. Throws Error with the known words.
Level parse_level(std::string_view word);

void set_level(Level level);
Level level();

// Also writes to this file, appended to, until another one is opened or the process ends. Makes the folder. Throws
// Error that names the path.
void open_file(const std::filesystem::path& path);
void close_file();

// Logs into a file, too, while it lives.
struct ToFile {
  explicit ToFile(const std::filesystem::path& path) { open_file(path); }
  ~ToFile() { close_file(); }
  ToFile(const ToFile&) = delete;
  ToFile& operator=(const ToFile&) = delete;
};

void write(Level level, const std::string& message);
// To the file alone, for what the terminal gets in another way.
void write_to_file(Level level, const std::string& message);

// log::info("read ", rows, " rows from ", path): the pieces are put together only where somebody reads them.
bool enabled(Level level);
template <class... Parts>
void write_parts(Level level, const Parts&... parts) {
  if (!enabled(level)) return;
  std::ostringstream message;
  (message << ... << parts);
  write(level, message.str());
}
template <class... Parts>
void debug(const Parts&... parts) {
  write_parts(Level::debug, parts...);
}
template <class... Parts>
void info(const Parts&... parts) {
  write_parts(Level::info, parts...);
}
template <class... Parts>
void warning(const Parts&... parts) {
  write_parts(Level::warning, parts...);
}
template <class... Parts>
void error(const Parts&... parts) {
  write_parts(Level::error, parts...);
}

}  // namespace golong::log
