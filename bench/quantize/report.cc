// Errors of several layers are averaged as energies, the worst layer stands beside them.
#include "bench/quantize/report.h"

#include <algorithm>
#include <cmath>

#include "bench/support/table.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

/// "layers.*.mlp.down_proj" for all layers; other matrices keep their names.
std::string kind_of(const std::string& tensor) {
  std::string name(short_name(tensor));
  if (name.rfind("layers.", 0) != 0) return name;
  const size_t end = name.find('.', 7);
  return end == name.npos ? name : "layers.*" + name.substr(end);
}

/// A running mean of squares and its worst.
struct Errors {
  double squares = 0, worst = 0;
  int64_t n = 0;
  void add(double error) { squares += error * error, worst = std::max(worst, error), ++n; }
  std::string mean_text() const {
    return n ? fmt::format("{:.3f}", 100 * std::sqrt(squares / double(n))) : "-";
  }
  std::string worst_text() const { return n ? fmt::format("{:.3f}", 100 * worst) : "-"; }
};

/// All matrices of one kind and type: a line of the table.
struct Kind {
  std::string name;
  DType to = DType::kF32;
  int64_t n = 0, weights = 0, bytes = 0, kept[kRoundings] = {};
  Errors weight, output[kRoundings], output_kept;
  void add(const TensorReport& t) {
    ++n, ++kept[size_t(t.kept)];
    weights += t.shape.count(), bytes += t.bytes_out;
    weight.add(t.weight_error);
    for (size_t i = 0; i < size_t(kRoundings); ++i)
      if (t.output_error[i]) output[i].add(*t.output_error[i]);
    if (t.output_error[size_t(t.kept)]) output_kept.add(*t.output_error[size_t(t.kept)]);
  }
};

std::vector<Kind> kinds_of(const QuantizeReport& report) {
  std::vector<Kind> kinds;
  for (const TensorReport& t : report.tensors) {
    if (t.shape.rank != 2) continue;
    const std::string name = kind_of(t.name);
    const auto same = [&](const Kind& k) { return k.name == name && k.to == t.to; };
    auto found = std::find_if(kinds.begin(), kinds.end(), same);
    if (found == kinds.end()) {
      found = kinds.emplace(kinds.end());
      found->name = name, found->to = t.to;
    }
    found->add(t);
  }
  return kinds;
}

std::string kept_text(const Kind& k) {
  std::string text;
  for (size_t i = 0; i < size_t(kRoundings); ++i)
    if (k.kept[i])
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name_of(Rounding(i)), k.kept[i]);
  return text;
}

std::string table_text(const QuantizeReport& report) {
  const bool calibrated = report.calibration != "none";
  std::vector<std::string> headings = {"<matrix", "<type", "n", "bits", "weights %", "worst %"};
  if (calibrated)
    for (const char* heading :
         {"plain %", "importance %", "feedback %", "kept %", "<rounding kept"})
      headings.emplace_back(heading);
  Table table(headings);
  for (const Kind& k : kinds_of(report)) {
    std::vector<std::string> cells = {
        k.name,
        std::string(name_of(k.to)),
        std::to_string(k.n),
        fmt::format("{:.3f}", 8.0 * double(k.bytes) / double(k.weights)),
        k.weight.mean_text(),
        k.weight.worst_text()};
    if (calibrated) {
      for (const Errors& errors : k.output) cells.push_back(errors.mean_text());
      cells.push_back(k.output_kept.mean_text());
      cells.push_back(k.output_kept.n ? kept_text(k) : "-");
    }
    table.add(cells);
  }
  return table.to_string();
}

/// Where error feedback was tried and lost.
std::string fallback_text(const QuantizeReport& report) {
  int64_t tried = 0, lost = 0;
  std::string names;
  for (const TensorReport& t : report.tensors) {
    if (!t.output_error[size_t(Rounding::kFeedback)]) continue;
    ++tried;
    if (t.kept == Rounding::kFeedback) continue;
    if (++lost <= 8) names += fmt::format("{}{}", lost > 1 ? ", " : ": ", short_name(t.name));
  }
  if (!tried) return "";
  return fmt::format("error feedback kept for {} of {} matrices; fell back for {}{}{}\n",
                     tried - lost, tried, lost, names, lost > 8 ? ", ..." : "");
}

std::string hex(uint64_t value) { return fmt::format("{:016x}", value); }

DType type_at(const Json& json, const char* key, const std::string& where) {
  return parse_dtype(read_string(json, key, where));
}

}  // namespace

double bits_per_weight(const QuantizeReport& report) {
  return report.parameters ? 8.0 * double(report.bytes_out) / double(report.parameters) : 0;
}

OrderedJson tensor_json(const TensorReport& t) {
  OrderedJson shape = OrderedJson::array();
  for (int i = 0; i < t.shape.rank; ++i) shape.push_back(t.shape[i]);
  OrderedJson output = OrderedJson::object();
  for (size_t i = 0; i < size_t(kRoundings); ++i)
    output[std::string(name_of(Rounding(i)))] =
        number_or_null(t.output_error[i].value_or(0), t.output_error[i].has_value());
  return {{"name", t.name},          {"from", name_of(t.from)},          {"to", name_of(t.to)},
          {"shape", shape},          {"bytes_in", t.bytes_in},           {"bytes_out", t.bytes_out},
          {"odd_rows", t.odd_rows},  {"weight_error", t.weight_error},   {"output_error", output},
          {"kept", name_of(t.kept)}, {"source_hash", hex(t.source_hash)}};
}

TensorReport read_tensor_report(const Json& json, const std::string& where) {
  TensorReport t;
  t.name = read_string(json, "name", where);
  t.from = type_at(json, "from", where), t.to = type_at(json, "to", where);
  t.bytes_in = read_int(json, "bytes_in", 0, INT64_MAX, where);
  t.bytes_out = read_int(json, "bytes_out", 0, INT64_MAX, where);
  t.odd_rows = read_bool(json, "odd_rows", false, where);
  t.weight_error = read_number(json, "weight_error", 0, 1e30, where);
  const Json& shape = json.at("shape");
  if (!shape.is_array() || shape.size() > 2) fail("{}: shape: expected 1 or 2 sizes", where);
  for (const Json& size : shape)
    t.shape.dim[size_t(t.shape.rank++)] = as_int(size, "shape", 1, INT64_MAX, where);
  const std::string kept = read_string(json, "kept", where);
  for (size_t i = 0; i < size_t(kRoundings); ++i) {
    const std::string name(name_of(Rounding(i)));
    if (name == kept) t.kept = Rounding(i);
    if (has(json.at("output_error"), name))
      t.output_error[i] = read_number(json.at("output_error"), name, 0, 1e30, where);
  }
  t.source_hash = std::stoull(read_string(json, "source_hash", where), nullptr, 16);
  return t;
}

OrderedJson report_json(const QuantizeReport& r) {
  OrderedJson tensors = OrderedJson::array();
  for (const TensorReport& t : r.tensors) tensors.push_back(tensor_json(t));
  return {{"model", r.model},
          {"output", r.out},
          {"parameters", r.parameters},
          {"bits_per_weight", bits_per_weight(r)},
          {"bytes_in", r.bytes_in},
          {"bytes_out", r.bytes_out},
          {"bytes_on_disk", r.bytes_on_disk},
          {"calibration",
           {{"text", r.calibration == "none" ? OrderedJson(nullptr) : OrderedJson(r.calibration)},
            {"tokens", r.calibration_tokens},
            {"held_out_tokens", r.held_out_tokens},
            {"error_feedback", r.feedback}}},
          {"resumed_parts", r.resumed_parts},
          {"seconds", r.seconds},
          {"notes", r.notes},
          {"tensors", tensors}};
}

std::string report_text(const QuantizeReport& r) {
  std::string text = table_text(r);
  text += r.calibration == "none"
              ? "weights: root of the squared error over the energy; no calibration\n"
              : fmt::format(
                    "weights: root of the squared error over the energy; then the same of the "
                    "matrix's output on {} tokens held out, by way of rounding\n",
                    r.held_out_tokens);
  text += fallback_text(r);
  for (const std::string& line : r.notes) text += "note: " + line + "\n";
  text += fmt::format(
      "{}: {:.3f} bits a weight, embedding and norms counted; weights {} from {}, on disk {} with "
      "all "
      "that goes with them\n",
      r.out, bits_per_weight(r), format_bytes(r.bytes_out), format_bytes(r.bytes_in),
      format_bytes(r.bytes_on_disk));
  return text;
}

}  // namespace qwench::bench
