// Gathers what is wrong with one thing that a person wrote, so that they see all of it at once.
#pragma once
#include <string>
#include <vector>

#include "core/base/error.h"

namespace golong {

class Mistakes {
 public:
  // Calls the function; an Error that it throws becomes a mistake, or more of them where it gathered several.
  template <class Function>
  void in(const Function& function) {
    try {
      function();
    } catch (const Error& error) {
      found_.emplace_back(error.what());
    }
  }

  // Throws Error with a line for each mistake, if there were any.
  void raise() const {
    constexpr size_t most = 20;  // more of them say that the whole file is another than was meant
    std::string lines;
    for (size_t i = 0; i < found_.size() && i < most; ++i) lines += (i ? "\n" : "") + found_[i];
    if (found_.size() > most) lines += "\n... and " + std::to_string(found_.size() - most) + " more";
    if (!lines.empty()) throw Error(lines);
  }

 private:
  std::vector<std::string> found_;
};

}  // namespace golong
