#include "core/checkpoint/together.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <sstream>

#include "core/base/bytes.h"
#include "core/base/rank_errors.h"

namespace golong {
namespace {

// A note: what went wrong, or nothing, whether it is that somebody was not done in time, and files.
std::string note(const std::string& error, const CheckpointFiles& files = {}, bool is_late = false) {
  Encoder out;
  out.text(error).number<uint8_t>(is_late ? 1 : 0).number<uint64_t>(files.size());
  for (const auto& [name, file] : files) out.text(name).number(file.bytes).text(file.hash);
  return out.take();
}

// Adds its files; the error of the note. Throws Overdue where it says so.
std::string read(const std::string& note, CheckpointFiles& files) {
  Decoder in(note);
  std::string error = in.text();
  if (in.number<uint8_t>() == 1) throw Overdue(error);
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
  const auto start = std::chrono::steady_clock::now();
  CheckpointFiles files;
  if (error.empty()) error = error_of([&] { files = write(); });
  std::optional<Overdue> late;
  for (int64_t rank = 1; rank < ranks_.size; ++rank) {
    const auto passed = std::chrono::steady_clock::now() - start;
    try {
      const std::string theirs = hear(std::to_string(rank), rank, ranks_.longest - passed, files);
      if (error.empty() && !theirs.empty()) error = "rank " + std::to_string(rank) + ": " + theirs;
    } catch (const Overdue& overdue) {
      if (error.empty()) error = late.emplace(overdue).what();
    }
  }
  if (error.empty()) error = error_of([&] { seal(files); });
  ranks_.notes->set(key("sealed"), note(error, {}, late.has_value()));
  if (late) throw Overdue(error);
  if (!error.empty()) fail(error);
}

void DoneTogether::other(const std::function<CheckpointFiles()>& write) const {
  CheckpointFiles files;
  std::string error = hear("open", 0, ranks_.longest, files);
  if (error.empty()) error = error_of([&] { files = write(); });
  ranks_.notes->set(key(std::to_string(ranks_.rank)), note(error, files));
  CheckpointFiles none;
  if (error.empty()) error = hear("sealed", 0, 2 * ranks_.longest, none);  // who seals waits for all others
  if (!error.empty()) fail(error);
}

// The error that a rank notes, "" where it has none. Throws Overdue that names it.
std::string DoneTogether::hear(const std::string& name, int64_t rank, std::chrono::nanoseconds longest,
                               CheckpointFiles& files) const {
  const auto patience =
      std::max(std::chrono::milliseconds(1), std::chrono::duration_cast<std::chrono::milliseconds>(longest));
  std::string found;
  try {
    found = ranks_.notes->wait(key(name), patience);
  } catch (const Overdue&) {
    std::ostringstream message;
    message << "rank " << rank << " is not done with its files of a checkpoint within "
            << std::chrono::duration<double>(name == "sealed" ? 2 * ranks_.longest : ranks_.longest).count()
            << " s; look at the disk that it writes to, or raise checkpoint.timeout_seconds";
    throw Overdue(message.str());
  }
  return read(found, files);
}

}  // namespace golong
