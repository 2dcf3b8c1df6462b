#include "core/config/difference.h"

#include <gmock/gmock.h>

#include "core/base/error.h"
#include "core/config/config.h"

namespace golong {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Differences, NamesEachKeyWithBothValues) {
  Config before = Config::defaults();
  Config after = before;
  EXPECT_THAT(differences(before.to_toml(), after.to_toml(), "run"), IsEmpty());
  after.train.seed = before.train.seed + 1;
  after.data.train = {"rows.jsonl"};
  after.data.task_weights["summarization"] = 2;
  std::vector<std::string> found;
  for (const Difference& difference : differences(before.to_toml(), after.to_toml(), "run")) {
    found.push_back(to_string(difference));
  }
  EXPECT_THAT(
      found,
      ElementsAre("data.task_weights.summarization was not set, is 2.0", "data.train was [], is [ 'rows.jsonl' ]",
                  "train.seed was " + std::to_string(before.train.seed) + ", is " + std::to_string(after.train.seed)));
}

TEST(Differences, TextThatIsNoTomlNamesItsSource) {
  EXPECT_THROW(
      {
        try {
          differences("[", "", "runs/x/config.toml");
        } catch (const Error& error) {
          EXPECT_THAT(error.what(), testing::StartsWith("runs/x/config.toml:1:"));
          throw;
        }
      },
      Error);
}

}  // namespace
}  // namespace golong
