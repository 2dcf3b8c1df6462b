// Tests on a CUDA device: they are skipped where there is none.
#pragma once
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/nn/device.h"

namespace golong {

class CudaTest : public testing::Test {
 protected:
  void SetUp() override {
    try {
      device = nn::open_device("cuda");
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }

  c10::Device device = c10::kCPU;
};

}  // namespace golong
