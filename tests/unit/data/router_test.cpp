#include <gmock/gmock.h>

#include "tests/unit/data/data_fixture.h"

namespace golong {
namespace {

using testing::HasSubstr;

class RouterTest : public DataTest {
 protected:
  Route route(const std::string& source, const std::string& mode = "", const std::string& ability = "") const {
    Row row;
    row.data_source = source;
    row.reward_mode = mode;
    row.ability = ability;
    return Router(config_, registry()).route(row);
  }
  std::string as_text(const std::string& source, const std::string& mode = "", const std::string& ability = "") const {
    const Route found = route(source, mode, ability);
    return found.task + " " + found.reward + " " + found.norm_key;
  }
};

TEST_F(RouterTest, Sources) {
  EXPECT_EQ(as_text("EM"), "precise_retrieval em EM");
  EXPECT_EQ(as_text("EM", "EM"), "precise_retrieval em EM");
  EXPECT_EQ(as_text("selection", "selection"), "evidence_reasoning accuracy selection");
  EXPECT_EQ(as_text("multitableqa_pretraining", "iou"), "table_extraction iou iou");
  EXPECT_EQ(as_text("math_longcot_math_verify", "math_verify"), "numerical_reasoning math_verify math_verify");
  EXPECT_EQ(as_text("t4_math_longcot_math_verify_v2"),
            "numerical_reasoning math_verify t4_math_longcot_math_verify_v2");
  EXPECT_EQ(as_text("retrieval_calculate"), "numerical_reasoning retrieval_calculate retrieval_calculate");
}

// Rows that the published system gives to a judge model.
TEST_F(RouterTest, SourcesForAJudge) {
  EXPECT_EQ(as_text("x_model_judge_y", "model_compare"), "evidence_reasoning model_judge model_compare");
  EXPECT_EQ(as_text("x_model_verify", "math_verify"), "numerical_reasoning model_judge math_verify");
  EXPECT_EQ(as_text("retrieval_summary_calculate"), "evidence_reasoning model_judge retrieval_summary_calculate");
  EXPECT_EQ(route("math_longcot_math_verify_model_judge").reward, "math_verify");  // the first that fits
  config_.routes["x_model_judge_y"] = {"precise_retrieval", "em"};
  EXPECT_EQ(route("x_model_judge_y").reward, "em");
}

TEST_F(RouterTest, TheReferenceOfAJudgeIsTheLabelOfItsRewardOnly) {
  Row row = parse_row(R"({"data_source": "model_judge", "reward_model": {"ground_truth": {"golden_label": "label"}},
                          "extra_info": {"ground_truth": "reference"}})",
                      "row");
  EXPECT_EQ(gold_for(row, {"t", "model_judge", ""}).label, "reference");
  EXPECT_EQ(gold_for(row, {"t", "em", ""}).label, "label");
  row.reference.reset();
  EXPECT_FALSE(gold_for(row, {"t", "model_judge", ""}).has_label);
}

// All 25 subtasks of paper F.
TEST_F(RouterTest, SubtasksOfLongBenchPro) {
  const std::pair<const char*, std::vector<const char*>> expected[] = {
      {"graded_ranking ndcg NDCG", {"T1.1 Global Cohesive Retrieval", "T1.2 Key-Snippet Retrieval"}},
      {"sequence_ordering pairwise Pairwise_Accuracy",
       {"T2.1 Global Timeline Reconstruction", "T2.2 Local Causal Chain Sorting", "T6.3 Global Frequency Analysis"}},
      {"evidence_reasoning accuracy Accuracy",
       {"T3.1 Multi-Doc Integration QA", "T3.2 Single-Hop Fact QA", "T11.1 Long-Range Entity & Commitment Tracking",
        "T11.2 Short-Range Reference Resolution & State Query"}},
      {"summarization rouge_l Summary", {"T4.1 Global-Coverage Constrained Summary", "T4.2 Query-Focused Summary"}},
      {"exhaustive_retrieval f1 F1_Score",
       {"T5.1 Full-Sentence Citation Alignment", "T5.2 Key-Statement Citation Alignment",
        "T6.2 Targeted Subset Cluster Identification", "T7.1 Global Conflict & Inconsistency Localization",
        "T7.2 Targeted Rule or Condition Violation Detection", "T7.3 Comprehensive Error & Anomaly Sweep",
        "T9.1 Dependency-Aware Multi-Version Impact Analysis", "T9.2 Localized Interface Change Detection"}},
      {"structured_matching sub_em SubEM",
       {"T6.1 Large-Scale Document Clustering", "T8.1 Structured Multi-Source Consistency Verification",
        "T8.2 Single-Source Targeted Aggregation", "T8.3 Long-Context Procedural State Tracking",
        "T10.1 Large-Scale In-Context Rule Induction", "T10.2 Targeted Example-Based Rule Induction"}}};
  size_t count = 0;
  for (const auto& [text, modes] : expected) {
    for (const char* mode : modes) EXPECT_EQ(as_text("longbench_pro", mode), text) << mode;
    count += modes.size();
  }
  EXPECT_EQ(count, 25u);
  EXPECT_THROW(route("longbench_pro", "NDCG"), Error);  // a metric is no subtask
}

TEST_F(RouterTest, AbilityNamesTheTask) {
  EXPECT_EQ(route("EM", "", "Long document SUMMARIZATION").task, "summarization");
  EXPECT_EQ(route("EM", "", "Evidence-grounded comprehension and reasoning").task, "evidence_reasoning");
  EXPECT_EQ(route("EM", "", "table_extraction").task, "table_extraction");
  EXPECT_EQ(route("EM", "", "table_extraction").reward, "em");  // the source decides the reward
  EXPECT_EQ(route("EM", "", "something else").task, "precise_retrieval");
}

TEST_F(RouterTest, NormKeys) {
  config_.train.norm_key = "task";
  EXPECT_EQ(as_text("selection", "selection"), "evidence_reasoning accuracy evidence_reasoning");
  config_.train.norm_key = "metric";
  Row row;
  row.data_source = "longbench_pro";
  row.reward_mode = "T1.2 Key-Snippet Retrieval";
  row.norm_mode = "T1.2 Key-Snippet Retrieval";  // a top-level column stays as it is
  EXPECT_EQ(Router(config_, registry()).route(row).norm_key, "T1.2 Key-Snippet Retrieval");
}

TEST_F(RouterTest, ConfigComesFirst) {
  config_.task_rewards["summarization"] = "f1";
  EXPECT_EQ(as_text("longbench_pro", "T4.2 Query-Focused Summary"), "summarization f1 Summary");
  config_.routes["mine"] = {"summarization", "em"};
  EXPECT_EQ(as_text("mine", "x"), "summarization em x");
  config_.routes["mine"] = {"summarization", ""};
  EXPECT_EQ(as_text("mine"), "summarization f1 mine");
  config_.routes["mine"] = {"graded_ranking", ""};
  EXPECT_EQ(as_text("mine"), "graded_ranking ndcg mine");
  config_.routes["mine"] = {"", "iou"};
  EXPECT_EQ(as_text("mine"), "table_extraction iou mine");
  config_.routes["EM"] = {"evidence_reasoning", "em"};
  EXPECT_EQ(as_text("EM"), "evidence_reasoning em EM");
  config_.routes["mine"] = {"", ""};
  EXPECT_THAT(error_of([&] { route("mine"); }), HasSubstr("names no task and no reward"));
}

TEST_F(RouterTest, UnknownNames) {
  EXPECT_THAT(error_of([&] { route("longbench-pro"); }),
              HasSubstr("data_source \"longbench-pro\" is not known; did you mean longbench_pro?"));
  EXPECT_THAT(error_of([&] { route(""); }), HasSubstr("there is no column data_source"));
  EXPECT_THAT(error_of([&] { route("longbench_pro", "T4.2 Query-Focussed Summary"); }),
              HasSubstr("did you mean T4.2 Query-Focused Summary?"));
  EXPECT_THAT(error_of([&] { route("longbench_pro"); }), HasSubstr("there is no extra_info.reward_mode"));
  config_.routes["mine"] = {"", "rouge"};
  EXPECT_THAT(error_of([&] { route("mine"); }), HasSubstr("there is no reward rouge; did you mean rouge_l?"));
}

}  // namespace
}  // namespace golong
