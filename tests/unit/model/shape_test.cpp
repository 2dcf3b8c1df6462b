// config.json as transformers 4 and 5 write it, for each family; what is not understood is an error that names file and
// key, what was found and what is expected.
#include "core/model/shape.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <functional>

#include "core/base/file.h"
#include "tests/unit/model/model_folder.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Change = std::function<void(json::object&)>;

class Shapes : public ModelFolder {
 protected:
  ModelShape read(const std::string& text) {
    write("config.json", text);
    return read_shape(folder);
  }
  // A config of the test data with a change.
  ModelShape changed(const std::string& name, const Change& change) {
    json::object config = json::parse(read_file(model_data(name) / "config.json")).as_object();
    change(config);
    return read(json::serialize(config));
  }
  std::string error(const Change& change, const std::string& name = "tied") {
    return error_message([&] { changed(name, change); });
  }
  std::string error_with(const char* key, const json::value& value, const std::string& name = "tied") {
    const std::string message = error([&](json::object& c) { c[key] = value; }, name);
    EXPECT_THAT(message, HasSubstr((folder / "config.json").string()));
    return message;
  }
};

// Of Qwen3-4B-Thinking-2507, in both forms.
constexpr char kQwen3[] = R"("architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": false,
  "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
  "hidden_size": 2560, "initializer_range": 0.02, "intermediate_size": 9728, "max_position_embeddings": 262144,
  "max_window_layers": 36, "num_attention_heads": 32, "num_hidden_layers": 36, "num_key_value_heads": 8,
  "rms_norm_eps": 1e-06, "sliding_window": null, "tie_word_embeddings": true, "use_cache": true,
  "use_sliding_window": false, "vocab_size": 151936)";

TEST_F(Shapes, Qwen3AsBothVersionsWriteIt) {
  for (const char* rest :
       {R"("rope_scaling": null, "rope_theta": 5000000, "torch_dtype": "bfloat16", "transformers_version": "4.51.0")",
        R"("rope_parameters": {"rope_theta": 5000000, "rope_type": "default"}, "dtype": "bfloat16",
           "layer_types": ["full_attention", "full_attention"])"}) {
    const ModelShape shape = read(std::string("{") + kQwen3 + ", " + rest + "}");
    EXPECT_EQ(shape.hidden, 2560);
    EXPECT_EQ(shape.head_dim, 128);
    EXPECT_EQ(shape.kv_heads, 8);
    EXPECT_EQ(shape.max_positions, 262144);
    EXPECT_EQ(shape.rope.theta, 5e6);
    EXPECT_EQ(shape.rope.type, "default");
    EXPECT_TRUE(shape.tied && shape.qk_norm && !shape.attention_bias);
    EXPECT_EQ(shape.experts.count, 0);
    EXPECT_THAT(shape.eos_token_ids, ElementsAre(151645));
  }
}

// Of Qwen3-30B-A3B.
constexpr char kExperts[] = R"("architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe",
  "decoder_sparse_step": 1, "head_dim": 128, "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 6144,
  "max_position_embeddings": 40960, "mlp_only_layers": [], "moe_intermediate_size": 768, "norm_topk_prob": true,
  "num_attention_heads": 32, "num_experts_per_tok": 8, "num_hidden_layers": 48, "num_key_value_heads": 4,
  "output_router_logits": false, "rms_norm_eps": 1e-06, "router_aux_loss_coef": 0.001, "tie_word_embeddings": false,
  "use_sliding_window": false, "vocab_size": 151936, "eos_token_id": [151645, 151643])";

TEST_F(Shapes, ExpertsAsBothVersionsWriteThem) {
  for (const char* rest : {R"("num_experts": 64, "rope_scaling": {"type": "yarn", "factor": 4.0,
                              "original_max_position_embeddings": 32768}, "rope_theta": 1000000.0)",
                           R"("num_local_experts": 64, "rope_parameters": {"rope_type": "yarn", "factor": 4.0,
                              "original_max_position_embeddings": 32768, "rope_theta": 1000000.0})"}) {
    const ModelShape shape = read(std::string("{") + kExperts + ", " + rest + "}");
    EXPECT_EQ(shape.experts.count, 64);
    EXPECT_EQ(shape.experts.per_token, 8);
    EXPECT_EQ(shape.experts.intermediate, 768);
    EXPECT_TRUE(shape.experts.normalize);
    EXPECT_TRUE(shape.experts.in_layer(0) && shape.experts.in_layer(47));
    EXPECT_EQ(shape.rope.theta, 1e6);
    EXPECT_EQ(shape.rope.type, "yarn");
    EXPECT_EQ(shape.rope.factor, 4);
    EXPECT_NEAR(shape.rope.attention_factor, 1.138629436, 1e-8);
    EXPECT_EQ(shape.max_positions, 131072);
    EXPECT_THAT(shape.eos_token_ids, ElementsAre(151645, 151643));
  }
}

// Of Llama-3.1-8B-Instruct.
constexpr char kLlama[] = R"("architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": false,
  "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009], "hidden_act": "silu", "hidden_size": 4096,
  "intermediate_size": 14336, "max_position_embeddings": 131072, "mlp_bias": false, "num_attention_heads": 32,
  "num_hidden_layers": 32, "num_key_value_heads": 8, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
  "tie_word_embeddings": false, "vocab_size": 128256)";

TEST_F(Shapes, LlamaAsBothVersionsWriteIt) {
  const std::string scaling =
      R"("factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192)";
  for (const std::string& rest :
       {R"("rope_scaling": {"rope_type": "llama3", )" + scaling + R"(}, "rope_theta": 500000.0)",
        R"("rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, )" + scaling + R"(}, "head_dim": 128)"}) {
    const ModelShape shape = read(std::string("{") + kLlama + ", " + rest + "}");
    EXPECT_EQ(shape.head_dim, 128);
    EXPECT_FALSE(shape.qk_norm);
    EXPECT_EQ(shape.rope.theta, 5e5);
    EXPECT_EQ(shape.rope.type, "llama3");
    EXPECT_EQ(shape.rope.original_positions, 8192);
    EXPECT_EQ(shape.rope.low_frequency, 1);
    EXPECT_EQ(shape.rope.high_frequency, 4);
    EXPECT_EQ(shape.max_positions, 131072);
    EXPECT_THAT(shape.eos_token_ids, ElementsAre(128001, 128008, 128009));
  }
}

TEST_F(Shapes, ShapesOfTheTestData) {
  const ModelShape four = read_shape(model_data("tied")), five = read_shape(model_data("untied"));
  EXPECT_EQ(four.rope.theta, 10000);
  EXPECT_EQ(five.rope.theta, 1000000);
  EXPECT_TRUE(four.tied);
  EXPECT_FALSE(five.tied);
  EXPECT_TRUE(five.attention_bias);
  EXPECT_EQ(five.rms_norm_eps, 1e-3);
  EXPECT_EQ(four.max_positions, 64);
  EXPECT_THAT(four.eos_token_ids, ElementsAre(3));
  EXPECT_THAT(five.eos_token_ids, ElementsAre(5, 6));
  EXPECT_THAT(read_shape(model_data("sharded")).eos_token_ids, ElementsAre(7, 8));
  EXPECT_EQ(read_shape(model_data("sharded")).head_dim, 10);
}

TEST_F(Shapes, StretchedPositions) {
  const auto positions = [&](const char* type, double factor) {
    return changed("tied",
                   [&](json::object& c) {
                     c["rope_scaling"] = json::object{{"type", type},
                                                      {"factor", factor},
                                                      {"original_max_position_embeddings", 32},
                                                      {"low_freq_factor", 1},
                                                      {"high_freq_factor", 4}};
                   })
        .max_positions;
  };
  EXPECT_EQ(positions("yarn", 4), 128);
  EXPECT_EQ(positions("yarn", 1), 64);
  EXPECT_EQ(positions("linear", 4), 128);
  EXPECT_EQ(positions("llama3", 4), 64);  // which says the stretched number
}

// Every size that is missing or no positive number of a possible size.
TEST_F(Shapes, SizesThatAreNoneAreRefused) {
  for (const char* key : {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                          "num_key_value_heads", "max_position_embeddings", "head_dim"}) {
    for (const json::value& value : {json::value("8"), json::value(0), json::value(-8), json::value(8.5),
                                     json::value(1e300), json::value(true), json::value(json::array{8})}) {
      EXPECT_THAT(error_with(key, value),
                  AllOf(HasSubstr(std::string("config.json: ") + key + " must be a positive integer"),
                        HasSubstr("found " + json::serialize(value))))
          << key;
    }
    EXPECT_THAT(error_with(key, int64_t{1} << 40), AllOf(HasSubstr(key), HasSubstr("of at most"))) << key;
    EXPECT_THAT(error_with(key, UINT64_MAX), AllOf(HasSubstr(key), HasSubstr("must be a positive integer"))) << key;
  }
  for (const char* key :
       {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"}) {
    const std::string expected = std::string("config.json: ") + key + " is missing; expected a positive integer";
    EXPECT_THAT(error([&](json::object& c) { c.erase(key); }), HasSubstr(expected));
    EXPECT_THAT(error_with(key, nullptr), HasSubstr(expected));
  }
}

TEST_F(Shapes, SizesThatDoNotFitEachOtherAreRefused) {
  EXPECT_THAT(error_with("head_dim", 7), HasSubstr("head_dim must be even and positive, found 7"));
  EXPECT_THAT(error_with("num_key_value_heads", 3),
              HasSubstr("num_attention_heads (4) must be a multiple of num_key_value_heads (3)"));
  EXPECT_THAT(error_with("num_key_value_heads", 8), HasSubstr("multiple"));
  for (const char* name : {"llama3", "experts"}) {
    const auto no_head_dim = [](json::object& c) {
      c.erase("head_dim");
      c["hidden_size"] = 23;
    };
    EXPECT_THAT(error(no_head_dim, name), HasSubstr("hidden_size (23) must be a multiple of num_attention_heads (4)"));
  }
  EXPECT_THAT(error_with("num_experts_per_tok", 7, "experts"),
              HasSubstr("num_experts_per_tok (7) must be at most num_experts (6)"));
  EXPECT_THAT(error_with("decoder_sparse_step", 0, "experts"), HasSubstr("decoder_sparse_step must be a positive"));
  EXPECT_THAT(error_with("mlp_only_layers", json::array{"1"}, "experts"), HasSubstr("must be a list of integers"));
  EXPECT_THAT(error_with("norm_topk_prob", 1, "experts"), HasSubstr("norm_topk_prob must be true or false, found 1"));
}

TEST_F(Shapes, OtherKeysOfAWrongTypeAreRefused) {
  EXPECT_THAT(error_with("rms_norm_eps", 0), HasSubstr("rms_norm_eps must be a positive number, found 0"));
  EXPECT_THAT(error_with("rms_norm_eps", "1e-6"), HasSubstr("found \"1e-6\""));
  EXPECT_THAT(error_with("rope_theta", 1e30), HasSubstr("rope_theta must be a number from 1e-15 to 1e15"));
  EXPECT_THAT(error_with("tie_word_embeddings", "yes"),
              HasSubstr("tie_word_embeddings must be true or false, found \"yes\""));
  EXPECT_THAT(error_with("eos_token_id", "</s>"), HasSubstr("eos_token_id must be a token id"));
  EXPECT_THAT(error_with("eos_token_id", int64_t{1} << 40), HasSubstr("eos_token_id must be a token id"));
  EXPECT_THAT(error_with("eos_token_id", json::array{1, -1}), HasSubstr("found [1,-1]"));
  EXPECT_THAT(error_with("hidden_act", json::array(5000)).size(), ::testing::Lt(300U));
  for (const json::value& names : {json::value(json::array()), json::value("Qwen3ForCausalLM"), json::value(nullptr)}) {
    EXPECT_THAT(error_with("architectures", names), HasSubstr("a list with one name"));
  }
}

TEST_F(Shapes, WhatIsNotBuiltIsRefused) {
  EXPECT_THAT(error_with("hidden_act", "gelu"),
              HasSubstr("hidden_act must be \"silu\", which alone is supported, found \"gelu\""));
  EXPECT_THAT(error_with("use_sliding_window", true), HasSubstr("sliding windows are not supported"));
  EXPECT_THAT(error_with("layer_types", json::array{"full_attention", "sliding_attention"}),
              HasSubstr("layer_types must be a list of \"full_attention\""));
  EXPECT_THAT(error_with("partial_rotary_factor", 0.5), HasSubstr("partial_rotary_factor must be 1"));
  EXPECT_THAT(error_with("quantization_config", json::object{{"quant_method", "fp8"}}), HasSubstr("quantized"));
  EXPECT_THAT(error_with("architectures", json::array{"BertModel"}),
              AllOf(HasSubstr("BertModel"), HasSubstr("Qwen3ForCausalLM, Qwen3MoeForCausalLM, LlamaForCausalLM")));
}

TEST_F(Shapes, PositionsThatAreNotUnderstoodAreRefused) {
  const auto scaled = [&](const json::object& table) { return error_with("rope_scaling", table); };
  EXPECT_THAT(scaled({{"rope_type", "longrope"}}),
              AllOf(HasSubstr("rope_scaling: type \"longrope\""), HasSubstr("\"yarn\"")));
  EXPECT_THAT(scaled({{"type", "dynamic"}, {"factor", 2}}), HasSubstr("type \"dynamic\""));
  EXPECT_THAT(scaled({{"type", "yarn"}}), HasSubstr("rope_scaling: factor is missing; expected a positive number"));
  EXPECT_THAT(scaled({{"type", "yarn"}, {"factor", "4"}}), HasSubstr("factor must be a positive number, found \"4\""));
  EXPECT_THAT(scaled({{"type", "linear"}, {"factor", 1e9}}), HasSubstr("factor must be at most 1e6, found 1E9"));
  EXPECT_THAT(scaled({{"type", "yarn"}, {"factor", 4}, {"original_max_position_embeddings", 1e300}}),
              HasSubstr("original_max_position_embeddings must be a positive integer"));
  EXPECT_THAT(scaled({{"type", "llama3"}, {"factor", 4}, {"low_freq_factor", 4}, {"high_freq_factor", 4}}),
              HasSubstr("high_freq_factor (4) must be larger than low_freq_factor (4)"));
  EXPECT_THAT(scaled({{"rope_type", 3}}), HasSubstr("rope_type must be a string, found 3"));
  EXPECT_THAT(scaled({{"full_attention", json::object{{"rope_type", "yarn"}}}}), HasSubstr("differ by layer"));
  EXPECT_THAT(error_with("rope_scaling", 4.0), HasSubstr("rope_scaling must be a table, found 4"));
  EXPECT_THAT(error([](json::object& c) {
                c["rope_parameters"] = json::object{{"rope_type", "default"}};
                c["rope_scaling"] = json::object{{"type", "yarn"}, {"factor", 4.0}};
              }),
              HasSubstr("keep one of them"));
}

TEST_F(Shapes, ExpertsAreSharedEvenlyOrNotAtAll) {
  ModelShape shape;
  shape.architecture = "Qwen3ForCausalLM";
  check_expert_ranks(shape, 1);
  EXPECT_THAT(error_message([&] { check_expert_ranks(shape, 2); }),
              AllOf(HasSubstr("parallel.expert is 2"), HasSubstr("Qwen3ForCausalLM"), HasSubstr("no experts")));
  shape.experts.count = 6;
  check_expert_ranks(shape, 3);
  EXPECT_THAT(error_message([&] { check_expert_ranks(shape, 4); }),
              AllOf(HasSubstr("parallel.expert is 4"), HasSubstr("6 experts"), HasSubstr("a number that divides 6")));
}

TEST_F(Shapes, AFileThatCannotBeReadIsAnError) {
  const auto message = [&] { return error_message([&] { read_shape(folder); }); };
  EXPECT_THAT(message(), AllOf(HasSubstr("config.json"), HasSubstr("No such file")));
  for (const char* text : {"", "{", "[]", "null", "\xef\xbb\xbf{}", "{\"a\": \"\xff\"}"}) {
    write("config.json", text);
    EXPECT_THAT(message(), HasSubstr("config.json: is no JSON object")) << text;
  }
  fs::remove(folder / "config.json");
  fs::create_directory(folder / "config.json");
  EXPECT_THAT(message(), HasSubstr("it is a folder"));
  fs::remove(folder / "config.json");
  ASSERT_EQ(mkfifo((folder / "config.json").c_str(), 0600), 0);
  EXPECT_THAT(message(), HasSubstr("pipe"));
}

}  // namespace
}  // namespace golong
