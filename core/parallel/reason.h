// What LibTorch says is wrong.
#pragma once
#include <c10/util/Exception.h>

#include <exception>
#include <string>

namespace golong::parallel {

// The first line, without the stack that follows it.
inline std::string reason_of(const std::exception& error) {
  const auto* torch = dynamic_cast<const c10::Error*>(&error);
  const std::string text = torch ? torch->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

}  // namespace golong::parallel
