// Rows of a dataset: any line is a row, or an Error that says what is wrong with it.
#include "core/data/row.h"
#include "core/base/error.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    golong::parse_row({reinterpret_cast<const char*>(data), size}, "fuzz:1");
  } catch (const golong::Error& error) {
    golong::fuzz::require(std::string_view(error.what()).starts_with("fuzz:1"), "the error names the line");
  }
  return 0;
}
