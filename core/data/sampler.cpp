#include "core/data/sampler.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <numeric>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/random.h"
#include "core/data/parallel.h"

namespace golong {
namespace {

namespace json = boost::json;

// What the random numbers of this file are for (random_key).
constexpr uint64_t order_stream = 0x6f72646572;  // "order"
constexpr uint64_t task_stream = 0x7461736b;     // "task"

// Rows that are gone through together, each once before any comes again: all rows, or those of one task.
struct Lane {
  std::string name;  // task id, "" for all
  double weight = 1;
  std::vector<uint32_t> rows;   // in the order of the data
  uint64_t epoch = 0;           // how often all of them were drawn
  uint64_t position = 0;        // in this epoch
  std::vector<uint32_t> order;  // of this epoch; empty until it is needed

  uint32_t next(uint64_t seed, bool shuffle, uint64_t& draw) {
    if (order.empty()) {
      order = rows;
      if (shuffle) RandomSequence(random_key({seed, order_stream, hash64(name), epoch})).shuffle(order);
    }
    draw = epoch;
    const uint32_t row = order[position];
    if (++position == rows.size()) {
      position = 0;
      ++epoch;
      order.clear();
    }
    return row;
  }
};

std::vector<Lane> make_lanes(const Dataset& dataset, const std::map<std::string, double>& weights) {
  if (weights.empty()) {
    Lane all;
    all.rows.resize(dataset.size());
    std::iota(all.rows.begin(), all.rows.end(), 0u);
    return {std::move(all)};
  }
  std::map<std::string, Lane> by_task;
  for (size_t i = 0; i < dataset.size(); ++i) {
    Lane& lane = by_task[dataset.task(i)];
    lane.name = dataset.task(i);
    lane.rows.push_back(static_cast<uint32_t>(i));
  }
  for (const auto& [task, weight] : weights) {
    const auto lane = by_task.find(task);
    if (lane == by_task.end()) {
      if (weight == 0) continue;
      fail("data.task_weights names the task ", task, ", of which the data has no row that fits");
    }
    lane->second.weight = weight;
  }
  std::vector<Lane> lanes;
  for (auto& [task, lane] : by_task) {
    if (lane.weight > 0) lanes.push_back(std::move(lane));
  }
  if (lanes.empty()) fail("data.task_weights leaves no row of the data");
  return lanes;
}

std::string identity(const Dataset& dataset, uint64_t seed, bool shuffle, const std::vector<Lane>& lanes) {
  std::string text = dataset.fingerprint() + "/" + std::to_string(seed) + (shuffle ? "/shuffle" : "/in order");
  for (const Lane& lane : lanes) text += "/" + lane.name + "=" + json::serialize(json::value(lane.weight));
  return fingerprint(text);
}

}  // namespace

struct Sampler::State {
  std::shared_ptr<const Dataset> dataset;
  uint64_t seed;
  bool shuffle;
  std::vector<Lane> lanes;
  std::string fingerprint;
  uint64_t rows = 0;   // in all lanes
  uint64_t drawn = 0;  // prompts so far

  Lane& choose() {
    if (lanes.size() == 1) return lanes.front();
    double total = 0;
    for (const Lane& lane : lanes) total += lane.weight;
    double left = uniform(random_bits(random_key({seed, task_stream}), drawn)) * total;
    for (Lane& lane : lanes) {
      if ((left -= lane.weight) < 0) return lane;
    }
    return lanes.back();
  }
};

Sampler::Sampler(std::shared_ptr<const Dataset> dataset, uint64_t seed, bool shuffle,
                 const std::map<std::string, double>& weights)
    : state_(new State{std::move(dataset), seed, shuffle, {}, {}}) {
  state_->lanes = make_lanes(*state_->dataset, weights);
  state_->fingerprint = identity(*state_->dataset, seed, shuffle, state_->lanes);
  for (const Lane& lane : state_->lanes) state_->rows += lane.rows.size();
}

Sampler::~Sampler() = default;

std::vector<Prompt> Sampler::next(size_t count) {
  std::vector<Prompt> prompts(count);
  std::vector<uint32_t> rows(count);
  std::vector<uint64_t> draws(count);
  for (size_t i = 0; i < count; ++i) {
    rows[i] = state_->choose().next(state_->seed, state_->shuffle, draws[i]);
    ++state_->drawn;
  }
  parallel_for(count, [&](size_t i) {  // long prompts take a while to encode
    prompts[i] = state_->dataset->prompt(rows[i]);
    prompts[i].draw = draws[i];
  });
  return prompts;
}

int64_t Sampler::epoch() const { return static_cast<int64_t>(state_->drawn / state_->rows); }

std::string Sampler::save() const {
  json::array lanes;
  for (const Lane& lane : state_->lanes) {
    lanes.push_back({{"task", lane.name}, {"epoch", lane.epoch}, {"position", lane.position}});
  }
  return json::serialize(json::value{{"fingerprint", state_->fingerprint}, {"drawn", state_->drawn}, {"lanes", lanes}});
}

void Sampler::load(const std::string& text) {
  json::error_code error;
  const json::value root = json::parse(text, error);
  if (error) fail("the sampler's state is no JSON: ", error.message());
  try {
    if (root.at("fingerprint") != json::string(state_->fingerprint)) {
      fail(
          "the sampler's state belongs to other rows or another order of them: go on with the data.train, "
          "data.max_prompt_tokens, data.shuffle, data.task_weights and train.seed that the run began with, or begin a "
          "new run");
    }
    const json::array& lanes = root.at("lanes").as_array();
    std::vector<Lane> loaded = state_->lanes;
    if (lanes.size() != loaded.size()) fail("the sampler's state has ", lanes.size(), " lanes");
    for (size_t i = 0; i < loaded.size(); ++i) {
      loaded[i].epoch = lanes[i].at("epoch").to_number<uint64_t>();
      loaded[i].position = lanes[i].at("position").to_number<uint64_t>();
      loaded[i].order.clear();
      if (loaded[i].position >= loaded[i].rows.size()) fail("the sampler's state has a position behind the last row");
    }
    state_->drawn = root.at("drawn").to_number<uint64_t>();
    state_->lanes = std::move(loaded);
  } catch (const std::exception& wrong) {
    if (dynamic_cast<const Error*>(&wrong)) throw;
    fail("the sampler's state cannot be read: ", wrong.what());
  }
}

}  // namespace golong
