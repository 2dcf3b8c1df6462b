// How the kinds of documents fall into records.
#include <algorithm>
#include <cctype>

#include "plugins/common/documents.h"

namespace golong::documents {
namespace {

struct Line {
  std::string_view text;
  size_t begin, end;  // without the line break
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back({text.substr(at, end - at), at, end});
    at = end + 1;
  }
  return lines;
}

bool blank(std::string_view line) { return trim(line).empty(); }

// "Package: name" stanzas with "Field: value" lines.
std::vector<Record> package_records(std::string_view text) {
  std::vector<Record> records;
  for (const auto& line : lines_of(text)) {
    size_t colon = line.text.find(": ");
    if (colon == std::string_view::npos) continue;
    auto name = line.text.substr(0, colon), value = trim(line.text.substr(colon + 2));
    if (name == "Package") records.push_back({.key = std::string(value), .begin = line.begin});
    if (records.empty()) continue;
    records.back().end = line.end;
    if (name != "Package") records.back().fields.emplace_back(name, value);
  }
  return records;
}

// "* fixes (Closes: #1, #2)": every "#" followed by digits in the text after "Closes:".
void add_bugs(std::string_view line, std::vector<std::string>& bugs) {
  size_t at = line.find("Closes:");
  while (at != std::string_view::npos && (at = line.find('#', at)) != std::string_view::npos) {
    size_t end = at + 1;
    while (end < line.size() && std::isdigit(static_cast<unsigned char>(line[end]))) ++end;
    std::string bug(line.substr(at, end - at));
    if (bug.size() > 1 && std::find(bugs.begin(), bugs.end(), bug) == bugs.end()) bugs.push_back(bug);
    at = end;
  }
}

// "name (version) distribution; urgency=low", changes, " -- Somebody  Day, 1 Jan 2000 00:00:00 +0000".
std::vector<Record> changelog_records(std::string_view text) {
  std::vector<Record> records;
  bool open = false;
  for (const auto& line : lines_of(text)) {
    size_t left = line.text.find(" ("), right = line.text.find(") ");
    size_t urgency = line.text.find("; urgency=");
    if (!line.text.empty() && line.text[0] != ' ' && left != std::string_view::npos &&
        right != std::string_view::npos && left < right && urgency != std::string_view::npos) {
      if (open) records.pop_back();  // an entry without its last line
      Record record{.key = std::string(line.text.substr(left + 2, right - left - 2)), .begin = line.begin};
      auto value = trim(line.text.substr(urgency + 10));
      record.fields.emplace_back("urgency", value.substr(0, value.find_first_of(" ,;")));
      records.push_back(record);
      open = true;
    } else if (open && line.text.substr(0, 4) == " -- ") {
      size_t gap = line.text.rfind("  "), comma = line.text.find(", ", gap);
      size_t date_end = comma == std::string_view::npos ? comma : line.text.find(':', comma);
      if (gap > 4 && date_end != std::string_view::npos && date_end > comma + 5) {
        records.back().fields.emplace_back("maintainer", trim(line.text.substr(4, gap - 4)));
        records.back().fields.emplace_back("date", trim(line.text.substr(comma + 2, date_end - 2 - comma - 2)));
        records.back().end = line.end;
      } else {
        records.pop_back();
      }
      open = false;
    } else if (open) {
      records.back().changes += line.text.substr(0, 4) == "  * ";
      add_bugs(line.text, records.back().items);
    }
  }
  if (open) records.pop_back();
  return records;
}

// "-a, --all" or a single name; other tags are halves of a synopsis, or sentences.
bool is_tag(std::string_view line) {
  if (line.empty() || line.size() > 40 || line.back() == '[' || line.back() == ',') return false;
  if (line[0] == '-') return line.size() > 1;
  return std::all_of(line.begin(), line.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
}

// An option or another tag on a line of its own, its description indented on the next.
std::vector<Record> manual_records(std::string_view text) {
  std::vector<Record> records;
  auto lines = lines_of(text);
  for (size_t i = 0; i + 1 < lines.size(); ++i) {
    const auto& tag = lines[i];
    const auto& body = lines[i + 1];
    bool indented = body.text.substr(0, 4) == "    " && !blank(body.text);
    if (!indented || !is_tag(tag.text)) continue;
    Record record{.key = std::string(tag.text), .begin = tag.begin, .end = body.end};
    record.fields.emplace_back("description", trim(body.text));
    records.push_back(std::move(record));
  }
  return records;
}

// "Ge1:1 text", one verse a line.
std::vector<Record> verse_records(std::string_view text) {
  std::vector<Record> records;
  for (const auto& line : lines_of(text)) {
    size_t space = line.text.find(' '), colon = line.text.find(':');
    if (space == std::string_view::npos || colon == std::string_view::npos || colon > space || colon + 1 == space)
      continue;
    if (!std::all_of(line.text.begin() + colon + 1, line.text.begin() + space,
                     [](unsigned char c) { return std::isdigit(c); }))
      continue;
    Record record{.key = std::string(line.text.substr(0, space)), .begin = line.begin, .end = line.end};
    record.fields.emplace_back("text", trim(line.text.substr(space)));
    records.push_back(std::move(record));
  }
  return records;
}

// "name - short description", one package a line.
std::vector<Record> listing_records(std::string_view text) {
  std::vector<Record> records;
  for (const auto& line : lines_of(text)) {
    size_t dash = line.text.find(" - ");
    if (dash == std::string_view::npos || line.text.find(' ') != dash) continue;
    Record record{.key = std::string(line.text.substr(0, dash)), .begin = line.begin, .end = line.end};
    record.fields.emplace_back("text", trim(line.text.substr(dash + 3)));
    records.push_back(std::move(record));
  }
  return records;
}

// Paragraphs that are no headings.
std::vector<Record> prose_records(std::string_view text) {
  std::vector<Record> records;
  for (const auto& line : lines_of(text)) {
    if (blank(line.text) || line.text.substr(0, 2) == "# ") continue;
    Record record{.begin = line.begin, .end = line.end};
    record.fields.emplace_back("text", trim(line.text));
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace

const std::string* Record::field(std::string_view name) const {
  for (const auto& [key, value] : fields)
    if (key == name) return &value;
  return nullptr;
}

Records read_records(const Document& document) {
  Records records;
  if (document.kind == "packages") {
    records = {Shape::packages, package_records(document.text)};
  } else if (document.kind == "listing") {
    records = {Shape::listing, listing_records(document.text)};
  } else if (document.kind == "changelog") {
    records = {Shape::changelog, changelog_records(document.text)};
  } else if (document.kind == "manual") {
    records = {Shape::manual, manual_records(document.text)};
  } else if (document.kind == "book" || document.kind == "policy") {
    records = {Shape::verses, verse_records(document.text)};
    if (records.list.size() < 3) records = {Shape::prose, prose_records(document.text)};
  }
  return records;
}

}  // namespace golong::documents
