#include "plugins/rewards/math_verify/math_score.h"

#include "plugins/common/unicode.h"
#include "plugins/rewards/math_verify/compare.h"
#include "plugins/rewards/math_verify/lenient.h"

namespace golong::plugins::math {
namespace {

constexpr size_t kReleasedTail = 500, kStrictTail = 4000;
constexpr size_t kMaxGold = 20'000;  // bytes; a longer label is compared as text alone

}  // namespace

std::string label_of(const sdk::Gold& gold) {
  if (!gold.has_label()) throw sdk::Unscorable("the gold answer has no label (ground_truth.golden_label)");
  return std::string(gold.label());
}

MathGold::MathGold(std::string label, Mode mode) : label_(std::move(label)), mode_(mode) {
  if (label_.size() > kMaxGold) {
    gold_.first = label_;
    return;
  }
  std::string boxed = "\\boxed{" + label_ + "}";
  gold_ = extract_answer(mode_ == Mode::strict ? lenient(boxed, true) : boxed);
}

double MathGold::score(std::string_view text, std::string_view answer, const Stop& cancelled) const {
  return mode_ == Mode::strict ? strict(answer, cancelled) : released(text, cancelled);
}

double MathGold::released(std::string_view text, const Stop& cancelled) const {
  Extracted found = extract_answer(last_code_points(text, kReleasedTail));
  if (!found.value || found.first.empty()) return 0;
  if (found.first == label_) return 1;
  if (gold_.value && Comparer(cancelled).equal(gold_.value, found.value)) return 1;
  std::string_view a = strip(gold_.first), b = strip(found.first);
  return !a.empty() && a == b ? 1 : 0;
}

double MathGold::strict(std::string_view answer, const Stop& cancelled) const {
  std::string_view tail = last_code_points(answer, kStrictTail);
  std::string with = lenient(tail, true), without = lenient(tail, false);
  if (matches(with, cancelled)) return 1;
  return without != with && matches(without, cancelled) ? 1 : 0;
}

bool MathGold::matches(std::string_view text, const Stop& cancelled) const {
  Extracted found = extract_answer(text);
  std::string_view a = strip(gold_.first), b = strip(found.first);
  if (!b.empty() && (b == a || b == strip(label_))) return true;
  if (!gold_.value || !found.value) return false;
  Comparer comparer(cancelled);
  return comparer.equal(gold_.value, found.value) || comparer.equal(found.value, gold_.value);
}

}  // namespace golong::plugins::math
