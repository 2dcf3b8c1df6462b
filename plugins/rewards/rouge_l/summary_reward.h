// The reward of summaries (paper C.3, C.4): the best ROUGE-L F over the references, Chinese by words.
#pragma once
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "golong/plugin.hpp"
#include "plugins/common/mode.h"
#include "plugins/rewards/rouge_l/rouge.h"
#include "plugins/rewards/rouge_l/segmenter.h"

namespace golong::plugins {

class SummaryReward : public sdk::Reward {
 public:
  struct Prepared {
    bool chinese = false;
    std::vector<RougeReference> references;
  };

  // Parameters `mode` and `dictionary`. A dictionary that is named is opened here, the built-in one when it is needed.
  explicit SummaryReward(const sdk::Params& params);

  // Throws std::runtime_error where the gold is Chinese and there is no dictionary.
  Prepared prepare(const sdk::Gold& gold);
  double score(const Prepared& gold, const sdk::Response& response, const sdk::Call& call) const;

 private:
  const Segmenter& segmenter();
  std::string words(std::string_view text, bool chinese) const;

  Mode mode_;
  std::filesystem::path dictionary_;
  std::mutex mutex_;
  std::unique_ptr<const Segmenter> segmenter_;  // once made it stays
};

// The dictionary that belongs to this library: share/golong/jieba/dictionary.bin of the build or the installation.
std::filesystem::path built_in_dictionary();

}  // namespace golong::plugins
