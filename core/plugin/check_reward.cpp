// What a reward must do with any gold and any response.
#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <thread>

#include "core/base/error.h"
#include "core/plugin/call.h"
#include "core/plugin/check_cases.h"

namespace golong::plugin {
namespace {

// A gold whose parts may be absent.
struct SampleGold {
  std::string what;
  std::optional<std::vector<std::string>> items;
  std::optional<std::string> label, language;
  std::string json = "{}";
};

const std::vector<SampleGold>& golds() {
  static const std::vector<SampleGold> all = {
      {"everything", {{"first item", "second item", "3"}}, "first item", "English", R"({"doc_ids": ["first item"]})"},
      {"items without a label", {{"Anna", "Ben"}}, {}, "English"},
      {"a label without items", {}, "42", {}},
      {"Chinese", {{"第一项", "第二项"}}, "甲", "Chinese"},
      {"nothing", {}, {}, {}},
      {"an empty list", std::vector<std::string>{}, {}, {}},
      {"empty texts", {{"", ""}}, "", ""},
      {"a JSON table", {}, R"({"data": [["a", 1], ["b", 2]]})", {}},
      {"JSON that is none", {}, "{\"data\": [", {}, "{["},
      {"NUL bytes", {{std::string("a\0b", 3)}}, std::string("\0", 1), {}},
      {"a long label", {}, std::string(1 << 20, 'x'), {}},
      {"deep nesting", {}, std::string(20000, '['), {}, std::string(20000, '[')},
  };
  return all;
}

const std::vector<std::string>& responses() {
  static const std::vector<std::string> all = {
      "",
      "first item",
      "I think.</think>\n[Answer]\nfirst item\nsecond item\n",
      "</think>[答案]\n第一项\n第二项",
      "The answer is \\boxed{42}.",
      "<answer>{\"data\": [[\"a\", 1], [\"b\", 2]]}</answer>",
      "<answer>" + std::string(20000, '[') + "</answer>",
      std::string("a\0b", 3),
      std::string(100000, ' '),
      "\\boxed{" + std::string(5000, '('),
  };
  return all;
}

class Prepared {
 public:
  Prepared(const Instance& instance, const SampleGold& gold) : instance_(instance) {
    static const golong_string nothing{"", 0};
    if (gold.items) {
      for (const std::string& item : *gold.items) items_.push_back(view(item));
      raw_.items = {items_.empty() ? &nothing : items_.data(), items_.size()};
    }
    raw_.struct_size = sizeof raw_;
    if (gold.label) raw_.label = view(*gold.label);
    if (gold.language) raw_.language = view(*gold.language);
    raw_.variant = view("check");
    raw_.json = view(gold.json);
    ErrorBuffer error;
    status = instance.reward().prepare(instance.get(), &raw_, &handle_, error.get());
    message = error.text();
  }
  ~Prepared() {
    if (status == GOLONG_OK) instance_.reward().release(instance_.get(), handle_);
  }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  golong_status status;
  std::string message;
  const void* handle() const { return handle_; }

 private:
  const Instance& instance_;
  std::vector<golong_string> items_;
  golong_gold raw_{};
  void* handle_ = nullptr;
};

struct Score {
  golong_status status = GOLONG_FAILED;
  double value = 0;
  bool operator==(const Score& other) const {
    return status == other.status && std::bit_cast<uint64_t>(value) == std::bit_cast<uint64_t>(other.value);
  }
};

Score score(const Instance& instance, const Prepared& prepared, const std::string& text, bool is_cancelled = false) {
  std::string detail;
  golong_call call{sizeof(golong_call), 0, is_cancelled ? 0 : std::numeric_limits<int64_t>::max(),
                   is_cancelled ? [](const golong_call*) -> int32_t { return 1; }
                                : [](const golong_call*) -> int32_t { return 0; },
                   sink(detail)};
  size_t mark = text.rfind("</think>");
  std::string answer = mark == std::string::npos ? text : text.substr(mark + 8);
  golong_response response{sizeof(golong_response), 0, view(text), view(answer)};
  Score result;
  double value = std::numeric_limits<double>::quiet_NaN();
  ErrorBuffer error;
  result.status = instance.reward().score(instance.get(), prepared.handle(), &response, &call, &value, error.get());
  if (result.status == GOLONG_OK) result.value = value;
  if (result.status == GOLONG_OK && !std::isfinite(value)) {
    fail("the score of \"", text.substr(0, 60), "\" is ", value, "; a finite number is expected");
  }
  if (result.status < GOLONG_OK || result.status > GOLONG_CANCELLED) fail("score returned the status ", result.status);
  if (result.status != GOLONG_OK && result.status != GOLONG_CANCELLED && error.text() == ErrorBuffer().text()) {
    fail("score returned the status ", result.status, " without a message");
  }
  return result;
}

// Every gold with every response: finite scores, or a status with a reason.
void check_inputs(const Plugin& plugin) {
  Instance instance(plugin, {});
  size_t scored = 0;
  for (const SampleGold& gold : golds()) {
    Prepared prepared(instance, gold);
    if (prepared.status != GOLONG_OK) {
      if (prepared.status < 0 || prepared.status > GOLONG_CANCELLED) {
        fail("prepare returned the status ", prepared.status, " for gold with ", gold.what);
      }
      if (prepared.message == ErrorBuffer().text()) fail("prepare refused gold with ", gold.what, " without a message");
      continue;
    }
    for (const std::string& text : responses()) {
      try {
        scored += score(instance, prepared, text).status == GOLONG_OK;
      } catch (const Error& error) {
        fail("gold with ", gold.what, ": ", error.what());
      }
    }
  }
  if (scored == 0) fail("none of ", golds().size(), " golds and ", responses().size(), " responses could be scored");
}

std::vector<Score> scores_of_everything(const Instance& instance, bool backwards) {
  std::vector<Score> all;
  for (const SampleGold& gold : golds()) {
    Prepared prepared(instance, gold);
    std::vector<Score> of_gold;
    for (size_t i = 0; i < responses().size(); ++i) {
      const std::string& text = responses()[backwards ? responses().size() - 1 - i : i];
      of_gold.push_back(prepared.status == GOLONG_OK ? score(instance, prepared, text) : Score{prepared.status, 0});
    }
    if (backwards) std::reverse(of_gold.begin(), of_gold.end());
    all.insert(all.end(), of_gold.begin(), of_gold.end());
  }
  return all;
}

// The same input gives the same bits: again, in another order, in another instance.
void check_determinism(const Plugin& plugin) {
  Instance first(plugin, {}), second(plugin, {});
  std::vector<Score> expected = scores_of_everything(first, false);
  if (scores_of_everything(first, false) != expected) fail("the same responses get other scores the second time");
  if (scores_of_everything(first, true) != expected) fail("scores depend on the order of the responses");
  if (scores_of_everything(second, false) != expected) fail("scores depend on the instance");
}

// Golds are prepared and released without a score, and several live at the same time.
void check_release(const Plugin& plugin) {
  Instance instance(plugin, {});
  std::vector<std::unique_ptr<Prepared>> alive;
  for (int round = 0; round < 3; ++round) {
    for (const SampleGold& gold : golds()) alive.push_back(std::make_unique<Prepared>(instance, gold));
  }
  alive.clear();
}

// A call that is cancelled from the start ends, with a score or without.
void check_cancelled(const Plugin& plugin) {
  Instance instance(plugin, {});
  for (const SampleGold& gold : golds()) {
    Prepared prepared(instance, gold);
    if (prepared.status != GOLONG_OK) continue;
    for (const std::string& text : responses()) score(instance, prepared, text, true);
  }
}

// Messages stay inside the buffer that the caller gave.
void check_error_buffer(const Plugin& plugin) {
  Instance instance(plugin, {});
  for (uint32_t capacity : {1u, 2u, 8u}) {
    std::string buffer(64, '#');
    golong_error error{sizeof(golong_error), capacity, buffer.data()};
    golong_gold gold{};
    gold.struct_size = sizeof gold;
    void* handle = nullptr;
    if (instance.reward().prepare(instance.get(), &gold, &handle, &error) == GOLONG_OK) {
      instance.reward().release(instance.get(), handle);
    }
    if (buffer.find_first_not_of('#', capacity) != std::string::npos) {
      fail("it wrote behind an error buffer of ", capacity, " bytes");
    }
  }
}

// Where the descriptor says so, one instance serves several threads.
void check_threads(const Plugin& plugin) {
  Instance instance(plugin, {});
  if (!instance.thread_safe()) return;
  std::vector<Score> expected = scores_of_everything(instance, false);
  std::atomic<bool> differs = false;
  std::atomic<bool> has_thrown = false;
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        try {
          if (scores_of_everything(instance, t % 2) != expected) differs = true;
        } catch (...) {
          has_thrown = true;
        }
      });
    }
  }
  if (differs || has_thrown) fail("it says that it is thread-safe, and scores differ when four threads use it");
}

}  // namespace

const std::vector<Check>& reward_checks() {
  static const std::vector<Check> all = {
      {"any gold and response gives a finite score or a reason", check_inputs},
      {"the same input gives the same score", check_determinism},
      {"what was prepared is released", check_release},
      {"a call that is cancelled ends", check_cancelled},
      {"messages stay inside their buffer", check_error_buffer},
      {"thread safety is as declared", check_threads},
  };
  return all;
}

}  // namespace golong::plugin
