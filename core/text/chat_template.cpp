#include "core/text/chat_template.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/nearest.h"

namespace golong {
namespace {

enum Kind { chatml = 0, qwen3 = 1, qwen3_thinking = 2, llama3 = 3 };
constexpr const char* kind_names[] = {"chatml", "qwen3", "qwen3_thinking", "llama3"};

constexpr char start_token[] = "<|im_start|>";
constexpr char end_token[] = "<|im_end|>";
constexpr char text_token[] = "<|begin_of_text|>";
constexpr char start_header_token[] = "<|start_header_id|>";
constexpr char end_header_token[] = "<|end_header_id|>";
constexpr char end_turn_token[] = "<|eot_id|>";
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

// Without the spaces at both ends, as Python's strip() and Jinja's `trim` see them.
std::string_view trim(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto is_space = [](UChar32 c) { return c >= 0 && u_isspace(c); };
  int32_t begin = 0, end = static_cast<int32_t>(text.size());
  UChar32 c;
  for (int32_t i = begin; i < end; begin = i) {
    U8_NEXT(bytes, i, end, c);
    if (!is_space(c)) break;
  }
  for (int32_t i = end; i > begin; end = i) {
    U8_PREV(bytes, begin, i, c);
    if (!is_space(c)) break;
  }
  return text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
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

std::vector<Piece> llama3_pieces(const std::vector<Message>& messages, const TemplateOptions& options) {
  Pieces pieces;
  const auto header = [&](std::string_view role) {
    pieces.token(start_header_token).text(role).token(end_header_token).text("\n\n");
  };
  for (size_t i = 0; i < messages.size(); ++i) {
    check_role(messages[i], i);
    if (i == 0) pieces.token(text_token);
    header(messages[i].role);
    pieces.text(trim(messages[i].content)).token(end_turn_token);
  }
  if (options.generation_prompt) header("assistant");
  return pieces.all;
}

std::vector<Piece> make_pieces(int kind, const std::vector<Message>& messages, const TemplateOptions& options) {
  if (kind == llama3) return llama3_pieces(messages, options);
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

// A token of the template that the tokenizer lacks ("<think>" in Llama 3) is text, and one text with what touches it.
std::vector<int32_t> encode_pieces(const Tokenizer& tokenizer, const std::vector<Piece>& pieces) {
  std::vector<int32_t> ids;
  std::string text;
  const auto append = [&ids](const std::vector<int32_t>& more) { ids.insert(ids.end(), more.begin(), more.end()); };
  for (const Piece& piece : pieces) {
    if (!piece.is_token || !tokenizer.find(piece.text)) {
      text += piece.text;
      continue;
    }
    append(tokenizer.encode_plain(std::exchange(text, {})));
    append(tokenizer.encode(piece.text));
  }
  append(tokenizer.encode_plain(text));
  return ids;
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "\"" : ", \"") + name + "\"";
  return list;
}

// The token of a template that a tokenizer lacks, nothing where it has all.
std::optional<std::string> missing_token(int kind, const Tokenizer& tokenizer) {
  const std::vector<const char*> needed =
      kind == llama3 ? std::vector{text_token, start_header_token, end_header_token, end_turn_token}
                     : std::vector{start_token, end_token};
  for (const char* token : needed) {
    if (!tokenizer.find(token)) return token;
  }
  return std::nullopt;
}

}  // namespace

ChatTemplate ChatTemplate::by_name(const std::string& name) {
  const auto* const kind = std::find(std::begin(kind_names), std::end(kind_names), name);
  if (kind == std::end(kind_names)) {
    fail("chat template \"", name, "\" is not known", did_you_mean(name, names()), " (known: ", quoted_list(names()),
         ")");
  }
  ChatTemplate found;
  found.kind_ = static_cast<int>(kind - std::begin(kind_names));
  return found;
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
  pieces.text("\n").token(end_think_token).text("\n\n").text(answer).token(end_of_turn().c_str());
  return encode_pieces(tokenizer, pieces.all);
}

const std::string& ChatTemplate::end_of_turn() const {
  static const std::string im_end = end_token, eot = end_turn_token;
  return kind_ == llama3 ? eot : im_end;
}

std::string ChatTemplate::why_not(const Tokenizer& tokenizer, const std::string& setting) const {
  const auto missing = missing_token(kind_, tokenizer);
  if (!missing) return "";
  std::vector<std::string> others;
  for (int kind = 0; kind < static_cast<int>(std::size(kind_names)); ++kind) {
    if (!missing_token(kind, tokenizer)) others.emplace_back(kind_names[kind]);
  }
  const std::string problem =
      "the tokenizer has no token " + *missing + ", which the chat template \"" + kind_names[kind_] + "\" needs; ";
  if (others.empty()) return problem + "it has the tokens of no template that is known (" + quoted_list(names()) + ")";
  return problem + "set " + setting + " to one whose tokens it has: " + quoted_list(others);
}

}  // namespace golong
