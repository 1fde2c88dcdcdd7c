// A plug-in for every way to go wrong in a kernel: the build defines one of the names in capitals. Without
// any it is right.
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "plugin.h"

static float* floats(const QwenchTensor* t) { return (float*)t->data; }

/// y = x w^T + bias, or y += that, of the rows [begin, end) of w.
static void multiply(const QwenchLinear* a, int64_t begin, int64_t end) {
  const int64_t rows = a->x.shape[0], in = a->x.shape[1], out = a->w.out;
  int64_t t, o, k;
  for (t = 0; t < rows; ++t)
    for (o = begin; o < end; ++o) {
      double sum = a->bias.data ? floats(&a->bias)[o] : 0;
#if defined(IGNORES_BIAS)
      sum = 0;
#endif
      for (k = 0; k < in; ++k)
        sum += (double)floats(&a->x)[t * in + k] * ((const float*)a->w.data)[o * in + k];
#if defined(PREFILL_ONLY)
      if (rows > 1) sum *= 2;
#elif defined(DECODE_ONLY)
      if (rows == 1) sum *= 2;
#elif defined(FROM_33_ROWS)
      if (rows >= 33) sum *= 2;
#elif defined(BATCH_OF_8)
      if (rows == 8) sum *= 2;
#elif defined(DEPENDS_ON_ROWS)
      sum *= 1 + 2e-7 * (double)rows;
#elif defined(MAKES_NAN)
      if (rows > 1) sum = NAN;
#elif defined(ADDS_UP)
      sum += floats(&a->y)[t * out + o];
#endif
#if !defined(IGNORES_RESIDUAL)
      if (a->add) sum += floats(&a->y)[t * out + o];
#endif
      floats(&a->y)[t * out + o] = (float)sum;
    }
}

#if defined(OVERFLOWS_STACK)
static int deeper(volatile int* before) {
  volatile int here[4096];
  here[0] = before ? before[0] + 1 : 0;
  return deeper(here) + here[1];
}
#endif

static void misbehave(const QwenchCall* call) {
#if defined(CRASHES)
  *(volatile int*)(call->n_threads < 0 ? &call->n_threads : NULL) = 1;
#elif defined(ABORTS)
  if (call) abort();
#elif defined(DIVIDES_BY_ZERO)
  volatile int zero = 0, seven = 7;
  if (call) seven = seven / zero;
#elif defined(OVERFLOWS_STACK)
  if (call) deeper(NULL);
#elif defined(HANGS)
  volatile int forever = call != NULL;
  while (forever) {
  }
#elif defined(EXITS)
  if (call) exit(0);
#elif defined(ENDS_AT_ONCE)
  if (call) _Exit(0);
#elif defined(CRASHES_LATE)
  static int calls = 0;
  if (call && ++calls == CRASHES_LATE) abort();
#else
  (void)call;
#endif
}

static void part(const QwenchCall* call, void* data, int64_t begin, int64_t end, int32_t thread) {
  (void)data, (void)thread;
#if defined(CRASHES_ON_THREAD)
  *(volatile int*)(thread < 0 ? &thread : NULL) = 1;
#elif defined(NESTS)
  call->parallel_for(call, 2, 1, part, data);
#endif
  multiply(&call->args.linear, begin, end);
}

static int linear(const QwenchCall* call) {
  const QwenchLinear* a = &call->args.linear;
#if defined(WRONG_LATE)
  static int calls = 0;
#endif
  misbehave(call);
  call->parallel_for(call, a->w.out, 1, part, NULL);
#if defined(WRONG_LATE)
  if (++calls > WRONG_LATE) floats(&a->y)[0] += 1000;
#elif defined(DEPENDS_ON_THREADS)
  int64_t t;
  for (t = 0; t < a->y.shape[0]; ++t)
    floats(&a->y)[t * a->y.shape[1]] *= 1 + 2e-7f * (float)call->n_threads;
#elif defined(WRITES_OUTSIDE)
  floats(&a->y)[a->y.shape[0] * a->y.shape[1]] = 0;
#elif defined(WRITES_FAR_OUTSIDE)
  floats(&a->y)[a->y.shape[0] * a->y.shape[1] + 4096] = 0;
#endif
  return 0;
}

/// Rotates the pairs (j, j + head_dim / 2).
static int rope(const QwenchCall* call) {
  const QwenchRope* a = &call->args.rope;
  const int64_t heads = a->x.shape[1], half = a->x.shape[2] / 2;
  int64_t t, h, j;
  for (t = 0; t < a->x.shape[0]; ++t) {
    int64_t pos = ((const int32_t*)a->rotation.positions.data)[t];
#if defined(SECOND_CHUNK)
    if (t > 0 && pos >= 4) pos = 0;
#endif
    for (h = 0; h < heads; ++h)
      for (j = 0; j < half; ++j) {
        float* x = floats(&a->x) + (t * heads + h) * 2 * half + j;
        const double c = floats(&a->rotation.cos)[pos * half + j],
                     s = floats(&a->rotation.sin)[pos * half + j];
        const double first = x[0], second = x[half];
        x[0] = (float)(first * c - second * s), x[half] = (float)(second * c + first * s);
      }
  }
  return 0;
}

/// The first index of the largest of `limit` logits.
static int largest(const QwenchCall* call) {
  const QwenchArgmax* a = &call->args.argmax;
  int64_t t, i;
  for (t = 0; t < a->logits.shape[0]; ++t) {
    const float* row = floats(&a->logits) + t * a->logits.shape[1];
    int32_t best = 0;
#if defined(IGNORES_LIMIT)
    const int64_t limit = a->logits.shape[1];
#else
    const int64_t limit = a->limit;
#endif
    for (i = 1; i < limit; ++i)
#if defined(LAST_OF_EQUALS)
      if (row[i] >= row[best]) best = (int32_t)i;
#else
      if (row[i] > row[best]) best = (int32_t)i;
#endif
#if defined(FIRST_ID)
    best = 0;
#endif
    ((int32_t*)a->ids.data)[t] = best;
    ((int32_t*)a->nonfinite.data)[t] = 0;
  }
  return 0;
}

static const char* f32_only(const QwenchCall* call) {
  return call->args.linear.w.dtype == QWENCH_F32 ? NULL : "reads f32 weights";
}
static const char* anything(const QwenchCall* call) { return call ? NULL : ""; }

static const QwenchKernel kernels[] = {
    {"linear", "own", f32_only, linear, 1, QWENCH_INPUTS_F32, 0},
    {"rope", "own", anything, rope, 1, QWENCH_INPUTS_F32, 0},
    {"argmax", "own", anything, largest, 1, QWENCH_INPUTS_F32, 0},
};
static const QwenchPlugin plugin = {
    QWENCH_PLUGIN_ABI, QWENCH_PLUGIN_MINOR, 3, kernels, "faulty", "1.0"};

const QwenchPlugin* qwench_plugin(void) {
#if defined(CRASHES_AT_LOAD)
  abort();
#endif
  return &plugin;
}
