#include "tests/plugins/tasks_oracle.h"

#include <algorithm>
#include <functional>
#include <map>
#include <regex>
#include <sstream>

namespace golong::oracle {
namespace {

using Items = std::vector<std::string>;
using Match = std::smatch;

Items lines(const std::string& text) {
  Items all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

Items pieces(const std::string& text, const std::string& separator) {
  Items all;
  size_t at = 0;
  for (size_t end; (end = text.find(separator, at)) != std::string::npos; at = end + separator.size()) {
    all.push_back(text.substr(at, end - at));
  }
  all.push_back(text.substr(at));
  return all;
}

// Package stanzas: name -> field -> value, and the names in order.
struct Stanzas {
  Items names;
  std::map<std::string, std::map<std::string, std::string>> fields;
};
Stanzas stanzas(const std::string& context) {
  Stanzas all;
  static const std::regex field(R"(([A-Za-z_-]+): (.*))");
  for (const auto& line : lines(context)) {
    Match m;
    if (!std::regex_match(line, m, field)) continue;
    if (m[1] == "Package") all.names.push_back(m[2]);
    all.fields[all.names.back()][m[1]] = m[2];
  }
  return all;
}

// Changelog entries in order.
struct Entry {
  std::string version, urgency, maintainer, date;
  long changes = 0;
  Items bugs;
};
std::vector<Entry> entries(const std::string& context) {
  static const std::regex head(R"(\S+ \((\S+)\) .*; urgency=(\w+).*)"), tail(R"( -- (.*)  \w+, +(\d+ \w+ \d+) .*)"),
      bug("#[0-9]+");
  std::vector<Entry> all;
  for (const auto& line : lines(context)) {
    Match m;
    if (std::regex_match(line, m, head)) all.push_back({m[1], m[2]});
    if (all.empty()) continue;
    if (std::regex_match(line, m, tail)) all.back().maintainer = m[1], all.back().date = m[2];
    if (line.rfind("  * ", 0) == 0) ++all.back().changes;
    for (std::sregex_iterator i(line.begin(), line.end(), bug), end; i != end; ++i) all.back().bugs.push_back(i->str());
  }
  return all;
}
std::string field_of(const Entry& entry, const std::string& name) {
  return name == "urgency" ? entry.urgency : name == "maintainer" ? entry.maintainer : entry.date;
}

// Tag and description, in order.
std::vector<std::pair<std::string, std::string>> tags(const std::string& context) {
  std::vector<std::pair<std::string, std::string>> all;
  const auto list = lines(context);
  for (size_t i = 1; i < list.size(); ++i) {
    if (list[i].rfind("    ", 0) == 0 && !list[i - 1].empty() && list[i - 1][0] != ' ') {
      all.emplace_back(list[i - 1], list[i].substr(4));
    }
  }
  return all;
}

// "Ge1:1 text" or "[1] text" lines.
std::vector<std::pair<std::string, std::string>> keyed(const std::string& context) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& line : lines(context)) {
    const size_t space = line.find(' ');
    all.emplace_back(line.substr(0, space), space == std::string::npos ? "" : line.substr(space + 1));
  }
  return all;
}

std::string quoted(const std::string& word) {
  return std::regex_replace(word, std::regex(R"([.^$|()\[\]{}*+?\\-])"), R"(\$&)");
}

// Occurrences of a word: Latin ones with no letter beside them, Chinese ones anywhere.
long count_word(const std::string& text, const std::string& word) {
  if (static_cast<unsigned char>(word[0]) >= 0x80) {
    return static_cast<long>(pieces(text, word).size()) - 1;
  }
  const std::regex pattern("(^|[^A-Za-z0-9_])" + quoted(word) + "(?![A-Za-z0-9_])");
  return std::distance(std::sregex_iterator(text.begin(), text.end(), pattern), std::sregex_iterator());
}

Items ranked(std::vector<std::pair<std::string, long>> grades) {
  std::stable_sort(grades.begin(), grades.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  Items names;
  for (const auto& grade : grades) names.push_back(grade.first);
  return names;
}

// Items by where they stand in the context, first to last.
Items by_place(Items items, const std::string& context, const std::string& before, const std::string& after) {
  std::sort(items.begin(), items.end(), [&](const auto& a, const auto& b) {
    return ("\n" + context + "\n").find(before + a + after) < ("\n" + context + "\n").find(before + b + after);
  });
  return items;
}

// "1. phrase" lines of the question.
Items listed(const std::string& question) {
  Items all;
  static const std::regex entry(R"(\d+\. (.*))");
  for (const auto& line : lines(question)) {
    Match m;
    if (std::regex_match(line, m, entry)) all.push_back(m[1]);
  }
  return all;
}

Items match_phrases(const std::string& question, const std::function<std::string(const std::string&)>& find) {
  Items all;
  for (const auto& phrase : listed(question)) all.push_back(std::to_string(all.size() + 1) + ": " + find(phrase));
  return all;
}

struct Rule {
  std::regex pattern;  // of the question, anywhere
  std::function<Items(const std::string& context, const Match& m, const std::string& question)> answer;
};

Items lookup_value(const std::string& c, const std::string& key, const std::string& field) {
  return {stanzas(c).fields[key][field]};
}

std::string tag_described(const std::string& c, const std::string& phrase) {
  for (const auto& [tag, text] : tags(c))
    if (text.rfind(phrase, 0) == 0) return tag;
  return "";
}

// "package - description" lines.
bool is_listing(const std::string& c) {
  static const std::regex line(R"(\S+ - .*)");
  const auto all = lines(c);
  return std::all_of(all.begin(), all.end(), [](const std::string& l) { return std::regex_match(l, line); });
}

std::string key_saying(const std::string& c, const std::string& phrase) {
  for (const auto& [key, text] : keyed(c))
    if (text.find(phrase) != std::string::npos) return key;
  return "";
}

Items with_word(const std::string& c, const std::string& word) {
  Items all;
  for (const auto& [key, text] : keyed(c))
    if (count_word(text, word) > 0) all.push_back(key);
  return all;
}

Items rank_word(const std::string& c, const std::string& word) {
  std::vector<std::pair<std::string, long>> grades;
  for (const auto& [key, text] : keyed(c))
    if (const long n = count_word(text, word)) grades.emplace_back(key, n);
  return ranked(grades);
}

Items section_packages(const std::string& c, const std::string& section) {
  const auto all = stanzas(c);
  Items names;
  for (const auto& name : all.names)
    if (all.fields.at(name).at("Section") == section) names.push_back(name);
  return names;
}

Items number(long n) { return {std::to_string(n)}; }

long size_of(const std::string& c, const std::string& name) {
  return std::stol(stanzas(c).fields[name]["Installed-Size"]);
}

Items dash_lines(const std::string& c) {
  Items all;
  for (const auto& line : lines(c))
    if (!line.empty() && line[0] == '-') all.push_back(line);
  return all;
}

Items packages_by_size(const std::string& c, const Items& names) {
  std::vector<std::pair<std::string, long>> grades;
  for (const auto& name : names) grades.emplace_back(name, size_of(c, name));
  return ranked(grades);
}

Items match_fields(const std::string& c, const Items& keys, const std::string& field) {
  Items all;
  for (const auto& key : keys) {
    std::string value;
    if (c.rfind("Package: ", 0) == 0) value = stanzas(c).fields[key][field];
    for (const auto& entry : entries(c))
      if (entry.version == key) value = field_of(entry, field);
    all.push_back(key + ": " + value);
  }
  return all;
}

// Rows as JSON text, [["a", "b"], ...], of values that need no escapes.
Items table(const std::string& c, const std::string& field, const Items& only = {}) {
  Items rows;
  auto add = [&](const std::string& a, const std::string& b) {
    if (!only.empty() && std::find(only.begin(), only.end(), a) == only.end()) return;
    auto escaped = [](const std::string& s) { return std::regex_replace(s, std::regex(R"(["\\])"), R"(\$&)"); };
    rows.push_back("[\"" + escaped(a) + "\", \"" + escaped(b) + "\"]");
  };
  if (field == "description") {
    for (const auto& [tag, text] : tags(c)) add(tag, text);
  } else if (c.rfind("Package: ", 0) == 0) {
    auto all = stanzas(c);
    for (const auto& name : all.names) add(name, all.fields[name][field]);
  } else {
    for (const auto& entry : entries(c)) add(entry.version, field_of(entry, field));
  }
  std::string text = "{\"data\": [";
  for (size_t i = 0; i < rows.size(); ++i) text += (i ? ", " : "") + rows[i];
  return {text + "]}"};
}

Items following(const std::string& c, const std::string& phrase, const std::string& question) {
  // The words asked for are those among the options or, without options, two words (three Chinese characters).
  const size_t at = c.find(phrase) + phrase.size();
  if (static_cast<unsigned char>(c[at]) >= 0x80 && question.find("三个字") != std::string::npos)
    return {c.substr(at, 9)};
  Match m;
  const std::string rest = c.substr(at);
  static const std::regex two(R"( (\S+ \S+)[\s\S]*)");
  return std::regex_match(rest, m, two) ? Items{m[1]} : Items{};
}

// precise_retrieval, evidence_reasoning
std::vector<Rule> lookup_rules() {
  return {
      {std::regex(R"(^What is the (\w+) of version (\S+)\?)"),
       [](auto& c, auto& m, auto&) {
         for (const auto& entry : entries(c))
           if (entry.version == m[2]) return Items{field_of(entry, m[1])};
         return Items{};
       }},
      {std::regex(R"(^What is the ([\w-]+) of (\S+)\?)"),
       [](auto& c, auto& m, auto&) { return lookup_value(c, m[2], m[1]); }},
      {std::regex("^软件包(.+)的([A-Za-z-]+)是什么？"),
       [](auto& c, auto& m, auto&) { return lookup_value(c, m[1], m[2]); }},
      {std::regex(R"re(^Which option is described as "(.*)"\?)re"),
       [](auto& c, auto& m, auto&) { return Items{tag_described(c, m[1])}; }},
      {std::regex("^哪一项的说明是“(.*)”？"), [](auto& c, auto& m, auto&) { return Items{tag_described(c, m[1])}; }},
      {std::regex(R"re(^Which package is described as "(.*)"\?)re"),
       [](auto& c, auto& m, auto&) { return Items{key_saying(c, m[1])}; }},
      {std::regex("^哪个软件包的说明是“(.*)”？"), [](auto& c, auto& m, auto&) { return Items{key_saying(c, m[1])}; }},
      {std::regex(R"re(^Which verse says "(.*)"\?)re"),
       [](auto& c, auto& m, auto&) { return Items{key_saying(c, m[1])}; }},
      {std::regex(R"re(^Which two words follow "(.*)"\?)re"),
       [](auto& c, auto& m, auto& q) { return following(c, m[1], q); }},
      {std::regex("^“(.*)”后面的三个字是什么？"), [](auto& c, auto& m, auto& q) { return following(c, m[1], q); }},
  };
}

// exhaustive_retrieval
std::vector<Rule> list_rules() {
  return {
      {std::regex(R"(^List all packages with Section (\S+)\.)"),
       [](auto& c, auto& m, auto&) { return section_packages(c, m[1]); }},
      {std::regex("^列出Section为(.+)的所有软件包。"),
       [](auto& c, auto& m, auto&) { return section_packages(c, m[1]); }},
      {std::regex(R"(^List all bugs that are closed\.)"),
       [](auto& c, auto&, auto&) {
         Items bugs;
         for (const auto& entry : entries(c)) bugs.insert(bugs.end(), entry.bugs.begin(), entry.bugs.end());
         return bugs;
       }},
      {std::regex(R"(^List all versions with (\w+) (.+)\. Write)"),
       [](auto& c, auto& m, auto&) {
         Items versions;
         for (const auto& entry : entries(c))
           if (field_of(entry, m[1]) == m[2]) versions.push_back(entry.version);
         return versions;
       }},
      {std::regex(R"(^List all options\.|^列出所有选项。)"), [](auto& c, auto&, auto&) { return dash_lines(c); }},
      {std::regex(R"(^List all (verses|paragraphs|packages) with the word (.+)\. Write)"),
       [](auto& c, auto& m, auto&) { return with_word(c, m[2]); }},
      {std::regex("^列出包含“(.*)”的所有(段落|软件包)。"), [](auto& c, auto& m, auto&) { return with_word(c, m[1]); }},
  };
}

// numerical_reasoning
std::vector<Rule> count_rules() {
  return {
      {std::regex(R"(^What is the Installed-Size of (\S+) (plus|minus) that of (\S+)\?)"),
       [](auto& c, auto& m, auto&) { return number(size_of(c, m[1]) + (m[2] == "plus" ? 1 : -1) * size_of(c, m[3])); }},
      {std::regex(R"(^How many packages have Section (\S+)\?)"),
       [](auto& c, auto& m, auto&) { return number(static_cast<long>(section_packages(c, m[1]).size())); }},
      {std::regex("^有几个软件包的Section是(.+)？"),
       [](auto& c, auto& m, auto&) { return number(static_cast<long>(section_packages(c, m[1]).size())); }},
      {std::regex("^(.+)与(.+)的Installed-Size之(和|差)"),
       [](auto& c, auto& m, auto&) { return number(size_of(c, m[1]) + (m[3] == "和" ? 1 : -1) * size_of(c, m[2])); }},
      {std::regex(R"(^How many packages are listed\?|^文中有几个软件包？)"),
       [](auto& c, auto&, auto&) {
         return number(static_cast<long>(is_listing(c) ? lines(c).size() : stanzas(c).names.size()));
       }},
      {std::regex(R"(^How many versions are listed\?)"),
       [](auto& c, auto&, auto&) { return number(static_cast<long>(entries(c).size())); }},
      {std::regex(R"(^How many changes \(\*\) has version (\S+)\?)"),
       [](auto& c, auto& m, auto&) {
         for (const auto& entry : entries(c))
           if (entry.version == m[1]) return number(entry.changes);
         return Items{};
       }},
      {std::regex(R"(^How many bugs are closed\?)"),
       [](auto& c, auto&, auto&) {
         long n = 0;
         for (const auto& entry : entries(c)) n += static_cast<long>(entry.bugs.size());
         return number(n);
       }},
      {std::regex(R"(^How many options are listed\?|^文中有几个选项？)"),
       [](auto& c, auto&, auto&) { return number(static_cast<long>(dash_lines(c).size())); }},
      {std::regex(R"(^How many verses are listed\?)"),
       [](auto& c, auto&, auto&) { return number(static_cast<long>(lines(c).size())); }},
      {std::regex(R"re(^How many times does the word "(.*)" occur\?)re"),
       [](auto& c, auto& m, auto&) { return number(count_word(c, m[1])); }},
      {std::regex("^“(.*)”出现了几次？"), [](auto& c, auto& m, auto&) { return number(count_word(c, m[1])); }},
  };
}

// table_extraction, structured_matching
std::vector<Rule> match_rules() {
  return {
      {std::regex(R"(^Make a table of (.+) and the ([\w-]+): )"),
       [](auto& c, auto& m, auto&) { return table(c, m[2], pieces(m[1], ", ")); }},
      {std::regex("^把(.+)和它们的([A-Za-z-]+)列成表："),
       [](auto& c, auto& m, auto&) { return table(c, m[2], pieces(m[1], "、")); }},
      {std::regex(R"(^Make a table of every \w+ and its ([\w-]+): )"),
       [](auto& c, auto& m, auto&) { return table(c, m[1]); }},
      {std::regex("^把所有.*和([A-Za-z-]+)列成表："), [](auto& c, auto& m, auto&) { return table(c, m[1]); }},
      {std::regex(R"re(^Match (.+) to the ([\w-]+), as "name: value"\.)re"),
       [](auto& c, auto& m, auto&) { return match_fields(c, pieces(m[1], ", "), m[2]); }},
      {std::regex("^写出(.+)的([A-Za-z-]+)，格式为"),
       [](auto& c, auto& m, auto&) { return match_fields(c, pieces(m[1], "、"), m[2]); }},
      {std::regex(R"(^Match each description to its option|^找出每条说明对应的选项)"),
       [](auto& c, auto&, auto& q) {
         return match_phrases(q, [&](const std::string& p) { return tag_described(c, p); });
       }},
      {std::regex(
           R"(^Match each quote to its (verse|paragraph)|^Match each description to its package|^找出每句引文所在的段落|^找出每条说明对应的软件包)"),
       [](auto& c, auto&, auto& q) {
         return match_phrases(q, [&](const std::string& p) { return key_saying(c, p); });
       }},
  };
}

// graded_ranking, sequence_ordering
std::vector<Rule> order_rules() {
  return {
      {std::regex(R"(^Rank (.+) by Installed-Size)"),
       [](auto& c, auto& m, auto&) {
         return packages_by_size(c, m[1] == "all packages" ? stanzas(c).names : pieces(m[1], ", "));
       }},
      {std::regex("^按Installed-Size从大到小排列(.+)。先写"),
       [](auto& c, auto& m, auto&) {
         return packages_by_size(c, m[1] == "所有软件包" ? stanzas(c).names : pieces(m[1], "、"));
       }},
      {std::regex(R"(^Rank (.+) by the number of changes)"),
       [](auto& c, auto& m, auto&) {
         std::vector<std::pair<std::string, long>> grades;
         const Items only = pieces(m[1], ", ");
         for (const auto& entry : entries(c)) {
           if (m[1] == "all versions" || std::count(only.begin(), only.end(), entry.version) > 0) {
             grades.emplace_back(entry.version, entry.changes);
           }
         }
         return ranked(grades);
       }},
      {std::regex(R"re(^Rank the (verses|paragraphs) with "(.*)" by how often)re"),
       [](auto& c, auto& m, auto&) { return rank_word(c, m[2]); }},
      {std::regex("^按“(.*)”出现的次数从多到少"), [](auto& c, auto& m, auto&) { return rank_word(c, m[1]); }},
      {std::regex(R"(^Order as in the text: (.+)\. Write)"),
       [](auto& c, auto& m, auto&) {
         const bool packages = c.rfind("Package: ", 0) == 0;
         return by_place(pieces(m[1], ", "), c, packages ? "\nPackage: " : "\n", is_listing(c) ? " - " : "\n");
       }},
      {std::regex("^按文中的顺序排列：(.+)。先写"),
       [](auto& c, auto& m, auto&) {
         const bool packages = c.rfind("Package: ", 0) == 0;
         return by_place(pieces(m[1], "、"), c, packages ? "\nPackage: " : "\n", is_listing(c) ? " - " : "\n");
       }},
      {std::regex(R"(^Order (.+) from oldest to newest)"),
       [](auto& c, auto& m, auto&) {
         const auto log = entries(c);
         const Items only = pieces(m[1], ", ");
         Items versions;
         for (auto entry = log.rbegin(); entry != log.rend(); ++entry) {
           if (m[1] == "all versions" || std::count(only.begin(), only.end(), entry->version) > 0) {
             versions.push_back(entry->version);
           }
         }
         return versions;
       }},
      {std::regex(R"(^Order (.+) by number)"),
       [](auto& c, auto& m, auto&) {
         std::map<long, std::string> verses;
         const Items only = pieces(m[1], ", ");
         for (const auto& [key, text] : keyed(c)) {
           if (m[1] == "the verses" || std::count(only.begin(), only.end(), key) > 0) {
             verses[std::stol(key.substr(key.find(':') + 1))] = key;
           }
         }
         Items names;
         for (const auto& [verse, key] : verses) names.push_back(key);
         return names;
       }},
      {std::regex(R"(^Order these beginnings|^按文中的顺序排列这些句首)"),
       [](auto& c, auto&, auto& q) {
         auto list = lines(q);
         list.erase(list.begin());
         return by_place(list, c, "", "");
       }},
  };
}

// In this order: the sum of two sizes is asked for as a field is.
const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = [] {
    std::vector<Rule> joined;
    for (auto part : {count_rules, lookup_rules, list_rules, match_rules, order_rules}) {
      for (auto& rule : part()) joined.push_back(std::move(rule));
    }
    return joined;
  }();
  return all;
}

}  // namespace

std::optional<Items> answer(const std::string& context, const std::string& question) {
  for (const auto& rule : rules()) {
    Match m;
    if (std::regex_search(question, m, rule.pattern)) return rule.answer(context, m, question);
  }
  return std::nullopt;
}

}  // namespace golong::oracle
