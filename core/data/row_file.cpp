#include "core/data/row_file.h"

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"

namespace golong {
namespace {

struct Line {
  uint64_t begin;
  uint32_t size;
  uint32_t number;
};

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

std::string hex(uint64_t value) {
  std::string digits;
  for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789abcdef"[value >> shift & 15];
  return digits;
}

}  // namespace

struct RowFile::State {
  MappedFile file;
  std::string name;
  std::vector<Line> lines;
  std::string fingerprint;
};

// One pass: a line is hashed while it is in the processor's cache, the hashes of the lines make the fingerprint.
RowFile::RowFile(const std::filesystem::path& path) : state_(new State{MappedFile(path), path.string(), {}, {}}) {
  const std::string_view bytes = state_->file.bytes();
  uint64_t first = 1, second = 2;
  uint32_t number = 0;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const std::string_view line = bytes.substr(begin, end - begin);
    if (++number == UINT32_MAX || line.size() >= UINT32_MAX) {
      fail(state_->name, ":", number, ": a file may have 4294967294 lines of up to 4294967294 bytes");
    }
    const uint64_t hash = hash64(line);
    first = mix64(first ^ hash);
    second = mix64(second + hash) ^ hash;
    if (!is_blank(line)) state_->lines.push_back({begin, static_cast<uint32_t>(line.size()), number});
    begin = end + 1;
  }
  state_->fingerprint = hex(first) + hex(second);
}

RowFile::~RowFile() = default;

size_t RowFile::size() const { return state_->lines.size(); }

std::string RowFile::line(size_t index) const {
  const Line& line = state_->lines.at(index);
  return std::string(state_->file.bytes().substr(line.begin, line.size));
}

size_t RowFile::line_number(size_t index) const { return state_->lines.at(index).number; }

std::string RowFile::where(size_t index) const { return state_->name + ":" + std::to_string(line_number(index)); }

Row RowFile::read(size_t index) const {
  const Line& line = state_->lines.at(index);
  return parse_row(state_->file.bytes().substr(line.begin, line.size), where(index));
}

const std::string& RowFile::fingerprint() const { return state_->fingerprint; }

}  // namespace golong
