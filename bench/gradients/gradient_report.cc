// The text and JSON forms of a gradient report.
#include <fmt/format.h>

#include <algorithm>

#include "bench/gradients/gradient_section.h"
#include "bench/support/output.h"
#include "bench/support/table.h"

namespace qwench::bench {

namespace {

const char* verdict(bool pass) { return pass ? "pass" : "FAIL"; }

bool derivative_right(const GradientReport& r) {
  return r.finite_difference_error <= kMaxFiniteDifferenceError;
}

std::string memory_table(const GradientReport& r) {
  Table table({"<activations", "kept for backward", "peak"});
  table.add({"all kept", format_bytes(r.kept_bytes), format_bytes(r.peak_bytes)});
  table.add(
      {"recomputed", format_bytes(r.kept_bytes_recompute), format_bytes(r.peak_bytes_recompute)});
  return table.to_string();
}

std::string rows_table(const GradientReport& r) {
  Table table({"<candidate", "<gradient of", "cosine", "relative L2", "<"});
  for (const GradientRow& row : r.rows)
    table.add({row.candidate, row.tensor, fmt::format("{:.8f}", row.cosine),
               fmt::format("{:.3g}", row.relative_l2), verdict(row.pass)});
  return table.to_string();
}

std::string golden_table(const GradientReport& r) {
  Table table({"<golden file", "<tensor", "relative error", "<"});
  for (const GoldenRow& row : r.golden)
    table.add({row.file, row.tensor, fmt::format("{:.3g}", row.error), verdict(row.pass)});
  return table.to_string();
}

}  // namespace

bool passed(const GradientReport& r) {
  const auto pass = [](const auto& row) { return row.pass; };
  return derivative_right(r) && r.recompute_equal &&
         std::all_of(r.rows.begin(), r.rows.end(), pass) &&
         std::all_of(r.golden.begin(), r.golden.end(), pass);
}

std::string to_string(const GradientReport& r) {
  std::string text = fmt::format(
      "gradients of layer {}, {} tokens, seed {} (a validation tool: qwench does not train; of the "
      "weights\nalone: kernels, plug-ins and injected damage take no part)\n",
      r.layer, r.n_tokens, r.seed);
  text += fmt::format("backward against central differences: {:.3g}, at most {:.0e}: {}\n",
                      r.finite_difference_error, kMaxFiniteDifferenceError,
                      verdict(derivative_right(r)));
  text += fmt::format("recomputed gradients are the kept ones bit for bit: {}\n\n",
                      verdict(r.recompute_equal));
  text += memory_table(r);
  if (!r.rows.empty())
    text += fmt::format("\nagainst the reference, cosine at least {}:\n{}", r.min_cosine,
                        rows_table(r));
  if (!r.golden.empty())
    text += fmt::format("\nagainst other software, at most {:.0e} of the largest value:\n{}",
                        kMaxGoldenError, golden_table(r));
  return text;
}

OrderedJson to_json(const GradientReport& r) {
  OrderedJson rows = OrderedJson::array(), golden = OrderedJson::array();
  for (const GradientRow& row : r.rows)
    rows.push_back({{"candidate", row.candidate},
                    {"tensor", row.tensor},
                    {"cosine", finite_or_null(row.cosine)},
                    {"relative_l2", finite_or_null(row.relative_l2)},
                    {"pass", row.pass}});
  for (const GoldenRow& row : r.golden)
    golden.push_back({{"file", row.file},
                      {"tensor", row.tensor},
                      {"error", finite_or_null(row.error)},
                      {"pass", row.pass}});
  return {{"layer", r.layer},
          {"n_tokens", r.n_tokens},
          {"seed", r.seed},
          {"min_cosine", r.min_cosine},
          {"pass", passed(r)},
          {"finite_differences",
           {{"error", finite_or_null(r.finite_difference_error)},
            {"bound", kMaxFiniteDifferenceError},
            {"pass", derivative_right(r)}}},
          {"recompute",
           {{"equal", r.recompute_equal},
            {"kept_bytes", r.kept_bytes},
            {"kept_bytes_recompute", r.kept_bytes_recompute},
            {"peak_bytes", r.peak_bytes},
            {"peak_bytes_recompute", r.peak_bytes_recompute}}},
          {"rows", std::move(rows)},
          {"golden", std::move(golden)}};
}

}  // namespace qwench::bench
