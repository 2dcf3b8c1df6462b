// Rows that change places between ranks, with their gradients.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/parallel/group.h"

namespace golong::nn {

// Rows [sum of send, ...], of which the first send[0] go to rank 0, and so on -> those that came [sum of receive, ...],
// by rank. The gradients of rows go back to where they are from: where rows have gradients all ranks of the group run
// the backward pass, those without rows, too.
at::Tensor exchange_rows(const at::Tensor& rows, const std::vector<int64_t>& send, const std::vector<int64_t>& receive,
                         const parallel::Group& group);

}  // namespace golong::nn
