// The ops of the CPU backend: a line each, defined at the end of cpu/<op>.cc, which holds the reference
// kernel and the list; the kernels of an instruction set are in <op>_<isa>.cc beside it.
#pragma once
#include "cpu/team.h"
#include "engine/backend/kernel.h"
#include "engine/backend/plugin.h"
#include "engine/ops/ops.h"

namespace qwench::cpu {

template <class Args>
struct CpuOp {
  KernelList<Args> kernels;
  /// The args as plug-ins get them (engine/backend/plugin.h, cpu/plugin_args.h); null: plug-ins cannot have it.
  void (*to_c)(const Args& args, QwenchArgs& to) = nullptr;
};
template <class Args>
CpuOp<Args> cpu_op();

// clang-format off
template <> CpuOp<EmbedArgs> cpu_op();
template <> CpuOp<NormQkvArgs> cpu_op();
template <> CpuOp<QkNormRopeArgs> cpu_op();
template <> CpuOp<AttentionArgs> cpu_op();
template <> CpuOp<LinearArgs> cpu_op();
template <> CpuOp<NormGateUpArgs> cpu_op();
template <> CpuOp<NormLogitsArgs> cpu_op();
template <> CpuOp<ArgmaxArgs> cpu_op();
template <> CpuOp<RmsNormArgs> cpu_op();
template <> CpuOp<HeadNormArgs> cpu_op();
template <> CpuOp<RopeArgs> cpu_op();
template <> CpuOp<KvStoreArgs> cpu_op();
template <> CpuOp<SwiGluArgs> cpu_op();
template <> CpuOp<LayerNormArgs> cpu_op();
template <> CpuOp<GeluArgs> cpu_op();
// clang-format on

/// Why an AVX2 kernel cannot run here, or null.
const char* avx2_missing();
/// The same for AVX-512; of quantised weights with VNNI and VBMI.
const char* avx512_missing(DType weights);
const char* avx512bf16_missing();

}  // namespace qwench::cpu
