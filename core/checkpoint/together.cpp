#include "core/checkpoint/together.h"

#include <cstdio>

#include "core/base/bytes.h"
#include "core/base/error.h"

namespace golong {
namespace {

// A note: what went wrong, or nothing, and files.
std::string note(const std::string& error, const CheckpointFiles& files = {}) {
  Encoder out;
  out.text(error).number<uint64_t>(files.size());
  for (const auto& [name, file] : files) out.text(name).number(file.bytes).text(file.hash);
  return out.take();
}

// Adds its files; the error of the note.
std::string read(const std::string& note, CheckpointFiles& files) {
  Decoder in(note);
  std::string error = in.text();
  for (auto left = in.number<uint64_t>(); left > 0; --left) {
    const std::string name = in.text();
    const auto bytes = in.number<uint64_t>();
    files[name] = {bytes, in.text()};
  }
  return error;
}

// What the function fails of.
template <class Function>
std::string error_of(const Function& function) {
  try {
    function();
    return "";
  } catch (const std::exception& error) {
    const std::string what = error.what();
    return what.empty() ? "it failed" : what;
  }
}

}  // namespace

std::string CheckpointRanks::stem(const std::string& name) const {
  if (alone()) return name;
  char number[32];
  std::snprintf(number, sizeof number, ".rank-%05lld", static_cast<long long>(rank));
  return name + number;
}

DoneTogether::DoneTogether(CheckpointRanks ranks, int64_t number) : ranks_(std::move(ranks)), number_(number) {}

void DoneTogether::run(const std::function<void()>& open, const std::function<CheckpointFiles()>& write,
                       const std::function<void(const CheckpointFiles&)>& seal) const {
  if (ranks_.alone()) {
    open();
    seal(write());
  } else if (ranks_.rank == 0) {
    first(open, write, seal);
  } else {
    other(write);
  }
}

// Whatever fails, the others hear of it where they wait.
void DoneTogether::first(const std::function<void()>& open, const std::function<CheckpointFiles()>& write,
                         const std::function<void(const CheckpointFiles&)>& seal) const {
  std::string error = error_of(open);
  ranks_.notes->set(key("open"), note(error));
  CheckpointFiles files;
  if (error.empty()) error = error_of([&] { files = write(); });
  for (int64_t rank = 1; rank < ranks_.size; ++rank) {
    const std::string theirs = read(ranks_.notes->wait(key(std::to_string(rank)), ranks_.longest), files);
    if (error.empty() && !theirs.empty()) error = "rank " + std::to_string(rank) + ": " + theirs;
  }
  if (error.empty()) error = error_of([&] { seal(files); });
  ranks_.notes->set(key("sealed"), note(error));
  if (!error.empty()) fail(error);
}

void DoneTogether::other(const std::function<CheckpointFiles()>& write) const {
  CheckpointFiles files;
  std::string error = read(ranks_.notes->wait(key("open"), ranks_.longest), files);
  if (error.empty()) error = error_of([&] { files = write(); });
  ranks_.notes->set(key(std::to_string(ranks_.rank)), note(error, files));
  CheckpointFiles none;
  error = read(ranks_.notes->wait(key("sealed"), ranks_.longest), none);
  if (!error.empty()) fail(error);
}

}  // namespace golong
