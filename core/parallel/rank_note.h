// What a rank says of itself to those that watch over it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/parallel/operations.h"

namespace golong::parallel {

enum class RankState {
  runs,
  failed,   // by an error of its own
  stopped,  // because of another rank
  left,     // it is done
};

struct RankNote {
  int64_t beat = 0;  // goes up with each note
  RankState state = RankState::runs;
  std::string message;                // of an end that is no good one
  std::vector<GroupProgress> groups;  // in the order in which all ranks make them
  size_t newest_group = 0;
};

std::string to_text(const RankNote& note);
RankNote note_of(const std::string& text);  // as to_text() made it

}  // namespace golong::parallel
