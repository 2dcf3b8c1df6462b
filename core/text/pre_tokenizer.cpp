#include "core/text/pre_tokenizer.h"

#include <unicode/regex.h>
#include <unicode/unistr.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "core/base/error.h"
#include "core/text/fast_split.h"
#include "core/text/json_part.h"

namespace golong {
namespace {

namespace json = boost::json;

// The words of GPT-2, which ByteLevel cuts by itself where `use_regex` is set.
constexpr char gpt2_pattern[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Bytes of UTF-8 that a part of valid UTF-16 takes.
size_t utf8_size(const char16_t* text, int32_t begin, int32_t end) {
  size_t size = 0;
  for (int32_t i = begin; i < end; ++i) {
    size += text[i] < 0x80 ? 1 : text[i] < 0x800 || U16_IS_SURROGATE(text[i]) ? 2 : 3;
  }
  return size;
}

}  // namespace

// Each match and each stretch between two matches is a piece; or, for ByteLevel, a space is put in front.
struct PreTokenizer::Step {
  std::unique_ptr<icu::RegexPattern> pattern;
  std::optional<FastSplit> fast;  // in the pattern's place
  bool prefix_space = false;
};

PreTokenizer::~PreTokenizer() = default;
PreTokenizer::PreTokenizer(PreTokenizer&&) noexcept = default;

PreTokenizer::PreTokenizer(const json::value& value, bool allow_fast) : allow_fast_(allow_fast) {
  if (!value.is_null()) add(value);
  if (!has_byte_level_) {
    fail("pre_tokenizer has no step ByteLevel: golong reads byte-level tokenizers only (Qwen, Llama 3, GPT-2)");
  }
}

void PreTokenizer::add(const json::value& value) {
  const std::string type = type_of(value, "pre_tokenizer");
  const auto compile = [](const std::string& pattern, uint32_t flags) {
    UErrorCode status = U_ZERO_ERROR;
    UParseError where;
    std::unique_ptr<icu::RegexPattern> compiled(
        icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(pattern), flags, where, status));
    if (U_FAILURE(status)) {
      fail("pre_tokenizer Split has the pattern ", pattern, ", which ICU cannot read at ", where.offset, ": ",
           u_errorName(status));
    }
    return compiled;
  };
  if (type == "Sequence") {
    for (const json::value& step : steps_of(value, "pre_tokenizer", "pretokenizers")) add(step);
  } else if (type == "Split") {
    const json::object& split = value.as_object();
    const json::value* behavior = split.if_contains("behavior");
    if (!behavior || *behavior != "Isolated") {
      fail("pre_tokenizer Split has the behavior ", behavior ? json::serialize(*behavior) : "nothing",
           ", only \"Isolated\" is supported");
    }
    const json::value* pattern = split.if_contains("pattern");
    const json::object* kind = pattern ? pattern->if_object() : nullptr;
    const json::value* regex = kind ? kind->if_contains("Regex") : nullptr;
    const json::value* literal = kind ? kind->if_contains("String") : nullptr;
    const json::value* text = regex ? regex : literal;
    if (!text || !text->is_string()) fail("pre_tokenizer Split has no pattern {\"Regex\"} or {\"String\"}");
    auto step = std::make_unique<Step>();
    step->pattern = compile(std::string(text->as_string()), regex ? 0 : static_cast<uint32_t>(UREGEX_LITERAL));
    if (regex && allow_fast_) step->fast = FastSplit::of_pattern(text->as_string());
    steps_.push_back(std::move(step));
  } else if (type == "ByteLevel") {
    has_byte_level_ = true;
    if (switch_of(value, "pre_tokenizer ByteLevel", "add_prefix_space", true)) {
      steps_.push_back(std::make_unique<Step>());
      steps_.back()->prefix_space = true;
    }
    if (switch_of(value, "pre_tokenizer ByteLevel", "use_regex", true)) {
      steps_.push_back(std::make_unique<Step>());
      steps_.back()->pattern = compile(gpt2_pattern, 0);
    }
  } else {
    fail("pre_tokenizer ", type, " is not supported (supported: Split, ByteLevel, Sequence of these)");
  }
}

void PreTokenizer::split(std::string_view text, const std::function<void(std::string_view)>& visit) const {
  apply(0, text, visit);
}

void PreTokenizer::apply(size_t index, std::string_view text,
                         const std::function<void(std::string_view)>& visit) const {
  if (text.empty()) return;
  if (index == steps_.size()) return visit(text);
  const Step& step = *steps_[index];
  if (step.prefix_space) {
    if (text.front() == ' ') return apply(index + 1, text, visit);
    return apply(index + 1, " " + std::string(text), visit);
  }
  if (step.fast) return step.fast->split(text, [&](std::string_view word) { apply(index + 1, word, visit); });
  const icu::UnicodeString wide =
      icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
  UErrorCode status = U_ZERO_ERROR;
  std::unique_ptr<icu::RegexMatcher> matcher(step.pattern->matcher(wide, status));
  if (U_SUCCESS(status)) matcher->setStackLimit(0, status);  // else a word of some hundred kilobytes is an error
  int32_t done = 0;
  size_t byte = 0;
  const auto take = [&](int32_t end) {
    const size_t size = utf8_size(wide.getBuffer(), done, end);
    apply(index + 1, text.substr(byte, size), visit);
    byte += size;
    done = end;
  };
  while (U_SUCCESS(status) && matcher->find(status)) {
    take(matcher->start(status));
    take(matcher->end(status));
  }
  if (U_FAILURE(status)) fail("ICU cannot split a text of ", text.size(), " bytes into words: ", u_errorName(status));
  take(wide.length());
}

}  // namespace golong
