// A whole run small enough for tests: a tiny model with the tests' tokenizer, rows, the built-in plugins.
#pragma once
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/config/config.h"
#include "core/model/model.h"
#include "core/plugin/registry.h"

namespace golong {

class RunTest : public testing::Test {
 protected:
  RunTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    // With the process: two clones may run their tests at a time.
    folder = std::filesystem::path(testing::TempDir()) /
             ("golong_run." + std::to_string(getpid()) + "." + info->test_suite_name() + "." + info->name());
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    ModelShape shape;
    shape.architecture = "Qwen3ForCausalLM";
    shape.vocabulary = 2048;
    shape.hidden = 32;
    shape.layers = 2;
    shape.heads = 4;
    shape.kv_heads = 2;
    shape.head_dim = 8;
    shape.intermediate = 48;
    shape.max_positions = 512;
    shape.rope.theta = 1e4;
    shape.qk_norm = true;
    shape.tied = true;
    shape.json = R"({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": 2048,
      "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
      "intermediate_size": 48, "max_position_embeddings": 512, "rope_theta": 10000.0, "rms_norm_eps": 1e-6,
      "tie_word_embeddings": true, "attention_bias": false, "torch_dtype": "float32"})";
    save_model(*make_model(shape, at::kFloat, at::kCPU, 3), folder / "model", at::kFloat,
               GOLONG_SOURCE_DIR "/tests/data/tokenizer");
    std::string rows;
    for (int i = 0; i < 12; ++i) rows += summary_row(i);
    for (int i = 0; i < 6; ++i) rows += exact_row(i);
    write_file_atomic(folder / "rows.jsonl", rows);
    config.model.path = (folder / "model").string();
    config.data.train = {(folder / "rows.jsonl").string()};
    config.data.cache = (folder / "cache").string();
    config.run.directory = (folder / "run").string();
    config.rollout.n = 3;
    config.rollout.max_response_tokens = 10;
    config.rewards.gate = false;
    config.train.steps = 6;
    config.train.prompts_per_step = 3;
    config.train.generation_prompts = 4;
    config.train.learning_rate = 3e-3;
    config.train.warmup_steps = 2;
    config.checkpoint.every = 2;
    config.report.html = false;
  }
  ~RunTest() override { std::filesystem::remove_all(folder); }

  // ROUGE-L against many frequent words: answers of a model that knows nothing get different small rewards.
  static std::string summary_row(int i) {
    std::string words =
        "li lib f p for s t c d g m r a n libs P to G b in python library w C R S doc A files D th l M "
        "x o and devel net gn L utils T the k ruby h font v ad F O GN jav games E text Python tool";
    return R"({"id": "s)" + std::to_string(i) +
           R"(", "data_source": "longbench_pro", "ability": "Long document summarization", )" +
           R"("prompt": [{"role": "user", "content": "Summarize document )" + std::to_string(i) + R"("}], )" +
           R"("reward_model": {"ground_truth": {"doc_ids": [")" + words +
           R"("], "golden_label": "", "summary": "English"}}, )" +
           R"("extra_info": {"reward_mode": "T4.1 Global-Coverage Constrained Summary"}})" + "\n";
  }
  static std::string exact_row(int i) {
    return R"({"id": "e)" + std::to_string(i) +
           R"(", "data_source": "EM", "prompt": [{"role": "user", "content": "What is )" + std::to_string(i) +
           R"( plus 1?"}], "reward_model": {"ground_truth": {"golden_label": "x"}}})" + "\n";
  }

  static std::shared_ptr<const plugin::Registry> registry() {
    static const auto loaded = plugin::Registry::load({});
    return loaded;
  }

  template <class Function>
  static std::string error_of(const Function& function) {
    try {
      function();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder;
  Config config;
};

}  // namespace golong
