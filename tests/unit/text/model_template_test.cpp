// Which of our templates a model's own one is another form of.
#include "core/text/model_template.h"

#include <gmock/gmock.h>

#include <fstream>

namespace golong {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// As the models' authors write them, shortened to what matters.
constexpr const char* qwen3 =
    R"({%- for message in messages %}{{- '<|im_start|>' + message.role + '\n' + message.content +
'<|im_end|>\n' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- if enable_thinking is
defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}{%- endif %})";
constexpr const char* thinking =
    R"({%- if add_generation_prompt %}{{- '<|im_start|>assistant\n<think>\n' }}{%- endif %})";
constexpr const char* chatml =
    R"({{ '<|im_start|>' + role + '\n' + content + '<|im_end|>' }}{{ '<|im_start|>assistant\n' }})";
constexpr const char* llama3 = R"({{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }})";
constexpr const char* other = "{{ '[INST] ' + content + ' [/INST]' }}";

TEST(ModelTemplate, IsToldByItsMarks) {
  EXPECT_EQ(recognised_template(qwen3), "qwen3");
  EXPECT_EQ(recognised_template(thinking), "qwen3_thinking");
  EXPECT_EQ(recognised_template("<|im_start|>assistant\n<think>\n"), "qwen3_thinking");
  EXPECT_EQ(recognised_template(chatml), "chatml");
  EXPECT_EQ(recognised_template(llama3), "llama3");
  EXPECT_EQ(recognised_template(other), "");
}

class ModelFolder : public testing::Test {
 protected:
  ModelFolder() : folder_(fs::path(testing::TempDir()) / "golong_model_template") {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~ModelFolder() override { fs::remove_all(folder_); }
  void write(const char* file, const std::string& text) { std::ofstream(folder_ / file) << text; }
  std::string complaint(const char* used = "qwen3_thinking") {
    return other_template(folder_, used, "--chat-template");
  }

  fs::path folder_;
};

TEST_F(ModelFolder, OfTheTestsHasTheDefault) {
  EXPECT_EQ(other_template(GOLONG_SOURCE_DIR "/tests/data/tokenizer", "qwen3_thinking", "x"), "");
}

TEST_F(ModelFolder, ThatSaysNothingIsFine) {
  EXPECT_EQ(complaint(), "");
  for (const char* config : {"{}", "{\"chat_template\": null}", "{\"chat_template\": []}", "[1]", "{ no json"}) {
    write("tokenizer_config.json", config);
    EXPECT_EQ(complaint(), "") << config;
  }
}

TEST_F(ModelFolder, WithAnotherTemplateIsNamed) {
  write("tokenizer_config.json", R"({"chat_template": "<|im_start|>{% if enable_thinking %}"})");
  EXPECT_THAT(complaint(), HasSubstr("the model's own chat template looks like \"qwen3\"; messages are rendered as "
                                     "\"qwen3_thinking\" (--chat-template)"));
  EXPECT_EQ(complaint("qwen3"), "");
  write("tokenizer_config.json", R"({"chat_template": [{"name": "tool_use", "template": "<|im_start|>"},
                                                       {"name": "default", "template": "<|start_header_id|>"}]})");
  EXPECT_THAT(complaint(), HasSubstr("looks like \"llama3\""));
  write("chat_template.jinja", other);  // before the other file
  EXPECT_THAT(complaint(), HasSubstr("the model's own chat template is none that golong knows"));
}

}  // namespace
}  // namespace golong
