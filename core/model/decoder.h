// The decoder that Llama, Qwen3 and their kin share: RMSNorm, grouped-query attention with RoPE, SwiGLU, dense or in
// experts. What a family adds is said by its ModelShape.
#pragma once
#include <memory>

#include "core/model/shape.h"
#include "core/parallel/group.h"

namespace golong {

class Model;
struct ParameterSource;

// Takes of the experts those that this rank of `experts` keeps: rank r of N of each layer's E those from r*E/N up to
// (r+1)*E/N. Throws Error where N does not divide E.
std::unique_ptr<Model> make_decoder(const ModelShape& shape, const ParameterSource& source,
                                    const parallel::Group& experts = {});

}  // namespace golong
