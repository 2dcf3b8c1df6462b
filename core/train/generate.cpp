#include "core/train/generate.h"

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/json_writer.h"
#include "core/config/toml_text.h"
#include "core/data/json_slice.h"
#include "core/data/row_file.h"
#include "core/report/log.h"
#include "core/report/progress.h"
#include "core/text/utf8.h"
#include "core/train/generator.h"
#include "core/train/part_file.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// What the output depends on, as TOML: two parts of one work say the same.
std::string settings(const GenerateOptions& o, const RowFile& rows) {
  const SamplingOptions& s = o.sampling;
  std::string stop;
  for (const std::string& text : s.stop) stop += (stop.empty() ? "" : ", ") + toml_string(text);
  std::ostringstream text;
  text << "input = " << toml_string(rows.fingerprint()) << "\nmodel = " << toml_string(fs::canonical(o.model).string())
       << "\nmodel-files = " << toml_string(fingerprint_of_files(o.model)) << "\ndtype = " << toml_string(o.dtype)
       << "\nbatch-invariant = " << (o.batch_invariant ? "true" : "false") << "\ndevice = " << toml_string(o.device)
       << "\nchat-template = " << toml_string(o.raw ? "" : o.chat_template) << "\nn = " << o.n
       << "\nmax-new-tokens = " << s.max_new_tokens << "\ntemperature = " << toml_number(s.temperature)
       << "\ntop-p = " << toml_number(s.top_p) << "\ntop-k = " << s.top_k << "\nmin-p = " << toml_number(s.min_p)
       << "\nrepetition-penalty = " << toml_number(s.repetition_penalty) << "\nstop = [" << stop
       << "]\nseed = " << s.seed << "\nlogprobs = " << (o.logprobs ? "true" : "false") << "\n";
  return text.str();
}

// Responses of rows that are done, while one before them is not: so many are in memory, and lost with the process.
constexpr int64_t most_waiting = 4096;

class RowGenerator {
 public:
  RowGenerator(const GenerateOptions& options, const RowFile& rows)
      : options_(options), rows_(rows), generator_(options, options.n, /*uses_chat=*/!options.raw) {}

  // Reads all rows. Throws Error for the first of those from `first` on that cannot be answered: before hours have gone
  // into those before it.
  void check(size_t first) {
    std::map<uint64_t, uint64_t> drawn;
    for (size_t i = 0; i < rows_.size(); ++i) {
      const Row row = rows_.read(i);
      draws_.push_back(drawn[key(row, i)]++);
      if (i >= first) generator_.check(prompt(i));
    }
  }

  // Writes the lines of the rows from `first` on, in their order, each as soon as it and those before it are there. A
  // row begins when there is room for its responses. Throws Stopped.
  void run(size_t first, StopFlag* stop, PartFile& output) {
    const auto tokens_of = [this](size_t rows) {
      return static_cast<int64_t>(rows) * options_.n * options_.sampling.max_new_tokens;
    };
    Progress progress("generate", tokens_of(rows_.size()), {.first = tokens_of(first), .plain_seconds = 10});
    int64_t tokens = tokens_of(first);  // of responses; one that has ended counts as if it were full
    size_t begun = first, written = first;
    std::map<size_t, std::string> waiting;  // lines of rows behind one that is not done yet
    const auto show = [&] {
      progress.update(tokens, {{"rows", std::to_string(written) + "/" + std::to_string(rows_.size())}});
    };
    RolloutHooks hooks;
    hooks.should_stop = [&] {
      show();
      return stop_asked(stop);
    };
    hooks.more = [&](int64_t, int64_t room) {
      std::vector<Prompt> prompts;
      if (static_cast<int64_t>(waiting.size()) * options_.n >= most_waiting) return prompts;
      for (; begun < rows_.size() && room > 0; room -= options_.n) prompts.push_back(prompt(begun++));
      return prompts;
    };
    hooks.on_token = [&](const Group&, size_t) { ++tokens; };
    hooks.on_done = [&](size_t index, Group& group) {
      for (const Response& response : group.responses) {
        tokens += options_.sampling.max_new_tokens - static_cast<int64_t>(response.token_ids.size());
      }
      waiting[first + index] = line(rows_.line(first + index), std::exchange(group, {}));
      for (auto next = waiting.begin(); next != waiting.end() && next->first == written; next = waiting.begin()) {
        output.write(next->second);
        waiting.erase(next);
        ++written;
      }
    };
    generator_.generate({}, 0, hooks);
    show();
  }

 private:
  Prompt prompt(size_t index) const {
    const Row row = rows_.read(index);
    const std::string where = rows_.where(index);
    if (row.prompt.empty())
      fail(where, ": there is no column prompt, or nothing in it; expected a text or a list of messages");
    if (options_.raw && (row.prompt.size() > 1 || row.prompt[0].role != "user")) {
      fail(where, ": --raw takes a prompt that is one text, found messages");
    }
    Prompt prompt;
    prompt.uid = where;
    prompt.key = key(row, index);
    prompt.draw = draws_[index];
    const Tokenizer& tokenizer = *generator_.tokenizer();
    try {
      prompt.token_ids =
          options_.raw ? tokenizer.encode(row.prompt[0].content) : generator_.chat().encode(tokenizer, row.prompt, {});
    } catch (const Error& error) {
      fail(where, ": ", error.what());
    }
    return prompt;
  }

  uint64_t key(const Row& row, size_t index) const {
    return hash64(row.id.empty() ? std::to_string(rows_.line_number(index)) : row.id);
  }

  std::string line(const std::string& row, const Group& group) const {
    json::array texts, ids, finishes, logprobs, sampled;
    for (const Response& response : group.responses) {
      texts.emplace_back(response.text);
      ids.emplace_back(json::array(response.token_ids.begin(), response.token_ids.end()));
      finishes.emplace_back(name(response.finish));
      logprobs.emplace_back(json::array(response.logprobs.begin(), response.logprobs.end()));
      sampled.emplace_back(json::array(response.sampled_logprobs.begin(), response.sampled_logprobs.end()));
    }
    json::object made{{"prompt_tokens", group.prompt.token_ids.size()},
                      {"response", texts},
                      {"response_ids", ids},
                      {"finish", finishes}};
    if (options_.logprobs) {
      made["logprobs"] = logprobs;
      made["sampled_logprobs"] = sampled;
    }
    const std::string text = to_valid_utf8(row);
    std::string kept;  // the row's other columns, as they stand
    for (const auto& [column, value] : JsonSlice::parse(text).members()) {
      if (column != "prompt" && !made.contains(column))
        kept += json_quote(column) + ": " + std::string(value.text()) + ", ";
    }
    return "{" + kept + to_json(made).substr(1) + "\n";
  }

  const GenerateOptions options_;
  const RowFile& rows_;
  Generator generator_;
  std::vector<uint64_t> draws_;  // of each row: how many before it have its id
};

}  // namespace

int64_t write_responses(const GenerateOptions& options, StopFlag* stop) {
  const RowFile rows(options.input, {});
  PartFile output(options.output, settings(options, rows));
  const size_t done = output.done();
  if (done > 0) log::info("going on after ", done, " of ", rows.size(), " rows in ", options.output, ".part");
  if (done < rows.size()) {
    RowGenerator generator(options, rows);
    generator.check(done);
    generator.run(done, stop, output);
  }
  output.commit();
  return static_cast<int64_t>(rows.size());
}

}  // namespace golong
