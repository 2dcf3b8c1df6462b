#include "core/text/model_template.h"

#include <boost/json.hpp>
#include <regex>

#include "core/base/file.h"

namespace golong {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

// "" where the folder has none. A damaged tokenizer_config.json is nothing that golong needs.
std::string template_of(const fs::path& folder) {
  if (const fs::path file = folder / "chat_template.jinja"; fs::exists(file)) return read_file(file);
  const fs::path file = folder / "tokenizer_config.json";
  if (!fs::exists(file)) return "";
  boost::system::error_code error;
  const json::value config = json::parse(read_file(file), error);
  const json::object* root = error ? nullptr : config.if_object();
  const json::value* found = root ? root->if_contains("chat_template") : nullptr;
  if (!found) return "";
  if (found->is_string()) return std::string(found->get_string());
  if (!found->is_array()) return "";
  for (const json::value& named : found->get_array()) {  // [{"name": "default", "template": "..."}, ...]
    const json::object* one = named.if_object();
    const json::value* name = one ? one->if_contains("name") : nullptr;
    const json::value* text = one ? one->if_contains("template") : nullptr;
    if (name && name->is_string() && name->get_string() == "default" && text && text->is_string()) {
      return std::string(text->get_string());
    }
  }
  return "";
}

}  // namespace

std::string recognised_template(const std::string& jinja) {
  if (jinja.find("<|start_header_id|>") != jinja.npos) return "llama3";
  if (jinja.find("<|im_start|>") == jinja.npos) return "";
  if (jinja.find("enable_thinking") != jinja.npos) return "qwen3";
  static const std::regex opens_thinking(R"(<\|im_start\|>assistant(\\n|\n)<think>)");
  if (std::regex_search(jinja, opens_thinking)) return "qwen3_thinking";
  return "chatml";
}

std::string other_template(const fs::path& folder, const std::string& used, const std::string& setting) {
  const std::string own = template_of(folder);
  const std::string name = recognised_template(own);
  if (own.empty() || name == used) return "";
  return folder.string() + ": " +
         (name.empty() ? "the model's own chat template is none that golong knows"
                       : "the model's own chat template looks like \"" + name + "\"") +
         "; messages are rendered as \"" + used + "\" (" + setting + ")";
}

}  // namespace golong
