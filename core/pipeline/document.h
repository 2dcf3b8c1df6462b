// Real documents that questions are made from, read from JSONL.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace golong {

struct SourceDocument {
  std::string id;  // unique
  std::string title;
  std::string kind;      // "book", "changelog", ...; tasks choose by it
  std::string language;  // "English", "Chinese", ...
  std::string text;
  std::string group;  // documents of one group stay together on one side of the split; without it, the id
};

// Parses one line {id, title, kind, language, text, group}; other members are ignored. Throws Error that names `where`,
// the member, what it is and what is expected.
SourceDocument parse_document(std::string_view json, const std::string& where);

// Reads the file; ids must be unique. Throws Error with FILE:LINE.
std::vector<SourceDocument> read_documents(const std::filesystem::path& file);

enum class Split { train, eval, all };

// Throws Error with the nearest word.
Split parse_split(const std::string& word);

// On which side of the split a document is: the share `eval_share` of all groups is held out, by a hash of the group's
// name alone, so that neither the seed nor other documents move a document from one side to the other.
bool in_split(const SourceDocument& document, Split split, double eval_share);

}  // namespace golong
