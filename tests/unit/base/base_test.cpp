#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/nearest.h"
#include "core/base/random.h"
#include "tests/unit/error_message.h"

namespace golong {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "golong-base-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }
  size_t entries() const { return std::distance(fs::directory_iterator(folder), fs::directory_iterator()); }
  fs::path folder;
};

TEST(ErrorMessage, IsPutTogether) {
  EXPECT_EQ(error_message([] { fail("rows.jsonl:", 3, ": score ", 0.5); }), "rows.jsonl:3: score 0.5");
}

TEST_F(Files, WriteAndReadBack) {
  std::string bytes("a\0b\xff\n", 5);
  write_file_atomic(folder / "x", bytes);
  EXPECT_EQ(read_file(folder / "x"), bytes);
  write_file_atomic(folder / "x", "");
  EXPECT_EQ(read_file(folder / "x"), "");
  EXPECT_EQ(MappedFile(folder / "x").bytes(), "");
  bytes.assign(3'000'000, 'z');
  write_file_atomic(folder / "x", bytes);
  EXPECT_EQ(read_file(folder / "x"), bytes);
  MappedFile first(folder / "x");
  MappedFile second(std::move(first));
  EXPECT_EQ(second.bytes(), bytes);
  EXPECT_EQ(first.bytes(), "");  // NOLINT(bugprone-use-after-move): a moved-from file is empty
  EXPECT_EQ(entries(), 1u);      // no temporary file stays
}

TEST_F(Files, ReadsFilesWithoutASize) { EXPECT_THAT(read_file("/proc/self/status"), HasSubstr("Pid:")); }

TEST_F(Files, ErrorsNameThePathAndTheReason) {
  const std::string gone = (folder / "gone").string();
  EXPECT_EQ(error_message([&] { read_file(gone); }), "cannot open " + gone + ": No such file or directory");
  const fs::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(error_message([&] { MappedFile file(pipe); }), HasSubstr("it is a pipe or a device"));
  fs::remove(pipe);
  EXPECT_EQ(error_message([&] { MappedFile file(gone); }), "cannot open " + gone + ": No such file or directory");
  EXPECT_THAT(error_message([&] { read_file(folder); }), HasSubstr("it is a folder"));
  EXPECT_THAT(error_message([&] { write_file_atomic(folder / "gone" / "x", "y"); }),
              HasSubstr("No such file or directory"));
  fs::create_directories(folder / "taken" / "inside");
  EXPECT_THAT(error_message([&] { write_file_atomic(folder / "taken", "y"); }), HasSubstr("cannot write"));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, AFullDiskLeavesTheOldFile) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  // A temporary file cannot be placed on /dev/full; a link with the temporary's name can.
  const fs::path target = folder / "x";
  write_file_atomic(target, "old");
  fs::path temporary = target;
  temporary += ".tmp" + std::to_string(getpid());
  fs::create_symlink("/dev/full", temporary);
  EXPECT_THAT(error_message([&] { write_file_atomic(target, "new"); }), HasSubstr("No space left on device"));
  EXPECT_EQ(read_file(target), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST(Hash, KnownValues) {
  // splitmix64 from seed 0: the published first outputs.
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafull);
  EXPECT_EQ(mix64(0x9e3779b97f4a7c15ull), 0x6e789e6aa1b965f4ull);
}

TEST(Hash, DependsOnEveryByteLengthAndSeed) {
  std::set<uint64_t> seen;
  const std::string text = "the quick brown fox jumps";
  for (size_t length = 0; length <= text.size(); ++length) seen.insert(hash64(text.substr(0, length)));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] ^= 1;
    seen.insert(hash64(changed));
  }
  seen.insert(hash64(text, 1));
  seen.insert(hash64(std::string(1, '\0')));
  seen.insert(hash64(std::string(9, '\0')));
  EXPECT_EQ(seen.size(), 2 * text.size() + 1 + 3);
}

TEST(Hash, FingerprintsAreStable) {
  EXPECT_EQ(fingerprint("").size(), 32u);
  EXPECT_NE(fingerprint("a"), fingerprint("b"));
  EXPECT_EQ(fingerprint("golong"), fingerprint("golong"));
  EXPECT_EQ(fingerprint("golong").find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(Nearest, Words) {
  const std::vector<std::string> words = {"learning_rate", "steps", "epochs"};
  EXPECT_EQ(nearest("learning_rat", words), "learning_rate");
  EXPECT_EQ(nearest("step", words), "steps");
  EXPECT_EQ(nearest("STEPS", words), "steps");
  EXPECT_EQ(nearest("entirely", words), "");
  EXPECT_EQ(nearest("", {}), "");
  EXPECT_EQ(did_you_mean("epoch", words), "; did you mean epochs?");
  EXPECT_EQ(did_you_mean("zzzzzz", words), "");
}

TEST(Random, UniformIsOpenAndEven) {
  EXPECT_GT(uniform(0), 0.0);
  EXPECT_LT(uniform(~0ull), 1.0);
  const uint64_t key = random_key({1, 2, 3});
  double sum = 0, squares = 0;
  constexpr int count = 200'000;
  for (int i = 0; i < count; ++i) {
    const double value = uniform(random_bits(key, i));
    sum += value;
    squares += value * value;
  }
  // Mean 1/2 and second moment 1/3; five standard errors.
  EXPECT_NEAR(sum / count, 0.5, 5 * std::sqrt(1.0 / 12 / count));
  EXPECT_NEAR(squares / count, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / count));
}

TEST(Random, KeysTellOrderAndCountersApart) {
  std::set<uint64_t> keys = {random_key({}),     random_key({0}),    random_key({0, 0}), random_key({1, 2}),
                             random_key({2, 1}), random_key({1, 3}), random_key({1})};
  EXPECT_EQ(keys.size(), 7u);
}

TEST(Random, BelowIsEvenAndInRange) {
  RandomSequence sequence(random_key({5}));
  std::vector<int> counts(7);
  constexpr int draws = 70'000;
  for (int i = 0; i < draws; ++i) ++counts.at(sequence.below(7));
  double chi_square = 0;
  for (int count : counts) chi_square += (count - draws / 7.0) * (count - draws / 7.0) / (draws / 7.0);
  EXPECT_LT(chi_square, 22.5);  // 6 degrees of freedom: 99.9 %
  EXPECT_EQ(sequence.below(1), 0u);
}

TEST(Random, ShuffleIsAPermutationThatDependsOnTheKey) {
  std::vector<int> a(50), b(50), c(50);
  for (int i = 0; i < 50; ++i) a[i] = b[i] = c[i] = i;
  RandomSequence(1).shuffle(a);
  RandomSequence(1).shuffle(b);
  RandomSequence(2).shuffle(c);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
  std::sort(a.begin(), a.end());
  for (int i = 0; i < 50; ++i) EXPECT_EQ(a[i], i);
}

}  // namespace
}  // namespace golong
