// One plug-in for every way to be wrong: the build defines one of the names in capitals. Without any
// it is right.
#include <math.h>
#include <stddef.h>

#include "plugin.h"

#if defined(SILENT_REFUSAL)
static const char* can_run(const QwenchCall* call) { return call ? "" : NULL; }
#else
static const char* can_run(const QwenchCall* call) { return call ? NULL : ""; }
#endif

/// rms_norm: y = x / sqrt(mean(x^2) + eps) * w.
static int rms_norm(const QwenchCall* call) {
  const QwenchRmsNorm* a = &call->args.rms_norm;
  const int64_t dim = a->x.shape[1];
  const float *x = (const float*)a->x.data, *w = (const float*)a->w.data;
  float* y = (float*)a->y.data;
  int64_t t, i;
#if defined(FAILS)
  if (x && w) return 7;
#endif
  for (t = 0; t < a->x.shape[0]; ++t, x += dim, y += dim) {
    double squares = 0;
    for (i = 0; i < dim; ++i) squares += (double)x[i] * x[i];
    for (i = 0; i < dim; ++i) y[i] = (float)(x[i] / sqrt(squares / (double)dim + a->eps) * w[i]);
  }
#if defined(WRONG)
  y[-1] += 1;
#endif
  return 0;
}

#if defined(NULL_OP)
#define OP NULL
#elif defined(UNKNOWN_OP)
#define OP "matmul"
#else
#define OP "rms_norm"
#endif

#if defined(NULL_NAME)
#define NAME NULL
#elif defined(EMPTY_NAME)
#define NAME ""
#elif defined(NAME_WITH_EQUALS)
#define NAME "a=b"
#elif defined(RESERVED_NAME)
#define NAME "composed"
#else
#define NAME "own"
#endif

#if defined(NULL_RUN)
#define RUN NULL
#else
#define RUN rms_norm
#endif
#if defined(NULL_UNSUPPORTED)
#define UNSUPPORTED NULL
#else
#define UNSUPPORTED can_run
#endif
#if defined(WRONG_FLAG)
#define INVARIANT 2
#else
#define INVARIANT 1
#endif
#if defined(UNKNOWN_OPTION)
#define OPTIONS 1024
#else
#define OPTIONS 0
#endif

static const QwenchKernel kernels[] = {
    {OP, NAME, UNSUPPORTED, RUN, INVARIANT, QWENCH_INPUTS_F32, OPTIONS},
    {"rms_norm", "own2", can_run, rms_norm, 1, QWENCH_INPUTS_F32, 0},
#if defined(DUPLICATE)
    {"rms_norm", "own", can_run, rms_norm, 1, QWENCH_INPUTS_F32, 0},
#elif defined(BUILT_IN_NAME)
    {"swiglu", "f32_polyexp_avx2", can_run, rms_norm, 1, QWENCH_INPUTS_F32, 0},
#else
    {"rms_norm", "own3", can_run, rms_norm, 1, QWENCH_INPUTS_F32, 0},
#endif
};

static QwenchPlugin plugin = {
#if defined(OTHER_ABI)
    QWENCH_PLUGIN_ABI + 1,
#elif defined(VERSION_1)
    1,
#else
    QWENCH_PLUGIN_ABI,
#endif
#if defined(LATER_MINOR)
    QWENCH_PLUGIN_MINOR + 1,
#else
    QWENCH_PLUGIN_MINOR,
#endif
#if defined(NO_KERNEL)
    0,
#elif defined(MANY_KERNELS)
    1 << 30,
#else
    3,
#endif
    kernels,
#if defined(NULL_PLUGIN_NAME)
    NULL,
#else
    "broken",
#endif
#if defined(EMPTY_VERSION)
    "",
#else
    "0.1",
#endif
};

#if defined(NO_ENTRY)
const QwenchPlugin* another_function(void);
const QwenchPlugin* another_function(void) { return &plugin; }
#elif defined(NULL_ANSWER)
const QwenchPlugin* qwench_plugin(void) { return plugin.abi ? NULL : &plugin; }
#else
const QwenchPlugin* qwench_plugin(void) {
#if defined(NULL_KERNELS)
  plugin.kernels = NULL;
#endif
  return &plugin;
}
#endif
