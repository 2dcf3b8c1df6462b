#include "core/base/file_lock.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/unit/error_message.h"

namespace golong {
namespace {

TEST(FileLockTest, OneAtATimeAndTheOtherIsNamed) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "golong_lock" / "run";
  std::filesystem::remove_all(folder);
  {
    const FileLock first(folder / "lock", "the run");
    EXPECT_THAT(error_message([&] { FileLock second(folder / "lock", "the run"); }),
                testing::HasSubstr("the run is in use by process " + std::to_string(::getpid()) + " on "));
  }
  EXPECT_NO_THROW(FileLock(folder / "lock", "the run"));
  std::filesystem::remove_all(folder.parent_path());
}

}  // namespace
}  // namespace golong
