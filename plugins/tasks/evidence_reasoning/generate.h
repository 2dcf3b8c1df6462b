// Questions of the task evidence_reasoning from a real document (plugins/tasks/README.md).
#pragma once
#include <vector>

#include "plugins/common/documents.h"

namespace golong::evidence_reasoning {

// 0: the document does not suit, 1: it suits well.
double suits(const documents::Document& document);

// Up to request.max_questions questions, each of which was checked against its context.
std::vector<documents::Question> generate(const documents::Document& document, const documents::Request& request);

}  // namespace golong::evidence_reasoning
