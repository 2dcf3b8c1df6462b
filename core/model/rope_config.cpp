#include "core/model/rope_config.h"

#include <cmath>

#include "core/base/error.h"

namespace golong {
namespace {

// The factor of cos and sin that YaRN's paper gives for a stretch.
double yarn_scale(double stretch, double weight) { return stretch <= 1 ? 1 : 0.1 * weight * std::log(stretch) + 1; }

void read_yarn(const ConfigJson& table, RopeShape& rope) {
  const double weight = table.real("mscale", 0.0), all = table.real("mscale_all_dim", 0.0);
  const double by_paper = weight > 0 && all > 0 ? yarn_scale(rope.factor, weight) / yarn_scale(rope.factor, all)
                                                : yarn_scale(rope.factor, 1);
  rope.attention_factor = table.real("attention_factor", by_paper);
  rope.beta_fast = table.real("beta_fast", 32.0);
  rope.beta_slow = table.real("beta_slow", 1.0);
  rope.truncate = table.boolean("truncate", true);
}

void read_llama3(const ConfigJson& table, RopeShape& rope) {
  rope.low_frequency = table.real("low_freq_factor");
  rope.high_frequency = table.real("high_freq_factor");
  if (rope.high_frequency <= rope.low_frequency) {
    fail(table.file(), ": high_freq_factor (", rope.high_frequency, ") must be larger than low_freq_factor (",
         rope.low_frequency, ")");
  }
}

void refuse_partial(const ConfigJson& table) {
  if (table.real("partial_rotary_factor", 1.0) != 1) {
    table.refuse("partial_rotary_factor", "1: golong turns all dimensions or none");
  }
}

// transformers 5 has all of it in rope_parameters; 4 has rope_theta at the top and the rest in rope_scaling.
std::optional<ConfigJson> rope_table(const ConfigJson& config) {
  std::optional<ConfigJson> table = config.table("rope_parameters");
  std::optional<ConfigJson> scaling = config.table("rope_scaling");
  if (table && scaling) {
    fail(config.file(), ": rope_parameters and rope_scaling are both there; keep one of them");
  }
  return table ? table : scaling;
}

}  // namespace

RopeShape read_rope(const ConfigJson& config, int64_t max_positions) {
  RopeShape rope;
  rope.theta = config.real("rope_theta", 1e4);
  refuse_partial(config);
  const std::optional<ConfigJson> table = rope_table(config);
  if (!table) return rope;
  for (const char* layers : {"full_attention", "sliding_attention"}) {
    if (table->find(layers)) fail(table->file(), ": ", layers, ": positions that differ by layer are not supported");
  }
  rope.theta = table->real("rope_theta", rope.theta);
  rope.type = table->text("rope_type", table->text("type", "default"));
  refuse_partial(*table);
  if (rope.type == "default") return rope;
  if (rope.type != "linear" && rope.type != "yarn" && rope.type != "llama3") {
    fail(table->file(), ": type \"", rope.type,
         "\" is not supported; \"default\", \"linear\", \"yarn\" and \"llama3\" are");
  }
  rope.factor = table->real("factor");
  if (rope.factor > 1e6) table->refuse("factor", "at most 1e6");
  rope.original_positions = static_cast<double>(table->integer("original_max_position_embeddings", max_positions));
  if (rope.type == "yarn") read_yarn(*table, rope);
  if (rope.type == "llama3") read_llama3(*table, rope);
  return rope;
}

}  // namespace golong
