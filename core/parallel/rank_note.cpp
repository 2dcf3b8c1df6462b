#include "core/parallel/rank_note.h"

#include <boost/json.hpp>

namespace golong::parallel {

namespace json = boost::json;

std::string to_text(const RankNote& note) {
  json::array groups;
  for (const GroupProgress& group : note.groups) groups.push_back(json::array{group.begun, group.newest});
  return json::serialize(json::array{note.beat, static_cast<int>(note.state), note.message, std::move(groups),
                                     static_cast<int64_t>(note.newest_group)});
}

RankNote note_of(const std::string& text) {
  const json::value value = json::parse(text);
  const json::array& parts = value.as_array();
  RankNote note;
  note.beat = parts.at(0).as_int64();
  note.state = static_cast<RankState>(parts.at(1).as_int64());
  note.message = parts.at(2).as_string();
  for (const json::value& group : parts.at(3).as_array()) {
    note.groups.push_back({group.as_array().at(0).as_int64(), std::string(group.as_array().at(1).as_string())});
  }
  note.newest_group = static_cast<size_t>(parts.at(4).as_int64());
  return note;
}

}  // namespace golong::parallel
