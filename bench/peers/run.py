#!/usr/bin/env python3
"""Measures qwench beside the fastest CPU peers, in turns, and keeps every sample.

A case is (model, type, threads, phase, length, batch). In each of its rounds every engine runs
once, in random order, in a process of its own: what a round compares was measured within minutes.
Samples are appended to --output at once; the same command goes on where an earlier one stopped, and
measures anew a round that was cut off. `table.py` makes the tables. See README.md.
"""
import datetime
import pathlib
import random
import signal
import statistics
import sys

import child
import engines
import model_files
import samples
from child import Failed
from options import UsageError, cases_of, find_programs, parse_options

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

class Bench:
    """The cases, what is measured already, and what comes next."""

    def __init__(self, options):
        self.options = options
        self.programs, quantizer = find_programs(options)
        self.models = model_files.Models(options.work, self.programs[0].path, quantizer)
        self.cases = list(cases_of(options))
        if not self.cases:
            raise UsageError("--prefill, --decode: expected tokens to process, got 0 for both")
        self.builds = {program.name: program.build() for program in self.programs}
        self.stamps = {program.name: program.stamp() for program in self.programs}
        self.failed = {}   # (case, label) -> message
        self.known = self._read_known()
        self._check_models(quantizer)

    def _read_known(self):
        path = pathlib.Path(self.options.output)
        if path.is_dir():
            raise UsageError(f"--output: expected a file, got the folder {path}")
        known = samples.latest(samples.read_samples(path)) if path.exists() else []
        # What another build failed at says nothing of this one.
        known = [sample for sample in known if sample.kind != "failed" or (
            sample.build == self.builds.get(sample.engine) and not self.options.retry_failed)]
        for sample in known:
            if sample.build != self.builds.get(sample.engine, sample.build):
                raise UsageError(f"{path}: holds samples of another build of {sample.engine} "
                                 f"({sample.build}, now {self.builds[sample.engine]}); "
                                 "give another --output")
        self.failed.update({(sample.case, sample.label): sample.message for sample in known
                            if sample.kind == "failed" and sample.case in self.cases})
        return known

    def _check_models(self, quantizer):
        for model in self.options.models:
            try:
                self.models.parameters(model)
            except Failed as error:
                raise UsageError(f"--models: {error}") from None
        if quantizer is None and ("iq4_ks" in {weights for _, weights in self.files_to_make()}):
            raise UsageError("--types q4g: no ik peer has bin/llama-quantize, which makes IQ4_KS: "
                             "build that target, or name another ik peer besides")

    def engines_of(self, case):
        return engines.engines_of(case, self.programs)

    def files_to_make(self):
        files = {}
        for case in self.cases:
            for engine in self.engines_of(case):
                files.update(dict.fromkeys(self.models.missing(case.model, engine.weights)))
        return list(files)

    def to_run(self, case, number):
        """Engines of that round in their order; none if it is complete."""
        row = [engine for engine in self.engines_of(case)
               if (case, engine.label) not in self.failed]
        done = {sample.label for sample in self.known if sample.kind == "speed"
                and sample.case == case and sample.round == number}
        if all(engine.label in done for engine in row):
            return []
        random.Random(f"{case} {case.isa} {number}").shuffle(row)
        return row

    def wants_memory(self, case):
        return (case, "qwench") not in self.failed and not any(
            sample.kind == "memory" and sample.case == case for sample in self.known)

    def keep(self, case, engine, number, kind, **fields):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        sample = samples.Sample(case=case, round=number, engine=engine.program.name,
                                variant=engine.variant, kind=kind, time=now,
                                build=self.builds[engine.program.name], **fields)
        samples.append(self.options.output, sample)
        self.known.append(sample)
        return sample

    def _speed(self, case, engine, number):
        path = self.models.path(case.model, engine.weights)
        finished = child.run(engines.speed_command(engine, case, path), self.options.timeout)
        fields = engines.parse_speed(engine, case, finished)
        if engine.program.family != "qwench":
            fields["peak_rss_bytes"] = finished.peak_rss_bytes
        return self.keep(case, engine, number, "speed", wall_s=finished.wall_s,
                         other_cores=finished.other_cores, **fields)

    def _memory(self, case, engine):
        program, path = engine.program, self.models.path(case.model, engine.weights)
        finished = child.run(engines.memory_command(program, case, path), self.options.timeout)
        bytes_ = finished.peak_rss_bytes
        if case.batch > 1:
            plan = child.run(engines.kv_command(program, case, path), self.options.timeout)
            bytes_ += (case.batch - 1) * engines.parse_kv_bytes(plan.stdout)
        return self.keep(case, engine, 0, "memory", peak_rss_bytes=bytes_, wall_s=finished.wall_s)

    def _guarded(self, case, engine, number, measure):
        """The sample, or None and a failed mark: the run goes on without this row of the case."""
        if engine.program.stamp() != self.stamps[engine.program.name]:
            raise Failed(f"{engine.program.name} was replaced while it was being measured; "
                         "measure a copy of it")
        try:
            return measure()
        except Failed as error:
            self.failed[case, engine.label] = str(error)
            self.keep(case, engine, number, "failed", message=str(error))
            print(f"FAILED: {case}: {error}", file=sys.stderr)
            return None

    def run_case(self, case, where):
        for number in range(1, self.options.rounds + 1):
            for engine in self.to_run(case, number):
                sample = self._guarded(case, engine, number,
                                       lambda: self._speed(case, engine, number))
                if sample:
                    print(f"{where} {case}, round {number}/{self.options.rounds}: {engine.label} "
                          f"{sample.tokens_per_second:.1f} tokens/s", file=sys.stderr)
        if self.wants_memory(case):
            engine = self.engines_of(case)[0]
            self._guarded(case, engine, 0, lambda: self._memory(case, engine))

    def run(self):
        pathlib.Path(self.options.output).absolute().parent.mkdir(parents=True, exist_ok=True)
        for model, weights in self.files_to_make():
            self.models.make(model, weights)
        for i, case in enumerate(self.cases, 1):
            self.run_case(case, f"[{i}/{len(self.cases)}]")

    def seconds(self, case, engine):
        """What one process is expected to take: as before, or by rough rates of one core."""
        before = [sample.wall_s for sample in self.known if sample.case == case and sample.wall_s
                  and sample.label == engine.label and sample.kind == "speed"]
        if before:
            return statistics.median(before)
        size = self.models.bytes(case.model, engine.weights)
        flops = (90e9 if case.weights == "bf16" else 120e9) * case.threads
        step = 2 * self.models.parameters(case.model)[0] / flops
        if case.phase == "prefill":
            work = 2 * case.n_tokens * step  # a warm-up of the same length
        else:
            work = case.n_tokens * max(case.batch * step, size / (12e9 * case.threads))
        return 1 + size / 0.5e9 + work + (4 if engine.program.family == "qwench" else 0)

    def print_plan(self):
        for model, weights in self.files_to_make():
            print(f"make {self.models.path(model, weights)}, "
                  f"{self.models.bytes(model, weights) / 1e9:.1f} GB")
        total = runs = 0
        width = max(len(str(case)) for case in self.cases)
        for case in self.cases:
            rounds = [self.to_run(case, number) for number in range(1, self.options.rounds + 1)]
            seconds = sum(self.seconds(case, engine) for row in rounds for engine in row)
            total, runs = total + seconds, runs + sum(len(row) for row in rounds)
            labels = ", ".join(engine.label for engine in self.engines_of(case))
            print(f"{str(case):{width}}  {sum(1 for row in rounds if row)} rounds "
                  f"{seconds / 60:6.1f} min  {labels}")
        case = self.cases[0]
        print(f"\nthe commands of {case}:")
        for engine in self.engines_of(case):
            path = self.models.path(case.model, engine.weights)
            print("  " + " ".join(engines.speed_command(engine, case, path)))
        print(f"\n{len(self.cases)} cases, {runs} runs, roughly {total / 3600:.1f} hours")


def stop(_signal, _frame):
    raise KeyboardInterrupt


def main(arguments):
    signal.signal(signal.SIGTERM, stop)
    try:
        bench = Bench(parse_options(arguments))
        if bench.options.plan:
            bench.print_plan()
            return EXIT_OK
        bench.run()
    except UsageError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return EXIT_USAGE
    except (Failed, samples.BadLine, OSError) as error:
        print(f"run.py: {child.error_text(error)}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("run.py: interrupted; what was measured is kept, the same command goes on",
              file=sys.stderr)
        return EXIT_INTERRUPTED
    if bench.failed:
        print(f"run.py: {len(bench.failed)} failed:", file=sys.stderr)
        for (case, label), message in bench.failed.items():
            print(f"  {case}, {label}: {message}", file=sys.stderr)
    return EXIT_FAILED if bench.failed else EXIT_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
