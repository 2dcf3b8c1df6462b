/* A reward and a normalizer that know the interface 1.0 and nothing that came later: plugin.h beside this file is a
 * copy of that version and must never change. They have to load and work in every host of major version 1. */
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

struct scale {
  double by;
  int64_t at_least;
};

static golong_status create(const golong_host* host, const golong_value* values, uint32_t value_count, void** instance,
                            golong_error* error) {
  struct scale* made = malloc(sizeof *made);
  if (!made || value_count != 2 || host->abi_major != 1) {
    free(made);
    strncpy(error->message, "unexpected host", error->capacity - 1);
    return GOLONG_FAILED;
  }
  made->by = values[0].real;
  made->at_least = values[1].integer;
  *instance = made;
  return GOLONG_OK;
}
static void destroy(void* instance) { free(instance); }

/* The reward: how many of the gold items stand in the answer, times `by`; 0 below `at_least` items. */
struct items {
  uint64_t size;
  char* texts[16];
};

static void release(void* instance, void* prepared) {
  struct items* items = prepared;
  (void)instance;
  for (uint64_t i = 0; i < items->size; ++i) free(items->texts[i]);
  free(items);
}

static golong_status prepare(void* instance, const golong_gold* gold, void** prepared, golong_error* error) {
  if (!gold->items.items || gold->items.size > 16) {
    strncpy(error->message, "1 to 16 items are needed", error->capacity - 1);
    return GOLONG_UNSCORABLE;
  }
  struct items* items = calloc(1, sizeof *items);
  if (!items) return GOLONG_FAILED;
  for (; items->size < gold->items.size; ++items->size) {
    golong_string text = gold->items.items[items->size];
    char* copy = malloc(text.size + 1);
    if (!copy) {
      release(instance, items);
      return GOLONG_FAILED;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    items->texts[items->size] = copy;
  }
  *prepared = items;
  return GOLONG_OK;
}

static golong_status score(void* instance, const void* prepared, const golong_response* response,
                           const golong_call* call, double* result, golong_error* error) {
  const struct scale* scale = instance;
  const struct items* items = prepared;
  int64_t found = 0;
  char* answer = malloc(response->answer.size + 1);
  (void)error;
  if (!answer) return GOLONG_FAILED;
  memcpy(answer, response->answer.data, response->answer.size);
  answer[response->answer.size] = 0;
  for (uint64_t i = 0; i < items->size; ++i) found += strstr(answer, items->texts[i]) != NULL;
  free(answer);
  if (call->cancelled(call)) return GOLONG_CANCELLED;
  golong_string note = {"counted", 7};
  call->detail.write(call->detail.context, note);
  *result = found >= scale->at_least ? scale->by * (double)found : 0;
  return GOLONG_OK;
}

/* The normalizer: reward times `by`, and how many responses there are, as a metric. */
static golong_status compute(void* instance, const golong_batch* batch, double* advantages,
                             const golong_metric_sink* metrics, golong_error* error) {
  const struct scale* scale = instance;
  (void)error;
  for (uint64_t i = 0; i < batch->response_count; ++i) {
    advantages[i] = batch->outcomes[i] == GOLONG_SCORED ? batch->rewards[i] * scale->by : 0;
  }
  golong_string name = {"responses", 9};
  metrics->metric(metrics->context, name, (double)batch->response_count);
  return GOLONG_OK;
}

static const golong_param by = {.struct_size = sizeof(golong_param),
                                .type = GOLONG_FLOAT,
                                .name = "by",
                                .help = "factor",
                                .default_value = {.type = GOLONG_FLOAT, .real = 0.5},
                                .minimum = 0,
                                .maximum = 100};
static const golong_param at_least = {.struct_size = sizeof(golong_param),
                                      .type = GOLONG_INT,
                                      .name = "at_least",
                                      .help = "items",
                                      .default_value = {.type = GOLONG_INT, .integer = 1},
                                      .minimum = 0,
                                      .maximum = 16};
static const golong_param* const params[] = {&by, &at_least};
static const golong_reward reward_functions = {sizeof(golong_reward), 0, prepare, score, release};
static const golong_normalizer normalizer_functions = {sizeof(golong_normalizer), 0, compute};
static const golong_descriptor reward = {.struct_size = sizeof(golong_descriptor),
                                         .kind = GOLONG_KIND_REWARD,
                                         .id = "compiled_once",
                                         .version = "1.0.0",
                                         .summary = "share of items",
                                         .flags = GOLONG_FLAG_THREAD_SAFE,
                                         .param_count = 2,
                                         .params = params,
                                         .functions = &reward_functions,
                                         .create = create,
                                         .destroy = destroy};
static const golong_descriptor normalizer = {.struct_size = sizeof(golong_descriptor),
                                             .kind = GOLONG_KIND_NORMALIZER,
                                             .id = "compiled_once",
                                             .version = "1.0.0",
                                             .summary = "scaled rewards",
                                             .param_count = 2,
                                             .params = params,
                                             .functions = &normalizer_functions,
                                             .create = create,
                                             .destroy = destroy};
static const golong_descriptor* const plugins[] = {&reward, &normalizer};

GOLONG_EXPORT const golong_library golong_plugin_library = {sizeof(golong_library), 1, 0, 2, "compiled_once", plugins};
