#include "core/config/reader.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/config/toml_text.h"

namespace golong {
namespace {

// A key of tens of thousands of parts (a.a.a...) would exhaust the stack of the TOML library.
constexpr size_t longest_line = 32768;

std::string join(const std::string& parent, const std::string& key) {
  return parent.empty() ? key : parent + "." + key;
}

// The entries of a table as they stand in the file (toml::table sorts them), so that the first mistake is named first.
std::vector<std::pair<const toml::key*, const toml::node*>> in_file_order(const toml::table& table) {
  std::vector<std::pair<const toml::key*, const toml::node*>> entries;
  for (auto&& [key, node] : table) entries.emplace_back(&key, &node);
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    const toml::source_position p = a.first->source().begin, q = b.first->source().begin;
    return std::pair(p.line, p.column) < std::pair(q.line, q.column);
  });
  return entries;
}

// Splits "key=value" at the first '=' that stands outside quotes.
size_t assignment_sign(const std::string& text) {
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quote) {
      if (text[i] == '\\' && quote == '"') {
        ++i;
      } else if (text[i] == quote) {
        quote = 0;
      }
    } else if (text[i] == '"' || text[i] == '\'') {
      quote = text[i];
    } else if (text[i] == '=') {
      return i;
    }
  }
  return std::string::npos;
}

// `text` as TOML, or nothing where it is no single `key = value`.
std::optional<toml::table> parse_assignment(const std::string& key, const std::string& value) {
  try {
    toml::table table = toml::parse(key + " = " + value);
    if (table.size() == 1) return table;
  } catch (const toml::parse_error&) {
    // not TOML: the caller says what was expected
  }
  return std::nullopt;
}

std::string dotted_path(const toml::table& table) {
  std::string path;
  for (const toml::table* level = &table; level && level->size() == 1;) {
    const auto entry = level->begin();
    path = join(path, toml_key(entry->first.str()));
    level = entry->second.as_table();
  }
  return path;
}

}  // namespace

// Fills fields_ and tables_ from the schema.
class ConfigReader::Collector : public ConfigVisitor {
 public:
  explicit Collector(ConfigReader& reader) : reader_(reader) {}
  void begin_table(const std::string& name, const std::string&) override {
    path_.push_back(path_.empty() ? name : path_.back() + "." + name);
    reader_.tables_.push_back(path_.back());
  }
  void key(const std::string& name, ConfigValue value, const std::string&, const Limits& limits) override {
    reader_.fields_.emplace(path_.back() + "." + name, Field{value, limits});
  }
  void end_table() override { path_.pop_back(); }

 private:
  ConfigReader& reader_;
  std::vector<std::string> path_;
};

ConfigReader::ConfigReader(Config& config, std::string override_source)
    : config_(config), override_source_(std::move(override_source)) {
  Collector collector(*this);
  describe(collector, config);
}

void ConfigReader::apply(const toml::table& table, const std::string& source) {
  source_ = source;
  walk(table, "");
}

void ConfigReader::apply_override(const std::string& assignment) {
  mistakes_.in([&] { override_with(assignment); });
}

void ConfigReader::finish() const { mistakes_.raise(); }

void ConfigReader::override_with(const std::string& assignment) {
  source_ = override_source_;
  if (assignment.size() > longest_line)
    fail(override_source_, ": expected at most ", longest_line, " bytes, found ", assignment.size());
  const size_t sign = assignment_sign(assignment);
  if (sign == std::string::npos) {
    fail(override_source_, ": expected KEY=VALUE, found \"", assignment, "\"; e.g. --set train.learning_rate=1e-5");
  }
  const std::string key = assignment.substr(0, sign), value = assignment.substr(sign + 1);
  const std::optional<toml::table> path_table = parse_assignment(key, "0");
  if (!path_table)
    fail(override_source_, ": expected a key such as train.learning_rate before the =, found \"", key, "\"");
  const auto field = fields_.find(dotted_path(*path_table));
  const bool is_string = field != fields_.end() && std::holds_alternative<std::string*>(field->second.value);
  const bool is_list = field != fields_.end() && std::holds_alternative<std::vector<std::string>*>(field->second.value);
  std::optional<toml::table> table = parse_assignment(key, value);
  if (is_string && (value.empty() || (value[0] != '"' && value[0] != '\''))) table.reset();  // 007 is a name here
  if (!table) table = parse_assignment(key, toml_string(value));
  if (is_list && (value.empty() || value[0] != '[')) table = parse_assignment(key, "[" + toml_string(value) + "]");
  if (!table) fail(override_source_, ": the value of ", key, " is not valid UTF-8");
  apply(*table, override_source_);
}

// What is wrong with one entry does not hide what is wrong with the next.
template <class Function>
void ConfigReader::each(const toml::table& table, const std::string& path, const Function& function) {
  for (auto [key, node] : in_file_order(table)) {
    mistakes_.in([&, key = key, node = node] { function(*key, *node, join(path, toml_key(key->str()))); });
  }
}

void ConfigReader::walk(const toml::table& table, const std::string& path) {
  each(table, path, [&](const toml::key& key, const toml::node& node, const std::string& name) {
    if (path.empty() && key.str() == "extends" && source_ != override_source_) return;
    if (const auto field = fields_.find(name); field != fields_.end()) {
      assign(field->second, node, name);
    } else if (name == "routes") {
      routes(node, name);
    } else if (name == "tasks") {
      plugin_tables(plugin::Kind::task, node, name);
    } else if (name == "normalizers") {
      plugin_tables(plugin::Kind::normalizer, node, name);
    } else if (path == "rewards" && node.is_table()) {
      plugin_table(plugin::Kind::reward, std::string(key.str()), node, name);
    } else if (std::find(tables_.begin(), tables_.end(), name) != tables_.end()) {
      walk(table_of(node, name), name);
    } else {
      unknown_key(key, path);
    }
  });
}

void ConfigReader::assign(const Field& field, const toml::node& node, const std::string& path) {
  const auto expected = [&](const std::string& what) {
    fail(where(node.source()), ": ", path, ": expected ", what, ", found ", found(node));
  };
  const auto number = [&](const char* what) {
    const double value = *node.value<double>();
    const std::string limits = to_string(field.limits);
    if (!within(field.limits, value)) {
      fail(where(node.source()), ": ", path, ": expected ", what, limits.empty() ? "" : ", ", limits, "; found ",
           toml_number(value, node.is_integer()));
    }
    return value;
  };
  if (auto boolean = std::get_if<bool*>(&field.value)) {
    if (!node.is_boolean()) expected("true or false");
    **boolean = *node.value<bool>();
  } else if (auto integer = std::get_if<int64_t*>(&field.value)) {
    if (!node.is_integer()) expected("an integer");
    number("an integer");
    **integer = *node.value<int64_t>();
  } else if (auto real = std::get_if<double*>(&field.value)) {
    if (!node.is_number()) expected("a number");
    **real = number("a number");
  } else if (auto optional = std::get_if<std::optional<double>*>(&field.value)) {
    if (!node.is_number()) expected("a number");
    **optional = number("a number");
  } else if (auto text = std::get_if<std::string*>(&field.value)) {
    const std::string value = string_of(node, path);
    if (!within(field.limits, value)) {
      fail(where(node.source()), ": ", path, ": expected ", to_string(field.limits), ", found ", toml_string(value),
           did_you_mean(value, field.limits.choices));
    }
    **text = value;
  } else if (auto list = std::get_if<std::vector<std::string>*>(&field.value)) {
    if (!node.is_array()) expected("a list of strings");
    std::vector<std::string> values;
    for (const toml::node& item : *node.as_array()) {
      values.push_back(string_of(item, path + "[" + std::to_string(values.size()) + "]"));
    }
    **list = std::move(values);
  } else {
    assign_weights(field, *std::get<std::map<std::string, double>*>(field.value), node, path);
  }
  config_.origins[path] = where(node.source());
}

void ConfigReader::assign_weights(const Field& field, std::map<std::string, double>& weights, const toml::node& node,
                                  const std::string& path) {
  each(table_of(node, path), path, [&](const toml::key& key, const toml::node& item, const std::string& name) {
    if (!item.is_number()) fail(where(item.source()), ": ", name, ": expected a number, found ", found(item));
    const double value = *item.value<double>();
    if (!within(field.limits, value)) {
      fail(where(item.source()), ": ", name, ": expected a number, ", to_string(field.limits), "; found ",
           toml_number(value, item.is_integer()));
    }
    weights[std::string(key.str())] = value;
    config_.origins[name] = where(key.source());
  });
}

void ConfigReader::routes(const toml::node& node, const std::string& path) {
  each(table_of(node, path), path, [&](const toml::key& source, const toml::node& entry, const std::string& name) {
    RouteConfig& route = config_.routes[std::string(source.str())];
    config_.origins[name] = where(source.source());
    each(table_of(entry, name), name, [&](const toml::key& key, const toml::node& value, const std::string& key_name) {
      if (key.str() != "task" && key.str() != "reward") {
        fail(where(key.source()), ": unknown key ", key_name, "; a route has the keys task and reward");
      }
      (key.str() == "task" ? route.task : route.reward) = string_of(value, key_name);
      config_.origins[key_name] = where(value.source());
    });
  });
}

void ConfigReader::plugin_tables(plugin::Kind kind, const toml::node& node, const std::string& path) {
  each(table_of(node, path), path, [&](const toml::key& id, const toml::node& entry, const std::string& name) {
    plugin_table(kind, std::string(id.str()), entry, name);
  });
}

void ConfigReader::plugin_table(plugin::Kind kind, const std::string& id, const toml::node& node,
                                const std::string& path) {
  PluginSettings& tables = kind == plugin::Kind::task     ? config_.task_settings
                           : kind == plugin::Kind::reward ? config_.reward_settings
                                                          : config_.normalizer_settings;
  plugin::Settings& settings = tables[id];
  config_.origins[path] = where(node.source());
  each(table_of(node, path), path, [&](const toml::key& key, const toml::node& value, const std::string& name) {
    config_.origins[name] = where(key.source());
    if (kind == plugin::Kind::task && key.str() == "reward") {
      config_.task_rewards[id] = string_of(value, name);
      config_.origins[name] = where(value.source());
    } else if (kind == plugin::Kind::reward && key.str() == "isolate") {
      if (!value.is_boolean())
        fail(where(value.source()), ": ", name, ": expected true or false, found ", found(value));
      config_.isolated[id] = *value.value<bool>();
    } else {
      settings[std::string(key.str())] = {scalar_of(value, name), where(key.source())};
    }
  });
}

plugin::Scalar ConfigReader::scalar_of(const toml::node& node, const std::string& path) const {
  if (node.is_boolean()) return *node.value<bool>();
  if (node.is_integer()) return *node.value<int64_t>();
  if (node.is_floating_point()) return *node.value<double>();
  if (node.is_string()) return *node.value<std::string>();
  fail(where(node.source()), ": ", path, ": expected a number, a string, true or false; found ", found(node));
}

const toml::table& ConfigReader::table_of(const toml::node& node, const std::string& path) const {
  if (const toml::table* table = node.as_table()) return *table;
  fail(where(node.source()), ": ", path, ": expected a table [", path, "], found ", found(node));
}

std::string ConfigReader::string_of(const toml::node& node, const std::string& path) {
  if (!node.is_string()) fail(where(node.source()), ": ", path, ": expected a string, found ", found(node));
  return *node.value<std::string>();
}

void ConfigReader::unknown_key(const toml::key& key, const std::string& parent) const {
  const std::string word(key.str());
  std::vector<std::string> siblings, last_words;
  std::map<std::string, std::string> elsewhere;  // by their last word: "eval.n or rollout.n"
  const auto consider = [&](const std::string& full) {
    const size_t dot = full.rfind('.');
    const std::string last = full.substr(dot + 1);
    if ((dot == std::string::npos ? "" : full.substr(0, dot)) == parent) {
      siblings.push_back(last);
    } else {
      std::string& all = elsewhere[last];
      all += (all.empty() ? "" : " or ") + full;
      last_words.push_back(last);
    }
  };
  for (const auto& [full, field] : fields_) consider(full);
  for (const std::string& full : tables_) consider(full);
  if (parent.empty()) siblings.insert(siblings.end(), {"routes", "tasks", "normalizers"});
  if (parent.empty() && source_ != override_source_) siblings.push_back("extends");
  std::string suggestion = nearest(word, siblings);
  suggestion = suggestion.empty() ? elsewhere[nearest(word, last_words, 1)] : join(parent, suggestion);
  fail(where(key.source()), ": unknown key ", join(parent, toml_key(word)),
       suggestion.empty() ? "; `golong config reference` lists the keys" : "; did you mean " + suggestion + "?");
}

std::string ConfigReader::where(const toml::source_region& region) const {
  if (source_ == override_source_) return source_;
  return source_ + ":" + std::to_string(region.begin.line) + ":" + std::to_string(region.begin.column);
}

toml::table parse_toml(const std::string& text, const std::string& source) {
  size_t line = 1;
  for (size_t begin = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end - begin > longest_line) {
      fail(source, ":", line, ":1: a line of ", end - begin, " bytes; expected at most ", longest_line,
           ". A list may be written over several lines");
    }
    begin = end + 1;
  }
  try {
    return toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    const toml::source_position position = error.source().begin;
    fail(source, ":", position.line, ":", position.column, ": not valid TOML: ", error.description());
  }
}

std::string found(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::boolean:
      return *node.value<bool>() ? "true" : "false";
    case toml::node_type::integer:
      return std::to_string(*node.value<int64_t>());
    case toml::node_type::floating_point:
      return toml_number(*node.value<double>());
    case toml::node_type::string:
      return "the string " + toml_string(*node.value<std::string>());
    case toml::node_type::array:
      return "a list";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

}  // namespace golong
