#include "core/data/group.h"

namespace golong {

const char* name(Finish finish) {
  switch (finish) {
    case Finish::stop:
      return "stop";
    case Finish::length:
      return "length";
    case Finish::aborted:
      return "aborted";
  }
  return "?";
}

const char* name(Outcome outcome) {
  switch (outcome) {
    case Outcome::scored:
      return "scored";
    case Outcome::timeout:
      return "timeout";
    case Outcome::error:
      return "error";
    case Outcome::unscorable:
      return "unscorable";
  }
  return "?";
}

}  // namespace golong
