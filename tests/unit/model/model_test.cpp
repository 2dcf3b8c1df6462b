// Models as transformers saves them: the same logits and gradients; wrong files are errors that say what is wrong.
#include "core/model/model.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <limits>

#include "core/base/file.h"
#include "core/model/weight_files.h"
#include "core/nn/logprob.h"
#include "tests/unit/model/model_folder.h"

namespace golong {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using ::testing::AllOf;
using ::testing::HasSubstr;

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>() / (1 + b.abs().max().item<double>());
}

at::Tensor hidden_of(const Model& model, const at::Tensor& ids, std::vector<nn::GroupLayout> layout) {
  std::vector<int64_t> positions;
  for (const nn::GroupLayout& group : layout) {
    for (int64_t i = 0; i < group.prompt; ++i) positions.push_back(i);
    for (int64_t length : group.responses) {
      for (int64_t i = 0; i < length; ++i) positions.push_back(group.prompt + i);
    }
  }
  GroupAttention attention(std::move(layout));
  return model.hidden(ids, at::tensor(positions, at::kLong), attention);
}

class Reference : public ::testing::TestWithParam<const char*> {
 protected:
  fs::path path = model_data(GetParam());
  std::map<std::string, at::Tensor> expected = SafetensorsFile(path / "reference.safetensors").tensors();
};

// A text as one prompt, and as a prompt with a response: the same numbers.
TEST_P(Reference, LogitsEqualThoseOfTransformers) {
  std::unique_ptr<Model> model = load_model(path, at::kFloat, at::kCPU);
  const at::Tensor& ids = expected.at("input_ids");
  for (int64_t prompt : {ids.size(0), int64_t{1}, int64_t{11}}) {
    at::Tensor hidden = hidden_of(*model, ids, {{prompt, {ids.size(0) - prompt}}});
    EXPECT_LT(difference(at::matmul(hidden, model->head().t()), expected.at("logits")), 2e-6) << prompt;
  }
}

TEST_P(Reference, GradientsEqualThoseOfTransformers) {
  std::unique_ptr<Model> model = load_model(path, at::kFloat, at::kCPU);
  const at::Tensor& ids = expected.at("input_ids");
  int64_t tokens = ids.size(0);
  at::Tensor hidden = hidden_of(*model, ids, {{8, {tokens - 8}}});
  nn::TokenLogprobs result =
      nn::token_logprobs(hidden.narrow(0, 0, tokens - 1), model->head(), ids.narrow(0, 1, tokens - 1), 1.0, {5, 7});
  result.logprobs.mean().neg().backward();
  size_t compared = 0;
  for (const auto& [name, parameter] : model->parameters()) {
    ASSERT_TRUE(expected.contains("grad." + name)) << name;
    // An expert that no token chose has no gradient, there it is 0.
    const at::Tensor gradient = parameter.grad().defined() ? parameter.grad() : at::zeros_like(parameter);
    EXPECT_LT(difference(gradient, expected.at("grad." + name)), 2e-6) << name;
    ++compared;
  }
  EXPECT_EQ(compared + 2, expected.size());
}

TEST_P(Reference, Bfloat16IsClose) {
  std::unique_ptr<Model> model = load_model(path, at::kBFloat16, at::kCPU);
  const at::Tensor& ids = expected.at("input_ids");
  at::Tensor hidden = hidden_of(*model, ids, {{ids.size(0), {}}});
  EXPECT_EQ(hidden.scalar_type(), at::kBFloat16);
  EXPECT_LT(difference(at::matmul(hidden, model->head().t()).to(at::kFloat), expected.at("logits")), 5e-2);
}

INSTANTIATE_TEST_SUITE_P(Transformers, Reference,
                         ::testing::Values("tied", "untied", "sharded", "yarn", "llama3", "experts", "experts_plain"),
                         [](const auto& info) { return std::string(info.param); });

class ModelFiles : public ModelFolder {
 protected:
  // The model `name` of the test data in `folder`, its config.json changed.
  void copy(const std::string& name, const std::function<void(json::object&)>& change = {}) {
    fs::remove_all(folder);
    fs::copy(model_data(name), folder);
    json::object config = json::parse(read_file(folder / "config.json")).as_object();
    if (change) change(config);
    write("config.json", json::serialize(config));
  }
  // What the folder holds, to be written again with a change.
  NamedTensors stored() {
    NamedTensors copies;
    const StoredWeights weights(folder);
    for (const auto& [name, tensor] : weights.tensors()) copies.emplace_back(name, tensor.clone());
    return copies;
  }
  std::string load_error() {
    return error_message([&] { load_model(folder, at::kFloat, at::kCPU); });
  }
};

TEST_F(ModelFiles, TensorsThatDoNotFitAreListedWithShapes) {
  copy("tied", [](json::object& c) {
    c["intermediate_size"] = 41;
    c["num_hidden_layers"] = 3;
  });
  EXPECT_THAT(load_error(), AllOf(HasSubstr("model.layers.0.mlp.gate_proj.weight: expected [41, 24], found [40, 24]"),
                                  HasSubstr("model.layers.2.self_attn.q_norm.weight: missing, expected [8]")));
  copy("tied", [](json::object& c) { c["num_hidden_layers"] = 1; });
  EXPECT_THAT(load_error(), HasSubstr("model.layers.1.mlp.down_proj.weight: not part of"));
  copy("tied", [](json::object& c) { c["tie_word_embeddings"] = false; });
  EXPECT_THAT(load_error(), HasSubstr("lm_head.weight: missing, expected [37, 24]"));
}

TEST_F(ModelFiles, ASavedModelLoadsToTheSameBits) {
  for (const char* name : {"tied", "untied", "sharded"}) {
    std::unique_ptr<Model> model = load_model(model_data(name), at::kFloat, at::kCPU);
    fs::path target = folder / name;
    save_model(*model, target, at::kFloat, model_data(name));
    std::unique_ptr<Model> again = load_model(target, at::kFloat, at::kCPU);
    ASSERT_EQ(again->parameters().size(), model->parameters().size());
    for (size_t i = 0; i < model->parameters().size(); ++i) {
      EXPECT_EQ(again->parameters()[i].first, model->parameters()[i].first);
      EXPECT_TRUE(at::equal(again->parameters()[i].second, model->parameters()[i].second));
    }
    EXPECT_EQ(again->shape().eos_token_ids, model->shape().eos_token_ids);
  }
}

TEST_F(ModelFiles, OnlyWhatIsWrongWithTheFirstTensorsIsListed) {
  copy("tied", [](json::object& c) { c["num_hidden_layers"] = 10000; });
  EXPECT_THAT(load_error(), AllOf(HasSubstr("these tensors and perhaps more"), HasSubstr("model.layers.2."),
                                  ::testing::Not(HasSubstr("model.layers.20."))));
}

TEST_F(ModelFiles, WeightsOfAnotherTypeThanFloatAreRefused) {
  copy("tied");
  NamedTensors weights = stored();
  weights[0].second = weights[0].second.to(at::kInt);
  write_safetensors(folder / "model.safetensors", weights);
  EXPECT_THAT(load_error(), HasSubstr(weights[0].first + ": expected a float type, found Int"));
}

// Files of old versions of transformers have such a buffer for each layer.
TEST_F(ModelFiles, StoredFrequenciesArePassedOver) {
  copy("tied");
  NamedTensors weights = stored();
  weights.emplace_back("model.layers.0.self_attn.rotary_emb.inv_freq", at::ones({4}));
  write_safetensors(folder / "model.safetensors", weights);
  EXPECT_EQ(load_model(folder, at::kFloat, at::kCPU)->parameters().size(), weights.size() - 1);
}

TEST_F(ModelFiles, WhatIsNotANumberIsLoadedAsItIs) {
  copy("tied");
  NamedTensors weights = stored();
  weights[0].second.fill_(std::numeric_limits<float>::quiet_NaN());
  write_safetensors(folder / "model.safetensors", weights);
  const std::unique_ptr<Model> model = load_model(folder, at::kFloat, at::kCPU);
  for (const auto& [name, tensor] : model->parameters()) {
    EXPECT_EQ(tensor.isnan().all().item<bool>(), name == weights[0].first) << name;
  }
}

TEST_F(ModelFiles, ASavedModelIsIndependentOfItsFiles) {
  copy("tied");
  const std::unique_ptr<Model> model = load_model(folder, at::kFloat, at::kCPU);
  const at::Tensor before = model->parameters()[0].second.detach().clone();
  model->parameters()[0].second.detach().add_(1);
  fs::resize_file(folder / "model.safetensors", 0);
  EXPECT_TRUE(at::allclose(model->parameters()[0].second, before + 1));
  save_model(*model, folder, at::kFloat);  // into its own folder
  EXPECT_TRUE(at::equal(load_model(folder, at::kFloat, at::kCPU)->parameters()[0].second, before + 1));
}

TEST_F(ModelFiles, SavingInBfloat16SaysSo) {
  std::unique_ptr<Model> model = load_model(model_data("untied"), at::kFloat, at::kCPU);
  for (const int64_t shard_bytes : {shard_bytes_of_hub, int64_t{4000}}) {
    save_model(*model, folder / "out", at::kBFloat16, {}, shard_bytes);
    EXPECT_EQ(json::parse(read_file(folder / "out" / "config.json")).at("dtype").as_string(), "bfloat16");
    const StoredWeights saved(folder / "out");
    ASSERT_EQ(saved.tensors().size(), model->parameters().size());
    for (const auto& [name, tensor] : model->parameters()) {
      EXPECT_EQ(saved.tensors().at(name).scalar_type(), at::kBFloat16) << name;
      EXPECT_TRUE(at::equal(saved.tensors().at(name), tensor.to(at::kBFloat16))) << name;
    }
  }
}

TEST(MakeModel, IsSeededAndScaled) {
  ModelShape shape = read_shape(model_data("tied"));
  std::unique_ptr<Model> a = make_model(shape, at::kFloat, at::kCPU, 1), b = make_model(shape, at::kFloat, at::kCPU, 1),
                         c = make_model(shape, at::kFloat, at::kCPU, 2);
  for (size_t i = 0; i < a->parameters().size(); ++i) {
    const auto& [name, tensor] = a->parameters()[i];
    EXPECT_TRUE(at::equal(tensor, b->parameters()[i].second)) << name;
    EXPECT_TRUE(tensor.requires_grad() && tensor.is_leaf()) << name;
    if (tensor.dim() < 2) {
      EXPECT_TRUE((tensor == 1).all().item<bool>()) << name;
      continue;
    }
    EXPECT_FALSE(at::equal(tensor, c->parameters()[i].second)) << name;
    bool residual = name.find("o_proj") != std::string::npos || name.find("down_proj") != std::string::npos;
    EXPECT_NEAR(tensor.std().item<double>(), residual ? 0.01 : 0.02, 0.0015) << name;  // two layers: 0.02 / sqrt(4)
  }
  EXPECT_EQ(a->head().unsafeGetTensorImpl(), a->parameters()[0].second.unsafeGetTensorImpl());
}

TEST(MakeModel, WhatFitsNoMachineIsRefused) {
  for (int64_t ModelShape::*size : {&ModelShape::vocabulary, &ModelShape::hidden, &ModelShape::intermediate}) {
    ModelShape shape = read_shape(model_data("tied"));
    shape.*size = INT32_MAX;
    shape.layers = 10'000;
    EXPECT_THAT(error_message([&] { make_model(shape, at::kFloat, at::kCPU, 1); }),
                AllOf(HasSubstr("10000 layers"), HasSubstr("does not fit the memory of this machine")));
  }
}

}  // namespace
}  // namespace golong
