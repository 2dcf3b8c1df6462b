// What tests look at when something has to go wrong.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "core/base/error.h"

namespace golong {

// The message of the Error that `function` throws; the test fails where it throws none.
template <class Function>
std::string error_message(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

}  // namespace golong
