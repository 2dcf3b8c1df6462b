// The protocol between golong and its worker processes: messages, frames, and what becomes of a worker.
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "core/score/isolated_reward.h"
#include "core/score/worker_channel.h"
#include "core/score/worker_messages.h"
#include "core/score/worker_process.h"
#include "tests/unit/score/score_fixture.h"

namespace golong {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

Clock::time_point in(std::chrono::milliseconds time) { return Clock::now() + time; }

// Decoding of anything but the whole message fails.
template <class Decode>
void expect_whole(const std::string& bytes, const Decode& decode) {
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(decode(std::string_view(bytes).substr(0, size)), Error) << size << " of " << bytes.size();
  }
  EXPECT_THROW(decode(bytes + "x"), Error);
}

TEST(WorkerMessages, AStartComesThrough) {
  StartMessage message{"/lib/x.so", "x", {}, 123};
  message.settings = {{"flag", {true, "a:1"}},
                      {"count", {int64_t{-5}, "a:2"}},
                      {"share", {0.1, ""}},
                      {"mode", {std::string("a\0b", 3), "--set"}}};
  const std::string bytes = encode(message);
  const StartMessage back = decode_start(bytes);
  EXPECT_EQ(back.library, message.library);
  EXPECT_EQ(back.reward, "x");
  EXPECT_EQ(back.memory_bytes, 123u);
  ASSERT_EQ(back.settings.size(), 4u);
  for (const auto& [name, setting] : message.settings) {
    EXPECT_EQ(back.settings.at(name).value, setting.value);
    EXPECT_EQ(back.settings.at(name).where, setting.where);
  }
  expect_whole(bytes, decode_start);
}

TEST(WorkerMessages, AGoldComesThrough) {
  Gold gold;
  gold.items = {"", "two", std::string("n\0l", 3)};
  gold.has_items = true;
  gold.label = "label";
  gold.has_label = true;
  gold.variant = "T1";
  gold.json = "{}";
  const std::string bytes = encode(gold);
  const Gold back = decode_gold(bytes);
  EXPECT_EQ(back.items, gold.items);
  EXPECT_TRUE(back.has_items && back.has_label && !back.has_language);
  EXPECT_EQ(back.label + back.variant + back.json, "labelT1{}");
  expect_whole(bytes, decode_gold);
}

TEST(WorkerMessages, CallsAndResultsComeThrough) {
  const Clock::time_point deadline = Clock::now();
  const std::string call = encode(ScoreMessage{"text", deadline, 5s});
  EXPECT_EQ(decode_score(call).text, "text");
  EXPECT_EQ(decode_score(call).deadline, deadline);
  EXPECT_EQ(decode_score(call).allowed, 5s);
  expect_whole(call, decode_score);
  const std::string result = encode(ScoreResult{Outcome::unscorable, 1.0 / 3, "why"});
  EXPECT_EQ(decode_result(result).outcome, Outcome::unscorable);
  EXPECT_EQ(decode_result(result).score, 1.0 / 3);
  EXPECT_EQ(decode_result(result).detail, "why");
  expect_whole(result, decode_result);
  EXPECT_THROW(decode_result(encode(ScoreResult{static_cast<Outcome>(4), 0, ""})), Error);
}

struct Ends {
  Ends() {
    int sockets[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) throw Error("no sockets");
    here = std::make_unique<WorkerChannel>(sockets[0]);
    there = std::make_unique<WorkerChannel>(sockets[1]);
    there_socket = sockets[1];
  }
  std::unique_ptr<WorkerChannel> here, there;
  int there_socket;
};

TEST(WorkerChannel, LargeFramesComeThrough) {
  Ends ends;
  const std::string large(10 << 20, 'x');
  std::jthread sender([&] { EXPECT_EQ(ends.there->send(FrameKind::score, 7, large, in(60s)), Exchange::done); });
  Frame frame;
  ASSERT_EQ(ends.here->receive(frame, large.size(), in(60s)), Exchange::done);
  EXPECT_EQ(frame.kind, FrameKind::score);
  EXPECT_EQ(frame.number, 7u);
  EXPECT_EQ(frame.payload, large);
}

TEST(WorkerChannel, NothingBlocksLongerThanAsked) {
  Ends ends;
  Frame frame;
  EXPECT_EQ(ends.here->receive(frame, 100, in(1ms)), Exchange::late);
  EXPECT_EQ(ends.here->send(FrameKind::score, 1, std::string(10 << 20, 'x'), in(1ms)), Exchange::late);
}

TEST(WorkerChannel, WhatIsNoFrameIsGarbage) {
  Ends ends;
  const std::string noise(100, 'x');
  ASSERT_EQ(::write(ends.there_socket, noise.data(), noise.size()), 100);
  Frame frame;
  EXPECT_EQ(ends.here->receive(frame, 100, in(60s)), Exchange::garbage);
  Ends others;
  ASSERT_EQ(others.there->send(FrameKind::reply, 1, noise, in(60s)), Exchange::done);
  EXPECT_EQ(others.here->receive(frame, 99, in(60s)), Exchange::garbage);  // too large
}

TEST(WorkerChannel, AnEndThatIsGone) {
  Ends ends;
  ASSERT_EQ(::write(ends.there_socket, "WLGL", 4), 4);  // a header begins
  ends.there = nullptr;
  Frame frame;
  EXPECT_EQ(ends.here->receive(frame, 100, in(60s)), Exchange::closed);
  EXPECT_EQ(ends.here->send(FrameKind::score, 1, "x", in(60s)), Exchange::closed);  // and no SIGPIPE
}

constexpr uint64_t limit = uint64_t{1} << 30;

IsolatedReward mortal() { return {registry()->find(plugin::Kind::reward, "bad_mortal"), {}, limit}; }

std::string gold_with(const std::string& label) {
  Gold gold;
  gold.label = label;
  gold.has_label = true;
  return encode(gold);
}

WorkerAnswer score(WorkerProcess& worker, const std::string& text, std::chrono::milliseconds time = 60s) {
  return worker.ask(FrameKind::score, encode(ScoreMessage{text, in(time), time}), in(time));
}

TEST(WorkerProcess, PreparesScoresAndReleases) {
  IsolatedReward reward = mortal();
  auto worker = reward.lease();
  for (const std::string label : {"one", "two"}) {
    WorkerAnswer answer = worker->ask(FrameKind::prepare, gold_with(label), in(60s));
    ASSERT_EQ(answer.kind, WorkerAnswer::Kind::reply);
    EXPECT_EQ(answer.result.outcome, Outcome::scored);
    answer = score(*worker, "label");
    EXPECT_EQ(answer.result.score, 5);
    EXPECT_EQ(answer.result.detail, label);
    answer = score(*worker, "throw");
    EXPECT_EQ(answer.result.outcome, Outcome::error);
    EXPECT_THAT(answer.result.detail, HasSubstr("it slipped"));
    answer = score(*worker, "polite", 10ms);
    EXPECT_EQ(answer.kind == WorkerAnswer::Kind::reply ? answer.result.outcome : Outcome::timeout, Outcome::timeout);
    if (!worker->usable())
      worker = reward.lease();  // on a slow machine even a polite end came too late
    else
      EXPECT_EQ(worker->ask(FrameKind::release, "", in(60s)).kind, WorkerAnswer::Kind::reply);
  }
}

struct Death {
  const char* answer;
  const char* message;
};

class WorkerDeath : public testing::TestWithParam<Death> {};
INSTANTIATE_TEST_SUITE_P(
    Kinds, WorkerDeath,
    testing::Values(Death{"segv", "died: signal 11 (Segmentation fault)"}, Death{"abort", "died: signal 6 (Aborted)"},
                    Death{"exit", "died: exit status 7"}, Death{"garbage", "it sent something that is no reply"},
                    Death{"huge", "it sent something that is no reply"}, Death{"close", "died: signal 9 (Killed)"}));

TEST_P(WorkerDeath, IsToldAndTheNextWorkerIsAnother) {
  IsolatedReward reward = mortal();
  auto worker = reward.lease();
  ASSERT_EQ(worker->ask(FrameKind::prepare, gold_with("x"), in(60s)).kind, WorkerAnswer::Kind::reply);
  const WorkerAnswer answer = score(*worker, GetParam().answer);
  EXPECT_EQ(answer.kind, WorkerAnswer::Kind::died);
  EXPECT_THAT(answer.death, HasSubstr(GetParam().message));
  EXPECT_FALSE(worker->usable());
  reward.give_back(std::move(worker));
  worker = reward.lease();
  ASSERT_EQ(worker->ask(FrameKind::prepare, gold_with("x"), in(60s)).kind, WorkerAnswer::Kind::reply);
  EXPECT_EQ(score(*worker, "fine").result.score, 4);
}

TEST(WorkerProcess, IsKilledWhenItHangsOrSendsHalfAReply) {
  IsolatedReward reward = mortal();
  for (const char* how : {"hang", "short"}) {
    auto worker = reward.lease();
    ASSERT_EQ(worker->ask(FrameKind::prepare, gold_with("x"), in(60s)).kind, WorkerAnswer::Kind::reply);
    EXPECT_EQ(score(*worker, how, 20ms).kind, WorkerAnswer::Kind::late);
    EXPECT_FALSE(worker->usable());
  }
}

TEST(WorkerProcess, HasALimitOfMemory) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer needs more than any limit";
#endif
  IsolatedReward reward = mortal();
  auto worker = reward.lease();
  ASSERT_EQ(worker->ask(FrameKind::prepare, gold_with("x"), in(60s)).kind, WorkerAnswer::Kind::reply);
  EXPECT_EQ(score(*worker, "memory").result.detail, std::to_string(limit));
  const WorkerAnswer answer = score(*worker, "eat");
  EXPECT_EQ(answer.kind, WorkerAnswer::Kind::died);
  EXPECT_THAT(answer.death, HasSubstr("no memory is left to it (rewards.isolate_memory_mb)"));
}

// Whether there is a process with this id that has not ended.
bool runs(pid_t process) { return ::kill(process, 0) == 0; }

TEST(WorkerProcess, LeavesNoProcessBehind) {
  pid_t process = 0;
  {
    IsolatedReward reward = mortal();
    auto worker = reward.lease();
    ASSERT_EQ(worker->ask(FrameKind::prepare, gold_with("x"), in(60s)).kind, WorkerAnswer::Kind::reply);
    process = std::stoi(score(*worker, "process").result.detail);
    EXPECT_NE(process, ::getpid());
    EXPECT_TRUE(runs(process));
    reward.give_back(std::move(worker));
  }
  EXPECT_FALSE(runs(process));  // nor as a zombie
}

TEST(WorkerProcess, OneThatDiedInPeaceIsNotHandedOut) {
  IsolatedReward reward = mortal();
  auto worker = reward.lease();
  ASSERT_EQ(worker->ask(FrameKind::prepare, gold_with("x"), in(60s)).kind, WorkerAnswer::Kind::reply);
  const pid_t process = std::stoi(score(*worker, "process").result.detail);
  EXPECT_TRUE(worker->usable());
  reward.give_back(std::move(worker));
  ::kill(process, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, process, &info, WEXITED | WNOWAIT), 0);  // it has ended; whose it is still waits for it
  worker = reward.lease();
  EXPECT_EQ(worker->ask(FrameKind::prepare, gold_with("x"), in(60s)).kind, WorkerAnswer::Kind::reply);
}

TEST(WorkerProcess, ItsOwnChildrenGoWithIt) {
  IsolatedReward reward = mortal();
  auto worker = reward.lease();
  ASSERT_EQ(worker->ask(FrameKind::prepare, gold_with("x"), in(60s)).kind, WorkerAnswer::Kind::reply);
  const pid_t group = std::stoi(score(*worker, "process").result.detail);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans are for this process to wait for
  EXPECT_EQ(score(*worker, "child").kind, WorkerAnswer::Kind::died);
  int status = 0;
  EXPECT_GT(::waitpid(-group, &status, 0), 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(WorkerProcess, ARewardThatRefusesOrDiesWhileItIsMade) {
  const plugin::Plugin& stillborn = registry()->find(plugin::Kind::reward, "bad_stillborn");
  EXPECT_THAT(error_message([&] {
                IsolatedReward(stillborn, {{"refuse", {true, ""}}}, limit);
              }),
              HasSubstr("no dictionary anywhere"));
  EXPECT_THAT(error_message([&] { IsolatedReward(stillborn, {}, limit); }),
              HasSubstr("bad_isolated.so) could not be made: its worker process died: signal 6 (Aborted)"));
}

TEST(WorkerProcess, AProgramThatIsNotThere) {
  EXPECT_THAT(error_message([] { WorkerProcess("/no/such/program"); }), HasSubstr("cannot start /no/such/program"));
}

}  // namespace
}  // namespace golong
