// A projection of few rows on the CPU: y = x W^T. A library's matrix product first copies the weights into an order of
// its own, which for few rows takes longer than to multiply them; here each weight is read once from where it lies.
#pragma once
#include <cstdint>
#include <vector>

namespace golong::nn {

// Dense, row by row. Weights are float32 or bfloat16; their products are added up in float32.
struct FewRows {
  const float* x;  // [rows, in]
  int64_t rows, in, out;
  const void* weight;  // [out, in]
  bool bfloat16;       // the weights' type
  float* y;            // [rows, out]
};

// Computes y[:, begin:end]. A row's numbers depend neither on how many rows there are nor on the part.
void project_few_rows(const FewRows& product, int64_t begin, int64_t end);

// It for each instruction set that this machine has, the one that is used first; for tests.
std::vector<decltype(&project_few_rows)> project_few_rows_versions();

}  // namespace golong::nn
