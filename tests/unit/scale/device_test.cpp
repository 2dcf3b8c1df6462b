#include "core/scale/device.h"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/unit/error_message.h"

namespace golong::scale {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Devices, AreKnownByName) {
  for (const std::string& name : device_names()) {
    const Device device = find_device(name, "--devices");
    EXPECT_GE(device.memory, 80e9);
    EXPECT_GT(device.inside.bandwidth, device.between.bandwidth);
  }
  const Devices node = parse_devices("8xH100-80GB", "--devices");
  EXPECT_EQ(node.count, 8);
  EXPECT_EQ(node.device, find_device("H100-80GB", "--devices"));
  EXPECT_EQ(parse_devices("H200-141GB", "--devices").count, 1);
}

TEST(Devices, MistakesSayWhatIsKnown) {
  EXPECT_THAT(
      error_message([] { parse_devices("8xH100-80G", "--devices"); }),
      AllOf(HasSubstr("--devices: there is no device \"H100-80G\"; did you mean H100-80GB?"), HasSubstr("B200-180GB")));
  EXPECT_THAT(error_message([] { parse_devices("0xH100-80GB", "--devices"); }),
              HasSubstr("expected 1 to 1024 devices"));
  EXPECT_THAT(error_message([] { parse_devices("x", "--devices"); }), HasSubstr("no device \"x\""));
}

class MeasuredDevice : public testing::Test {
 protected:
  const std::string file_ = testing::TempDir() + "/here.json";

  void write(const std::string& json) const { std::ofstream(file_) << json; }
  std::string error() const {
    return error_message([&] { find_device(file_, "--devices"); });
  }
};

TEST_F(MeasuredDevice, IsReadFromAFile) {
  write(R"({"device": "cpu", "memory_bytes": 16e9, "matmul_flops_per_s": 3e11, "memory_bandwidth_bytes_per_s": 2e10,
            "ranks": 2, "link_bytes_per_s": 1e9, "hop_s": 2e-5, "start_s": 1e-4})");
  const Devices node = parse_devices("2x" + file_, "--devices");
  EXPECT_EQ(node.count, 2);
  EXPECT_EQ(node.device, (Device{file_, 16e9, 3e11, 2e10, {1e9, 2e-5}, {1e9, 2e-5}, 1e-4, true}));
}

TEST_F(MeasuredDevice, MistakesNameTheFileAndWhatItLacks) {
  write("[]");
  EXPECT_THAT(error(), AllOf(HasSubstr(file_), HasSubstr("golong bench device")));
  write(R"({"memory_bytes": 16e9, "matmul_flops_per_s": "fast"})");
  EXPECT_THAT(error(), HasSubstr("\"matmul_flops_per_s\""));
  write(R"({"memory_bytes": 1, "matmul_flops_per_s": 1, "memory_bandwidth_bytes_per_s": 1, "ranks": 2})");
  EXPECT_THAT(error(), HasSubstr("\"link_bytes_per_s\""));
}

}  // namespace
}  // namespace golong::scale
