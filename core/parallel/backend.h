// What stands between Group and the process groups of c10d; for those who make groups.
#pragma once
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/parallel/group.h"

namespace golong::parallel {

// Makes the process group of some ranks, for tensors on one kind of device.
class Backends {
 public:
  virtual ~Backends() = default;
  virtual c10::intrusive_ptr<c10d::Backend> make(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                                 std::chrono::milliseconds timeout) const = 0;
};

struct GroupState {
  c10::intrusive_ptr<c10d::Backend> backend;  // of two ranks or more
  std::string name;                           // what messages call it, such as "context ranks"
  std::shared_ptr<Traffic> traffic;           // counts, shared with other groups

  Pending begin(c10::intrusive_ptr<c10d::Work> work, const char* what, int64_t bytes,
                std::vector<at::Tensor> tensors) const;
};

}  // namespace golong::parallel
