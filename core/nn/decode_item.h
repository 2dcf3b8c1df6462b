// A part of attention over pages (nn/device_kernels.h), as the device reads it.
#pragma once
#include <cstdint>

namespace golong::nn {

inline constexpr int64_t kPageTokens = 64;  // of one page

// Queries of some rows that see some tokens of a list of pages.
struct DecodeItem {
  int32_t first_row, rows;  // of q
  int32_t pages;            // where the list starts in the page table
  int32_t begin, end;       // tokens of the list that are seen, at least one; `begin` is the start of a page
  int32_t place;            // of the results among those of each of the rows
};

}  // namespace golong::nn
