"""The command line of run.py: what is asked for, checked before anything is measured."""
import argparse
import os
import pathlib
import subprocess

import engines
import samples

TYPES = ("q4_0", "q8_0", "q4g", "bf16")
ROUNDED = {"avx2": "q8_0-7bit", "native": "bf16-dot"}  # what each instruction set can round further


class UsageError(Exception):
    """The command line cannot be carried out as it stands."""


def names(text):
    return [word for word in text.split(",") if word]


def lengths(text):
    """"1,2" -> [1, 2]; "0" -> []."""
    try:
        values = [int(word) for word in names(text)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers like 1,2, got {text!r}") from None
    if any(value < 0 for value in values) or not values:
        raise argparse.ArgumentTypeError(f"expected numbers of at least 0, got {text!r}")
    return [value for value in values if value]


def parse_options(arguments):
    parser = argparse.ArgumentParser(
        description="Measures qwench beside CPU peers, in turns. See README.md.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--qwench", required=True, metavar="PATH", help="the program")
    add("--peer", action="append", default=[], metavar="NAME=FOLDER",
        help="FOLDER holds bin/llama-bench and bin/llama-batched-bench; NAME starts with llama or "
             "ik, and ends in avx2 where the build has no more than that (repeatable)")
    add("--models", type=names, default="qwen2.5-0.5b,qwen3-0.6b,qwen3-1.7b", help="shape cards")
    add("--types", type=names, default=",".join(TYPES),
        help="weight types; also q8_0-7bit with --isa avx2, bf16-dot with --isa native, and "
             "TYPE-kv16: keys and values of qwench in f16, as the peers have them")
    add("--threads", type=lengths, default="1,2", help="thread counts")
    add("--prefill", type=lengths, default="512,2048", help="prompt lengths; 0: none")
    add("--decode", type=lengths, default="128", help="decode lengths; 0: none")
    add("--batch", type=lengths, default="1,8", help="sequences at once, of decode")
    add("--rounds", type=int, default=5, help="of each case")
    add("--work", required=True, metavar="FOLDER", help="model files are made and kept there")
    add("--isa", choices=("avx2", "native"), default="native",
        help="avx2: qwench with --isa avx2, and only the peers whose names end in avx2")
    add("--output", default="results.jsonl", metavar="FILE", help="one JSON object a sample")
    add("--timeout", type=float, default=1800, metavar="SECONDS", help="of one process")
    add("--retry-failed", action="store_true", help="measure what was marked failed again")
    add("--plan", action="store_true", help="print the runs and how long they take; run nothing")
    options = parser.parse_args(arguments)
    for name in ("models", "types", "threads"):
        if not getattr(options, name):
            raise UsageError(f"--{name}: expected at least one")
    for name in options.types:
        known = (*TYPES, *(f"{kind}-kv16" for kind in TYPES), ROUNDED[options.isa])
        if name not in known:
            raise UsageError(f"--types: expected some of {','.join(known)}, got {name!r}")
    if options.rounds < 1:
        raise UsageError(f"--rounds: expected at least 1, got {options.rounds}")
    return options


def check_program(path, what):
    if not path.is_file():
        raise UsageError(f"{what}: no such program: {path}")
    if not os.access(path, os.X_OK):
        raise UsageError(f"{what}: cannot be executed: {path}")


def parse_peer(text, batched):
    name, equals, folder = text.partition("=")
    family = next((family for family in engines.FAMILIES if name.startswith(family)), None)
    if not equals or not folder or family is None:
        raise UsageError("--peer: expected NAME=FOLDER with a NAME that starts with "
                         f"{' or '.join(engines.FAMILIES)}, got {text!r}")
    path = pathlib.Path(folder).absolute() / "bin"
    if not path.parent.is_dir():
        raise UsageError(f"--peer {name}: no such folder: {folder}")
    check_program(path / "llama-bench", f"--peer {name}")
    if batched:
        check_program(path / "llama-batched-bench", f"--peer {name}")
    return engines.Program(name, family, path)


def has_isa_option(qwench):
    answer = subprocess.run([str(qwench), "bench", "--help"], capture_output=True, text=True,
                            check=False)
    return "--isa" in answer.stdout


def find_programs(options):
    """([qwench, the peers that take part...], llama-quantize of any ik_llama.cpp or None)."""
    qwench = pathlib.Path(options.qwench).absolute()
    check_program(qwench, "--qwench")
    if options.isa == "avx2" and not has_isa_option(qwench):
        raise UsageError(f"--isa avx2: this build of qwench has no such option: {qwench}")
    peers = [parse_peer(text, max(options.batch, default=1) > 1) for text in options.peer]
    if len({peer.name for peer in peers}) < len(peers):
        raise UsageError("--peer: expected names that differ")
    quantizers = [peer.path / "llama-quantize" for peer in peers if peer.family == "ik"]
    used = [peer for peer in peers if peer.avx2 == (options.isa == "avx2")]
    if not used:
        raise UsageError(f"--isa {options.isa}: expected a --peer whose name "
                         f"{'ends' if options.isa == 'avx2' else 'does not end'} in avx2")
    return ([engines.Program("qwench", "qwench", qwench), *used],
            next((path for path in quantizers if os.access(path, os.X_OK)), None))


def cases_of(options):
    for model in options.models:
        for kind in options.types:
            for threads in options.threads:
                for n in options.prefill:
                    yield samples.Case(options.isa, model, kind, threads, "prefill", n, 1)
                for n in options.decode:
                    for batch in options.batch:
                        yield samples.Case(options.isa, model, kind, threads, "decode", n, batch)
