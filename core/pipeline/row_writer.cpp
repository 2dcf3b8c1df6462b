#include "core/pipeline/row_writer.h"

#include <boost/json.hpp>
#include <map>

namespace golong {

std::string ability_of(const std::string& task) {
  static const std::map<std::string, std::string> names = {
      {"precise_retrieval", "Precise long-range information retrieval"},
      {"evidence_reasoning", "Evidence-grounded comprehension and reasoning"},
      {"exhaustive_retrieval", "High-recall exhaustive retrieval and verification"},
      {"numerical_reasoning", "Numerical extraction and quantitative reasoning"},
      {"table_extraction", "Multi-table structured extraction"},
      {"structured_matching", "Fragment-level structured matching and induction"},
      {"graded_ranking", "Dimension-quantified retrieval and graded ranking"},
      {"sequence_ordering", "Sequence reconstruction and ordering"},
      {"summarization", "Long document summarization"},
  };
  const auto found = names.find(task);
  return found == names.end() ? task : found->second;
}

std::string row_json(const std::string& id, const std::string& task, const std::string& document,
                     const MadeQuestion& question) {
  namespace json = boost::json;
  json::array items;
  for (const auto& item : question.gold.items) items.emplace_back(item);
  const json::object row{
      {"id", id},
      {"data_source", question.data_source},
      {"prompt",
       json::array{json::object{{"role", "user"}, {"content", question.context + "\n\n\n\n" + question.question}}}},
      {"ability", ability_of(task)},
      {"reward_model",
       {{"ground_truth",
         {{"doc_ids", items}, {"golden_label", question.gold.label}, {"summary", question.gold.language}}}}},
      {"extra_info",
       {{"reward_mode", question.reward_mode},
        {"question", question.question},
        {"documents", json::array{json::string(document)}}}}};
  return json::serialize(row);
}

}  // namespace golong
