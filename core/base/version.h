// The version of golong, as CMakeLists.txt and the Python package state it.
#pragma once

namespace golong {

inline constexpr char version[] = "0.1.0";

}  // namespace golong
