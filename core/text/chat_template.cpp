#include "core/text/chat_template.h"

#include <string_view>

#include "core/base/error.h"
#include "core/base/nearest.h"

namespace golong {
namespace {

enum Kind { chatml = 0, qwen3 = 1, qwen3_thinking = 2 };
constexpr const char* kind_names[] = {"chatml", "qwen3", "qwen3_thinking"};

constexpr char start_token[] = "<|im_start|>";
constexpr char end_token[] = "<|im_end|>";
constexpr char think_token[] = "<think>";
constexpr char end_think_token[] = "</think>";

// A piece of the rendered prompt: a token that the template sets, or text of the template or of a message.
struct Piece {
  std::string text;
  bool is_token;
};

class Pieces {
 public:
  Pieces& token(const char* name) {
    all.push_back({name, true});
    return *this;
  }
  // Texts that touch are one text: words are cut as if it had been written in one piece.
  Pieces& text(std::string_view more) {
    if (all.empty() || all.back().is_token) all.push_back({"", false});
    all.back().text += more;
    return *this;
  }
  std::vector<Piece> all;
};

std::string_view strip_left(std::string_view text) {
  while (!text.empty() && text.front() == '\n') text.remove_prefix(1);
  return text;
}

std::string_view strip_right(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text;
}

// An assistant's message as Qwen3 takes it apart: what was thought, what was answered.
struct Turn {
  std::string_view thinking;
  std::string_view answer;
};

Turn take_apart(std::string_view content) {
  constexpr std::string_view open = think_token, close = end_think_token;
  const size_t first = content.find(close);
  if (first == std::string_view::npos) return {"", content};
  std::string_view thinking = strip_right(content.substr(0, first));
  if (const size_t opened = thinking.rfind(open); opened != std::string_view::npos) {
    thinking.remove_prefix(opened + open.size());
  }
  return {strip_left(thinking), strip_left(content.substr(content.rfind(close) + close.size()))};
}

// The last message in which the user asks something; a tool's response is no question. Without one: `messages.size()`.
size_t last_question(const std::vector<Message>& messages) {
  for (size_t i = messages.size(); i > 0; --i) {
    const Message& message = messages[i - 1];
    const bool is_tool =
        message.content.starts_with("<tool_response>") && message.content.ends_with("</tool_response>");
    if (message.role == "user" && !is_tool) return i - 1;
  }
  return messages.size();
}

void check_role(const Message& message, size_t index) {
  if (message.role != "system" && message.role != "user" && message.role != "assistant") {
    fail("message ", index, " has the role \"", message.role, "\", expected system, user or assistant");
  }
}

// Thinking of earlier answers is dropped; an answer after the last question keeps it.
void add_assistant(const std::vector<Message>& messages, size_t index, size_t question, Pieces& pieces) {
  const Turn turn = take_apart(messages[index].content);
  const bool keeps = index > question && (index + 1 == messages.size() || !turn.thinking.empty());
  if (!keeps) {
    pieces.text(turn.answer);
    return;
  }
  pieces.token(think_token).text("\n").text(strip_left(strip_right(turn.thinking))).text("\n");
  pieces.token(end_think_token).text("\n\n").text(strip_left(turn.answer));
}

std::vector<Piece> make_pieces(int kind, const std::vector<Message>& messages, const TemplateOptions& options) {
  Pieces pieces;
  const size_t question = last_question(messages);
  for (size_t i = 0; i < messages.size(); ++i) {
    check_role(messages[i], i);
    pieces.token(start_token).text(messages[i].role).text("\n");
    if (kind != chatml && messages[i].role == "assistant")
      add_assistant(messages, i, question, pieces);
    else
      pieces.text(messages[i].content);
    pieces.token(end_token).text("\n");
  }
  if (!options.generation_prompt) return pieces.all;
  pieces.token(start_token).text("assistant\n");
  if (kind == qwen3_thinking && options.thinking) pieces.token(think_token).text("\n");
  if (kind != chatml && !options.thinking) {
    pieces.token(think_token).text("\n\n").token(end_think_token).text("\n\n");
  }
  return pieces.all;
}

std::vector<int32_t> encode_pieces(const Tokenizer& tokenizer, const std::vector<Piece>& pieces) {
  std::vector<int32_t> ids;
  for (const Piece& piece : pieces) {
    const auto more = piece.is_token ? tokenizer.encode(piece.text) : tokenizer.encode_plain(piece.text);
    ids.insert(ids.end(), more.begin(), more.end());
  }
  return ids;
}

}  // namespace

ChatTemplate ChatTemplate::by_name(const std::string& name) {
  ChatTemplate found;
  for (int kind = 0; kind < 3; ++kind) {
    found.kind_ = kind;
    if (name == kind_names[kind]) return found;
  }
  fail("chat template \"", name, "\" is not known", did_you_mean(name, names()),
       " (known: chatml, qwen3, qwen3_thinking)");
}

std::vector<std::string> ChatTemplate::names() { return {std::begin(kind_names), std::end(kind_names)}; }

std::string ChatTemplate::render(const std::vector<Message>& messages, const TemplateOptions& options) const {
  std::string text;
  for (const Piece& piece : make_pieces(kind_, messages, options)) text += piece.text;
  return text;
}

std::vector<int32_t> ChatTemplate::encode(const Tokenizer& tokenizer, const std::vector<Message>& messages,
                                          const TemplateOptions& options) const {
  return encode_pieces(tokenizer, make_pieces(kind_, messages, options));
}

std::vector<int32_t> ChatTemplate::encode_response(const Tokenizer& tokenizer, std::string_view answer) const {
  Pieces pieces;
  if (kind_ != qwen3_thinking) pieces.token(think_token).text("\n");
  pieces.text("\n").token(end_think_token).text("\n\n").text(answer).token(end_token);
  return encode_pieces(tokenizer, pieces.all);
}

const std::string& ChatTemplate::end_of_turn() const {
  static const std::string end = end_token;
  return end;
}

}  // namespace golong
