// Config as Python sees it: a tree of plain values to read, dotted keys to set. The attribute access is Python's
// (golong/config.py).
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <regex>

#include "core/base/error.h"
#include "core/base/nearest.h"
#include "core/config/reader.h"
#include "core/config/schema.h"
#include "core/config/toml_text.h"
#include "core/config/validate.h"
#include "core/python/bindings.h"

namespace golong::python {

namespace {

// The described tables as dicts of plain values.
class DictMaker : public ConfigVisitor {
 public:
  explicit DictMaker(const py::dict& root) : tables_{root} {}
  void begin_table(const std::string& name, const std::string&) override {
    const py::dict table;
    tables_.back()[py::str(name)] = table;
    tables_.push_back(table);
  }
  void key(const std::string& name, ConfigValue value, const std::string&, const Limits&) override {
    tables_.back()[py::str(name)] = std::visit([](const auto* held) -> py::object { return py::cast(*held); }, value);
  }
  void end_table() override { tables_.pop_back(); }

 private:
  std::vector<py::dict> tables_;
};

void add_settings(const py::dict& tables, const PluginSettings& settings) {
  for (const auto& [id, values] : settings) {
    if (!tables.contains(py::str(id))) tables[py::str(id)] = py::dict();
    const py::dict table = tables[py::str(id)];
    for (const auto& [name, setting] : values) table[py::str(name)] = py::cast(setting.value);
  }
}

py::dict to_dict(const Config& config) {
  py::dict root;
  DictMaker maker(root);
  describe(maker, const_cast<Config&>(config));  // it reads only
  const py::dict routes, tasks, normalizers;
  for (const auto& [source, route] : config.routes) {
    const py::dict table;
    if (!route.task.empty()) table["task"] = route.task;
    if (!route.reward.empty()) table["reward"] = route.reward;
    routes[py::str(source)] = table;
  }
  add_settings(tasks, config.task_settings);
  for (const auto& [id, reward] : config.task_rewards) {
    if (!tasks.contains(py::str(id))) tasks[py::str(id)] = py::dict();
    tasks[py::str(id)]["reward"] = reward;
  }
  const py::dict rewards = root["rewards"];
  add_settings(rewards, config.reward_settings);
  for (const auto& [id, isolate] : config.isolated) {
    if (!rewards.contains(py::str(id))) rewards[py::str(id)] = py::dict();
    rewards[py::str(id)]["isolate"] = isolate;
  }
  add_settings(normalizers, config.normalizer_settings);
  root["routes"] = routes;
  root["tasks"] = tasks;
  root["normalizers"] = normalizers;
  return root;
}

// A Python value in TOML's syntax. numpy's numbers come in through __index__ and __float__.
std::string toml_of(const py::handle& value, const std::string& key) {
  if (py::isinstance<py::bool_>(value)) return value.cast<bool>() ? "true" : "false";
  if (py::isinstance<py::str>(value)) return toml_string(value.cast<std::string>());
  if (PyIndex_Check(value.ptr())) {
    const auto integer = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
    if (!integer) throw py::error_already_set();
    return py::str(integer);
  }
  if (PyFloat_Check(value.ptr())) return toml_number(value.cast<double>());
  if (py::isinstance<py::dict>(value)) {
    std::string text;
    for (const auto& [name, item] : value.cast<py::dict>()) {
      text += (text.empty() ? "" : ", ") + toml_key(py::str(name).cast<std::string>()) + " = " + toml_of(item, key);
    }
    return "{ " + text + " }";
  }
  if (py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value)) {
    std::string text;
    for (const py::handle& item : value) text += (text.empty() ? "" : ", ") + toml_of(item, key);
    return "[" + text + "]";
  }
  if (py::hasattr(value, "__fspath__")) return toml_string(py::str(value.attr("__fspath__")()).cast<std::string>());
  fail(key, ": a config holds text, numbers, True or False, lists and dicts, not ",
       std::string(py::str(py::type::of(value).attr("__name__"))));
}

// Finds one described key, and lists them all.
class Finder : public ConfigVisitor {
 public:
  Finder(Config& config, std::string key) : wanted_(std::move(key)) { describe(*this, config); }
  void begin_table(const std::string& name, const std::string&) override {
    path_.push_back(path_.empty() ? name : path_.back() + "." + name);
  }
  void key(const std::string& name, ConfigValue value, const std::string&, const Limits&) override {
    keys_.push_back(path_.back() + "." + name);
    if (keys_.back() == wanted_) value_ = value;
  }
  void end_table() override { path_.pop_back(); }
  const std::vector<std::string>& keys() const { return keys_; }

  // Where the value is, null where the key is not described or of another type.
  template <class Value>
  Value* find() const {
    Value* const* place = value_ ? std::get_if<Value*>(&*value_) : nullptr;
    return place ? *place : nullptr;
  }

 private:
  std::string wanted_;
  std::vector<std::string> path_;
  std::vector<std::string> keys_;
  std::optional<ConfigValue> value_;
};

using Weights = std::map<std::string, double>;

// Messages about overrides say that they come from the command line or the config, which is plain where it is set.
template <class Function>
auto without_option(const Function& function) {
  try {
    return function();
  } catch (const Error& error) {
    static const std::regex option("(^|\n)(--set|config): ");
    throw Error(std::regex_replace(error.what(), option, "$1"));
  }
}

// Sets keys in a copy that takes the config's place only when all of it is valid.
void update(Config& config, const py::dict& values) {
  Config changed = config;
  ConfigReader reader(changed, "config");
  for (const auto& [name, value] : values) {
    const std::string key = py::str(name);
    const Finder finder(changed, key);
    if (value.is_none()) {
      auto* optional = finder.find<std::optional<double>>();
      if (!optional) fail(key, ": it cannot be None");
      optional->reset();
      continue;
    }
    // A dict takes the place of what was there; TOML's tables would add to it.
    if (auto* weights = finder.find<Weights>()) weights->clear();
    reader.apply_override(key + "=" + toml_of(value, key));
  }
  reader.finish();
  validate(changed);
  config = std::move(changed);
}

}  // namespace

void bind_config(py::module_& module) {
  py::class_<Config>(module, "Config", "All settings of a run.")
      .def(py::init([](const std::vector<std::string>& overrides) {
             return without_option([&] { return Config::defaults(overrides); });
           }),
           py::arg("overrides") = std::vector<std::string>())
      .def_static(
          "load",
          [](const std::filesystem::path& file, const std::vector<std::string>& overrides) {
            return without_option([&] { return Config::load(file, overrides); });
          },
          py::arg("file"), py::arg("overrides") = std::vector<std::string>())
      .def_static(
          "from_toml", [](const std::string& text) { return Config::parse(text, "text"); }, py::arg("text"))
      .def("to_toml", &Config::to_toml)
      .def("to_dict", &to_dict)
      .def(
          "update", [](Config& config, const py::dict& values) { without_option([&] { update(config, values); }); },
          py::arg("values"))
      .def(
          "unknown_key",
          [](Config& config, const std::string& key) {
            return "unknown key " + key + did_you_mean(key, Finder(config, key).keys());
          },
          py::arg("key"))
      .def(
          "is_value",
          [](Config& config, const std::string& key) { return Finder(config, key).find<Weights>() != nullptr; },
          py::arg("key"))
      .def("copy", [](const Config& config) { return config; });
}

}  // namespace golong::python
