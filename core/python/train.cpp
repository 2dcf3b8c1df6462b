// golong.train: the engine works in a thread of its own, so that this one can look after Ctrl-C.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <condition_variable>
#include <csignal>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

#include "core/base/error.h"
#include "core/cli/engine.h"
#include "core/python/bindings.h"
#include "core/report/log.h"

namespace golong::python {

namespace {

// What the two threads share. The training thread owns `steps` and `failure` until `finished`.
struct Training {
  StopFlag stop{0};
  std::mutex mutex;
  std::condition_variable changed;
  bool finished = false;
  int64_t steps = 0;
  std::exception_ptr failure;           // of the engine
  std::exception_ptr callback_failure;  // of the callback, a py::error_already_set
};

// Called by the training thread without the GIL. False: save and stop.
bool call_back(Training& training, const py::object& callback, const StepReport& report) {
  const py::gil_scoped_acquire gil;
  try {
    const py::object answer = callback(report.step, py::cast(report.metrics));
    return !(py::isinstance<py::bool_>(answer) && !answer.cast<bool>());
  } catch (...) {
    training.callback_failure = std::current_exception();
    return false;
  }
}

void log_callback_failure(const Training& training) {
  try {
    std::rethrow_exception(training.callback_failure);
  } catch (const std::exception& error) {
    log::error("the callback failed, and the run that it stopped could not be saved: ", error.what());
  }
}

void work(Training& training, const Config& config, const std::shared_ptr<const plugin::Registry>& registry,
          const TrainOptions& options) {
  try {
    training.steps = engine().train(config, registry, options);
  } catch (...) {
    training.failure = std::current_exception();
  }
  const std::lock_guard lock(training.mutex);
  training.finished = true;
  training.changed.notify_one();
}

// Waits until the training ends. Python runs its signal handlers only in its main thread and with the GIL, so they are
// asked for here, ten times a second. The first one that raises (Ctrl-C raises KeyboardInterrupt) makes the training
// save and stop, and is returned; a second one ends the process at once.
std::optional<py::error_already_set> wait(Training& training) {
  std::optional<py::error_already_set> interrupt;
  while (true) {
    {
      const py::gil_scoped_release release;
      std::unique_lock lock(training.mutex);
      if (training.changed.wait_for(lock, std::chrono::milliseconds(100), [&] { return training.finished; })) {
        return interrupt;
      }
    }
    if (PyErr_CheckSignals() == 0) continue;
    if (interrupt) {
      std::signal(SIGINT, SIG_DFL);
      std::raise(SIGINT);
    }
    interrupt.emplace();  // takes the error that is set
    training.stop = 1;
  }
}

int64_t train(const Config& settings, bool resume, const py::object& callback) {
  if (!callback.is_none() && PyCallable_Check(callback.ptr()) == 0) {
    fail("callback: expected a function of a step and its metrics, or None");
  }
  const Config config(settings);  // NOLINT: a copy, what Python changes from now on is for the next run
  Training training;
  TrainOptions options;
  options.resume = resume;
  options.stop = &training.stop;
  if (!callback.is_none()) {
    options.on_step = [&](const StepReport& report) { return call_back(training, callback, report); };
  }
  std::shared_ptr<const plugin::Registry> plugins;
  {
    const py::gil_scoped_release release;
    check_purpose(config, Purpose::train);
    plugins = registry_of(config);
    engine();
  }
  std::thread thread(work, std::ref(training), std::cref(config), std::cref(plugins), std::cref(options));
  std::optional<py::error_already_set> interrupt;
  try {
    interrupt = wait(training);
  } catch (...) {
    training.stop = 1;
    const py::gil_scoped_release release;
    thread.join();
    throw;
  }
  {
    const py::gil_scoped_release release;
    thread.join();
  }
  // A failure first: after an interrupt it says that the run could not be saved. One of the callback has stopped the
  // run; it then is only in the log.
  if (training.failure && training.callback_failure) log_callback_failure(training);
  if (training.failure) std::rethrow_exception(training.failure);
  if (training.callback_failure) std::rethrow_exception(training.callback_failure);
  if (interrupt) throw py::error_already_set(*interrupt);
  return training.steps;
}

}  // namespace

void bind_train(py::module_& module) {
  module.def("train", &train, py::arg("config"), py::arg("resume") = false, py::arg("callback") = py::none());
  module.def(
      "describe_engine",
      [] {
        const py::gil_scoped_release release;
        return engine().describe();
      },
      "LibTorch's version, devices and threads. Loads it.");
}

}  // namespace golong::python
