"""The model files of the runs: random weights of a shape card, made once and kept.

All of them hold the same weights (one seed), so that every engine reads the same numbers rounded in
its own way. A file has its name only when it is complete.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

from child import Failed, last_line

# Bits a weight of the layers, and of the embedding (which is the head too).
BITS = {"q4_0": (4.5, 8.5), "q8_0": (8.5, 8.5), "q4g": (4.25, 8.5), "iq4_ks": (4.25, 8.5),
        "bf16": (16, 16), "f16": (16, 16)}


class Models:
    """Paths and sizes of the model files in the folder `work`."""

    def __init__(self, work, qwench, quantizer):
        self.work = pathlib.Path(work).absolute()
        self.qwench = qwench          # path of the program
        self.quantizer = quantizer    # path of an ik_llama.cpp's llama-quantize, or None
        self._parameters = {}

    def path(self, model, weights):
        return self.work / (f"{model}-{weights}" + ("" if weights == "q4g" else ".gguf"))

    def missing(self, model, weights):
        """What has to be made, in order, for this one to be there."""
        if self.path(model, weights).exists():
            return []
        before = self.missing(model, "f16") if weights == "iq4_ks" else []
        return before + [(model, weights)]

    def parameters(self, model):
        """(of the layers, of the embedding). Failed where qwench knows no such card."""
        if model not in self._parameters:
            answer = subprocess.run([str(self.qwench), "inspect", "-m", model, "--json"],
                                    capture_output=True, text=True, check=False)
            if answer.returncode != 0:
                raise Failed(last_line(answer.stderr))
            report = json.loads(answer.stdout)
            embedding = report["config"]["vocab"] * report["config"]["dim"]
            self._parameters[model] = (report["parameters"]["formula"] - embedding, embedding)
        return self._parameters[model]

    def bytes(self, model, weights):
        layers, embedding = self.parameters(model)
        return int((layers * BITS[weights][0] + embedding * BITS[weights][1]) / 8)

    def _command(self, model, weights, target):
        if weights == "iq4_ks":
            # --pure: one format for all layers, as q4g is. Rows that are no multiple of 256 long
            # get IQ4_NL from llama-quantize itself.
            return [self.quantizer, "--pure", "--token-embedding-type", "q8_0",
                    "--output-tensor-type", "q8_0", self.path(model, "f16"), target, "IQ4_KS"]
        embedding = weights if weights in ("bf16", "f16") else "q8_0"
        return [self.qwench, "quantize", "-m", model, "-o", target, "--type", weights,
                "--embedding-type", embedding]

    def make(self, model, weights):
        """Makes one file, its progress on stderr. Failed with the reason; nothing is left then."""
        self.work.mkdir(parents=True, exist_ok=True)
        path = self.path(model, weights)
        part = path.with_name("part-" + path.name)
        remove(part)
        command = [str(word) for word in self._command(model, weights, part)]
        print(f"making {path}", file=sys.stderr)
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, errors="replace", check=False)
            if done.returncode != 0:
                raise Failed(f"{path}: {os.path.basename(command[0])}: {last_line(done.stderr)}")
            part.rename(path)
        finally:
            remove(part)


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
