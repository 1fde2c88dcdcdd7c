// A plug-in whose kernels let C++ exceptions out: `rms_norm` from its run, `swiglu` from a thread.
#include <stdexcept>

#include "plugin.h"

namespace {

const char* anything(const QwenchCall*) { return nullptr; }

int rms_norm(const QwenchCall*) { throw std::runtime_error("no such table"); }

void part(const QwenchCall*, void*, int64_t, int64_t, int32_t) { throw 7; }
int swiglu(const QwenchCall* call) {
  call->parallel_for(call, 64, 1, part, nullptr);
  return 0;
}

const QwenchKernel kKernels[] = {
    {"rms_norm", "own", anything, rms_norm, 1, QWENCH_INPUTS_F32, 0},
    {"swiglu", "own", anything, swiglu, 1, QWENCH_INPUTS_F32, 0},
};
const QwenchPlugin kPlugin = {QWENCH_PLUGIN_ABI, QWENCH_PLUGIN_MINOR, 2, kKernels, "throws", "1.0"};

}  // namespace

const QwenchPlugin* qwench_plugin() { return &kPlugin; }
