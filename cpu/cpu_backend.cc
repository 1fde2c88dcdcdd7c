// Memory, clock and kernel lists of the CPU backend.
#include "cpu/cpu_backend.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <initializer_list>

#include "cpu/cpu_info.h"
#include "cpu/kv_page.h"
#include "cpu/ops.h"
#include "cpu/page_arena.h"
#include "cpu/panels.h"
#include "cpu/plugin_kernels.h"
#include "cpu/probes.h"
#include "engine/base/check.h"
#include "engine/base/host_memory.h"
#include "engine/ops/example.h"

namespace qwench::cpu {

namespace {

KernelTable built_in_kernels() {
  KernelTable table;
  for_each_op([&](auto tag) { table.set(cpu_op<typename decltype(tag)::type>().kernels); });
  return table;
}

/// Which layouts of a weight the chosen kernels of `Args` read, asked as if all were held.
template <class Args>
void add_layout(const Backend& backend, const Args& args, bool& plain, bool& packed) {
  const Selection<Args> chosen = backend.select(args);
  if (!chosen.kernel) return;
  (chosen.kernel->reads == Layout::kPlain ? plain : packed) = true;
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(const CpuOptions& options, std::shared_ptr<Team> team)
      : Backend(options.policy), team_(std::move(team)) {
    count_memory(MemoryKind::kScratch, team_->scratch_bytes());
    KernelTable kernels = built_in_kernels();
    for (const std::string& path : options.plugins) plugins_.add(load_plugin(path), kernels);
    set_kernels(kernels);
    check_policy();
  }

  std::string_view name() const override { return "cpu"; }
  int threads() const override { return team_->size(); }
  BackendInfo describe() const override;
  int64_t available_bytes() const override { return available_memory_bytes(); }
  std::unique_ptr<Probes> probes() override { return make_probes(threads()); }
  Stream& stream() override { return *team_; }
  std::string_view kv_layout() const override { return kKvLayout; }
  void upload(void* device, const void* host, int64_t bytes) override {
    if (bytes) std::memcpy(device, host, size_t(bytes));
  }
  void download(void* host, const void* device, int64_t bytes) override {
    if (bytes) std::memcpy(host, device, size_t(bytes));
  }
  void copy(void* to, const void* from, int64_t bytes) override {
    if (bytes) std::memmove(to, from, size_t(bytes));
  }
  Weight allocate_weight(DType dtype, int64_t out, int64_t in, WeightUse use) override;
  void import_rows(Weight& weight, int64_t first, const TensorView& rows) override;
  int64_t count_nonfinite(const TensorView& t) override;

 protected:
  void* allocate_bytes(int64_t bytes) override { return memory_arena_.allocate(bytes); }
  void release_bytes(void* data, int64_t) override { memory_arena_.release(data); }
  Mark mark() override {
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  }
  int64_t time_of(Mark mark) override { return mark; }

 private:
  void choose_layouts(const WeightView& w, WeightUse use, bool& plain, bool& packed) const;

  PageArena memory_arena_;
  std::shared_ptr<Team> team_;  // of other backends too, where threads are shared
  PluginKernels plugins_;
};

BackendInfo CpuBackend::describe() const {
  const CpuInfo& cpu = cpu_info();
  BackendInfo info;
  const auto add = [&info](bool has, std::initializer_list<const char*> names) {
    if (has) info.features.insert(info.features.end(), names.begin(), names.end());
  };
  add(cpu.avx2, {"avx2", "fma", "f16c"}), add(cpu.avx512, {"avx512"});
  add(cpu.avx_vnni, {"avx_vnni"}), add(cpu.avx512_vnni, {"avx512_vnni"});
  add(cpu.avx512_bf16, {"avx512_bf16"});
  info.device = cpu.model, info.feature_limit = kIsaLimitNames[size_t(cpu.limit)];
  info.logical_cores = cpu.logical_cores, info.physical_cores = cpu.physical_cores;
  info.l1d_bytes = cpu.l1d_bytes, info.l2_bytes = cpu.l2_bytes, info.l3_bytes = cpu.l3_bytes;
  info.memory_bytes = total_memory_bytes(), info.virtual_machine = cpu.virtual_machine;
  return info;
}

int64_t CpuBackend::count_nonfinite(const TensorView& t) {
  constexpr int64_t kBlock = 16384;
  constexpr uint32_t kExponent =
      0x7f800000u;  // all ones in NaN and Inf, whatever the compiler assumes
  const int64_t n = t.shape.count();
  std::atomic<int64_t> bad{0};
  team_->parallel_for(ceil_div(n, kBlock), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t block = begin; block < end; ++block) {
      const uint32_t* bits = t.as<const uint32_t>() + block * kBlock;
      const int64_t count = std::min(kBlock, n - block * kBlock);
      uint32_t found = 0;
      for (int64_t i = 0; i < count; ++i) found += (bits[i] & kExponent) == kExponent;
      if (found) bad += found;
    }
  });
  return bad;
}

void CpuBackend::choose_layouts(const WeightView& w, WeightUse use, bool& plain,
                                bool& packed) const {
  OpSizes s;  // kernels look at shapes and types here, never at values
  s.dtype = s.table = w.dtype;
  s.in = s.dim = w.in;
  s.out = s.ffn_dim = s.vocab = s.n_heads = s.n_kv_heads = w.out;
  s.head_dim = 1;
  NoMemory none;
  const auto add = [&](const auto& args) { add_layout(*this, args, plain, packed); };
  if (use == WeightUse::kLinear) {
    add(example<LinearArgs>(s, none));
    add(example<NormQkvArgs>(s, none));
    add(example<NormGateUpArgs>(s, none));
    return;
  }
  if (use != WeightUse::kEmbedding) {
    const auto logits = example<NormLogitsArgs>(s, none);
    add(logits);
    if (!select(logits).kernel) add(LinearArgs{logits.normed, logits.w, {}, logits.y});  // its part
  }
  if (use == WeightUse::kHead) return;
  auto embed = example<EmbedArgs>(s, none);
  if ((plain || packed) && policy().forced<EmbedArgs>().empty()) {
    // A tied embedding is looked up in the layout that the head reads anyway.
    if (!plain) embed.w.plain = nullptr;
    if (!packed) embed.w.packed = nullptr;
  }
  add(embed);
}

Weight CpuBackend::allocate_weight(DType dtype, int64_t out, int64_t in, WeightUse use) {
  Weight weight;
  WeightView& view = weight.view;
  view = {dtype, out, in};
  bool plain = false, packed = false;
  choose_layouts(view, use, plain, packed);
  if (plain) {
    weight.plain = allocate(out * row_bytes(dtype, in), MemoryKind::kWeights);
    view.plain = weight.plain.data();
  }
  if (packed) {
    weight.packed = allocate(packed_bytes(dtype, out, in), MemoryKind::kWeights);
    view.packed = weight.packed.data();
  }
  return weight;
}

void CpuBackend::import_rows(Weight& weight, int64_t first, const TensorView& rows) {
  static_assert(kImportRows % kPanelRows == 0);
  const WeightView& view = weight.view;
  QWENCH_CHECK(rows.dtype == view.dtype && rows.cols() == view.in && first % kImportRows == 0 &&
               first + rows.rows() <= view.out);
  QWENCH_CHECK(rows.rows() % kImportRows == 0 || first + rows.rows() == view.out);
  if (view.plain) {
    char* to = static_cast<char*>(weight.plain.data()) + first * row_bytes(view.dtype, view.in);
    upload(to, rows.data, rows.bytes());
  }
  if (view.packed) {
    char* to = static_cast<char*>(weight.packed.data());
    pack_panels(*team_, rows, to + first / kPanelRows * panel_bytes(view.dtype, view.in));
  }
}

}  // namespace

const char* avx2_missing() {
  if (cpu_info().limit == IsaLimit::kBase) return "AVX2 is left out (--isa base)";
  return cpu_info().avx2 ? nullptr : "this processor has no AVX2, FMA and F16C";
}

static const char* avx512_left_out() {
  switch (cpu_info().limit) {
    case IsaLimit::kNative: break;
    case IsaLimit::kAvx2: return "AVX-512 is left out (--isa avx2)";
    case IsaLimit::kBase: return "AVX-512 is left out (--isa base)";
  }
  return nullptr;
}

const char* avx512_missing(DType weights) {
  if (const char* left_out = avx512_left_out()) return left_out;
  const CpuInfo& info = cpu_info();
  if (!info.avx512) return "this processor has no AVX-512 F, BW, VL and DQ";
  if (is_quantized(weights) && !(info.avx512_vnni && info.avx512_vbmi))
    return "this processor has no AVX-512 VNNI and VBMI";
  return nullptr;
}

const char* avx512bf16_missing() {
  if (const char* left_out = avx512_left_out()) return left_out;
  return cpu_info().avx512_bf16 ? nullptr : "this processor has no AVX-512 BF16";
}

std::shared_ptr<Team> make_team(int threads) {
  constexpr int kMaxThreads = 1024;
  if (threads < 0 || threads > kMaxThreads)
    fail_usage("--threads: expected 1 to {} (0: physical cores), got {}", kMaxThreads, threads);
  return std::make_shared<Team>(threads ? threads : cpu_info().physical_cores);
}

std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options) {
  return std::make_unique<CpuBackend>(options,
                                      options.team ? options.team : make_team(options.threads));
}

}  // namespace qwench::cpu
