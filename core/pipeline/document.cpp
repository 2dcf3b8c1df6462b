#include "core/pipeline/document.h"

#include <boost/json.hpp>
#include <set>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/nearest.h"
#include "core/base/random.h"

namespace golong {
namespace {

std::string text_member(const boost::json::object& object, const char* name, const std::string& where, bool required) {
  const auto* member = object.if_contains(name);
  if (!member || member->is_null()) {
    if (required) fail(where, ": the document has no member ", name, "; expected {id, kind, language, text, ...}");
    return "";
  }
  if (!member->is_string()) fail(where, ": member ", name, " is ", to_string(member->kind()), ", expected a string");
  return std::string(member->get_string());
}

}  // namespace

SourceDocument parse_document(std::string_view json, const std::string& where) {
  boost::system::error_code error;
  const auto value = boost::json::parse({json.data(), json.size()}, error);
  if (error) fail(where, ": the line is no JSON: ", error.message());
  if (!value.is_object()) fail(where, ": the document is ", to_string(value.kind()), ", expected an object {...}");
  const auto& object = value.get_object();
  SourceDocument document{.id = text_member(object, "id", where, true),
                          .title = text_member(object, "title", where, false),
                          .kind = text_member(object, "kind", where, true),
                          .language = text_member(object, "language", where, true),
                          .text = text_member(object, "text", where, true),
                          .group = text_member(object, "group", where, false)};
  if (document.id.empty()) fail(where, ": member id is empty; it must name the document");
  if (document.group.empty()) document.group = document.id;
  return document;
}

std::vector<SourceDocument> read_documents(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  const std::string_view bytes = mapped.bytes();
  std::vector<SourceDocument> documents;
  std::set<std::string> ids;
  size_t number = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', at), bytes.size());
    const std::string_view line = bytes.substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = file.string() + ":" + std::to_string(number);
    documents.push_back(parse_document(line, where));
    if (!ids.insert(documents.back().id).second) {
      fail(where, ": the document id \"", documents.back().id, "\" stands twice; ids must be unique");
    }
  }
  if (documents.empty()) fail(file.string(), ": no documents; expected one JSON object a line");
  return documents;
}

Split parse_split(const std::string& word) {
  if (word == "train") return Split::train;
  if (word == "eval") return Split::eval;
  if (word == "all") return Split::all;
  fail("--split \"", word, "\": expected train, eval or all", did_you_mean(word, {"train", "eval", "all"}));
}

bool in_split(const SourceDocument& document, Split split, double eval_share) {
  if (split == Split::all) return true;
  const bool held_out = uniform(mix64(hash64(document.group, 0x5b11))) < eval_share;
  return held_out == (split == Split::eval);
}

}  // namespace golong
