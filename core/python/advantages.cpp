// golong.advantages: our normalizers for anybody's trainer.
#include <pybind11/numpy.h>

#include <cmath>

#include "core/base/error.h"
#include "core/plugin/normalizer.h"
#include "core/python/bindings.h"

namespace golong::python {

namespace {

py::sequence column(const py::handle& values, const char* name, size_t expected) {
  py::object list = py::reinterpret_borrow<py::object>(values);
  if (py::hasattr(list, "tolist")) list = list.attr("tolist")();  // numpy, torch: plain Python values, quickly
  if (py::isinstance<py::str>(list) || !PySequence_Check(list.ptr())) {
    fail("advantages: ", name, " must be a list or an array, not ",
         std::string(py::str(py::type::of(values).attr("__name__"))));
  }
  auto sequence = py::reinterpret_borrow<py::sequence>(list);
  if (expected != SIZE_MAX && sequence.size() != expected) {
    fail("advantages: ", name, " has ", sequence.size(), " entries, rewards has ", expected, "; there is one for each ",
         "response");
  }
  return sequence;
}

// Numbers the distinct values of a column by their first occurrence, by Python's own equality and hash.
class Numbering {
 public:
  explicit Numbering(const char* name) : name_(name) {}
  uint32_t of(const py::handle& value, size_t row) {
    const auto next = static_cast<uint32_t>(py::len(numbers_));
    const py::int_ number(next);
    PyObject* found = PyDict_SetDefault(numbers_.ptr(), value.ptr(), number.ptr());
    if (!found) {
      PyErr_Clear();
      fail("advantages: ", name_, "[", row, "] is a ", std::string(py::str(py::type::of(value).attr("__name__"))),
           ", which cannot be told from others (it is not hashable)");
    }
    return py::handle(found).cast<uint32_t>();
  }
  const py::dict& numbers() const { return numbers_; }

 private:
  const char* name_;
  py::dict numbers_;
};

// A finite reward, or none where the response was not scored.
std::optional<double> reward_of(const py::handle& value, size_t row) {
  if (value.is_none()) return std::nullopt;
  const double reward = PyFloat_AsDouble(value.ptr());
  if (reward == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    fail("advantages: rewards[", row, "] is no number but ", std::string(py::repr(value)));
  }
  if (!std::isfinite(reward)) {
    fail("advantages: rewards[", row, "] is ", reward, "; rewards must be finite (None: the response was not scored)");
  }
  return reward;
}

uint32_t length_of(const py::handle& value, size_t row) {
  const long long length = PyIndex_Check(value.ptr()) ? PyLong_AsLongLong(value.ptr()) : -1;
  if (length < 0 || length > UINT32_MAX) {
    PyErr_Clear();
    fail("advantages: lengths[", row, "] is ", std::string(py::repr(value)), "; expected a number of tokens");
  }
  return static_cast<uint32_t>(length);
}

plugin::Columns batch_of(const py::object& rewards, const py::object& groups, const py::object& tasks,
                         const py::object& lengths) {
  plugin::Columns batch;
  const py::sequence reward_column = column(rewards, "rewards", SIZE_MAX);
  const size_t count = reward_column.size();
  const py::sequence group_column = column(groups, "groups", count);
  const py::sequence task_column = tasks.is_none() ? py::sequence(py::list()) : column(tasks, "tasks", count);
  const py::sequence length_column = lengths.is_none() ? py::sequence(py::list()) : column(lengths, "lengths", count);
  Numbering group_numbers("groups"), task_numbers("tasks");
  for (size_t i = 0; i < count; ++i) {
    const std::optional<double> reward = reward_of(reward_column[i], i);
    const uint32_t group = group_numbers.of(group_column[i], i);
    const uint32_t task = tasks.is_none() ? 0 : task_numbers.of(task_column[i], i);
    if (group == batch.group_tasks.size()) batch.group_tasks.push_back(task);
    if (batch.group_tasks[group] != task) {
      fail("advantages: tasks[", i, "] is ", std::string(py::repr(task_column[i])), ", but another response of group ",
           std::string(py::repr(group_column[i])), " has a different task; a group has one");
    }
    batch.rewards.push_back(reward.value_or(0));
    batch.outcomes.push_back(reward ? GOLONG_SCORED : GOLONG_NOT_SCORABLE);
    batch.groups.push_back(group);
    batch.lengths.push_back(lengths.is_none() ? 1 : length_of(length_column[i], i));
    batch.finish_reasons.push_back(GOLONG_FINISH_STOP);
  }
  if (tasks.is_none()) batch.tasks.emplace_back("all");
  for (const auto& [task, number] : task_numbers.numbers()) batch.tasks.push_back(py::str(task));
  return batch;
}

plugin::Settings settings_of(const py::kwargs& params, const std::string& name) {
  plugin::Settings settings;
  for (const auto& [key, value] : params) {
    const std::string parameter = py::str(key);
    plugin::Setting& setting = settings[parameter];
    setting.where = "advantages";
    if (py::isinstance<py::bool_>(value)) {
      setting.value = value.cast<bool>();
    } else if (py::isinstance<py::str>(value)) {
      setting.value = value.cast<std::string>();
    } else if (PyIndex_Check(value.ptr())) {
      setting.value = value.cast<int64_t>();
    } else if (PyFloat_Check(value.ptr())) {
      setting.value = value.cast<double>();
    } else {
      fail("advantages: ", name, ".", parameter, " must be a number, text, True or False, not ",
           std::string(py::str(py::type::of(value).attr("__name__"))));
    }
  }
  return settings;
}

py::array_t<double> advantages(const std::string& name, const py::object& rewards, const py::object& groups,
                               const py::object& tasks, const py::object& lengths, const py::kwargs& params) {
  const plugin::Columns batch = batch_of(rewards, groups, tasks, lengths);
  const plugin::Settings settings = settings_of(params, name);
  std::vector<double> result;
  {
    const py::gil_scoped_release release;
    const auto all = registry();
    const plugin::Normalizer normalizer(all->find(plugin::Kind::normalizer, name), settings);
    std::map<std::string, double> metrics;
    if (!batch.rewards.empty()) result = normalizer.compute(batch, metrics);
  }
  return py::array_t<double>(static_cast<py::ssize_t>(result.size()), result.data());
}

}  // namespace

void bind_advantages(py::module_& module) {
  module.def("advantages", &advantages, py::arg("name"), py::arg("rewards"), py::arg("groups"),
             py::arg("tasks") = py::none(), py::kw_only(), py::arg("lengths") = py::none());
}

}  // namespace golong::python
