// report.html, the curves' SVG and summary.json, from the folders of made-up runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <regex>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/report/curves.h"
#include "core/report/html.h"
#include "core/report/metrics.h"
#include "core/report/run_info.h"
#include "core/report/samples.h"
#include "core/report/summary.h"
#include "tests/unit/error_message.h"

namespace golong {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

size_t count(const std::string& text, const std::string& piece) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(piece, at)) != std::string::npos; at += piece.size()) ++found;
  return found;
}

class Pages : public ::testing::Test {
 protected:
  Pages() : folder_(std::filesystem::temp_directory_path() / ("golong-pages-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~Pages() override { std::filesystem::remove_all(folder_); }

  // A run of `steps` steps whose reward is step / 1000 + shift.
  std::filesystem::path run(const std::string& name, int steps, double shift = 0) const {
    const auto directory = folder_ / name;
    MetricsWriter writer(directory / "metrics.jsonl", std::nullopt);
    for (int step = 1; step <= steps; ++step) {
      writer.write(step, {{"reward/mean", step / 1000.0 + shift},
                          {"reward/task/summarization", 0.5},
                          {"reward/task/a_third_party_task", 0.25},
                          {"reward/task/precise_retrieval", step % 2 ? std::nan("") : 0.75}});
    }
    return directory;
  }

  // What the page's script reads.
  static json::value data(const std::string& page) {
    const std::string open = "<script type=\"application/json\" id=\"data\">";
    const size_t begin = page.find(open) + open.size();
    return json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  }

  std::string report(const std::vector<std::filesystem::path>& runs) const {
    write_report(folder_ / "report.html", runs);
    return read_file(folder_ / "report.html");
  }

  std::filesystem::path folder_;
};

TEST_F(Pages, HoldsTheMetricsByColumn) {
  const json::value page = data(report({run("one", 3)}));
  const json::object& one = page.at("runs").at(0).as_object();
  EXPECT_EQ(one.at("name"), "one");
  EXPECT_EQ(json::serialize(one.at("steps")), "[1,2,3]");
  EXPECT_EQ(json::serialize(one.at("metrics").at("reward/mean")), "[1E-3,2E-3,3E-3]");
  EXPECT_EQ(json::serialize(one.at("metrics").at("reward/task/precise_retrieval")), "[null,7.5E-1,null]");
  EXPECT_EQ(json::serialize(one.at("tasks")), R"(["precise_retrieval","summarization","a_third_party_task"])");
  EXPECT_TRUE(one.at("summary").is_null());
}

TEST_F(Pages, NeedsNothingFromElsewhere) {
  const std::string page = report({run("one", 3)});
  for (const char* outside : {"src=", "@import", "<link", "url(", "fetch(", "XMLHttpRequest", "innerHTML"}) {
    EXPECT_THAT(page, Not(HasSubstr(outside))) << outside;
  }
  // The name of SVG's namespace is the only address; nothing is loaded from it.
  std::smatch address;
  std::string rest = page;
  while (std::regex_search(rest, address, std::regex("https?://[^'\" ]+"))) {
    EXPECT_EQ(address.str(), "http://www.w3.org/2000/svg");
    rest = address.suffix();
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

TEST_F(Pages, TextOfAModelCannotBreakOut) {
  const auto directory = run("one", 1);
  const std::string evil = "</script><script>alert(1)</script><!-- \u2028 & \"";
  SampleWriter(directory / "samples.jsonl", std::nullopt)
      .write({1, "summarization", "rouge_l", "u", evil, evil, evil, 0.5, "scored", evil, std::nullopt});
  write_run_info(directory, "<b>name</b>", {{"<i>", "</title>"}}, std::nullopt);
  const std::string page = report({directory});
  EXPECT_EQ(count(page, "</script>"), 2u);
  EXPECT_EQ(count(page, "</title>"), 1u);
  EXPECT_THAT(page, Not(HasSubstr("<b>name")));
  EXPECT_THAT(page, Not(HasSubstr("<!--")));
  const json::value sample = data(page).at("runs").at(0).at("samples").at(0);
  for (const char* part : {"prompt", "response", "gold", "detail"}) EXPECT_EQ(sample.at(part).as_string(), evil);
}

TEST_F(Pages, SeveralRunsStandBesideOneAnother) {
  const json::value page = data(report({run("one", 3), run("two", 5, 0.1)}));
  ASSERT_EQ(page.at("runs").as_array().size(), 2u);
  EXPECT_EQ(page.at("runs").at(1).at("name"), "two");
  EXPECT_EQ(page.at("runs").at(1).at("steps").as_array().size(), 5u);
}

TEST_F(Pages, LongRunsAreThinned) {
  const auto directory = run("long", 4500);
  SampleWriter writer(directory / "samples.jsonl", std::nullopt);
  for (int step = 1; step <= 4500; ++step) {
    writer.write({step, "summarization", "rouge_l", "u", "", "", "", std::nullopt, "timeout", "", std::nullopt});
  }
  const json::value page = data(report({directory}));
  const json::object& one = page.at("runs").at(0).as_object();
  EXPECT_EQ(one.at("steps").as_array().size(), 1500u);  // three steps each
  EXPECT_EQ(one.at("thinned"), 3);
  EXPECT_NEAR(one.at("metrics").at("reward/mean").at(1).to_number<double>(), 0.005, 1e-9);  // mean of steps 4, 5, 6
  EXPECT_NEAR(one.at("metrics").at("reward/task/precise_retrieval").at(0).to_number<double>(), 0.75, 1e-9);
  const json::array& samples = one.at("samples").as_array();
  EXPECT_EQ(samples.size(), 400u);
  EXPECT_EQ(samples.back().at("step"), 4500);
  for (size_t i = 1; i < samples.size(); ++i) {
    EXPECT_LT(samples[i - 1].at("step").to_number<int>(), samples[i].at("step").to_number<int>());
  }
  EXPECT_EQ(one.at("sample_count"), 4500);
}

TEST_F(Pages, WhatIsMissingIsNamed) {
  EXPECT_THAT(error_message([&] { report({folder_ / "nothing"}); }), HasSubstr("nothing: no metrics.jsonl"));
  EXPECT_THAT(error_message([&] { report({}); }), HasSubstr("at least one run"));
  const auto directory = run("one", 1);
  std::ofstream(directory / "run.json") << "{\"name\": 3}";
  EXPECT_THAT(error_message([&] { report({directory}); }), HasSubstr("run.json: expected"));
}

TEST_F(Pages, ARunThatGoesOnUnderAnotherConfigShowsBoth) {
  const auto directory = run("one", 1);
  const auto rate_after = [&](const std::string& rate, std::optional<int64_t> resumed_step) {
    write_run_info(directory, "one", {{"seed", "7"}, {"learning rate", rate}}, resumed_step);
    const RunInfo info = read_run_info(directory / "run.json");
    EXPECT_EQ(info.facts.at(0).text(), "7");
    return info.facts.at(1).text();
  };
  EXPECT_EQ(rate_after("0.001", std::nullopt), "0.001");
  EXPECT_EQ(rate_after("0.001", 50), "0.001");
  EXPECT_EQ(rate_after("0.0005", 120), "0.001; from step 121: 0.0005");
  EXPECT_EQ(rate_after("0.0001", 150), "0.001; from step 121: 0.0005; from step 151: 0.0001");
  EXPECT_THAT(report({directory}), HasSubstr("from step 151: 0.0001"));
  EXPECT_EQ(rate_after("0.002", 140),
            "0.001; from step 121: 0.0005; from step 141: 0.002");  // from a checkpoint before
  EXPECT_EQ(rate_after("0.001", 100), "0.001");
  EXPECT_EQ(rate_after("0.002", std::nullopt), "0.002");
  std::ofstream(directory / "run.json") << R"({"name": "one", "facts": {"seed": {"1": "7", "two": "8"}}})";
  EXPECT_THAT(error_message([&] { report({directory}); }),
              HasSubstr("run.json: expected {\"step\": text} for the fact \"seed\", found \"two\""));
}

TEST_F(Pages, ARunWithoutStepsIsAPage) { EXPECT_THAT(report({run("empty", 0)}), HasSubstr("\"steps\":[]")); }

TEST_F(Pages, SummaryReadsBack) {
  const auto path = folder_ / "summary.json";
  Summary summary;
  summary.before["summarization"] = task_score(std::vector<double>{0.0, 1.0, 0.5, 0.5});
  summary.after["summarization"] = task_score(std::vector<double>{1.0});
  summary.seed = 7;
  write_summary(path, summary);
  const json::value text = json::parse(read_file(path));
  EXPECT_EQ(json::serialize(text.at("before")), R"({"summarization":5E-1})");
  EXPECT_EQ(text.at("count").at("before").at("summarization"), 4);
  EXPECT_FALSE(text.at("standard_error").at("after").as_object().contains("summarization"));
  const Summary back = read_summary(path);
  EXPECT_NEAR(*back.before.at("summarization").standard_error, std::sqrt(0.5 / 3 / 4), 1e-15);
  EXPECT_EQ(back.after.at("summarization").mean, 1);
  EXPECT_EQ(back.after.at("summarization").count, 1);
  EXPECT_EQ(back.seed, 7);
}

TEST_F(Pages, SummaryWithoutErrorsIsRead) {
  const auto path = folder_ / "summary.json";
  std::ofstream(path) << R"({"before": {"a": 0}, "after": {"a": 1.0}})";
  const Summary summary = read_summary(path);
  EXPECT_EQ(summary.after.at("a").mean, 1);
  EXPECT_FALSE(summary.after.at("a").standard_error);
  std::ofstream(path) << R"({"before": {"a": "x"}})";
  EXPECT_THAT(error_message([&] { read_summary(path); }), HasSubstr("expected a number for \"a\""));
  std::ofstream(path) << R"({"before": 3})";
  EXPECT_THAT(error_message([&] { read_summary(path); }), HasSubstr("\"before\""));
  EXPECT_THAT(error_message([&] {
                Summary broken;
                broken.before["a"].mean = std::nan("");
                write_summary(path, broken);
              }),
              HasSubstr("not finite"));
}

TEST_F(Pages, CurvesOfSeedsBecomeOne) {
  const auto picture = folder_ / "curves.svg";
  CurvesOptions options;
  options.names = {"A & B", "A & B", "C"};
  options.title = "Title <1>";
  write_curves_svg(picture, {run("a", 20), run("b", 20, 0.2), run("c", 10)}, options);
  const std::string svg = read_file(picture);
  EXPECT_THAT(svg, HasSubstr("Title &lt;1&gt;"));
  EXPECT_THAT(svg, HasSubstr("A &amp; B, mean of 2 seeds"));
  EXPECT_THAT(svg, Not(HasSubstr("script")));
  EXPECT_THAT(svg, HasSubstr("A third party task"));
  // Overall and three tasks: a mean for each name, and the two seeds of one faint.
  EXPECT_EQ(count(svg, "stroke-width=\"2.2\""), 4u * 2);
  EXPECT_EQ(count(svg, "opacity=\"0.35\""), 4u * 2);
}

TEST_F(Pages, CurvesLieWhereTheValuesAre) {
  const auto picture = folder_ / "curves.svg";
  const auto directory = folder_ / "flat";
  MetricsWriter writer(directory / "metrics.jsonl", std::nullopt);
  for (int step = 0; step <= 10; ++step) writer.write(step, {{"reward/mean", 0.25}});
  CurvesOptions options;
  options.tasks = false;
  write_curves_svg(picture, {directory}, options);
  // The plot spans 80 (value 0.3, its highest tick) to 286 (value 0): 80 + 206 * 0.05 / 0.3 = 114.3.
  EXPECT_THAT(read_file(picture), HasSubstr("d=\"M58.0 114.3L145.8 114.3"));
}

TEST_F(Pages, CurvesNeedSteps) {
  EXPECT_THAT(error_message([&] { write_curves_svg(folder_ / "x.svg", {run("empty", 0)}); }), HasSubstr("no step yet"));
  CurvesOptions options;
  options.names = {"one", "two"};
  EXPECT_THAT(error_message([&] { write_curves_svg(folder_ / "x.svg", {run("one", 2)}, options); }),
              HasSubstr("as many names"));
}

}  // namespace
}  // namespace golong
