// golong score --input rows.jsonl [--output scores.jsonl]
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/cli/command.h"
#include "core/data/row_file.h"
#include "core/score/row_scorer.h"

namespace golong {
namespace {

struct Options {
  ConfigOptions config;
  std::string input;
  std::string output;
  int64_t threads = -1;  // as the config says
};

// Rows that are in memory at the same time.
constexpr size_t most_rows = 2048;
constexpr size_t most_bytes = size_t{64} << 20;

std::map<Outcome, size_t> write_scores(const RowFile& rows, const RowScorer& scorer, std::ostream& out) {
  std::map<Outcome, size_t> outcomes;
  std::vector<ScoreLine> lines;
  size_t bytes = 0;
  for (size_t i = 0; i < rows.size() && out; ++i) {
    lines.push_back({rows.line(i), rows.where(i)});
    bytes += lines.back().json.size();
    if (lines.size() < most_rows && bytes < most_bytes && i + 1 < rows.size()) continue;
    for (const ScoredRow& row : scorer.score(lines)) {
      for (const ScoredResponse& response : row.scores) ++outcomes[response.outcome];
      out << row.to_json() << '\n';
    }
    lines.clear();
    bytes = 0;
  }
  out.flush();
  return outcomes;
}

// The output appears when it is complete.
std::map<Outcome, size_t> write_file(const RowFile& rows, const RowScorer& scorer, const std::string& path) {
  const std::string unfinished = path + ".part";
  try {
    std::ofstream out(unfinished, std::ios::binary | std::ios::trunc);
    auto outcomes = write_scores(rows, scorer, out);
    out.close();
    if (!out) fail("cannot write ", path, " (is the disk full, or the folder not there?)");
    std::filesystem::rename(unfinished, path);
    return outcomes;
  } catch (...) {
    std::error_code ignored;  // what went wrong before says more
    std::filesystem::remove(unfinished, ignored);
    throw;
  }
}

void run(const Options& options) {
  Config config = options.config.load();
  if (options.threads >= 0) config.rewards.threads = options.threads;
  const RowScorer scorer(config, load_plugins(config));
  const RowFile rows(options.input);
  std::map<Outcome, size_t> outcomes;
  if (options.output.empty()) {
    outcomes = write_scores(rows, scorer, std::cout);
    if (!std::cout) fail("cannot write the output");
  } else {
    outcomes = write_file(rows, scorer, options.output);
  }
  const size_t scored = outcomes[Outcome::scored];
  size_t all = 0;
  std::string others;
  for (const auto& [outcome, count] : outcomes) {
    all += count;
    if (outcome != Outcome::scored && count) others += ", " + std::to_string(count) + " " + name(outcome);
  }
  std::fprintf(stderr, "%zu rows, %zu of %zu responses scored%s\n", rows.size(), scored, all, others.c_str());
  if (scored != all) throw ExitStatus{3};
}

}  // namespace

void add_score_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("score", "Scores responses with the rewards that their rows ask for");
  auto options = std::make_shared<Options>();
  add_config_option(*command, options->config);
  command->add_option("--input", options->input, "JSONL rows in the released schema, with `response`: a text or a list")
      ->required()
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command
      ->add_option(
          "--output", options->output,
          "JSONL rows {id, task, reward, score, outcome, detail}, in the order of the input; without it, stdout")
      ->type_name("FILE");
  command->add_option("--threads", options->threads, "Scoring threads; 0: all cores. Without it, rewards.threads")
      ->check(CLI::Range(0, 4096));
  command->callback([options] { run(*options); });
}

}  // namespace golong
