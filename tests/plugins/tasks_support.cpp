#include "tests/plugins/tasks_support.h"

namespace golong {

const std::shared_ptr<const plugin::Registry>& built_in_plugins() {
  static const auto registry = plugin::Registry::load({GOLONG_BINARY_DIR "/lib/golong/plugins"});
  return registry;
}

const std::vector<SourceDocument>& test_documents() {
  static const auto documents = read_documents(GOLONG_SOURCE_DIR "/tests/data/documents/documents.jsonl");
  return documents;
}

TaskMaker task_maker(const std::string& id) { return {built_in_plugins()->find(plugin::Kind::task, id), {}}; }

std::vector<Asked> ask_all(const std::string& task, uint64_t max_context_bytes, int seeds) {
  const TaskMaker maker = task_maker(task);
  std::vector<Asked> all;
  for (const auto& document : test_documents()) {
    for (int seed = 0; seed < seeds; ++seed) {
      for (auto& made : maker.generate(document, 12, 100 + seed, max_context_bytes)) {
        all.push_back({&document, std::move(made)});
      }
    }
  }
  return all;
}

}  // namespace golong
