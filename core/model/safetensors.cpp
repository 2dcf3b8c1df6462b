#include "core/model/safetensors.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>

#include "core/base/error.h"
#include "core/model/safetensors_header.h"

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

at::ScalarType dtype_of(const std::string& name) {
  for (const Dtype& dtype : kDtypes) {
    if (name == dtype.name) return dtype.type;
  }
  fail("dtype ", name, " has no type of LibTorch");
}

const char* name_of(at::ScalarType type) {
  for (const Dtype& dtype : kDtypes) {
    if (type == dtype.type) return dtype.name;
  }
  fail("cannot write a tensor of type ", c10::toString(type), " to a safetensors file");
}

std::string header_of(const NamedTensors& tensors, const std::map<std::string, std::string>& metadata,
                      std::optional<at::ScalarType> dtype) {
  json::object header;
  if (!metadata.empty()) {
    json::object& notes = header["__metadata__"].emplace_object();
    for (const auto& [key, value] : metadata) notes[key] = value;
  }
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const at::ScalarType type = dtype.value_or(tensor.scalar_type());
    const uint64_t bytes = static_cast<uint64_t>(tensor.numel()) * c10::elementSize(type);
    json::array shape;
    for (int64_t size : tensor.sizes()) shape.push_back(size);
    header[name] = {{"dtype", name_of(type)}, {"shape", shape}, {"data_offsets", json::array{offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = json::serialize(header);
  text.append((8 - text.size() % 8) % 8, ' ');  // data stays aligned
  return text;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const fs::path& path) : file_(std::make_shared<MappedFile>(path)) {
  const std::string_view bytes = file_->bytes();
  SafetensorsHeader header = read_safetensors_header(bytes, path.string());
  metadata_ = std::move(header.metadata);
  for (const StoredTensor& stored : header.tensors) {
    void* data = const_cast<char*>(bytes.data()) + header.bytes + stored.begin;
    tensors_[stored.name] = at::from_blob(
        data, stored.shape, [file = file_](void*) {}, at::TensorOptions().dtype(dtype_of(stored.dtype)));
  }
}

void write_safetensors(const fs::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata, std::optional<at::ScalarType> dtype) {
  std::string header = header_of(tensors, metadata, dtype);
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
    at::Tensor flat = tensor.detach().to(at::kCPU, dtype.value_or(tensor.scalar_type())).contiguous();
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

}  // namespace golong
