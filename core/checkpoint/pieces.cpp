#include "core/checkpoint/pieces.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <string_view>

#include "core/base/error.h"

namespace golong {
namespace {

int64_t count_of(const std::vector<int64_t>& size) {
  return std::accumulate(size.begin(), size.end(), int64_t{1}, std::multiplies<>());
}

std::string text_of(const std::vector<int64_t>& size) {
  std::string text;
  for (const int64_t n : size) text += (text.empty() ? "" : "x") + std::to_string(n);
  return text;
}

// The numbers of "128:3x5": the offset, then the size.
std::vector<int64_t> numbers_of(const std::string& name, std::string_view text) {
  std::vector<int64_t> numbers;
  for (const char* at = text.data(); at < text.data() + text.size(); ++at) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(at, text.data() + text.size(), number);
    if (error != std::errc()) fail("the checkpoint has a tensor ", name, ", which is no part of one");
    numbers.push_back(number);
    at = end;
  }
  return numbers;
}

}  // namespace

std::pair<std::string, at::Tensor> stored_part(const std::string& name, const at::Tensor& part, int64_t offset,
                                               const std::vector<int64_t>& size) {
  if (part.numel() == count_of(size)) return {name, part.view(size)};
  return {name + "@" + std::to_string(offset) + ":" + text_of(size), part};
}

Pieces::Pieces(const NamedTensors& stored) {
  for (const auto& [name, tensor] : stored) {
    const size_t mark = name.find('@');
    if (mark == std::string::npos) {
      tensors_[name] = {tensor.sizes().vec(), {{0, tensor}}};
      continue;
    }
    const std::vector<int64_t> numbers = numbers_of(name, std::string_view(name).substr(mark + 1));
    if (numbers.size() < 2) fail("the checkpoint has a tensor ", name, ", which is no part of one");
    Stored& whole = tensors_[name.substr(0, mark)];
    whole.size.assign(numbers.begin() + 1, numbers.end());
    whole.parts[numbers[0]] = tensor;
  }
}

const Pieces::Stored& Pieces::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail("the checkpoint has no ", name);
  return found->second;
}

void Pieces::read(const std::string& name, int64_t offset, const std::vector<int64_t>& size,
                  const at::Tensor& to) const {
  const Stored& stored = find(name);
  if (stored.size != size) {
    fail("the checkpoint's ", name, " has size ", text_of(stored.size), ", expected ", text_of(size));
  }
  const int64_t end = offset + to.numel();
  int64_t done = offset;
  for (const auto& [start, part] : stored.parts) {
    const int64_t first = std::max(start, done), last = std::min(start + part.numel(), end);
    if (start > done || first >= last) continue;
    to.narrow(0, first - offset, last - first).copy_(part.flatten().narrow(0, first - start, last - first));
    done = last;
  }
  if (done < end) fail("the checkpoint has not all of ", name, ": its element ", done, " is missing");
}

at::Tensor Pieces::whole(const std::string& name) const {
  const Stored& stored = find(name);
  if (const auto& first = stored.parts.begin()->second; first.sizes().vec() == stored.size) return first;
  const at::Tensor all = at::empty({count_of(stored.size)}, stored.parts.begin()->second.options());
  read(name, 0, stored.size, all);
  return all.view(stored.size);
}

std::vector<std::string> Pieces::names() const {
  std::vector<std::string> names;
  for (const auto& [name, stored] : tensors_) names.push_back(name);
  return names;
}

}  // namespace golong
