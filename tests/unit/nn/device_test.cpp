#include "core/nn/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/error_message.h"

namespace golong::nn {
namespace {

using testing::HasSubstr;

TEST(Device, TheCpuIsThere) {
  EXPECT_TRUE(open_device("cpu").is_cpu());
  EXPECT_GT(memory_of(c10::kCPU), 0);
}

TEST(Device, WhatCannotBeOpenedIsNamed) {
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1"}) {
    EXPECT_THAT(error_message([&] { open_device(name); }), HasSubstr(std::string("device \"") + name + "\"")) << name;
  }
  EXPECT_THAT(error_message([&] { open_device("cuda:4096"); }), HasSubstr("cuda:4096"));  // with and without devices
}

}  // namespace
}  // namespace golong::nn
