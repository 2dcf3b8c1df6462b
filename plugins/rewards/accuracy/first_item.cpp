#include "plugins/rewards/accuracy/first_item.h"

namespace golong::plugins {

double first_item_accuracy(const std::vector<std::string>& gold, const std::vector<std::string>& predicted) {
  return !gold.empty() && !predicted.empty() && gold[0] == predicted[0] ? 1 : 0;
}

}  // namespace golong::plugins
