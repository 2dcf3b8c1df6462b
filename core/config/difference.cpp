#include "core/config/difference.h"

#include <map>
#include <sstream>
#include <string_view>

#include "core/config/reader.h"
#include "core/config/toml_text.h"

namespace golong {
namespace {

using Values = std::map<std::string, std::string>;  // "train.seed" -> "7"

void flatten(const toml::table& table, const std::string& parent, Values& values) {
  for (const auto& [key, node] : table) {
    std::string path = (parent.empty() ? "" : parent + ".") + toml_key(key.str());
    if (const toml::table* inner = node.as_table()) {
      flatten(*inner, path, values);
    } else {
      std::ostringstream text;
      node.visit([&](const auto& value) { text << value; });
      values[path] = node.is_floating_point() ? toml_number(*node.value<double>()) : text.str();
    }
  }
}

Values values_of(const std::string& text, const std::string& source) {
  Values values;
  flatten(parse_toml(text, source), "", values);
  return values;
}

}  // namespace

std::string to_string(const Difference& difference) {
  return difference.key + " was " + difference.before + ", is " + difference.after;
}

std::string as_lines(const std::vector<Difference>& differences) {
  std::string lines;
  for (const Difference& difference : differences) lines += "\n  " + to_string(difference);
  return lines;
}

std::vector<Difference> differences(const std::string& before, const std::string& after, const std::string& source) {
  const Values was = values_of(before, source);
  const Values is = values_of(after, "config");
  std::map<std::string, std::string> all = was;
  all.insert(is.begin(), is.end());
  std::vector<Difference> result;
  for (const auto& [key, unused] : all) {
    auto value = [&key = key](const Values& values) {
      auto found = values.find(key);
      return found == values.end() ? std::string("not set") : found->second;
    };
    if (value(was) != value(is)) result.push_back({key, value(was), value(is)});
  }
  return result;
}

}  // namespace golong
