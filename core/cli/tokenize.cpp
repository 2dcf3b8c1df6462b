// golong tokenize --model DIR --input rows.jsonl --output out.jsonl [--decode | --count]
#include <algorithm>
#include <map>
#include <span>

#include "core/base/error.h"
#include "core/base/output_file.h"
#include "core/cli/command.h"
#include "core/data/json_slice.h"
#include "core/data/parallel.h"
#include "core/data/row_file.h"
#include "core/text/tokenizer.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

struct Options {
  std::string model;
  std::string input;
  std::string output;
  bool decode = false;
  bool count = false;
  bool skip_special = false;
};

std::vector<int32_t> read_ids(const JsonSlice& value, const std::string& where) {
  if (!value.is(JsonSlice::Kind::array)) fail(where, ": ids is ", value.kind_name(), ", expected a list of token ids");
  std::vector<int32_t> ids;
  for (const JsonSlice& element : value.elements()) {
    const std::string text(element.text());
    const bool whole = !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
    if (!whole) fail(where, ": ids[", ids.size(), "] is ", text, ", expected a token id");
    ids.push_back(std::stoi(text));
  }
  return ids;
}

std::string list_of(std::span<const int32_t> ids) {
  std::string list = "[";
  for (int32_t id : ids) {
    if (list.size() > 1) list += ", ";
    list += std::to_string(id);
  }
  return list + "]";
}

// One line of the output, for one line of the input.
std::string converted(const Tokenizer& tokenizer, const Options& options, const RowFile& rows, size_t index) {
  const std::string where = rows.where(index);
  const std::string line = to_valid_utf8(rows.line(index));
  JsonSlice row;
  try {
    row = JsonSlice::parse(line);
  } catch (const Error& error) {
    fail(where, ": the line is no JSON: ", error.what());
  }
  if (!row.is(JsonSlice::Kind::object)) fail(where, ": the row is ", row.kind_name(), ", expected an object {...}");
  const auto members = row.members();
  const auto member = [&](const char* key) {
    const auto found = members.find(key);
    return found == members.end() ? JsonSlice() : found->second;
  };
  const std::string id = members.contains("id") ? std::string(member("id").text()) : "null";
  std::string result;
  if (options.decode) {
    const std::vector<int32_t> ids = read_ids(member("ids"), where);
    try {
      result = "\"text\": " + json_quote(tokenizer.decode(ids, options.skip_special));
    } catch (const Error& error) {
      fail(where, ": ", error.what());
    }
  } else {
    const JsonSlice text = member("text");
    if (!text.is(JsonSlice::Kind::string)) fail(where, ": text is ", text.kind_name(), ", expected a string");
    const std::vector<int32_t> ids = tokenizer.encode(text.string());
    result = options.count ? "\"tokens\": " + std::to_string(ids.size()) : "\"ids\": " + list_of(ids);
  }
  return "{\"id\": " + id + ", " + result + "}\n";
}

void run(const Options& options) {
  check_output(options.input, options.output);
  const auto tokenizer = Tokenizer::load(options.model);
  const RowFile rows(options.input, {"id", "text", "ids"});
  OutputFile output(options.output);
  constexpr size_t together = 1024;  // rows in memory at a time
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < rows.size() && output.stream(); begin += together) {
    lines.assign(std::min(together, rows.size() - begin), "");
    parallel_for(lines.size(), [&](size_t i) { lines[i] = converted(*tokenizer, options, rows, begin + i); });
    for (const std::string& line : lines) output.stream() << line;
  }
  output.commit();
}

}  // namespace

void add_tokenize_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("tokenize", "Turns texts into token ids, or back");
  auto options = std::make_shared<Options>();
  command->add_option("--model", options->model, "Folder with tokenizer.json, or the file itself")
      ->required()
      ->type_name("DIR")
      ->check(CLI::ExistingPath);
  command->add_option("--input", options->input, "JSONL or Parquet: rows {id, text}; with --decode {id, ids}")
      ->required()
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command->add_option("--output", options->output, "JSONL rows {id, ids}, in the order of the input")
      ->required()
      ->type_name("FILE");
  auto* decode = command->add_flag("--decode", options->decode, "From ids to text: writes {id, text}");
  auto* count = command->add_flag("--count", options->count, "Writes {id, tokens}: only how many they are");
  auto* skip = command->add_flag("--skip-special", options->skip_special, "With --decode: leave special tokens out");
  decode->excludes(count);
  skip->needs(decode);
  command->callback([options] { run(*options); });
}

}  // namespace golong
