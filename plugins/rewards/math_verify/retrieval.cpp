#include "plugins/rewards/math_verify/retrieval.h"

#include <unicode/uchar.h>

#include "plugins/common/unicode.h"

namespace golong::plugins::math {

std::optional<std::string_view> tagged(std::string_view text, std::string_view name) {
  const std::string open = "<" + std::string(name) + ">", close = "</" + std::string(name) + ">";
  size_t at = text.find(open);
  if (at == text.npos) return std::nullopt;
  text = text.substr(at + open.size());
  at = text.find(close);
  if (at == text.npos) return std::nullopt;
  return text.substr(0, at);
}

Documents document_ids(std::string_view text) {
  constexpr std::string_view lead = "<|doc_", tail = "|>";
  Documents ids;
  for (size_t at = 0; (at = text.find(lead, at)) != text.npos;) {
    size_t end = at + lead.size();
    for (size_t after = end; end < text.size(); end = after) {  // digits of any script, as Python's \d
      if (!u_isdigit(static_cast<UChar32>(next_code_point(text, after)))) break;
    }
    if (end > at + lead.size() && text.substr(end, tail.size()) == tail) {
      end += tail.size();
      ids.emplace(text.substr(at, end - at));
    }
    at = end;
  }
  return ids;
}

RetrievalGold::RetrievalGold(const sdk::Gold& gold, Mode mode) : answer_(label_of(gold), mode) {
  if (!gold.has_items()) throw sdk::Unscorable("the gold answer names no documents (ground_truth.doc_ids)");
  for (size_t i = 0; i < gold.size(); ++i) documents_.emplace(gold.item(i));
}

double RetrievalGold::score(const sdk::Response& response, const Stop& cancelled) const {
  const auto named = tagged(response.answer(), "relevant_doc_ids");
  const auto reasoning = tagged(response.answer(), "continue_reasoning");
  if (!named || !reasoning) return 0;
  const Documents documents = document_ids(*named);
  if (documents.empty() || documents != documents_) return 0;
  const std::string_view text = strip(*reasoning);
  return answer_.score(text, text, cancelled);
}

}  // namespace golong::plugins::math
