// Calling a function of a plugin that may fail, and turning its status into an Error.
#pragma once
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/plugin/crash.h"
#include "core/plugin/registry.h"

namespace golong::plugin {

// A buffer for the plugin's message.
class ErrorBuffer {
 public:
  golong_error* get() { return &error_; }
  void set(std::string_view text) {
    size_t size = std::min(text.size(), message_.size() - 1);
    std::copy_n(text.data(), size, message_.data());
    message_[size] = 0;
  }
  std::string text() {
    message_.back() = 0;
    return message_[0] ? message_.data() : "it gives no reason";
  }

 private:
  std::array<char, 1024> message_{};
  golong_error error_{sizeof(golong_error), static_cast<uint32_t>(message_.size()), message_.data()};
};

// call(instance, "render", [&](golong_error* e) { return functions.render(..., e); }) throws Error with the plugin's
// message.
template <class Function>
void call(const Instance& instance, const char* what, Function&& function) {
  const Inside inside(instance.plugin(), what);
  ErrorBuffer error;
  golong_status status = function(error.get());
  if (status != GOLONG_OK) {
    fail(name(instance.plugin().kind), " ", instance.plugin().id, ": ", what, " failed: ", error.text());
  }
}

inline golong_string view(std::string_view text) { return {text.data() ? text.data() : "", text.size()}; }
inline std::string copy(golong_string text) { return text.data ? std::string(text.data, text.size) : std::string(); }

// A sink that appends to a string.
inline golong_sink sink(std::string& out) {
  return {&out, [](void* context, golong_string text) {
            if (text.data) static_cast<std::string*>(context)->append(text.data, text.size);
          }};
}

}  // namespace golong::plugin
