// golong data make --documents FILE --output FILE ...
#include <algorithm>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/nearest.h"
#include "core/cli/command.h"
#include "core/pipeline/make_rows.h"

namespace golong {
namespace {

struct Options {
  ConfigOptions config;
  MakeOptions make;
  std::string output;
  std::string split = "all";
  std::vector<std::string> exclude;
  std::vector<std::string> languages;  // "Chinese=0.15"
};

std::map<std::string, double> parse_shares(const std::vector<std::string>& entries) {
  std::map<std::string, double> shares;
  double sum = 0;
  for (const auto& entry : entries) {
    const size_t mark = entry.find('=');
    size_t used = 0;
    double share = -1;
    try {
      if (mark != std::string::npos && mark > 0) share = std::stod(entry.substr(mark + 1), &used);
    } catch (const std::exception&) {  // not a number: told below, with the entry
      share = -1;
    }
    if (!(share >= 0 && share <= 1) || mark + 1 + used != entry.size()) {
      fail("--language ", entry, ": expected LANGUAGE=SHARE with a share from 0 to 1, e.g. Chinese=0.15");
    }
    shares[entry.substr(0, mark)] = share;
    sum += share;
  }
  if (sum > 1 + 1e-9) fail("--language: the shares add up to ", sum, ", expected at most 1");
  return shares;
}

// CLI11's own check for positive numbers answers with the largest double, written out.
const CLI::Validator& at_least_one() {
  static const CLI::Validator check(
      [](std::string& text) -> std::string {
        const bool digits =
            !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789") == std::string::npos;
        return digits && text.find_first_not_of('0') != std::string::npos
                   ? ""
                   : "\"" + text + "\": expected a whole number of at least 1";
      },
      "");
  return check;
}

void print_tally(const TaskTally& tally, size_t asked) {
  std::printf("%-22s %6zu rows", tally.task.c_str(), tally.rows);
  for (const auto& [source, rows] : tally.sources) {
    if (rows > 0) std::printf(", %s %zu", source.c_str(), rows);
  }
  if (tally.rows < asked) std::printf("; the documents give no more");
  if (tally.repeated > 0) std::printf("; %zu repeated left out", tally.repeated);
  if (tally.frequent > 0) std::printf("; %zu with an answer that enough rows have", tally.frequent);
  if (tally.imperfect > 0) std::printf("; %zu left out whose own answer scores below 1", tally.imperfect);
  std::printf("\n");
  std::fflush(stdout);
}

void run(Options& options) {
  check_output(options.make.documents.string(), options.output);
  for (const std::string& file : options.exclude) check_output(file, options.output);
  options.make.split = parse_split(options.split);
  options.make.exclude.assign(options.exclude.begin(), options.exclude.end());
  options.make.languages = parse_shares(options.languages);
  const Config config = options.config.load();
  const auto registry = load_plugins(config);
  const MadeRows made = make_rows(options.make, config, registry,
                                  [&](const TaskTally& tally) { print_tally(tally, options.make.rows_per_task); });
  if (made.lines.empty()) {
    fail("no rows: ", options.make.documents.string(), " has no document with a question whose context has at most ",
         options.make.max_context_bytes, " bytes (--max-context-bytes)");
  }
  size_t bytes = 0;
  for (const auto& line : made.lines) bytes += line.size() + 1;
  std::string all;
  all.reserve(bytes);
  for (const auto& line : made.lines) all += line + "\n";
  write_file_atomic(options.output, all);
  std::printf("written: %s (%zu rows)\n", options.output.c_str(), made.lines.size());
}

}  // namespace

void add_data_command(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Makes datasets");
  data->require_subcommand(1);
  CLI::App* make = data->add_subcommand("make", "Makes questions with checked answers from real documents");
  auto options = std::make_shared<Options>();
  add_config_option(*make, options->config);
  make->add_option("--documents", options->make.documents, "JSONL with {id, kind, language, text, title, group}")
      ->required()
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  make->add_option("--output", options->output, "Rows in the released schema, as JSONL")->required()->type_name("FILE");
  make->add_option("--rows-per-task", options->make.rows_per_task, "How many of each task")
      ->capture_default_str()
      ->check(at_least_one());
  make->add_option("--seed", options->make.seed, "The same seed gives the same rows")
      ->capture_default_str()
      ->check(seed());
  make->add_option("--split", options->split, "Which documents: train, eval (held out) or all")->capture_default_str();
  make->add_option("--eval-share", options->make.eval_share, "Share of the groups of documents that is held out")
      ->capture_default_str()
      ->check(number_within(0.0, 1.0));
  make->add_option("--max-context-bytes", options->make.max_context_bytes, "Longest part of a document in a prompt")
      ->capture_default_str()
      ->check(at_least_one());
  make->add_option("--max-answer-share", options->make.max_answer_share,
                   "Largest share of a task's rows with the same answer, so that guessing it does not pay")
      ->capture_default_str()
      ->check(number_within(0.0, 1.0));
  make->add_option("--task", options->make.tasks, "Only this task; may stand several times")->type_name("ID");
  make->add_option("--exclude", options->exclude, "Leave out rows that stand in this file; may stand several times")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  make->add_option("--language", options->languages, "Share of a language, e.g. Chinese=0.15; may stand several times")
      ->type_name("LANGUAGE=SHARE");
  make->callback([options] { run(*options); });
}

}  // namespace golong
