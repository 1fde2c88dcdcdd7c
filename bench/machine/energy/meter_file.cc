// The file is read anew for every window: a live meter has added to it.
#include "bench/machine/energy/meter_file.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "bench/support/csv.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/support/statistics.h"
#include "bench/support/utc.h"
#include "engine/base/check.h"
#include "engine/base/file.h"

namespace qwench::bench {

namespace {

constexpr int64_t kMostBytes = 256 << 20;
constexpr int64_t kSecond = 1'000'000'000;

std::optional<int64_t> moment(const std::string& text) {
  const std::optional<double> seconds = parse_real(text);
  if (!seconds) return parse_utc(text);
  if (*seconds < 0 || *seconds > 9e9) return std::nullopt;
  const double whole = std::floor(*seconds);
  return int64_t(whole) * kSecond + int64_t((*seconds - whole) * 1e9);
}

struct Columns {
  size_t time = 0, watts = 1;
  bool heading = false;
};

Columns find_columns(const CsvRow& first, const std::string& path) {
  Columns columns;
  if (moment(first.cells[0])) return columns;
  columns.heading = true;
  const auto find = [&](const char* name) {
    const auto at = std::find(first.cells.begin(), first.cells.end(), name);
    if (at == first.cells.end())
      fail("{}:{}: expected a heading with the columns timestamp and W, found {}", path, first.line,
           in_quotes(first.cells[0]));
    return size_t(at - first.cells.begin());
  };
  columns.time = find("timestamp"), columns.watts = find("W");
  return columns;
}

PowerPoint read_point(const CsvRow& row, const Columns& columns, const std::string& path) {
  constexpr double kMostWatts = 1e7;
  if (row.cells.size() <= std::max(columns.time, columns.watts))
    fail("{}:{}: expected timestamp,W, found {} cell(s)", path, row.line, row.cells.size());
  const std::string &time = row.cells[columns.time], &power = row.cells[columns.watts];
  const std::optional<int64_t> ns = moment(time);
  if (!ns)
    fail("{}:{}: timestamp: expected seconds since 1970 or UTC as 2026-01-31T12:00:00Z, got {}",
         path, row.line, in_quotes(time));
  const std::optional<double> watts = parse_real(power);
  if (!watts || *watts < 0 || *watts > kMostWatts)
    fail("{}:{}: W: expected a power of 0 to {} W, got {}", path, row.line, kMostWatts,
         in_quotes(power));
  return {*ns, *watts};
}

/// Median distance of two readings; 0 where there are less than two.
int64_t spacing_of(const std::vector<PowerPoint>& points) {
  std::vector<double> distances;
  for (size_t i = 1; i < points.size(); ++i)
    distances.push_back(double(points[i].ns - points[i - 1].ns));
  return distances.empty() ? 0 : int64_t(median(std::move(distances)));
}

class MeterFile : public EnergySource {
 public:
  explicit MeterFile(std::string path) : path_(std::move(path)) { series_ = load(); }

  std::string name() const override { return "meter log " + model_name(path_); }
  Provenance provenance() const override { return Provenance::kExternal; }
  std::string method() const override {
    return "power that an external meter logged, by the trapezoid rule; all that it feeds";
  }
  bool counter() const override { return false; }
  int64_t update_ns() const override { return std::max<int64_t>(series_.update_ns, 1); }
  int64_t shortest_window_ns() const override { return 20 * update_ns(); }
  EnergyReading read() override { return {0, "a log is read after the window"}; }

  bool keeps_log() const override { return true; }
  PowerSeries log(int64_t from_ns, int64_t to_ns) override {
    const int64_t offset = unix_now_ns() - now_ns();
    wait_for(from_ns + offset, to_ns + offset);
    PowerSeries moved = series_;
    for (PowerPoint& p : moved.points) p.ns -= offset;
    return moved;
  }

 private:
  PowerSeries load() const { return parse_meter_log(read_file(path_, kMostBytes), path_); }

  /// Until the log reaches the end of the window; not for a log that nobody writes, and never long.
  void wait_for(int64_t from, int64_t to) {
    const int64_t patience = std::min(2 * series_.update_ns + kSecond, 10 * kSecond);
    const int64_t give_up = now_ns() + patience;
    for (;;) {
      try {
        series_ = load();
      } catch (const Error& error) {
        series_.problem = error.what();
        return;
      }
      const std::vector<PowerPoint>& points = series_.points;
      const bool written = !points.empty() && points.back().ns >= from - patience;
      if (!written || points.back().ns >= to || now_ns() >= give_up) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  std::string path_;
  PowerSeries series_;  // on the clock of the log
};

}  // namespace

PowerSeries parse_meter_log(std::string_view text, const std::string& path) {
  PowerSeries series;
  const size_t complete = text.rfind('\n');
  text = text.substr(0, complete == std::string_view::npos ? 0 : complete + 1);
  const std::vector<CsvRow> rows = parse_csv(text, path);
  if (rows.empty()) return series;
  const Columns columns = find_columns(rows.front(), path);
  for (size_t i = columns.heading ? 1 : 0; i < rows.size(); ++i) {
    const PowerPoint point = read_point(rows[i], columns, path);
    if (!series.points.empty() && point.ns <= series.points.back().ns)
      fail("{}:{}: timestamp: expected later times in later lines, got {}", path, rows[i].line,
           in_quotes(rows[i].cells[columns.time]));
    series.points.push_back(point);
  }
  series.update_ns = spacing_of(series.points);
  series.longest_gap_ns = 10 * series.update_ns;
  return series;
}

std::unique_ptr<EnergySource> open_meter_file(const std::string& path) {
  return std::make_unique<MeterFile>(path);
}

}  // namespace qwench::bench
