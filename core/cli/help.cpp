#include "core/cli/help.h"

#include <algorithm>

namespace golong {

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_type_size() == 0) return "";  // a flag
  std::string type = option->get_type_name();
  type.resize(std::min(type.find(':'), type.size()));  // what follows is the name of a check
  if (type == "INT" || type == "UINT") type = "N";
  if (type == "FLOAT") type = "NUMBER";
  std::string text = " " + type;
  if (option->get_expected_max() == CLI::detail::expected_max_vector_size) text += "...";
  if (option->get_required()) text += " (required)";
  if (!option->get_default_str().empty()) text += " (default " + option->get_default_str() + ")";
  return text;
}

}  // namespace golong
