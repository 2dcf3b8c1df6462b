/* golong plugin interface, version 1.0. C11 and C++20.
 *
 * A plugin library is a shared object that exports one data symbol, `golong_plugin_library`, of type `golong_library`.
 * It lists descriptors of tasks, rewards and normalizers; a descriptor names its parameters and points to the functions
 * of its kind. C++ authors include <golong/plugin.hpp>, which fills in everything here from ordinary classes.
 *
 * Compatibility
 *   A host loads a library only when `abi_major` is its own. Within a major version structs grow at the end only, and
 *   every struct starts with `struct_size`, the size its writer knew: a reader must not read past it. Structs in arrays
 *   are reached through arrays of pointers, so that they may grow too.
 *   Rationale: a plugin built once against 1.0 keeps working in every 1.x host without being rebuilt.
 *
 * Ownership
 *   Nothing is allocated on one side and freed on the other. What a caller passes lives until the call returns; what
 *   must outlive it is copied by the callee. Output of variable length goes through sinks (callbacks) that copy before
 *   they return. Opaque handles are made and destroyed by the plugin.
 *
 * Errors
 *   A function that can fail returns a `golong_status` and writes a message for a person into the caller's
 *   `golong_error`. No exception and no longjmp may cross the interface.
 *
 * Threads
 *   [any]      may be called from several threads at the same time on the same instance.
 *   [instance] may be called from any thread, but by one thread at a time for one instance; from several at the same
 *              time where the descriptor sets GOLONG_FLAG_THREAD_SAFE.
 *   [main]     called by one thread only, before or after all others.
 */
#ifndef GOLONG_PLUGIN_H
#define GOLONG_PLUGIN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GOLONG_ABI_MAJOR 1u
#define GOLONG_ABI_MINOR 0u

/* The symbol that a library exports, and its name for dlsym. */
#define GOLONG_LIBRARY_SYMBOL golong_plugin_library
#define GOLONG_LIBRARY_SYMBOL_NAME "golong_plugin_library"

/* ---------------------------------------------------------------------------------------------------- values */

/* UTF-8 text, not NUL-terminated, may hold NUL bytes. `data` is NULL where the value is absent; an empty value has a
 * pointer and size 0. Bytes that come from a dataset or a model are valid UTF-8: the host replaces what is not. */
typedef struct golong_string {
  const char* data;
  uint64_t size;
} golong_string;

/* `items` is NULL where the list is absent (an empty list has a pointer and size 0). */
typedef struct golong_strings {
  const golong_string* items;
  uint64_t size;
} golong_strings;

typedef int32_t golong_status;
#define GOLONG_OK 0
#define GOLONG_FAILED 1     /* see the error message */
#define GOLONG_UNSCORABLE 2 /* the row can have no score (gold of the wrong shape); see the error message */
#define GOLONG_CANCELLED 3  /* the call's deadline passed or the host gave it up */

/* Where a function writes what went wrong. Owned by the caller. The callee writes at most `capacity` bytes, including a
 * terminating NUL, into `message`. */
typedef struct golong_error {
  uint32_t struct_size;
  uint32_t capacity;
  char* message;
} golong_error;

/* Receives bytes; copies them before it returns. May be called several times: the pieces are concatenated. */
typedef struct golong_sink {
  void* context;
  void (*write)(void* context, golong_string text);
} golong_sink;

/* ------------------------------------------------------------------------------------------------ parameters */

typedef int32_t golong_type;
#define GOLONG_BOOL 1
#define GOLONG_INT 2
#define GOLONG_FLOAT 3
#define GOLONG_STRING 4

typedef struct golong_value {
  golong_type type;
  int32_t boolean; /* 0 or 1 */
  int64_t integer;
  double real;
  golong_string text;
} golong_value;

/* One parameter, set by a user in `[rewards.ID]`, `[tasks.ID]` or `[normalizers.ID]`. The host checks type, range and
 * choices before `create`. All pointers are static. */
typedef struct golong_param {
  uint32_t struct_size;
  golong_type type;
  const char* name;           /* [a-z][a-z0-9_]* */
  const char* help;           /* one line, with the unit */
  golong_value default_value; /* of `type` */
  double minimum, maximum;    /* inclusive; of INT and FLOAT; -INFINITY and INFINITY where there is no bound */
  const char* const* choices; /* of STRING: NULL, or a list that ends with NULL */
} golong_param;

/* ------------------------------------------------------------------------------------------------------ host */

#define GOLONG_LOG_DEBUG 0
#define GOLONG_LOG_INFO 1
#define GOLONG_LOG_WARNING 2
#define GOLONG_LOG_ERROR 3

/* What the host offers to a plugin. Lives as long as the process. */
typedef struct golong_host {
  uint32_t struct_size;
  uint32_t abi_major, abi_minor;
  const char* version;                            /* of golong, "1.2.3" */
  void (*log)(int32_t level, golong_string text); /* [any] */
  const void* (*extension)(const char* name);     /* [any] NULL where the host does not know it */
} golong_host;

/* ----------------------------------------------------------------------------------------------------- gold */

/* What is right for one prompt. Absent fields have NULL data. */
typedef struct golong_gold {
  uint32_t struct_size;
  uint32_t reserved;
  golong_strings items;   /* the gold items (`doc_ids`) */
  golong_string label;    /* a single answer (`golden_label`) */
  golong_string language; /* "English", "Chinese", ... */
  golong_string variant;  /* which question this is (`reward_mode`, else `data_source`) */
  golong_string json;     /* the row's `ground_truth`, as it stands */
} golong_gold;

/* --------------------------------------------------------------------------------------------------- reward */

typedef int32_t golong_outcome;
#define GOLONG_SCORED 0
#define GOLONG_TIMEOUT 1
#define GOLONG_ERRORED 2
#define GOLONG_NOT_SCORABLE 3

/* One response. The host has already decided that it is to be scored (a response without exactly one </think> never
 * reaches a plugin where the gate is on). */
typedef struct golong_response {
  uint32_t struct_size;
  uint32_t reserved;
  golong_string text;   /* everything that was generated, special tokens removed */
  golong_string answer; /* what stands after the last </think>; all of it where there is none */
} golong_response;

/* Comes with each call that may take long. */
typedef struct golong_call {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t deadline_ns;                                  /* CLOCK_MONOTONIC, nanoseconds; INT64_MAX: none */
  int32_t (*cancelled)(const struct golong_call* call); /* [any] not 0: return GOLONG_CANCELLED soon. Cheap */
  golong_sink detail;                                   /* text for the log and the report (optional to use) */
} golong_call;

/* Functions of a reward. */
typedef struct golong_reward {
  uint32_t struct_size;
  uint32_t reserved;

  /* Reads the gold of one prompt, once for its whole group. `*prepared` is handed to `score` and `release`.
   * Returns GOLONG_UNSCORABLE where this gold can have no score.  [instance] */
  golong_status (*prepare)(void* instance, const golong_gold* gold, void** prepared, golong_error* error);

  /* Scores one response; writes a finite number into `*score`. `prepared` is read only: several threads may score
   * responses of one prompt where the plugin is thread-safe.  [instance] */
  golong_status (*score)(void* instance, const void* prepared, const golong_response* response, const golong_call* call,
                         double* score, golong_error* error);

  /* Frees what `prepare` made.  [instance] */
  void (*release)(void* instance, void* prepared);
} golong_reward;

/* ----------------------------------------------------------------------------------------------------- task */

typedef struct golong_message {
  golong_string role; /* "system", "user", "assistant" */
  golong_string content;
} golong_message;

/* One row of a dataset, in the released schema (docs/reference/dataset.md). */
typedef struct golong_row {
  uint32_t struct_size;
  uint32_t message_count;
  const golong_message* messages; /* the column `prompt` */
  golong_string data_source;
  golong_string ability;
  golong_string reward_mode; /* extra_info.reward_mode */
  golong_string question;    /* extra_info.question */
  golong_gold gold;          /* as the released schema names its fields */
  golong_string extra_info;  /* JSON */
} golong_row;

/* Receives what a task makes of a row: its messages in order, then its gold, once. */
typedef struct golong_prompt_sink {
  uint32_t struct_size;
  uint32_t reserved;
  void* context;
  void (*message)(void* context, const golong_message* message);
  void (*gold)(void* context, const golong_gold* gold);
} golong_prompt_sink;

/* Functions of a task. */
typedef struct golong_task {
  uint32_t struct_size;
  uint32_t reserved;
  const char* default_reward; /* id of a reward plugin */

  /* Turns a row into messages and gold.  [instance] */
  golong_status (*render)(void* instance, const golong_row* row, const golong_prompt_sink* sink, golong_error* error);

  /* Writes the answer that a perfect response to this gold gives, in the format that the task asks for, without any
   * thinking. Used for supervised training and to check datasets.  [instance] */
  golong_status (*answer)(void* instance, const golong_gold* gold, const golong_sink* sink, golong_error* error);
} golong_task;

/* Extension of a task: makes question-answer rows from real documents. `golong_descriptor.extension` returns a
 * `const golong_task_generate*` for this name. */
#define GOLONG_TASK_GENERATE "golong.task.generate/1"

typedef struct golong_document {
  uint32_t struct_size;
  uint32_t reserved;
  golong_string id; /* unique among the documents of one run */
  golong_string title;
  golong_string kind;     /* "book", "policy", "changelog", "manual", ... */
  golong_string language; /* "English", "Chinese", ... */
  golong_string text;
} golong_document;

/* One generated question. The host builds the row: prompt = context, blank lines, question. */
typedef struct golong_question {
  uint32_t struct_size;
  uint32_t reserved;
  golong_string context;     /* verbatim part of the document (or of several), at most `max_context_bytes` */
  golong_string question;    /* with the instruction how to write the answer */
  golong_string data_source; /* column of the released schema */
  golong_string reward_mode;
  golong_gold gold;
} golong_question;

typedef struct golong_question_sink {
  uint32_t struct_size;
  uint32_t reserved;
  void* context;
  void (*question)(void* context, const golong_question* question);
} golong_question_sink;

typedef struct golong_generate_request {
  uint32_t struct_size;
  uint32_t max_questions; /* from this document */
  uint64_t seed;          /* the same seed and document give the same questions */
  uint64_t max_context_bytes;
} golong_generate_request;

typedef struct golong_task_generate {
  uint32_t struct_size;
  uint32_t reserved;

  /* How well a document suits this task: 0 not at all, to 1.  [instance] */
  double (*suits)(void* instance, const golong_document* document);

  /* Makes up to `max_questions` questions. Zero is no error. Every answer has been checked against the context.
   * [instance] */
  golong_status (*generate)(void* instance, const golong_document* document, const golong_generate_request* request,
                            const golong_question_sink* sink, golong_error* error);
} golong_task_generate;

/* ----------------------------------------------------------------------------------------------- normalizer */

#define GOLONG_FINISH_STOP 0   /* the model ended the response */
#define GOLONG_FINISH_LENGTH 1 /* the length limit did */
#define GOLONG_FINISH_ABORTED 2

/* The responses of one step as columns. Responses of a group may stand apart. */
typedef struct golong_batch {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t response_count;
  const double* rewards;          /* [response_count] finite where `outcomes` is GOLONG_SCORED, else 0 */
  const uint32_t* groups;         /* [response_count] index below group_count */
  const uint32_t* lengths;        /* [response_count] tokens */
  const int32_t* finish_reasons;  /* [response_count] GOLONG_FINISH_* */
  const golong_outcome* outcomes; /* [response_count] what is not GOLONG_SCORED counts for nothing, advantage 0 */
  uint64_t group_count;
  const uint32_t* group_tasks; /* [group_count] index below task_count */
  uint64_t task_count;
  const golong_string* tasks; /* [task_count] normalisation keys, e.g. "NDCG" */
} golong_batch;

/* Receives named numbers for the metrics. */
typedef struct golong_metric_sink {
  void* context;
  void (*metric)(void* context, golong_string name, double value);
} golong_metric_sink;

/* Functions of a normalizer. */
typedef struct golong_normalizer {
  uint32_t struct_size;
  uint32_t reserved;

  /* Writes one finite advantage for each response into advantages[response_count].  [instance] */
  golong_status (*compute)(void* instance, const golong_batch* batch, double* advantages,
                           const golong_metric_sink* metrics, golong_error* error);
} golong_normalizer;

/* Extension of a normalizer that keeps something from step to step: the host saves it with each checkpoint. load() gets
   what save() of a plugin with the same id gave, maybe of another version; else it is not called. */
#define GOLONG_NORMALIZER_STATE "golong.normalizer.state/1"

typedef struct golong_normalizer_state {
  uint32_t struct_size;
  uint32_t reserved;
  golong_status (*save)(void* instance, const golong_sink* sink, golong_error* error); /* [instance] */
  golong_status (*load)(void* instance, golong_string state, golong_error* error);     /* [instance] */
} golong_normalizer_state;

/* Reserved for rewards that ask a judge model; not defined in 1.0. */
#define GOLONG_REWARD_JUDGE "golong.reward.judge/1"

/* ---------------------------------------------------------------------------------------------- descriptors */

typedef int32_t golong_kind;
#define GOLONG_KIND_TASK 1
#define GOLONG_KIND_REWARD 2
#define GOLONG_KIND_NORMALIZER 3

#define GOLONG_FLAG_THREAD_SAFE 1u /* one instance may be called from several threads at the same time */

/* One plugin. All pointers are static. */
typedef struct golong_descriptor {
  uint32_t struct_size;
  golong_kind kind;
  const char* id;      /* [a-z][a-z0-9_]*, unique within its kind */
  const char* version; /* "1.2.3" */
  const char* summary; /* one line */
  uint32_t flags;      /* GOLONG_FLAG_* */
  uint32_t param_count;
  const golong_param* const* params; /* [param_count] */
  const void* functions;             /* golong_task, golong_reward or golong_normalizer */

  /* Makes an instance. `values` stand in the order of `params`, checked, defaults filled in; their text lives until the
   * call returns.  [any] */
  golong_status (*create)(const golong_host* host, const golong_value* values, uint32_t value_count, void** instance,
                          golong_error* error);
  void (*destroy)(void* instance); /* [instance] */

  /* Returns the functions of an extension, or NULL. May be NULL itself.  [any] */
  const void* (*extension)(const char* name);
} golong_descriptor;

/* The exported symbol. */
typedef struct golong_library {
  uint32_t struct_size;
  uint32_t abi_major, abi_minor; /* of the header it was built with */
  uint32_t plugin_count;
  const char* name;                        /* of the library */
  const golong_descriptor* const* plugins; /* [plugin_count] */
} golong_library;

#if defined(__GNUC__)
#define GOLONG_EXPORT __attribute__((visibility("default")))
#else
#define GOLONG_EXPORT
#endif

#ifdef __cplusplus
}
#endif
#endif
