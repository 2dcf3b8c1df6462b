// What stands between Group and the process groups of c10d; for those who make groups.
#pragma once
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/parallel/group.h"
#include "core/parallel/operations.h"

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
  std::shared_ptr<Operations> operations;     // likewise
  size_t number = 0;                          // of the group among them

  // Counts the operation, and begins it. Throws OtherRankFailed as Pending::wait() does.
  using Begin = std::function<c10::intrusive_ptr<c10d::Work>(c10d::Backend&)>;
  // `finish` is run by Pending::wait() when it is done.
  Pending begin(const char* what, int64_t bytes, std::vector<at::Tensor> tensors, const Begin& begin,
                std::function<void()> finish = {}) const;
  [[noreturn]] void failed(const char* what, int64_t operation, const std::exception& error) const;
};

}  // namespace golong::parallel
