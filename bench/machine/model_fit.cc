// The bound is that of reading: arithmetic and everything else only come on top.
#include "bench/machine/model_fit.h"

#include <algorithm>

#include "bench/machine/memory_levels.h"
#include "bench/model/kv_choice.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/support/table.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

ModelFit fit_of(const ModelOptions& o, const Ceilings& roofline, int threads) {
  const std::unique_ptr<Checkpoint> checkpoint = open_model(o);
  const ModelConfig& config = checkpoint->config();
  const LoadOptions load = load_options(o);
  ModelFit fit;
  fit.model = model_name(o.model), fit.dtype = std::string(name_of(weight_dtype(o, config)));
  fit.capacity = o.capacity;
  if (!fit.capacity)
    fit.capacity = config.max_positions > 0 ? std::min<int64_t>(config.max_positions, 4096) : 4096;
  fit.available = available_memory_bytes();
  fit.plan = plan_memory(config, planned_weight_bytes(o, *checkpoint),
                         session_options(o, 1, fit.capacity));
  fit.token = token_cost(*checkpoint, load, kv_type(o), fit.capacity / 2);
  fit.level = level_of(fit.plan.weights, threads);
  if (fit.level == "dram") fit.ceiling = roofline.dram_read.per_second / double(fit.token.total());
  return fit;
}

OrderedJson to_json(const ModelFit& f) {
  return {{"model", f.model},
          {"dtype", f.dtype},
          {"capacity", f.capacity},
          {"weights_bytes", f.plan.weights},
          {"kv_cache_bytes", f.plan.kv_cache},
          {"activations_bytes", f.plan.activations},
          {"total_bytes", f.plan.total()},
          {"available_bytes", f.available},
          {"fits", f.fits()},
          {"token_bytes", f.token.total()},
          {"weights_level", f.level},
          {"ceiling_tokens_per_second", number_or_null(f.ceiling, f.ceiling > 0)}};
}

std::string fit_text(const ModelFit& f) {
  const std::string speed =
      f.ceiling > 0 ? fmt::format("at most {} tokens/s: each reads {} from memory",
                                  format_number(f.ceiling), format_bytes(f.token.total()))
      : f.level != "dram"
          ? fmt::format("its weights stay in {}: the memory's bandwidth is no bound", f.level)
          : std::string("no bound on its speed: reading was not measured");
  return fmt::format("{} as {} with {} positions takes {} of {} available: {}\n{}; {}\n", f.model,
                     f.dtype, f.capacity, format_bytes(f.plan.total()), format_bytes(f.available),
                     f.fits() ? "it fits" : "DOES NOT FIT", speed,
                     f.fits() ? "`qwench bench` measures it"
                              : "choose --dtype q4g, a smaller --ctx, or see `qwench tune`");
}

}  // namespace qwench::bench
