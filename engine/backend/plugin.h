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

/// A plug-in of another version is refused; one of 2.0 that has `argmax` too, whose `nonfinite` came with 2.1. Within a version only enumerators are added, at the end of their
/// list, each with a higher minor: a plug-in of a lower minor runs, and says `unsupported` of values that it
/// does not know; one of a higher minor is refused.
#define QWENCH_PLUGIN_ABI 2
#define QWENCH_PLUGIN_MINOR 1

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

/// Activations are f32; tokens, slots, positions and sequences i32. Contiguous: the strides say the same as the shape. Nothing promises more than
/// the alignment of an element.
typedef struct QwenchTensor {
  void* data;  // NULL: an optional tensor that is not there
  int32_t dtype, rank;
  int64_t shape[4];  // 1 from `rank` on
  int64_t
      stride_bytes[4];  // to the next index of a dimension; 0 from `rank` on, and within the rows
                        // of a quantised type
} QwenchTensor;

/// A matrix as stored, row-major.
typedef struct QwenchWeight {
  const void* data;  // [out, in]
  int64_t out, in;
  int64_t row_bytes;     // from one row to the next
  int32_t dtype;         // any but i32
  const int32_t* order;  // [in], optional: column k is multiplied with x[order[k]]
} QwenchWeight;

/// Optional inputs that change what an op computes. A kernel lists those that it honours; args with others it
/// is never asked about.
enum {
  QWENCH_OPTION_INPUT_ORDER = 1,    // QwenchWeight.order
  QWENCH_OPTION_BLOCK_LIST = 2,     // QwenchAttention.blocks
  QWENCH_OPTION_POSITION_AXES = 4,  // QwenchRotation.axes
  QWENCH_OPTION_ROPE_TABLES = 8     // QwenchRotation.tables
};

/// One layer's keys and values in pages of `page_slots` slots. A token's slot is its index in its sequence;
/// the page table says which page holds it; qwench_key() and qwench_value() say where.
typedef struct QwenchKv {
  void* k;                  // keys of page 0: [n_kv_heads, head_dim, page_slots]
  void* v;                  // values of page 0: [n_kv_heads, page_slots, head_dim]
  int64_t page_bytes;       // from a page to the next one, of keys and of values
  QwenchTensor page_table;  // [n_seq, pages of a sequence] i32
  int64_t n_kv_heads, head_dim;
  int32_t k_dtype, v_dtype;  // f32, f16 or bf16
  int32_t page_slots, n_pages;
} QwenchKv;

static inline int64_t qwench_page(const QwenchKv* kv, int64_t sequence, int64_t slot) {
  const int32_t* pages = (const int32_t*)kv->page_table.data;
  return pages[sequence * kv->page_table.shape[1] + slot / kv->page_slots];
}
/// Address of k[sequence, head, slot, d].
static inline void* qwench_key(const QwenchKv* kv, int64_t sequence, int64_t head, int64_t slot,
                               int64_t d) {
  const int64_t i = (head * kv->head_dim + d) * kv->page_slots + slot % kv->page_slots;
  return (char*)kv->k + qwench_page(kv, sequence, slot) * kv->page_bytes +
         i * (kv->k_dtype == QWENCH_F32 ? 4 : 2);
}
/// Address of v[sequence, head, slot, d].
static inline void* qwench_value(const QwenchKv* kv, int64_t sequence, int64_t head, int64_t slot,
                                 int64_t d) {
  const int64_t i = (head * kv->page_slots + slot % kv->page_slots) * kv->head_dim + d;
  return (char*)kv->v + qwench_page(kv, sequence, slot) * kv->page_bytes +
         i * (kv->v_dtype == QWENCH_F32 ? 4 : 2);
}

/// By which angles a token's heads turn: pair j by row positions[t, axes[j]] of table tables[t].
typedef struct QwenchRotation {
  QwenchTensor positions;  // [n_tokens, axes] i32
  QwenchTensor axes;       // [head_dim / 2] i32, optional: axis 0
  QwenchTensor cos, sin;   // [capacity, head_dim / 2], or [tables, capacity, head_dim / 2]
  QwenchTensor tables;     // [n_tokens] i32, optional: table 0
} QwenchRotation;

/// Which blocks of page_slots keys a token reads, as far as they lie in its sight.
typedef struct QwenchBlockList {
  QwenchTensor rows;    // [n_tokens] i32: a token's row of the list; optional: all blocks are read
  QwenchTensor counts;  // [n_rows, n_kv_heads] i32
  QwenchTensor blocks;  // [n_rows, n_kv_heads, most] i32: slot / page_slots, ascending
} QwenchBlockList;

// ---- ops: what each means, its inputs, then its outputs -----------------------------------------

typedef struct QwenchEmbed {  // x[t] = w[tokens[t]]
  QwenchTensor tokens;        // [n_tokens] i32
  QwenchWeight w;             // [vocab, dim]
  QwenchTensor x;             // out: [n_tokens, dim]
} QwenchEmbed;

typedef struct QwenchLinear {  // y = x w^T (+ bias)
  QwenchTensor x;              // [n_tokens, in]
  QwenchWeight w;              // [out, in]
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
  QwenchRotation rotation;
} QwenchRope;

typedef struct QwenchKvStore {    // cache[sequence, slot] = k, v
  QwenchTensor k, v;              // [n_tokens, n_kv_heads, head_dim]
  QwenchTensor slots, sequences;  // [n_tokens] i32
  QwenchKv cache;                 // out
} QwenchKvStore;

typedef struct QwenchAttention {  // softmax(scale q k^T) v over slots 0 to the token's own; head h
                                  // of q reads head h / (n_heads / n_kv_heads) of k and v
  QwenchTensor q;                 // [n_tokens, n_heads, head_dim]
  QwenchTensor slots, sequences;  // [n_tokens] i32
  QwenchKv cache;                 // holds the tokens' own keys and values already
  QwenchTensor out;               // out: [n_tokens, n_heads, head_dim]
  float scale;
  QwenchBlockList blocks;
} QwenchAttention;

typedef struct QwenchSwiGlu {  // h = gate / (1 + exp(-gate)) * up
  QwenchTensor gate, up;       // [n_tokens, ffn_dim]
  QwenchTensor h;              // out: [n_tokens, ffn_dim], may be `up`
} QwenchSwiGlu;

typedef struct QwenchArgmax {  // ids[t] = first index of the largest logit
  QwenchTensor logits;         // [n_tokens, vocab]
  QwenchTensor ids;            // out: [n_tokens] i32
  int64_t limit;               // only indices below this one
  QwenchTensor nonfinite;      // out: [n_tokens] i32, how many of all logits are NaN or Inf
} QwenchArgmax;

typedef struct QwenchNormQkv {          // q, k, v = rms_norm(x) w^T (+ bias)
  QwenchTensor x;                       // [n_tokens, dim]
  QwenchTensor norm;                    // [dim] f32
  QwenchWeight wq, wk, wv;              // [q_dim | kv_dim, dim]
  QwenchTensor bias_q, bias_k, bias_v;  // [q_dim | kv_dim], optional
  QwenchTensor normed;                  // [n_tokens, dim], of no meaning before and after
  QwenchTensor q, k, v;                 // out: [n_tokens, q_dim | kv_dim]
  float eps;
} QwenchNormQkv;

typedef struct QwenchNormGateUp {  // h = swiglu(rms_norm(x) w_gate^T, rms_norm(x) w_up^T)
  QwenchTensor x;                  // [n_tokens, dim]
  QwenchTensor norm;               // [dim] f32
  QwenchWeight w_gate, w_up;       // [ffn_dim, dim]
  QwenchTensor normed, gate;       // [n_tokens, dim | ffn_dim], of no meaning before and after
  QwenchTensor h;                  // out: [n_tokens, ffn_dim]
  float eps;
} QwenchNormGateUp;

typedef struct QwenchNormLogits {  // y = rms_norm(x) w^T
  QwenchTensor x;                  // [n_tokens, dim]
  QwenchTensor norm;               // [dim] f32
  QwenchWeight w;                  // [vocab, dim]
  QwenchTensor normed;             // [n_tokens, dim], of no meaning before and after
  QwenchTensor y;                  // out: [n_tokens, vocab]
  float eps;
} QwenchNormLogits;

typedef struct QwenchQkNormRope {  // head_norm of q and k (if weights are given), rope, kv_store
  QwenchTensor q;                  // in and out: [n_tokens, n_heads, head_dim]
  QwenchTensor k, v;               // [n_tokens, n_kv_heads, head_dim]; k may be overwritten
  QwenchTensor q_norm, k_norm;     // [head_dim] f32, both or none
  QwenchRotation rotation;
  QwenchTensor slots, sequences;  // [n_tokens] i32
  QwenchKv cache;                 // out
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
  int32_t options;    // QWENCH_OPTION_... or-ed: those that it honours
} QwenchKernel;

typedef struct QwenchPlugin {
  int32_t abi;    // QWENCH_PLUGIN_ABI
  int32_t minor;  // QWENCH_PLUGIN_MINOR
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
