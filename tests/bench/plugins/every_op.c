// Every op in the plainest way, by what plugin.h says and nothing else.
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "plugin.h"

static float* floats(const QwenchTensor* t) { return (float*)t->data; }
static const int32_t* ints(const QwenchTensor* t) { return (const int32_t*)t->data; }
static float* row(const QwenchTensor* t, int64_t i) {
  return (float*)((char*)t->data + i * t->stride_bytes[0]);
}

static double of_f16(const unsigned char* at) {
  uint16_t h;
  double value;
  memcpy(&h, at, 2);
  value = (h >> 10 & 31) ? ldexp(1024 + (h & 1023), (h >> 10 & 31) - 25) : ldexp(h & 1023, -24);
  return h >> 15 ? -value : value;
}

/// w[o, k] of any type but q4g.
static double weight(const QwenchWeight* w, int64_t o, int64_t k) {
  const unsigned char* at = (const unsigned char*)w->data + o * w->row_bytes;
  const int64_t block = k / 32, i = k % 32;
  float f;
  uint32_t bits;
  switch (w->dtype) {
    case QWENCH_F32: memcpy(&f, at + 4 * k, 4); return f;
    case QWENCH_F16: return of_f16(at + 2 * k);
    case QWENCH_BF16:
      bits = (uint32_t)at[2 * k] << 16 | (uint32_t)at[2 * k + 1] << 24;
      memcpy(&f, &bits, 4);
      return f;
    case QWENCH_Q8_0: at += 34 * block; return of_f16(at) * (signed char)at[2 + i];
    case QWENCH_Q4_0:
      at += 18 * block;
      return of_f16(at) * ((i < 16 ? at[2 + i] & 15 : at[2 + i - 16] >> 4) - 8);
    default: return NAN;
  }
}

static int embed(const QwenchCall* call) {
  const QwenchEmbed* a = &call->args.embed;
  int64_t t, k;
  for (t = 0; t < a->x.shape[0]; ++t)
    for (k = 0; k < a->x.shape[1]; ++k)
      row(&a->x, t)[k] = (float)weight(&a->w, ints(&a->tokens)[t], k);
  return 0;
}

static void multiply(const QwenchTensor* x, const QwenchWeight* w, const QwenchTensor* bias,
                     const QwenchTensor* y, int64_t begin, int64_t end, int32_t add) {
  int64_t o, t, k;
  for (t = 0; t < x->shape[0]; ++t)
    for (o = begin; o < end; ++o) {
      double sum = bias && bias->data ? floats(bias)[o] : 0;
      for (k = 0; k < w->in; ++k) sum += row(x, t)[w->order ? w->order[k] : k] * weight(w, o, k);
      row(y, t)[o] = (float)sum + (add ? row(y, t)[o] : 0);
    }
}

static void linear_part(const QwenchCall* call, void* data, int64_t begin, int64_t end,
                        int32_t thread) {
  const QwenchLinear* a = &call->args.linear;
  if (data != (void*)call || thread < 0 || thread >= call->n_threads) return;
  multiply(&a->x, &a->w, &a->bias, &a->y, begin, end, a->add);
}
static int linear(const QwenchCall* call) {
  call->parallel_for(call, call->args.linear.w.out, 0, linear_part, (void*)call);
  return 0;
}
static void silu_times(const float* gate, const float* up, float* h, int64_t n) {
  int64_t i;
  for (i = 0; i < n; ++i) h[i] = (float)(gate[i] / (1 + exp(-(double)gate[i])) * up[i]);
}
static int swiglu(const QwenchCall* call) {
  const QwenchSwiGlu* a = &call->args.swiglu;
  silu_times(floats(&a->gate), floats(&a->up), floats(&a->h), a->h.shape[0] * a->h.shape[1]);
  return 0;
}
static void normalise(const float* x, const float* w, int64_t n, float eps, float* y) {
  double squares = 0;
  int64_t i;
  for (i = 0; i < n; ++i) squares += (double)x[i] * x[i];
  for (i = 0; i < n; ++i) y[i] = (float)(x[i] / sqrt(squares / (double)n + eps) * w[i]);
}
static void normalise_rows(const QwenchTensor* x, const QwenchTensor* w, float eps,
                           const QwenchTensor* y) {
  int64_t t;
  for (t = 0; t < x->shape[0]; ++t) normalise(row(x, t), floats(w), x->shape[1], eps, row(y, t));
}
static int rms_norm(const QwenchCall* call) {
  const QwenchRmsNorm* a = &call->args.rms_norm;
  normalise_rows(&a->x, &a->w, a->eps, &a->y);
  return 0;
}
static int norm_qkv(const QwenchCall* call) {
  const QwenchNormQkv* a = &call->args.norm_qkv;
  normalise_rows(&a->x, &a->norm, a->eps, &a->normed);
  multiply(&a->normed, &a->wq, &a->bias_q, &a->q, 0, a->wq.out, 0);
  multiply(&a->normed, &a->wk, &a->bias_k, &a->k, 0, a->wk.out, 0);
  multiply(&a->normed, &a->wv, &a->bias_v, &a->v, 0, a->wv.out, 0);
  return 0;
}
static int norm_gate_up(const QwenchCall* call) {
  const QwenchNormGateUp* a = &call->args.norm_gate_up;
  normalise_rows(&a->x, &a->norm, a->eps, &a->normed);
  multiply(&a->normed, &a->w_gate, NULL, &a->gate, 0, a->w_gate.out, 0);
  multiply(&a->normed, &a->w_up, NULL, &a->h, 0, a->w_up.out, 0);
  silu_times(floats(&a->gate), floats(&a->h), floats(&a->h), a->h.shape[0] * a->h.shape[1]);
  return 0;
}
static int norm_logits(const QwenchCall* call) {
  const QwenchNormLogits* a = &call->args.norm_logits;
  normalise_rows(&a->x, &a->norm, a->eps, &a->normed);
  multiply(&a->normed, &a->w, NULL, &a->y, 0, a->w.out, 0);
  return 0;
}

static int layer_norm(const QwenchCall* call) {
  const QwenchLayerNorm* a = &call->args.layer_norm;
  const int64_t dim = a->x.shape[1];
  int64_t t, i;
  for (t = 0; t < a->x.shape[0]; ++t) {
    const float* x = row(&a->x, t);
    double mean = 0, variance = 0;
    for (i = 0; i < dim; ++i) mean += x[i] / (double)dim;
    for (i = 0; i < dim; ++i) variance += (x[i] - mean) * (x[i] - mean) / (double)dim;
    for (i = 0; i < dim; ++i)
      row(&a->y, t)[i] = (float)((x[i] - mean) / sqrt(variance + a->eps) * floats(&a->w)[i] +
                                 (a->bias.data ? floats(&a->bias)[i] : 0));
  }
  return 0;
}
static int gelu(const QwenchCall* call) {
  const QwenchGelu* a = &call->args.gelu;
  int64_t i;
  for (i = 0; i < a->x.shape[0] * a->x.shape[1]; ++i) {
    const double x = floats(&a->x)[i], cubed = x + 0.044715 * x * x * x;
    floats(&a->y)[i] = (float)(a->tanh ? 0.5 * x * (1 + tanh(0.7978845608028654 * cubed))
                                       : 0.5 * x * erfc(-x * 0.7071067811865476));
  }
  return 0;
}

/// A head of a tensor [n_tokens, n_heads, head_dim].
static float* head(const QwenchTensor* x, int64_t t, int64_t h) {
  return (float*)((char*)x->data + t * x->stride_bytes[0] + h * x->stride_bytes[1]);
}
static void norm_heads(const QwenchTensor* x, const QwenchTensor* w, float eps) {
  int64_t t, h;
  for (t = 0; t < x->shape[0]; ++t)
    for (h = 0; h < x->shape[1]; ++h)
      normalise(head(x, t, h), floats(w), x->shape[2], eps, head(x, t, h));
}
static void rotate(const QwenchTensor* x, const QwenchRotation* r) {
  const int64_t half = x->shape[2] / 2, capacity = r->cos.shape[r->cos.rank - 2];
  int64_t t, h, j;
  for (t = 0; t < x->shape[0]; ++t)
    for (j = 0; j < half; ++j) {
      const int64_t axis = r->axes.data ? ints(&r->axes)[j] : 0;
      const int64_t table = r->tables.data ? ints(&r->tables)[t] : 0;
      const int64_t position = ints(&r->positions)[t * r->positions.shape[1] + axis];
      const int64_t i = (table * capacity + position) * half + j;
      const double c = floats(&r->cos)[i], s = floats(&r->sin)[i];
      for (h = 0; h < x->shape[1]; ++h) {
        float* at = head(x, t, h);
        const double a = at[j], b = at[j + half];
        at[j] = (float)(a * c - b * s), at[j + half] = (float)(b * c + a * s);
      }
    }
}
static void store(const QwenchTensor* k, const QwenchTensor* v, const QwenchTensor* slots,
                  const QwenchTensor* sequences, const QwenchKv* kv) {
  int64_t t, h, d;
  for (t = 0; t < k->shape[0]; ++t)
    for (h = 0; h < k->shape[1]; ++h)
      for (d = 0; d < k->shape[2]; ++d) {
        const int64_t seq = ints(sequences)[t], slot = ints(slots)[t];
        *(float*)qwench_key(kv, seq, h, slot, d) = head(k, t, h)[d];
        *(float*)qwench_value(kv, seq, h, slot, d) = head(v, t, h)[d];
      }
}
static int head_norm(const QwenchCall* call) {
  const QwenchHeadNorm* a = &call->args.head_norm;
  norm_heads(&a->x, &a->w, a->eps);
  return 0;
}
static int rope(const QwenchCall* call) {
  const QwenchRope* a = &call->args.rope;
  rotate(&a->x, &a->rotation);
  return 0;
}
static int kv_store(const QwenchCall* call) {
  const QwenchKvStore* a = &call->args.kv_store;
  store(&a->k, &a->v, &a->slots, &a->sequences, &a->cache);
  return 0;
}
static int qk_norm_rope(const QwenchCall* call) {
  const QwenchQkNormRope* a = &call->args.qk_norm_rope;
  if (a->q_norm.data) norm_heads(&a->q, &a->q_norm, a->eps);
  if (a->k_norm.data) norm_heads(&a->k, &a->k_norm, a->eps);
  rotate(&a->q, &a->rotation);
  rotate(&a->k, &a->rotation);
  store(&a->k, &a->v, &a->slots, &a->sequences, &a->cache);
  return 0;
}

static double cached(int32_t dtype, const void* at) {
  return dtype == QWENCH_F32 ? *(const float*)at : of_f16((const unsigned char*)at);
}
static void attend(const QwenchAttention* a, int64_t t, int64_t h, double* scores) {
  const QwenchKv* kv = &a->cache;
  const int64_t seq = ints(&a->sequences)[t], n = ints(&a->slots)[t] + 1;
  const int64_t kv_head = h / (a->q.shape[1] / kv->n_kv_heads);
  double largest = -INFINITY, sum = 0;
  int64_t j, d;
  for (j = 0; j < n; ++j) {
    scores[j] = 0;
    for (d = 0; d < kv->head_dim; ++d)
      scores[j] += head(&a->q, t, h)[d] * (double)a->scale *
                   cached(kv->k_dtype, qwench_key(kv, seq, kv_head, j, d));
    largest = fmax(largest, scores[j]);
  }
  for (j = 0; j < n; ++j) sum += scores[j] = exp(scores[j] - largest);
  for (d = 0; d < kv->head_dim; ++d) {
    double value = 0;
    for (j = 0; j < n; ++j)
      value += scores[j] / sum * cached(kv->v_dtype, qwench_value(kv, seq, kv_head, j, d));
    head(&a->out, t, h)[d] = (float)value;
  }
}
static int attention(const QwenchCall* call) {
  const QwenchAttention* a = &call->args.attention;
  int64_t t, h;
  for (t = 0; t < a->q.shape[0]; ++t)
    for (h = 0; h < a->q.shape[1]; ++h) attend(a, t, h, (double*)call->scratch(call, 0));
  return 0;
}

static int argmax(const QwenchCall* call) {
  const QwenchArgmax* a = &call->args.argmax;
  int64_t t, i;
  for (t = 0; t < a->logits.shape[0]; ++t) {
    int32_t best = 0;
    for (i = 1; i < a->limit; ++i)
      if (row(&a->logits, t)[i] > row(&a->logits, t)[best]) best = (int32_t)i;
    ((int32_t*)a->ids.data)[t] = best;
    ((int32_t*)a->nonfinite.data)[t] = 0;
    for (i = 0; i < a->logits.shape[1]; ++i)
      ((int32_t*)a->nonfinite.data)[t] += !isfinite(row(&a->logits, t)[i]);
  }
  return 0;
}

static const char* anything(const QwenchCall* call) {
  return call->args.linear.x.rank ? NULL : "no args";
}
static const char* no_q4g(const QwenchCall* call) {
  return call->args.linear.w.dtype == QWENCH_Q4G ? "reads weights of other types" : NULL;
}
static const char* keys_in_scratch(const QwenchCall* call) {
  const QwenchKv* kv = &call->args.attention.cache;
  if (kv->k_dtype == QWENCH_BF16 || kv->v_dtype == QWENCH_BF16) return "reads f32 and f16";
  return kv->page_table.shape[1] * kv->page_slots * 8 > call->scratch_bytes ? "too many keys"
                                                                            : NULL;
}
static const char* f32_cache(const QwenchKv* kv) {
  return kv->k_dtype == QWENCH_F32 && kv->v_dtype == QWENCH_F32 ? NULL : "stores f32 only";
}
static const char* stores_f32(const QwenchCall* call) {
  return f32_cache(&call->args.kv_store.cache);
}
static const char* stores_f32_too(const QwenchCall* call) {
  return f32_cache(&call->args.qk_norm_rope.cache);
}

static const QwenchKernel kernels[] = {
    {"embed", "naive", anything, embed, 1, QWENCH_INPUTS_F32, 0},
    {"linear", "naive", no_q4g, linear, 1, QWENCH_INPUTS_F32, QWENCH_OPTION_INPUT_ORDER},
    {"norm_qkv", "naive", anything, norm_qkv, 1, QWENCH_INPUTS_F32, QWENCH_OPTION_INPUT_ORDER},
    {"norm_gate_up", "naive", anything, norm_gate_up, 1, QWENCH_INPUTS_F32,
     QWENCH_OPTION_INPUT_ORDER},
    {"norm_logits", "naive", anything, norm_logits, 1, QWENCH_INPUTS_F32, 0},
    {"swiglu", "naive", anything, swiglu, 1, QWENCH_INPUTS_F32, 0},
    {"rms_norm", "naive", anything, rms_norm, 1, QWENCH_INPUTS_F32, 0},
    {"layer_norm", "naive", anything, layer_norm, 1, QWENCH_INPUTS_F32, 0},
    {"gelu", "naive", anything, gelu, 1, QWENCH_INPUTS_F32, 0},
    {"head_norm", "naive", anything, head_norm, 1, QWENCH_INPUTS_F32, 0},
    {"rope", "naive", anything, rope, 1, QWENCH_INPUTS_F32,
     QWENCH_OPTION_POSITION_AXES | QWENCH_OPTION_ROPE_TABLES},
    {"kv_store", "naive", stores_f32, kv_store, 1, QWENCH_INPUTS_F32, 0},
    {"qk_norm_rope", "naive", stores_f32_too, qk_norm_rope, 1, QWENCH_INPUTS_F32,
     QWENCH_OPTION_POSITION_AXES | QWENCH_OPTION_ROPE_TABLES},
    {"attention", "naive", keys_in_scratch, attention, 1, QWENCH_INPUTS_F32, 0},
    {"argmax", "naive", anything, argmax, 0, QWENCH_INPUTS_F32, 0},
};
static const QwenchPlugin plugin = {
    QWENCH_PLUGIN_ABI, QWENCH_PLUGIN_MINOR, sizeof kernels / sizeof kernels[0],
    kernels,           "every-op",          "1.0"};

const QwenchPlugin* qwench_plugin(void) { return &plugin; }
