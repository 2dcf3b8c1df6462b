// Folders for tests of models: a temporary one, and the models that transformers made (tests/data/model).
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/base/error.h"
#include "tests/unit/error_message.h"

namespace golong {

inline std::filesystem::path model_data(const std::string& name) {
  return std::filesystem::path(GOLONG_SOURCE_DIR) / "tests" / "data" / "model" / name;
}

class ModelFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "golong-model-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void write(const std::string& name, const std::string& contents) {
    std::ofstream(folder / name, std::ios::binary) << contents;
  }

  std::filesystem::path folder;
};

}  // namespace golong
