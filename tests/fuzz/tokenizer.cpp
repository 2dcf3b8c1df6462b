// A tokenizer.json: any file is a tokenizer, or an Error that names it. The first line says what is unlike a small
// byte-level tokenizer (a JSON object of members to replace), or, where it is no object, the whole input is the file;
// the rest is text to encode.
#include "core/text/tokenizer.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/text/byte_alphabet.h"
#include "core/text/text_stream.h"
#include "core/text/utf8.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using golong::fuzz::require;
namespace json = boost::json;

// Members of the object replace those of the base, within the model and its vocabulary too.
void merge(json::object& base, const json::object& changes) {
  for (const auto& [key, value] : changes) {
    json::value* old = base.if_contains(key);
    if (old && old->is_object() && value.is_object()) {
      merge(old->as_object(), value.as_object());
    } else {
      base[key] = value;
    }
  }
}

json::object base() {
  json::object vocabulary;
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary[golong::spelling_of_byte(static_cast<unsigned char>(byte))] = byte;
  }
  for (const char* word : {"th", "the", "in", "ing"}) vocabulary[word] = vocabulary.size();
  json::array merges = {"t h", "th e", "i n", "in g"};
  return {{"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}}},
          {"added_tokens", {{{"id", 300}, {"content", "<|end|>"}, {"special", true}}}},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"decoder", {{"type", "ByteLevel"}}}};
}

std::string streamed(const std::shared_ptr<const golong::Tokenizer>& tokenizer, const std::vector<int32_t>& ids,
                     bool skip) {
  golong::TextStream stream(tokenizer, skip);
  std::string text;
  for (int32_t id : ids) {
    const std::string piece = stream.push(id);
    require(golong::is_valid_utf8(piece), "what is streamed is UTF-8");
    text += piece;
  }
  return text + stream.finish();
}

// The ids of a text, and its bytes themselves as ids, which seldom make characters.
void use(const std::shared_ptr<const golong::Tokenizer>& tokenizer, std::string_view text) {
  std::vector<int32_t> any;
  for (char c : text) {
    if (const auto id = tokenizer->find(golong::spelling_of_byte(static_cast<unsigned char>(c)))) any.push_back(*id);
  }
  for (const auto& ids : {tokenizer->encode(text), tokenizer->encode_plain(text), any}) {
    for (int32_t id : ids) require(id >= 0 && id < tokenizer->vocabulary_size(), "an id is in the vocabulary");
    for (bool skip : {false, true}) {
      const std::string decoded = tokenizer->decode(ids, skip);
      require(golong::is_valid_utf8(decoded), "what is decoded is UTF-8");
      require(streamed(tokenizer, ids, skip) == decoded, "a stream is the text of all ids");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string path = "/dev/shm/golong-fuzz-" + std::to_string(getpid()) + ".json";
  auto [first, text] = golong::fuzz::first_line(data, size);
  std::string file(reinterpret_cast<const char*>(data), size);
  json::error_code error;
  const json::value changes = json::parse(json::string_view(first.data(), first.size()), error);
  const bool changed = !error && changes.is_object();
  if (changed) {
    json::object whole = base();
    merge(whole, changes.as_object());
    file = json::serialize(whole);
  }
  std::ofstream(path, std::ios::binary | std::ios::trunc) << file;
  std::shared_ptr<const golong::Tokenizer> tokenizer;
  try {
    tokenizer = golong::Tokenizer::load(path);
  } catch (const golong::Error& problem) {
    require(std::string_view(problem.what()).starts_with(path), "the error names the file");
    return 0;
  }
  use(tokenizer, changed ? text : std::string_view(file));
  if (first.find_first_not_of("{} ") == first.npos) {  // the base as it is
    const std::string valid = golong::to_valid_utf8(text);
    require(tokenizer->decode(tokenizer->encode_plain(text), false) == valid, "what is encoded is decoded");
  }
  return 0;
}
