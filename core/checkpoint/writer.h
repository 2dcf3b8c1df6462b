// Writes checkpoints while training goes on: from a copy, in a thread of its own.
#pragma once
#include <future>

#include "core/checkpoint/checkpoint.h"

namespace golong {

// At most one write is under way. Not thread-safe: one thread calls it, and leaves the store alone meanwhile.
class CheckpointWriter {
 public:
  // Not `background`: save() itself writes, without a copy.
  CheckpointWriter(CheckpointStore store, bool background) : store_(std::move(store)), background_(background) {}

  // Waits for the write under way; that it failed is logged as an error, for nobody is left to be told.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Waits for the write under way, then copies the tensors to the CPU and begins to write; the caller may change its
  // own from then on. Memory: one copy of the snapshot, freed when it is written. Throws as check() does.
  void save(Snapshot snapshot);

  // Throws the Error of a write that has failed, once. Does not wait.
  void check();

  // Waits for the write under way. Throws its Error.
  void finish();

  // Likewise, but that it failed is only logged: for a save that is to be tried again.
  void forget_failure();

 private:
  CheckpointStore store_;
  bool background_;
  std::future<void> write_;
};

}  // namespace golong
