#include "core/report/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "core/report/log.h"

namespace golong {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Both ends of a pipe: what a Console writes can be read back.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(ends_), 0); }
  ~Pipe() {
    if (ends_[1] >= 0) close(ends_[1]);
    close(ends_[0]);
  }
  int in() const { return ends_[1]; }
  // Everything written so far; nothing can be written afterwards.
  std::string text() {
    close(ends_[1]);
    ends_[1] = -1;
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = read(ends_[0], buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<size_t>(n));
    return all;
  }

 private:
  int ends_[2] = {-1, -1};
};

// What a terminal shows after these bytes: finished lines, and the line where the cursor stands.
std::vector<std::string> shown(const std::string& bytes) {
  std::vector<std::string> lines{""};
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes.compare(i, 5, "\r\x1b[2K") == 0) {
      lines.back().clear();
      i += 4;
    } else if (bytes[i] == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += bytes[i];
    }
  }
  return lines;
}

TEST(Console, LinesGoAboveTheStatus) {
  Pipe pipe;
  Console console(pipe.in(), true);
  console.status("12/200 reward 0.4");
  console.print("first");
  console.status("13/200 reward 0.5");
  console.print("second\nthird");
  EXPECT_EQ(shown(pipe.text()), (std::vector<std::string>{"first", "second", "third", "13/200 reward 0.5"}));
}

TEST(Console, NoControlBytesWithoutATerminal) {
  Pipe pipe;
  Console console(pipe.in(), false);
  console.status("status");
  console.print("line");
  console.status("");
  EXPECT_EQ(pipe.text(), "line\n");
}

TEST(Console, LinesOfThreadsStayWhole) {
  Pipe pipe;
  Console console(pipe.in(), true);
  std::vector<std::thread> threads;
  for (char letter : {'a', 'b', 'c', 'd'}) {
    threads.emplace_back([&console, letter] {
      for (int i = 0; i < 50; ++i) {
        console.status("status " + std::string(20, letter));
        console.print(std::string(30, letter));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  console.status("");
  std::vector<std::string> lines = shown(pipe.text());
  EXPECT_EQ(lines.back(), "");
  lines.pop_back();
  EXPECT_EQ(lines.size(), 200u);
  for (const std::string& line : lines) EXPECT_EQ(line, std::string(30, line[0]));
}

struct Watched {
  explicit Watched(bool terminal, int64_t first = 0, int64_t plain_every = 1) : console(pipe.in(), terminal) {
    options.first = first;
    options.plain_every = plain_every;
    options.minimum_redraw = 0;
    options.console = &console;
    options.clock = [this] { return now; };
  }
  Pipe pipe;
  Console console;
  double now = 100;
  ProgressOptions options;
};

TEST(Progress, PlainLinesWithoutATerminal) {
  Watched watched(false);
  {
    Progress progress("train", 3, watched.options);
    for (int step = 1; step <= 3; ++step) {
      watched.now += 10;
      progress.phase("generate");
      progress.update(step, 0.25 * step, 1234.5 * step);
    }
  }
  EXPECT_EQ(watched.pipe.text(),
            "train 1/3  reward 0.250  tokens/s 1.23k  left 20s\n"
            "train 2/3  reward 0.500  tokens/s 2.47k  left 10s\n"
            "train 3/3  reward 0.750  tokens/s 3.7k  in 30s\n");
}

TEST(Progress, PlainLinesCanBeFewer) {
  Watched watched(false, 0, 10);
  Progress progress("sft", 25, watched.options);
  for (int step = 1; step <= 25; ++step) progress.update(step, {});
  EXPECT_THAT(shown(watched.pipe.text()),
              ::testing::ElementsAre(StartsWith("sft 10/25"), StartsWith("sft 20/25"), StartsWith("sft 25/25"), ""));
}

TEST(Progress, TheBarShowsStepValuesPhaseAndTimeLeft) {
  Watched watched(true);
  Progress progress("train", 200, watched.options);
  watched.now += 2;
  progress.update(50, 0.5, 10);
  progress.phase("update");
  const std::string line = shown(watched.pipe.text()).back();
  EXPECT_THAT(line, StartsWith("train "));
  EXPECT_THAT(line, HasSubstr("50/200  reward 0.500  tokens/s 10  left 6s  update"));
}

TEST(Progress, TheBarGoesWhenItEnds) {
  Watched watched(true);
  {
    Progress progress("train", 2, watched.options);
    progress.update(1, {{"reward", "1"}});
  }
  EXPECT_EQ(shown(watched.pipe.text()), std::vector<std::string>{""});
}

TEST(Progress, NeverWiderThanTheTerminal) {
  Watched watched(true);
  Progress progress("train", 1000000, watched.options);
  progress.update(999999, {{"a long name for a value", "and a long value of it"}, {"another", std::string(90, 'x')}});
  EXPECT_LE(shown(watched.pipe.text()).back().size(), 79u);
}

TEST(Progress, StepsBeforeAResumeSayNothingAboutTheTimeLeft) {
  Watched watched(false, 90);
  Progress progress("train", 100, watched.options);
  watched.now += 7;
  progress.update(91, {});
  EXPECT_EQ(shown(watched.pipe.text())[0], "train 91/100  left 1m 03s");
}

TEST(Progress, DurationsAndCountsReadWell) {
  EXPECT_EQ(format_duration(0.4), "0s");
  EXPECT_EQ(format_duration(59.6), "1m 00s");
  EXPECT_EQ(format_duration(3661), "1h 01m");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_count(0.5), "0.5");
  EXPECT_EQ(format_count(999.4), "999");
  EXPECT_EQ(format_count(999.6), "1k");
  EXPECT_EQ(format_count(12345), "12.3k");
  EXPECT_EQ(format_count(4.56e6), "4.56M");
}

}  // namespace
}  // namespace golong
