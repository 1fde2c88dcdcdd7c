"""What a measurement is and how it is kept: one JSON object a line, appended as soon as it exists.

A line is a `speed` sample, a `memory` sample (qwench's own, see engines.py) or a `failed` mark; it
names its case and engine in full, so the lines of a file may stand in any order.
"""
import dataclasses
import json
import os

SCHEMA = 1
KINDS = ("speed", "memory", "failed")
PHASES = ("prefill", "decode")


@dataclasses.dataclass(frozen=True)
class Case:
    """One row of the table: everything that the engines have in common."""
    isa: str        # "avx2" or "native"
    model: str      # name of a shape card
    type: str       # of the weights; "q8_0-7bit", "bf16-dot": with activations rounded more;
                    # "q4_0-kv16": with keys and values in f16
    threads: int
    phase: str      # "prefill" or "decode"
    n_tokens: int   # of every sequence
    batch: int      # sequences at once

    @property
    def weights(self):
        return self.type.partition("-")[0]

    def __str__(self):
        threads = f"{self.threads} thread" + ("s" if self.threads > 1 else "")
        return (f"{self.model} {self.type}, {threads}, {self.phase} {self.n_tokens}"
                + (f" x {self.batch}" if self.batch > 1 else ""))


CASE_FIELDS = {field.name: field.type for field in dataclasses.fields(Case)}


@dataclasses.dataclass(frozen=True)
class Sample:
    case: Case
    round: int            # from 1; 0 where it belongs to no round
    engine: str           # "qwench", "llama-native" ...
    variant: str          # "" or what sets it apart from the engine's other rows: "f16", "plain"
    kind: str             # one of KINDS
    build: str            # digest of the programs that ran
    tokens_per_second: float = None
    peak_rss_bytes: int = None
    wall_s: float = None          # of the whole process
    other_cores: float = None     # cores that other programs used meanwhile; None where unknown
    percent_of_roofline: float = None
    ceilings: dict = None         # measured per second: dram_read, fp32_fma, int8, int8_vnni
    version: str = None           # what the program says of itself
    machine: str = None           # what qwench says of it
    message: str = None           # of a failed mark
    time: str = None

    @property
    def label(self):
        return f"{self.engine} {self.variant}".strip()


class BadLine(Exception):
    """A line that is no sample: "FILE:LINE: what is wrong"."""


def to_line(sample):
    fields = {"schema": SCHEMA, **dataclasses.asdict(sample.case)}
    for field in dataclasses.fields(Sample):
        value = getattr(sample, field.name)
        if field.name != "case" and value is not None:
            fields[field.name] = value
    return json.dumps(fields)


def _number(fields, name, least, kind=(int, float)):
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, kind) or not least <= value < 1e18:
        raise ValueError(f"{name}: expected a number of at least {least}, got {value!r}")
    return value


def _text(fields, name):
    if not isinstance(fields.get(name), str):
        raise ValueError(f"{name}: expected a text, got {fields.get(name)!r}")
    return fields[name]


def from_line(line):
    """ValueError that says why, unless `line` is what to_line() makes."""
    fields = json.loads(line)
    if not isinstance(fields, dict):
        raise ValueError("expected a JSON object")
    if fields.pop("schema", None) != SCHEMA:
        raise ValueError(f"expected \"schema\": {SCHEMA}")
    case = Case(**{name: _text(fields, name) if kind is str else _number(fields, name, 1, int)
                   for name, kind in CASE_FIELDS.items()})
    if case.phase not in PHASES:
        raise ValueError(f"phase: expected one of {', '.join(PHASES)}, got {case.phase!r}")
    for name in ("engine", "variant", "build"):
        _text(fields, name)
    _number(fields, "round", 0, int)
    if _text(fields, "kind") not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {fields['kind']!r}")
    if fields["kind"] == "speed":
        _number(fields, "tokens_per_second", 1e-9)
    if fields["kind"] == "memory":
        _number(fields, "peak_rss_bytes", 1, int)
    if fields["kind"] == "failed":
        _text(fields, "message")
    for name in ("version", "machine"):
        if fields.get(name) is not None:
            _text(fields, name)
    for name in ("peak_rss_bytes", "wall_s", "other_cores", "percent_of_roofline"):
        if fields.get(name) is not None:
            _number(fields, name, 0)
    if not isinstance(fields.get("ceilings", {}), dict):
        raise ValueError("ceilings: expected an object")
    for name in fields.get("ceilings", {}):
        _number(fields["ceilings"], name, 0)
    known = {field.name for field in dataclasses.fields(Sample)}
    return Sample(case=case, **{name: fields[name] for name in fields if name in known})


def read_samples(path):
    """All samples of the file. BadLine at the first line that is none, OSError if unreadable."""
    samples = []
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                samples.append(from_line(line))
            except ValueError as error:
                raise BadLine(f"{path}:{number}: not a sample: {error}; "
                              "delete the line to go on") from None
    return samples


def append(path, sample):
    """One write, on the disk when this returns."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(to_line(sample) + "\n")
        file.flush()
        os.fsync(file.fileno())


def latest(samples):
    """One sample per (case, engine, variant, round): the last; of a failed mark that a later sample
    of the same case and engine has overtaken, nothing."""
    kept = {}
    for sample in samples:
        row = (sample.case, sample.engine, sample.variant)
        if sample.kind == "failed":
            kept[row, "failed"] = sample
        else:
            kept.pop((row, "failed"), None)
            kept[row, sample.kind, sample.round] = sample
    return list(kept.values())
