// Reads the keys of a config.json. Every error names file and key, what was found and what is expected.
#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace golong {

class ConfigJson {
 public:
  // Throws Error where the file is no JSON object.
  explicit ConfigJson(const std::filesystem::path& file);

  const std::string& file() const { return file_; }
  // nullptr where the key is missing or null.
  const boost::json::value* find(const char* key) const;

  // Each throws Error where the value is something else, or missing without a fallback.
  // From 1 to `most`, which keeps products of two of them from overflowing.
  int64_t integer(const char* key, std::optional<int64_t> fallback = {}, int64_t most = INT32_MAX) const;
  double real(const char* key, std::optional<double> fallback = {}) const;  // from 1e-15 to 1e15
  bool boolean(const char* key, bool fallback) const;
  std::string text(const char* key, const std::string& fallback) const;
  std::vector<int64_t> integers(const char* key) const;  // a list; empty where it is missing

  // The table under a key ("rope_scaling: factor" in messages), or nothing.
  std::optional<ConfigJson> table(const char* key) const;

  // Throws the Error that `key` is not what is expected ("a positive number").
  [[noreturn]] void refuse(const char* key, const std::string& expected) const;

 private:
  ConfigJson(boost::json::object object, std::string file) : object_(std::move(object)), file_(std::move(file)) {}

  boost::json::object object_;
  std::string file_;
};

}  // namespace golong
