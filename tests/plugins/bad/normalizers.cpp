// Normalizers that give back what they must not.
#include <cstdlib>
#include <limits>
#include <string_view>

#include "golong/plugin.hpp"

using namespace golong::sdk;

namespace {

struct Base : Normalizer {
  void compute(const Batch& batch, std::span<double> advantages, const Metrics&) override {
    for (size_t i = 0; i < batch.size(); ++i) advantages[i] = batch.reward(i);
  }
};
struct NotANumber : Base {
  void compute(const Batch& batch, std::span<double> advantages, const Metrics& metrics) override {
    Base::compute(batch, advantages, metrics);
    if (advantages.size() > 1) advantages[1] = std::numeric_limits<double>::quiet_NaN();
  }
};
struct TooFew : Base {
  void compute(const Batch& batch, std::span<double> advantages, const Metrics&) override {
    for (size_t i = 0; i + 1 < batch.size(); ++i) advantages[i] = 1;
  }
};
struct TooMany : Base {
  void compute(const Batch& batch, std::span<double> advantages, const Metrics&) override {
    for (size_t i = 0; i < batch.size() + 2; ++i) advantages.data()[i] = 1;
  }
};
struct Throwing : Base {
  void compute(const Batch&, std::span<double>, const Metrics&) override { throw std::runtime_error("no such luck"); }
};
// On one of several ranks, as torchrun numbers them, from the second step on.
struct OneRank : Base {
  void compute(const Batch& batch, std::span<double> advantages, const Metrics& metrics) override {
    Base::compute(batch, advantages, metrics);
    const char* rank = std::getenv("RANK");
    if (++steps_ > 1 && rank && std::string_view(rank) == "1") throw std::runtime_error("no such luck");
  }
  int steps_ = 0;
};
struct OddMetric : Base {
  void compute(const Batch& batch, std::span<double> advantages, const Metrics& metrics) override {
    Base::compute(batch, advantages, metrics);
    metrics("odd", std::numeric_limits<double>::infinity());
  }
};
// Not a bad one: counts its steps, and goes on where a checkpoint left off.
struct Counting : Base, State {
  void compute(const Batch& batch, std::span<double> advantages, const Metrics& metrics) override {
    Base::compute(batch, advantages, metrics);
    metrics("steps done so far.", ++steps_);
  }
  std::string save() override { return std::to_string(steps_); }
  void load(std::string_view state) override { steps_ = std::stoi(std::string(state)); }
  int steps_ = 0;
};

}  // namespace

GOLONG_LIBRARY("bad_normalizers", normalizer<NotANumber>("bad_nan", "1.0.0", "a NaN in second place"),
               normalizer<TooFew>("bad_too_few", "1.0.0", "leaves out the last"),
               normalizer<TooMany>("bad_too_many", "1.0.0", "writes behind the end"),
               normalizer<Throwing>("bad_throwing", "1.0.0", "throws"),
               normalizer<OneRank>("bad_one_rank", "1.0.0", "throws on rank 1"),
               normalizer<OddMetric>("bad_metric", "1.0.0", "an infinite metric"),
               normalizer<Counting>("counting", "1.0.0", "keeps a state"))
