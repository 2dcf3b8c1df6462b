// What a model computes, from its shape alone. Needs no LibTorch.
#pragma once
#include <cstdint>

#include "core/model/shape.h"

namespace golong {

// What one forward pass goes over. Numbers may be shares of whole ones.
struct PassSize {
  double tokens = 0;
  double pairs = 0;      // of a query and a key that it sees
  double projected = 0;  // rows that the head turns into logits

  void add_prompt(double prompt);                     // on itself
  void add_response(double response, double prompt);  // behind a prompt that is shared
};

// Weights that each token is multiplied with, without embedding and head; of the experts those that it is sent to.
double token_weights(const ModelShape& shape);

// Floating-point operations of one forward pass: matrix products and attention, a multiply and an add are two.
double forward_flops(const ModelShape& shape, const PassSize& size);

}  // namespace golong
