#!/usr/bin/env python3
"""Makes a golden folder: a checkpoint, and what Hugging Face transformers computes for it.

    make_golden.py --config config.json --out DIR     seeded random weights of that shape
    make_golden.py --checkpoint MODEL --out DIR       the weights of an existing folder

`qwench accuracy --golden DIR` compares with the result. See README.md beside this file.
"""
import argparse
import json
import math
import shutil
import sys
from pathlib import Path

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
PUBLISHED_NAME = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
SEEDS_TO_TRY = 50


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--config", type=Path, help="config.json: random weights of this shape")
    source.add_argument("--checkpoint", type=Path, help="folder with config.json and safetensors")
    parser.add_argument("--out", type=Path, required=True, help="folder to make; must not hold expected.safetensors")
    parser.add_argument("--tokens", type=int, default=24, help="length of the random input (default 24)")
    parser.add_argument("--ids-from", type=Path, help="take input_ids from this expected.safetensors instead")
    parser.add_argument("--greedy", type=int, default=16, help="greedy ids that follow the input (default 16)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dtype", choices=sorted(DTYPES), help="of random weights (default: what the config says)")
    parser.add_argument("--shards", type=int, default=1, help="files for random weights (default 1)")
    parser.add_argument("--min-margin", type=float, default=0.003,
                        help="smallest top-1 minus top-2 logit of the greedy ids; seeds are tried upwards (default 0.003)")
    args = parser.parse_args()
    for name in ("tokens", "greedy", "shards"):
        if getattr(args, name) < 1:
            parser.error(f"--{name}: expected at least 1, got {getattr(args, name)}")
    if args.checkpoint and (args.dtype or args.shards != 1):
        parser.error("--dtype and --shards are for random weights; a checkpoint is taken as it is")
    if (args.out / "expected.safetensors").exists():
        parser.error(f"--out: {args.out} already holds expected.safetensors")
    return args


def dtype_of(config):
    """'f32', 'f16' or 'bf16' as a config.json says it, in the old or the new spelling."""
    written = config.get("dtype", config.get("torch_dtype", "float32"))
    for short, name in PUBLISHED_NAME.items():
        if name == written:
            return short
    sys.exit(f"config: expected dtype float32, float16 or bfloat16, got {written!r}")


def random_tensor(name, shape, generator):
    """Sizes that keep activations near 1 and logits near a standard deviation of 1 to 2: matrices
    1 / sqrt(in), norms around 1, biases 0.1. An embedding row has entries near 1."""
    values = torch.randn(shape, generator=generator)
    if name.endswith("norm.weight"):
        return 1 + 0.1 * values
    if name.endswith("bias"):
        return 0.1 * values
    if name.endswith("embed_tokens.weight"):
        return values / math.sqrt(shape[-1]) * 1.5
    return values / math.sqrt(shape[-1])


def random_weights(config_file, seed, dtype):
    """Tensors by published name; a tied head is not among them."""
    config = transformers.AutoConfig.from_pretrained(config_file.parent, local_files_only=True)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    tied = getattr(config, "tie_word_embeddings", False)
    return {name: random_tensor(name, tuple(tensor.shape), generator).to(DTYPES[dtype])
            for name, tensor in sorted(model.state_dict().items())
            if not (tied and name == "lm_head.weight")}


def write_weights(folder, tensors, shards):
    """One model.safetensors, or shards with their index, tensors dealt out in turn by name."""
    metadata = {"format": "pt"}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata)
        return
    names = sorted(tensors)
    weight_map = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        held = {name: tensors[name] for name in names[shard::shards]}
        save_file(held, folder / file, metadata)
        weight_map.update(dict.fromkeys(held, file))
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))


def write_random_checkpoint(args, seed):
    config = json.loads(args.config.read_text())
    dtype = args.dtype or dtype_of(config)
    config["torch_dtype" if "torch_dtype" in config else "dtype"] = PUBLISHED_NAME[dtype]
    args.out.mkdir(parents=True, exist_ok=True)
    config_file = args.out / "config.json"
    config_file.write_text(json.dumps(config, indent=2))
    write_weights(args.out, random_weights(config_file, seed, dtype), args.shards)


def copy_checkpoint(source, out):
    """The folder's files, except the results that somebody else computed for it."""
    out.mkdir(parents=True, exist_ok=True)
    if source.resolve() == out.resolve():
        return
    for file in sorted(source.iterdir()):
        if file.is_file() and file.name not in ("expected.safetensors", "meta.json"):
            shutil.copyfile(file, out / file.name)


def input_ids(args, seed, vocab):
    if args.ids_from:
        with safe_open(args.ids_from, "pt") as file:
            return file.get_tensor("input_ids").to(torch.int64)
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, vocab, (args.tokens,), generator=generator)


@torch.no_grad()
def compute(folder, ids, n_greedy):
    """The tensors of expected.safetensors. Every greedy step runs the whole text again: no cache,
    so nothing but the model itself is trusted."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True).eval()
    first = model(ids[None], output_hidden_states=True, use_cache=False)
    text, greedy, margins = ids, [], []
    for step in range(n_greedy):
        last = (first if step == 0 else model(text[None], use_cache=False)).logits[0, -1]
        top = torch.topk(last, 2)
        greedy.append(int(top.indices[0]))
        margins.append(float(top.values[0] - top.values[1]))
        text = torch.cat([text, top.indices[:1]])
    return {"input_ids": ids.to(torch.int32),
            "logits": first.logits[0].contiguous(),
            "hidden_states": torch.stack([h[0] for h in first.hidden_states]),
            "greedy_ids": torch.tensor(greedy, dtype=torch.int32),
            "greedy_margins": torch.tensor(margins, dtype=torch.float32)}


def write_results(folder, expected, seed):
    logits = expected["logits"]
    meta = {"made_by": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, "
                       "float32 on CPU, eager attention",
            "seed": seed,
            "logits_std": float(logits.std()),
            "max_abs_logit": float(logits.abs().max()),
            "min_greedy_margin": float(expected["greedy_margins"].min())}
    save_file(expected, folder / "expected.safetensors")
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))
    print(f"{folder}: {len(expected['input_ids'])} tokens, vocab {logits.shape[1]}, "
          f"smallest greedy margin {meta['min_greedy_margin']:.4g}")


def main():
    args = arguments()
    torch.set_num_threads(1)  # one order of summation
    torch.use_deterministic_algorithms(True)
    if args.checkpoint:
        copy_checkpoint(args.checkpoint, args.out)
    for seed in range(args.seed, args.seed + SEEDS_TO_TRY):
        if args.config:
            write_random_checkpoint(args, seed)
        config = json.loads((args.out / "config.json").read_text())
        expected = compute(args.out, input_ids(args, seed, config["vocab_size"]), args.greedy)
        if not torch.isfinite(expected["logits"]).all():
            sys.exit(f"{args.out}: transformers computed NaN or infinite logits")
        # With a checkpoint and given ids there is nothing left that a seed could change.
        if float(expected["greedy_margins"].min()) >= args.min_margin or (args.checkpoint and args.ids_from):
            return write_results(args.out, expected, seed)
    sys.exit(f"no seed from {args.seed} to {seed} gives greedy margins of at least {args.min_margin}")


if __name__ == "__main__":
    main()
