// Shapes of models for the tests of the model of scale.
#pragma once
#include "core/scale/workload.h"

namespace golong::scale {

// Embedding (tied) and final norm 10 x 8 + 8 = 88 parameters; a layer 2 x 8 (norms) + 2 x 8 x 8 (q, o) + 2 x 8 x 4 (k,
// v)
// + 2 x 2 (norms of queries and keys) + 3 x 8 x 6 = 356.
inline ModelShape small_shape() {
  ModelShape shape;
  shape.architecture = "Qwen3ForCausalLM";
  shape.vocabulary = 10;
  shape.hidden = 8;
  shape.layers = 3;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.head_dim = 2;
  shape.intermediate = 6;
  shape.max_positions = 1 << 20;
  shape.qk_norm = shape.tied = true;
  return shape;
}

// The second layer has a router 4 x 8 and 4 experts of 3 x 8 x 5: 480 parameters of experts beside 244.
inline ModelShape small_experts() {
  ModelShape shape = small_shape();
  shape.experts = {.count = 4, .per_token = 2, .intermediate = 5, .every = 2};
  return shape;
}

// Qwen3-4B and Qwen3-1.7B, Qwen3-30B-A3B.
inline ModelShape qwen3_4b() {
  ModelShape shape = small_shape();
  shape.vocabulary = 151936;
  shape.hidden = 2560;
  shape.layers = 36;
  shape.heads = 32;
  shape.kv_heads = 8;
  shape.head_dim = 128;
  shape.intermediate = 9728;
  return shape;
}

inline ModelShape qwen3_2b() {
  ModelShape shape = qwen3_4b();
  shape.hidden = 2048;
  shape.layers = 28;
  shape.heads = 16;
  shape.intermediate = 6144;
  return shape;
}

inline ModelShape qwen3_30b() {
  ModelShape shape = qwen3_4b();
  shape.hidden = 2048;
  shape.layers = 48;
  shape.kv_heads = 4;
  shape.intermediate = 6144;
  shape.tied = false;
  shape.experts = {.count = 128, .per_token = 8, .intermediate = 768, .normalize = true};
  return shape;
}

inline ParallelConfig mesh_of(int64_t replicate, int64_t shard, int64_t context, int64_t expert, int64_t zero = 3) {
  ParallelConfig mesh;
  mesh.replicate = replicate;
  mesh.shard = shard;
  mesh.context = context;
  mesh.expert = expert;
  mesh.zero = zero;
  return mesh;
}

// A step of the paper's recipe with prompts and responses so long.
inline Workload recipe(const ModelShape& shape, const GroupSize& size) {
  Workload work;
  work.shape = shape;
  work.longest = work.usual = size;
  work.drawn = 512;
  work.running = 256;
  work.kv_bytes = 50'000'000'000;
  work.groups = 128;
  work.train.micro_batch_tokens = 425984 / 8;
  work.train.recompute = "all";
  return work;
}

}  // namespace golong::scale
