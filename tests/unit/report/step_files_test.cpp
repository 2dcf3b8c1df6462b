#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/report/metrics.h"
#include "core/report/samples.h"
#include "tests/unit/error_message.h"

namespace golong {
namespace {

using ::testing::HasSubstr;

class StepFiles : public ::testing::Test {
 protected:
  StepFiles() {
    folder_ =
        std::filesystem::temp_directory_path() / ("golong-step-files-" + std::to_string(getpid()) + "-" +
                                                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~StepFiles() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path file(const std::string& name = "metrics.jsonl") const { return folder_ / name; }
  void put(const std::string& text) const { std::ofstream(file()) << text; }
  std::vector<int64_t> steps() const {
    std::vector<int64_t> found;
    for (const MetricsRow& row : read_metrics(file())) found.push_back(row.step);
    return found;
  }

  std::filesystem::path folder_;
};

TEST_F(StepFiles, NumbersReadBackExactly) {
  const Metrics metrics = {{"third", 1.0 / 3}, {"tiny", 5e-324}, {"large", -1.7e308}, {"zero", 0}, {"count", 12}};
  MetricsWriter(file(), std::nullopt).write(3, metrics);
  const auto rows = read_metrics(file());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].step, 3);
  EXPECT_EQ(rows[0].values, metrics);
}

TEST_F(StepFiles, LinesAreThereAsSoonAsTheyAreWritten) {
  MetricsWriter writer(file(), std::nullopt);
  writer.write(1, {{"a", 1}});
  EXPECT_EQ(read_file(file()), "{\"step\": 1, \"a\": 1}\n");
  writer.write(2, {});
  EXPECT_EQ(steps(), (std::vector<int64_t>{1, 2}));
}

TEST_F(StepFiles, WhatIsNotFiniteBecomesNull) {
  MetricsWriter(file(), std::nullopt)
      .write(1, {{"nan", std::nan("")}, {"inf", std::numeric_limits<double>::infinity()}});
  EXPECT_THAT(read_file(file()), HasSubstr("\"inf\": null, \"nan\": null"));
  EXPECT_TRUE(std::isnan(read_metrics(file())[0].values.at("inf")));
}

TEST_F(StepFiles, ResumingCutsOffLaterSteps) {
  {
    MetricsWriter writer(file(), std::nullopt);
    for (int step = 1; step <= 7; ++step) writer.write(step, {{"value", step}});
  }
  MetricsWriter writer(file(), 4);
  EXPECT_EQ(steps(), (std::vector<int64_t>{1, 2, 3, 4}));
  EXPECT_THAT(error_message([&] { writer.write(4, {}); }), HasSubstr("step 4"));
  writer.write(5, {{"value", 50}});
  EXPECT_EQ(steps(), (std::vector<int64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(read_metrics(file()).back().values.at("value"), 50);
}

TEST_F(StepFiles, WhatBecomesKnownLaterIsAddedToTheLastLine) {
  for (const int earlier : {0, 1}) {  // lines before it
    MetricsWriter writer(file(), std::nullopt);
    if (earlier > 0) writer.write(1, {{"a", 0.1}});
    writer.write(2, {{"a", 1.0 / 3}, {"b", std::nan("")}, {"c", 7}});
    writer.add(2, {{"c", 8}, {"d", 9}});
    EXPECT_EQ(read_file(file()), std::string(earlier > 0 ? "{\"step\": 1, \"a\": 0.1}\n" : "") +
                                     "{\"step\": 2, \"a\": 0.3333333333333333, \"b\": null, \"c\": 8, \"d\": 9}\n");
    writer.write(3, {{"a", 4}});
    writer.add(4, {{"a", 5}});  // whose line is not there
    EXPECT_EQ(read_metrics(file()).back().values.at("a"), 5);
    EXPECT_EQ(steps().back(), 4);
  }
}

TEST_F(StepFiles, ResumingWithoutAFileStartsOne) {
  MetricsWriter(file("new/metrics.jsonl"), 4).write(5, {});
  EXPECT_EQ(read_metrics(file("new/metrics.jsonl")).size(), 1u);
}

TEST_F(StepFiles, ANewRunStartsEmpty) {
  put("{\"step\": 1}\n{\"step\": 2}\n");
  MetricsWriter writer(file(), std::nullopt);
  EXPECT_TRUE(steps().empty());
  writer.write(1, {});
  EXPECT_EQ(steps(), std::vector<int64_t>{1});
}

TEST_F(StepFiles, ATornLastLineIsLeftOut) {
  put("{\"step\": 1, \"a\": 1}\n{\"step\": 2, \"a\": 2}\n{\"step\": 3, \"a\"");
  EXPECT_EQ(steps(), (std::vector<int64_t>{1, 2}));
  MetricsWriter(file(), 9).write(10, {});
  EXPECT_EQ(steps(), (std::vector<int64_t>{1, 2, 10}));
}

TEST_F(StepFiles, MalformedLinesAreNamed) {
  const auto read = [&] { read_metrics(file()); };
  put("{\"step\": 1}\nnonsense\n{\"step\": 3}\n");
  EXPECT_THAT(error_message(read), HasSubstr("metrics.jsonl:2: not JSON"));
  put("{\"step\": 1}\n{\"a\": 1}\n");
  EXPECT_THAT(error_message(read), HasSubstr("metrics.jsonl:2: expected an object with an integer \"step\""));
  put("[1]\n");
  EXPECT_THAT(error_message(read), HasSubstr("metrics.jsonl:1"));
  put("{\"step\": 2}\n{\"step\": 1}\n");
  EXPECT_THAT(error_message(read), HasSubstr("metrics.jsonl:2: step 1 comes after step 2"));
  put("{\"step\": 2}\n{\"step\": 2}\n");
  EXPECT_THAT(error_message(read), HasSubstr("metrics.jsonl:2: step 2 stands twice"));
  put("{\"step\": 2, \"a\": \"x\"}\n");
  EXPECT_THAT(error_message(read), HasSubstr("metrics.jsonl:1: \"a\" is no number"));
  std::filesystem::remove(file());
  EXPECT_THAT(error_message(read), HasSubstr("metrics.jsonl"));
}

TEST_F(StepFiles, AFullDiskIsAnError) {
  MetricsWriter writer(file(), std::nullopt);
  writer.write(1, {{"a", 1}});
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{std::filesystem::file_size(file()) + 5, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string text = error_message([&] { writer.write(2, {{"a", 2}}); });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(text, HasSubstr("metrics.jsonl: cannot be written"));
  EXPECT_EQ(steps(), std::vector<int64_t>{1});  // the torn line does not count
}

TEST_F(StepFiles, MetricPartsAreSanitised) {
  EXPECT_EQ(metric_part("T4.1 Global-Coverage Constrained Summary"), "T4-1_Global-Coverage_Constrained_Summary");
  EXPECT_EQ(metric_part("NDCG"), "NDCG");
}

TEST_F(StepFiles, SamplesReadBack) {
  const Sample sample{4,
                      "summarization",
                      "rouge_l",
                      "abc:3",
                      "end of \"prompt\"\n",
                      "<think>\x01 \u4e2d\u6587</script>",
                      "{\"gold\": 1}",
                      0.25,
                      "scored",
                      "",
                      -1.5};
  {
    SampleWriter writer(file("samples.jsonl"), std::nullopt);
    writer.write(sample);
    Sample other = sample;
    other.score = std::nullopt;
    other.outcome = "timeout";
    writer.write(other);
  }
  const auto samples = read_samples(file("samples.jsonl"));
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[0].response, sample.response);
  EXPECT_EQ(samples[0].prompt, sample.prompt);
  EXPECT_EQ(samples[0].score, 0.25);
  EXPECT_EQ(samples[0].advantage, -1.5);
  EXPECT_EQ(samples[1].score, std::nullopt);
  EXPECT_EQ(samples[1].outcome, "timeout");
  SampleWriter(file("samples.jsonl"), 3);
  EXPECT_TRUE(read_samples(file("samples.jsonl")).empty());
}

TEST_F(StepFiles, TextTailKeepsWholeCharacters) {
  EXPECT_EQ(text_tail("abc", 5), "abc");
  EXPECT_EQ(text_tail("abc", 3), "abc");
  EXPECT_EQ(text_tail("abcdef", 2), "...ef");
  EXPECT_EQ(text_tail("a\u4e2d\u6587", 1), "...\u6587");
  EXPECT_EQ(text_tail("", 3), "");
}

}  // namespace
}  // namespace golong
