"""Checks of what run.py and table.py compute, on made-up samples and answers; runs no engine."""
import contextlib
import io
import json
import os
import pathlib
import random
import tempfile

import child
import engines
import samples
import table

CASE = samples.Case("native", "qwen3-0.6b", "q4_0", 2, "decode", 128, 1)
checks = []


def check(claim, truth):
    checks.append((claim, bool(truth)))
    if not truth:
        print(f"self_test: WRONG: {claim}")


def speed(engine, number, value, case=CASE, variant="", **fields):
    return samples.Sample(case, number, engine, variant, "speed", "b0", tokens_per_second=value,
                          **fields)


def failed(engine, case=CASE):
    return samples.Sample(case, 1, engine, "", "failed", "b0", message=f"{engine}: exit code 1: no")


def raises(kind, part, function, *arguments):
    try:
        function(*arguments)
    except kind as error:
        return part in str(error)
    return False


def made_up():
    """qwench twice as fast as ik in every round, though all slow down; llama slower than both."""
    slow_down = [1.0, 0.5, 0.8, 1.2, 0.9]
    return [speed(*row) for number, slow in enumerate(slow_down, 1) for row in (
        ("llama-native", number, 30 * slow), ("qwench", number, 100 * slow),
        ("ik-native", number, 50 * slow))]


def check_ratio():
    row, = table.rows_of(made_up())
    check("the fastest peer has the highest median", row.peer.label == "ik-native")
    check("the median is that of all rounds", row.qwench.median == 90)
    check("ratios are taken within a round", all(abs(r - 2) < 1e-12 for r in row.ratios()))
    check("equal ratios leave no room", table.interval(row.ratios()) == (2, 2))

    more = made_up() + [speed("qwench", 6, 1e6)]
    check("a round without the peer has no ratio", len(table.rows_of(more)[0].ratios()) == 5)

    swapped = [speed({"qwench": "ik-native", "ik-native": "qwench"}.get(s.engine, s.engine),
                     s.round, s.tokens_per_second) for s in made_up()]
    check("engines that change places invert the ratio",
          all(abs(r - 0.5) < 1e-12 for r in table.rows_of(swapped)[0].ratios()))

    faster = made_up() + [speed("ik-native", i, 200, variant="plain") for i in range(1, 6)]
    check("a variant counts as a peer", table.rows_of(faster)[0].peer.label == "ik-native plain")


def check_interval():
    draw = random.Random(5)
    check("few rounds have no interval", table.interval([1.5, 1.6, 1.7, 1.8]) is None)
    inside = 0
    for _ in range(40):
        ratios = [1.5 + draw.gauss(0, 0.1) for _ in range(15)]
        low, high = table.interval(ratios)
        inside += low <= 1.5 <= high
    check("the interval covers the truth about as often as it says", inside >= 34)
    check("the interval is a function of the ratios",
          table.interval([1.0, 1.2, 1.4, 1.1, 1.3]) == table.interval([1.0, 1.2, 1.4, 1.1, 1.3]))
    check("it is of the median, not of the samples", table.interval([1.0] * 14 + [9.0])[1] < 2)
    check("quantiles interpolate", table.quantile([1, 2, 3, 4], 0.5) == 2.5)


def check_summary():
    prefill = samples.Case("native", "qwen3-0.6b", "q8_0", 2, "prefill", 512, 1)
    rows = table.rows_of(made_up() + [speed(engine, i, value, case=prefill) for i in range(1, 6)
                                      for engine, value in (("qwench", 80), ("ik-native", 100))])
    text = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
            for line in table.summary(rows).splitlines()}
    check("a goal that is reached counts as ahead",
          text["decode, batch 1"][:6] == ["1", "2.00", "2.00", "2.00", "1", "0"])
    check("a goal that is missed counts as behind",
          text["prefill, INT8"][:6] == ["1", "0.80", "0.80", "0.80", "0", "1"])
    goals = [("q4_0", "prefill, 4-bit"), ("q4g", "prefill, 4-bit"), ("bf16", "prefill, bf16")]
    check("types belong to goals", all(table.goal_of(samples.Case(
        "avx2", "m", kind, 1, "prefill", 512, 1)) == goal for kind, goal in goals))


def check_report():
    disturbed = [speed("qwench", 1, 10, other_cores=0.7, percent_of_roofline=55.5,
                       ceilings={"dram_read": 30e9}),
                 speed("ik-native", 1, 5, other_cores=0.0, peak_rss_bytes=500_000_000),
                 failed("llama-native")]
    text = table.report(disturbed)
    check("a failed engine is named with its reason", "llama-native: exit code 1: no" in text)
    check("the case says so too", "ik-native (failed: llama-native)" in text)
    check("percent of the roofline is shown", "55.5" in text and "dram_read 30.0 GB/s" in text)
    check("memory is in megabytes", " 500 |" in text)
    check("other programs are reported", "DISTURBED: during 1 of 2 runs" in text)
    rows = [line for line in table.comparison(table.rows_of(made_up())).splitlines()]
    check("tables are aligned", len({len(line) for line in rows}) == 1)
    check("a case where all failed has a row",
          "failed" in table.comparison(table.rows_of([failed("qwench")])))


def check_lines():
    for sample in made_up() + [failed("qwench")]:
        check("a sample survives its line", samples.from_line(samples.to_line(sample)) == sample)
    good = json.loads(samples.to_line(made_up()[0]))
    wrong = {"schema": 2, "model": 7, "threads": 0, "phase": "both", "round": -1, "kind": "guess",
             "tokens_per_second": 0, "batch": True, "engine": None, "build": 3, "ceilings": []}
    for name, value in wrong.items():
        line = json.dumps({**good, name: value})
        check(f"a line with {name} = {value!r} is refused",
              raises(ValueError, name, samples.from_line, line))
    for line in ("", "{", "[]", "null", json.dumps({**good, "tokens_per_second": float("nan")})):
        check(f"the line {line[:8]!r} is refused", raises(ValueError, "", samples.from_line, line))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "results.jsonl")
        samples.append(path, made_up()[0])
        with open(path, "a", encoding="utf-8") as file:
            file.write("{\"schema\": 1\n")
        check("a bad line is named", raises(samples.BadLine, ":2: not a sample",
                                            samples.read_samples, path))
        with contextlib.redirect_stderr(io.StringIO()) as said:
            code = table.main([path])
        check("the table fails on it", code == 1 and ":2: not a sample" in said.getvalue())


def check_latest():
    again = [speed("qwench", 1, 10), speed("qwench", 1, 20)]
    check("a round measured anew replaces the old one",
          [s.tokens_per_second for s in samples.latest(again)] == [20])
    check("a later sample overtakes a failed mark",
          [s.kind for s in samples.latest([failed("qwench"), speed("qwench", 1, 1)])] == ["speed"])
    check("an earlier one does not",
          len(samples.latest([speed("qwench", 1, 1), failed("qwench")])) == 2)


def check_answers():
    program = engines.Program("ik-native", "ik", pathlib.Path("/peer/bin"))
    row = {"n_prompt": 0, "n_gen": 128, "n_threads": 2, "avg_ts": 61.5, "build_commit": "abc"}

    def parse(case, stdout, stderr=""):
        engine = engines.Engine(program, "q4_0")
        return engines.parse_speed(engine, case, child.Finished(stdout, stderr, 1.0, 1, 0.0))

    check("llama-bench is read", parse(CASE, json.dumps([row]))["tokens_per_second"] == 61.5)
    for wrong in ([], [row, row], [{**row, "n_gen": 64}], [{**row, "n_threads": 1}],
                  [{**row, "avg_ts": 0}], [{}], "text", None):
        check(f"llama-bench's {str(wrong)[:40]} is refused",
              raises(child.Failed, "not understood", parse, CASE, json.dumps(wrong)))
    eight = samples.Case("native", "qwen3-0.6b", "q4_0", 2, "decode", 128, 8)
    line = "|  1 |  128 |  8 |  1032 |  0.02 |  377.1 |  4.0 |  256.00 |  4.1 |  250 |"
    head = "|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |\n|-------|--------|\n"
    check("llama-batched-bench is read",
          parse(eight, "", head + line)["tokens_per_second"] == 256)
    for wrong in ("", head, head + line + "\n" + line, line.replace("128", "64")):
        check("llama-batched-bench's other answers are refused",
              raises(child.Failed, "not understood", parse, eight, wrong))


def check_rows():
    programs = [engines.Program(name, family, pathlib.Path("/x"))
                for name, family in (("qwench", "qwench"), ("llama-a", "llama"), ("ik-b", "ik"))]

    def labels(kind, phase):
        case = samples.Case("native", "m", kind, 1, phase, 8, 1)
        return [engine.label for engine in engines.engines_of(case, programs)]

    check("q4g has no llama.cpp row", labels("q4g", "decode") == ["qwench", "ik-b", "ik-b plain"])
    check("bf16 has f16 beside it", labels("bf16", "decode") == [
        "qwench", "llama-a", "llama-a f16", "ik-b", "ik-b f16"])
    check("decode of repacked blocks is one row", labels("q8_0", "decode") == [
        "qwench", "llama-a", "ik-b"])
    ours = engines.speed_command(engines.Engine(programs[0], "q4_0"),
                                 samples.Case("avx2", "m", "q4_0", 1, "prefill", 8, 1), "m.gguf")
    check("qwench is held to AVX2", ours[-2:] == ["--isa", "avx2"])
    half = samples.Case("native", "m", "q4_0-kv16", 1, "prefill", 8, 1)
    for command in (engines.speed_command(engines.Engine(programs[0], "q4_0"), half, "m.gguf"),
                    engines.memory_command(programs[0], half, "m.gguf")):
        check("keys and values are f16 where asked", "f16" in command)
    check("the goal is the type's", table.goal_of(half) == "prefill, 4-bit")


def run():
    """Exit code."""
    for part in (check_ratio, check_interval, check_summary, check_report, check_lines,
                 check_latest, check_answers, check_rows):
        part()
    wrong = sum(1 for _, truth in checks if not truth)
    print(f"self_test: {len(checks) - wrong} of {len(checks)} checks hold")
    return 1 if wrong else 0
