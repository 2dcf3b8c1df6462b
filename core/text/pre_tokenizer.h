// The cut of a text into words, within which byte-pair encoding works, as a tokenizer.json describes it. Thread-safe
// after loading.
#pragma once
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace golong {

class PreTokenizer {
 public:
  // The value of "pre_tokenizer". Throws Error naming a type or an option that is not supported.
  // `allow_fast`: known patterns are cut by hand (FastSplit) instead of by ICU, with the same words.
  explicit PreTokenizer(const boost::json::value& json, bool allow_fast = true);
  ~PreTokenizer();
  PreTokenizer(PreTokenizer&& other) noexcept;

  // Calls `visit` with each word of valid UTF-8, in order; the views end with the call.
  void split(std::string_view text, const std::function<void(std::string_view)>& visit) const;

 private:
  struct Step;
  void add(const boost::json::value& json);
  void apply(size_t step, std::string_view text, const std::function<void(std::string_view)>& visit) const;

  std::vector<std::unique_ptr<Step>> steps_;
  bool has_byte_level_ = false;
  bool allow_fast_ = true;
};

}  // namespace golong
