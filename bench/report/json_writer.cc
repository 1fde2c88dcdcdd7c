// bench/schemas/report.schema.json describes what is written here; a change of meaning raises kReportSchemaVersion.
#include "bench/machine/environment.h"
#include "bench/report/derived.h"
#include "bench/report/documents.h"
#include "bench/report/writers.h"

namespace qwench::bench::report {

namespace {

OrderedJson value_of(const Cell& cell) {
  if (const auto* number = std::get_if<double>(&cell)) return *number;
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return nullptr;
}

OrderedJson section_json(const Section& section) {
  constexpr const char* kKinds[] = {"text", "number", "verdict"};
  OrderedJson columns = OrderedJson::array(), rows = OrderedJson::array(),
              missing = OrderedJson::array();
  for (const Column& c : section.columns)
    columns.push_back({{"name", c.name}, {"unit", c.unit}, {"kind", kKinds[size_t(c.kind)]}});
  for (size_t r = 0; r < section.rows.size(); ++r) {
    OrderedJson row = OrderedJson::array();
    for (size_t c = 0; c < section.rows[r].size(); ++c) {
      const Cell& cell = section.rows[r][c];
      row.push_back(value_of(cell));
      if (const auto* none = std::get_if<Missing>(&cell))
        missing.push_back({{"row", r}, {"column", c}, {"reason", none->reason}});
    }
    rows.push_back(std::move(row));
  }
  return {{"id", section.id}, {"title", section.title}, {"columns", columns},
          {"rows", rows},     {"missing", missing},     {"notes", section.notes}};
}

OrderedJson panel_json(const Panel& panel) {
  OrderedJson list = OrderedJson::array();
  for (const Series& series : panel.series) {
    OrderedJson points = OrderedJson::array();
    for (const Point& p : series.points) {
      OrderedJson point = {{"x", p.x}, {"y", p.y}};
      point["ci95"] =
          p.interval ? OrderedJson{p.interval->lo, p.interval->hi} : OrderedJson(nullptr);
      point["label"] = p.label;
      points.push_back(std::move(point));
    }
    list.push_back({{"name", series.name}, {"points", points}});
  }
  return {{"title", panel.title},      {"kind", name_of(panel.kind)},    {"x_label", panel.x_label},
          {"y_label", y_label(panel)}, {"categories", panel.categories}, {"series", list}};
}

OrderedJson chart_json(const Chart& chart) {
  OrderedJson panels = OrderedJson::array();
  for (const Panel& panel : chart.panels) panels.push_back(panel_json(panel));
  return {{"id", chart.id}, {"title", chart.title}, {"panels", panels}};
}

OrderedJson sources_json(const Report& report) {
  const auto text = [](const std::string& t) {
    return t.empty() ? OrderedJson(nullptr) : OrderedJson(t);
  };
  OrderedJson list = OrderedJson::array();
  for (const Source& s : report.sources)
    list.push_back({{"file", s.file},
                    {"command", s.command},
                    {"program", text(s.tool)},
                    {"machine", text(s.machine)},
                    {"time", text(s.when)}});
  return list;
}

/// {mode: {metric: {"mean", "std", "min", "max", "unit"}}} of the measurements of one kind.
OrderedJson metrics_of(const Report& report, const std::string& kind) {
  OrderedJson modes = OrderedJson::object();
  const Section* metrics = report.find("metrics");
  if (!metrics) return modes;
  for (const std::vector<Cell>& row : metrics->rows) {
    if (display(row[kMetricKind]) != kind) continue;
    modes[display(row[kMetricMode])][display(row[kMetricName])] = {
        {"mean", value_of(row[kMetricMean])},
        {"std", value_of(row[kMetricStd])},
        {"min", value_of(row[kMetricMin])},
        {"max", value_of(row[kMetricMax])},
        {"unit", value_of(row[kMetricUnit])}};
  }
  return modes;
}

/// Of the first model; null where no result names one.
OrderedJson model_cell(const Report& report, size_t column) {
  const Section* models = report.find("models");
  return models ? value_of(models->rows[0][column]) : OrderedJson(nullptr);
}

OrderedJson hardware_json(const Report& report) {
  const OrderedJson device = model_cell(report, 6);
  // A result of the CPU does not say whether there was a GPU beside it.
  const OrderedJson cuda = device == "cuda" ? OrderedJson(true) : OrderedJson(nullptr);
  OrderedJson machine = nullptr;
  for (const Source& s : report.sources)
    if (machine.is_null() && !s.machine.empty()) machine = s.machine;
  return {{"device", device},
          {"machine", machine},
          {"cuda_available", cuda},
          {"cuda_device_name", nullptr}};
}

OrderedJson memory_json(const Report& report) {
  OrderedJson modes = OrderedJson::object();
  if (const Section* memory = report.find("memory"))
    for (const std::vector<Cell>& row : memory->rows)
      modes[display(row[0])] = {{"loading_gb", value_of(row[1])},
                                {"inference_gb", value_of(row[2])},
                                {"peak_gb", value_of(row[3])}};
  return modes;
}

}  // namespace

OrderedJson to_json(const Report& report) {
  OrderedJson summary = OrderedJson::array(), sections = OrderedJson::array(),
              charts = OrderedJson::array();
  for (const Headline& h : report.summary)
    summary.push_back({{"metric", h.metric}, {"unit", h.unit}, {"value", value_of(h.value)}});
  for (const Section& section : report.sections) sections.push_back(section_json(section));
  for (const Chart& chart : report.charts) charts.push_back(chart_json(chart));
  return {{"schema_version", kReportSchemaVersion},
          {"command", "report"},
          {"title", report.title},
          {"timestamp", report.written},
          {"environment", environment_block()},
          {"model_name", model_cell(report, 1)},
          {"hardware", hardware_json(report)},
          {"throughput", metrics_of(report, "throughput")},
          {"latency", metrics_of(report, "latency")},
          {"memory", memory_json(report)},
          {"sources", sources_json(report)},
          {"summary", summary},
          {"failures", report.failures},
          {"conclusions", report.conclusions},
          {"sections", sections},
          {"charts", charts},
          {"documents", OrderedJson(report.documents)}};
}

OrderedJson github_action_json(const Report& report) {
  OrderedJson list = OrderedJson::array();
  const Section* metrics = report.find("metrics");
  if (!metrics) return list;
  for (const std::vector<Cell>& row : metrics->rows) {
    if (display(row[kMetricKind]) != "throughput") continue;
    OrderedJson entry = {{"name", display(row[kMetricMode]) + ", " + display(row[kMetricName])},
                         {"unit", display(row[kMetricUnit])},
                         {"value", value_of(row[kMetricMedian])}};
    if (std::holds_alternative<double>(row[kMetricStd]))
      entry["range"] = "± " + display(row[kMetricStd]);
    entry["extra"] = display(row[kMetricRuns]) + " runs";
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace qwench::bench::report
