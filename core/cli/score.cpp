// golong score --input rows.jsonl [--output scores.jsonl]
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/cli/command.h"
#include "core/data/row_file.h"
#include "core/report/progress.h"
#include "core/score/row_scorer.h"

namespace golong {
namespace {

struct Options {
  ConfigOptions config;
  std::string input;
  std::string output;
  int64_t threads = -1;  // as the config says
};

// Rows that are in memory at the same time, and between two steps of the progress.
constexpr size_t most_rows = 512;
constexpr size_t most_bytes = size_t{64} << 20;

struct Counts {
  std::map<Outcome, size_t> outcomes;
  size_t gated = 0;  // of those that are scored
};

Counts write_scores(const RowFile& rows, const RowScorer& scorer, std::ostream& out) {
  Counts counts;
  Progress progress("score", static_cast<int64_t>(rows.size()), {.plain_seconds = 10});
  std::vector<ScoreLine> lines;
  size_t bytes = 0;
  for (size_t i = 0; i < rows.size() && out; ++i) {
    lines.push_back(score_line(rows, i));
    bytes += lines.back().json.size();
    if (lines.size() < most_rows && bytes < most_bytes && i + 1 < rows.size()) continue;
    for (const ScoredRow& row : scorer.score(lines)) {
      for (const ScoredResponse& response : row.scores) {
        ++counts.outcomes[response.outcome];
        counts.gated += response.outcome == Outcome::scored && response.detail.starts_with("gate:");
      }
      out << row.to_json() << '\n';
    }
    progress.update(static_cast<int64_t>(i) + 1);
    lines.clear();
    bytes = 0;
  }
  out.flush();
  return counts;
}

void run(const Options& options) {
  check_output(options.input, options.output);
  Config config = options.config.load();
  if (options.threads >= 0) config.rewards.threads = options.threads;
  const RowScorer scorer(config, load_plugins(config));
  const RowFile rows(options.input);
  Counts counts;
  if (options.output.empty()) {
    counts = write_scores(rows, scorer, std::cout);
    if (!std::cout) fail("cannot write the output");
  } else {
    OutputFile output(options.output);
    counts = write_scores(rows, scorer, output.stream());
    output.commit();
  }
  const size_t scored = counts.outcomes[Outcome::scored];
  size_t all = 0;
  std::string others;
  for (const auto& [outcome, count] : counts.outcomes) {
    all += count;
    if (outcome != Outcome::scored && count) others += ", " + std::to_string(count) + " " + name(outcome);
  }
  if (counts.gated) others += "; " + std::to_string(counts.gated) + " of the scored failed the gate";
  std::fprintf(stderr, "%zu rows, %zu of %zu responses scored%s\n", rows.size(), scored, all, others.c_str());
  if (scored != all) throw ExitStatus{3};
}

}  // namespace

void add_score_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("score", "Scores responses with the rewards that their rows ask for");
  auto options = std::make_shared<Options>();
  add_config_option(*command, options->config);
  command
      ->add_option("--input", options->input,
                   "JSONL or Parquet: rows in the released schema, with `response`, a text or a list")
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
