// What golong and a worker process tell each other, as the payloads of frames: a worker is started with a reward, then
// reads a gold, scores responses to it, and releases it. Every request has one reply, a ScoreResult.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/data/group.h"
#include "core/plugin/registry.h"
#include "core/score/batch.h"

namespace golong {

struct StartMessage {
  std::filesystem::path library;  // absolute
  std::string reward;             // id
  plugin::Settings settings;
  uint64_t memory_bytes = 0;  // limit of the worker's address space; 0: none
};

struct ScoreMessage {
  std::string text;
  Clock::time_point deadline;  // CLOCK_MONOTONIC is the same in both processes
  std::chrono::nanoseconds allowed{};
};

std::string encode(const StartMessage& message);
std::string encode(const Gold& gold);
std::string encode(const ScoreMessage& message);
std::string encode(const ScoreResult& result);

// Throw Error where the bytes are not what encode() writes.
StartMessage decode_start(std::string_view bytes);
Gold decode_gold(std::string_view bytes);
ScoreMessage decode_score(std::string_view bytes);
ScoreResult decode_result(std::string_view bytes);

// The largest reply: a detail and a message, both bounded, many times over.
constexpr uint64_t most_reply_bytes = uint64_t{1} << 20;

}  // namespace golong
