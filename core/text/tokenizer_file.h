// What a tokenizer.json says, read once and checked.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/added_tokens.h"
#include "core/text/bpe.h"
#include "core/text/normalizer.h"
#include "core/text/pre_tokenizer.h"

namespace golong {

struct VocabularyEntry {
  std::string bytes;
  bool exists = false;
  bool special = false;
};

struct TokenizerFile {
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Bpe bpe;
  std::vector<AddedToken> added;
  std::vector<VocabularyEntry> tokens;               // by id
  std::unordered_map<std::string, int32_t> by_name;  // content of a token, as the file spells it -> id
};

// `text` is that of the file. Throws Error that names the part that is missing, wrong or not supported; but what can
// change neither ids nor texts is not looked at: truncation, padding, the post-processor, and what the model would do
// with unknown characters (unk_token, fuse_unk, byte_fallback), since each byte has its token.
TokenizerFile read_tokenizer_file(std::string_view text);

}  // namespace golong
