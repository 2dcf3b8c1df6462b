// A task plugin over the question generators of its folder: what the nine built-in tasks have in common.
#pragma once
#include <string>
#include <vector>

#include "golong/plugin.hpp"
#include "plugins/common/documents.h"

namespace golong::documents {

class DocumentTask : public sdk::Task, public sdk::Generate {
 public:
  using Suits = double (*)(const Document&);
  using Make = std::vector<Question> (*)(const Document&, const Request&);
  DocumentTask(Suits suits, Make make) : suits_(suits), make_(make) {}

  // The row's messages as they stand. A row without a prompt needs `context` and `question` in extra_info; they are put
  // together as the released rows are: context, three empty lines, question.
  void render(const sdk::Row& row, const sdk::PromptSink& sink) override;

  double suits(const sdk::Document& document) override;
  void generate(const sdk::Document& document, const sdk::GenerateRequest& request,
                const sdk::QuestionSink& sink) override;

 private:
  Suits suits_;
  Make make_;
};

// The gold's label; throws where it has none.
std::string label_of(const sdk::Gold& gold);

// The gold's items as an [Answer] list; throws where it has none.
std::string list_of(const sdk::Gold& gold);

// What stands between context and question.
inline constexpr const char* kGap = "\n\n\n\n";

}  // namespace golong::documents
