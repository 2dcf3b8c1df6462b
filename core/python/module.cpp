#include "core/base/error.h"
#include "core/base/version.h"
#include "core/python/bindings.h"

namespace golong::python {

std::string to_json(const py::handle& object, const std::string& where) {
  const py::module_ json = py::module_::import("json");
  try {
    return py::str(json.attr("dumps")(object, py::arg("allow_nan") = false));
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError) && !error.matches(PyExc_ValueError)) throw;
    fail(where, ": ", std::string(py::str(error.value())));
  }
}

}  // namespace golong::python

PYBIND11_MODULE(_golong, module) {
  using namespace golong::python;
  module.doc() = "The torch-free core of golong. Use the package `golong`.";
  module.attr("__version__") = golong::version;
  auto& error = py::register_exception<golong::Error>(module, "Error", PyExc_ValueError);
  error.attr("__doc__") = "What is wrong, where, what was expected, and what to do.";
  error.attr("__module__") = "golong";
  bind_config(module);
  bind_plugins(module);
  bind_advantages(module);
  bind_score(module);
  bind_train(module);
}
