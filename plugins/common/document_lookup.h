// Questions that one short span of a document answers: the value of a field, the record that holds a phrase, the words
// that follow a phrase. Shared by the tasks that ask for the span itself and for its letter among four.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "plugins/common/documents.h"

namespace golong::documents {

struct Lookup {
  std::string context;
  std::string question;             // without an instruction how to answer
  std::string answer;               // stands verbatim in the context
  std::vector<std::string> others;  // wrong answers of the same kind, all different
};

// One lookup in `document`, or nothing where the place chosen does not give one that is unambiguous.
std::optional<Lookup> choose_lookup(const Document& document, const Records& records, Choices& choices,
                                    uint64_t max_context_bytes);

// How well a document suits such questions: 0, or 1.
double suits_lookup(const Document& document);

}  // namespace golong::documents
