// Unicode normalisation as a tokenizer.json asks for it. Thread-safe.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace golong {

class Normalizer {
 public:
  // The value of "normalizer". Throws Error naming a type that is not supported.
  explicit Normalizer(const boost::json::value& json);

  // `text` is valid UTF-8. The time is n log n at most. Characters that are newer than Unicode 9.0 are left where and
  // as they stand: so does the package `tokenizers`, with which models are trained, and so ids are the same whatever
  // ICU the machine has.
  std::string apply(std::string_view text) const;

 private:
  std::vector<std::string> forms_;  // "NFC", ... in order
};

}  // namespace golong
