// Questions of the task graded_ranking from a real document (plugins/tasks/README.md).
#pragma once
#include <vector>

#include "plugins/common/documents.h"

namespace golong::graded_ranking {

// 0: the document does not suit, 1: it suits well.
double suits(const documents::Document& document);

// Up to request.max_questions questions, each of which was checked against its context.
std::vector<documents::Question> generate(const documents::Document& document, const documents::Request& request);

}  // namespace golong::graded_ranking
