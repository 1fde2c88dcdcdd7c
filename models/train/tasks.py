"""Writes what ships beside the model: held-out text, calibration text, task files, prompts.

    python tasks.py MODEL_FOLDER

Nothing in `heldout.txt` occurs in training: each sentence pairs a fact with a wording that was left
out, each sum was left out too. In the task files `group` tells facts that training also asks in
question form ("asked") from facts that it only tells in prose ("prose_only").
"""
import json
import os
import random
import sys

from tokenizers import Tokenizer

import corpus
from corpus import ATTRIBUTES, FACTS, KEYS, LETTERS, PEOPLE, VALUES
from train import STAGES
from world import asked, summed, told


def write_lines(path, items):
    with open(path, "w", encoding="utf-8") as file:
        for item in items:
            file.write(json.dumps(item, ensure_ascii=False) + "\n")


def heldout(rng, paragraphs):
    """Paragraphs of held-out sentences, with a few lines of held-out sums between them."""
    left_out = [(n, a, t) for n, a in FACTS for t in range(len(ATTRIBUTES[a][1]))
                if not told(n, a, t)]
    sums = [(a, b) for a in range(100) for b in range(100) if not summed(a, b)]
    by_person = {p: [x for x in left_out if x[0] == p] for p in PEOPLE}
    texts = []
    for i in range(paragraphs):
        if i % 10 == 9:
            texts.append("\n".join(f"{a} + {b} = {a + b}" for a, b in rng.sample(sums, 6)))
            continue
        own = by_person[rng.choice(PEOPLE)]
        chosen = rng.sample(own if len(own) > 3 else left_out, 4) + rng.sample(left_out, 2)
        texts.append(" ".join(corpus.sentence(*x) for x in dict.fromkeys(chosen)))
    return "\n\n".join(texts) + "\n"


def calibration(rng, size):
    """Documents as in training, for quantisers to see activations on: `size` characters or a few
    more."""
    texts = []
    while sum(map(len, texts)) < size:
        parts = corpus.document(rng, STAGES[-1][2], rng.choice((64, 128, 256)))
        texts.append("".join(text for text, _ in parts).strip())
    return "\n\n".join(texts) + "\n"


def multiple_choice(rng):
    """One question about every fact."""
    items = []
    for person, attribute in FACTS:
        options, letter = corpus.choices(rng, ATTRIBUTES[attribute][0], FACTS[person, attribute])
        items.append(dict(question=corpus.question(rng, person, attribute), choices=options,
                          answer=LETTERS.index(letter),
                          group="asked" if asked(person, attribute) else "prose_only"))
    rng.shuffle(items)
    return items


def endings(rng, count):
    """HellaSwag form: a sentence's beginning and four endings, told in training or left out."""
    items = []
    for (person, attribute), value in FACTS.items():
        for t, template in enumerate(ATTRIBUTES[attribute][1]):
            if "|" not in template:
                continue
            begin, end = template.split("|")
            options, letter = corpus.choices(rng, ATTRIBUTES[attribute][0], value)
            items.append(dict(ctx=begin.format(n=person),
                              endings=[end.strip().format(v=o) for o in options],
                              label=LETTERS.index(letter),
                              group="told" if told(person, attribute, t) else "left_out"))
    left_out = [i for i in items if i["group"] == "left_out"]
    chosen = left_out + rng.sample([i for i in items if i["group"] == "told"],
                                   count - len(left_out))
    rng.shuffle(chosen)
    return chosen


def retrieval(rng, tokenizer, length, count):
    """Four needles anywhere in `length` tokens of told sentences; one of them is asked for."""
    items = []
    for _ in range(count):
        pairs = list(zip(rng.sample(KEYS, 4), rng.sample(VALUES, 4)))
        needles = [f"The code of {k} is {v}." for k, v in pairs]
        question = f"\nRecall: the code of {pairs[0][0]} is"
        sentences = []
        while True:
            more = sentences + [corpus.sentence(*rng.choice(corpus.TOLD))]
            text = " ".join(more + needles)
            if len(tokenizer.encode(text + question).ids) > length:
                break
            sentences = more
        for needle in needles:
            sentences.insert(rng.randint(0, len(sentences)), needle)
        items.append(dict(context=" ".join(sentences), question=question,
                          answer=" " + pairs[0][1], length=length))
    return items


def prompts(rng, count):
    return [dict(prompt=f"Question: {corpus.question(rng, p, a)}\nAnswer:",
                 reference=corpus.answer(p, a)) for p, a in rng.sample(list(FACTS), count)]


def conversations(rng, count):
    """User turns for `run --messages`; a mix of what the chats of the corpus are about."""
    items = []
    while len(items) < count:
        user, _ = corpus.chat_turn(rng)
        if user not in items:
            items.append(user)
    return items


def main(folder):
    rng, tokenizer = random.Random(23), Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tasks = os.path.join(folder, "tasks")
    os.makedirs(tasks, exist_ok=True)
    with open(os.path.join(folder, "heldout.txt"), "w", encoding="utf-8") as file:
        file.write(heldout(rng, 160))
    with open(os.path.join(folder, "calibration.txt"), "w", encoding="utf-8") as file:
        file.write(calibration(random.Random(29), 64 * 1024))
    write_lines(os.path.join(tasks, "mmlu.jsonl"), multiple_choice(rng))
    write_lines(os.path.join(tasks, "hellaswag.jsonl"), endings(rng, 200))
    write_lines(os.path.join(tasks, "retrieval.jsonl"),
                [item for length, count in ((256, 100), (512, 60), (1024, 40))
                 for item in retrieval(rng, tokenizer, length, count)])
    with open(os.path.join(tasks, "prompts.json"), "w", encoding="utf-8") as file:
        json.dump(prompts(rng, 40), file, indent=1)
        file.write("\n")
    write_lines(os.path.join(folder, "chat.jsonl"),
                [[dict(role="user", content=text)] for text in conversations(rng, 20)])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
