#include "core/report/event_file.h"

#include <bit>
#include <boost/crc.hpp>
#include <optional>

namespace golong {

namespace {

// Fields of Event, Summary, Summary.Value and SessionLog by their numbers in the .proto files.
enum Field : uint32_t {
  event_wall_time = 1,
  event_step = 2,
  event_file_version = 3,
  event_summary = 5,
  event_session_log = 7,
  summary_value = 1,
  value_tag = 1,
  value_simple_value = 2,
  session_log_status = 1,
};
constexpr uint64_t session_start = 1;  // SessionLog.START
constexpr size_t frame_bytes = 16;     // of a record beside its data

// How a field's value is written; the lowest three bits of its key.
enum Wire : uint32_t { varint = 0, eight_bytes = 1, length_delimited = 2, four_bytes = 5 };

void put_fixed(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

uint64_t fixed(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

// Seven bits a byte, the lowest first; the eighth says that more follow.
void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

void put_key(std::string& out, Field field, Wire wire) { put_varint(out, field << 3 | wire); }

void put_integer(std::string& out, Field field, uint64_t value) {
  put_key(out, field, varint);
  put_varint(out, value);
}

// A text, or a message within a message.
void put_bytes(std::string& out, Field field, std::string_view bytes) {
  put_key(out, field, length_delimited);
  put_varint(out, bytes.size());
  out.append(bytes);
}

std::string event(double wall_time, int64_t step) {
  std::string out;
  put_key(out, event_wall_time, eight_bytes);
  put_fixed(out, std::bit_cast<uint64_t>(wall_time), 8);
  if (step != 0)
    put_integer(out, event_step, static_cast<uint64_t>(step));  // 0 is what a reader finds where it is missing
  return out;
}

// TFRecord masks its checksums, so that those of data that holds checksums stay apart from them.
uint32_t masked_crc(std::string_view data) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;  // CRC-32C (Castagnoli)
  crc.process_bytes(data.data(), data.size());
  return std::rotr(static_cast<uint32_t>(crc.checksum()), 15) + 0xa282ead8;
}

// The record at the beginning of `bytes`, whole; none where it is torn or its checksums do not hold.
std::optional<std::string_view> first_record(std::string_view bytes) {
  if (bytes.size() < frame_bytes) return {};
  const uint64_t length = fixed(bytes.substr(0, 8));
  if (length > bytes.size() - frame_bytes || fixed(bytes.substr(8, 4)) != masked_crc(bytes.substr(0, 8))) return {};
  const std::string_view data = bytes.substr(12, length);
  if (fixed(bytes.substr(12 + length, 4)) != masked_crc(data)) return {};
  return data;
}

// Of an Event as event() begins it; none of another.
std::optional<int64_t> step_of(std::string_view event) {
  constexpr size_t time_bytes = 9;
  if (event.size() < time_bytes || event[0] != (event_wall_time << 3 | eight_bytes)) return {};
  event.remove_prefix(time_bytes);
  if (event.empty() || event[0] != (event_step << 3 | varint)) return 0;
  uint64_t step = 0;
  for (size_t i = 1; i < event.size() && i <= 9; ++i) {
    const auto byte = static_cast<unsigned char>(event[i]);
    step |= static_cast<uint64_t>(byte & 0x7f) << (7 * (i - 1));
    if (byte < 0x80) return static_cast<int64_t>(step);
  }
  return {};
}

}  // namespace

std::string tf_record(std::string_view data) {
  std::string out;
  put_fixed(out, data.size(), 8);
  put_fixed(out, masked_crc(out), 4);
  out.append(data);
  put_fixed(out, masked_crc(data), 4);
  return out;
}

std::string version_event(double wall_time) {
  std::string out = event(wall_time, 0);
  put_bytes(out, event_file_version, "brain.Event:2");
  return out;
}

std::string session_start_event(double wall_time, int64_t step) {
  std::string log;
  put_integer(log, session_log_status, session_start);
  std::string out = event(wall_time, step);
  put_bytes(out, event_session_log, log);
  return out;
}

std::string scalars_event(double wall_time, int64_t step, const Metrics& metrics) {
  std::string summary;
  for (const auto& [name, number] : metrics) {
    std::string value;
    put_bytes(value, value_tag, name);
    put_key(value, value_simple_value, four_bytes);
    put_fixed(value, std::bit_cast<uint32_t>(static_cast<float>(number)), 4);
    put_bytes(summary, summary_value, value);
  }
  std::string out = event(wall_time, step);
  put_bytes(out, event_summary, summary);
  return out;
}

size_t bytes_up_to_step(std::string_view file, int64_t step) {
  size_t bytes = 0;
  while (const auto record = first_record(file.substr(bytes))) {
    const std::optional<int64_t> found = step_of(*record);
    if (!found || *found > step) break;
    bytes += frame_bytes + record->size();
  }
  return bytes;
}

}  // namespace golong
