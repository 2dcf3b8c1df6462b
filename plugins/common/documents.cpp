#include "plugins/common/documents.h"

#include <unicode/brkiter.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <memory>
#include <set>
#include <stdexcept>

namespace golong::documents {
namespace {

uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

UChar32 next_character(std::string_view text, size_t& at) {
  UChar32 c;
  int32_t i = static_cast<int32_t>(at);
  U8_NEXT(text.data(), i, static_cast<int32_t>(text.size()), c);
  at = static_cast<size_t>(i);
  return c;
}

// Chinese is written without spaces: ICU's dictionary finds the words of a run of Han characters.
void add_han_words(std::string_view run, std::vector<std::string>& found) {
  thread_local const auto breaks = [] {
    UErrorCode status = U_ZERO_ERROR;
    std::unique_ptr<icu::BreakIterator> made(icu::BreakIterator::createWordInstance(icu::Locale::getChinese(), status));
    if (U_FAILURE(status)) throw std::runtime_error(std::string("ICU has no word boundaries: ") + u_errorName(status));
    return made;
  }();
  auto whole = icu::UnicodeString::fromUTF8(icu::StringPiece(run.data(), static_cast<int32_t>(run.size())));
  breaks->setText(whole);
  int32_t begin = breaks->first();
  for (int32_t end = breaks->next(); end != icu::BreakIterator::DONE; begin = end, end = breaks->next()) {
    found.emplace_back();
    whole.tempSubStringBetween(begin, end).toUTF8String(found.back());
  }
}

bool is_han(UChar32 c) { return u_hasBinaryProperty(c, UCHAR_IDEOGRAPHIC); }
bool is_word(UChar32 c) { return c >= 0 && (u_isalnum(c) || c == '_') && !is_han(c); }

}  // namespace

uint64_t Choices::key(uint64_t seed, std::initializer_list<std::string_view> texts) {
  uint64_t key = mix(seed);
  for (auto text : texts) {
    for (unsigned char c : text) key = mix(key ^ c);
    key = mix(key ^ 0x100);
  }
  return key;
}

uint64_t Choices::bits() { return mix(key_ ^ mix(counter_++)); }

size_t Choices::below(size_t limit) {
  uint64_t reject = -static_cast<uint64_t>(limit) % limit;
  uint64_t value;
  do value = bits();
  while (value < reject);
  return value % limit;
}

size_t Choices::between(size_t low, size_t high) { return low + below(high - low + 1); }

bool Choices::chance(double probability) { return static_cast<double>(bits() >> 11) * 0x1.0p-53 < probability; }

std::optional<Window> choose_window(const Document& document, const Records& records, Choices& choices,
                                    uint64_t max_bytes, size_t low, size_t high) {
  const auto& list = records.list;
  if (list.size() < low || low == 0) return std::nullopt;
  size_t first = choices.below(list.size() - low + 1);
  size_t wanted = std::min(choices.between(low, scaled(high, max_bytes)), list.size() - first);
  size_t count = 0;
  while (count < wanted && list[first + count].end - list[first].begin <= max_bytes) ++count;
  if (count < low) return std::nullopt;
  Window window;
  window.records.assign(list.begin() + first, list.begin() + first + count);
  size_t begin = list[first].begin;
  window.text = document.text.substr(begin, list[first + count - 1].end - begin);
  return window;
}

std::vector<Record> few_of(const std::vector<Record>& records, Choices& choices) {
  constexpr size_t few = 8;
  if (records.size() <= few) return records;
  std::vector<size_t> places(records.size());
  for (size_t i = 0; i < places.size(); ++i) places[i] = i;
  choices.shuffle(places);
  places.resize(choices.between(4, few));
  std::sort(places.begin(), places.end());
  std::vector<Record> chosen;
  chosen.reserve(places.size());
  for (size_t place : places) chosen.push_back(records[place]);
  return chosen;
}

std::vector<Question> collect(const Document& document, const Request& request, std::string_view task,
                              const std::function<std::optional<Question>(Choices&)>& make) {
  std::vector<Question> found;
  std::set<std::pair<std::string, std::string>> seen;
  const uint32_t attempts = 12 * request.max_questions + 20;
  for (uint32_t attempt = 0; attempt < attempts && found.size() < request.max_questions; ++attempt) {
    Choices choices(Choices::key(request.seed, {task, document.id, std::to_string(attempt)}));
    auto question = make(choices);
    if (!question || question->context.size() > request.max_context_bytes) continue;
    question->language = document.language;
    if (seen.emplace(question->context, question->question).second) found.push_back(std::move(*question));
  }
  return found;
}

std::vector<std::string> split(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (size_t at = 0;;) {
    size_t end = separator.empty() ? std::string_view::npos : text.find(separator, at);
    if (end == std::string_view::npos) {
      parts.emplace_back(text.substr(at));
      return parts;
    }
    parts.emplace_back(text.substr(at, end - at));
    at = end + separator.size();
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view space = " \t\r\n\f\v";
  size_t begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string joined;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i) joined += separator;
    joined += parts[i];
  }
  return joined;
}

std::vector<std::string> sentences(std::string_view text, bool chinese) {
  UErrorCode status = U_ZERO_ERROR;
  std::unique_ptr<icu::BreakIterator> breaks(icu::BreakIterator::createSentenceInstance(
      chinese ? icu::Locale::getChinese() : icu::Locale::getEnglish(), status));
  if (U_FAILURE(status))
    throw std::runtime_error(std::string("ICU has no sentence boundaries: ") + u_errorName(status));
  std::vector<std::string> found;
  auto whole = icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  breaks->setText(whole);
  int32_t begin = breaks->first();
  for (int32_t end = breaks->next(); end != icu::BreakIterator::DONE; begin = end, end = breaks->next()) {
    std::string sentence;
    whole.tempSubStringBetween(begin, end).toUTF8String(sentence);
    if (auto trimmed = trim(sentence); !trimmed.empty()) found.emplace_back(trimmed);
  }
  return found;
}

std::vector<std::string> characters(std::string_view text) {
  std::vector<std::string> found;
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    next_character(text, at);
    found.emplace_back(text.substr(begin, at - begin));
  }
  return found;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  size_t begin = 0;
  bool inside = false, han = false;
  auto close = [&](size_t end) {
    if (inside && han) add_han_words(text.substr(begin, end - begin), found);
    if (inside && !han) found.emplace_back(text.substr(begin, end - begin));
    inside = false;
  };
  for (size_t at = 0; at < text.size();) {
    size_t here = at;
    UChar32 c = next_character(text, at);
    bool letter = c >= 0 && u_isalpha(c);
    if (inside && !han && (c == '\'' || c == '-') && at < text.size()) {
      size_t ahead = at;
      UChar32 next = next_character(text, ahead);
      if (next >= 0 && u_isalpha(next) && !is_han(next)) continue;
    }
    if (inside && (!letter || is_han(c) != han)) close(here);
    if (!inside && letter) {
      inside = true;
      han = is_han(c);
      begin = here;
    }
  }
  close(text.size());
  return found;
}

std::string opening(const std::string& text, size_t bytes, bool chinese) {
  std::string cut;
  for (const auto& piece : chinese ? characters(text) : split(text, " ")) {
    const std::string_view gap = cut.empty() || chinese ? "" : " ";
    if (cut.size() + gap.size() + piece.size() > bytes) break;
    cut += gap;
    cut += piece;
  }
  return cut;
}

bool all_han(std::string_view text) {
  for (size_t at = 0; at < text.size();)
    if (!is_han(next_character(text, at))) return false;
  return true;
}

size_t occurrences(std::string_view text, std::string_view word) {
  if (word.empty()) return 0;
  size_t count = 0, start = 0;
  UChar32 first = next_character(word, start);
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + word.size())) {
    if (is_han(first)) {
      ++count;
      continue;
    }
    UChar32 before = ' ', after = ' ';
    if (at > 0) {
      int32_t i = static_cast<int32_t>(at);
      U8_PREV(text.data(), 0, i, before);
    }
    size_t end = at + word.size();
    if (end < text.size()) after = next_character(text, end);
    count += !is_word(before) && !is_word(after);
  }
  return count;
}

std::string numbered(const std::vector<std::string>& parts) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) text += (i ? "\n[" : "[") + std::to_string(i + 1) + "] " + parts[i];
  return text;
}

bool distinct(const std::vector<std::string>& values) {
  std::set<std::string> folded;
  for (const auto& value : values) folded.insert(lower(value));
  return folded.size() == values.size();
}

std::string fill(std::string_view pattern, std::initializer_list<std::string_view> values) {
  std::string text;
  auto value = values.begin();
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (value != values.end() && pattern.substr(i, 2) == "{}") {
      text += *value++;
      ++i;
    } else {
      text += pattern[i];
    }
  }
  return text;
}

std::string list_instruction(bool chinese) {
  return chinese ? "先写[答案]，然后每行一项。" : "Write [Answer], then one item per line.";
}

std::string list_answer(const std::vector<std::string>& items, std::string_view language) {
  return (language == "Chinese" ? "[答案]\n" : "[Answer]\n") + join(items, "\n");
}

}  // namespace golong::documents
