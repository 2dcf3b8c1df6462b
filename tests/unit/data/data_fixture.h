// What the tests of core/data share: the built-in plugins, the small tokenizer, files in a folder of the test's own.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/data/dataset.h"

namespace golong {

class DataTest : public testing::Test {
 protected:
  DataTest() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) / "golong_data" /
              (std::string(info->test_suite_name()) + "." + info->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    config_.data.cache = (folder_ / "cache").string();
  }
  ~DataTest() override { std::filesystem::remove_all(folder_); }

  static std::shared_ptr<const plugin::Registry> registry() {
    static const auto loaded = plugin::Registry::load({});
    return loaded;
  }
  static std::shared_ptr<const Tokenizer> tokenizer() {
    static const auto loaded = Tokenizer::load(GOLONG_SOURCE_DIR "/tests/data/tokenizer");
    return loaded;
  }

  std::string write(const std::string& name, const std::string& contents) const {
    const auto path = folder_ / name;
    write_file_atomic(path, contents);
    return path.string();
  }

  // An EM row that asks `question`.
  static std::string row(const std::string& question, const std::string& label = "L") {
    return R"({"data_source": "EM", "prompt": [{"role": "user", "content": ")" + question +
           R"("}], "reward_model": {"ground_truth": {"golden_label": ")" + label + "\"}}}\n";
  }
  static std::string selection_row(const std::string& question) {
    return R"({"data_source": "selection", "prompt": [{"role": "user", "content": ")" + question +
           R"("}], "reward_model": {"ground_truth": {"golden_label": "B"}}})"
           "\n";
  }

  std::shared_ptr<const PromptMaker> maker() const {
    return std::make_shared<PromptMaker>(config_, registry(), tokenizer());
  }
  std::shared_ptr<const Dataset> dataset(const std::vector<std::string>& files) const {
    return std::make_shared<Dataset>(files, config_, maker(), *tokenizer());
  }

  // The message of the Error that `function` throws, "" where it throws none.
  template <class Function>
  static std::string error_of(const Function& function) {
    try {
      function();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_;
  Config config_;
};

}  // namespace golong
