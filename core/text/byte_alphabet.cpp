#include "core/text/byte_alphabet.h"

#include <unicode/utf8.h>

#include <array>
#include <cstdint>

namespace golong {
namespace {

bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

constexpr int last_point = 0x143;  // of the 68 bytes that are respelt

struct Alphabet {
  std::array<int, 256> point_of_byte;
  std::array<int, last_point + 1> byte_of_point;

  Alphabet() {
    byte_of_point.fill(-1);
    int next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const int point = stands_for_itself(byte) ? byte : next++;
      point_of_byte[static_cast<size_t>(byte)] = point;
      byte_of_point[static_cast<size_t>(point)] = byte;
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

std::optional<std::string> bytes_of_spelling(std::string_view spelling) {
  std::string bytes;
  const auto* text = reinterpret_cast<const uint8_t*>(spelling.data());
  const auto size = static_cast<int64_t>(spelling.size());
  for (int64_t i = 0; i < size;) {
    UChar32 point;
    U8_NEXT(text, i, size, point);
    const int byte = point < 0 || point > last_point ? -1 : alphabet().byte_of_point[static_cast<size_t>(point)];
    if (byte < 0) return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

std::string spelling_of_byte(unsigned char byte) {
  const int point = alphabet().point_of_byte[byte];
  if (point < 0x80) return {static_cast<char>(point)};
  return {static_cast<char>(0xc0 | point >> 6), static_cast<char>(0x80 | (point & 0x3f))};
}

}  // namespace golong
