// golong doctor: what this machine has, what is missing, and how to mend it. Exit 1 where training cannot run.
#include <unicode/uversion.h>

#include <boost/version.hpp>
#include <cstdio>
#include <exception>
#include <sstream>

#include "core/base/error.h"
#include "core/base/machine.h"
#include "core/base/version.h"
#include "core/cli/command.h"
#include "core/cli/engine.h"
#include "core/data/row_file.h"

namespace golong {
namespace {

// What golong ships. Others may be there as well.
const std::pair<plugin::Kind, std::vector<const char*>> built_in[] = {
    {plugin::Kind::task,
     {"evidence_reasoning", "exhaustive_retrieval", "graded_ranking", "numerical_reasoning", "precise_retrieval",
      "sequence_ordering", "structured_matching", "summarization", "table_extraction"}},
    {plugin::Kind::reward, {"accuracy", "em", "f1", "iou", "math_verify", "ndcg", "pairwise", "rouge_l", "sub_em"}},
    {plugin::Kind::normalizer, {"dr_grpo", "grpo", "task_batch", "tmn_reweight"}},
};

// One line a finding. `ok` what is there, `note` what may matter, `MISSING` what training needs.
class Findings {
 public:
  void ok(const std::string& what, const std::string& value) { line("ok", what, value); }
  void note(const std::string& what, const std::string& value) { line("note", what, value); }
  void missing(const std::string& what, const std::string& value, const std::string& remedy) {
    line("MISSING", what, value);
    std::printf("         %-10s to mend it: %s\n", "", remedy.c_str());
    complete_ = false;
  }
  bool complete() const { return complete_; }

 private:
  static void line(const char* state, const std::string& what, const std::string& value) {
    std::istringstream lines(value);
    std::string text;
    std::getline(lines, text);
    std::printf("%-8s %-10s %s\n", state, what.c_str(), text.c_str());
    while (std::getline(lines, text)) std::printf("%-8s %-10s %s\n", "", "", text.c_str());
  }
  bool complete_ = true;
};

void look_at_machine(Findings& findings) {
  constexpr uint64_t gigabyte = 1'000'000'000;
  const Machine machine = this_machine();
  findings.ok("golong", version);
  findings.ok("system", machine.system);
  findings.ok("processor", std::to_string(machine.cores) + " cores" +
                               (machine.processor.empty() ? "" : ", " + machine.processor) +
                               (machine.instructions.empty() ? "" : ", " + machine.instructions));
  const std::string memory = format_bytes(machine.memory) + ", " + format_bytes(machine.available) + " available";
  if (machine.available < 2 * gigabyte) {
    findings.note("memory", memory + ": the demo needs about 2 GB");
  } else {
    findings.ok("memory", memory);
  }
  const std::string disk = format_bytes(machine.disk_free) + " free in the working directory";
  if (machine.disk_free < gigabyte) {
    findings.note("disk", disk + ": checkpoints may not fit");
  } else {
    findings.ok("disk", disk);
  }
}

void look_at_libraries(Findings& findings) {
  findings.ok("libraries", "ICU " U_ICU_VERSION ", Boost " + std::to_string(BOOST_VERSION / 100000) + "." +
                               std::to_string(BOOST_VERSION / 100 % 1000) + "." + std::to_string(BOOST_VERSION % 100));
}

void look_at_plugins(Findings& findings) {
  std::shared_ptr<const plugin::Registry> registry;
  try {
    registry = plugin::Registry::load({});
  } catch (const Error& error) {
    findings.missing("plugins", error.what(), "rebuild that library, or take it out of GOLONG_PLUGIN_PATH");
    return;
  }
  std::string counts, absent;
  for (const auto& [kind, ids] : built_in) {
    size_t count = 0;
    for (const plugin::Plugin& plugin : registry->plugins()) count += plugin.kind == kind;
    counts += (counts.empty() ? "" : ", ") + std::to_string(count) + " " + plugin::plural(kind);
    for (const char* id : ids) {
      if (!registry->has(kind, id)) absent += std::string(absent.empty() ? "" : ", ") + plugin::name(kind) + " " + id;
    }
  }
  if (absent.empty()) {
    findings.ok("plugins", counts);
  } else {
    findings.missing("plugins", counts + "; not found: " + absent, "make build");
  }
}

void look_at_parquet(Findings& findings) {
  try {
    findings.ok("Parquet", "Arrow " + arrow_version());
  } catch (const Error& error) {
    findings.note("Parquet", std::string("rows in Parquet cannot be read: ") + error.what());
  }
}

void look_at_engine(Findings& findings) {
  const auto path = find_engine();
  try {
    const EngineApi& api = engine();
    findings.ok("engine", path->string());
    findings.ok("LibTorch", api.describe());
  } catch (const std::exception& error) {  // LibTorch's own errors, too
    findings.missing("engine", error.what(), "make setup build");
  }
}

void look_at_python(Findings& findings) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  for (const fs::path& root : {fs::path("."), program.parent_path().parent_path().parent_path()}) {
    const fs::path python = root / ".venv" / "bin" / "python";
    if (fs::exists(python, error)) {
      findings.ok("python", fs::absolute(python).lexically_normal().string());
      return;
    }
  }
  findings.note("python", "no .venv here; `make setup` makes one (needed to build, and for `import golong`)");
}

}  // namespace

void add_doctor_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("doctor", "Says what this machine has, what is missing, and how to mend it");
  command->callback([] {
    Findings findings;
    look_at_machine(findings);
    look_at_libraries(findings);
    look_at_plugins(findings);
    look_at_parquet(findings);
    look_at_engine(findings);
    look_at_python(findings);
    std::printf(findings.complete() ? "\nReady to train: `make demo`, or `golong train configs/demo.toml`.\n"
                                    : "\nTraining cannot run yet: see MISSING above.\n");
    if (!findings.complete()) throw ExitStatus{1};
  });
}

}  // namespace golong
