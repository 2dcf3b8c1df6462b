// The module golong._golong: one file a topic, each with one bind_X. core/python/golong/ holds the Python around it.
#pragma once
#include <pybind11/pybind11.h>

#include <memory>

#include "core/config/config.h"
#include "core/plugin/registry.h"

namespace golong::python {

namespace py = pybind11;

void bind_config(py::module_& module);
void bind_plugins(py::module_& module);
void bind_advantages(py::module_& module);
void bind_score(py::module_& module);
void bind_train(py::module_& module);

// The plugins of the built-in folder, GOLONG_PLUGIN_PATH and add_plugin_path; loaded once. Needs no GIL.
std::shared_ptr<const plugin::Registry> registry();

// Those of a config's plugins.path as well, with its plugin tables checked.
std::shared_ptr<const plugin::Registry> registry_of(const Config& config);

// A Python object as JSON, by Python's own json module. Throws Error for what JSON cannot hold.
std::string to_json(const py::handle& object, const std::string& where);

}  // namespace golong::python
