// Text that goes into HTML or SVG.
#pragma once
#include <string>
#include <string_view>

namespace golong {

// & < > " as entities: safe as element text and inside a quoted attribute.
inline std::string escape_markup(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

}  // namespace golong
