#include "core/model/family.h"

#include "core/base/error.h"

namespace golong {

const Family& find_family(const std::string& architecture, const std::string& file) {
  std::string known;
  for (const Family* family : {&qwen3_family, &qwen3_moe_family, &llama_family}) {
    if (architecture == family->architecture) return *family;
    known += std::string(known.empty() ? "" : ", ") + family->architecture;
  }
  fail(file, ": architectures names ", architecture, ", which golong does not know; it knows ", known);
}

}  // namespace golong
