// Field names are relied on by scripts; a change of meaning raises kSuitesSchemaVersion.
#include "bench/suites/report.h"

#include "bench/machine/environment.h"
#include "bench/support/program.h"
#include "bench/support/table.h"

namespace qwench::bench {

namespace {

OrderedJson text_or_null(const std::string& text) {
  return text.empty() ? OrderedJson(nullptr) : OrderedJson(text);
}

OrderedJson types_json(const Suite& suite) {
  OrderedJson list = OrderedJson::array();
  for (size_t at = 0; at < suite.types.size();) {
    const size_t comma = std::min(suite.types.find(',', at), suite.types.size());
    list.push_back(suite.types.substr(at, comma - at));
    at = comma + 1;
  }
  return list;
}

OrderedJson figure_json(const Figure& figure) {
  return {{"name", figure.name},
          {"unit", figure.unit},
          {"summary", figure.summary ? to_json(*figure.summary) : OrderedJson(nullptr)},
          {"missing", text_or_null(figure.missing)}};
}

OrderedJson criterion_json(const Criterion& c) {
  const auto known = [](const std::optional<double>& value) {
    return value ? finite_or_null(*value) : OrderedJson(nullptr);
  };
  return {{"name", c.name},
          {"expected", c.expected},
          {"value", known(c.value)},
          {"unit", text_or_null(c.unit)},
          {"ceiling_percent", known(c.ceiling_percent)},
          {"outcome", name_of(c.outcome)},
          {"note", text_or_null(c.note)}};
}

[[noreturn]] void fail_shape(const std::string& where, const char* expected) {
  fail(
      "{}: expected a result of `qwench bench --benchmark-type` with {}; remove the file, or run "
      "without --resume",
      where, expected);
}

bool number_or_missing(const Json& object, const char* key) {
  return !has(object, key) || object.at(key).is_number();
}

void check_figure(const Json& figure, const std::string& where) {
  if (!figure.is_object()) fail_shape(where, "figures that are objects");
  read_string(figure, "name", where), read_string(figure, "unit", where);
  if (!figure.contains("summary")) fail_shape(where, "figures that have a summary or null");
  if (!has(figure, "summary")) return;
  const Json& summary = figure.at("summary");
  if (!summary.is_object()) fail_shape(where, "summaries that are objects");
  read_int(summary, "n", 1, INT64_MAX, where);
  for (const char* key : {"median", "mean", "std", "min", "max"})
    read_number(summary, key, -1e300, 1e300, where);
}

void check_criterion(const Json& criterion, const std::string& where) {
  if (!criterion.is_object()) fail_shape(where, "criteria that are objects");
  for (const char* key : {"name", "expected", "outcome"}) read_string(criterion, key, where);
  for (const char* key : {"value", "ceiling_percent"})
    if (!number_or_missing(criterion, key)) fail_shape(where, "criteria whose values are numbers");
  for (const char* key : {"unit", "note"})
    if (has(criterion, key)) read_string(criterion, key, where);
}

}  // namespace

OrderedJson suite_json(const Suite& suite, const SuiteResult& result, double seconds) {
  OrderedJson figures = OrderedJson::array(), criteria = OrderedJson::array();
  for (const Figure& figure : result.figures) figures.push_back(figure_json(figure));
  for (const Criterion& criterion : result.criteria) criteria.push_back(criterion_json(criterion));
  return {{"suite", suite.name},
          {"types", types_json(suite)},
          {"method", suite.method},
          {"seconds", seconds},
          {"figures", figures},
          {"criteria", criteria},
          {"details", result.details.is_null() ? OrderedJson::object() : result.details},
          {"interrupted", result.interrupted},
          {"error", nullptr}};
}

OrderedJson failed_suite_json(const Suite& suite, const std::string& error, double seconds) {
  OrderedJson json = suite_json(suite, {}, seconds);
  json["error"] = without_home(error);
  return json;
}

void check_suite_json(const Json& suite, const std::string& where) {
  if (!suite.is_object()) fail_shape(where, "a suite");
  read_string(suite, "suite", where);
  read_number(suite, "seconds", 0, 1e300, where);
  for (const char* key : {"figures", "criteria", "types"})
    if (!has(suite, key) || !suite.at(key).is_array())
      fail_shape(where, "lists of figures and criteria");
  for (const Json& figure : suite.at("figures")) check_figure(figure, where);
  for (const Json& criterion : suite.at("criteria")) check_criterion(criterion, where);
  for (const Json& type : suite.at("types"))
    if (!type.is_string()) fail_shape(where, "types that are texts");
  if (has(suite, "error")) read_string(suite, "error", where);
  read_bool(suite, "interrupted", false, where);
}

OutcomeCounts count_outcomes(const OrderedJson& suites) {
  OutcomeCounts counts;
  for (const OrderedJson& suite : suites) {
    if (suite.contains("error") && !suite.at("error").is_null()) ++counts.errors;
    for (const OrderedJson& c : suite.at("criteria")) {
      const OrderedJson& outcome = c.at("outcome");
      if (outcome == name_of(Outcome::kPass))
        ++counts.pass;
      else if (outcome == name_of(Outcome::kFail))
        ++counts.fail;
      else if (outcome == name_of(Outcome::kUnreachable))
        ++counts.unreachable;
      else if (outcome == name_of(Outcome::kNotApplicable))
        ++counts.not_applicable;
      else
        ++counts.unknown;
    }
  }
  return counts;
}

OrderedJson suites_document(OrderedJson config, OrderedJson suites, bool interrupted) {
  const OutcomeCounts counts = count_outcomes(suites);
  OrderedJson validation = {{"pass", counts.pass},
                            {"fail", counts.fail},
                            {"unreachable", counts.unreachable},
                            {"not_applicable", counts.not_applicable},
                            {"unknown", counts.unknown},
                            {"errors", counts.errors}};
  return {{"schema_version", kSuitesSchemaVersion},
          {"command", "suites"},
          {"environment", environment_block()},
          {"config", std::move(config)},
          {"validation", std::move(validation)},
          {"suites", std::move(suites)},
          {"interrupted", interrupted}};
}

OrderedJson find_summary(const OrderedJson& suites, std::string_view suite,
                         std::string_view figure) {
  for (const OrderedJson& s : suites) {
    if (s.at("suite") != suite) continue;
    for (const OrderedJson& f : s.at("figures"))
      if (f.at("name") == figure && f.contains("summary")) return f.at("summary");
  }
  return nullptr;
}

std::string suites_csv(const OrderedJson& document) {
  std::string csv = "suite,figure,unit,n,median,mean,std,min,max\n";
  for (const OrderedJson& suite : document.at("suites"))
    for (const OrderedJson& figure : suite.at("figures")) {
      csv +=
          fmt::format("{},{},{}", suite.at("suite").get<std::string>(),
                      figure.at("name").get<std::string>(), figure.at("unit").get<std::string>());
      const OrderedJson& summary = figure.at("summary");
      for (const char* key : {"n", "median", "mean", "std", "min", "max"})
        csv += summary.is_null() ? "," : fmt::format(",{:.9g}", summary.at(key).get<double>());
      csv += "\n";
    }
  return csv;
}

}  // namespace qwench::bench
