// The decoder that Llama, Qwen3 and their kin share: RMSNorm, grouped-query attention with RoPE, SwiGLU, dense or in
// experts. What a family adds is said by its ModelShape.
#pragma once
#include <memory>

#include "core/model/shape.h"

namespace golong {

class Model;
struct ParameterSource;

std::unique_ptr<Model> make_decoder(const ModelShape& shape, const ParameterSource& source);

}  // namespace golong
