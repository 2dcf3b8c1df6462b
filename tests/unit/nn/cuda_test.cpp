// The layers on a CUDA device against float64 on the CPU.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/nn/attention.h"
#include "core/nn/device_kernels.h"
#include "core/nn/experts.h"
#include "core/nn/layers.h"
#include "core/nn/logprob.h"
#include "core/nn/norms.h"
#include "tests/unit/cuda_device.h"

namespace golong::nn {
namespace {

// |a - b| / |b|
double difference(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(at::kCPU, at::kDouble), y = b.to(at::kCPU, at::kDouble);
  return (x - y).norm().item<double>() / y.norm().item<double>();
}

double tolerance(at::ScalarType type) { return type == at::kFloat ? 3e-6 : 8e-3; }

class Cuda : public CudaTest {
 protected:
  // Random numbers of the type, as float64.
  at::Tensor random(const std::vector<int64_t>& size, at::ScalarType type, double deviation = 1) {
    return at::empty(size, at::kDouble).normal_(0, deviation, generator_).to(type).to(at::kDouble);
  }
  at::Tensor there(const at::Tensor& x, at::ScalarType type) { return x.to(device, type).requires_grad_(true); }

 private:
  at::Generator generator_ = at::detail::createCPUGenerator(5);
};

// Attention of a packed group on the CPU in float64, by the definition. q, k and v as group_attention has them.
at::Tensor plain_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::vector<GroupLayout>& groups, double scale) {
  const int64_t share = q.size(1) / k.size(1);
  const auto heads = [&](const at::Tensor& x, int64_t times) { return x.repeat_interleave(times, 1).transpose(0, 1); };
  std::vector<at::Tensor> parts;
  const auto attend = [&](const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values) {
    const int64_t before = keys.size(0) - queries.size(0);  // seen by all
    const at::Tensor hidden = at::ones({queries.size(0), keys.size(0)}, at::kBool).triu(before + 1);
    const at::Tensor scores = at::matmul(heads(queries, 1), heads(keys, share).transpose(1, 2)) * scale;
    parts.push_back(
        at::matmul(at::softmax(scores.masked_fill(hidden, -INFINITY), -1), heads(values, share)).transpose(0, 1));
  };
  int64_t start = 0;
  for (const GroupLayout& group : groups) {
    const auto at_prompt = [&, from = start](const at::Tensor& x) { return x.narrow(0, from, group.prompt); };
    attend(at_prompt(q), at_prompt(k), at_prompt(v));
    start += group.prompt;
    for (int64_t length : group.responses) {
      const auto own = [&](const at::Tensor& x) { return x.narrow(0, start, length); };
      if (length > 0) attend(own(q), at::cat({at_prompt(k), own(k)}), at::cat({at_prompt(v), own(v)}));
      start += length;
    }
  }
  return at::cat(parts);
}

struct Heads {
  int64_t queries, keys, dim;
};

TEST_F(Cuda, GroupAttentionEqualsThePlainOneWithItsGradients) {
  const std::vector<GroupLayout> small{{70, {5, 0, 33, 64}}, {1, {2}}, {130, {}}};
  const std::vector<GroupLayout> large{{2300, {900, 700, 1}}};  // cuDNN's in bfloat16
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const Heads& h : {Heads{4, 4, 64}, Heads{8, 2, 128}, Heads{6, 2, 32}, Heads{4, 1, 96}, Heads{2, 2, 20}}) {
      for (const auto& groups : {small, large}) {
        if (&groups == &large && h.dim != 128) continue;
        int64_t tokens = 0;
        for (const GroupLayout& group : groups) tokens += group.tokens();
        if (tokens > 1000 && h.dim != 128) continue;
        const double scale = 1 / std::sqrt(static_cast<double>(h.dim));
        const at::Tensor q = random({tokens, h.queries, h.dim}, type), k = random({tokens, h.keys, h.dim}, type),
                         v = random({tokens, h.keys, h.dim}, type), grad = random(q.sizes().vec(), type);
        std::vector<at::Tensor> expected{q.clone().requires_grad_(true), k.clone().requires_grad_(true),
                                         v.clone().requires_grad_(true)};
        const at::Tensor out = plain_attention(expected[0], expected[1], expected[2], groups, scale);
        out.backward(grad);
        const std::vector<at::Tensor> got{there(q, type), there(k, type), there(v, type)};
        const at::Tensor result = group_attention(got[0], got[1], got[2], groups, scale);
        result.backward(grad.to(device, type));
        SCOPED_TRACE(testing::Message() << type << ", heads " << h.queries << "/" << h.keys << " of " << h.dim << ", "
                                        << tokens << " tokens");
        EXPECT_LT(difference(result.detach(), out.detach()), tolerance(type));
        for (size_t i = 0; i < 3; ++i) {
          EXPECT_LT(difference(got[i].grad(), expected[i].grad()), tolerance(type)) << "gradient " << i;
        }
      }
    }
  }
}

TEST_F(Cuda, ResponsesBehindAKeptPromptAreThoseOfTheGroup) {
  const at::ScalarType type = at::kBFloat16;
  const std::vector<GroupLayout> groups{{200, {30, 7, 90}}};
  const at::Tensor q = random({327, 8, 64}, type), k = random({327, 2, 64}, type), v = random({327, 2, 64}, type),
                   grad = random({127, 8, 64}, type);
  const at::Tensor q0 = q.clone().requires_grad_(true), k0 = k.clone().requires_grad_(true),
                   v0 = v.clone().requires_grad_(true);
  const at::Tensor expected = plain_attention(q0, k0, v0, groups, 0.125).narrow(0, 200, 127);
  expected.backward(grad);
  const auto part = [&](const at::Tensor& x, int64_t start, int64_t count) {
    return there(x.narrow(0, start, count), type);
  };
  const at::Tensor q1 = part(q, 200, 127), k1 = part(k, 200, 127), v1 = part(v, 200, 127), k2 = part(k, 0, 200),
                   v2 = part(v, 0, 200);
  const at::Tensor result = response_attention(q1, k1, v1, k2, v2, {30, 7, 90}, 0.125);
  result.backward(grad.to(device, type));
  EXPECT_LT(difference(result.detach(), expected.detach()), tolerance(type));
  EXPECT_LT(difference(q1.grad(), q0.grad().narrow(0, 200, 127)), tolerance(type));
  EXPECT_LT(difference(at::cat({k2.grad(), k1.grad()}), k0.grad()), tolerance(type));
  EXPECT_LT(difference(at::cat({v2.grad(), v1.grad()}), v0.grad()), tolerance(type));
}

TEST_F(Cuda, ADeterministicBackwardPassGivesTheSameBits) {
  set_deterministic(true);
  const std::vector<GroupLayout> groups{{3000, {700, 900}}};
  const at::Tensor q = random({4600, 4, 64}, at::kBFloat16), k = random({4600, 4, 64}, at::kBFloat16),
                   v = random({4600, 4, 64}, at::kBFloat16), grad = random({4600, 4, 64}, at::kBFloat16);
  const auto gradients = [&] {
    const std::vector<at::Tensor> leaf{there(q, at::kBFloat16), there(k, at::kBFloat16), there(v, at::kBFloat16)};
    const at::Tensor out = group_attention(leaf[0], leaf[1], leaf[2], groups, 0.125);
    out.backward(grad.to(device, at::kBFloat16));
    return std::vector<at::Tensor>{out.detach(), leaf[0].grad(), leaf[1].grad(), leaf[2].grad()};
  };
  const std::vector<at::Tensor> first = gradients();
  for (int i = 0; i < 3; ++i) {
    const std::vector<at::Tensor> again = gradients();
    for (size_t t = 0; t < first.size(); ++t) {
      EXPECT_TRUE(first[t].equal(again[t])) << t << ": differs by " << difference(again[t], first[t]);
    }
  }
  set_deterministic(false);
}

TEST_F(Cuda, ElementwiseLayersEqualTheCpus) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const int64_t width : {8, 64, 128, 10}) {
      SCOPED_TRACE(testing::Message() << type << ", width " << width);
      // The CPU's own kernels in float32 are tested against float64 elsewhere.
      const at::Tensor x = random({37, 5, width}, type), grad = random({37, 5, width}, type),
                       up = random({37, 5, width}, type), weight = random({width}, type);
      const at::Tensor positions = at::arange(37, at::kLong) * 11, frequencies = at::rand({width / 2});
      const auto run = [&](at::Device on, at::ScalarType as) {
        const auto leaf = [&](const at::Tensor& t) { return t.to(on, as).requires_grad_(true); };
        const at::Tensor a = leaf(x), b = leaf(up), w = leaf(weight), g = grad.to(on, as);
        const Rotary rotary = nn::rotary(positions.to(on), frequencies.to(on), 1.1);
        const at::Tensor turned = rotate(a, rotary), gated = swiglu(a * 1, b * 1), normed = rms_norm(a, w, 1e-6);
        (turned * g + gated * g + normed * g).sum().backward();
        return std::vector<at::Tensor>{turned.detach(), gated.detach(), normed.detach(), a.grad(), b.grad(), w.grad()};
      };
      const auto expected = run(at::kCPU, at::kFloat), got = run(device, type);
      for (size_t i = 0; i < expected.size(); ++i) EXPECT_LT(difference(got[i], expected[i]), tolerance(type)) << i;
      // Generation has kernels of its own.
      const c10::InferenceMode inference;
      const auto without = [&](at::Device on, at::ScalarType as) {
        const at::Tensor a = x.to(on, as), w = weight.to(on, as);
        const Rotary rotary = nn::rotary(positions.to(on), frequencies.to(on), 1.1);
        return std::vector<at::Tensor>{rms_norm(a, w, 1e-6), rms_norm(a.flatten(1), w.repeat(5), 1e-6),
                                       norm_rotate(a, w, 1e-6, rotary), norm_rotate(a, {}, 1e-6, rotary)};
      };
      const auto plain = without(at::kCPU, at::kFloat), fused = without(device, type);
      for (size_t i = 0; i < plain.size(); ++i) EXPECT_LT(difference(fused[i], plain[i]), tolerance(type)) << i;
    }
  }
}

TEST_F(Cuda, LogprobsEqualTheCpusWithTheirGradients) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor hidden = random({65, 32}, type), head = random({301, 32}, type);
    const at::Tensor targets = at::arange(65, at::kLong) * 37 % 301, grad = random({65}, at::kFloat);
    const auto run = [&](at::Device on, at::ScalarType as, LogprobTile tile) {
      const at::Tensor h = hidden.to(on, as).requires_grad_(true), w = head.to(on, as).requires_grad_(true);
      const TokenLogprobs result = token_logprobs(h, w, targets.to(on), 0.7, tile);
      ((result.logprobs + 0.3 * result.entropy) * grad.to(on, at::kFloat)).sum().backward();
      return std::vector<at::Tensor>{result.logprobs.detach(), result.entropy.detach(), h.grad(), w.grad()};
    };
    const auto expected = run(at::kCPU, at::kFloat, {});
    for (const LogprobTile tile : {LogprobTile{4096, 16384}, LogprobTile{20, 50}}) {
      const auto got = run(device, type, tile);
      // Logits are float32 in both types.
      EXPECT_LT(difference(got[0], expected[0]), 3e-6) << type;
      EXPECT_LT(difference(got[1], expected[1]), 2e-5) << type;
      for (size_t i : {2, 3}) EXPECT_LT(difference(got[i], expected[i]), type == at::kFloat ? 1e-5 : 8e-3) << type << i;
    }
  }
}

TEST_F(Cuda, ExpertsThatAreMultipliedAtOnceEqualThoseOneByOne) {
  const std::vector<int32_t> ends{5, 5, 40, 41, 96};  // the second expert has no rows
  const at::Tensor x = random({96, 32}, at::kBFloat16), grad = random({96, 32}, at::kBFloat16);
  std::vector<at::Tensor> weights;
  for (size_t e = 0; e < ends.size(); ++e) {
    for (const auto& size : {std::vector<int64_t>{24, 32}, {24, 32}, {32, 24}}) {
      weights.push_back(random(size, at::kBFloat16, 0.3));
    }
  }
  const auto run = [&](at::Device on, at::ScalarType type, bool moved = false) {
    const auto leaf = [&](const at::Tensor& t) { return t.to(on, type).requires_grad_(true); };
    Experts experts(static_cast<int64_t>(ends.size()));
    for (size_t i = 0; i < weights.size(); i += 3) {
      experts.add({{leaf(weights[i]), {}}, {leaf(weights[i + 1]), {}}, {leaf(weights[i + 2]), {}}});
    }
    if (moved) {  // expert by expert into other memory, as where states are split
      const at::Tensor memory = at::empty({static_cast<int64_t>(weights.size()), 24 * 32}, x.options().device(on));
      for (size_t i = 0; i < weights.size(); ++i) {
        const Mlp& expert = experts.each()[i / 3];
        at::Tensor weight = (i % 3 == 0 ? expert.gate : i % 3 == 1 ? expert.up : expert.down).weight;
        const at::Tensor place = memory[static_cast<int64_t>(i)].view_as(weight);
        place.copy_(weight.detach());
        weight.set_data(place);
      }
    }
    const at::Tensor input = leaf(x), out = experts(input, at::tensor(ends, at::kInt).to(on));
    out.backward(grad.to(on, type));
    std::vector<at::Tensor> results{out.detach(), input.grad()};
    const c10::NoGradGuard no_grad;
    results.push_back(experts(input, at::tensor(ends, at::kInt).to(on)));
    for (size_t e : {0, 2, 3, 4}) {
      for (const Linear& linear : {experts.each()[e].gate, experts.each()[e].up, experts.each()[e].down}) {
        results.push_back(linear.weight.grad());
      }
    }
    return results;
  };
  const auto expected = run(at::kCPU, at::kFloat);
  for (const bool moved : {false, true}) {
    const auto got = run(device, at::kBFloat16, moved);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_LT(difference(got[i], expected[i]), 1e-2) << i << moved;
  }
}

// Rows on lists of pages, in parts, against whole softmax.
TEST_F(Cuda, DecodingOverPagesEqualsThePlainAttention) {
  constexpr int64_t kPages = 40, kTokens = 64;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const Heads& h :
         {Heads{8, 2, 128}, Heads{32, 2, 64}, Heads{4, 4, 32}, Heads{12, 2, 96}, Heads{6, 3, 40}, Heads{4, 2, 256}}) {
      SCOPED_TRACE(testing::Message() << type << ", heads " << h.queries << "/" << h.keys << " of " << h.dim);
      const at::Tensor keys = random({kPages, kTokens, h.keys, h.dim}, type),
                       values = random({kPages, kTokens, h.keys, h.dim}, type),
                       q = random({9, h.queries, h.dim}, type, 2);
      const DeviceKernels* kernels = device_kernels(keys.to(device));
      if (!kernels) GTEST_SKIP() << "built without nvcc";
      const int64_t share = h.queries / h.keys;
      // Rows 0 to 7 see 500 tokens of one list, in two parts; each one, and row 8 alone, some of its own.
      std::vector<int32_t> table, few, many, results(9, 0);
      std::vector<std::vector<std::pair<int32_t, int32_t>>> seen(9);  // start of a list, and tokens
      const auto add = [&](int32_t first_row, int32_t rows, std::vector<int32_t> pages, int32_t tokens) {
        const auto start = static_cast<int32_t>(table.size());
        table.insert(table.end(), pages.begin(), pages.end());
        const int64_t block = std::max<int64_t>(1, kernels->most_queries / share);
        for (int64_t row = first_row; row < first_row + rows; row += block) {
          const auto count = static_cast<int32_t>(std::min<int64_t>(block, first_row + rows - row));
          const bool is_few = count * share <= kernels->few_queries;
          const auto each = static_cast<int32_t>(kernels->decode_results(type, h.dim, is_few));
          int32_t place = results[row];
          for (int32_t begin = 0; begin < tokens; begin += 256, place += each) {
            std::vector<int32_t>& to = is_few ? few : many;
            to.insert(to.end(), {static_cast<int32_t>(row), count, start, begin, std::min(begin + 256, tokens), place});
          }
          for (int64_t r = row; r < row + count; ++r) {
            results[r] = place;
            seen[r].emplace_back(start, tokens);
          }
        }
      };
      add(0, 8, {7, 3, 30, 31, 2, 39, 0, 11}, 500);
      for (int32_t row = 0; row < 8; ++row) add(row, 1, {12 + row}, 1 + row * 9);
      add(8, 1, {20, 21, 22, 23, 24, 25}, 380);
      std::vector<int32_t> first{0};
      for (int32_t count : results) first.push_back(first.back() + count);
      const auto ints = [&](const std::vector<int32_t>& numbers) { return at::tensor(numbers, at::kInt).to(device); };
      const PagedDecode work{q.to(device, type),
                             keys.to(device, type),
                             values.to(device, type),
                             ints(table),
                             ints(few).view({-1, 6}),
                             ints(many).view({-1, 6}),
                             ints(first),
                             at::empty({first.back(), h.queries, h.dim}, at::TensorOptions().device(device)),
                             at::empty({first.back(), h.queries}, at::TensorOptions().device(device)),
                             true,
                             0.11};
      const at::Tensor got = kernels->paged_decode(work);
      std::vector<at::Tensor> rows;
      for (size_t row = 0; row < 9; ++row) {
        std::vector<at::Tensor> k, v;
        for (const auto& [start, tokens] : seen[row]) {
          for (int32_t t = 0; t < tokens; ++t) {
            k.push_back(keys[table[start + t / kTokens]][t % kTokens]);
            v.push_back(values[table[start + t / kTokens]][t % kTokens]);
          }
        }
        const auto spread = [&](const std::vector<at::Tensor>& x) {  // [H, tokens, D]
          return at::stack(x).repeat_interleave(share, 1).transpose(0, 1);
        };
        const at::Tensor weights =
            at::softmax(at::matmul(spread(k), q[static_cast<int64_t>(row)].unsqueeze(-1)).squeeze(-1) * 0.11, -1);
        rows.push_back(at::matmul(weights.unsqueeze(1), spread(v)).squeeze(1));
      }
      for (size_t row = 0; row < 9; ++row) {
        EXPECT_LT(difference(got[static_cast<int64_t>(row)], rows[row]), tolerance(type)) << "row " << row;
      }
    }
  }
}

TEST_F(Cuda, DevicesAreDescribedAndUnknownOnesRefused) {
  EXPECT_NE(describe(device), "");
  EXPECT_EQ(describe(c10::kCPU), "");
  EXPECT_GT(memory_of(device), int64_t{1} << 30);
  EXPECT_THROW(open_device("cuda:99"), Error);
  const PeakMemory peak(device);
  { const at::Tensor large = at::empty({1 << 20}, at::TensorOptions().device(device)); }
  EXPECT_GE(peak.above(), 4 << 20);
}

}  // namespace
}  // namespace golong::nn
