// The golong plugin interface for C++20: ordinary classes over <golong/plugin.h>. Header only, standard library only.
//
// A reward, whole:
//
//   #include <golong/plugin.hpp>
//   using namespace golong::sdk;
//   struct Exact : Reward {
//     double score(const Gold& gold, const Response& r, const Call&) {
//       if (!gold.has_label()) throw Unscorable("the row has no label");
//       return trim(r.answer()) == gold.label();
//     }
//   };
//   GOLONG_LIBRARY("exact", reward<Exact>("exact", "1.0.0", "1 when the answer equals the label"))
//
// Views (Gold, Response, Batch, ...) point into the host's memory and are valid during the call only. A class is made
// from its parameters when it has a constructor (const Params&). Exceptions never leave the library: Unscorable,
// Cancelled and every std::exception become the interface's statuses, with their text.
//
// Threads: without `thread_safe` the host calls one instance from one thread at a time.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "golong/plugin.h"

namespace golong::sdk {

inline std::string_view view(golong_string s) { return s.data ? std::string_view(s.data, s.size) : std::string_view(); }
inline golong_string raw(std::string_view s) { return {s.data() ? s.data() : "", s.size()}; }

// This row can have no score: gold of the wrong shape.
struct Unscorable : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// The deadline passed; see Call::check.
struct Cancelled : std::runtime_error {
  Cancelled() : std::runtime_error("cancelled") {}
};

// ------------------------------------------------------------------------------------------------- parameters

// The values that a user set, by name.
class Params {
 public:
  Params(const golong_descriptor* descriptor, const golong_value* values) : descriptor_(descriptor), values_(values) {}
  bool boolean(std::string_view name) const { return get(name, GOLONG_BOOL).boolean != 0; }
  int64_t integer(std::string_view name) const { return get(name, GOLONG_INT).integer; }
  double real(std::string_view name) const { return get(name, GOLONG_FLOAT).real; }
  std::string text(std::string_view name) const { return std::string(view(get(name, GOLONG_STRING).text)); }

 private:
  const golong_value& get(std::string_view name, golong_type type) const {
    for (uint32_t i = 0; i < descriptor_->param_count; ++i) {
      if (name == descriptor_->params[i]->name && descriptor_->params[i]->type == type) return values_[i];
    }
    throw std::logic_error("the plugin reads a parameter that it does not declare: " + std::string(name));
  }
  const golong_descriptor* descriptor_;
  const golong_value* values_;
};

// A parameter's declaration: boolean("strict", false, "help"), real("alpha", 0.8, 0, 1, "help"), ...
struct Param {
  golong_param c{};
  std::vector<const char*> choices;
};
inline Param param(golong_type type, const char* name, const char* help) {
  Param p;
  p.c = {sizeof(golong_param),
         type,
         name,
         help,
         {},
         -std::numeric_limits<double>::infinity(),
         std::numeric_limits<double>::infinity(),
         nullptr};
  p.c.default_value.type = type;
  return p;
}
inline Param boolean(const char* name, bool value, const char* help) {
  Param p = param(GOLONG_BOOL, name, help);
  p.c.default_value.boolean = value;
  return p;
}
inline Param integer(const char* name, int64_t value, double minimum, double maximum, const char* help) {
  Param p = param(GOLONG_INT, name, help);
  p.c.default_value.integer = value;
  p.c.minimum = minimum;
  p.c.maximum = maximum;
  return p;
}
inline Param real(const char* name, double value, double minimum, double maximum, const char* help) {
  Param p = param(GOLONG_FLOAT, name, help);
  p.c.default_value.real = value;
  p.c.minimum = minimum;
  p.c.maximum = maximum;
  return p;
}
// `choices` empty: any text.
inline Param text(const char* name, const char* value, const char* help, std::vector<const char*> choices = {}) {
  Param p = param(GOLONG_STRING, name, help);
  p.c.default_value.text = {value, std::strlen(value)};
  p.choices = std::move(choices);
  return p;
}

// ------------------------------------------------------------------------------------------------------- views

// True where a struct of the host is large enough to hold `member`, that is, where the host knows it.
#define GOLONG_HAS(pointer, member) \
  ((pointer)->struct_size >= offsetof(std::remove_cvref_t<decltype(*(pointer))>, member) + sizeof((pointer)->member))

class Gold {
 public:
  explicit Gold(const golong_gold* c) : c_(c) {}
  bool has_items() const { return c_->items.items != nullptr; }
  size_t size() const { return has_items() ? c_->items.size : 0; }
  std::string_view item(size_t i) const { return view(c_->items.items[i]); }
  std::vector<std::string> items() const {
    std::vector<std::string> all;
    for (size_t i = 0; i < size(); ++i) all.emplace_back(item(i));
    return all;
  }
  bool has_label() const { return c_->label.data != nullptr; }
  std::string_view label() const { return view(c_->label); }
  bool has_language() const { return c_->language.data != nullptr; }
  std::string_view language() const { return view(c_->language); }
  std::string_view variant() const { return view(c_->variant); }
  std::string_view json() const { return view(c_->json); }
  const golong_gold* get() const { return c_; }

 private:
  const golong_gold* c_;
};

// Gold that a task or a test makes; keeps what it points to.
class GoldData {
 public:
  std::vector<std::string> items;
  std::optional<std::string> label, language;
  std::string variant, json;
  bool has_items = false;

  GoldData() = default;
  explicit GoldData(const Gold& gold)
      : items(gold.items()), variant(gold.variant()), json(gold.json()), has_items(gold.has_items()) {
    if (gold.has_label()) label = gold.label();
    if (gold.has_language()) language = gold.language();
  }
  // Points into this object, valid until it changes or is copied.
  golong_gold c() const {
    strings_.clear();
    for (const std::string& item : items) strings_.push_back(raw(item));
    static const golong_string nothing{"", 0};
    golong_gold gold{};
    gold.struct_size = sizeof gold;
    if (has_items || !items.empty()) gold.items = {strings_.empty() ? &nothing : strings_.data(), strings_.size()};
    if (label) gold.label = raw(*label);
    if (language) gold.language = raw(*language);
    gold.variant = raw(variant);
    gold.json = raw(json);
    return gold;
  }

 private:
  mutable std::vector<golong_string> strings_;
};

// Without the whitespace of ASCII around it. Models write line feeds between </think> and an answer.
inline std::string_view trim(std::string_view text) {
  constexpr std::string_view space = " \t\n\v\f\r";
  const size_t start = text.find_first_not_of(space);
  return start == text.npos ? std::string_view() : text.substr(start, text.find_last_not_of(space) + 1 - start);
}

class Response {
 public:
  explicit Response(const golong_response* c) : c_(c) {}
  std::string_view text() const { return view(c_->text); }      // everything that was generated
  std::string_view answer() const { return view(c_->answer); }  // what stands after the last </think>
 private:
  const golong_response* c_;
};

class Call {
 public:
  explicit Call(const golong_call* c) : c_(c) {}
  bool cancelled() const { return c_->cancelled && c_->cancelled(c_) != 0; }
  // Call it in long loops: throws Cancelled once the deadline has passed.
  void check() const {
    if (cancelled()) throw Cancelled();
  }
  // CLOCK_MONOTONIC, nanoseconds; INT64_MAX: none.
  int64_t deadline_ns() const { return c_->deadline_ns; }
  // Adds to the text that the log and the report show for this response.
  void detail(std::string_view text) const {
    if (c_->detail.write) c_->detail.write(c_->detail.context, raw(text));
  }

 private:
  const golong_call* c_;
};

class Batch {
 public:
  explicit Batch(const golong_batch* c) : c_(c) {}
  size_t size() const { return c_->response_count; }
  size_t group_count() const { return c_->group_count; }
  size_t task_count() const { return c_->task_count; }
  double reward(size_t response) const { return c_->rewards[response]; }
  uint32_t group(size_t response) const { return c_->groups[response]; }
  uint32_t length(size_t response) const { return c_->lengths[response]; }
  int32_t finish(size_t response) const { return c_->finish_reasons[response]; }
  // False: count it for nothing and give it advantage 0.
  bool scored(size_t response) const { return c_->outcomes[response] == GOLONG_SCORED; }
  uint32_t task_of(size_t group) const { return c_->group_tasks[group]; }
  std::string_view task(size_t task) const { return view(c_->tasks[task]); }

 private:
  const golong_batch* c_;
};

class Metrics {
 public:
  explicit Metrics(const golong_metric_sink* c) : c_(c) {}
  void operator()(std::string_view name, double value) const {
    if (c_ && c_->metric) c_->metric(c_->context, raw(name), value);
  }

 private:
  const golong_metric_sink* c_;
};

struct Message {
  std::string_view role, content;
};

class Row {
 public:
  explicit Row(const golong_row* c) : c_(c) {}
  size_t message_count() const { return c_->message_count; }
  Message message(size_t i) const { return {view(c_->messages[i].role), view(c_->messages[i].content)}; }
  std::string_view data_source() const { return view(c_->data_source); }
  std::string_view ability() const { return view(c_->ability); }
  std::string_view reward_mode() const { return view(c_->reward_mode); }
  std::string_view question() const { return view(c_->question); }
  std::string_view extra_info() const { return view(c_->extra_info); }
  Gold gold() const { return Gold(&c_->gold); }

 private:
  const golong_row* c_;
};

// Receives what a task makes of a row.
class PromptSink {
 public:
  explicit PromptSink(const golong_prompt_sink* c) : c_(c) {}
  void message(std::string_view role, std::string_view content) const {
    golong_message m{raw(role), raw(content)};
    c_->message(c_->context, &m);
  }
  void gold(const Gold& gold) const { c_->gold(c_->context, gold.get()); }
  void gold(const GoldData& gold) const {
    golong_gold g = gold.c();
    c_->gold(c_->context, &g);
  }

 private:
  const golong_prompt_sink* c_;
};

struct Document {
  std::string_view id, title, kind, language, text;
};

struct Question {
  std::string context, question, data_source, reward_mode;
  GoldData gold;
};

class QuestionSink {
 public:
  explicit QuestionSink(const golong_question_sink* c) : c_(c) {}
  void operator()(const Question& q) const {
    golong_question c{sizeof(golong_question), 0,         raw(q.context), raw(q.question), raw(q.data_source),
                      raw(q.reward_mode),      q.gold.c()};
    c_->question(c_->context, &c);
  }

 private:
  const golong_question_sink* c_;
};

struct GenerateRequest {
  uint32_t max_questions;
  uint64_t seed;
  uint64_t max_context_bytes;
};

#pragma GCC visibility push(hidden)
namespace detail {
inline std::atomic<const golong_host*> host_of_library = nullptr;  // set when the first instance is made
}  // namespace detail
#pragma GCC visibility pop

// Writes to the run's log, from any thread: level GOLONG_LOG_DEBUG ... GOLONG_LOG_ERROR. Silent before an instance is
// made.
inline void log(int32_t level, std::string_view text) {
  const golong_host* host = detail::host_of_library;
  if (host && host->log) host->log(level, raw(text));
}

// -------------------------------------------------------------------------------------------------- base classes

// A reward has `double score(const Gold&, const Response&, const Call&)`, or, where reading the gold once for a whole
// group pays, a type `Prepared`, `Prepared prepare(const Gold&)`, `double score(const Prepared&, const Response&, const
// Call&)`.
struct Reward {};

// A task also has `static constexpr const char* default_reward`.
struct Task {
  virtual ~Task() = default;
  // The messages and the gold of a row; the default passes on what stands in the row.
  virtual void render(const Row& row, const PromptSink& sink) {
    if (row.message_count() == 0) throw std::runtime_error("the row has no prompt");
    for (size_t i = 0; i < row.message_count(); ++i) sink.message(row.message(i).role, row.message(i).content);
    sink.gold(row.gold());
  }
  // The text of a perfect answer, without thinking.
  virtual std::string answer(const Gold& gold) = 0;
};

// Derive from it as well to make questions from documents.
struct Generate {
  virtual ~Generate() = default;
  virtual double suits(const Document& document) = 0;
  virtual void generate(const Document& document, const GenerateRequest& request, const QuestionSink& sink) = 0;
};

struct Normalizer {
  virtual ~Normalizer() = default;
  virtual void compute(const Batch& batch, std::span<double> advantages, const Metrics& metrics) = 0;
};

// Derive from it as well to keep something from step to step.
struct State {
  virtual ~State() = default;
  virtual std::string save() = 0;
  virtual void load(std::string_view state) = 0;
};

// --------------------------------------------------------------------------------------- from classes to descriptors

// Hidden: otherwise libraries that were built without -fvisibility=hidden would share the static data in here.
#pragma GCC visibility push(hidden)
namespace detail {

inline void tell(golong_error* error, const char* message) {
  if (!error || !error->message || !error->capacity) return;
  size_t size = std::min<size_t>(std::strlen(message), error->capacity - 1);
  std::memcpy(error->message, message, size);
  error->message[size] = 0;
}

// The one place where exceptions become statuses.
template <class Function>
golong_status guard(golong_error* error, Function&& function) noexcept {
  try {
    function();
    return GOLONG_OK;
  } catch (const Unscorable& e) {
    tell(error, e.what());
    return GOLONG_UNSCORABLE;
  } catch (const Cancelled& e) {
    tell(error, e.what());
    return GOLONG_CANCELLED;
  } catch (const std::bad_alloc&) {
    tell(error, "out of memory");
    return GOLONG_FAILED;
  } catch (const std::exception& e) {
    tell(error, e.what());
    return GOLONG_FAILED;
  } catch (...) {
    tell(error, "an exception that is not a std::exception");
    return GOLONG_FAILED;
  }
}

template <class T>
std::unique_ptr<T> make(const Params& params) {
  if constexpr (std::is_constructible_v<T, const Params&>) {
    return std::make_unique<T>(params);
  } else {
    return std::make_unique<T>();
  }
}

// `Site` tells two plugins of one class apart.
template <class T, class Site>
struct Lifecycle {
  static inline const golong_descriptor* descriptor = nullptr;
  static golong_status create(const golong_host* host, const golong_value* values, uint32_t, void** instance,
                              golong_error* error) {
    return guard(error, [&] {
      host_of_library = host;
      *instance = make<T>(Params(descriptor, values)).release();
    });
  }
  static void destroy(void* instance) { delete static_cast<T*>(instance); }
};

template <class R>
concept Prepares = requires {
  typename R::Prepared;
};
template <class R>
concept ScoresGold = requires(R& r, const Gold& gold, const Response& response, const Call& call) {
  { r.score(gold, response, call) } -> std::convertible_to<double>;
};
template <class R>
concept ScoresPrepared = Prepares<R> &&
    requires(R& r, const Gold& gold, const typename R::Prepared& prepared, const Response& response, const Call& call) {
  { r.prepare(gold) } -> std::same_as<typename R::Prepared>;
  { r.score(prepared, response, call) } -> std::convertible_to<double>;
};

// The gold of a reward without `Prepared`, as it is handed to each of its calls; read only, so that threads may share
// it.
struct KeptGold {
  const GoldData data;
  const golong_gold c;
  explicit KeptGold(const Gold& gold) : data(gold), c(data.c()) {}
  KeptGold(const KeptGold&) = delete;
  KeptGold& operator=(const KeptGold&) = delete;
};

template <class R>
struct RewardFunctions {
  static golong_status prepare(void* instance, const golong_gold* gold, void** prepared, golong_error* error) {
    return guard(error, [&] {
      if constexpr (Prepares<R>) {
        *prepared = new typename R::Prepared(static_cast<R*>(instance)->prepare(Gold(gold)));
      } else {
        *prepared = new KeptGold(Gold(gold));
      }
    });
  }
  static golong_status score(void* instance, const void* prepared, const golong_response* response,
                             const golong_call* call, double* score, golong_error* error) {
    return guard(error, [&] {
      R& reward = *static_cast<R*>(instance);
      if constexpr (Prepares<R>) {
        *score = reward.score(*static_cast<const typename R::Prepared*>(prepared), Response(response), Call(call));
      } else {
        *score = reward.score(Gold(&static_cast<const KeptGold*>(prepared)->c), Response(response), Call(call));
      }
    });
  }
  static void release(void*, void* prepared) {
    if constexpr (Prepares<R>) {
      delete static_cast<typename R::Prepared*>(prepared);
    } else {
      delete static_cast<KeptGold*>(prepared);
    }
  }
  static inline const golong_reward functions{sizeof(golong_reward), 0, prepare, score, release};
  static const void* extension(const char*) { return nullptr; }
};

template <class T>
struct TaskFunctions {
  static golong_status render(void* instance, const golong_row* row, const golong_prompt_sink* sink,
                              golong_error* error) {
    return guard(error, [&] { static_cast<T*>(instance)->render(Row(row), PromptSink(sink)); });
  }
  static golong_status answer(void* instance, const golong_gold* gold, const golong_sink* sink, golong_error* error) {
    return guard(error, [&] { sink->write(sink->context, raw(static_cast<T*>(instance)->answer(Gold(gold)))); });
  }
  static Document document(const golong_document* d) {
    return {view(d->id), view(d->title), view(d->kind), view(d->language), view(d->text)};
  }
  static double suits(void* instance, const golong_document* d) {
    double result = std::numeric_limits<double>::quiet_NaN();  // where it throws: the host refuses it
    guard(nullptr, [&] { result = static_cast<T*>(instance)->suits(document(d)); });
    return result;
  }
  static golong_status generate(void* instance, const golong_document* d, const golong_generate_request* request,
                                const golong_question_sink* sink, golong_error* error) {
    return guard(error, [&] {
      static_cast<T*>(instance)->generate(
          document(d), {request->max_questions, request->seed, request->max_context_bytes}, QuestionSink(sink));
    });
  }
  static inline const golong_task functions{sizeof(golong_task), 0, T::default_reward, render, answer};
  static const void* extension(const char* name) {
    if constexpr (std::is_base_of_v<Generate, T>) {
      static const golong_task_generate generate_functions{sizeof(golong_task_generate), 0, suits, generate};
      if (std::strcmp(name, GOLONG_TASK_GENERATE) == 0) return &generate_functions;
    }
    return nullptr;
  }
};

template <class N>
struct NormalizerFunctions {
  static golong_status compute(void* instance, const golong_batch* batch, double* advantages,
                               const golong_metric_sink* metrics, golong_error* error) {
    return guard(error, [&] {
      static_cast<N*>(instance)->compute(Batch(batch), {advantages, batch->response_count}, Metrics(metrics));
    });
  }
  static golong_status save(void* instance, const golong_sink* sink, golong_error* error) {
    return guard(error, [&] { sink->write(sink->context, raw(static_cast<N*>(instance)->save())); });
  }
  static golong_status load(void* instance, golong_string state, golong_error* error) {
    return guard(error, [&] { static_cast<N*>(instance)->load(view(state)); });
  }
  static inline const golong_normalizer functions{sizeof(golong_normalizer), 0, compute};
  static const void* extension(const char* name) {
    if constexpr (std::is_base_of_v<State, N>) {
      static const golong_normalizer_state state_functions{sizeof(golong_normalizer_state), 0, save, load};
      if (std::strcmp(name, GOLONG_NORMALIZER_STATE) == 0) return &state_functions;
    }
    return nullptr;
  }
};

}  // namespace detail
#pragma GCC visibility pop

// ---------------------------------------------------------------------------------------------------- the library

// One plugin of a library; made by reward<>, task<> and normalizer<>.
class Plugin {
 public:
  Plugin(golong_kind kind, const char* id, const char* version, const char* summary, std::vector<Param> params,
         bool is_thread_safe)
      : params_(std::move(params)) {
    c_.struct_size = sizeof(golong_descriptor);
    c_.kind = kind;
    c_.id = id;
    c_.version = version;
    c_.summary = summary;
    c_.flags = is_thread_safe ? GOLONG_FLAG_THREAD_SAFE : 0u;
  }
  template <class T, class Functions, class Site>
  Plugin&& with() && {
    c_.functions = &Functions::functions;
    c_.create = detail::Lifecycle<T, Site>::create;
    c_.destroy = detail::Lifecycle<T, Site>::destroy;
    c_.extension = Functions::extension;
    link_ = [](const golong_descriptor* descriptor) { detail::Lifecycle<T, Site>::descriptor = descriptor; };
    return std::move(*this);
  }
  // Called once the object has its final place.
  const golong_descriptor* finish() {
    for (Param& p : params_) {
      if (!p.choices.empty()) {
        p.choices.push_back(nullptr);
        p.c.choices = p.choices.data();
      }
    }
    for (const Param& p : params_) pointers_.push_back(&p.c);
    c_.params = pointers_.data();
    c_.param_count = static_cast<uint32_t>(pointers_.size());
    link_(&c_);
    return &c_;
  }

 private:
  golong_descriptor c_{};
  std::vector<Param> params_;
  std::vector<const golong_param*> pointers_;
  void (*link_)(const golong_descriptor*) = nullptr;
};

inline constexpr bool thread_safe = true;

template <class R, class Site = decltype([] {})>  // a lambda has another type at each call
Plugin reward(const char* id, const char* version, const char* summary, std::vector<Param> params = {},
              bool is_thread_safe = false) {
  static_assert(detail::Prepares<R> ? detail::ScoresPrepared<R> : detail::ScoresGold<R>,
                "a reward has `double score(const Gold&, const Response&, const Call&)`, or a type `Prepared` with "
                "`Prepared prepare(const Gold&)` and `double score(const Prepared&, const Response&, const Call&)`");
  return Plugin(GOLONG_KIND_REWARD, id, version, summary, std::move(params), is_thread_safe)
      .template with<R, detail::RewardFunctions<R>, Site>();
}
template <class T, class Site = decltype([] {})>
Plugin task(const char* id, const char* version, const char* summary, std::vector<Param> params = {},
            bool is_thread_safe = false) {
  static_assert(std::is_base_of_v<Task, T>, "a task derives from golong::sdk::Task");
  return Plugin(GOLONG_KIND_TASK, id, version, summary, std::move(params), is_thread_safe)
      .template with<T, detail::TaskFunctions<T>, Site>();
}
template <class N, class Site = decltype([] {})>
Plugin normalizer(const char* id, const char* version, const char* summary, std::vector<Param> params = {},
                  bool is_thread_safe = false) {
  static_assert(std::is_base_of_v<Normalizer, N>, "a normalizer derives from golong::sdk::Normalizer");
  return Plugin(GOLONG_KIND_NORMALIZER, id, version, summary, std::move(params), is_thread_safe)
      .template with<N, detail::NormalizerFunctions<N>, Site>();
}

#pragma GCC visibility push(hidden)
namespace detail {

// Lives as long as the library: the host keeps pointers into it.
inline golong_library make_library(const char* name, std::vector<Plugin> plugins) {
  // Never destroyed: a call that hangs may return while the process ends, and its thread then still destroys its
  // instance.
  static auto& kept = *new std::vector<Plugin>;
  static auto& descriptors = *new std::vector<const golong_descriptor*>;
  kept = std::move(plugins);
  descriptors.reserve(kept.size());
  for (Plugin& plugin : kept) descriptors.push_back(plugin.finish());
  return {sizeof(golong_library), GOLONG_ABI_MAJOR, GOLONG_ABI_MINOR, static_cast<uint32_t>(descriptors.size()), name,
          descriptors.data()};
}

}  // namespace detail
#pragma GCC visibility pop
}  // namespace golong::sdk

// Exports a library with its plugins: GOLONG_LIBRARY("name", reward<A>(...), normalizer<B>(...)).
#define GOLONG_LIBRARY(name, ...)                                       \
  extern "C" GOLONG_EXPORT const golong_library GOLONG_LIBRARY_SYMBOL;  \
  extern "C" GOLONG_EXPORT const golong_library GOLONG_LIBRARY_SYMBOL = \
      ::golong::sdk::detail::make_library(name, {__VA_ARGS__});
