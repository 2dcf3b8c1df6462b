// Groups of responses to score, and the rewards that misbehave.
#pragma once
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/score/scorer.h"
#include "tests/unit/error_message.h"

namespace golong {

inline std::filesystem::path test_library(const std::string& name) {
  return std::filesystem::path(GOLONG_BINARY_DIR) / "tests" / name;
}

inline std::shared_ptr<const plugin::Registry> registry() {
  static const auto all = plugin::Registry::load({test_library("bad/bad_rewards.so"), test_library("bad/bad_across.so"),
                                                  test_library("bad/bad_isolated.so"), test_library("abi/abi_1_0.so")});
  return all;
}

// One of the counters that bad_rewards.so exports.
inline std::atomic<int>& counter(const char* name) {
  registry();
  void* library = ::dlopen(test_library("bad/bad_rewards.so").c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (!library) throw Error("bad_rewards.so is not loaded");
  return *static_cast<std::atomic<int>*>(::dlsym(library, name));
}

inline Config config_with(double deadline_seconds, int64_t threads = 2) {
  Config config = Config::defaults();
  config.rewards.gate = false;
  config.rewards.deadline_seconds = deadline_seconds;
  config.rewards.threads = threads;
  return config;
}

inline Group group_of(const std::string& reward, const std::vector<std::string>& texts,
                      const std::string& label = "label") {
  Group group;
  group.prompt.uid = "rows.jsonl:7";
  group.prompt.reward = reward;
  Gold gold;
  gold.label = label;
  gold.has_label = true;
  group.prompt.gold = std::make_shared<const Gold>(gold);
  for (const std::string& text : texts) group.responses.emplace_back().text = text;
  return group;
}

inline std::vector<Outcome> outcomes_of(const Group& group) {
  std::vector<Outcome> outcomes;
  for (const Response& response : group.responses) outcomes.push_back(response.outcome);
  return outcomes;
}

inline std::vector<double> rewards_of(const Group& group) {
  std::vector<double> rewards;
  for (const Response& response : group.responses) rewards.push_back(response.reward);
  return rewards;
}

}  // namespace golong
