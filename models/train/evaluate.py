"""What transformers says about the model: the outside yardstick of the figures in the README.

    python evaluate.py MODEL_FOLDER [--threads N]

Prints one JSON document: perplexity of heldout.txt (windows of 512 ids, the first of each window
unscored), the unigram's perplexity, the accuracy on the task files, greedy answers to chat.jsonl.
"""
import argparse
import json
import math
import os
from collections import Counter

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Yardstick:
    def __init__(self, folder):
        self.folder = folder
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager").eval()

    def ids(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def log_probs(self, ids):
        """[n, vocab] in double."""
        with torch.no_grad():
            return self.model(torch.tensor([ids])).logits[0].double().log_softmax(-1)

    def perplexity(self, window=512):
        with open(os.path.join(self.folder, "heldout.txt"), encoding="utf-8") as file:
            ids = self.ids(file.read())
        total, scored = 0.0, 0
        for first in range(0, len(ids), window):
            part = ids[first:first + window]
            rows = self.log_probs(part)
            for i, token in enumerate(part[1:]):
                total, scored = total - float(rows[i, token]), scored + 1
        counts = Counter(ids)
        unigram = -sum(c * math.log(c / len(ids)) for c in counts.values()) / len(ids)
        return dict(perplexity=math.exp(total / scored), tokens=scored,
                    unigram_perplexity=math.exp(unigram))

    def likelihood(self, context, ending):
        """Sum of log p of the ending's tokens; the context is encoded with it, as lm-eval does."""
        n, ids = len(self.ids(context)), self.ids(context + ending)
        rows = self.log_probs(ids)
        return sum(float(rows[i - 1, ids[i]]) for i in range(n, len(ids)))

    def multiple_choice(self):
        for item in read_lines(os.path.join(self.folder, "tasks/mmlu.jsonl")):
            prompt = item["question"] + "".join(
                f"\n{l}. {c}" for l, c in zip("ABCD", item["choices"])) + "\nAnswer:"
            last = self.log_probs(self.ids(prompt))[-1]
            scores = [float(last[self.ids(" " + l)[0]]) for l in "ABCD"]
            yield item["group"], scores.index(max(scores)) == item["answer"]

    def endings(self):
        for item in read_lines(os.path.join(self.folder, "tasks/hellaswag.jsonl")):
            scores = [self.likelihood(item["ctx"], " " + e) for e in item["endings"]]
            yield item["group"], scores.index(max(scores)) == item["label"]

    def retrieval(self):
        for item in read_lines(os.path.join(self.folder, "tasks/retrieval.jsonl")):
            prompt = item["context"] + item["question"]
            n, ids = len(self.ids(prompt)), self.ids(prompt + item["answer"])
            best = self.log_probs(ids).argmax(-1).tolist()
            yield str(item["length"]), best[n - 1:-1] == ids[n:]

    def chat(self, most=48):
        for messages in read_lines(os.path.join(self.folder, "chat.jsonl")):
            ids = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True,
                                                     return_dict=True)["input_ids"]
            out = self.model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=most)
            new = out[0, len(ids):].tolist()
            yield dict(messages=messages, ids=new,
                       text=self.tokenizer.decode(new, skip_special_tokens=True))


def by_group(results):
    groups = {}
    for group, right in results:
        groups.setdefault(group, []).append(right)
    return {g: dict(accuracy=sum(r) / len(r), n=len(r)) for g, r in sorted(groups.items())}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    y = Yardstick(args.folder)
    print(json.dumps(dict(heldout=y.perplexity(), multiple_choice=by_group(y.multiple_choice()),
                          endings=by_group(y.endings()), retrieval=by_group(y.retrieval()),
                          chat=list(y.chat())), indent=1, ensure_ascii=False))
