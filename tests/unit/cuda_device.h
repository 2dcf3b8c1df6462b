// Tests on a CUDA device: they are skipped where there is none.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/error.h"
#include "core/nn/device.h"

namespace golong {

// In place of testing::Test, or over a fixture.
template <class Fixture>
class WithCuda : public Fixture {
 protected:
  void SetUp() override {
    ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);  // for the tests that are deterministic
    try {
      device = nn::open_device("cuda");
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }

  c10::Device device = c10::kCPU;
};

using CudaTest = WithCuda<testing::Test>;

}  // namespace golong
