#include "core/data/prompt_maker.h"

#include <exception>
#include <map>
#include <mutex>
#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/data/gold_view.h"
#include "core/plugin/call.h"
#include "core/text/utf8.h"

namespace golong {
namespace {

// What a task makes of a row. Its callbacks must not throw into the plugin: what goes wrong is kept.
struct Rendered {
  std::vector<Message> messages;
  std::vector<Gold> golds;
  std::exception_ptr error;

  template <class Function>
  static void guarded(void* context, const Function& function) {
    auto& rendered = *static_cast<Rendered*>(context);
    try {
      function(rendered);
    } catch (...) {
      rendered.error = std::current_exception();
    }
  }
  static void message(void* context, const golong_message* message) {
    guarded(context, [&](Rendered& rendered) {
      rendered.messages.push_back({plugin::copy(message->role), plugin::copy(message->content)});
    });
  }
  static void gold(void* context, const golong_gold* gold) {
    guarded(context, [&](Rendered& rendered) { rendered.golds.push_back(copy_gold(*gold)); });
  }
};

// Trusts nothing that a plugin gives back.
void check(const std::string& task, const Rendered& rendered) {
  if (rendered.messages.empty()) fail("task ", task, " made no messages of the row");
  if (rendered.golds.size() != 1) fail("task ", task, " gave ", rendered.golds.size(), " golds, expected 1");
  for (const Message& message : rendered.messages) {
    if (message.role != "system" && message.role != "user" && message.role != "assistant") {
      fail("task ", task, " made a message with the role \"", to_valid_utf8(message.role),
           "\", expected system, user or assistant");
    }
    if (!is_valid_utf8(message.content)) fail("task ", task, " made a message that is no UTF-8");
  }
  const Gold& gold = rendered.golds.front();
  bool valid = is_valid_utf8(gold.label) && is_valid_utf8(gold.language) && is_valid_utf8(gold.variant) &&
               is_valid_utf8(gold.json);
  for (const std::string& item : gold.items) valid = valid && is_valid_utf8(item);
  if (!valid) fail("task ", task, " gave a gold that is no UTF-8");
}

// A task plugin's instance, made on first use.
struct Task {
  std::unique_ptr<plugin::Instance> instance;
  std::mutex mutex;  // held during calls where the plugin is not thread-safe

  template <class Function>
  void call(const char* what, const Function& function) {
    std::unique_lock<std::mutex> lock(mutex, std::defer_lock);
    if (!instance->thread_safe()) lock.lock();
    plugin::call(*instance, what,
                 [&](golong_error* error) { return function(instance->task(), instance->get(), error); });
  }
};

std::string text_of(const plugin::Settings& settings) {
  std::ostringstream text;
  for (const auto& [name, setting] : settings) {
    text << "/" << name << "=" << std::hexfloat;
    std::visit([&](const auto& value) { text << value; }, setting.value);
  }
  return text.str();
}

std::string hash_of(const Config& config, const plugin::Registry& registry) {
  std::string text = "2/" + config.model.chat_template;
  for (const auto& [source, route] : config.routes) text += "/" + source + ":" + route.task + ":" + route.reward;
  for (const plugin::Plugin& plugin : registry.plugins()) {
    if (plugin.kind != plugin::Kind::task) continue;
    text += "/" + plugin.id + ":" + plugin.descriptor->version + ":" + fingerprint(read_file(plugin.library));
    const auto settings = config.task_settings.find(plugin.id);
    if (settings != config.task_settings.end()) text += text_of(settings->second);
  }
  return fingerprint(text);
}

}  // namespace

struct PromptMaker::State {
  Config config;
  std::shared_ptr<const plugin::Registry> registry;
  std::shared_ptr<const Tokenizer> tokenizer;
  ChatTemplate chat;
  std::string fingerprint;
  Router router;
  mutable std::mutex mutex;  // of `tasks`
  mutable std::map<std::string, Task> tasks;

  Task& task(const std::string& id) const {
    const std::lock_guard lock(mutex);
    Task& task = tasks[id];
    if (!task.instance) {
      const auto settings = config.task_settings.find(id);
      task.instance = std::make_unique<plugin::Instance>(
          registry->find(plugin::Kind::task, id),
          settings == config.task_settings.end() ? plugin::Settings() : settings->second);
    }
    return task;
  }

  Rendered render(const Row& row, const Gold& row_gold, const std::string& id) const {
    std::vector<golong_message> messages;
    for (const Message& message : row.prompt) {
      messages.push_back({plugin::view(message.role), plugin::view(message.content)});
    }
    const GoldView gold(row_gold);
    const golong_row raw{sizeof(golong_row),
                         static_cast<uint32_t>(messages.size()),
                         messages.data(),
                         plugin::view(row.data_source),
                         plugin::view(row.ability),
                         plugin::view(row.reward_mode),
                         plugin::view(row.question),
                         gold.get(),
                         plugin::view(row.extra_info)};
    Rendered rendered;
    const golong_prompt_sink sink{sizeof(golong_prompt_sink), 0, &rendered, Rendered::message, Rendered::gold};
    task(id).call("render", [&](const golong_task& functions, void* instance, golong_error* error) {
      return functions.render(instance, &raw, &sink, error);
    });
    if (rendered.error) std::rethrow_exception(rendered.error);
    check(id, rendered);
    return rendered;
  }
};

PromptMaker::PromptMaker(const Config& config, std::shared_ptr<const plugin::Registry> registry,
                         std::shared_ptr<const Tokenizer> tokenizer)
    : state_(new State{config,
                       registry,
                       std::move(tokenizer),
                       ChatTemplate::by_name(config.model.chat_template),
                       hash_of(config, *registry),
                       Router(config, std::move(registry)),
                       {},
                       {}}) {
  const std::string problem = state_->chat.why_not(*state_->tokenizer, "model.chat_template");
  if (!problem.empty()) fail(problem);
}

PromptMaker::~PromptMaker() = default;

Prompt PromptMaker::make(const Row& row, const std::string& uid) const {
  const Route route = state_->router.route(row);
  if (route.task.empty()) {
    fail("no task has the reward ", route.reward, ", and column `ability` (\"", row.ability,
         "\") names none; a prompt needs one: [routes.\"", row.data_source, "\"] task = \"...\"");
  }
  Rendered rendered = state_->render(row, gold_for(row, route), route.task);
  Prompt prompt;
  prompt.uid = uid;
  prompt.key = hash64(uid);
  prompt.task = route.task;
  prompt.reward = route.reward;
  prompt.norm_key = route.norm_key;
  prompt.messages = std::move(rendered.messages);
  prompt.token_ids = state_->chat.encode(*state_->tokenizer, prompt.messages, {});
  Gold gold = std::move(rendered.golds.front());
  if (gold.variant.empty()) gold.variant = row.gold.variant;  // a task need not repeat what the row says
  if (gold.json.empty()) gold.json = row.gold.json;
  gold.stray = row.gold.stray;
  prompt.gold = std::make_shared<const Gold>(std::move(gold));
  return prompt;
}

std::string PromptMaker::answer(const Prompt& prompt) const {
  const GoldView gold(*prompt.gold);
  std::string text;
  const golong_sink sink = plugin::sink(text);
  try {
    state_->task(prompt.task).call("answer", [&](const golong_task& functions, void* instance, golong_error* error) {
      return functions.answer(instance, &gold.get(), &sink, error);
    });
  } catch (const Error& error) {
    if (prompt.gold->stray.empty()) throw;
    fail(error.what(), "; ", prompt.gold->stray);
  }
  if (!is_valid_utf8(text)) fail("task ", prompt.task, " gave an answer that is no UTF-8");
  return text;
}

std::vector<int32_t> PromptMaker::gold_response(const Prompt& prompt, const Tokenizer& tokenizer) const {
  return state_->chat.encode_response(tokenizer, answer(prompt));
}

const ChatTemplate& PromptMaker::chat_template() const { return state_->chat; }

const std::string& PromptMaker::fingerprint() const { return state_->fingerprint; }

}  // namespace golong
