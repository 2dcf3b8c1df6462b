// What a task must do with any row and, where it makes questions, with any document.
#include <algorithm>
#include <string_view>

#include "core/base/error.h"
#include "core/plugin/call.h"
#include "core/plugin/check_cases.h"

namespace golong::plugin {
namespace {

// What a task gave, as one text, to compare; and how much of what.
struct Given {
  std::string all;
  size_t messages = 0, golds = 0, questions = 0, longest_context = 0;
};

void add(Given& given, golong_string text) { given.all += copy(text) + '\x1f'; }

void add(Given& given, const golong_gold& gold) {
  for (uint64_t i = 0; gold.items.items && i < gold.items.size; ++i) add(given, gold.items.items[i]);
  add(given, gold.label);
  add(given, gold.language);
  add(given, gold.json);
}

golong_gold gold_of(std::string_view label, const std::vector<golong_string>& items) {
  golong_gold gold{};
  gold.struct_size = sizeof gold;
  if (!items.empty()) gold.items = {items.data(), items.size()};
  if (!label.empty()) gold.label = view(label);
  gold.language = view("English");
  gold.variant = view("check");
  gold.json = view("{}");
  return gold;
}

// Renders a row with this many messages; says what went wrong in an Error.
Given render(const Instance& instance, uint32_t messages) {
  std::vector<golong_message> all(messages, {view("user"), view("A document.\n\nA question?")});
  std::vector<golong_string> items = {view("one"), view("two")};
  golong_row row{};
  row.struct_size = sizeof row;
  row.message_count = messages;
  row.messages = all.data();
  row.data_source = view("check");
  row.ability = view("");
  row.reward_mode = view("");
  row.question = view("A question?");
  row.gold = gold_of("one", items);
  row.extra_info = view("{}");
  Given given;
  golong_prompt_sink sink{sizeof(golong_prompt_sink), 0, &given,
                          [](void* context, const golong_message* message) {
                            auto& given = *static_cast<Given*>(context);
                            ++given.messages;
                            add(given, message->role);
                            add(given, message->content);
                          },
                          [](void* context, const golong_gold* gold) {
                            auto& given = *static_cast<Given*>(context);
                            ++given.golds;
                            add(given, *gold);
                          }};
  call(instance, "render",
       [&](golong_error* error) { return instance.task().render(instance.get(), &row, &sink, error); });
  return given;
}

void check_rows(const Plugin& plugin) {
  Instance instance(plugin, {});
  Given given = render(instance, 1);
  if (given.messages == 0) fail("render gave no message for a row with a prompt");
  if (given.golds != 1) fail("render gave ", given.golds, " golds, expected 1");
  if (render(instance, 1).all != given.all) fail("the same row is rendered otherwise the second time");
  try {
    Given empty = render(instance, 0);
    if (empty.messages == 0) fail("render accepted a row without a prompt and gave no message");
  } catch (const Error& error) {
    if (std::string_view(error.what()).find("it gives no reason") != std::string_view::npos) throw;
  }
}

// A gold that does not suit is refused with a reason.
void check_answers(const Plugin& plugin) {
  Instance instance(plugin, {});
  std::vector<golong_string> items = {view("one"), view("two")};
  for (const golong_gold& gold : {gold_of("one", items), gold_of("", items), gold_of("one", {}), gold_of("", {})}) {
    std::string text;
    golong_sink out = sink(text);
    ErrorBuffer error;
    golong_status status = instance.task().answer(instance.get(), &gold, &out, error.get());
    if (status != GOLONG_OK && error.text() == ErrorBuffer().text()) fail("answer refused a gold without a message");
  }
}

std::vector<std::string> documents() {
  std::string prose, list;
  for (int i = 0; i < 200; ++i) {
    prose += "Paragraph " + std::to_string(i) + " tells of the river, of " + std::to_string(i * 37 % 101) +
             " boats and of those who crossed it.\n\n";
    list += "Package: item-" + std::to_string(i) + "\nVersion: " + std::to_string(i % 7) + ".2\nPriority: optional\n\n";
  }
  return {"", "x", "\n\n\n", std::string(5000, 'a'), "第一章\n\n这是一个很短的文档。\n\n" + prose, prose, list};
}

Given generate(const Instance& instance, const golong_task_generate& functions, const golong_document& document,
               const golong_generate_request& request) {
  Given given;
  golong_question_sink sink{sizeof(golong_question_sink), 0, &given,
                            [](void* context, const golong_question* question) {
                              auto& given = *static_cast<Given*>(context);
                              ++given.questions;
                              given.longest_context = std::max<size_t>(given.longest_context, question->context.size);
                              add(given, question->context);
                              add(given, question->question);
                              add(given, question->gold);
                            }};
  call(instance, "generate",
       [&](golong_error* error) { return functions.generate(instance.get(), &document, &request, &sink, error); });
  return given;
}

void check_generate(const Plugin& plugin) {
  Instance instance(plugin, {}), other(plugin, {});
  const auto* functions = static_cast<const golong_task_generate*>(instance.extension(GOLONG_TASK_GENERATE));
  if (!functions) return;
  for (const std::string& text : documents()) {
    for (const char* kind : {"book", "changelog", ""}) {
      golong_document document{sizeof(golong_document), 0,         view("check/1"), view("A title"), view(kind),
                               view("English"),         view(text)};
      double suits = functions->suits(instance.get(), &document);
      if (!(suits >= 0 && suits <= 1)) fail("suits gave ", suits, ", expected a number from 0 to 1");
      for (uint64_t bytes : {uint64_t{0}, uint64_t{300}, uint64_t{4000}}) {
        golong_generate_request request{sizeof(golong_generate_request), 3, 11, bytes};
        Given given = generate(instance, *functions, document, request);
        if (given.questions > 3) fail("generate gave ", given.questions, " questions, at most 3 were asked for");
        if (given.longest_context > bytes) {
          fail("generate gave a context of ", given.longest_context, " bytes, at most ", bytes, " were asked for");
        }
        if (generate(other, *functions, document, request).all != given.all) {
          fail("the same seed and document give other questions the second time");
        }
      }
    }
  }
}

}  // namespace

const std::vector<Check>& task_checks() {
  static const std::vector<Check> all = {
      {"a row becomes messages and one gold", check_rows},
      {"any gold gives an answer or a reason", check_answers},
      {"questions keep to what was asked for, the same for the same seed", check_generate},
  };
  return all;
}

}  // namespace golong::plugin
