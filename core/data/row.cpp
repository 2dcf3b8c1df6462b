#include "core/data/row.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/data/json_slice.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

using Kind = JsonSlice::Kind;
using Members = std::map<std::string, JsonSlice>;

// One row being read: where it stands, for messages.
struct Place {
  const std::string& where;

  [[noreturn]] void wrong(const std::string& column, const JsonSlice& found, const char* expected) const {
    fail(where, ": column ", column, " is ", found.kind_name(), ", expected ", expected);
  }
};

bool is_none(const JsonSlice& value) { return value.is(Kind::absent) || value.is(Kind::null); }

JsonSlice member(const Members& members, const char* key) {
  const auto found = members.find(key);
  return found == members.end() ? JsonSlice() : found->second;
}

std::string text_or_empty(const Place& place, const std::string& column, const JsonSlice& value) {
  if (is_none(value)) return "";
  if (!value.is(Kind::string)) place.wrong(column, value, "a string");
  return value.string();
}

// A float as Python writes it: the shortest digits that read back to it, an exponent below 1e-4 and from 1e16 on.
std::string python_float(double value) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view shortest(buffer, static_cast<size_t>(end - buffer));
  const size_t mark = shortest.find('e');
  if (mark == std::string_view::npos) return std::string(shortest);  // nan, inf
  const int exponent = std::stoi(std::string(shortest.substr(mark + 1)));
  if (exponent < -4 || exponent >= 16) return std::string(shortest);
  std::string digits;
  for (char c : shortest.substr(0, mark)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  const std::string sign = value < 0 || shortest.front() == '-' ? "-" : "";
  if (exponent < 0) return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

// A scalar as the text that Python's str() gives; lists and objects as they stand in the file.
std::string scalar_text(const JsonSlice& value) {
  const std::string_view text = value.text();
  switch (value.kind()) {
    case Kind::string:
      return value.string();
    case Kind::boolean:
      return text == "true" ? "True" : "False";
    case Kind::null:
      return "None";
    case Kind::number:
      break;
    default:
      return std::string(text);
  }
  if (text == "NaN") return "nan";
  if (text == "Infinity") return "inf";
  if (text == "-Infinity") return "-inf";
  if (text.find_first_of(".eE") == std::string_view::npos) return text == "-0" ? "0" : std::string(text);
  double number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec == std::errc::result_out_of_range) return std::string(text);
  return python_float(number);
}

const std::vector<std::string> kGoldMembers{"doc_ids", "golden_label", "summary", "data"};

// Says which members of a struct are not among those that are known, with what was probably meant; "" where all are.
std::string stray_members(const std::string& column, const Members& members, const std::vector<std::string>& known) {
  std::string names, meant;
  for (const auto& [name, value] : members) {
    if (is_none(value) || std::ranges::find(known, name) != known.end()) continue;
    names += (names.empty() ? "" : ", ") + json_quote(name);
    if (meant.empty()) meant = did_you_mean(name, known);
  }
  return names.empty() ? "" : column + " has " + names + meant;
}

void read_struct(const Place& place, const JsonSlice& value, Gold& gold) {
  const Members members = value.members();
  if (const JsonSlice items = member(members, "doc_ids"); !is_none(items)) {
    if (!items.is(Kind::array)) place.wrong("reward_model.ground_truth.doc_ids", items, "a list of strings");
    gold.has_items = true;
    for (const JsonSlice& item : items.elements()) gold.items.push_back(scalar_text(item));
  }
  if (const JsonSlice label = member(members, "golden_label"); !is_none(label)) {
    gold.has_label = true;
    gold.label = scalar_text(label);
  }
  if (const JsonSlice language = member(members, "summary"); !is_none(language)) {
    gold.has_language = true;
    gold.language = text_or_empty(place, "reward_model.ground_truth.summary", language);
  }
  gold.stray = stray_members("reward_model.ground_truth", members, kGoldMembers);
}

// A struct, a single answer, or a list whose last element is one of these. `gold.json` stays the whole value.
void read_ground_truth(const Place& place, JsonSlice value, Gold& gold) {
  if (value.is(Kind::absent)) return;
  gold.json = value.text();
  if (value.is(Kind::array)) {
    const auto elements = value.elements();
    value = elements.empty() ? JsonSlice() : elements.back();
  }
  if (is_none(value)) return;
  if (value.is(Kind::object)) return read_struct(place, value, gold);
  if (value.is(Kind::array)) {
    place.wrong("reward_model.ground_truth", value, "a string, a struct, or a list whose last element is one of these");
  }
  gold.has_label = true;
  gold.label = scalar_text(value);
}

std::vector<Message> read_prompt(const Place& place, const JsonSlice& value) {
  std::vector<Message> messages;
  if (is_none(value)) return messages;
  if (value.is(Kind::string)) return {{"user", value.string()}};
  if (!value.is(Kind::array)) place.wrong("prompt", value, "a list of {\"role\", \"content\"} or a string");
  for (const JsonSlice& element : value.elements()) {
    const std::string column = "prompt[" + std::to_string(messages.size()) + "]";
    if (!element.is(Kind::object)) place.wrong(column, element, "an object {\"role\", \"content\"}");
    const Members members = element.members();
    const JsonSlice role = member(members, "role");
    const JsonSlice content = member(members, "content");
    if (!role.is(Kind::string)) place.wrong(column + ".role", role, "a string (system, user or assistant)");
    if (!content.is(Kind::string)) place.wrong(column + ".content", content, "a string");
    messages.push_back({role.string(), content.string()});
  }
  return messages;
}

void read_responses(const Place& place, const JsonSlice& value, Row& row) {
  if (is_none(value)) return;
  row.response_is_list = value.is(Kind::array);
  if (!row.response_is_list) {
    row.responses.push_back(text_or_empty(place, "response", value));
    return;
  }
  for (const JsonSlice& element : value.elements()) {
    const std::string column = "response[" + std::to_string(row.responses.size()) + "]";
    if (!element.is(Kind::string)) place.wrong(column, element, "a string");
    row.responses.push_back(element.string());
  }
}

Row read_row(const JsonSlice& json, const Place& place) {
  if (!json.is(Kind::object)) fail(place.where, ": the row is ", json.kind_name(), ", expected an object {...}");
  const Members columns = json.members();
  Row row;
  const JsonSlice id = member(columns, "id");
  if (!is_none(id)) {
    if (!id.is(Kind::string) && !id.is(Kind::number)) place.wrong("id", id, "a string or a number");
    row.id = scalar_text(id);
  }
  row.data_source = text_or_empty(place, "data_source", member(columns, "data_source"));
  row.ability = text_or_empty(place, "ability", member(columns, "ability"));
  row.norm_mode = text_or_empty(place, "reward_mode", member(columns, "reward_mode"));
  row.prompt = read_prompt(place, member(columns, "prompt"));

  if (const JsonSlice extra = member(columns, "extra_info"); !is_none(extra)) {
    if (!extra.is(Kind::object)) place.wrong("extra_info", extra, "an object");
    const Members members = extra.members();
    row.extra_info = extra.text();
    row.reward_mode = text_or_empty(place, "extra_info.reward_mode", member(members, "reward_mode"));
    row.question = text_or_empty(place, "extra_info.question", member(members, "question"));
    if (const JsonSlice reference = member(members, "ground_truth"); !is_none(reference)) {
      row.reference = scalar_text(reference);
    }
  }
  if (const JsonSlice model = member(columns, "reward_model"); !is_none(model)) {
    if (!model.is(Kind::object)) place.wrong("reward_model", model, "an object with ground_truth");
    const Members members = model.members();
    const JsonSlice truth = member(members, "ground_truth");
    if (is_none(truth)) row.gold.stray = stray_members("reward_model", members, {"ground_truth"});
    read_ground_truth(place, truth, row.gold);
  }
  // The published code knows these two by their source alone, whatever reward_mode they name.
  const bool by_source = row.data_source == "selection" || row.data_source == "retrieval_calculate";
  row.gold.variant = row.reward_mode.empty() || by_source ? row.data_source : row.reward_mode;
  read_responses(place, member(columns, "response"), row);
  return row;
}

JsonSlice parse_line(std::string_view line, const std::string& where) {
  try {
    return JsonSlice::parse(line);
  } catch (const Error& error) {
    fail(where, ": the line is no JSON: ", error.what());
  }
}

}  // namespace

Row parse_row(std::string_view json, const std::string& where) {
  std::string replaced;
  if (!is_valid_utf8(json)) json = replaced = to_valid_utf8(json);
  return read_row(parse_line(json, where), Place{where});
}

}  // namespace golong
