#include "core/text/tokenizer_file.h"

#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <utility>

#include "core/base/error.h"
#include "core/text/byte_alphabet.h"
#include "core/text/json_part.h"

namespace golong {
namespace {

namespace json = boost::json;

const json::value& member(const json::object& object, const char* part, const char* key) {
  const json::value* value = object.if_contains(key);
  if (!value) fail(part, " has no key ", key);
  return *value;
}

// What `tokens` ByteLevel decoder gives: the bytes that a spelling stands for, or the text itself where it is none.
std::string decoded(std::string_view spelling) {
  auto bytes = bytes_of_spelling(spelling);
  return bytes ? *bytes : std::string(spelling);
}

int32_t token_id(const json::value& value, std::string_view token) {
  constexpr int64_t most = 1 << 22;  // ten times the largest vocabularies: a table of so many tokens still fits
  if (!value.is_int64() || value.as_int64() < 0 || value.as_int64() > most) {
    fail("token ", json::serialize(json::string_view(token.data(), token.size())), " has the id ",
         json::serialize(value), ", expected a whole number from 0 to ", most);
  }
  return static_cast<int32_t>(value.as_int64());
}

// Options of the model that change what comes out and that byte-level tokenizers do not use.
void refuse_options(const json::object& model) {
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    const json::value* value = model.if_contains(key);
    const bool off =
        !value || value->is_null() || *value == "" || (value->is_number() && value->to_number<double>() == 0);
    if (!off) fail("model.", key, " = ", json::serialize(*value), " is not supported");
  }
}

// ByteLevel alone, or in a Sequence in which nothing else does anything: its text is one already when Fuse comes.
void check_decoder(const json::value* decoder) {
  if (!decoder || decoder->is_null()) fail("decoder is missing, only \"ByteLevel\" is supported");
  const std::string type = type_of(*decoder, "decoder");
  if (type != "Sequence") {
    if (type != "ByteLevel") fail("decoder is \"", type, "\", only \"ByteLevel\" is supported");
    return;
  }
  bool is_text = false;
  for (const json::value& step : steps_of(*decoder, "decoder", "decoders")) {
    const std::string name = type_of(step, "a step of the decoder");
    if (name != (is_text ? "Fuse" : "ByteLevel")) {
      fail(
          "decoder is a Sequence with the step \"", name, "\", ",
          is_text ? "only \"Fuse\" is supported behind \"ByteLevel\"" : "only \"ByteLevel\" is supported as its first");
    }
    is_text = true;
  }
  if (!is_text) fail("decoder is a Sequence without a step, only \"ByteLevel\" is supported");
}

class Reader {
 public:
  explicit Reader(const json::value& root) {
    if (!root.is_object()) fail("the file holds no object");
    root_ = &root.as_object();
    model_ = &member(*root_, "the file", "model");
    if (!model_->is_object()) fail("model is no object");
    const json::value* type = model().if_contains("type");
    if (type && *type != "BPE") fail("model.type is ", json::serialize(*type), ", only \"BPE\" is supported");
    refuse_options(model());
  }

  TokenizerFile read() {
    check_decoder(root_->if_contains("decoder"));
    read_vocabulary();
    Bpe bpe(std::move(by_bytes_), switch_of(*model_, "model", "ignore_merges", false));
    read_merges(bpe);
    const json::value* normalizer = root_->if_contains("normalizer");
    const json::value* pre_tokenizer = root_->if_contains("pre_tokenizer");
    TokenizerFile parts{Normalizer(normalizer ? *normalizer : json::value()),
                        PreTokenizer(pre_tokenizer ? *pre_tokenizer : json::value()),
                        std::move(bpe),
                        {},
                        {},
                        {}};
    parts.added = read_added(parts.normalizer);
    parts.tokens = std::move(tokens_);
    parts.by_name = std::move(by_name_);
    return parts;
  }

 private:
  const json::object& model() const { return model_->as_object(); }

  void put(int32_t id, const std::string& name, bool special) {
    if (static_cast<size_t>(id) >= tokens_.size()) tokens_.resize(static_cast<size_t>(id) + 1);
    tokens_[static_cast<size_t>(id)] = {decoded(name), true, special};
    by_name_[name] = id;
  }

  void read_vocabulary() {
    const json::value& vocabulary = member(model(), "model", "vocab");
    if (!vocabulary.is_object()) fail("model.vocab is no object {\"token\": id}");
    by_bytes_.reserve(vocabulary.as_object().size());
    for (const auto& [key, value] : vocabulary.as_object()) {
      const std::string name(key);
      const int32_t id = token_id(value, name);
      if (static_cast<size_t>(id) < tokens_.size() && tokens_[static_cast<size_t>(id)].exists) {
        fail("model.vocab gives the id ", id, " twice, the second time to ", name);
      }
      put(id, name, false);
      if (auto bytes = bytes_of_spelling(name)) by_bytes_[*bytes] = id;
    }
    for (int byte = 0; byte < 256; ++byte) {
      if (!by_bytes_.contains(std::string(1, static_cast<char>(byte)))) {
        fail("model.vocab has no token for the byte ", byte, " (", spelling_of_byte(static_cast<unsigned char>(byte)),
             "); golong reads byte-level vocabularies only");
      }
    }
  }

  int32_t vocabulary_id(const std::string& name, size_t merge) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) fail("model.merges[", merge, "] needs the token ", name, ", which model.vocab lacks");
    return found->second;
  }

  // A merge is a pair of tokens, or both in one string with a space between.
  static std::pair<std::string, std::string> merge_names(const json::value& merge, size_t index) {
    if (const json::array* pair = merge.if_array()) {
      if (pair->size() == 2 && (*pair)[0].is_string() && (*pair)[1].is_string()) {
        return {std::string((*pair)[0].as_string()), std::string((*pair)[1].as_string())};
      }
    } else if (const json::string* text = merge.if_string()) {
      const size_t space = text->find(' ');
      if (space != json::string::npos && text->find(' ', space + 1) == json::string::npos) {
        return {std::string(text->subview(0, space)), std::string(text->subview(space + 1))};
      }
    }
    fail("model.merges[", index, "] is ", json::serialize(merge), ", expected two tokens");
  }

  void read_merges(Bpe& bpe) const {
    const json::value& merges = member(model(), "model", "merges");
    if (!merges.is_array()) fail("model.merges is no list");
    size_t index = 0;
    for (const json::value& merge : merges.as_array()) {
      const auto [left, right] = merge_names(merge, index);
      bpe.add_merge(vocabulary_id(left, index), vocabulary_id(right, index), vocabulary_id(left + right, index));
      ++index;
    }
  }

  // An added token may stand in the vocabulary too, then with the same id.
  void check_added(const AddedToken& token) const {
    const auto found = by_name_.find(token.content);
    if (found != by_name_.end() && found->second != token.id) {
      fail("added token ", token.content, " has the id ", token.id, ", but another entry gives it ", found->second);
    }
    const auto id = static_cast<size_t>(token.id);
    if (found == by_name_.end() && id < tokens_.size() && tokens_[id].exists) {
      fail("added token ", token.content, " has the id ", token.id, ", which is another token's");
    }
  }

  std::vector<AddedToken> read_added(const Normalizer& normalizer) {
    std::vector<AddedToken> added;
    const json::value* list = root_->if_contains("added_tokens");
    if (!list || list->is_null()) return added;
    if (!list->is_array()) fail("added_tokens is no list");
    for (const json::value& value : list->as_array()) {
      const json::object* object = value.if_object();
      const json::value* content = object ? object->if_contains("content") : nullptr;
      if (!content || !content->is_string()) fail("added_tokens[", added.size(), "] has no string content");
      AddedToken token;
      token.content = std::string(content->as_string());
      const std::string part = "added token " + token.content;
      const auto flag = [&](const char* key) { return switch_of(value, part.c_str(), key, false); };
      token.id = token_id(member(*object, part.c_str(), "id"), token.content);
      token.special = flag("special");
      token.single_word = flag("single_word");
      token.lstrip = flag("lstrip");
      token.rstrip = flag("rstrip");
      token.normalized = flag("normalized");
      check_added(token);
      put(token.id, token.content, token.special);
      if (token.normalized) {  // it is looked for and shown in its normalised form
        token.content = normalizer.apply(token.content);
        tokens_[static_cast<size_t>(token.id)].bytes = decoded(token.content);
      }
      added.push_back(std::move(token));
    }
    return added;
  }

  const json::object* root_;
  const json::value* model_;
  boost::unordered_flat_map<std::string, int32_t> by_bytes_;
  std::vector<VocabularyEntry> tokens_;
  std::unordered_map<std::string, int32_t> by_name_;
};

json::value parse(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";  // some editors put it there
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  json::parser parser;
  json::error_code error;
  const size_t read = parser.write_some(text.data(), text.size(), error);
  if (!error && text.find_first_not_of(" \t\r\n", read) != std::string_view::npos) error = json::error::extra_data;
  if (error) fail("the file is no JSON: ", error.message(), " at byte ", read, " of ", text.size());
  return parser.release();
}

}  // namespace

TokenizerFile read_tokenizer_file(std::string_view text) { return Reader(parse(text)).read(); }

}  // namespace golong
