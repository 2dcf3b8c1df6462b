#include "core/score/worker_messages.h"

#include <utility>

#include "core/base/bytes.h"
#include "core/base/error.h"

namespace golong {
namespace {

plugin::Scalar decode_scalar(Decoder& in) {
  switch (in.number<uint8_t>()) {
    case 0:
      return in.boolean();
    case 1:
      return in.number<int64_t>();
    case 2:
      return in.number<double>();
    case 3:
      return in.text();
    default:
      fail("a setting has no known type");
  }
}

}  // namespace

std::string encode(const StartMessage& message) {
  Encoder out;
  out.text(message.library.string()).text(message.reward).number(message.memory_bytes);
  for (const auto& [name, setting] : message.settings) {
    out.text(name).text(setting.where).number<uint8_t>(static_cast<uint8_t>(setting.value.index()));
    if (const bool* boolean = std::get_if<bool>(&setting.value)) out.number<uint8_t>(*boolean);
    if (const int64_t* integer = std::get_if<int64_t>(&setting.value)) out.number(*integer);
    if (const double* real = std::get_if<double>(&setting.value)) out.number(*real);
    if (const std::string* text = std::get_if<std::string>(&setting.value)) out.text(*text);
  }
  out.text("");  // no name: the end of the settings
  return out.take();
}

StartMessage decode_start(std::string_view bytes) {
  Decoder in(bytes);
  StartMessage message;
  message.library = in.text();
  message.reward = in.text();
  message.memory_bytes = in.number<uint64_t>();
  for (std::string name = in.text(); !name.empty(); name = in.text()) {
    plugin::Setting& setting = message.settings[name];
    setting.where = in.text();
    setting.value = decode_scalar(in);
  }
  in.end();
  return message;
}

std::string encode(const Gold& gold) {
  Encoder out;
  out.number<uint8_t>(gold.has_items).number<uint8_t>(gold.has_label).number<uint8_t>(gold.has_language);
  out.text(gold.label).text(gold.language).text(gold.variant).text(gold.json);
  out.number<uint64_t>(gold.items.size());
  for (const std::string& item : gold.items) out.text(item);
  return out.take();
}

Gold decode_gold(std::string_view bytes) {
  Decoder in(bytes);
  Gold gold;
  gold.has_items = in.boolean();
  gold.has_label = in.boolean();
  gold.has_language = in.boolean();
  gold.label = in.text();
  gold.language = in.text();
  gold.variant = in.text();
  gold.json = in.text();
  for (uint64_t count = in.number<uint64_t>(); count > 0; --count) gold.items.push_back(in.text());
  in.end();
  return gold;
}

std::string encode(const ScoreMessage& message) {
  Encoder out;
  out.text(message.text).number<int64_t>(message.deadline.time_since_epoch().count());
  out.number<int64_t>(message.allowed.count());
  return out.take();
}

ScoreMessage decode_score(std::string_view bytes) {
  Decoder in(bytes);
  ScoreMessage message;
  message.text = in.text();
  message.deadline = Clock::time_point(Clock::duration(in.number<int64_t>()));
  message.allowed = std::chrono::nanoseconds(in.number<int64_t>());
  in.end();
  return message;
}

std::string encode(const ScoreResult& result) {
  Encoder out;
  out.number(static_cast<int32_t>(result.outcome)).number(result.score).text(result.detail);
  return out.take();
}

ScoreResult decode_result(std::string_view bytes) {
  Decoder in(bytes);
  ScoreResult result;
  const auto outcome = in.number<int32_t>();
  if (outcome < GOLONG_SCORED || outcome > GOLONG_NOT_SCORABLE) fail("a result has no known outcome: ", outcome);
  result.outcome = static_cast<Outcome>(outcome);
  result.score = in.number<double>();
  result.detail = in.text();
  in.end();
  return result;
}

}  // namespace golong
