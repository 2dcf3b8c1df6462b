#include "core/text/tokenizer.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <unordered_map>
#include <utility>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/text/added_tokens.h"
#include "core/text/bpe.h"
#include "core/text/byte_alphabet.h"
#include "core/text/normalizer.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr size_t longest_text = size_t{1} << 29;  // bytes; ICU counts in 32 bits

// One entry of the vocabulary.
struct Token {
  std::string bytes;
  bool exists = false;
  bool special = false;
};

// Everything that a tokenizer.json says.
struct Parts {
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Bpe bpe;
  std::vector<AddedToken> added;
  std::vector<Token> tokens;                         // by id
  std::unordered_map<std::string, int32_t> by_name;  // content of a token, as the file spells it -> id
};

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

bool truthy(const json::value* value) {
  if (!value || value->is_null()) return false;
  if (value->is_bool()) return value->as_bool();
  if (value->is_string()) return !value->as_string().empty();
  return !value->is_number() || value->to_number<double>() != 0;
}

// Options of the model that change what comes out and that byte-level tokenizers do not use.
void refuse_options(const json::object& model) {
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    const json::value* value = model.if_contains(key);
    if (truthy(value)) fail("model.", key, " = ", json::serialize(*value), " is not supported");
  }
}

class Reader {
 public:
  explicit Reader(const json::value& root) {
    if (!root.is_object()) fail("the file holds no object");
    root_ = &root.as_object();
    const json::value& model = member(*root_, "the file", "model");
    if (!model.is_object()) fail("model is no object");
    model_ = &model.as_object();
    const json::value* type = model_->if_contains("type");
    if (type && *type != "BPE") fail("model.type is ", json::serialize(*type), ", only \"BPE\" is supported");
    refuse_options(*model_);
  }

  Parts read() {
    check_decoder();
    read_vocabulary();
    const json::value* whole_words = model_->if_contains("ignore_merges");
    Bpe bpe(std::move(by_bytes_), truthy(whole_words));
    read_merges(bpe);
    const json::value* normalizer = root_->if_contains("normalizer");
    const json::value* pre_tokenizer = root_->if_contains("pre_tokenizer");
    Parts parts{Normalizer(normalizer ? *normalizer : json::value()),
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
  void check_decoder() const {
    const json::value* decoder = root_->if_contains("decoder");
    const json::value* type = decoder && decoder->is_object() ? decoder->as_object().if_contains("type") : nullptr;
    if (!type || *type != "ByteLevel") {
      fail("decoder is ", type ? json::serialize(*type) : "missing", ", only \"ByteLevel\" is supported");
    }
  }

  void put(int32_t id, const std::string& name, bool special) {
    if (static_cast<size_t>(id) >= tokens_.size()) tokens_.resize(static_cast<size_t>(id) + 1);
    tokens_[static_cast<size_t>(id)] = {decoded(name), true, special};
    by_name_[name] = id;
  }

  void read_vocabulary() {
    const json::value& vocabulary = member(*model_, "model", "vocab");
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
    const json::value& merges = member(*model_, "model", "merges");
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
      const auto flag = [&](const char* key) { return truthy(object->if_contains(key)); };
      AddedToken token;
      token.content = std::string(content->as_string());
      token.id = token_id(member(*object, "an added token", "id"), token.content);
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
  const json::object* model_;
  boost::unordered_flat_map<std::string, int32_t> by_bytes_;
  std::vector<Token> tokens_;
  std::unordered_map<std::string, int32_t> by_name_;
};

// A finder of the added tokens whose flag `normalized` is as asked.
AddedTokenFinder make_finder(const std::vector<AddedToken>& added, bool normalized) {
  std::vector<AddedToken> tokens;
  for (const AddedToken& token : added) {
    if (token.normalized == normalized) tokens.push_back(token);
  }
  return AddedTokenFinder(std::move(tokens));
}

class BpeTokenizer final : public Tokenizer {
 public:
  BpeTokenizer(Parts parts, std::string fingerprint)
      : parts_(std::move(parts)),
        verbatim_(make_finder(parts_.added, false)),
        normalized_(make_finder(parts_.added, true)),
        fingerprint_(std::move(fingerprint)) {}

  std::vector<int32_t> encode(std::string_view text) const override {
    Encoding encoding(*this, text);
    for (const TextPart& part : verbatim_.split(encoding.text())) {
      if (part.id >= 0) {
        encoding.ids.push_back(part.id);
        continue;
      }
      const std::string normal = parts_.normalizer.apply(part.text);
      for (const TextPart& piece : normalized_.split(normal)) {
        if (piece.id >= 0)
          encoding.ids.push_back(piece.id);
        else
          encoding.add(piece.text);
      }
    }
    return std::move(encoding.ids);
  }

  std::vector<int32_t> encode_plain(std::string_view text) const override {
    Encoding encoding(*this, text);
    encoding.add(parts_.normalizer.apply(encoding.text()));
    return std::move(encoding.ids);
  }

  std::string decode(std::span<const int32_t> ids, bool skip_special) const override {
    std::string all;
    for (int32_t id : ids) all += bytes(id, skip_special);
    if (is_valid_utf8(all)) return all;
    return to_valid_utf8(all);
  }

  std::string_view bytes(int32_t id, bool skip_special) const override {
    if (id < 0 || id >= vocabulary_size() || !parts_.tokens[static_cast<size_t>(id)].exists) {
      fail("token id ", id, " is not in the vocabulary (ids from 0 to ", vocabulary_size() - 1, ")");
    }
    const Token& token = parts_.tokens[static_cast<size_t>(id)];
    return skip_special && token.special ? std::string_view() : token.bytes;
  }

  int32_t vocabulary_size() const override { return static_cast<int32_t>(parts_.tokens.size()); }

  std::optional<int32_t> find(std::string_view token) const override {
    const auto found = parts_.by_name.find(std::string(token));
    return found == parts_.by_name.end() ? std::nullopt : std::optional(found->second);
  }

  const std::string& fingerprint() const override { return fingerprint_; }

 private:
  // One text on its way to ids. Words that come again are looked up: a document repeats most of its words.
  class Encoding {
   public:
    Encoding(const BpeTokenizer& tokenizer, std::string_view text) : parts_(tokenizer.parts_), text_(text) {
      if (text.size() > longest_text)
        fail("a text of ", text.size(), " bytes is too long, the limit is ", longest_text);
      if (!is_valid_utf8(text)) text_ = replaced_ = to_valid_utf8(text);
    }

    std::string_view text() const { return text_; }

    void add(std::string_view normal) {
      parts_.pre_tokenizer.split(normal, [&](std::string_view word) { add_word(word); });
    }

    std::vector<int32_t> ids;

   private:
    void add_word(std::string_view word) {
      constexpr size_t longest_known = 64;  // bytes; longer words hardly come again
      if (word.size() > longest_known) return parts_.bpe.encode(word, ids);
      const auto found = known_.find(std::string(word));
      if (found != known_.end()) {
        const auto [start, count] = found->second;
        for (size_t i = 0; i < count; ++i) ids.push_back(ids[start + i]);
        return;
      }
      const size_t start = ids.size();
      parts_.bpe.encode(word, ids);
      known_.emplace(word, std::pair(start, ids.size() - start));
    }

    const Parts& parts_;
    std::string_view text_;
    std::string replaced_;
    boost::unordered_flat_map<std::string, std::pair<size_t, size_t>> known_;  // word -> where in ids, how many
  };

  Parts parts_;
  AddedTokenFinder verbatim_;
  AddedTokenFinder normalized_;
  std::string fingerprint_;
};

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::load(const fs::path& folder) {
  const fs::path file = fs::is_directory(folder) ? folder / "tokenizer.json" : folder;
  const std::string text = read_file(file);
  try {
    boost::json::error_code error;
    const json::value root = json::parse(text, error);
    if (error) fail("the file is no JSON: ", error.message());
    return std::make_shared<BpeTokenizer>(Reader(root).read(), golong::fingerprint(text));
  } catch (const Error& error) {
    fail(file.string(), ": ", error.what());
  }
}

}  // namespace golong
