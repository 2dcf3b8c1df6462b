#include "plugins/rewards/rouge_l/summary_reward.h"

#include <dlfcn.h>

#include <algorithm>

#include "plugins/common/answer_lines.h"
#include "plugins/common/unicode.h"

namespace golong::plugins {
namespace {

constexpr const char* kFile = "dictionary.bin";

}  // namespace

std::filesystem::path built_in_dictionary() {
  Dl_info info{};
  static const char here = 0;
  std::filesystem::path library;
  if (dladdr(&here, &info) != 0 && info.dli_fname != nullptr) library = std::filesystem::absolute(info.dli_fname);
  // PREFIX/lib/golong/plugins/rewards/rouge_l.so
  for (std::filesystem::path folder = library.parent_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    std::filesystem::path file = folder / "share" / "golong" / "jieba" / kFile;
    if (std::filesystem::exists(file)) return file;
  }
  return std::filesystem::path("share") / "golong" / "jieba" / kFile;
}

SummaryReward::SummaryReward(const sdk::Params& params)
    : mode_(mode_from(params.text("mode"))), dictionary_(params.text("dictionary")) {
  if (dictionary_.empty()) return;
  if (std::filesystem::is_directory(dictionary_)) dictionary_ /= kFile;
  segmenter_ = std::make_unique<Segmenter>(dictionary_);
}

const Segmenter& SummaryReward::segmenter() {
  std::lock_guard lock(mutex_);
  if (!segmenter_) segmenter_ = std::make_unique<Segmenter>(built_in_dictionary());
  return *segmenter_;
}

std::string SummaryReward::words(std::string_view text, bool chinese) const {
  std::string normal = normalize_item(text);
  if (!chinese) return normal;
  std::u32string points = to_code_points(normal);
  std::string out;
  out.reserve(normal.size() * 2);
  for (std::u32string_view word : segmenter_->cut(points)) {
    if (!out.empty()) out += ' ';
    for (char32_t c : word) append_utf8(out, c);
  }
  return out;
}

SummaryReward::Prepared SummaryReward::prepare(const sdk::Gold& gold) {
  if (!gold.has_items()) {
    throw sdk::Unscorable(
        "the gold answer has no references (ground_truth.doc_ids); this reward needs a list of texts");
  }
  Prepared prepared;
  prepared.chinese = gold.language() == "Chinese";
  if (prepared.chinese) segmenter();
  for (size_t i = 0; i < gold.size(); ++i) prepared.references.emplace_back(words(gold.item(i), prepared.chinese));
  return prepared;
}

double SummaryReward::score(const Prepared& gold, const sdk::Response& response, const sdk::Call& call) const {
  bool strict = mode_ == Mode::strict;
  std::string_view text = strict ? answer_area(response.answer()) : response.text();
  const RougeText sentences(words(text, gold.chinese));
  double best = 0;
  try {
    for (const RougeReference& reference : gold.references) {
      bool ok = false;
      double score = reference.score(
          sentences, strict ? 0 : kPublishedCalls, [&] { return call.cancelled(); }, ok);
      if (!ok) return 0;  // one reference that fails takes the others with it
      best = std::max(best, score);
    }
  } catch (const Cancelled&) {
    throw sdk::Cancelled();
  }
  return best;
}

}  // namespace golong::plugins
