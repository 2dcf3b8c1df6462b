#include "core/text/tokenizer.h"

#include <boost/unordered/unordered_flat_map.hpp>
#include <utility>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/text/added_tokens.h"
#include "core/text/tokenizer_file.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

namespace fs = std::filesystem;

constexpr size_t longest_text = size_t{1} << 29;  // bytes; ICU counts in 32 bits

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
  BpeTokenizer(TokenizerFile parts, std::string fingerprint)
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
    if (id < 0 || id >= vocabulary_size()) return {};
    const VocabularyEntry& token = parts_.tokens[static_cast<size_t>(id)];
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

    const TokenizerFile& parts_;
    std::string_view text_;
    std::string replaced_;
    boost::unordered_flat_map<std::string, std::pair<size_t, size_t>> known_;  // word -> where in ids, how many
  };

  TokenizerFile parts_;
  AddedTokenFinder verbatim_;
  AddedTokenFinder normalized_;
  std::string fingerprint_;
};

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::load(const fs::path& folder) {
  const fs::path file = fs::is_directory(folder) ? folder / "tokenizer.json" : folder;
  const std::string text = read_file(file);
  try {
    return std::make_shared<BpeTokenizer>(read_tokenizer_file(text), golong::fingerprint(text));
  } catch (const Error& error) {
    fail(file.string(), ": ", error.what());
  }
}

}  // namespace golong
