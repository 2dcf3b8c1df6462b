// golong report RUN... --output report.html|curves.svg
#include <cstdio>
#include <filesystem>

#include "core/cli/command.h"
#include "core/report/curves.h"
#include "core/report/html.h"

namespace golong {
namespace {

struct Options {
  std::vector<std::string> runs;
  std::string output = "report.html";
  std::string title;
};

void run(const Options& options) {
  const std::vector<std::filesystem::path> runs(options.runs.begin(), options.runs.end());
  if (std::filesystem::path(options.output).extension() == ".svg") {
    CurvesOptions curves;
    if (!options.title.empty()) curves.title = options.title;
    write_curves_svg(options.output, runs, curves);
  } else {
    write_report(options.output, runs);
  }
  std::printf("written: %s\n", options.output.c_str());
}

}  // namespace

void add_report_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("report", "Writes the report of runs, side by side where there are several");
  auto options = std::make_shared<Options>();
  command->add_option("runs", options->runs, "Folders of runs (with metrics.jsonl)")
      ->required()
      ->type_name("RUN")
      ->check(CLI::ExistingDirectory);
  command->add_option("--output", options->output, "Page to write; a name that ends in .svg: the reward curves alone")
      ->capture_default_str()
      ->type_name("FILE");
  command->add_option("--title", options->title, "Title of the curves (.svg)")->type_name("TEXT");
  command->callback([options] { run(*options); });
}

}  // namespace golong
