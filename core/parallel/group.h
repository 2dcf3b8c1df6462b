// What some ranks do together: sum, gather and exchange tensors.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace golong::parallel {

// What went through a group, or through several.
struct Traffic {
  int64_t bytes_sent = 0;  // by this rank, as rings do it: N-1 parts of N of what is gathered or reduced
  double seconds = 0;      // that this rank stood still, waiting for others or for the network
};

// An operation under way. Its tensors are left alone until it is waited for.
class Pending {
 public:
  Pending() = default;  // nothing is under way
  // Waits; nothing where it was waited for. Throws as the operations of Group do.
  void wait();

 private:
  friend struct GroupState;
  std::shared_ptr<struct Operation> operation_;
};

// Some ranks, in order. Copies are the same group. All of them call the same operations in the same order, with tensors
// of the same sizes where nothing else is said; tensors are dense and on the group's device. Operations throw
// OtherRankFailed that names this rank and what failed, when a rank is gone or does not come within the time that the
// world was opened with; which rank it is, where somebody watches (watch.h). Not thread-safe. A group of one sends
// nothing.
class Group {
 public:
  Group() = default;                                                                            // this process alone
  explicit Group(std::shared_ptr<const struct GroupState> state) : state_(std::move(state)) {}  // parallel/backend.h

  int64_t rank() const;
  int64_t size() const;
  bool alone() const { return state_ == nullptr; }

  void sum(const at::Tensor& x) const;                      // in place, over all ranks
  void broadcast(const at::Tensor& x, int64_t root) const;  // in place, from rank `root`
  // all [N * mine.numel()]: each rank's `mine`, in order.
  Pending gather_later(const at::Tensor& all, const at::Tensor& mine) const;
  void gather(const at::Tensor& all, const at::Tensor& mine) const { gather_later(all, mine).wait(); }
  // mine [all.numel() / N]: the sum over all ranks of this rank's part of `all`. float32 or float64. On the
  // CPU wait() adds them up, and as much as `all` is taken until then.
  Pending sum_parts_later(const at::Tensor& mine, const at::Tensor& all) const;
  void sum_parts(const at::Tensor& mine, const at::Tensor& all) const { sum_parts_later(mine, all).wait(); }
  // Rows [sum of send, ...]: the first send[0] go to rank 0, and so on; returns the rows that came, by rank.
  at::Tensor exchange(const at::Tensor& rows, const std::vector<int64_t>& send,
                      const std::vector<int64_t>& receive) const;
  // Of any sizes; by rank.
  std::vector<std::string> gather(const std::string& text) const;
  double largest(double number) const;  // of all ranks; of a group on the CPU
  void barrier() const;

 private:
  std::shared_ptr<const struct GroupState> state_;
};

}  // namespace golong::parallel
