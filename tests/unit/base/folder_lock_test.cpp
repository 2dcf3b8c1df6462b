#include "core/base/folder_lock.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/unit/error_message.h"

namespace golong {
namespace {

TEST(FolderLockTest, OneAtATimeAndTheOtherIsNamed) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "golong_lock" / "run";
  std::filesystem::remove_all(folder);
  {
    const FolderLock first(folder);
    EXPECT_THAT(error_message([&] { FolderLock second(folder); }),
                testing::HasSubstr(folder.string() + " is in use by process " + std::to_string(::getpid()) + " on "));
  }
  EXPECT_NO_THROW(FolderLock{folder});
  std::filesystem::remove_all(folder.parent_path());
}

}  // namespace
}  // namespace golong
