#include "core/report/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The log of a run's folder, read back when it is closed.
class LogFile : public ::testing::Test {
 protected:
  LogFile()
      : folder_(std::filesystem::temp_directory_path() / ("golong-log-" + std::to_string(getpid()))),
        path_(folder_ / "run" / "golong.log") {
    std::filesystem::remove_all(folder_);
    log::open_file(path_);
  }
  ~LogFile() override {
    log::close_file();
    log::set_level(before_);
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path folder_, path_;
  const log::Level before_ = log::level();
};

TEST_F(LogFile, PiecesAreJoined) {
  log::set_level(log::Level::error);
  log::info("read ", 3, " rows, ", 0.5, " of them {} %s");
  EXPECT_THAT(read_file(path_), HasSubstr("info: read 3 rows, 0.5 of them {} %s\n"));
}

TEST_F(LogFile, KeepsInfoWhateverTheTerminalShows) {
  log::set_level(log::Level::off);
  log::debug("quiet");
  log::info("kept");
  const std::string text = read_file(path_);
  EXPECT_THAT(text, HasSubstr("kept"));
  EXPECT_THAT(text, Not(HasSubstr("quiet")));
}

TEST_F(LogFile, IsAppendedTo) {
  log::set_level(log::Level::off);
  log::info("before");
  log::close_file();
  log::info("nowhere");
  log::open_file(path_);
  log::info("after");
  const std::string text = read_file(path_);
  EXPECT_THAT(text, HasSubstr("before"));
  EXPECT_THAT(text, HasSubstr("after"));
  EXPECT_THAT(text, Not(HasSubstr("nowhere")));
}

TEST_F(LogFile, LinesOfThreadsStayWhole) {
  log::set_level(log::Level::off);
  std::vector<std::thread> threads;
  for (char letter : {'a', 'b', 'c', 'd'}) {
    threads.emplace_back([letter] {
      for (int i = 0; i < 100; ++i) log::info(std::string(60, letter), '$');
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::istringstream lines(read_file(path_));
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const std::string body = line.substr(line.find("info: ") + 6);
    EXPECT_EQ(body, std::string(60, body[0]) + "$");
  }
  EXPECT_EQ(count, 400u);
}

TEST_F(LogFile, TheFileAloneGetsWhatTheTerminalHasAnyway) {
  testing::internal::CaptureStderr();
  log::write_to_file(log::Level::error, "why it ended");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_THAT(read_file(path_), HasSubstr("error: why it ended"));
}

TEST_F(LogFile, AFolderThatCannotBeMadeIsNamed) {
  try {
    log::open_file(path_ / "below-a-file" / "golong.log");
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("below-a-file"));
  }
}

TEST(LogLevels, WordsAreKnown) {
  EXPECT_EQ(log::parse_level("Warning"), log::Level::warning);
  EXPECT_EQ(log::parse_level("off"), log::Level::off);
  EXPECT_THROW(log::parse_level("loud"), Error);
}

// What a process that starts with GOLONG_LOG does.
void log_in_child(const char* level) {
  setenv("GOLONG_LOG", level, 1);
  log::debug("a debug line");
  log::info("an info line");
  log::error("an error line");
  _exit(0);
}

TEST(LogLevelDeathTest, EnvironmentDecides) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(log_in_child("debug"), ::testing::ExitedWithCode(0), "a debug line");
  EXPECT_EXIT(log_in_child("error"), ::testing::ExitedWithCode(0), "^[0-9:]+ error: an error line\n$");
  EXPECT_EXIT(log_in_child("loud"), ::testing::ExitedWithCode(0), "GOLONG_LOG: log level \"loud\" is not known");
}

}  // namespace
}  // namespace golong
