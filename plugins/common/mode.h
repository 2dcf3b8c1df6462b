// The two ways in which a built-in reward scores. `released` is what the published code computes, quirks included;
// `strict` mends the quirks that reward wrong answers or punish right ones (docs/reference/rewards.md lists each).
#pragma once
#include <string_view>

namespace golong::plugins {

enum class Mode { released, strict };

inline constexpr const char* kModeHelp =
    "released: scores as the published code does, quirks included; strict: mends them (see docs/reference/rewards.md)";

// REQUIRES: `name` is one of the choices (the host has checked it).
inline Mode mode_from(std::string_view name) { return name == "strict" ? Mode::strict : Mode::released; }

}  // namespace golong::plugins
