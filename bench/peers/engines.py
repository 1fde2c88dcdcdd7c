"""The engines: what is run for a case, and how its answer is read.

Every engine processes the same number of tokens with weights of the same type, in a process of its
own that warms up before it measures once. What a peer can choose (repacking at load, f16 instead of
bf16) is a variant: a row of its own, of which the fastest counts.
"""
import dataclasses
import hashlib
import json
import pathlib

from child import Failed

FAMILIES = ("llama", "ik")


@dataclasses.dataclass(frozen=True)
class Program:
    """What a user names: qwench, or a peer's folder of programs."""
    name: str
    family: str            # "qwench" or one of FAMILIES
    path: pathlib.Path     # qwench itself, or the peer's bin folder

    @property
    def avx2(self):
        return self.name.endswith("avx2")

    def files(self):
        if self.family == "qwench":
            return [self.path]
        names = ("llama-bench", "llama-batched-bench")
        return sorted(file for file in self.path.iterdir()
                      if file.name in names or ".so" in file.name or file.suffix == ".dylib")

    def build(self):
        """Digest of what runs: samples of two builds are never mixed."""
        digest = hashlib.sha256()
        for file in self.files():
            digest.update(file.read_bytes())
        return digest.hexdigest()[:12]

    def stamp(self):
        """Changes when one of the files is replaced."""
        return [(file.stat().st_mtime_ns, file.stat().st_size) for file in self.files()]


@dataclasses.dataclass(frozen=True)
class Engine:
    """One row of a case."""
    program: Program
    weights: str           # name of the model file's type
    variant: str = ""
    repack: bool = True    # ik_llama.cpp: -rtr 1; llama.cpp repacks by itself

    @property
    def label(self):
        return f"{self.program.name} {self.variant}".strip()


def _ik_rows(program, case):
    if case.weights == "bf16":
        return [Engine(program, "bf16"), Engine(program, "f16", "f16")]
    weights = "iq4_ks" if case.weights == "q4g" else case.weights
    rows = [Engine(program, weights)]
    # Repacking always pays in decode of its block formats; in prefill, and for iq4_ks, it may cost.
    if case.phase == "prefill" or weights == "iq4_ks":
        rows.append(Engine(program, weights, "plain", repack=False))
    return rows


def _llama_rows(program, case):
    if case.weights == "q4g":
        return []  # nothing near 4.25 bits a weight has fast kernels there
    rows = [Engine(program, case.weights)]
    if case.weights == "bf16":
        rows.append(Engine(program, "f16", "f16"))
    return rows


def engines_of(case, programs):
    rows = {"qwench": lambda program, case: [Engine(program, case.weights)],
            "ik": _ik_rows, "llama": _llama_rows}
    return [row for program in programs for row in rows[program.family](program, case)]


def speed_command(engine, case, model):
    """`model`: path of the weights."""
    if engine.program.family == "qwench":
        return _qwench_command(engine.program, case, model)
    if case.batch > 1:
        return _batched_command(engine, case, model)
    lengths = ["-p", case.n_tokens, "-n", 0] if case.phase == "prefill" else ["-p", 0, "-n",
                                                                              case.n_tokens]
    command = [engine.program.path / "llama-bench", "-m", model, *lengths, "-t", case.threads,
               "-r", 1, "-fa", 1, "-o", "json"]
    if engine.program.family == "ik" and engine.repack:
        command += ["-rtr", 1]
    return [str(word) for word in command]


def _qwench_command(program, case, model):
    lengths = ["-p", case.n_tokens, "-n", 0] if case.phase == "prefill" else ["-p", 0, "-n",
                                                                              case.n_tokens]
    command = [program.path, "bench", "-m", model, "-t", case.threads, *lengths, "-b", case.batch,
               "--runs", 1, "--warmup", 1, "--json", *_settings(case)]
    return [str(word) for word in command]


def _batched_command(engine, case, model):
    # A prompt of one token for each sequence, then steps of one token for all of them.
    command = [engine.program.path / "llama-batched-bench", "-m", model,
               "-c", case.batch * (case.n_tokens + 1), "-npp", 1, "-ntg", case.n_tokens,
               "-npl", case.batch, "-t", case.threads, "-fa", "on"]
    if engine.program.family == "ik" and engine.repack:
        command.append("-rtr")
    return [str(word) for word in command]


def _isa(case):
    return ["--isa", "avx2"] if case.isa == "avx2" else []


def _rounded(case):
    """The kernels that round activations further than the default ones."""
    kernel = {"q8_0-7bit": "q8_0_int7dot_avx2", "bf16-dot": "bf16_dot_avx512bf16"}.get(case.type)
    ops = ("linear", "norm_qkv", "norm_gate_up", "norm_logits") if kernel else ()
    return [word for op in ops for word in ("--kernel", f"{op}={kernel}")]


def _kv_dtype(case):
    return ["--kv-dtype", "f16" if case.type.endswith("-kv16") else "f32"]


def _settings(case):
    """How qwench is to compute, apart from the weights."""
    return [*_rounded(case), *_kv_dtype(case), *_isa(case)]


def memory_command(program, case, model):
    """qwench's memory is that of `qwench run` over the same tokens: `bench` also holds the buffers
    of its bandwidth probe, which no user of the model pays for."""
    n_prompt, n_new = (case.n_tokens, 1) if case.phase == "prefill" else (1, case.n_tokens)
    command = [program.path, "run", "-m", model, "-t", case.threads, "--greedy", "--ignore-eos",
               "--json", "--tokens", ",".join(["7"] * n_prompt), "-n", n_new,
               *_settings(case)]
    return [str(word) for word in command]


def parse_speed(engine, case, finished):
    """The fields of a sample that the program's answer gives. Failed when it is not understood."""
    try:
        if engine.program.family == "qwench":
            fields = _parse_qwench(case, finished.stdout)
        elif case.batch == 1:
            fields = _parse_llama_bench(case, finished.stdout)
        else:
            fields = _parse_batched(case, finished.stdout + finished.stderr)
        if not 0 < fields["tokens_per_second"] < 1e12:
            raise ValueError(f"{fields['tokens_per_second']} tokens/s")
        return fields
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Failed(f"{engine.label}: its answer was not understood "
                     f"({type(error).__name__}: {error})") from None


def _expect(what, got, expected):
    if got != expected:
        raise ValueError(f"{what}: expected {expected}, got {got}")


def _parse_qwench(case, text):
    report = json.loads(text)
    _expect("rows", len(report["rows"]), 1)
    row, roofline = report["rows"][0], report["roofline"][0]
    for name in ("phase", "n_tokens", "batch", "threads"):
        _expect(name, row[name], getattr(case, name))
    ceilings = {name: roofline[name]["per_second"]
                for name in ("dram_read", "fp32_fma", "bf16_dot", "int8", "int8_vnni")
                if (roofline.get(name) or {}).get("per_second")}
    if row.get("read_bytes_per_second"):
        ceilings["dram_read"] = row["read_bytes_per_second"]
    tool, cpu = report["environment"]["tool"], report["environment"]["cpu"]
    return {"tokens_per_second": row["tokens_per_second"]["median"],
            "percent_of_roofline": row["percent_of_roofline"], "ceilings": ceilings,
            "version": f"{tool['version']} {tool['git_hash']}, {tool['compiler']}",
            "machine": f"{cpu['model']}, {cpu['physical_cores']} cores, {cpu['isa']}"}


def kv_command(program, case, model):
    """Asks what the keys and values of one sequence take, which `run` holds once and a batch of
    eight eight times."""
    return [str(word) for word in (program.path, "inspect", "-m", model, "--ctx", case.n_tokens,
                                   "--json", *_kv_dtype(case))]


def parse_kv_bytes(text):
    try:
        return int(json.loads(text)["memory_plan"]["kv_cache_bytes"])
    except (ValueError, KeyError, TypeError) as error:
        raise Failed(f"qwench inspect: its answer was not understood ({error})") from None


def _parse_llama_bench(case, text):
    rows = json.loads(text)
    _expect("rows", len(rows), 1)
    row = rows[0]
    n_prompt, n_gen = (case.n_tokens, 0) if case.phase == "prefill" else (0, case.n_tokens)
    _expect("n_prompt", row["n_prompt"], n_prompt)
    _expect("n_gen", row["n_gen"], n_gen)
    _expect("n_threads", row["n_threads"], case.threads)
    return {"tokens_per_second": float(row["avg_ts"]), "version": str(row["build_commit"])}


def _parse_batched(case, text):
    """Its one line of figures: | PP | TG | B | N_KV | T_PP s | S_PP t/s | T_TG s | S_TG t/s |"""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in text.splitlines() if line.strip().startswith("|")]
    rows = [cells for cells in rows if cells[0].isdigit()]
    _expect("lines of figures", len(rows), 1)
    _expect("tokens", int(rows[0][1]), case.n_tokens)
    _expect("sequences", int(rows[0][2]), case.batch)
    return {"tokens_per_second": float(rows[0][7])}
