// How long each prompt of a file is, and whose task it is: counted once, then kept on the disk.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace golong {

struct TokenCount {
  uint32_t tokens = 0;
  std::string task;
};

// Keeps counts in a folder under a key. An empty folder name keeps nothing.
class TokenCountCache {
 public:
  explicit TokenCountCache(std::filesystem::path folder) : folder_(std::move(folder)) {}
  // The counts of `rows` rows, or nothing where they are not there; a file that cannot be understood is not there.
  bool load(const std::string& key, size_t rows, std::vector<TokenCount>& counts) const;
  void save(const std::string& key, const std::vector<TokenCount>& counts) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace golong
