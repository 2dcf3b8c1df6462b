/* A correct reward in plain C11, in which macros break one thing at a time: CMakeLists.txt says which. */
#include <string.h>

#include "golong/plugin.h"

#ifndef ABI_MAJOR
#define ABI_MAJOR GOLONG_ABI_MAJOR
#endif
#ifndef LIBRARY_SIZE
#define LIBRARY_SIZE sizeof(golong_library)
#endif
#ifndef DESCRIPTOR_SIZE
#define DESCRIPTOR_SIZE sizeof(golong_descriptor)
#endif
#ifndef FUNCTIONS_SIZE
#define FUNCTIONS_SIZE sizeof(golong_reward)
#endif
#ifndef PARAM_SIZE
#define PARAM_SIZE sizeof(golong_param)
#endif
#ifndef KIND
#define KIND GOLONG_KIND_REWARD
#endif
#ifndef ID
#define ID "bad_variant"
#endif
#ifndef VERSION
#define VERSION "1.0.0"
#endif
#ifndef SUMMARY
#define SUMMARY "1 when the answer equals the label"
#endif
#ifndef SCORE
#define SCORE score
#endif
#ifndef CREATE
#define CREATE create
#endif
#ifndef FUNCTIONS
#define FUNCTIONS &functions
#endif
#ifndef DESCRIPTOR
#define DESCRIPTOR &descriptor
#endif
#ifndef PLUGIN_COUNT
#define PLUGIN_COUNT 1
#endif
#ifndef PARAM_COUNT
#define PARAM_COUNT 2
#endif
#ifndef PARAMS
#define PARAMS params
#endif
#ifndef PARAM_NAME
#define PARAM_NAME "weight"
#endif
#ifndef PARAM_TYPE
#define PARAM_TYPE GOLONG_FLOAT
#endif
#ifndef PARAM_HELP
#define PARAM_HELP "reward of a right answer"
#endif
#ifndef DEFAULT_TYPE
#define DEFAULT_TYPE PARAM_TYPE
#endif
#ifndef DEFAULT_VALUE
#define DEFAULT_VALUE 1.0
#endif
#ifndef MINIMUM
#define MINIMUM 0.0
#endif
#ifndef CHOICE
#define CHOICE "plain"
#endif
#ifndef SYMBOL
#define SYMBOL GOLONG_LIBRARY_SYMBOL
#endif

struct instance {
  double weight;
};
static struct instance only;

static golong_status create(const golong_host* host, const golong_value* values, uint32_t value_count, void** instance,
                            golong_error* error) {
  (void)host, (void)value_count, (void)error;
  only.weight = values[0].real;
  *instance = &only;
  return GOLONG_OK;
}
static void destroy(void* instance) { (void)instance; }

static golong_status prepare(void* instance, const golong_gold* gold, void** prepared, golong_error* error) {
  static char label[256];
  (void)instance;
  if (!gold->label.data || gold->label.size >= sizeof label) {
    strncpy(error->message, "no label, or a long one", error->capacity - 1);
    return GOLONG_UNSCORABLE;
  }
  memcpy(label, gold->label.data, gold->label.size);
  label[gold->label.size] = 0;
  *prepared = label;
  return GOLONG_OK;
}

static golong_status score(void* instance, const void* prepared, const golong_response* response,
                           const golong_call* call, double* result, golong_error* error) {
  const char* label = prepared;
  (void)call, (void)error;
  *result = response->answer.size == strlen(label) && memcmp(response->answer.data, label, strlen(label)) == 0
                ? ((struct instance*)instance)->weight
                : 0;
  return GOLONG_OK;
}
static void release(void* instance, void* prepared) { (void)instance, (void)prepared; }

static const golong_reward functions = {FUNCTIONS_SIZE, 0, prepare, SCORE, release};
static const char* const choices[] = {CHOICE, NULL};
static const golong_param weight = {.struct_size = PARAM_SIZE,
                                    .type = PARAM_TYPE,
                                    .name = PARAM_NAME,
                                    .help = PARAM_HELP,
                                    .default_value = {.type = DEFAULT_TYPE, .real = DEFAULT_VALUE},
                                    .minimum = MINIMUM,
                                    .maximum = 10.0};
static const golong_param style = {.struct_size = sizeof(golong_param),
                                   .type = GOLONG_STRING,
                                   .name = "style",
                                   .help = "nothing",
                                   .default_value = {.type = GOLONG_STRING, .text = {"plain", 5}},
                                   .choices = choices};
static const golong_param* const params[] = {&weight, &style};
static const golong_descriptor descriptor = {DESCRIPTOR_SIZE, KIND,   ID,        VERSION, SUMMARY, 0,
                                             PARAM_COUNT,     PARAMS, FUNCTIONS, CREATE,  destroy, NULL};
static const golong_descriptor* const plugins[] = {DESCRIPTOR};

/* Keeps the compiler quiet about what a variant leaves out. */
const void* const golong_bad_variant_uses[] = {&functions, &descriptor, params, choices};
typedef void (*function)(void);
const function golong_bad_variant_calls[] = {(function)create, (function)score};

GOLONG_EXPORT const golong_library SYMBOL = {LIBRARY_SIZE, ABI_MAJOR, GOLONG_ABI_MINOR,
                                             PLUGIN_COUNT, "variant", plugins};
