#include "core/text/normalizer.h"

#include <unicode/normalizer2.h>
#include <unicode/uniset.h>
#include <unicode/unistr.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/error.h"
#include "core/text/json_part.h"

namespace golong {
namespace {

constexpr std::array<const char*, 4> known_forms = {"NFC", "NFD", "NFKC", "NFKD"};

void add_forms(const boost::json::value& value, std::vector<std::string>& forms) {
  if (value.is_null()) return;
  const std::string type = type_of(value, "normalizer");
  if (type == "Sequence") {
    for (const auto& step : steps_of(value, "normalizer", "normalizers")) add_forms(step, forms);
  } else if (std::find(known_forms.begin(), known_forms.end(), type) != known_forms.end()) {
    forms.push_back(type);
  } else {
    fail("normalizer ", type, " is not supported (supported: NFC, NFD, NFKC, NFKD, Sequence of these)");
  }
}

const icu::Normalizer2& unfiltered(const std::string& form) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* found = form == "NFC"    ? icu::Normalizer2::getNFCInstance(status)
                                  : form == "NFD"  ? icu::Normalizer2::getNFDInstance(status)
                                  : form == "NFKC" ? icu::Normalizer2::getNFKCInstance(status)
                                                   : icu::Normalizer2::getNFKDInstance(status);
  if (U_FAILURE(status)) fail("ICU cannot normalise to ", form, ": ", u_errorName(status));
  return *found;
}

const icu::UnicodeSet& unicode_9() {
  static const icu::UnicodeSet set = [] {
    UErrorCode status = U_ZERO_ERROR;
    icu::UnicodeSet made(u"[:age=9.0:]", status);
    if (U_FAILURE(status)) fail("ICU does not know the characters of Unicode 9.0: ", u_errorName(status));
    made.freeze();
    return made;
  }();
  return set;
}

const icu::Normalizer2& normalizer(const std::string& form) {
  static const std::array<icu::FilteredNormalizer2, 4> all = {
      icu::FilteredNormalizer2(unfiltered(known_forms[0]), unicode_9()),
      icu::FilteredNormalizer2(unfiltered(known_forms[1]), unicode_9()),
      icu::FilteredNormalizer2(unfiltered(known_forms[2]), unicode_9()),
      icu::FilteredNormalizer2(unfiltered(known_forms[3]), unicode_9())};
  const auto* const found = std::find(known_forms.begin(), known_forms.end(), form);
  return all[static_cast<size_t>(found - known_forms.begin())];
}

bool is_ascii(std::string_view text) {
  unsigned char all = 0;
  for (char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

template <class Visit>
void for_each_point(std::string_view text, const Visit& visit) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  for (size_t i = 0; i < text.size();) {
    UChar32 point;
    U8_NEXT_UNSAFE(bytes, i, point);
    visit(point);
  }
}

// Whether so many characters follow one another that may all have to change places.
bool has_long_run(const icu::Normalizer2& form, std::string_view text) {
  constexpr size_t most = 256;
  size_t run = 0, longest = 0;
  for_each_point(text, [&](UChar32 point) {
    run = point < 0x300 || form.hasBoundaryBefore(point) ? 0 : run + 1;
    longest = std::max(longest, run);
  });
  return longest > most;
}

// The decomposition with its marks in their order. ICU puts marks in order by insertion: a megabyte of them takes it a
// minute, but no time where they are in order already.
std::string in_order(const icu::Normalizer2& form, std::string_view text) {
  std::vector<std::pair<uint8_t, UChar32>> points;  // combining class, character
  points.reserve(text.size());
  icu::UnicodeString parts;
  for_each_point(text, [&](UChar32 point) {
    if (!form.getDecomposition(point, parts)) parts = point;
    for (int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1)) {
      points.emplace_back(form.getCombiningClass(parts.char32At(i)), parts.char32At(i));
    }
  });
  const auto is_mark = [](const auto& point) { return point.first != 0; };
  for (auto begin = points.begin(); begin != points.end();) {
    begin = std::find_if(begin, points.end(), is_mark);
    const auto end = std::find_if_not(begin, points.end(), is_mark);
    std::stable_sort(begin, end, [](const auto& a, const auto& b) { return a.first < b.first; });
    begin = end;
  }
  std::string ordered;
  for (const auto& point : points) {
    uint8_t bytes[U8_MAX_LENGTH];
    int32_t size = 0;
    U8_APPEND_UNSAFE(bytes, size, point.second);
    ordered.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  }
  return ordered;
}

std::string normalized(const std::string& name, const std::string& text) {
  const icu::Normalizer2& form = normalizer(name);
  const std::string source = has_long_run(form, text) ? in_order(form, text) : text;
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  UErrorCode status = U_ZERO_ERROR;
  form.normalizeUTF8(0, icu::StringPiece(source.data(), static_cast<int32_t>(source.size())), sink, nullptr, status);
  if (U_FAILURE(status)) fail("ICU cannot normalise a text to ", name, ": ", u_errorName(status));
  return result;
}

}  // namespace

Normalizer::Normalizer(const boost::json::value& json) { add_forms(json, forms_); }

std::string Normalizer::apply(std::string_view text) const {
  std::string result(text);
  if (forms_.empty() || is_ascii(text)) return result;
  for (const std::string& form : forms_) {
    result = normalized(form, result);
    // One character becomes 18 at most, and ICU counts in 32 bits.
    if (result.size() > INT32_MAX) fail("a text of ", text.size(), " bytes is too long to be normalised to ", form);
  }
  return result;
}

}  // namespace golong
