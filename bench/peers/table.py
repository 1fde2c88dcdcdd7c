#!/usr/bin/env python3
"""Tables of what run.py measured: qwench beside the fastest peer, case by case.

The fastest peer of a case is the engine with the highest median. The ratio is the median over
rounds of qwench / that peer within one round; its interval is the 95 % percentile bootstrap of that
median, rounds drawn with replacement from a fixed seed. Every sample counts, none is dropped.
"""
import argparse
import dataclasses
import random
import statistics
import sys

import child
import samples
from markdown import Column, table

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
QWENCH = "qwench"
RESAMPLES = 4000
LEAST_ROUNDS = 5  # the median lies in the range of n rounds in 1 - 2 ^ (1 - n) of all cases: 94 %
DISTURBED = 0.1   # cores in use by other programs, from which on a sample is counted as disturbed


def quantile(ordered, fraction):
    """Linear interpolation between the closest ranks."""
    at = (len(ordered) - 1) * fraction
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def interval(ratios, seed=1):
    """95 % of the medians of resampled rounds; None where they are too few to say so."""
    if len(ratios) < LEAST_ROUNDS:
        return None
    draw = random.Random(seed)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios)))
                     for _ in range(RESAMPLES))
    return quantile(medians, 0.025), quantile(medians, 0.975)


@dataclasses.dataclass
class Engine:
    """One engine's samples of one case."""
    label: str
    speeds: dict        # round -> tokens per second
    peak_rss: int       # bytes, the highest of all rounds; None if unknown

    @property
    def median(self):
        return statistics.median(self.speeds.values())


@dataclasses.dataclass
class Row:
    case: samples.Case
    engines: list                # of Engine, fastest first
    percent_of_roofline: float   # median over rounds; None if unknown
    failed: list                 # labels of engines that did not run to a good end

    def named(self, label):
        return next((engine for engine in self.engines if engine.label == label), None)

    @property
    def qwench(self):
        return self.named(QWENCH)

    @property
    def peer(self):
        """The fastest, or None."""
        return next((engine for engine in self.engines if engine.label != QWENCH), None)

    def ratios(self):
        """qwench / fastest peer of every round that has both."""
        if not self.qwench or not self.peer:
            return []
        return [speed / self.peer.speeds[number]
                for number, speed in sorted(self.qwench.speeds.items())
                if number in self.peer.speeds]


def rows_of(all_samples):
    """A Row for every case, in the order of their first samples."""
    by_case = {}
    for sample in samples.latest(all_samples):
        by_case.setdefault(sample.case, []).append(sample)
    rows = []
    for case, of_case in by_case.items():
        engines = []
        for label in dict.fromkeys(sample.label for sample in of_case):
            mine = [sample for sample in of_case if sample.label == label]
            speeds = {s.round: s.tokens_per_second for s in mine if s.kind == "speed"}
            peaks = [s.peak_rss_bytes for s in mine if s.peak_rss_bytes]
            if speeds:
                engines.append(Engine(label, speeds, max(peaks, default=None)))
        percents = [s.percent_of_roofline for s in of_case if s.percent_of_roofline is not None]
        engines.sort(key=lambda engine: -engine.median)
        rows.append(Row(case, engines, statistics.median(percents) if percents else None,
                        [s.label for s in of_case if s.kind == "failed"]))
    return rows


def goal_of(case):
    """The row of the summary that a case belongs to."""
    if case.phase == "decode":
        return f"decode, batch {case.batch}"
    goals = {"q4_0": "4-bit", "q4g": "4-bit", "q8_0": "INT8", "q8_0-7bit": "INT8, 7-bit activations",
             "bf16-dot": "bf16, activations too"}
    kind = case.type.removesuffix("-kv16")
    return "prefill, " + goals.get(kind, kind)


def number(value, digits=1):
    return "-" if value is None else f"{value:.{digits}f}"


def megabytes(value):
    return "-" if value is None else f"{value / 1e6:.0f}"


CASE_COLUMNS = [Column("model", left=True), Column("type", left=True), Column("threads"),
                Column("phase", left=True), Column("tokens"), Column("batch")]


def case_cells(case):
    return [case.model, case.type, str(case.threads), case.phase, str(case.n_tokens),
            str(case.batch)]


def ratio_cells(row):
    ratios = row.ratios()
    if not ratios:
        return ["-", "-", "0"]
    bounds = interval(ratios)
    return [f"{statistics.median(ratios):.2f}",
            f"{bounds[0]:.2f} - {bounds[1]:.2f}" if bounds else "-", str(len(ratios))]


def speed_cell(engine, failed):
    return number(engine.median) if engine else "failed" if failed else "-"


def peer_name(row):
    failed = [label for label in row.failed if label != QWENCH]
    return (row.peer.label if row.peer else "-") + (f" (failed: {', '.join(failed)})" if failed
                                                   else "")


def comparison(rows):
    columns = CASE_COLUMNS + [
        Column("qwench t/s"), Column("fastest peer", left=True), Column("its t/s"), Column("ratio"),
        Column("95 %"), Column("rounds"), Column("% of roofline"), Column("qwench MB"),
        Column("peer MB")]
    lines = []
    for row in rows:
        qwench, peer = row.qwench, row.peer
        lines.append(case_cells(row.case) + [
            speed_cell(qwench, QWENCH in row.failed), peer_name(row),
            speed_cell(peer, False), *ratio_cells(row), number(row.percent_of_roofline),
            megabytes(qwench and qwench.peak_rss), megabytes(peer and peer.peak_rss)])
    return table(columns, lines)


def every_engine(rows):
    columns = CASE_COLUMNS + [Column("engine", left=True), Column("median t/s"), Column("lowest"),
                              Column("highest"), Column("rounds"), Column("peak MB")]
    lines = [case_cells(row.case) + [
        engine.label, number(engine.median), number(min(engine.speeds.values())),
        number(max(engine.speeds.values())), str(len(engine.speeds)), megabytes(engine.peak_rss)]
        for row in rows for engine in row.engines]
    return table(columns, lines)


def summary(rows):
    columns = [Column("goal", left=True), Column("cases"), Column("lowest ratio"), Column("median"),
               Column("highest"), Column("ahead"), Column("behind"), Column("lowest in", left=True)]
    goals = {}
    for row in rows:
        if row.ratios():
            goals.setdefault(goal_of(row.case), []).append(row)
    lines = []
    order = ["prefill, 4-bit", "prefill, INT8", "prefill, bf16"]
    for goal in sorted(goals, key=lambda goal: (order + [goal]).index(goal)):
        of_goal = [(statistics.median(row.ratios()), interval(row.ratios()), row)
                   for row in goals[goal]]
        ratios = [ratio for ratio, _, _ in of_goal]
        bounds = [bounds for _, bounds, _ in of_goal if bounds]
        lowest = min(of_goal, key=lambda entry: entry[0])[2]
        lines.append([
            goal, str(len(ratios)), f"{min(ratios):.2f}", f"{statistics.median(ratios):.2f}",
            f"{max(ratios):.2f}", str(sum(1 for low, _ in bounds if low > 1)),
            str(sum(1 for _, high in bounds if high < 1)), str(lowest.case)])
    return table(columns, lines)


def ceilings_text(of_isa):
    """What the percentages are percents of: medians over all runs, per thread count."""
    measured = {}
    for sample in of_isa:
        for name, value in (sample.ceilings or {}).items():
            measured.setdefault(sample.case.threads, {}).setdefault(name, []).append(value)
    lines = []
    for threads in sorted(measured):
        parts = [f"{name} {statistics.median(values) / 1e9:.1f}"
                 + (" GB/s" if name == "dram_read" else " Gop/s")
                 for name, values in measured[threads].items()]
        lines.append(f"- ceilings with {threads} thread{'s' if threads > 1 else ''}: "
                     + ", ".join(parts))
    return lines


def notes(of_isa):
    lines = [f"- machine: {machine}"
             for machine in dict.fromkeys(s.machine for s in of_isa if s.machine)]
    versions = dict.fromkeys((s.engine, s.build, s.version) for s in of_isa if s.version)
    lines += [f"- {engine}: version {version} (build {build})"
              for engine, build, version in sorted(versions)]
    lines += ceilings_text(of_isa)
    speeds = [s for s in of_isa if s.kind == "speed"]
    disturbed = sum(1 for s in speeds if (s.other_cores or 0) > DISTURBED)
    if disturbed:
        lines.append(f"- DISTURBED: during {disturbed} of {len(speeds)} runs other programs used "
                     f"more than {DISTURBED} cores; spinning engines suffer most, so these ratios "
                     "are no comparison")
    if any(s.other_cores is None for s in speeds):
        lines.append("- what other programs did meanwhile is not known for all runs")
    lines += [f"- FAILED: {s.case}, {s.label}: {s.message}" for s in of_isa if s.kind == "failed"]
    return lines


def report(all_samples):
    all_samples = samples.latest(all_samples)
    parts = []
    for isa in dict.fromkeys(sample.case.isa for sample in all_samples):
        of_isa = [sample for sample in all_samples if sample.case.isa == isa]
        rows = rows_of(of_isa)
        parts += [f"# qwench and its peers, {isa}", "\n".join(notes(of_isa)),
                  "## Summary",
                  "Ratio: qwench / fastest peer, median over rounds. Ahead, behind: cases whose "
                  f"95 % interval lies above 1, below 1 (none from fewer than {LEAST_ROUNDS} "
                  "rounds).",
                  summary(rows), "## By case",
                  "Roofline: decode of the read bandwidth, prefill of the arithmetic peak, both "
                  "measured by qwench in the same process. MB: peak resident set.",
                  comparison(rows), "## Every engine", every_engine(rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def main(arguments):
    parser = argparse.ArgumentParser(description="Tables of what run.py measured.")
    parser.add_argument("results", nargs="?", metavar="RESULTS.jsonl")
    parser.add_argument("--markdown", metavar="FILE", help="write the tables to this file besides")
    parser.add_argument("--self-test", action="store_true", help="check it on made-up rows")
    options = parser.parse_args(arguments)
    if options.self_test:
        import self_test  # its made-up rows are of no use to a table
        return self_test.run()
    if options.results is None:
        parser.error("expected RESULTS.jsonl or --self-test")  # exits with 2
    try:
        measured = samples.read_samples(options.results)
        if not measured:
            raise samples.BadLine(f"{options.results}: no sample in this file")
        text = report(measured)
        if options.markdown:
            with open(options.markdown, "w", encoding="utf-8") as file:
                file.write(text)
    except (samples.BadLine, OSError) as error:
        print(f"table.py: {child.error_text(error)}", file=sys.stderr)
        return EXIT_FAILED
    sys.stdout.write(text)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
