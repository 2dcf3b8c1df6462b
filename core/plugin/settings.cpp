// Checks what a user wrote for a plugin against the parameters that the plugin declares.
#include <algorithm>
#include <sstream>

#include "core/base/mistakes.h"
#include "core/base/nearest.h"
#include "core/plugin/registry.h"

namespace golong::plugin {
namespace {

const char* type_name(golong_type type) {
  switch (type) {
    case GOLONG_BOOL:
      return "true or false";
    case GOLONG_INT:
      return "an integer";
    case GOLONG_FLOAT:
      return "a number";
    default:
      return "a string";
  }
}

std::string show(const Scalar& value) {
  std::ostringstream text;
  if (const bool* b = std::get_if<bool>(&value))
    text << (*b ? "true" : "false");
  else if (const int64_t* i = std::get_if<int64_t>(&value))
    text << *i;
  else if (const double* d = std::get_if<double>(&value))
    text << *d;
  else
    text << '"' << std::get<std::string>(value) << '"';
  return text.str();
}

// Puts a user's value into the parameter's type; false where it does not fit.
bool convert(const Scalar& from, golong_type type, golong_value& to) {
  to = {};
  to.type = type;
  if (type == GOLONG_BOOL && std::holds_alternative<bool>(from)) {
    to.boolean = std::get<bool>(from);
  } else if (type == GOLONG_INT && std::holds_alternative<int64_t>(from)) {
    to.integer = std::get<int64_t>(from);
  } else if (type == GOLONG_FLOAT && std::holds_alternative<double>(from)) {
    to.real = std::get<double>(from);
  } else if (type == GOLONG_FLOAT && std::holds_alternative<int64_t>(from)) {
    to.real = static_cast<double>(std::get<int64_t>(from));
  } else if (type == GOLONG_STRING && std::holds_alternative<std::string>(from)) {
    const std::string& text = std::get<std::string>(from);
    to.text = {text.data(), text.size()};
  } else {
    return false;
  }
  return true;
}

void check_range(const golong_param& p, const golong_value& value, const std::string& at, const Scalar& written) {
  if (p.type == GOLONG_INT || p.type == GOLONG_FLOAT) {
    double number = p.type == GOLONG_INT ? static_cast<double>(value.integer) : value.real;
    if (!(number >= p.minimum && number <= p.maximum)) {
      fail(at, " is ", show(written), "; expected a value from ", p.minimum, " to ", p.maximum);
    }
  } else if (p.type == GOLONG_STRING && p.choices) {
    std::string known;
    for (const char* const* choice = p.choices; *choice; ++choice) {
      if (std::string_view(*choice) == std::get<std::string>(written)) return;
      known += std::string(known.empty() ? "" : ", ") + '"' + *choice + '"';
    }
    fail(at, " is ", show(written), "; expected one of ", known);
  }
}

golong_value checked(const Setting& setting, const golong_param& p, const std::string& table) {
  const std::string at = setting.where + ": " + table + p.name;
  golong_value value;
  if (!convert(setting.value, p.type, value)) {
    fail(at, " is ", show(setting.value), "; expected ", type_name(p.type), " (", p.help, ")");
  }
  check_range(p, value, at, setting.value);
  return value;
}

}  // namespace

std::vector<golong_value> check_settings(const Plugin& plugin, const Settings& settings) {
  const golong_descriptor& d = *plugin.descriptor;
  const std::string table = std::string(plural(plugin.kind)) + "." + plugin.id + ".";
  Mistakes mistakes;
  std::vector<std::string> names;
  std::vector<golong_value> values;
  for (uint32_t i = 0; i < d.param_count; ++i) {
    const golong_param& p = *d.params[i];
    names.emplace_back(p.name);
    values.push_back(p.default_value);
    if (const auto found = settings.find(p.name); found != settings.end()) {
      mistakes.in([&] { values.back() = checked(found->second, p, table); });
    }
  }
  for (const auto& [key, setting] : settings) {
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    mistakes.in([&, &key = key, &setting = setting] {
      const std::string near = nearest(key, names);
      if (!near.empty()) fail(setting.where, ": unknown key ", table, key, "; did you mean ", table, near, "?");
      fail(setting.where, ": unknown key ", table, key, "; `golong plugin show ", plugin.id, "` lists its parameters");
    });
  }
  mistakes.raise();
  return values;
}

}  // namespace golong::plugin
