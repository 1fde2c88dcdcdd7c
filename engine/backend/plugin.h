// The C interface of a plug-in: a shared library with kernels of your own, loaded with --plugin FILE.so.
// C99 and C++; needs nothing but this header. bench/plugin_example/ is a worked example.
//
// The library exports one function, qwench_plugin(), whose answer and all that it points to stay as they
// are until the program ends; the library is never unloaded. A kernel appears beside the built-in ones of
// its op: `qwench kernels --op OP` times it and checks it against `reference`, `--kernel OP=NAME` makes a
// model run it. Without that it is never chosen.
//
// A plug-in runs inside the program: it can crash it, and nothing here can prevent that. It is named then,
// as it is when it hangs; `kernels` tries every kernel in a process of its own first. What is checked is what
// it says (names, ops, version, `invariant`), that its `run` succeeds, and, by `kernels`, `compare` and
// `accuracy`, that its numbers are right. No C++ exception may leave any of its functions.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Changes whenever something below does. A plug-in of another version is refused.
#define QWENCH_PLUGIN_ABI 2

/// Types of elements. Quantised rows are blocks of 32 weights; engine/formats says what they mean:
///   q8_0  { uint16_t d; int8_t q[32]; }    d is f16; w = d * q
///   q4_0  { uint16_t d; uint8_t q[16]; }   w = d * (nibble - 8); byte i holds weight i (low), i + 16 (high)
///   q4g   a float, then { uint8_t head; uint8_t q[16]; }   see engine/formats/q4g.h
enum {
  QWENCH_F32 = 0,
  QWENCH_F16 = 1,
  QWENCH_BF16 = 2,
  QWENCH_I32 = 3,
  QWENCH_Q8_0 = 4,
  QWENCH_Q4_0 = 5,
  QWENCH_Q4G = 6
};

/// Activations are f32; tokens, positions and sequences i32; weights any type but i32, row-major
/// [out, in] as stored. Contiguous: the strides say the same as the shape. Nothing promises more than
/// the alignment of an element.
typedef struct QwenchTensor {
  void* data;  // NULL: an optional tensor that is not there
  int32_t dtype, rank;
  int64_t shape[4];  // 1 from `rank` on
  int64_t
      stride_bytes[4];  // to the next index of a dimension; 0 from `rank` on, and within the rows
                        // of a quantised type
} QwenchTensor;

/// One layer's keys and values, of every sequence; f32 or f16. Positions lie in blocks of `block`, and
/// within a block keys are transposed; qwench_k_index() and qwench_v_index() say where.
typedef struct QwenchKv {
  void* k;  // [n_seq, n_kv_heads, capacity / block, head_dim, block]
  void* v;  // [n_seq, n_kv_heads, capacity, head_dim]
  int32_t dtype, block;
  int64_t n_seq, n_kv_heads, capacity, head_dim;
} QwenchKv;

/// Index of k[seq, head, pos, d], in elements.
static inline int64_t qwench_k_index(const QwenchKv* kv, int64_t seq, int64_t head, int64_t pos,
                                     int64_t d) {
  const int64_t in_block = pos % kv->block;
  return ((seq * kv->n_kv_heads + head) * kv->capacity + pos - in_block) * kv->head_dim +
         d * kv->block + in_block;
}
/// Index of v[seq, head, pos, d], in elements.
static inline int64_t qwench_v_index(const QwenchKv* kv, int64_t seq, int64_t head, int64_t pos,
                                     int64_t d) {
  return ((seq * kv->n_kv_heads + head) * kv->capacity + pos) * kv->head_dim + d;
}

// ---- ops: what each means, its inputs, then its outputs -----------------------------------------

typedef struct QwenchEmbed {  // x[t] = w[tokens[t]]
  QwenchTensor tokens;        // [n_tokens] i32
  QwenchTensor w;             // [vocab, dim]
  QwenchTensor x;             // out: [n_tokens, dim]
} QwenchEmbed;

typedef struct QwenchLinear {  // y = x w^T (+ bias)
  QwenchTensor x;              // [n_tokens, in]
  QwenchTensor w;              // [out, in]
  QwenchTensor bias;           // [out], optional
  QwenchTensor y;              // out: [n_tokens, out]; in and out where `add` is set
  int32_t add;                 // 1: y += x w^T (+ bias), a residual
} QwenchLinear;

typedef struct QwenchRmsNorm {  // y = x / sqrt(mean(x^2) + eps) * w
  QwenchTensor x;               // [n_tokens, dim]
  QwenchTensor w;               // [dim] f32
  QwenchTensor y;               // out: [n_tokens, dim]
  float eps;
} QwenchRmsNorm;

typedef struct QwenchHeadNorm {  // the same for every head, in place
  QwenchTensor x;                // in and out: [n_tokens, n_heads, head_dim]
  QwenchTensor w;                // [head_dim] f32
  float eps;
} QwenchHeadNorm;

typedef struct QwenchRope {  // rotates the pairs (j, j + head_dim / 2), in place
  QwenchTensor x;            // in and out: [n_tokens, n_heads, head_dim]
  QwenchTensor positions;    // [n_tokens] i32
  QwenchTensor cos, sin;     // [capacity, head_dim / 2]
} QwenchRope;

typedef struct QwenchKvStore {        // cache[sequence, position] = k, v
  QwenchTensor k, v;                  // [n_tokens, n_kv_heads, head_dim]
  QwenchTensor positions, sequences;  // [n_tokens] i32
  QwenchKv cache;                     // out
} QwenchKvStore;

typedef struct QwenchAttention {  // softmax(scale q k^T) v over positions 0..pos, causal; head h of
                                  // q reads head h / (n_heads / n_kv_heads) of k and v
  QwenchTensor q;                 // [n_tokens, n_heads, head_dim]
  QwenchTensor positions, sequences;  // [n_tokens] i32
  QwenchKv cache;                     // holds the tokens' own keys and values already
  QwenchTensor out;                   // out: [n_tokens, n_heads, head_dim]
  float scale;
} QwenchAttention;

typedef struct QwenchSwiGlu {  // h = gate / (1 + exp(-gate)) * up
  QwenchTensor gate, up;       // [n_tokens, ffn_dim]
  QwenchTensor h;              // out: [n_tokens, ffn_dim], may be `up`
} QwenchSwiGlu;

typedef struct QwenchArgmax {  // ids[t] = first index of the largest logit
  QwenchTensor logits;         // [n_tokens, vocab]
  QwenchTensor ids;            // out: [n_tokens] i32
  int64_t limit;               // only indices below this one
} QwenchArgmax;

typedef struct QwenchNormQkv {          // q, k, v = rms_norm(x) w^T (+ bias)
  QwenchTensor x;                       // [n_tokens, dim]
  QwenchTensor norm;                    // [dim] f32
  QwenchTensor wq, wk, wv;              // [q_dim | kv_dim, dim]
  QwenchTensor bias_q, bias_k, bias_v;  // [q_dim | kv_dim], optional
  QwenchTensor normed;                  // [n_tokens, dim], of no meaning before and after
  QwenchTensor q, k, v;                 // out: [n_tokens, q_dim | kv_dim]
  float eps;
} QwenchNormQkv;

typedef struct QwenchNormGateUp {  // h = swiglu(rms_norm(x) w_gate^T, rms_norm(x) w_up^T)
  QwenchTensor x;                  // [n_tokens, dim]
  QwenchTensor norm;               // [dim] f32
  QwenchTensor w_gate, w_up;       // [ffn_dim, dim]
  QwenchTensor normed, gate;       // [n_tokens, dim | ffn_dim], of no meaning before and after
  QwenchTensor h;                  // out: [n_tokens, ffn_dim]
  float eps;
} QwenchNormGateUp;

typedef struct QwenchNormLogits {  // y = rms_norm(x) w^T
  QwenchTensor x;                  // [n_tokens, dim]
  QwenchTensor norm;               // [dim] f32
  QwenchTensor w;                  // [vocab, dim]
  QwenchTensor normed;             // [n_tokens, dim], of no meaning before and after
  QwenchTensor y;                  // out: [n_tokens, vocab]
  float eps;
} QwenchNormLogits;

typedef struct QwenchQkNormRope {     // head_norm of q and k (if weights are given), rope, kv_store
  QwenchTensor q;                     // in and out: [n_tokens, n_heads, head_dim]
  QwenchTensor k, v;                  // [n_tokens, n_kv_heads, head_dim]; k may be overwritten
  QwenchTensor q_norm, k_norm;        // [head_dim] f32, both or none
  QwenchTensor positions, sequences;  // [n_tokens] i32
  QwenchTensor cos, sin;              // [capacity, head_dim / 2]
  QwenchKv cache;                     // out
  float eps;
} QwenchQkNormRope;

typedef struct
    QwenchLayerNorm {  // y = (x - mean) / sqrt(variance + eps) * w (+ bias), of every row
  QwenchTensor x;      // [n_tokens, dim]
  QwenchTensor w;      // [dim] f32
  QwenchTensor bias;   // [dim] f32, optional
  QwenchTensor y;      // out: [n_tokens, dim]
  float eps;
} QwenchLayerNorm;

typedef struct QwenchGelu {  // y = x Phi(x), Phi the normal distribution
  QwenchTensor x;            // [n_tokens, width]
  QwenchTensor y;            // out: [n_tokens, width], may be `x`
  int32_t tanh;              // 1: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
} QwenchGelu;

// ---- one call -----------------------------------------------------------------------------------

/// The one that is named like the kernel's op.
typedef union QwenchArgs {
  QwenchEmbed embed;
  QwenchLinear linear;
  QwenchRmsNorm rms_norm;
  QwenchHeadNorm head_norm;
  QwenchRope rope;
  QwenchKvStore kv_store;
  QwenchAttention attention;
  QwenchSwiGlu swiglu;
  QwenchArgmax argmax;
  QwenchNormQkv norm_qkv;
  QwenchQkNormRope qk_norm_rope;
  QwenchNormGateUp norm_gate_up;
  QwenchNormLogits norm_logits;
  QwenchLayerNorm layer_norm;
  QwenchGelu gelu;
} QwenchArgs;

typedef struct QwenchCall QwenchCall;

/// A part [begin, end) of a parallel loop, on thread `thread` of call->n_threads.
typedef void (*QwenchBody)(const QwenchCall* call, void* data, int64_t begin, int64_t end,
                           int32_t thread);

struct QwenchCall {
  /// Calls body for parts of [0, n), none of them shorter than `grain` but the last, on the program's
  /// threads, and returns when all is done. Which thread takes a part differs from call to call. Only
  /// from run() itself, never from within a body.
  void (*parallel_for)(const QwenchCall* call, int64_t n, int64_t grain, QwenchBody body,
                       void* data);
  /// Memory of one thread: scratch_bytes, 64-byte aligned, of no meaning before and after run().
  void* (*scratch)(const QwenchCall* call, int32_t thread);
  int64_t scratch_bytes;
  int32_t n_threads;
  void* host;  // of qwench
  QwenchArgs args;
};

// ---- what a plug-in registers -------------------------------------------------------------------

/// What a kernel rounds its inputs to before it multiplies them. `qwench kernels` judges it by the error
/// that this explains, and compares its speed with that arithmetic's ceiling.
enum {
  QWENCH_INPUTS_F32 = 0,
  QWENCH_INPUTS_BF16 = 1,
  QWENCH_INPUTS_INT8 = 2,
  QWENCH_INPUTS_INT7 = 3
};

/// Names are 1 to 64 letters, digits and any of . _ + -
typedef struct QwenchKernel {
  const char* op;    // "linear": one of the names in QwenchArgs
  const char* name;  // not one that the op has already, nor "reference" or "composed"
  /// NULL when run() can compute these args, else why not, for people to read. Looks at shapes and
  /// types, and at data only whether it is NULL; parallel_for and scratch are NULL, n_threads is 0.
  /// Asked before every run().
  const char* (*unsupported)(const QwenchCall* call);
  int (*run)(const QwenchCall* call);  // 0, or a code of failure, which ends the program's command
  int32_t invariant;  // 1: the same bits for any number of threads, tokens and prefill chunks
  int32_t inputs;     // QWENCH_INPUTS_...
} QwenchKernel;

typedef struct QwenchPlugin {
  int32_t abi;  // QWENCH_PLUGIN_ABI
  int32_t n_kernels;
  const QwenchKernel* kernels;
  const char *name, *version;
} QwenchPlugin;

#if defined(__GNUC__)
#define QWENCH_EXPORT __attribute__((visibility("default")))
#else
#define QWENCH_EXPORT
#endif

/// The function that a plug-in defines.
QWENCH_EXPORT const QwenchPlugin* qwench_plugin(void);

#ifdef __cplusplus
}
#endif
