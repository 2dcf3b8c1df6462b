// The JSON of the reward iou: any gold and answer give a share of rows or one of the documented exceptions, and rows
// that are read straight into keys are those of the tree.
#include "plugins/rewards/iou/table.h"

#include <optional>

#include "plugins/common/unicode.h"
#include "tests/fuzz/fuzz_input.h"

using namespace golong::plugins;
using golong::fuzz::require;

// nullopt where the text cannot be read.
template <class Result, class Reader>
static std::optional<Result> read(std::string_view text, const Reader& reader) {
  try {
    return reader(text);
  } catch (const JsonError&) {
    return std::nullopt;
  } catch (const JsonLimit&) {
    return std::nullopt;
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto [gold_text, response] = golong::fuzz::first_line(data, size);
  try {
    GoldTable gold = gold_table(gold_text);
    for (Mode mode : {Mode::released, Mode::strict}) {
      double score = table_iou(gold, answer_text(response, response, mode));
      require(score >= 0 && score <= 1, "the score is a share");
    }
  } catch (const JsonError&) {
  } catch (const JsonLimit&) {
  }
  const std::optional<JsonValue> tree = read<JsonValue>(response, parse_json);
  const std::optional<TableDocument> table = read<TableDocument>(response, read_table);
  require(tree.has_value() == table.has_value(), "both ways read the same texts");
  try {
    require(find_table(response).has_value() == table.has_value(), "with and without exceptions");
  } catch (const JsonLimit&) {
    require(!table, "with and without exceptions");
  }
  if (!tree) return 0;
  const JsonValue* rows = tree->find("data");
  const bool is_list = rows && rows->kind == JsonValue::Kind::array;
  require(table->rows.keys().size() == (is_list ? rows->items.size() : 0), "both ways find the same rows");
  require(table->data.has_value() == (rows && !is_list), "data that is no list is kept as it is");
  return 0;
}
