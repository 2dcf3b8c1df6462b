// What plugins there are.
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <mutex>

#include "core/python/bindings.h"

namespace golong::python {

namespace {

struct Loaded {
  std::mutex mutex;
  std::vector<std::filesystem::path> paths;
  std::shared_ptr<const plugin::Registry> registry;
};

// Never destroyed: plugins may be in use until the process ends.
Loaded& loaded() {
  static Loaded* const instance = new Loaded;
  return *instance;
}

void add_plugin_path(const std::filesystem::path& path) {
  const py::gil_scoped_release release;
  const std::lock_guard lock(loaded().mutex);
  std::vector<std::filesystem::path> paths = loaded().paths;
  paths.push_back(path);
  loaded().registry = plugin::Registry::load(paths);  // where it throws, nothing was added
  loaded().paths = std::move(paths);
}

py::object value_of(const golong_value& value) {
  switch (value.type) {
    case GOLONG_BOOL:
      return py::bool_(value.boolean != 0);
    case GOLONG_INT:
      return py::int_(value.integer);
    case GOLONG_FLOAT:
      return py::float_(value.real);
    default:
      return py::str(value.text.data, value.text.size);
  }
}

py::dict parameter_of(const golong_param& param) {
  static constexpr const char* types[] = {"", "bool", "int", "float", "str"};
  const bool number = param.type == GOLONG_INT || param.type == GOLONG_FLOAT;
  const auto bound = [&](double value) -> py::object {
    return number && std::abs(value) <= std::numeric_limits<double>::max() ? py::object(py::float_(value)) : py::none();
  };
  py::object choices = py::none();
  if (param.type == GOLONG_STRING && param.choices) {
    py::list names;
    for (const char* const* choice = param.choices; *choice; ++choice) names.append(*choice);
    choices = std::move(names);
  }
  py::dict parameter;
  parameter["name"] = param.name;
  parameter["type"] = types[param.type];
  parameter["default"] = value_of(param.default_value);
  parameter["minimum"] = bound(param.minimum);
  parameter["maximum"] = bound(param.maximum);
  parameter["choices"] = choices;
  parameter["help"] = param.help;
  return parameter;
}

py::list plugins() {
  std::shared_ptr<const plugin::Registry> all;
  {
    const py::gil_scoped_release release;
    all = registry();
  }
  py::list list;
  for (const plugin::Plugin& plugin : all->plugins()) {
    py::list parameters;
    for (uint32_t i = 0; i < plugin.descriptor->param_count; ++i) {
      parameters.append(parameter_of(*plugin.descriptor->params[i]));
    }
    py::dict entry;
    entry["kind"] = plugin::name(plugin.kind);
    entry["id"] = plugin.id;
    entry["version"] = plugin.descriptor->version;
    entry["summary"] = plugin.descriptor->summary;
    entry["library"] = plugin.library.string();
    entry["thread_safe"] = (plugin.descriptor->flags & GOLONG_FLAG_THREAD_SAFE) != 0;
    entry["parameters"] = parameters;
    list.append(entry);
  }
  return list;
}

}  // namespace

std::shared_ptr<const plugin::Registry> registry() {
  const std::lock_guard lock(loaded().mutex);
  if (!loaded().registry) loaded().registry = plugin::Registry::load(loaded().paths);
  return loaded().registry;
}

std::shared_ptr<const plugin::Registry> registry_of(const Config& config) {
  std::shared_ptr<const plugin::Registry> all;
  {
    const std::lock_guard lock(loaded().mutex);
    std::vector<std::filesystem::path> paths(config.plugins.path.begin(), config.plugins.path.end());
    paths.insert(paths.end(), loaded().paths.begin(), loaded().paths.end());
    all = plugin::Registry::load(paths);
  }
  check_plugins(config, *all);
  return all;
}

void bind_plugins(py::module_& module) {
  module.def("plugins", &plugins,
             "Every plugin that can be used: {kind, id, version, summary, library, thread_safe, parameters}, sorted.");
  module.def("add_plugin_path", &add_plugin_path, py::arg("path"),
             "Also takes plugins from this library or folder, for the rest of the process.");
}

}  // namespace golong::python
