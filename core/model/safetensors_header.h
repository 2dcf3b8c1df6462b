// The header of a safetensors file: 8 bytes of size, then JSON {name: {dtype, shape, data_offsets}}, then the data.
// Needs no LibTorch, so that it can be fuzzed.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace golong {

struct StoredTensor {
  std::string name;
  std::string dtype;  // "F32"
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;  // within the data
};

struct SafetensorsHeader {
  uint64_t bytes = 0;                 // from the file's beginning to the data
  std::vector<StoredTensor> tensors;  // in the order of the data, which they fill without gap or overlap
  std::map<std::string, std::string> metadata;
};

// `file`: the contents of the whole file; `where`: its name. Throws Error that says what is wrong with which tensor.
SafetensorsHeader read_safetensors_header(std::string_view file, const std::string& where);

}  // namespace golong
