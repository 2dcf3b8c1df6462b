#include "core/data/jsonl_rows.h"

#include <algorithm>
#include <string_view>

#include "core/base/error.h"
#include "core/base/hash.h"

namespace golong {
namespace {

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

}  // namespace

// One pass: a line is hashed while it is in the processor's cache, the hashes of the lines make the fingerprint.
JsonlRows::JsonlRows(const std::filesystem::path& path) : file_(path) {
  const std::string_view bytes = file_.bytes();
  RunningHash hash;
  uint32_t number = 0;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', begin), bytes.size());
    const std::string_view line = bytes.substr(begin, end - begin);
    if (++number == UINT32_MAX || line.size() >= UINT32_MAX) {
      fail(path.string(), ":", number, ": a file may have 4294967294 lines of up to 4294967294 bytes");
    }
    hash.add(line);
    if (!is_blank(line)) lines_.push_back({begin, static_cast<uint32_t>(line.size()), number});
    begin = end + 1;
  }
  fingerprint_ = hash.digits();
}

std::string JsonlRows::line(size_t index) const {
  const Line& line = lines_.at(index);
  return std::string(file_.bytes().substr(line.begin, line.size));
}

}  // namespace golong
