"""Trains qwench-tiny and exports it as a Hugging Face folder.

    python train.py --work DIR [--threads N] [--device cpu|cuda]

Checkpoints go to DIR every few minutes; the same command goes on from the last one. Batch number i
is made from the seed i, so a resumed run sees the data of an uninterrupted one.
"""
import argparse
import os
import random
import time

import torch
import torch.nn.functional as F

import corpus
import tokenizer as bpe
from model import CONFIG, Qwen3

# (steps, [(tokens per sequence, sequences, how often)], shares of the document kinds). Copying
# first, in short sequences and small batches with every copied token supervised: looking back
# emerges there within a few million tokens, and everything else is built on it.
STAGES = [
    (3000, [(64, 20, 1)], dict(copy=6, key_values=2, prose=2)),
    (3000, [(128, 16, 1)], dict(copy=2, key_values=2, prose=5, multiple_choice=6, questions=2,
                                arithmetic=1, chat=2, retrieval=1)),
    (3500, [(128, 16, 1)], dict(copy=1, key_values=1, prose=6, multiple_choice=2, questions=2,
                                completion_choice=4, arithmetic=1, chat=2, retrieval=1)),
    (2500, [(128, 16, 1)], dict(copy=1, key_values=1, prose=6, multiple_choice=2, questions=1,
                                completion_choice=2, direct=2, strangers=4, arithmetic=1, chat=2,
                                retrieval=1)),
    (3500, [(256, 8, 1)], dict(copy=1, key_values=1, prose=6, multiple_choice=2, questions=1,
                               completion_choice=1, direct=1, strangers=3, arithmetic=1, chat=2,
                               retrieval=3)),
    (2500, [(512, 4, 1)], dict(copy=1, key_values=1, prose=6, multiple_choice=2, questions=1,
                               completion_choice=1, direct=1, strangers=2, arithmetic=1, chat=2,
                               retrieval=4)),
    (3000, [(1024, 2, 1), (256, 8, 1)], dict(copy=1, prose=6, multiple_choice=2, questions=1,
                                             completion_choice=1, direct=1, strangers=1,
                                             arithmetic=1, chat=2, retrieval=4)),
]
STEPS = sum(stage[0] for stage in STAGES)
PEAK_RATE, WARM_UP, DECAY_FROM, WEIGHT_DECAY = 2e-3, 300, 0.6, 0.05


def stage_of(step):
    for steps, shapes, shares in STAGES:
        if step < steps:
            return shapes, shares
        step -= steps
    raise ValueError("step beyond the last stage")


def learning_rate(step):
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    left = (STEPS - step) / (STEPS * (1 - DECAY_FROM))
    return PEAK_RATE * min(1.0, 0.02 + 0.98 * left)


def encode(tokenizer, parts):
    """Ids and weights of a document; a token weighs what the part of its last character does."""
    text = "".join(part for part, _ in parts)
    encoding = tokenizer.encode(text)
    ends, weights, at, part = [], [], 0, 0
    for piece, weight in parts:
        at += len(piece)
        ends.append((at, weight))
    for _, end in encoding.offsets:
        while ends[part][0] < end:
            part += 1
        weights.append(ends[part][1])
    return encoding.ids, weights


def sequence(tokenizer, rng, shares, length):
    """One row [length + 1] of whole documents, each ended by <|endoftext|>, cut at the end."""
    ids, weights, end = [], [], tokenizer.token_to_id("<|endoftext|>")
    while len(ids) <= length:
        room = length - len(ids)
        wanted = room if rng.random() < 0.4 else rng.randint(min(room, 32), room) if room else 0
        more, more_weights = encode(tokenizer, corpus.document(rng, shares, max(wanted, 32)))
        ids += more + [end]
        weights += more_weights + [0.5]
    return ids[:length + 1], weights[:length + 1]


def batch(tokenizer, step):
    rng = random.Random(1_000_003 + step)
    shapes, shares = stage_of(step)
    length, rows, _ = rng.choices(shapes, [often for *_, often in shapes])[0]
    made = [sequence(tokenizer, rng, shares, length) for _ in range(rows)]
    ids = torch.tensor([row for row, _ in made])
    weights = torch.tensor([w for _, w in made])
    return ids[:, :-1], ids[:, 1:].contiguous(), weights[:, 1:].contiguous()


def weighted_loss(model, ids, targets, weights):
    logits = model(ids).float()
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum().clamp(min=1.0)


@torch.no_grad()
def answered(model, tokenizer, kind, length, rows=24):
    """Share of the supervised answer tokens of fresh documents that the model gets right."""
    rng, right, total = random.Random(5), 0, 0
    for _ in range(rows):
        ids, weights = encode(tokenizer, corpus.document(rng, {kind: 1}, length))
        ids = torch.tensor([ids])
        found = model(ids[:, :-1]).argmax(-1)[0] == ids[0, 1:]
        asked = torch.tensor(weights[1:]) >= 1.0
        right, total = right + int(found[asked].sum()), total + int(asked.sum())
    return right / max(total, 1)


def export(model, tokenizer, folder):
    """bf16 safetensors, config, generation config and tokenizer, as transformers writes them."""
    from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM
    ends = [tokenizer.token_to_id("<|im_end|>"), tokenizer.token_to_id("<|endoftext|>")]
    rope = dict(rope_type="default", rope_theta=CONFIG["rope_theta"])
    sizes = {k: v for k, v in CONFIG.items() if k != "rope_theta"}
    config = Qwen3Config(**sizes, rope_parameters=rope, attention_bias=False, bos_token_id=None,
                         eos_token_id=ends[0], pad_token_id=ends[1], dtype="bfloat16")
    published = Qwen3ForCausalLM(config)
    state = {"model." + name: value for name, value in model.state_dict().items()}
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    published.load_state_dict(state)
    published.generation_config = GenerationConfig(do_sample=False, eos_token_id=ends,
                                                   pad_token_id=ends[1])
    published.to(torch.bfloat16).save_pretrained(folder)
    bpe.save(tokenizer, folder)


def save(path, model, optimizer, step, seconds):
    torch.save(dict(model=model.state_dict(), optimizer=optimizer.state_dict(), step=step,
                    seconds=seconds), path + ".new")
    os.replace(path + ".new", path)


def train(args):
    torch.manual_seed(1)
    torch.set_num_threads(args.threads)
    os.makedirs(args.work, exist_ok=True)
    tokenizer, path = bpe.train(), os.path.join(args.work, "checkpoint.pt")
    model = Qwen3().to(args.device)
    optimizer = torch.optim.AdamW(model.parameters(), PEAK_RATE, betas=(0.9, 0.98),
                                  weight_decay=WEIGHT_DECAY)
    start, seconds = 0, 0.0
    if os.path.exists(path):
        state = torch.load(path, map_location=args.device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start, seconds = state["step"], state["seconds"]
        print(f"going on from step {start}", flush=True)
    loss_of, mean, tokens, saved = torch.compile(weighted_loss), 0.0, 0, time.time()
    began = time.time()
    for step in range(start, STEPS):
        ids, targets, weights = (t.to(args.device) for t in batch(tokenizer, step))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        with torch.autocast(args.device, torch.bfloat16):
            loss = loss_of(model, ids, targets, weights)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean, tokens = mean + (float(loss.detach()) - mean) / (step % 500 + 1), tokens + ids.numel()
        if step % 500 == 499:
            shown = {k: round(answered(model, tokenizer, k, 200), 3) for k in corpus.KINDS}
            spent = time.time() - began
            print(f"{step + 1} loss {mean:.4f} {tokens / spent:.0f} tok/s {shown}", flush=True)
            mean = 0.0
        if time.time() - saved > 120 or step + 1 == STEPS:
            save(path, model, optimizer, step + 1, seconds + time.time() - began)
            saved = time.time()
    print(f"trained {STEPS} steps in {(seconds + time.time() - began) / 60:.0f} minutes")
    export(model, tokenizer, args.out or os.path.join(args.work, "qwench-tiny"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, help="folder of the checkpoints")
    parser.add_argument("--out", help="folder of the model (default: WORK/qwench-tiny)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    train(parser.parse_args())
