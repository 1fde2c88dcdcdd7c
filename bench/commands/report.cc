// `qwench report RESULT...`: saved results as tables and charts in the form that is asked for. And
// `qwench visualize`: one chart of them.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "bench/commands.h"
#include "bench/report/build.h"
#include "bench/report/gnuplot.h"
#include "bench/report/writers.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

namespace fs = std::filesystem;

constexpr const char* kHeadlineChart = "benchmark_visualization";

struct ReportOptions {
  std::vector<std::string> results, limits;
  std::string title = "Benchmark report";
  std::string html, csv, summary_csv, tables_csv, json, markdown, png, folder, github;
};

struct VisualizeOptions {
  std::vector<std::string> results;
  std::string metric = "speed", output;
};

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail("{}: cannot be created as a folder: {}", path.string(), error.message());
}

/// What is to be written where; nothing is, until all of it is made.
struct Outputs {
  std::vector<std::pair<std::string, std::string>> files;

  void add(const std::string& path, std::string bytes) {
    if (!path.empty()) files.emplace_back(path, std::move(bytes));
  }
  std::vector<std::string> write() const {
    std::vector<std::string> names;
    for (const auto& [path, bytes] : files) {
      write_text_file(path, bytes);
      names.push_back(path);
    }
    return names;
  }
};

std::string html_of(const report::Report& r) {
  std::vector<std::string> images(r.charts.size());
  std::string why;
  for (size_t i = 0; i < images.size() && why.empty(); ++i) try {
      images[i] = report::draw_chart(r.charts[i], report::ImageFormat::kSvg);
    } catch (const Error& error) {  // the tables stay
      why = error.what();
      note(fmt::format("no charts in the page: {}", why));
    }
  return report::to_html(r, images, why);
}

void add_pngs(const report::Report& r, const fs::path& folder, const fs::path& others,
              Outputs& outputs) {
  for (const report::Chart& chart : r.charts) {
    const bool headline = chart.id == kHeadlineChart || chart.page_of == kHeadlineChart;
    outputs.add(((headline ? folder : others) / (chart.id + ".png")).string(),
                report::draw_chart(chart, report::ImageFormat::kPng));
  }
}

/// Everything under the names that benchmark guides give it. Without gnuplot there are no images.
void add_folder(const report::Report& r, const fs::path& folder, Outputs& outputs) {
  outputs.add((folder / "benchmark_results.json").string(), to_text(report::to_json(r)));
  outputs.add((folder / "benchmark_summary.csv").string(), report::summary_csv(r));
  outputs.add((folder / "benchmark_metrics.csv").string(), report::metrics_csv(r));
  outputs.add((folder / "benchmark_tables.csv").string(), report::tables_csv(r));
  outputs.add((folder / "report.md").string(), report::to_markdown(r));
  outputs.add((folder / "report.html").string(), html_of(r));
  try {
    Outputs images;
    add_pngs(r, folder, folder / "performance_charts", images);
    for (auto& [path, bytes] : images.files) outputs.add(path, std::move(bytes));
  } catch (const Error& error) {
    note(fmt::format("no images: {}", error.what()));
  }
}

void require_distinct_outputs(const ReportOptions& o) {
  std::vector<std::string> paths;
  for (const std::string* path :
       {&o.html, &o.csv, &o.summary_csv, &o.tables_csv, &o.json, &o.markdown, &o.github}) {
    if (path->empty()) continue;
    if (std::find(paths.begin(), paths.end(), *path) != paths.end())
      fail_usage("report: expected a file of its own for every form, got {} twice", *path);
    paths.push_back(*path);
  }
}

void require_results(const char* command, const std::vector<std::string>& results) {
  if (results.empty())
    fail_usage(
        "{}: expected result files, got none; `qwench bench -m MODEL --output FILE` makes one",
        command);
}

int run_report(const ReportOptions& o) {
  require_results("report", o.results);
  require_distinct_outputs(o);
  const std::vector<report::Limit> limits = report::parse_limits(o.limits);
  const report::Report r = report::build_report(report::load_documents(o.results), limits,
                                                report::printable_text(o.title));
  Outputs outputs;
  if (!o.json.empty()) outputs.add(o.json, to_text(report::to_json(r)));
  outputs.add(o.csv, o.csv.empty() ? "" : report::metrics_csv(r));
  outputs.add(o.summary_csv, o.summary_csv.empty() ? "" : report::summary_csv(r));
  outputs.add(o.tables_csv, o.tables_csv.empty() ? "" : report::tables_csv(r));
  outputs.add(o.markdown, o.markdown.empty() ? "" : report::to_markdown(r));
  if (!o.github.empty()) outputs.add(o.github, to_text(report::github_action_json(r)));
  if (!o.html.empty()) outputs.add(o.html, html_of(r));
  if (!o.png.empty() && r.charts.empty())
    fail("--png {}: expected results with something to draw, got none", o.png);
  if (!o.png.empty()) add_pngs(r, o.png, o.png, outputs);
  if (!o.folder.empty()) add_folder(r, o.folder, outputs);
  for (const std::string& folder : {o.png, o.folder})
    if (!folder.empty()) make_folder(folder);
  if (!o.folder.empty()) make_folder(fs::path(o.folder) / "performance_charts");
  const bool asked = !outputs.files.empty();
  const std::vector<std::string> saved = outputs.write();
  print(asked ? report::summary_text(r, saved) : report::to_console(r));
  return kExitOk;
}

/// The form that the ending of the file asks for. UsageError on one that cannot be drawn.
report::ImageFormat image_format(const std::string& file) {
  std::string ending = fs::path(file).extension().string();
  for (char& c : ending) c = char(std::tolower(static_cast<unsigned char>(c)));
  if (ending == ".png") return report::ImageFormat::kPng;
  if (ending == ".svg") return report::ImageFormat::kSvg;
  fail_usage("--output-file: expected a file that ends with .png or .svg, got {}", in_quotes(file));
}

/// FILE.png, FILE_2.png, ...: one for each page of the chart.
std::string page_file(const std::string& file, size_t page) {
  if (page == 0) return file;
  const fs::path path(file);
  return (path.parent_path() /
          fmt::format("{}_{}{}", path.stem().string(), page + 1, path.extension().string()))
      .string();
}

int run_visualize(const VisualizeOptions& o) {
  require_results("visualize", o.results);
  const report::ImageFormat format = image_format(o.output);
  const report::Report r =
      report::build_report(report::load_documents(o.results), {}, "Benchmark report");
  const std::string id = o.metric == "speed" ? kHeadlineChart : o.metric;
  Outputs outputs;
  for (const report::Chart& chart : r.charts)
    if (chart.id == id || chart.page_of == id)
      outputs.add(page_file(o.output, outputs.files.size()), report::draw_chart(chart, format));
  if (outputs.files.empty())
    fail("--metric {}: expected results that measure it, got none among {} files", o.metric,
         o.results.size());
  for (const std::string& name : outputs.write()) print(fmt::format("saved: {}\n", name));
  return kExitOk;
}

void add_outputs(CLI::App& command, ReportOptions& o) {
  command.add_option("--html", o.html, "One page with charts, tables and the data itself");
  command.add_option("--markdown", o.markdown, "The tables as Markdown");
  command.add_option("--json", o.json,
                     "Tables, charts and results (bench/schemas/report.schema.json)");
  command.add_option("--csv", o.csv, "Mode,Metric,Mean,Std,Min,Max,Median,Num Runs");
  command.add_option("--summary-csv", o.summary_csv, "Metric,Value");
  command.add_option("--tables-csv", o.tables_csv,
                     "Every cell: section,row,column,unit,value,missing");
  command.add_option("--github-action", o.github,
                     "Throughputs as github-action-benchmark reads them (customBiggerIsBetter)");
  command.add_option("--png", o.png, "Folder for the charts, 300 dpi (needs gnuplot)");
  command.add_option("--output", o.folder,
                     "Folder for all forms: benchmark_results.json, benchmark_summary.csv,\n"
                     "benchmark_visualization.png, report.html, report.md, performance_charts/");
}

}  // namespace

void add_report_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<ReportOptions>();
  CLI::App* command = program.add_subcommand(
      "report", "Saved results as HTML, Markdown, CSV, JSON and charts; what to choose");
  command->add_option(
      "RESULT,--from,--results-files", o->results,
      "Results of bench, kernels, compare, accuracy, regress, suites, monitor (JSON), a report\n"
      "(JSON, HTML), a history (monitor --history, bench --samples, suites.jsonl: JSON lines),\n"
      "or the folder that suites wrote");
  add_outputs(*command, *o);
  command
      ->add_option("--limit", o->limits,
                   "NAME=VALUE, repeatable: recommend the fastest within it; names:\n" +
                       report::limit_names())
      ->allow_extra_args(false);
  command->add_option("--title", o->title, "Heading of the report")->capture_default_str();
  command->callback([o, &chosen] { chosen = [o] { return run_report(*o); }; });
}

void add_visualize_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<VisualizeOptions>();
  CLI::App* command = program.add_subcommand("visualize", "One chart of saved results");
  command->add_option("RESULT,--results-files", o->results, "As of `report`");
  command
      ->add_option("--metric", o->metric, "speed, memory or quality; pareto, scaling, kernels, ...")
      ->check(
          CLI::IsMember({"speed", "memory", "quality", "pareto", "scaling", "kernels", "comparison",
                         "layers", "performance_trends", "performance_distributions"}))
      ->capture_default_str();
  command
      ->add_option(
          "--output-file", o->output,
          "PNG at 300 dpi, or SVG, by its ending .png or .svg (needs gnuplot); what takes\n"
          "several images gets FILE_2.png and so on")
      ->required();
  command->callback([o, &chosen] { chosen = [o] { return run_visualize(*o); }; });
}

}  // namespace qwench::bench
