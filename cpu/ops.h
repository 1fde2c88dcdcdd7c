// The kernel lists of the CPU backend, one per op, each defined at the end of its op's file; and
// the AVX2 kernels that those lists name, defined in the <op>_avx2.cc beside it.
#pragma once
#include "cpu/team.h"
#include "engine/kernel.h"
#include "engine/op.h"

namespace qwench::cpu {

KernelList<EmbedArgs> embed_kernels();
KernelList<LinearArgs> linear_kernels();
KernelList<AddArgs> add_kernels();
KernelList<RmsNormArgs> rms_norm_kernels();
KernelList<HeadNormArgs> head_norm_kernels();
KernelList<RopeArgs> rope_kernels();
KernelList<KvStoreArgs> kv_store_kernels();
KernelList<AttentionArgs> attention_kernels();
KernelList<SwiGluArgs> swiglu_kernels();
KernelList<ArgmaxArgs> argmax_kernels();
KernelList<AddRmsNormArgs> add_rms_norm_kernels();
KernelList<QkvLinearArgs> qkv_linear_kernels();
KernelList<QkNormRopeArgs> qk_norm_rope_kernels();
KernelList<GateUpSwiGluArgs> gate_up_swiglu_kernels();
KernelList<LogitsArgs> logits_kernels();

/// Why an AVX2 kernel cannot run here, or null.
const char* avx2_missing();
/// The same for AVX-512; of quantised weights with VNNI and VBMI.
const char* avx512_missing(DType weights);
const char* avx512bf16_missing();

}  // namespace qwench::cpu
