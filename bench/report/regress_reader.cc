// Results of `qwench regress`: what became worse than a baseline, and what could not be said.
#include <fmt/format.h>

#include "bench/report/collected.h"

namespace qwench::bench::report {

namespace {

Section regression_section() {
  Section section{"regressions",
                  "Regressions",
                  {text_column("file"), text_column("case"), text_column("metric"),
                   number_column("baseline"), number_column("now"), number_column("worse by", "%"),
                   number_column("lower", "95 %"), number_column("upper", "95 %"),
                   number_column("threshold", "%"), verdict_column("verdict"), text_column("why")}};
  section.telling = {3, 4, 5};
  return section;
}

void add_change(const Field& change, bool confirmed, Collected& to) {
  const std::optional<Interval> ci = find_interval(change, "ci95_percent");
  const auto end = [&](double Interval::*which) { return end_of(ci, which, "one figure only"); };
  const std::string reason = change.find_text("reason");
  to.section(regression_section())
      .add({printable_text(change.file()), change.at("test_category").text(),
            change.at("metric").text(), change.at("baseline_value").number(),
            change.at("current_value").number(), change.at("change_percent").number(),
            end(&Interval::lo), end(&Interval::hi), change.at("threshold_percent").number(),
            confirmed ? change.at("severity").text() : "inconclusive",
            reason.empty() ? Cell(Missing{"confirmed"}) : Cell(reason)});
}

}  // namespace

void read_regress(const Field& root, size_t, Collected& to) {
  for (const Field& change : root.at("regressions").items()) add_change(change, true, to);
  for (const Field& change : root.at("inconclusive").items()) add_change(change, false, to);
  Section& section = to.section(regression_section());
  section.notes.push_back(fmt::format("{}: {} metrics checked, {} regressed, {} inconclusive",
                                      printable_text(root.file()), root.at("checked").integer(),
                                      root.at("regressions").items().size(),
                                      root.at("inconclusive").items().size()));
  if (const auto notes = root.find("notes"))
    for (const Field& note : notes->items()) section.notes.push_back(note.text());
}

}  // namespace qwench::bench::report
