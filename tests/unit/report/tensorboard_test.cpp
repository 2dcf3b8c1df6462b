// Event files byte by byte, against values that do not come from golong.
#include "core/report/tensorboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/report/event_file.h"
#include "tests/unit/error_message.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

uint32_t crc_of(const std::string& data) {
  const std::string record = tf_record(data);
  uint32_t masked = 0;
  for (int i = 0; i < 4; ++i) {
    masked |= static_cast<uint32_t>(static_cast<unsigned char>(record[record.size() - 4 + i])) << (8 * i);
  }
  const uint32_t rotated = masked - 0xa282ead8;
  return rotated >> 17 | rotated << 15;
}

TEST(EventFile, ChecksumsAreCrc32c) {
  EXPECT_EQ(crc_of("123456789"), 0xe3069283u);
  // RFC 3720, appendix B.4.
  EXPECT_EQ(crc_of(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc_of(std::string(32, '\xff')), 0x62a8ab43u);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  EXPECT_EQ(crc_of(rising), 0x46dd794eu);
  EXPECT_EQ(crc_of(""), 0u);
}

// The bytes below are those that TensorBoard's own RecordWriter and protobuf classes write (version 2.21).
TEST(EventFile, RecordsAreFramedAsTensorBoardDoes) {
  EXPECT_EQ(tf_record("abc"), "\x03\0\0\0\0\0\0\0\xb0\x99\x49\x0e\x61\x62\x63\x6e\x57\xf1\x21"s);
}

TEST(EventFile, EventsAreEncodedAsProtobufDoes) {
  const std::string time = "\x09\0\0\x10\x40\xfc\x54\xd9\x41"s;
  EXPECT_EQ(version_event(1700000000.25), time + "\x1a\x0d" + "brain.Event:2");
  EXPECT_EQ(session_start_event(1700000000.25, 300), time + "\x10\xac\x02\x3a\x02\x08\x01");
  EXPECT_EQ(scalars_event(1700000000.25, 300, {{"reward/mean", 0.1}, {"z", -2}}),
            time + "\x10\xac\x02\x2a\x1e\x0a\x12\x0a\x0b" + "reward/mean" + "\x15\xcd\xcc\xcc\x3d\x0a\x08\x0a\x01z" +
                "\x15\0\0\0\xc0"s);
}

TEST(EventFile, StepsAreFoundAgain) {
  std::string file = tf_record(version_event(1.5)) + tf_record(session_start_event(1.5, 0));
  std::vector<size_t> ends;  // after the events of steps 0, 127, 128, 2^40
  for (const int64_t step : {int64_t{0}, int64_t{127}, int64_t{128}, int64_t{1} << 40}) {
    file += tf_record(scalars_event(2.5, step, {{"a", 1}, {"b", 2}}));
    ends.push_back(file.size());
  }
  EXPECT_EQ(bytes_up_to_step(file, 0), ends[0]);
  EXPECT_EQ(bytes_up_to_step(file, 126), ends[0]);
  EXPECT_EQ(bytes_up_to_step(file, 127), ends[1]);
  EXPECT_EQ(bytes_up_to_step(file, 128), ends[2]);
  EXPECT_EQ(bytes_up_to_step(file, int64_t{1} << 40), ends[3]);
  for (size_t torn = ends[2]; torn < ends[3]; ++torn) {
    EXPECT_EQ(bytes_up_to_step(file.substr(0, torn), int64_t{1} << 50), ends[2]);
  }
  file[ends[1] + 20] ^= 1;  // a checksum does not hold
  EXPECT_EQ(bytes_up_to_step(file, int64_t{1} << 50), ends[1]);
  EXPECT_EQ(bytes_up_to_step("", 0), 0u);
  EXPECT_EQ(bytes_up_to_step(tf_record("no event"), 0), 0u);
}

class TensorBoardFiles : public ::testing::Test {
 protected:
  TensorBoardFiles()
      : folder_(fs::path(testing::TempDir()) / ("golong-tensorboard-" + std::to_string(getpid())) / "tensorboard") {
    fs::remove_all(folder_);
  }
  ~TensorBoardFiles() override { fs::remove_all(folder_.parent_path()); }

  // In TensorBoard's order.
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }

  fs::path folder_;
};

TEST_F(TensorBoardFiles, StepsAreThereAsSoonAsTheyAreWritten) {
  TensorBoardWriter writer(folder_, std::nullopt);
  ASSERT_EQ(names().size(), 1u);
  EXPECT_THAT(names()[0], StartsWith("events.out.tfevents."));
  const fs::path file = folder_ / names()[0];
  const std::string head = read_file(file);
  writer.write(1, {{"reward/mean", 0.5}});
  const std::string one = read_file(file);
  EXPECT_THAT(one, StartsWith(head));
  EXPECT_THAT(one, HasSubstr("reward/mean"));
  writer.write(2, {{"train/loss", 0.5}});
  EXPECT_THAT(read_file(file), StartsWith(one));
  EXPECT_THAT(read_file(file), HasSubstr("train/loss"));
}

TEST_F(TensorBoardFiles, EachStartHasAFileThatComesAfterThoseBefore) {
  { TensorBoardWriter(folder_, std::nullopt).write(1, {{"first", 1}}); }
  { TensorBoardWriter(folder_, 1).write(2, {{"second", 1}}); }  // within the same second
  std::ofstream(folder_ / "events.out.tfevents.9000000000.elsewhere") << "of a clock that was wrong";
  { TensorBoardWriter(folder_, 2).write(3, {{"third", 1}}); }
  const std::vector<std::string> files = names();
  ASSERT_EQ(files.size(), 4u);
  EXPECT_THAT(read_file(folder_ / files[0]), HasSubstr("first"));
  EXPECT_THAT(read_file(folder_ / files[1]), HasSubstr("second"));
  EXPECT_THAT(read_file(folder_ / files[1]), HasSubstr("\x10\x02\x3a\x02\x08\x01"));  // voids step 2 and later
  EXPECT_THAT(read_file(folder_ / files[3]), HasSubstr("third"));
}

TEST_F(TensorBoardFiles, WhatIsDoneAgainIsCutOffTheFilesBefore) {
  {
    TensorBoardWriter writer(folder_, std::nullopt);
    writer.write(1, {{"kept", 1}});
    writer.write(2, {{"also_kept", 1}});
    writer.write(3, {{"again", 1}});
  }
  {
    TensorBoardWriter writer(folder_, 2);
    writer.write(3, {{"again", 2}});
  }
  { TensorBoardWriter(folder_, 2).write(3, {{"at_last", 1}}); }
  std::string all;
  for (const std::string& name : names()) all += read_file(folder_ / name);
  EXPECT_THAT(all, AllOf(HasSubstr("kept"), HasSubstr("also_kept"), HasSubstr("at_last"), Not(HasSubstr("again"))));
}

TEST_F(TensorBoardFiles, ANewRunKeepsNothingOfTheOneBefore) {
  { TensorBoardWriter(folder_, std::nullopt).write(1, {{"before", 1}}); }
  std::ofstream(folder_ / "events.out.tfevents.1.elsewhere") << "of the user";
  { TensorBoardWriter(folder_, std::nullopt).write(1, {{"now", 1}}); }
  ASSERT_THAT(names(), UnorderedElementsAre(EndsWith(".golong"), "events.out.tfevents.1.elsewhere"));
  for (const std::string& name : names()) EXPECT_THAT(read_file(folder_ / name), Not(HasSubstr("before")));
}

TEST_F(TensorBoardFiles, AFullDiskIsNamed) {
  TensorBoardWriter writer(folder_, std::nullopt);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{fs::file_size(folder_ / names()[0]) + 5, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string text = error_message([&] { writer.write(1, {{"a", 2}}); });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(text, HasSubstr(names()[0] + ": cannot be written"));
}

}  // namespace
}  // namespace golong
