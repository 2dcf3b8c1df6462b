// Values one after another as bytes, for messages between processes and for files of our own: numbers as they lie in
// memory, texts and lists with their size before them. What reads them is the machine that wrote them.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace golong {

class Encoder {
 public:
  template <class Number>
  Encoder& number(Number value) {
    static_assert(std::is_arithmetic_v<Number>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Encoder& text(std::string_view value) {
    number<uint64_t>(value.size());
    bytes_.append(value);
    return *this;
  }
  template <class Number>
  Encoder& numbers(const std::vector<Number>& values) {
    static_assert(std::is_arithmetic_v<Number>);
    return text({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number)});
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Throws Error where the bytes end too early, or too late.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}

  template <class Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string text() { return std::string(take(number<uint64_t>())); }
  bool boolean() { return number<uint8_t>() != 0; }
  template <class Number>
  std::vector<Number> numbers() {
    const std::string_view bytes = take(number<uint64_t>());
    std::vector<Number> values(bytes.size() / sizeof(Number));
    if (values.size() * sizeof(Number) != bytes.size()) fail("a list ends within a number");
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  void end() const {
    if (!rest_.empty()) fail("a message has ", rest_.size(), " bytes too many");
  }

 private:
  std::string_view take(uint64_t size) {
    if (size > rest_.size()) fail("a message ends too early");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::string_view rest_;
};

}  // namespace golong
