// Byte-level BPE as a Hugging Face `tokenizer.json` describes it (Qwen, Llama 3). Thread-safe after loading.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace golong {

class Tokenizer {
 public:
  // Reads `tokenizer.json` in `folder` (or the file itself). Its truncation and padding are not applied, and its
  // post-processor is not needed (no special tokens are added). Throws Error that names the file and the part of it
  // that is missing, wrong or not supported.
  static std::shared_ptr<const Tokenizer> load(const std::filesystem::path& folder);

  virtual ~Tokenizer() = default;

  // Text that is no UTF-8 is encoded with U+FFFD in its place. The time is linear in the length of the text (in words
  // of more than some bytes n log n).
  // Encodes as the PyPI package `tokenizers` does with add_special_tokens=False: added tokens in the text are
  // recognised.
  virtual std::vector<int32_t> encode(std::string_view text) const = 0;

  // Encodes text of a document or a user: no added token is recognised, so that it cannot speak for somebody else.
  virtual std::vector<int32_t> encode_plain(std::string_view text) const = 0;

  // Decodes any ids. Those that no token has are left out: models have more rows than their tokenizers have tokens, and
  // may draw them. Bytes that are no UTF-8 become U+FFFD.
  virtual std::string decode(std::span<const int32_t> ids, bool skip_special) const = 0;

  // What one token adds to a decoded text: bytes that may be part of a character. Empty for a special token that is to
  // be skipped, and for an id that no token has.
  virtual std::string_view bytes(int32_t id, bool skip_special) const = 0;

  virtual int32_t vocabulary_size() const = 0;                            // highest id + 1
  virtual std::optional<int32_t> find(std::string_view token) const = 0;  // id of a token by its content
  virtual const std::string& fingerprint() const = 0;  // hash of the files, for caches and checkpoints
};

}  // namespace golong
