#include "core/train/part_file.h"

#include <algorithm>
#include <map>
#include <sstream>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/config/difference.h"

namespace golong {

namespace fs = std::filesystem;

namespace {

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }

}  // namespace

PartFile::PartFile(const fs::path& output, const std::string& settings)
    : path_(output),
      part_(is_replaceable(output) ? with_suffix(output, ".part") : output),
      is_resumable_(part_ != path_) {
  if (fs::is_directory(path_)) fail("--output ", path_.string(), " is a folder; expected a file");
  if (is_resumable_) go_on_or_begin(settings);
  out_.open(part_, std::ios::binary | (is_resumable_ ? std::ios::app : std::ios::trunc));
  if (!out_) fail("cannot write ", part_.string());
}

PartFile::~PartFile() {
  std::error_code ignored;  // what went wrong before says more
  if (!is_resumable_ || !out_.is_open() || fs::file_size(part_, ignored) != 0) return;
  fs::remove(part_, ignored);
  remove_beside();
}

void PartFile::go_on_or_begin(const std::string& settings) {
  lock_.emplace(with_suffix(part_, ".lock"), part_.string());
  const fs::path named = with_suffix(part_, ".toml");
  // An empty part is what a command leaves that was killed at once: nothing of it is lost.
  if (!fs::exists(part_) || fs::file_size(part_) == 0) {
    write_file_atomic(part_, "");
    write_file_atomic(named, settings);
    return;
  }
  if (!fs::exists(named))
    fail(part_.string(), " is there, and no ", named.string(),
         " says of what work; remove it, or choose another --output");
  const std::vector<Difference> changes = differences(read_file(named), settings, named.string());
  if (!changes.empty()) fail(part_.string(), " is part of other work; finish that, or remove it:", as_lines(changes));
  // A call that was killed may have written half a line.
  const std::string text = read_file(part_);
  done_ = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  fs::resize_file(part_, text.rfind('\n') + 1);
}

void PartFile::write(const std::string& line) {
  out_ << line << std::flush;
  if (out_) return;
  fail("cannot write ", part_.string(), " (is the disk full?)",
       is_resumable_ ? "; what is there stays, the same command goes on from it" : "");
}

void PartFile::commit() {
  out_.close();
  if (!out_) fail("cannot write ", part_.string(), " (is the disk full?)");
  if (!is_resumable_) return;
  sync_to_disk(part_);  // what could be gone on with is removed
  std::error_code error;
  fs::rename(part_, path_, error);
  if (error) fail("cannot write ", path_.string(), ": ", error.message());
  remove_beside();
}

void PartFile::remove_beside() const {
  std::error_code ignored;  // they do no harm
  for (const char* beside : {".toml", ".lock"}) fs::remove(with_suffix(part_, beside), ignored);
}

std::string fingerprint_of_files(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files[entry.path().filename().string()] =
        std::to_string(entry.file_size()) + "/" + std::to_string(entry.last_write_time().time_since_epoch().count());
  }
  std::ostringstream text;
  for (const auto& [name, stamp] : files) text << name << "=" << stamp << "\n";
  return fingerprint(text.str());
}

}  // namespace golong
