#include "core/model/safetensors.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <set>

#include "core/base/error.h"

namespace golong {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

struct Dtype {
  const char* name;
  at::ScalarType type;
};
constexpr Dtype kDtypes[] = {{"F32", at::kFloat}, {"F64", at::kDouble}, {"F16", at::kHalf},  {"BF16", at::kBFloat16},
                             {"I64", at::kLong},  {"I32", at::kInt},    {"I16", at::kShort}, {"I8", at::kChar},
                             {"U8", at::kByte},   {"BOOL", at::kBool}};

at::ScalarType dtype_of(std::string_view name, const std::string& where) {
  for (const Dtype& dtype : kDtypes) {
    if (name == dtype.name) return dtype.type;
  }
  fail(where, ": unknown dtype ", std::string(name));
}

const char* name_of(at::ScalarType type) {
  for (const Dtype& dtype : kDtypes) {
    if (type == dtype.type) return dtype.name;
  }
  fail("cannot write a tensor of type ", c10::toString(type), " to a safetensors file");
}

// One entry of the header as a tensor over the mapped data.
at::Tensor tensor_of(const json::value& entry, std::string_view data, const std::shared_ptr<MappedFile>& file,
                     const std::string& where) {
  const json::object& object = entry.as_object();
  at::ScalarType type = dtype_of(object.at("dtype").as_string(), where);
  std::vector<int64_t> shape;
  uint64_t count = 1;
  for (const json::value& size : object.at("shape").as_array()) {
    shape.push_back(size.to_number<int64_t>());
    if (shape.back() < 0 || (shape.back() && count > (uint64_t{1} << 56) / static_cast<uint64_t>(shape.back()))) {
      fail(where, ": impossible shape");
    }
    count *= static_cast<uint64_t>(shape.back());
  }
  const json::array& offsets = object.at("data_offsets").as_array();
  uint64_t begin = offsets.at(0).to_number<uint64_t>(), end = offsets.at(1).to_number<uint64_t>();
  uint64_t bytes = count * c10::elementSize(type);
  if (begin > end || end > data.size()) {
    fail(where, ": data_offsets [", begin, ", ", end, "] reach beyond the file's ", data.size(),
         " bytes of data. The file is truncated or corrupt; copy it again");
  }
  if (end - begin != bytes) fail(where, ": has ", end - begin, " bytes, its shape and dtype need ", bytes);
  void* address = const_cast<char*>(data.data()) + begin;
  return at::from_blob(
      address, shape, [file](void*) {}, at::TensorOptions().dtype(type));
}

std::string header_of(const NamedTensors& tensors, const std::map<std::string, std::string>& metadata) {
  json::object header;
  if (!metadata.empty()) {
    json::object& notes = header["__metadata__"].emplace_object();
    for (const auto& [key, value] : metadata) notes[key] = value;
  }
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    uint64_t bytes = static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
    json::array shape;
    for (int64_t size : tensor.sizes()) shape.push_back(size);
    header[name] = {{"dtype", name_of(tensor.scalar_type())},
                    {"shape", shape},
                    {"data_offsets", json::array{offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = json::serialize(header);
  text.append((8 - text.size() % 8) % 8, ' ');  // data stays aligned
  return text;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const fs::path& path) {
  auto file = std::make_shared<MappedFile>(path);
  std::string_view bytes = file->bytes();
  uint64_t size = 0;
  if (bytes.size() >= 8) std::memcpy(&size, bytes.data(), 8);
  if (bytes.size() < 8 || size > bytes.size() - 8) {
    fail(path.string(), ": no safetensors file, or a truncated one (", bytes.size(), " bytes, header of ", size, ")");
  }
  try {
    json::value header = json::parse(bytes.substr(8, size));
    std::string_view data = bytes.substr(8 + size);
    for (const auto& [name, entry] : header.as_object()) {
      if (name == "__metadata__") {
        for (const auto& [key, value] : entry.as_object()) metadata_[key] = std::string(value.as_string());
      } else {
        tensors_[name] = tensor_of(entry, data, file, path.string() + ": " + std::string(name));
      }
    }
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail(path.string(), ": the safetensors header cannot be read: ", error.what());
  }
}

void write_safetensors(const fs::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::string header = header_of(tensors, metadata);
  fs::path temporary = path;
  temporary += ".tmp" + std::to_string(::getpid());
  int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) fail("cannot write ", path.string(), ": ", std::strerror(errno));
  auto put = [&](const void* data, size_t size) {
    const char* next = static_cast<const char*>(data);
    while (size > 0) {
      ssize_t done = ::write(fd, next, size);
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return false;
      next += done;
      size -= static_cast<size_t>(done);
    }
    return true;
  };
  uint64_t size = header.size();
  bool ok = put(&size, 8) && put(header.data(), header.size());
  for (const auto& [name, tensor] : tensors) {
    if (!ok) break;
    at::Tensor flat = tensor.detach().to(at::kCPU).contiguous();
    ok = put(flat.const_data_ptr(), static_cast<size_t>(flat.numel()) * flat.element_size());
  }
  ok = ok && ::fsync(fd) == 0;
  int reason = errno;
  ::close(fd);
  if (!ok || ::rename(temporary.c_str(), path.c_str()) != 0) {
    if (ok) reason = errno;
    ::unlink(temporary.c_str());
    fail("cannot write ", path.string(), ": ", std::strerror(reason));
  }
}

std::map<std::string, at::Tensor> read_weights(const fs::path& folder) {
  fs::path single = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
  if (fs::exists(single)) return SafetensorsFile(single).tensors();
  if (!fs::exists(index)) {
    fail(folder.string(),
         ": no model.safetensors and no model.safetensors.index.json; a Hugging Face folder is expected");
  }
  std::set<std::string> shards;
  try {
    json::value parsed = json::parse(read_file(index));
    for (const auto& [name, shard] : parsed.at("weight_map").as_object()) {
      shards.emplace(shard.as_string());
    }
  } catch (const std::exception& error) {
    fail(index.string(), ": cannot be read: ", error.what());
  }
  std::map<std::string, at::Tensor> all;
  for (const std::string& shard : shards) {
    SafetensorsFile file(folder / shard);
    all.insert(file.tensors().begin(), file.tensors().end());
  }
  return all;
}

}  // namespace golong
