// Config::to_toml.
#include <sstream>

#include "core/config/schema.h"
#include "core/config/toml_text.h"

namespace golong {
namespace {

class Writer : public ConfigVisitor {
 public:
  void begin_table(const std::string& name, const std::string&) override {
    path_.push_back(path_.empty() ? name : path_.back() + "." + name);
    text_ << "\n[" << path_.back() << "]\n";
  }
  void key(const std::string& name, ConfigValue value, const std::string&, const Limits&) override {
    std::visit([&](const auto* held) { line(name, *held); }, value);
  }
  void end_table() override { path_.pop_back(); }

  void line(const std::string& name, bool value) { text_ << name << " = " << (value ? "true" : "false") << '\n'; }
  void line(const std::string& name, int64_t value) { text_ << name << " = " << value << '\n'; }
  void line(const std::string& name, double value) { text_ << name << " = " << toml_number(value) << '\n'; }
  void line(const std::string& name, const std::string& value) { text_ << name << " = " << toml_string(value) << '\n'; }
  void line(const std::string& name, const std::optional<double>& value) {
    if (value) return line(name, *value);
    text_ << "# " << name << " is unset\n";
  }
  void line(const std::string& name, const std::vector<std::string>& values) {
    text_ << name << " = [";
    for (size_t i = 0; i < values.size(); ++i) text_ << (i ? ", " : "") << toml_string(values[i]);
    text_ << "]\n";
  }
  void line(const std::string& name, const std::map<std::string, double>& values) {
    text_ << name << " = {";
    const char* separator = " ";
    for (const auto& [key, value] : values) {
      text_ << separator << toml_key(key) << " = " << toml_number(value);
      separator = ", ";
    }
    text_ << " }\n";
  }

  void table(const std::string& name) { text_ << "\n[" << name << "]\n"; }
  void settings(const plugin::Settings& settings) {
    for (const auto& [name, setting] : settings) {
      std::visit([&, &name = name](const auto& value) { line(toml_key(name), value); }, setting.value);
    }
  }
  std::string text() const { return text_.str().substr(1); }

 private:
  std::ostringstream text_;
  std::vector<std::string> path_;
};

}  // namespace

std::string Config::to_toml() const {
  Writer writer;
  describe(writer, const_cast<Config&>(*this));  // the writer reads only
  for (const auto& [source, route] : routes) {
    writer.table("routes." + toml_key(source));
    if (!route.task.empty()) writer.line("task", route.task);
    if (!route.reward.empty()) writer.line("reward", route.reward);
  }
  for (const auto& [id, settings] : task_settings) {
    writer.table("tasks." + toml_key(id));
    if (auto reward = task_rewards.find(id); reward != task_rewards.end()) writer.line("reward", reward->second);
    writer.settings(settings);
  }
  for (const auto& [id, settings] : reward_settings) {
    writer.table("rewards." + toml_key(id));
    if (auto isolate = isolated.find(id); isolate != isolated.end()) writer.line("isolate", isolate->second);
    writer.settings(settings);
  }
  for (const auto& [id, settings] : normalizer_settings) {
    writer.table("normalizers." + toml_key(id));
    writer.settings(settings);
  }
  return writer.text();
}

}  // namespace golong
