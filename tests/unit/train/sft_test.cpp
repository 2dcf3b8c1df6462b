#include "core/train/sft.h"

#include <gmock/gmock.h>

#include "core/nn/logprob.h"
#include "core/train/packing.h"
#include "core/train/workspace.h"
#include "tests/unit/train/run_fixture.h"

namespace golong {
namespace {

class SftTest : public RunTest {
 protected:
  // Mean loss of the gold answers' tokens under the model of a folder.
  double loss(const std::filesystem::path& model) {
    config.model.path = model.string();
    Workspace w = Workspace::open(config, registry());
    std::shared_ptr<const Dataset> rows = w.dataset(config, config.data.train);
    double sum = 0, tokens = 0;
    for (size_t i = 0; i < rows->size(); ++i) {
      Group group;
      group.prompt = rows->prompt(i);
      group.responses.resize(1);
      group.responses[0].token_ids = w.prompts->gold_response(group.prompt, *w.tokenizer);
      Packed packed = pack({&group}, w.model->device());
      GroupAttention attention(packed.layouts);
      at::Tensor hidden = w.model->hidden(packed.token_ids, packed.positions, attention);
      sum -= nn::token_logprobs(hidden.index_select(0, packed.rows), w.model->head(), packed.targets)
                 .logprobs.sum()
                 .item<double>();
      tokens += static_cast<double>(packed.targets.size(0));
    }
    return sum / tokens;
  }
};

TEST_F(SftTest, LearnsTheGoldAnswersAndWritesAModel) {
  config.sft.steps = 30;
  config.sft.rows_per_step = 6;
  config.sft.learning_rate = 1e-2;
  config.sft.warmup_steps = 3;
  config.sft.prompt_loss_weight = 0.1;
  config.sft.eval_every = 10;
  config.data.eval = config.data.train;
  config.eval.rows_per_task = 2;
  double before = loss(folder / "model");
  config.model.path = (folder / "model").string();
  run_sft(config, registry(), (folder / "out").string(), "", nullptr);
  EXPECT_LT(loss(folder / "out"), 0.7 * before);
}

// A folder with a config and a tokenizer but no weights: fresh ones, the same for the same seed.
TEST_F(SftTest, BeginsWithFreshWeightsWhereThereAreNone) {
  std::filesystem::remove(folder / "model" / "model.safetensors");
  config.sft.steps = 2;
  config.sft.rows_per_step = 2;
  config.sft.seed = 4;
  for (const char* output : {"one", "two"}) run_sft(config, registry(), (folder / output).string(), "", nullptr);
  EXPECT_EQ(read_file(folder / "one" / "model.safetensors"), read_file(folder / "two" / "model.safetensors"));
  config.sft.seed = 5;
  run_sft(config, registry(), (folder / "three").string(), "", nullptr);
  EXPECT_NE(read_file(folder / "one" / "model.safetensors"), read_file(folder / "three" / "model.safetensors"));
}

TEST_F(SftTest, AStopWritesTheModelAsItIs) {
  StopFlag stop{1};
  run_sft(config, registry(), (folder / "out").string(), "", &stop);
  EXPECT_NEAR(loss(folder / "out"), loss(folder / "model"), 0.05);
}

}  // namespace
}  // namespace golong
