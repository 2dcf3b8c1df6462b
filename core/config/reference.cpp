#include "core/config/reference.h"

#include <sstream>

#include "core/config/schema.h"
#include "core/config/toml_text.h"

namespace golong {
namespace {

constexpr char introduction[] = R"(# Config keys

This page is generated from the code: `golong config reference > docs/reference/config.md`.

A config is a [TOML](https://toml.io) file. What it leaves out has the default below. Three things build on it:

- `extends = "base.toml"` at the top: the keys of that file first (relative to this file), then those of this one.
  Tables are merged key by key; lists and values are replaced.
- `--set train.learning_rate=1e-5` on the command line, as often as needed, over all files. The value is in TOML's
  syntax; where a string is expected it may stand without quotes, and one file name may stand for a list.
- `golong config show FILE` prints the complete result, `golong config check FILE` checks it with its plugins.

Everything is checked before anything is loaded. Each mistake is one line with its place and the nearest right key:

    golong: x.toml:3:1: unknown key train.learning_rat; did you mean train.learning_rate?

Paths are relative to the working directory, except that of `extends`.
)";

constexpr char plugin_tables[] = R"(
## `[normalizers.ID]`, `[rewards.ID]`, `[tasks.ID]`

Parameters of plugins. `golong plugin show ID` lists what a plugin takes, with types, ranges and defaults. The tables of
plugins that a run does not use are checked and otherwise ignored, so that changing the normalizer is one line:

    [train]
    normalizer = "tmn_reweight"   # or "grpo"

    [normalizers.tmn_reweight]
    alpha = 0.8

In a `[tasks.ID]` table the key `reward` is golong's own: the reward plugin for this task, in place of the task's
default. `rewards.mode` above is the default of every reward's parameter `mode`.

In a `[rewards.ID]` table the key `isolate` is golong's own: with `isolate = true` (default `false`) the reward runs in
worker processes, one for each scoring thread. One that hangs past its deadline or crashes is killed and replaced; the
response it was scoring gets the outcome `timeout` or `error`, and the run goes on. Scores are the same as without.

    [rewards.my_reward]
    isolate = true

## `[routes."SOURCE"]`

For rows of your own: what a row whose `data_source` is SOURCE asks, and how it is scored. Looked up before the
routes of the released dataset.

| Key | Type | Meaning |
|---|---|---|
| `task` | string | Id of a task plugin. |
| `reward` | string | Id of a reward plugin; left out: the task's. |

    [routes."my_questions"]
    task = "precise_retrieval"
    reward = "f1"
)";

class Reference : public ConfigVisitor {
 public:
  void begin_table(const std::string& name, const std::string& help) override {
    path_.push_back(path_.empty() ? name : path_.back() + "." + name);
    text_ << "\n## `[" << path_.back() << "]`\n\n"
          << help << "\n\n"
          << "| Key | Type | Default | Meaning |\n|---|---|---|---|\n";
  }
  void key(const std::string& name, ConfigValue value, const std::string& help, const Limits& limits) override {
    text_ << "| `" << name << "` | " << type_name(value);
    if (const std::string range = to_string(limits); !range.empty()) {
      text_ << (limits.choices.empty() ? ", " : ": ") << range;
    }
    text_ << " | " << std::visit([](const auto* held) { return literal(*held); }, value) << " | " << help << " |\n";
  }
  void end_table() override { path_.pop_back(); }
  std::string text() const { return introduction + text_.str() + plugin_tables; }

 private:
  static std::string literal(bool value) { return value ? "`true`" : "`false`"; }
  static std::string literal(int64_t value) { return "`" + std::to_string(value) + "`"; }
  static std::string literal(double value) { return "`" + toml_number(value) + "`"; }
  static std::string literal(const std::string& value) { return "`" + toml_string(value) + "`"; }
  static std::string literal(const std::optional<double>& value) { return value ? literal(*value) : "unset"; }
  // Defaults of lists and tables are empty.
  static std::string literal(const std::vector<std::string>&) { return "`[]`"; }
  static std::string literal(const std::map<std::string, double>&) { return "`{}`"; }

  std::ostringstream text_;
  std::vector<std::string> path_;
};

}  // namespace

std::string config_reference() {
  Config defaults;
  Reference reference;
  describe(reference, defaults);
  return reference.text();
}

}  // namespace golong
