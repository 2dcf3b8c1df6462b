#include "core/train/chat.h"

#include <algorithm>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/text/text_stream.h"
#include "core/train/generator.h"
#include "core/train/workspace.h"

namespace golong {
namespace {

class Conversation {
 public:
  Conversation(const ChatOptions& options, const ChatTerminal& terminal)
      : options_(options),
        terminal_(terminal),
        generator_(options, 1, /*uses_chat=*/true),
        document_(options.document.empty() ? "" : read_file(options.document)),
        stop_{options.sampling.stop, nullptr} {
    for (const std::string& stop : options.sampling.stop) held_ = std::max(held_, stop.size() - 1);
    begin();
  }

  void run() {
    for (std::optional<std::string> said; (said = terminal_.read());) {
      if (*said == "/new") {
        begin();
      } else if (said->find_first_not_of(" \t\r\n") != std::string::npos) {
        answer(*said);
      }
    }
  }

 private:
  void begin() {
    messages_.clear();
    if (!options_.system.empty()) messages_.push_back({"system", options_.system});
    turn_ = 0;
  }

  void answer(const std::string& said) {
    // A document and its question as the rows of a dataset have them (paper A.5).
    const bool first = turn_ == 0 && !document_.empty();
    messages_.push_back({"user", first ? document_ + "\n\n\n\n" + said : said});
    Prompt prompt;
    prompt.uid = "turn " + std::to_string(turn_ + 1);
    prompt.key = turn_;
    prompt.token_ids = generator_.chat().encode(*generator_.tokenizer(), messages_, {.thinking = options_.thinking});
    try {
      generator_.check(prompt);
    } catch (const Error& error) {
      messages_.pop_back();
      terminal_.end(std::string(error.what()) + "; /new begins a new conversation");
      return;
    }
    ++turn_;
    messages_.push_back({"assistant", stream(std::move(prompt))});
  }

  // Generates, and shows the text as it comes, but for what may be the beginning of a stop string.
  std::string stream(Prompt prompt) {
    TextStream stream(generator_.tokenizer(), /*skip_special=*/true);
    std::string text;
    size_t shown = 0;
    const auto show = [&](size_t end) {
      while (end > shown && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
      if (end <= shown) return;
      terminal_.write(text.substr(shown, end - shown));
      shown = end;
    };
    RolloutHooks hooks;
    hooks.should_stop = [this] { return stop_asked(terminal_.stop); };
    hooks.on_token = [&](const Group& group, size_t sample) {
      text += stream.push(group.responses[sample].token_ids.back());
      const size_t stop = stop_.find(std::string_view(text).substr(shown));
      show(stop != std::string_view::npos ? shown + stop : text.size() - std::min(text.size(), held_));
    };
    std::vector<Prompt> prompts;
    prompts.push_back(std::move(prompt));
    std::string summary = "stopped";
    try {
      text = generator_.generate(std::move(prompts), 0, hooks)[0].responses[0].text;
      summary = this->summary();
    } catch (const Stopped&) {
    }
    show(text.size());
    terminal_.end(summary);
    return text;
  }

  std::string summary() const {
    const RolloutStats& stats = generator_.stats();
    char text[160];
    std::snprintf(text, sizeof text, "%lld tokens, %.1f a second; prompt: %lld tokens computed, %lld known, %.1f s",
                  static_cast<long long>(stats.response_tokens),
                  static_cast<double>(stats.response_tokens) / (stats.decode_seconds + 1e-9),
                  static_cast<long long>(stats.prompt_tokens), static_cast<long long>(stats.shared_prompt_tokens),
                  stats.prefill_seconds);
    return text;
  }

  const ChatOptions& options_;
  const ChatTerminal& terminal_;
  Generator generator_;
  const std::string document_;
  std::vector<Message> messages_;
  uint64_t turn_ = 0;
  const StopStrings stop_;
  size_t held_ = 0;  // bytes at the end of an answer that a stop string may begin in
};

}  // namespace

void chat(const ChatOptions& options, const ChatTerminal& terminal) { Conversation(options, terminal).run(); }

}  // namespace golong
