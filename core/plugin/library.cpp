#include "core/plugin/library.h"

#include <boost/dll/shared_library.hpp>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <set>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/base/version.h"
#include "core/report/log.h"

namespace golong::plugin {
namespace {

// A name that can stand in TOML and in a file name: [a-z][a-z0-9_]*
bool is_identifier(const char* text) {
  if (!text || text[0] < 'a' || text[0] > 'z') return false;
  for (const char* c = text; *c; ++c) {
    if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_')) return false;
  }
  return true;
}

// "1.2.3", with anything behind it
bool is_version(const char* text) {
  int dots = 0, digits = 0;
  for (const char* c = text ? text : ""; *c; ++c) {
    if (*c >= '0' && *c <= '9') {
      ++digits;
    } else if (*c == '.' && digits > 0 && dots < 2) {
      ++dots;
      digits = 0;
    } else {
      return dots == 2 && digits > 0 && (*c == '-' || *c == '+');
    }
  }
  return dots == 2 && digits > 0;
}

// Text for a listing.
bool is_line(const char* text) { return text && *text && !std::strpbrk(text, "\r\n"); }

bool is_type(golong_type type) { return type >= GOLONG_BOOL && type <= GOLONG_STRING; }

// Checks one descriptor; every complaint starts with the library and the plugin.
class DescriptorCheck {
 public:
  DescriptorCheck(const std::filesystem::path& library, const golong_descriptor* descriptor, uint32_t index)
      : c_(descriptor), where_(library.string() + ": plugin " + std::to_string(index)) {}

  void run() {
    if (!c_) complain("its descriptor is NULL");
    // Offsets are those of version 1.0; a later, larger struct is fine.
    need_size(c_->struct_size, offsetof(golong_descriptor, extension) + sizeof c_->extension, "golong_descriptor");
    if (!is_identifier(c_->id)) complain("its id must be made of a-z, 0-9 and _, and start with a letter");
    where_ += std::string(" (") + c_->id + ")";
    if (!is_version(c_->version)) complain("its version must be three numbers, as in \"1.0.0\"");
    if (!is_line(c_->summary)) complain("its summary must be one line of text");
    if (!c_->create || !c_->destroy) complain("its functions create and destroy must not be NULL");
    if (!c_->functions) complain("its table of functions is NULL");
    check_functions();
    check_params();
    check_extensions();
  }

 private:
  [[noreturn]] void complain(const std::string& what) const { fail(where_, ": ", what); }

  void need_size(uint32_t size, size_t expected, const char* type) const {
    if (size < expected) {
      complain(std::string(type) + " has struct_size " + std::to_string(size) + ", at least " +
               std::to_string(expected) + " is needed by interface " + std::to_string(GOLONG_ABI_MAJOR) +
               ".0; set it to sizeof(" + type + ")");
    }
  }

  void check_functions() const {
    if (c_->kind == GOLONG_KIND_REWARD) {
      const auto* f = static_cast<const golong_reward*>(c_->functions);
      need_size(f->struct_size, offsetof(golong_reward, release) + sizeof f->release, "golong_reward");
      if (!f->prepare || !f->score || !f->release) complain("prepare, score and release must not be NULL");
    } else if (c_->kind == GOLONG_KIND_TASK) {
      const auto* f = static_cast<const golong_task*>(c_->functions);
      need_size(f->struct_size, offsetof(golong_task, answer) + sizeof f->answer, "golong_task");
      if (!f->render || !f->answer) complain("render and answer must not be NULL");
      if (!is_identifier(f->default_reward)) complain("default_reward must be the id of a reward");
    } else if (c_->kind == GOLONG_KIND_NORMALIZER) {
      const auto* f = static_cast<const golong_normalizer*>(c_->functions);
      need_size(f->struct_size, offsetof(golong_normalizer, compute) + sizeof f->compute, "golong_normalizer");
      if (!f->compute) complain("compute must not be NULL");
    } else {
      complain("its kind is " + std::to_string(c_->kind) +
               "; this golong knows 1 (task), 2 (reward) and 3 (normalizer). A newer golong may know it");
    }
  }

  void check_extensions() const {
    if (!c_->extension) return;
    if (c_->kind == GOLONG_KIND_TASK) {
      const auto* f = static_cast<const golong_task_generate*>(c_->extension(GOLONG_TASK_GENERATE));
      if (!f) return;
      need_size(f->struct_size, offsetof(golong_task_generate, generate) + sizeof f->generate, "golong_task_generate");
      if (!f->suits || !f->generate) complain("suits and generate must not be NULL");
    } else if (c_->kind == GOLONG_KIND_NORMALIZER) {
      const auto* f = static_cast<const golong_normalizer_state*>(c_->extension(GOLONG_NORMALIZER_STATE));
      if (!f) return;
      need_size(f->struct_size, offsetof(golong_normalizer_state, load) + sizeof f->load, "golong_normalizer_state");
      if (!f->save || !f->load) complain("save and load must not be NULL");
    }
  }

  // Keys of a plugin's table that are no parameters: [tasks.ID] reward, [rewards.ID] isolate.
  bool is_own_key(std::string_view name) const {
    return (c_->kind == GOLONG_KIND_TASK && name == "reward") || (c_->kind == GOLONG_KIND_REWARD && name == "isolate");
  }

  void check_params() const {
    if (c_->param_count && !c_->params)
      complain("param_count is " + std::to_string(c_->param_count) + ", params is NULL");
    std::set<std::string> names;
    for (uint32_t i = 0; i < c_->param_count; ++i) {
      const golong_param* p = c_->params[i];
      if (!p) complain("parameter " + std::to_string(i) + " is NULL");
      need_size(p->struct_size, offsetof(golong_param, choices) + sizeof p->choices, "golong_param");
      if (!is_identifier(p->name))
        complain("the name of parameter " + std::to_string(i) + " must be made of a-z, 0-9, _");
      std::string name = std::string("parameter ") + p->name;
      if (!names.insert(p->name).second) complain(name + " is declared twice");
      if (is_own_key(p->name)) complain(name + " has a name that golong's own key has; give it another one");
      if (!is_type(p->type)) complain(name + " has an unknown type, " + std::to_string(p->type));
      if (!is_line(p->help)) complain(name + " needs one line of help");
      if (p->default_value.type != p->type) complain("the default of " + name + " has another type than the parameter");
      check_default(*p, name);
    }
  }

  void check_default(const golong_param& p, const std::string& name) const {
    if (p.type == GOLONG_INT || p.type == GOLONG_FLOAT) {
      double value = p.type == GOLONG_INT ? static_cast<double>(p.default_value.integer) : p.default_value.real;
      if (!(p.minimum <= p.maximum)) complain("the range of " + name + " is empty");
      if (!(value >= p.minimum && value <= p.maximum)) complain("the default of " + name + " is outside its range");
    }
    if (p.type == GOLONG_BOOL && (p.default_value.boolean & ~1)) complain("the default of " + name + " is not 0 or 1");
    if (p.type == GOLONG_STRING) {
      if (!p.default_value.text.data) complain("the default of " + name + " is NULL");
      std::string value(p.default_value.text.data, p.default_value.text.size);
      bool found = !p.choices;
      for (const char* const* choice = p.choices; choice && *choice; ++choice) found |= value == *choice;
      if (!found) complain("the default of " + name + " is none of its choices");
    }
  }

  const golong_descriptor* c_;
  std::string where_;
};

void host_log(int32_t level, golong_string text) {
  std::string message(text.data ? text.data : "", text.data ? text.size : 0);
  if (level <= GOLONG_LOG_DEBUG)
    log::debug(message);
  else if (level == GOLONG_LOG_INFO)
    log::info(message);
  else if (level == GOLONG_LOG_WARNING)
    log::warning(message);
  else
    log::error(message);
}

}  // namespace

const golong_host* host() {
  static const golong_host instance{
      sizeof(golong_host), GOLONG_ABI_MAJOR, GOLONG_ABI_MINOR, version, host_log, [](const char*) -> const void* {
        return nullptr;
      }};
  return &instance;
}

std::vector<Plugin> open_library(const std::filesystem::path& path) {
  namespace dll = boost::dll;
  // Kept for the life of the process: instances, threads and descriptors point into it.
  static std::vector<dll::shared_library>* kept = new std::vector<dll::shared_library>;
  dll::shared_library library;
  try {
    library.load(std::filesystem::absolute(path).string(), dll::load_mode::rtld_now | dll::load_mode::rtld_local);
  } catch (const std::exception& error) {
    fail(path.string(), ": cannot be loaded: ", error.what());
  }
  if (!library.has(GOLONG_LIBRARY_SYMBOL_NAME)) {
    fail(path.string(), ": this is no golong plugin: it does not export ", GOLONG_LIBRARY_SYMBOL_NAME,
         ". Add GOLONG_LIBRARY(...) to one of its sources, or take it out of plugins.path");
  }
  const auto& entry = library.get<const golong_library>(GOLONG_LIBRARY_SYMBOL_NAME);
  if (entry.abi_major != GOLONG_ABI_MAJOR) {
    fail(path.string(), ": needs plugin interface ", entry.abi_major, ".", entry.abi_minor, ", this golong has ",
         GOLONG_ABI_MAJOR, ".", GOLONG_ABI_MINOR, ". Build it with this golong's sdk/include");
  }
  size_t smallest = offsetof(golong_library, plugins) + sizeof entry.plugins;
  if (entry.struct_size < smallest) {
    fail(path.string(), ": golong_library has struct_size ", entry.struct_size, ", at least ", smallest, " is needed");
  }
  if (!entry.name || !entry.plugins || entry.plugin_count == 0) fail(path.string(), ": the library lists no plugins");
  std::vector<Plugin> plugins;
  for (uint32_t i = 0; i < entry.plugin_count; ++i) {
    const golong_descriptor* descriptor = entry.plugins[i];
    DescriptorCheck(path, descriptor, i).run();
    plugins.push_back({static_cast<Kind>(descriptor->kind), descriptor->id, path, descriptor});
  }
  kept->push_back(std::move(library));
  return plugins;
}

}  // namespace golong::plugin
