#include "core/parallel/watch.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "core/parallel/fair_clock.h"
#include "core/parallel/rank_note.h"
#include "core/report/log.h"

namespace golong::parallel {
namespace {

using Clock = std::chrono::steady_clock;
using Duration = std::chrono::milliseconds;

// Rounds of notes after which a rank that is there has been heard.
constexpr int64_t enough_rounds = 4;

std::string seconds(Clock::duration time) {
  std::ostringstream text;
  text << std::chrono::duration<double>(time).count() << " s";
  return text.str();
}

// "rank 2 has", "ranks 1, 2 have".
std::string list(const std::vector<size_t>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i) text += (i ? ", " : "") + std::to_string(ranks[i]);
  return text + (ranks.size() == 1 ? " has" : " have");
}

// Another rank, as its newest note tells it.
struct Seen {
  RankNote note;
  Clock::time_point news;  // when its number went up last
  int64_t heard = 0;       // the note from which on it has heard what this rank wants it to
};

bool ended(const Seen& other) { return other.note.state != RankState::runs; }

struct Verdict {
  std::string text;
  Clock::time_point due;  // when this process is ended
  bool notes_answer = true;
};

}  // namespace

struct Watch::State {
  State(World& world, const WatchOptions& options);
  ~State();
  void tell_end(const std::string& why, bool failed);

 private:
  void exchange_notes();                                     // a thread
  void judge();                                              // a thread: may end the process
  void round(const RankNote& mine);                          // one exchange
  std::string why_failed(size_t group, int64_t number);      // called where an operation failed
  void let_others_hear(std::unique_lock<std::mutex>& lock);  // what was published, as far as they are there
  bool all_others(const std::function<bool(const Seen&)>& what) const;
  void publish(std::unique_lock<std::mutex>& lock);  // waits until others can read the present state
  [[noreturn]] void end_process(const std::string& why) const;

  // With the lock:
  RankNote my_note();
  std::optional<Verdict> verdict(Clock::time_point now) const;
  bool is_me(size_t rank) const { return static_cast<int64_t>(rank) == world_.rank().rank; }
  std::optional<size_t> first_in(RankState state) const;
  std::vector<size_t> silent_since(Clock::time_point time) const;
  std::vector<size_t> behind_in(size_t group, int64_t number) const;
  std::string end_of(size_t rank) const;
  std::string gone_with_the_notes() const;
  std::string places(const std::vector<size_t>& ranks) const;

  World& world_;
  const WatchOptions options_;
  const Duration interval_;  // between rounds
  std::unique_ptr<Notes> notes_;
  std::vector<std::string> keys_;

  mutable std::mutex mutex_;
  FairClock<Clock> clock_;           // with the lock
  std::condition_variable changed_;  // a round was made, the end was told, the notes are lost
  std::condition_variable wake_;     // the thread that exchanges notes has something to do
  RankState state_ = RankState::runs;
  std::string message_;
  int64_t beat_ = 0;
  int64_t rounds_ = 0, wanted_ = 0;  // rounds that were made, and up to which they are in a hurry
  Clock::time_point last_round_;
  std::vector<Seen> seen_;
  std::string lost_;  // why the notes cannot be reached; "": they can
  Clock::time_point lost_at_;
  bool closing_ = false, closed_ = false;
  std::thread exchanger_, judge_;
};

Watch::State::State(World& world, const WatchOptions& options)
    : world_(world),
      options_(options),
      interval_(std::min({options.silence / 4, options.grace / 8,
                          std::max<Duration>(std::chrono::seconds(1), 10 * world.rank().size * Duration(1))})),
      notes_(world.notes_apart()),
      clock_(2 * interval_) {
  for (int64_t rank = 0; rank < world.rank().size; ++rank) keys_.push_back("alive/" + std::to_string(rank));
  notes_->set(keys_[static_cast<size_t>(world.rank().rank)], to_text(my_note()));
  world.all().barrier();  // now each has left its first one
  last_round_ = clock_.now();
  seen_.assign(keys_.size(), {{}, last_round_});
  world.operations().explain_with([this](size_t group, int64_t number) { return why_failed(group, number); });
  exchanger_ = std::thread([this] { exchange_notes(); });
  judge_ = std::thread([this] { judge(); });
}

Watch::State::~State() {
  world_.operations().explain_with({});
  std::unique_lock lock(mutex_);
  if (state_ == RankState::runs) state_ = RankState::left;
  publish(lock);
  if (world_.is_first()) {  // who keeps the notes goes last; after a failure others need no more than hear of it
    if (state_ == RankState::left) {
      changed_.wait(lock, [&] { return !lost_.empty() || all_others([](const Seen& other) { return ended(other); }); });
    } else {
      let_others_hear(lock);
    }
  }
  closing_ = true;
  wake_.notify_all();
  lock.unlock();
  exchanger_.join();  // the judge still watches over its last round
  lock.lock();
  closed_ = true;
  changed_.notify_all();
  lock.unlock();
  judge_.join();
}

RankNote Watch::State::my_note() {
  const Operations& operations = world_.operations();
  return {++beat_, state_, message_, operations.progress(), operations.newest_group()};
}

void Watch::State::exchange_notes() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    const RankNote mine = my_note();
    lock.unlock();
    try {
      round(mine);
      lock.lock();
    } catch (const std::exception& error) {
      lock.lock();
      lost_ = error.what();
      lost_at_ = clock_.now();
      changed_.notify_all();
      return;
    }
    ++rounds_;
    last_round_ = clock_.now();
    changed_.notify_all();
    const auto in_a_hurry = [&] { return closing_ || rounds_ < wanted_; };
    wake_.wait_for(lock, interval_, in_a_hurry);
  }
}

void Watch::State::round(const RankNote& mine) {
  notes_->set(keys_[static_cast<size_t>(world_.rank().rank)], to_text(mine));
  const std::vector<std::string> texts = notes_->read(keys_);
  const std::lock_guard lock(mutex_);
  for (size_t rank = 0; rank < texts.size(); ++rank) {
    RankNote note = note_of(texts[rank]);
    if (note.beat == seen_[rank].note.beat) continue;
    seen_[rank].note = std::move(note);
    seen_[rank].news = clock_.now();
  }
}

void Watch::State::publish(std::unique_lock<std::mutex>& lock) {
  wanted_ = rounds_ + 2;  // one may be under way
  wake_.notify_all();
  changed_.wait_for(lock, options_.grace, [&, wanted = wanted_] { return rounds_ >= wanted || !lost_.empty(); });
}

// Who writes a note reads the others' next: the second one from now on comes after a reading.
void Watch::State::let_others_hear(std::unique_lock<std::mutex>& lock) {
  for (Seen& other : seen_) other.heard = other.note.beat + 2;
  changed_.wait_for(lock, options_.grace, [&] {
    const auto long_ago = clock_.now() - options_.silence;  // who has been silent for so long will not hear
    return all_others(
        [&](const Seen& other) { return ended(other) || other.note.beat >= other.heard || other.news < long_ago; });
  });
}

bool Watch::State::all_others(const std::function<bool(const Seen&)>& what) const {
  for (size_t rank = 0; rank < seen_.size(); ++rank) {
    if (!is_me(rank) && !what(seen_[rank])) return false;
  }
  return true;
}

void Watch::State::tell_end(const std::string& why, bool failed) {
  std::unique_lock lock(mutex_);
  state_ = failed ? RankState::failed : RankState::stopped;
  message_ = why;
  publish(lock);
}

void Watch::State::judge() {
  std::unique_lock lock(mutex_);
  while (!closed_) {
    const auto now = clock_.now();
    const std::optional<Verdict> found = verdict(now);
    if (found && found->due <= now) {
      if (found->notes_answer) {  // the others need not find out by themselves
        state_ = RankState::stopped;
        message_ = found->text;
        publish(lock);
        if (world_.is_first()) let_others_hear(lock);
      }
      end_process(found->text);
    }
    const auto until = std::min(found ? found->due : now + options_.silence, now + interval_);
    changed_.wait_for(lock, until - now);
  }
}

// What ends this process, unless it ends by itself before.
std::optional<Verdict> Watch::State::verdict(Clock::time_point now) const {
  if (lost_.empty() && now - last_round_ >= options_.silence) {
    return Verdict{"rank 0, which keeps the notes of all ranks, has not answered for " + seconds(options_.silence) +
                       " (parallel.heartbeat_seconds)",
                   now, false};
  }
  if (state_ == RankState::runs) {
    for (const RankState state : {RankState::failed, RankState::stopped}) {
      if (const auto rank = first_in(state)) {
        return Verdict{end_of(*rank), seen_[*rank].news + options_.grace};
      }
    }
    if (!lost_.empty()) return Verdict{gone_with_the_notes(), lost_at_ + options_.grace, false};
  }
  const std::vector<size_t> silent = silent_since(last_round_ - options_.silence);
  if (silent.empty() || (state_ != RankState::runs && state_ != RankState::left)) return {};
  return Verdict{list(silent) + " given no sign of life for " + seconds(options_.silence) +
                     " (parallel.heartbeat_seconds)" + places(silent),
                 now};
}

// Of an operation, when it has failed; takes some rounds of notes, so that whoever is there has been heard.
std::string Watch::State::why_failed(size_t group, int64_t number) {
  std::unique_lock lock(mutex_);
  const auto wait_for_rounds = [&](int64_t count) {
    changed_.wait(lock, [&, enough = rounds_ + count] {
      return first_in(RankState::failed) || !lost_.empty() || rounds_ >= enough;
    });
  };
  wait_for_rounds(2);  // one may be under way: what the others left before is then read, however long that took
  const std::vector<Seen> before = seen_;
  wait_for_rounds(enough_rounds);
  if (const auto failed = first_in(RankState::failed)) return end_of(*failed);
  if (!lost_.empty()) return gone_with_the_notes();
  std::vector<size_t> silent;
  for (size_t rank = 0; rank < seen_.size(); ++rank) {
    const RankNote& note = seen_[rank].note;
    if (!is_me(rank) && note.state == RankState::runs && note.beat == before[rank].note.beat) silent.push_back(rank);
  }
  if (!silent.empty()) {
    return list(silent) + " given no sign of life since and must be dead" + places(silent);
  }
  if (const auto behind = behind_in(group, number); !behind.empty()) {
    return list(behind) + " not come to it (parallel.timeout_seconds)" + places(behind);
  }
  if (const auto stopped = first_in(RankState::stopped)) return end_of(*stopped);
  if (const auto left = first_in(RankState::left)) return "rank " + std::to_string(*left) + " has ended before";
  return "";
}

std::optional<size_t> Watch::State::first_in(RankState state) const {
  for (size_t rank = 0; rank < seen_.size(); ++rank) {
    if (!is_me(rank) && seen_[rank].note.state == state) return rank;
  }
  return {};
}

std::vector<size_t> Watch::State::silent_since(Clock::time_point time) const {
  std::vector<size_t> ranks;
  for (size_t rank = 0; rank < seen_.size(); ++rank) {
    if (!is_me(rank) && seen_[rank].note.state == RankState::runs && seen_[rank].news < time) ranks.push_back(rank);
  }
  return ranks;
}

std::vector<size_t> Watch::State::behind_in(size_t group, int64_t number) const {
  std::vector<size_t> ranks;
  for (const int64_t member : world_.operations().group(group).ranks) {
    const auto rank = static_cast<size_t>(member);
    const RankNote& note = seen_[rank].note;
    if (is_me(rank) || note.state != RankState::runs) continue;
    if (group >= note.groups.size() || note.groups[group].begun < number) ranks.push_back(rank);
  }
  return ranks;
}

std::string Watch::State::end_of(size_t rank) const {
  const RankNote& note = seen_[rank].note;
  return "rank " + std::to_string(rank) + (note.state == RankState::failed ? " failed: " : " stopped: ") + note.message;
}

std::string Watch::State::gone_with_the_notes() const { return "rank 0 is gone: " + lost_; }

// "; rank 2 was last in sum 12 of the context ranks".
std::string Watch::State::places(const std::vector<size_t>& ranks) const {
  std::string text;
  for (const size_t rank : ranks) {
    const RankNote& note = seen_[rank].note;
    if (note.newest_group >= note.groups.size() || note.groups[note.newest_group].begun == 0) continue;
    const GroupProgress& group = note.groups[note.newest_group];
    text += "; rank " + std::to_string(rank) + " was last in " + group.newest + " " + std::to_string(group.begun) +
            " of the " + world_.operations().group(note.newest_group).name;
  }
  return text;
}

void Watch::State::end_process(const std::string& why) const {
  const std::string text =
      "rank " + std::to_string(world_.rank().rank) + " of " + std::to_string(world_.rank().size) + " is ended: " + why;
  std::fprintf(stderr, "golong: %s\n", text.c_str());
  log::write_to_file(log::Level::error, text);
  ::_exit(status_other_rank_failed);
}

Watch::Watch(World& world, const WatchOptions& options)
    : state_(world.rank().alone() ? nullptr : std::make_unique<State>(world, options)) {}

Watch::~Watch() = default;

void Watch::tell_end(const std::string& why, bool failed) {
  if (state_) state_->tell_end(why, failed);
}

}  // namespace golong::parallel
