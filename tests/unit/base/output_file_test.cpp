#include "core/base/output_file.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

class OutputFileTest : public testing::Test {
 protected:
  OutputFileTest() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~OutputFileTest() override { fs::remove_all(folder); }

  size_t files() const { return std::distance(fs::directory_iterator(folder), fs::directory_iterator()); }

  const fs::path folder = fs::path(testing::TempDir()) / "golong_output_file";
};

TEST_F(OutputFileTest, AppearsWhenItIsComplete) {
  const fs::path path = folder / "out";
  write_file_atomic(path, "old");
  OutputFile output(path);
  output.stream() << "new";
  output.stream().flush();
  EXPECT_EQ(read_file(path), "old");
  output.commit();
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(files(), 1u);
}

TEST_F(OutputFileTest, TwoOfOneNameDoNotMix) {
  write_file_atomic(folder / "out.part", "the user's");
  {
    OutputFile output(folder / "out");
    output.stream() << "whole";
    output.commit();
  }
  EXPECT_EQ(read_file(folder / "out.part"), "the user's");
}

TEST_F(OutputFileTest, AFolderInTheWayIsAnErrorAndNothingStays) {
  OutputFile output(folder / "out");
  fs::create_directories(folder / "out" / "inside");
  EXPECT_THROW(output.commit(), Error);
  EXPECT_EQ(files(), 1u);
}

TEST_F(OutputFileTest, LeavesNothingWithoutCommit) {
  OutputFile(folder / "out").stream() << "half";
  EXPECT_EQ(files(), 0u);
}

TEST_F(OutputFileTest, WritesThroughALink) {
  write_file_atomic(folder / "target", "old");
  fs::create_symlink(folder / "target", folder / "link");
  OutputFile output(folder / "link");
  output.stream() << "new";
  output.commit();
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "target"), "new");
  write_file_atomic(folder / "link", "newer");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "target"), "newer");
}

TEST_F(OutputFileTest, AFolderThatIsMissingIsAnError) { EXPECT_THROW(OutputFile(folder / "no" / "out"), Error); }

TEST_F(OutputFileTest, DevicesAreNotReplaceable) {
  EXPECT_FALSE(is_replaceable("/dev/null"));
  EXPECT_TRUE(is_replaceable(folder / "nothing"));
}

}  // namespace
}  // namespace golong
