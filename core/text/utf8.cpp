#include "core/text/utf8.h"

#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace golong {
namespace {

// Calls visit(start, end, valid) for each character, or part of one, in order.
template <class Visit>
void for_each_character(std::string_view text, const Visit& visit) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int64_t>(text.size());
  for (int64_t i = 0; i < size;) {
    const int64_t start = i;
    UChar32 point;
    U8_NEXT(bytes, i, size, point);
    visit(static_cast<size_t>(start), static_cast<size_t>(i), point >= 0);
  }
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int64_t>(text.size());
  for (int64_t i = 0; i < size;) {
    uint64_t word = 0;
    if (i + 8 <= size) {
      std::memcpy(&word, bytes + i, sizeof word);
      if ((word & 0x8080808080808080U) == 0) {  // eight characters of ASCII
        i += 8;
        continue;
      }
    }
    for (const int64_t end = std::min(i + 8, size); i < end;) {
      UChar32 point;
      U8_NEXT(bytes, i, size, point);
      if (point < 0) return false;
    }
  }
  return true;
}

std::string to_valid_utf8(std::string_view text) {
  if (is_valid_utf8(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](size_t start, size_t end, bool valid) {
    if (valid)
      out.append(text.substr(start, end - start));
    else
      out += "\xef\xbf\xbd";
  });
  return out;
}

size_t begun_character(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  auto whole = static_cast<int64_t>(text.size());
  U8_TRUNCATE_IF_INCOMPLETE(bytes, 0, whole);
  return text.size() - static_cast<size_t>(whole);
}

}  // namespace golong
