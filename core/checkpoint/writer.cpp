#include "core/checkpoint/writer.h"

#include <ATen/ATen.h>

#include <chrono>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "core/report/log.h"

namespace golong {
namespace {

// Of tensors that lie on the CPU, too: training goes on in them.
void copy_tensors(std::vector<std::pair<std::string, at::Tensor>>& tensors) {
  for (auto& [name, tensor] : tensors) {
    tensor = tensor.detach().to(at::kCPU, tensor.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
  }
}

}  // namespace

CheckpointWriter::~CheckpointWriter() { forget_failure(); }

void CheckpointWriter::save(Snapshot snapshot) {
  finish();
  if (!background_) return store_.save(snapshot);
  copy_tensors(snapshot.weights);
  copy_tensors(snapshot.optimizer);
  // The copy is freed when it is written, not when somebody asks how the write went.
  write_ = std::async(std::launch::async, [this, copy = std::make_unique<Snapshot>(std::move(snapshot))]() mutable {
    const std::unique_ptr<Snapshot> written = std::move(copy);
    store_.save(*written);
  });
}

void CheckpointWriter::check() {
  if (write_.valid() && write_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) finish();
}

void CheckpointWriter::forget_failure() {
  try {
    finish();
  } catch (const std::exception& error) {
    log::error(error.what());
  }
}

void CheckpointWriter::finish() {
  if (write_.valid()) write_.get();
}

}  // namespace golong
