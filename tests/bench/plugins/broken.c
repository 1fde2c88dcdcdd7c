// One plug-in for every way to be wrong: the build defines one of the names in capitals. Without any
// it is right.
#include <stddef.h>

#include "plugin.h"

#if defined(SILENT_REFUSAL)
static const char* can_run(const QwenchCall* call) { return call ? "" : NULL; }
#else
static const char* can_run(const QwenchCall* call) { return call ? NULL : ""; }
#endif

/// add: x += delta.
static int add(const QwenchCall* call) {
  const QwenchAdd* a = &call->args.add;
  const float* delta = (const float*)a->delta.data;
  float* x = (float*)a->x.data;
  int64_t i;
#if defined(FAILS)
  if (x && delta) return 7;
#endif
  for (i = 0; i < a->x.shape[0] * a->x.shape[1]; ++i) x[i] += delta[i];
#if defined(WRONG)
  x[0] += 1;
#endif
  return 0;
}

#if defined(NULL_OP)
#define OP NULL
#elif defined(UNKNOWN_OP)
#define OP "matmul"
#else
#define OP "add"
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
#define RUN add
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

static const QwenchKernel kernels[] = {
    {OP, NAME, UNSUPPORTED, RUN, INVARIANT, QWENCH_INPUTS_F32},
    {"add", "own2", can_run, add, 1, QWENCH_INPUTS_F32},
#if defined(DUPLICATE)
    {"add", "own", can_run, add, 1, QWENCH_INPUTS_F32},
#elif defined(BUILT_IN_NAME)
    {"swiglu", "f32_polyexp_avx2", can_run, add, 1, QWENCH_INPUTS_F32},
#else
    {"add", "own3", can_run, add, 1, QWENCH_INPUTS_F32},
#endif
};

static QwenchPlugin plugin = {
#if defined(OTHER_ABI)
    QWENCH_PLUGIN_ABI + 1,
#else
    QWENCH_PLUGIN_ABI,
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
