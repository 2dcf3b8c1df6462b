// A reward without the C++ face, which lets an exception cross the interface.
#include <stdexcept>

#include "golong/plugin.h"

namespace {

char instance_storage;

golong_status create(const golong_host*, const golong_value*, uint32_t, void** instance, golong_error*) {
  *instance = &instance_storage;
  return GOLONG_OK;
}
void destroy(void*) {}
golong_status prepare(void*, const golong_gold* gold, void** prepared, golong_error*) {
  if (gold->label.data && gold->label.size == 0) throw std::runtime_error("from prepare");
  *prepared = nullptr;
  return GOLONG_OK;
}
golong_status score(void*, const void*, const golong_response* response, const golong_call*, double* result,
                    golong_error*) {
  if (response->answer.size == 1) throw std::runtime_error("straight through");
  if (response->answer.size == 2) throw 42;
  if (response->answer.size == 3) return 77;         // no status that anybody knows
  if (response->answer.size == 4) return GOLONG_OK;  // and no score
  *result = 1;
  return GOLONG_OK;
}
void release(void*, void*) {}

const golong_reward functions{sizeof(golong_reward), 0, prepare, score, release};
const golong_descriptor descriptor{sizeof(golong_descriptor),
                                   GOLONG_KIND_REWARD,
                                   "bad_across",
                                   "1.0.0",
                                   "throws across the interface",
                                   GOLONG_FLAG_THREAD_SAFE,
                                   0,
                                   nullptr,
                                   &functions,
                                   create,
                                   destroy,
                                   nullptr};
const golong_descriptor* const plugins[] = {&descriptor};

}  // namespace

extern "C" GOLONG_EXPORT const golong_library GOLONG_LIBRARY_SYMBOL;
const golong_library GOLONG_LIBRARY_SYMBOL = {
    sizeof(golong_library), GOLONG_ABI_MAJOR, GOLONG_ABI_MINOR, 1, "across", plugins};
