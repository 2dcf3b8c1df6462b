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

std::vector<std::string> differences(const std::string& before, const std::string& after, const std::string& source) {
  const Values was = values_of(before, source);
  const Values is = values_of(after, "config");
  std::map<std::string, std::string> all = was;
  all.insert(is.begin(), is.end());
  std::vector<std::string> result;
  for (const auto& [key, unused] : all) {
    auto value = [&key = key](const Values& values) {
      auto found = values.find(key);
      return found == values.end() ? std::string("not set") : found->second;
    };
    if (value(was) != value(is)) result.push_back(key + " was " + value(was) + ", is " + value(is));
  }
  return result;
}

std::string as_lines(const std::vector<std::string>& differences) {
  std::string lines;
  for (const std::string& difference : differences) lines += "\n  " + difference;
  return lines;
}

}  // namespace golong
