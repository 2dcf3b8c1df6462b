#include "plugins/rewards/rouge_l/lcs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace golong::plugins {

LcsTarget::LcsTarget(const Words& words) : words_(words), blocks_((words.size() + 63) / 64) {
  places_.resize(words.size());
  std::iota(places_.begin(), places_.end(), 0U);
  std::sort(places_.begin(), places_.end(),
            [&](uint32_t a, uint32_t b) { return words[a] != words[b] ? words[a] < words[b] : a < b; });
  for (uint32_t i = 0; i < places_.size(); ++i) {
    uint32_t word = words[places_[i]];
    if (index_.empty() || index_.back().word != word) index_.push_back({word, i, 0});
    ++index_.back().count;
  }
}

const LcsTarget::Places* LcsTarget::find(uint32_t word) const {
  auto at =
      std::lower_bound(index_.begin(), index_.end(), word, [](const Places& p, uint32_t w) { return p.word < w; });
  return at != index_.end() && at->word == word ? &*at : nullptr;
}

bool LcsTarget::has(uint32_t word) const { return find(word) != nullptr; }

void LcsTarget::set(uint32_t word, std::vector<uint64_t>& mask) const {
  if (const Places* found = find(word); found) {
    for (uint32_t i = found->first; i < found->first + found->count; ++i)
      mask[places_[i] / 64] |= 1ULL << (places_[i] % 64);
  }
}

void LcsTarget::clear(uint32_t word, std::vector<uint64_t>& mask) const {
  if (const Places* found = find(word); found) {
    for (uint32_t i = found->first; i < found->first + found->count; ++i) mask[places_[i] / 64] = 0;
  }
}

namespace {

constexpr size_t kWorkBetweenChecks = 1U << 20;

using Row = std::vector<uint64_t>;  // bit j clear: the length grows from column j to j + 1

class Table {
 public:
  Table(const Words& reference, const LcsTarget& hypothesis, size_t max_steps, const std::function<bool()>& cancelled)
      : reference_(reference),
        hypothesis_(hypothesis),
        cancelled_(cancelled),
        mask_(hypothesis.blocks(), 0),
        // With a step limit the walk sees only the last max_steps columns.
        first_block_(
            max_steps > 0 && hypothesis.words().size() > max_steps ? (hypothesis.words().size() - max_steps) / 64 : 0) {
    size_t rows = reference.size(), width = hypothesis.blocks() - first_block_;
    // All rows at once where they are small, else blocks of about sqrt(rows).
    block_ = rows * width <= kRowsAtOnce ? rows : static_cast<size_t>(std::sqrt(static_cast<double>(rows))) + 1;
    Row row(hypothesis.blocks(), ~0ULL);
    for (size_t i = 0; i < rows; ++i) {
      if (block_ < rows && i % block_ == 0) checkpoints_.push_back(row);
      step(row, reference_[i]);
      if (block_ >= rows) rows_.emplace_back(row.begin() + static_cast<std::ptrdiff_t>(first_block_), row.end());
    }
  }

  // Does the length of row i (of reference words 0..i) grow from column j to j + 1?
  // REQUIRES: i does not grow from call to call; j is among the last max_steps columns.
  bool grows(size_t i, size_t j) {
    if (rows_.empty() || i < first_row_) load(i / block_ * block_);
    return !(rows_[i - first_row_][j / 64 - first_block_] >> (j % 64) & 1);
  }

 private:
  static constexpr size_t kRowsAtOnce = (64U << 20) / 8;  // 64 MiB

  void load(size_t first) {
    rows_.clear();
    first_row_ = first;
    Row row = checkpoints_[first / block_];
    for (size_t i = first; i < std::min(first + block_, reference_.size()); ++i) {
      step(row, reference_[i]);
      rows_.emplace_back(row.begin() + static_cast<std::ptrdiff_t>(first_block_), row.end());
    }
  }

  // One row of the table from the one above: V' = (V + (V & M)) | (V & ~M).
  void step(Row& row, uint32_t word) {
    work_ += row.size();
    if (work_ >= kWorkBetweenChecks) {
      work_ = 0;
      if (cancelled_ && cancelled_()) throw Cancelled{};
    }
    if (!hypothesis_.has(word)) return;
    hypothesis_.set(word, mask_);
    uint64_t carry = 0;
    for (size_t k = 0; k < row.size(); ++k) {
      uint64_t both = row[k] & mask_[k];
      uint64_t sum = row[k] + both;
      uint64_t overflow = sum < both;
      uint64_t total = sum + carry;
      overflow |= total < sum;
      carry = overflow;
      row[k] = total | (row[k] & ~mask_[k]);
    }
    hypothesis_.clear(word, mask_);
  }

  const Words& reference_;
  const LcsTarget& hypothesis_;
  const std::function<bool()>& cancelled_;
  Row mask_;
  size_t first_block_, block_ = 0, first_row_ = 0, work_ = 0;
  std::vector<Row> checkpoints_, rows_;
};

// Walks back through the table. `grows(i, j)`: is it larger in row i and column j + 1 than in column j?
template <class Grows>
bool walk(const Words& reference, const Words& words, size_t max_steps, const Grows& grows,
          std::vector<uint32_t>& taken) {
  size_t i = reference.size(), j = words.size();
  for (size_t calls = 1; i > 0 && j > 0; ++calls) {
    if (max_steps > 0 && calls >= max_steps) return false;
    if (reference[i - 1] == words[j - 1]) {
      taken.push_back(words[j - 1]);
      --i;
      --j;
    } else if (grows(i - 1, j - 1)) {
      --i;
    } else {
      --j;
    }
  }
  return true;
}

}  // namespace

void SubsequenceFinder::set_hypothesis(const Words& words) {
  auto for_each_known = [&](const auto& visit) {
    if (hypothesis_ == nullptr || hypothesis_->size() > kShort) return;
    for (size_t j = 0; j < hypothesis_->size(); ++j) {
      if (const uint32_t word = (*hypothesis_)[j]; word < places_.size()) visit(word, j);
    }
  };
  for_each_known([&](uint32_t word, size_t) { places_[word] = 0; });
  hypothesis_ = &words;
  for_each_known([&](uint32_t word, size_t j) { places_[word] |= 1ULL << j; });
  long_target_.reset();
  if (words.size() > kShort) long_target_.emplace(words);
}

bool SubsequenceFinder::find(const Words& reference, std::vector<uint32_t>& taken) {
  const size_t i = reference.size(), j = hypothesis_->size();
  if (i == 0 || j == 0) return true;
  // The walk makes a call for each step and one at the edge: at least as many as the shorter side has words.
  if (max_steps_ > 0 && std::min(i, j) + 1 > max_steps_) return false;
  if (!long_target_) return find_in_short(reference, taken);
  count_work(i * long_target_->blocks());
  Table table(reference, *long_target_, max_steps_, cancelled_);
  return walk(
      reference, *hypothesis_, max_steps_, [&](size_t row, size_t column) { return table.grows(row, column); }, taken);
}

// The table of a hypothesis of at most 64 words has one word of bits in each row.
bool SubsequenceFinder::find_in_short(const Words& reference, std::vector<uint32_t>& taken) {
  count_work(reference.size());
  rows_.resize(reference.size());
  uint64_t row = ~0ULL, any = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const uint64_t mask = places_[reference[i]];
    any |= mask;
    row = (row + (row & mask)) | (row & ~mask);
    rows_[i] = row;
  }
  // Nothing in common, and the walk stays below the limit whichever way it goes.
  if (any == 0 && (max_steps_ == 0 || reference.size() + hypothesis_->size() < max_steps_)) return true;
  return walk(
      reference, *hypothesis_, max_steps_, [&](size_t i, size_t j) { return !(rows_[i] >> j & 1); }, taken);
}

void SubsequenceFinder::count_work(size_t words) {
  work_ += words;
  if (work_ < kWorkBetweenChecks) return;
  work_ = 0;
  if (cancelled_ && cancelled_()) throw Cancelled{};
}

}  // namespace golong::plugins
