// What every op must move and compute, against numbers worked out by hand.
#include <doctest/doctest.h>

#include <map>
#include <string>

#include "engine/ops/example.h"
#include "engine/ops/ops.h"

using namespace qwench;

namespace {

/// Three tokens at positions 5, 6 and 7; weights of q8_0 (34 bytes for 32), keys and values of f16.
OpSizes sizes() {
  OpSizes s;
  s.n_tokens = 3, s.depth = 5;
  s.out = 10, s.in = 64, s.dim = 64, s.ffn_dim = 96, s.vocab = 100;
  s.n_heads = 4, s.n_kv_heads = 2, s.head_dim = 16;
  s.dtype = DType::kQ8_0, s.kv_dtype = DType::kF16, s.table = DType::kBF16;
  s.bias = s.qk_norm = true;
  return s;
}

const std::map<std::string, OpCost> kByHand = {
    {"embed", {0, 3 * 4 + 3 * 64 * 2 + 768}},            // ids, rows of bf16, x
    {"linear", {2 * 3 * 10 * 64, 768 + 10 * 68 + 120}},  // x, w, y
    {"rms_norm", {4 * 192, 768 + 256 + 768}},            // x, w, y
    {"head_norm", {4 * 192, 2 * 768 + 64}},              // x read and written, w
    {"rope", {3 * 192, 2 * 768 + 3 * 8 * 8}},            // x read and written, 8 cosines and sines
    {"kv_store", {0, 2 * 384 + 2 * 192}},                // k, v; the same as f16
    // 6 + 7 + 8 scores, two products of 16 each, 4 heads; 8 keys and values of 2 heads, once; q, out
    {"attention", {4 * 21 * 4 * 16, 2 * 8 * 2 * 16 * 2 + 2 * 768}},
    {"swiglu", {5 * 288, 3 * 1152}},                 // gate, up, h
    {"layer_norm", {8 * 192, 768 + 2 * 256 + 768}},  // x, w, bias, y
    {"gelu", {8 * 288, 2 * 1152}},                   // x, y
    {"argmax", {300, 1200}},                         // logits
    // x and its norm, w, q, k, v
    {"norm_qkv", {2 * 3 * 128 * 64 + 768, 768 + 256 + 128 * 68 + 768 + 384 + 384}},
    {"norm_gate_up", {4 * 3 * 96 * 64 + 768 + 1440, 768 + 256 + 2 * 96 * 68 + 1152}},  // x, w, h
    {"norm_logits", {2 * 3 * 100 * 64 + 768, 768 + 256 + 100 * 64 * 2 + 1200}},        // x, w, y
    {"qk_norm_rope", {576 + 288 + 4 * 288, 1728 + 960 + 1152}},  // rope of q, of k, kv_store; norms
};

template <class Args>
OpCost cost_at(const OpSizes& s) {
  NoMemory none;
  return cost(example<Args>(s, none));
}

}  // namespace

TEST_CASE("the cost of every op is what is worked out by hand") {
  for_each_op([](auto tag) {
    using Args = typename decltype(tag)::type;
    const std::string name(Args::kName);
    CAPTURE(name);
    const auto by_hand = kByHand.find(name);
    REQUIRE(by_hand != kByHand.end());
    const OpCost counted = cost_at<Args>(sizes());
    CHECK(counted.flops == by_hand->second.flops);
    CHECK(counted.bytes == by_hand->second.bytes);
  });
}

TEST_CASE("a residual is read, added and written") {
  OpSizes s = sizes();
  s.residual = true;
  const OpCost plain = cost_at<LinearArgs>(sizes()), added = cost_at<LinearArgs>(s);
  CHECK(added.bytes == plain.bytes + 3 * 10 * 4);
  CHECK(added.flops == plain.flops + 3 * 10);
}

TEST_CASE("attention reads a key once a step and KV head, however many tokens look at it") {
  OpSizes s = sizes();
  s.n_tokens = 512, s.depth = 0, s.n_heads = 14, s.head_dim = 64;
  const OpCost prefill = cost_at<AttentionArgs>(s);
  const int64_t q_and_out = 2 * 512 * 14 * 64 * 4;
  CHECK(prefill.bytes == 2 * 512 * 2 * 64 * 2 + q_and_out);  // 262 KB of keys and values
  CHECK(prefill.flops == int64_t(4) * (512 * 513 / 2) * 14 * 64);
  // Positions 5, 6, 7, 8 of two sequences in turn: 8 keys of one are read and 9 of the other.
  s = sizes();
  s.n_tokens = 4, s.n_seq = 2;
  CHECK(cost_at<AttentionArgs>(s).bytes == 2 * (8 + 9) * 2 * 16 * 2 + 2 * 4 * 4 * 16 * 4);
  CHECK(cost_at<AttentionArgs>(s).flops == 4 * (6 + 7 + 8 + 9) * 4 * 16);
}

TEST_CASE("what a list of blocks leaves out costs attention nothing") {
  OpSizes s = sizes();
  s.depth = 100, s.sparse = true;  // slots 100, 101 and 102 see the 64 keys of the first block
  CHECK(cost_at<AttentionArgs>(s).flops == 4 * (3 * 64) * 4 * 16);
  CHECK(cost_at<AttentionArgs>(s).bytes == 2 * 64 * 2 * 16 * 2 + 2 * 768);
}
