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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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

TEST_F(TensorBoardFiles, ANewRunKeepsNothingOfTheOneBefore) {
  { TensorBoardWriter(folder_, std::nullopt).write(1, {{"before", 1}}); }
  std::ofstream(folder_ / "notes.txt") << "of the user";
  { TensorBoardWriter(folder_, std::nullopt).write(1, {{"now", 1}}); }
  ASSERT_THAT(names(), ElementsAre(StartsWith("events."), "notes.txt"));
  EXPECT_THAT(read_file(folder_ / names()[0]), Not(HasSubstr("before")));
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
