// Evaluation against the same thing done row by row.
#include "core/eval/evaluate.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "core/base/error.h"
#include "tests/unit/train/run_fixture.h"

namespace golong {
namespace {

class Evaluate : public RunTest {
 protected:
  Evaluate() {
    config.rewards.gate = false;
    config.eval.rows_per_task = 5;
    config.eval.n = 2;
    config.eval.max_response_tokens = 8;
    config.eval.seed = 9;
    config.rollout.max_running_responses = 4;
    model = load_model(config.model.path, at::kFloat, at::kCPU);
    tokenizer = Tokenizer::load(config.model.path);
    auto prompts = std::make_shared<PromptMaker>(config, registry(), tokenizer);
    dataset = std::make_shared<Dataset>(config.data.train, config, prompts, *tokenizer);
    stop_ids = {*tokenizer->find("<|im_end|>")};
  }
  Evaluation run(const std::function<bool()>& stop = {}) {
    RolloutEngine engine(*model, {});
    const Scorer scorer(config, registry());
    Answerer answerer(engine, scorer, tokenizer);
    return evaluate(answerer, *dataset, tokenizer, stop_ids, config, 0, stop);
  }

  std::unique_ptr<Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const Dataset> dataset;
  std::vector<int32_t> stop_ids;
};

TEST_F(Evaluate, MeansOverTheFirstRowsOfEachTask) {
  Evaluation evaluation = run();
  std::map<std::string, std::vector<double>> rewards;
  RolloutEngine engine(*model, {});
  Scorer scorer(config, registry());
  for (size_t i = 0; i < dataset->size(); ++i) {
    std::vector<double>& of_task = rewards[dataset->task(i)];
    if (of_task.size() == 5) continue;
    std::vector<Group> groups = engine.generate(
        {dataset->prompt(i)}, {2, 8, {.temperature = 0.6, .top_p = 0.95}, stop_ids}, 9, Stream::eval, 0);
    for (Group& group : groups) decode(group, *tokenizer, {});
    scorer.score(groups);
    of_task.push_back((groups[0].responses[0].reward + groups[0].responses[1].reward) / 2);
  }
  ASSERT_EQ(evaluation.tasks.size(), 2u);
  double mean = 0;
  for (const auto& [task, values] : rewards) {
    TaskScore expected = task_score(values);
    EXPECT_EQ(evaluation.tasks.at(task).count, 5) << task;
    EXPECT_DOUBLE_EQ(evaluation.tasks.at(task).mean, expected.mean) << task;
    EXPECT_DOUBLE_EQ(*evaluation.tasks.at(task).standard_error, *expected.standard_error) << task;
    EXPECT_EQ(evaluation.not_scored.at(task), 0);
    mean += expected.mean / 2;
  }
  EXPECT_GT(evaluation.tasks.at("summarization").mean, 0) << "nothing was measured";
  EXPECT_DOUBLE_EQ(mean_over_tasks(evaluation.tasks), mean);
  EXPECT_EQ(eval_metrics(evaluation),
            (Metrics{{"eval/summarization", evaluation.tasks.at("summarization").mean},
                     {"eval/precise_retrieval", evaluation.tasks.at("precise_retrieval").mean},
                     {"eval/mean", mean_over_tasks(evaluation.tasks)}}));
}

TEST_F(Evaluate, AllRowsWhereNoNumberIsGiven) {
  config.eval.rows_per_task = 0;
  config.eval.n = 1;
  Evaluation evaluation = run();
  EXPECT_EQ(evaluation.tasks.at("summarization").count, 12);
  EXPECT_EQ(evaluation.tasks.at("precise_retrieval").count, 6);
}

// A model that knows nothing writes no </think>.
TEST_F(Evaluate, CountsWhatPassesTheGate) {
  Evaluation evaluation = run();
  EXPECT_LT(evaluation.parsed.at("summarization"), 0.5);
}

TEST_F(Evaluate, StopsWhenAsked) {
  EXPECT_THROW(run([] { return true; }), Stopped);
}

}  // namespace
}  // namespace golong
