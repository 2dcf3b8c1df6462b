// One message of a conversation.
#pragma once
#include <string>

namespace golong {

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

}  // namespace golong
