#include "core/model/safetensors_header.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstring>

#include "core/base/error.h"

namespace golong {
namespace {

namespace json = boost::json;

constexpr uint64_t kMostHeaderBytes = 100'000'000;  // as the format's own library has it

struct Dtype {
  const char* name;
  uint64_t bytes;
};
constexpr Dtype kDtypes[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                             {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};

uint64_t size_of(const std::string& dtype, const std::string& where) {
  std::string known;
  for (const Dtype& one : kDtypes) {
    if (dtype == one.name) return one.bytes;
    known += std::string(known.empty() ? "" : ", ") + one.name;
  }
  fail(where, ": dtype ", dtype, " is not supported; expected one of ", known);
}

const json::value& member(const json::value& entry, const char* key, json::kind kind, const std::string& where) {
  const json::value* value = entry.is_object() ? entry.as_object().if_contains(key) : nullptr;
  if (!value || value->kind() != kind) fail(where, ": the header has no ", key, " for it, or one of a wrong type");
  return *value;
}

uint64_t number(const json::value& value, const char* what, const std::string& where) {
  boost::system::error_code error;
  const auto found = value.to_number<int64_t>(error);
  if (error || found < 0) fail(where, ": ", what, " must hold numbers from 0 on, found ", json::serialize(value));
  return static_cast<uint64_t>(found);
}

StoredTensor tensor_of(const json::value& entry, const std::string& name, uint64_t data, const std::string& where) {
  StoredTensor tensor;
  tensor.name = name;
  tensor.dtype = std::string(member(entry, "dtype", json::kind::string, where).as_string());
  uint64_t bytes = size_of(tensor.dtype, where);
  for (const json::value& size : member(entry, "shape", json::kind::array, where).as_array()) {
    const uint64_t count = number(size, "shape", where);
    if (count && bytes > (uint64_t{1} << 60) / count) {
      fail(where, ": impossible shape ", json::serialize(entry.at("shape")));
    }
    bytes *= count;
    tensor.shape.push_back(static_cast<int64_t>(count));
  }
  const json::array& offsets = member(entry, "data_offsets", json::kind::array, where).as_array();
  if (offsets.size() != 2) fail(where, ": data_offsets must be two numbers, found ", json::serialize(offsets));
  tensor.begin = number(offsets[0], "data_offsets", where);
  tensor.end = number(offsets[1], "data_offsets", where);
  if (tensor.begin > tensor.end || tensor.end > data) {
    fail(where, ": data_offsets ", json::serialize(offsets), " reach beyond the file's ", data,
         " bytes of data. The file is truncated or corrupt; copy it again");
  }
  if (tensor.end - tensor.begin != bytes) {
    fail(where, ": has ", tensor.end - tensor.begin, " bytes, its shape ", json::serialize(entry.at("shape")),
         " and dtype ", tensor.dtype, " need ", bytes);
  }
  return tensor;
}

// The format wants every byte of the data to belong to one tensor.
void check_layout(std::vector<StoredTensor>& tensors, uint64_t data, const std::string& where) {
  std::sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  uint64_t end = 0;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.begin != end) {
      fail(where, ": ", tensor.name, ": begins at byte ", tensor.begin, " of the data, the tensor before it ends at ",
           end, ". The file is corrupt; copy it again");
    }
    end = tensor.end;
  }
  if (end != data) {
    fail(where, ": has ", data, " bytes of data, its tensors ", end, ". The file is corrupt; copy it again");
  }
}

std::string_view header_text(std::string_view file, const std::string& where) {
  if (file.size() < 8) {
    fail(where, ": is no safetensors file, or a truncated one: it has ", file.size(), " bytes");
  }
  uint64_t size = 0;
  std::memcpy(&size, file.data(), 8);
  if (size > file.size() - 8 || size > kMostHeaderBytes) {
    fail(where, ": is no safetensors file, or a truncated one: the header is said to have ", size,
         " bytes, the file has ", file.size(), size > kMostHeaderBytes ? "; at most 100000000 are allowed" : "");
  }
  return file.substr(8, size);
}

}  // namespace

SafetensorsHeader read_safetensors_header(std::string_view file, const std::string& where) {
  const std::string_view text = header_text(file, where);
  SafetensorsHeader header;
  header.bytes = 8 + text.size();
  const uint64_t data = file.size() - header.bytes;
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) {
    fail(where, ": the safetensors header cannot be read: it is no JSON object", error ? ": " + error.message() : "");
  }
  const std::string before = where + ": ";
  for (const auto& [key, entry] : value.as_object()) {
    const std::string name(key);
    if (name != "__metadata__") {
      header.tensors.push_back(tensor_of(entry, name, data, std::string(before).append(name)));
      continue;
    }
    if (!entry.is_object()) fail(where, ": __metadata__ of the header must be a table of texts");
    for (const auto& [note, content] : entry.as_object()) {
      if (!content.is_string()) fail(where, ": __metadata__: ", std::string(note), " must be a text");
      header.metadata[note] = std::string(content.as_string());
    }
  }
  check_layout(header.tensors, data, where);
  return header;
}

}  // namespace golong
