#include "core/text/added_tokens.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <utility>

namespace golong {
namespace {

bool is_word(UChar32 c) {
  return c >= 0 && (u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || c == 0x200c || c == 0x200d ||
                    (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0);
}

UChar32 character_before(std::string_view text, size_t end) {
  auto i = static_cast<int32_t>(end);
  UChar32 c;
  U8_PREV(reinterpret_cast<const uint8_t*>(text.data()), 0, i, c);
  return c;
}

UChar32 character_at(std::string_view text, size_t start, size_t& end) {
  auto i = static_cast<int64_t>(start);
  UChar32 c;
  U8_NEXT(reinterpret_cast<const uint8_t*>(text.data()), i, static_cast<int64_t>(text.size()), c);
  end = static_cast<size_t>(i);
  return c;
}

bool touches_a_word(std::string_view text, size_t start, size_t stop) {
  size_t end;
  return (start > 0 && is_word(character_before(text, start))) ||
         (stop < text.size() && is_word(character_at(text, stop, end)));
}

size_t before_spaces(std::string_view text, size_t least, size_t start) {
  while (start > least) {
    auto i = static_cast<int32_t>(start);
    UChar32 c;
    U8_PREV(reinterpret_cast<const uint8_t*>(text.data()), 0, i, c);
    if (!u_isUWhiteSpace(c)) break;
    start = static_cast<size_t>(i);
  }
  return start;
}

size_t after_spaces(std::string_view text, size_t stop) {
  size_t end;
  while (stop < text.size() && u_isUWhiteSpace(character_at(text, stop, end))) stop = end;
  return stop;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens) {
  for (AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    auto& bucket = by_first_byte_[static_cast<unsigned char>(token.content.front())];
    bucket.push_back(std::move(token));
  }
  for (auto& bucket : by_first_byte_) {
    std::stable_sort(bucket.begin(), bucket.end(),
                     [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  }
}

const AddedToken* AddedTokenFinder::longest_at(std::string_view text, size_t position) const {
  const auto& bucket = by_first_byte_[static_cast<unsigned char>(text[position])];
  const AddedToken* longest = nullptr;
  // [begin, end) are the tokens that share their first `depth` bytes with the text.
  auto begin = bucket.begin(), end = bucket.end();
  for (size_t depth = 1; begin != end; ++depth) {
    if (begin->content.size() == depth) longest = &*begin;
    if (position + depth == text.size()) break;
    const auto byte_of = [depth](const AddedToken& token) {
      return depth < token.content.size() ? static_cast<unsigned char>(token.content[depth]) : -1;
    };
    const int byte = static_cast<unsigned char>(text[position + depth]);
    begin = std::lower_bound(begin, end, byte, [&](const AddedToken& token, int b) { return byte_of(token) < b; });
    end = std::upper_bound(begin, end, byte, [&](int b, const AddedToken& token) { return b < byte_of(token); });
  }
  return longest;
}

std::vector<TextPart> AddedTokenFinder::split(std::string_view text) const {
  std::vector<TextPart> parts;
  size_t done = 0;
  for (size_t i = 0; i < text.size();) {
    const AddedToken* match = longest_at(text, i);
    if (!match) {
      ++i;
      continue;
    }
    const AddedToken& token = *match;
    const std::string_view found = text.substr(i, token.content.size());
    size_t start = i;
    size_t stop = i + found.size();
    i = stop;  // the search goes on behind the token itself, also where it is not taken
    if (token.single_word && touches_a_word(text, start, stop)) continue;
    if (token.lstrip) start = before_spaces(text, done, start);
    // Up to `done` there are spaces alone where it lies ahead: they are not gone over again.
    if (token.rstrip) stop = after_spaces(text, std::max(stop, done));
    // As in the package `tokenizers`, a token is found as well where one before it has taken its text with `rstrip`.
    if (start > done) parts.push_back({text.substr(done, start - done), -1});
    parts.push_back({found, token.id});
    done = stop;
  }
  if (done < text.size()) parts.push_back({text.substr(done), -1});
  return parts;
}

}  // namespace golong
