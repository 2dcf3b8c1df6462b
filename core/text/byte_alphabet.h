// How byte-level vocabularies spell bytes as printable characters: the 188 printable bytes of Latin-1 stand for
// themselves, the others for U+0100, U+0101, ... in their order (so a space is "Ġ").
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace golong {

// The bytes that a vocabulary's spelling stands for; nothing where a character is outside the alphabet.
std::optional<std::string> bytes_of_spelling(std::string_view spelling);

// The character (UTF-8) of one byte.
std::string spelling_of_byte(unsigned char byte);

}  // namespace golong
