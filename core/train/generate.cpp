#include "core/train/generate.h"

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/file_lock.h"
#include "core/base/hash.h"
#include "core/base/json_writer.h"
#include "core/config/difference.h"
#include "core/config/toml_text.h"
#include "core/data/json_slice.h"
#include "core/data/row_file.h"
#include "core/report/log.h"
#include "core/report/progress.h"
#include "core/text/utf8.h"
#include "core/train/generator.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

// Rows that are generated together, and written together. A part always holds whole batches, so that what is generated
// beside a response, and the prompts that are found again, do not depend on where an earlier call ended.
size_t rows_together(const GenerateOptions& options) {
  return static_cast<size_t>(std::max<int64_t>(1, 256 / options.n));
}

// Sizes and times of the model's files: enough to see that another model is in the folder now.
std::string files_of(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files[entry.path().filename().string()] =
        std::to_string(entry.file_size()) + "/" + std::to_string(entry.last_write_time().time_since_epoch().count());
  }
  std::ostringstream text;
  for (const auto& [name, stamp] : files) text << name << "=" << stamp << "\n";
  return fingerprint(text.str());
}

// What the output depends on, as TOML: two parts of one work say the same.
std::string settings(const GenerateOptions& o, const RowFile& rows) {
  const SamplingOptions& s = o.sampling;
  std::string stop;
  for (const std::string& text : s.stop) stop += (stop.empty() ? "" : ", ") + toml_string(text);
  std::ostringstream text;
  text << "input = " << toml_string(rows.fingerprint()) << "\nmodel = " << toml_string(fs::canonical(o.model).string())
       << "\nmodel-files = " << toml_string(files_of(o.model)) << "\ndtype = " << toml_string(o.dtype)
       << "\ndevice = " << toml_string(o.device) << "\nchat-template = " << toml_string(o.raw ? "" : o.chat_template)
       << "\nn = " << o.n << "\nmax-new-tokens = " << s.max_new_tokens
       << "\ntemperature = " << toml_number(s.temperature) << "\ntop-p = " << toml_number(s.top_p)
       << "\ntop-k = " << s.top_k << "\nmin-p = " << toml_number(s.min_p)
       << "\nrepetition-penalty = " << toml_number(s.repetition_penalty) << "\nstop = [" << stop
       << "]\nseed = " << s.seed << "\nlogprobs = " << (o.logprobs ? "true" : "false") << "\n";
  return text.str();
}

// The rows that an earlier call has written, and the file to write the others to.
class Output {
 public:
  // `together`: a part that ends within so many rows is cut back to whole ones.
  Output(const std::string& path, const std::string& settings, size_t together)
      : path_(path), part_(path + ".part"), lock_(part_ + ".lock", part_) {
    if (fs::is_directory(path_)) fail("--output ", path_, " is a folder; expected a file");
    const std::string named = part_ + ".toml";
    // An empty part is what a command leaves that was refused: nothing of it is lost.
    if (fs::exists(part_) && fs::file_size(part_) > 0 && fs::exists(named)) {
      const std::vector<Difference> changes = differences(read_file(named), settings, named);
      if (!changes.empty()) fail(part_, " is part of other work; finish that, or remove it:", as_lines(changes));
      cut_to(together);
    } else {
      write_file_atomic(part_, "");
      write_file_atomic(named, settings);
    }
    out_.open(part_, std::ios::binary | std::ios::app);
    if (!out_) fail("cannot write ", part_);
  }

  size_t done() const { return done_; }

  void write(const std::string& lines) {
    out_ << lines << std::flush;
    if (!out_)
      fail("cannot write ", part_, " (is the disk full?); what is there stays, the same command goes on from it");
  }

  void commit() {
    out_.close();
    std::error_code error;
    fs::rename(part_, path_, error);
    if (error) fail("cannot write ", path_, ": ", error.message());
    for (const char* beside : {".toml", ".lock"}) fs::remove(part_ + beside, error);
  }

 private:
  // A call that was killed may have written half a line, or half a batch.
  void cut_to(size_t together) {
    const std::string text = read_file(part_);
    done_ = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
    done_ -= done_ % together;
    size_t whole = 0;
    for (size_t line = 0; line < done_; ++line) whole = text.find('\n', whole) + 1;
    fs::resize_file(part_, whole);
  }

  const std::string path_, part_;
  const FileLock lock_;
  std::ofstream out_;
  size_t done_ = 0;
};

class RowGenerator {
 public:
  explicit RowGenerator(const GenerateOptions& options)
      : options_(options), generator_(options, options.n, /*uses_chat=*/!options.raw) {}

  // Throws Error for the first row that cannot be answered: before hours have gone into those before it.
  void check(const RowFile& rows, size_t first) const {
    for (size_t i = first; i < rows.size(); ++i) {
      generator_.check(prompt(rows, i));
    }
  }

  // The lines of `count` rows from `first` on.
  std::string generate(const RowFile& rows, size_t first, size_t count, StopFlag* stop) {
    std::vector<Prompt> prompts;
    for (size_t i = first; i < first + count; ++i) prompts.push_back(prompt(rows, i));
    const std::vector<Group> groups = generator_.generate(std::move(prompts), static_cast<int64_t>(first),
                                                          {.should_stop = [stop] { return stop_asked(stop); }});
    std::string lines;
    for (size_t i = 0; i < groups.size(); ++i) lines += line(rows.line(first + i), groups[i]);
    return lines;
  }

 private:
  Prompt prompt(const RowFile& rows, size_t index) const {
    const Row row = rows.read(index);
    if (row.prompt.empty())
      fail(rows.where(index), ": there is no column prompt; expected a text or a list of messages");
    Prompt prompt;
    prompt.uid = rows.where(index);
    prompt.key = hash64(row.id.empty() ? std::to_string(rows.line_number(index)) : row.id);
    if (options_.raw && (row.prompt.size() > 1 || row.prompt[0].role != "user")) {
      fail(rows.where(index), ": --raw takes a prompt that is one text, found messages");
    }
    const Tokenizer& tokenizer = *generator_.tokenizer();
    prompt.token_ids =
        options_.raw ? tokenizer.encode(row.prompt[0].content) : generator_.chat().encode(tokenizer, row.prompt, {});
    return prompt;
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
  Generator generator_;
};

}  // namespace

int64_t write_responses(const GenerateOptions& options, StopFlag* stop) {
  const RowFile rows(options.input, {});
  const size_t together = rows_together(options);
  Output output(options.output, settings(options, rows), together);
  const size_t done = output.done(), all = rows.size();
  if (done > 0) log::info("going on after ", done, " of ", all, " rows in ", options.output, ".part");
  if (done < all) {
    RowGenerator generator(options);
    generator.check(rows, done);
    Progress progress("generate", static_cast<int64_t>(all),
                      {.first = static_cast<int64_t>(done), .plain_seconds = 10});
    for (size_t first = done; first < all; first += together) {
      const size_t count = std::min(together, all - first);
      output.write(generator.generate(rows, first, count, stop));
      progress.update(static_cast<int64_t>(first + count));
    }
  }
  output.commit();
  return static_cast<int64_t>(all);
}

}  // namespace golong
