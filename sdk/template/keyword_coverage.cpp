// A reward: which share of the gold items stands somewhere in the answer.
#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include <golong/plugin.hpp>

using namespace golong::sdk;

namespace {

class KeywordCoverage : public Reward {
 public:
  explicit KeywordCoverage(const Params& params) : ignore_case_(params.boolean("ignore_case")) {}

  // What `prepare` makes of the gold is kept for all responses to one prompt.
  using Prepared = std::vector<std::string>;

  Prepared prepare(const Gold& gold) const {
    if (gold.size() == 0) throw Unscorable("keyword_coverage needs gold items (ground_truth.doc_ids)");
    Prepared keywords;
    for (const std::string& item : gold.items()) keywords.push_back(normal(item));
    return keywords;
  }

  double score(const Prepared& keywords, const Response& response, const Call& call) const {
    std::string answer = normal(response.answer());
    size_t found = 0;
    for (const std::string& keyword : keywords) {
      call.check();  // ends the call once its deadline has passed
      found += answer.find(keyword) != std::string::npos;
    }
    call.detail(std::to_string(found) + " of " + std::to_string(keywords.size()) + " keywords");
    return static_cast<double>(found) / static_cast<double>(keywords.size());
  }

 private:
  std::string normal(std::string_view text) const {
    std::string copy(text);
    if (ignore_case_) {
      std::transform(copy.begin(), copy.end(), copy.begin(), [](unsigned char c) { return std::tolower(c); });
    }
    return copy;
  }

  bool ignore_case_;
};

}  // namespace

GOLONG_LIBRARY("keyword_coverage",
               reward<KeywordCoverage>("keyword_coverage", "1.0.0", "share of the gold items that stand in the answer",
                                       {boolean("ignore_case", true, "compare ASCII letters without regard to case")},
                                       thread_safe))
