// The lists are asked with args that own no memory: `unsupported` looks at shapes, types and
// layouts.
#include "bench/kernels/kernel_list.h"

#include <algorithm>

#include "bench/support/table.h"

namespace qwench::bench {

namespace {

template <class Args>
void append(std::vector<KernelRow>& rows, Backend& backend, const OpSizes& sizes) {
  HeldLayouts memory(backend);
  const Args args = example<Args>(sizes, memory);
  bool selected = true;
  Selection<Args> selection;
  try {
    selection = backend.select(args);
  } catch (const Error&) {
    selected = false;  // the forced kernel cannot run these args; its row says why
  }
  for (const Kernel<Args>& k : backend.kernels(Tag<Args>{})) {
    const char* reason = refusal(k, args);
    rows.push_back({Args::kName, k.name, selected && selection.kernel == &k, reason ? reason : "",
                    k.invariant, k.plugin});
  }
  if (kHasParts<Args>)
    rows.push_back({Args::kName, "composed", selected && !selection.kernel, "", true});
}

}  // namespace

std::vector<KernelRow> list_kernels(Backend& backend, const OpSizes& sizes) {
  std::vector<KernelRow> rows;
  for_each_op([&](auto tag) { append<typename decltype(tag)::type>(rows, backend, sizes); });
  return rows;
}

bool of_other_weights(std::string_view reason) { return reason.rfind("reads ", 0) == 0; }

std::string kernel_table(const std::vector<KernelRow>& rows) {
  Table table({"<op", "<kernel", "<state", "<note"});
  std::string_view op;
  for (const KernelRow& r : rows) {
    const char* state = r.chosen ? "chosen" : r.reason.empty() ? "can run" : "refused";
    std::string note =
        r.reason.empty() && !r.invariant ? "sums depend on batch or threads" : r.reason;
    if (!r.plugin.empty())
      note = fmt::format("plug-in {}{}{}", r.plugin, note.empty() ? "" : ": ", note);
    table.add({std::string(r.op == op ? "" : r.op), std::string(r.kernel), state, note});
    op = r.op;
  }
  return table.to_string();
}

OrderedJson kernel_choices(const std::vector<KernelRow>& rows) {
  OrderedJson choices = OrderedJson::array();
  OrderedJson refused = OrderedJson::array();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i && rows[i].op != rows[i - 1].op) refused = OrderedJson::array();
    if (rows[i].chosen)
      choices.push_back({{"op", rows[i].op}, {"kernel", rows[i].kernel}, {"refused", refused}});
    else if (!rows[i].reason.empty())
      refused.push_back({{"kernel", rows[i].kernel}, {"reason", rows[i].reason}});
  }
  return choices;
}

std::string kernel_choices_text(const std::vector<KernelRow>& rows) {
  std::string line = "kernels:";
  std::vector<std::pair<std::string, std::string>> refusals;  // "kernel refused: reason", ops
  for (const OrderedJson& choice : kernel_choices(rows)) {
    const auto op = choice["op"].get<std::string>();
    line += fmt::format(" {}={}", op, choice["kernel"].get<std::string>());
    for (const OrderedJson& r : choice["refused"]) {
      const auto reason = r["reason"].get<std::string>();
      if (of_other_weights(reason)) continue;
      const std::string text = fmt::format("{}: {}", r["kernel"].get<std::string>(), reason);
      const auto same = std::find_if(refusals.begin(), refusals.end(),
                                     [&](const auto& refusal) { return refusal.first == text; });
      if (same == refusals.end())
        refusals.emplace_back(text, op);
      else
        same->second += ", " + op;
    }
  }
  line += "\n";
  for (const auto& [text, ops] : refusals) line += fmt::format("  refused {} ({})\n", text, ops);
  return line;
}

}  // namespace qwench::bench
