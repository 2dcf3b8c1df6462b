#include "core/base/output_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/base/file.h"

namespace golong {

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)), written_(path_) {
  if (is_replaceable(path_)) written_ += ".part" + std::to_string(::getpid());
  out_.open(written_, std::ios::binary | std::ios::trunc);
  if (!out_) fail("cannot write ", path_.string(), ": ", std::strerror(errno));
}

OutputFile::~OutputFile() {
  if (!out_.is_open() || written_ == path_) return;
  out_.close();
  std::error_code ignored;  // what went wrong before says more
  std::filesystem::remove(written_, ignored);
}

void OutputFile::commit() {
  out_.flush();
  if (!out_) fail("cannot write ", path_.string(), " (is the disk full?)");  // the destructor removes it
  out_.close();
  std::error_code error;
  if (written_ != path_) std::filesystem::rename(written_, path_, error);
  if (!out_ || error) {
    std::error_code ignored;
    if (written_ != path_) std::filesystem::remove(written_, ignored);
    fail("cannot write ", path_.string(), ": ", error ? error.message() : "closing it failed (is the disk full?)");
  }
}

}  // namespace golong
