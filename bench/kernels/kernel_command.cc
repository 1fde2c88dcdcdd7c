// Asks once for decode (one token) and once for prefill (a chunk): lists may answer differently.
#include "bench/kernels/kernel_command.h"

#include "bench/kernels/kernel_list.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"
#include "engine/formats/format.h"

namespace qwench::bench {

int print_kernel_list(const ModelOptions& options) {
  OpSizes sizes;
  sizes.bias = sizes.tied = true;
  std::string subject = "the sizes of qwen2.5-0.5b (no -m given)";
  if (!options.dtype.empty()) {
    sizes.dtype = parse_dtype(options.dtype);
    sizes.table = embedding_dtype(sizes.dtype);
  }
  if (!options.model.empty()) {
    sizes = sizes_of(options, *open_model(options));
    subject = options.model;
  }
  const std::unique_ptr<Backend> backend = make_backend(options, options.threads);
  std::string text =
      fmt::format("{} on {}, {} weights, policy {}; best first\n", subject, backend->name(),
                  name_of(sizes.dtype), backend->policy().to_string());
  text += "\ndecode, 1 token\n" + kernel_table(list_kernels(*backend, sizes));
  sizes.n_tokens = options.prefill_chunk;
  text += fmt::format("\nprefill, {} tokens\n", sizes.n_tokens) +
          kernel_table(list_kernels(*backend, sizes));
  print(text);
  return kExitOk;
}

}  // namespace qwench::bench
