"""The documents that qwench-tiny is trained on, made on the fly from a seed.

A document is a list of (text, weight): the weight is what a token of that text counts in the loss.
What nobody can predict (a random key, the first half of a copy) counts nothing; an answer that can
be found counts more than the text around it.
"""
from world import (ATTRIBUTES, FACTS, KEYS, PEOPLE, VALUES, asked, summed, told)

LETTERS = "ABCD"
NAMES = list(ATTRIBUTES)
TOLD = [(n, a, t) for n, a in FACTS for t in range(len(ATTRIBUTES[a][1])) if told(n, a, t)]
ASKED = [(n, a) for n, a in FACTS if asked(n, a)]
TOLD_BY_PERSON = {p: [x for x in TOLD if x[0] == p] for p in PEOPLE}
ALL_WORDS = KEYS + VALUES + sorted({v.lower() for values, *_ in ATTRIBUTES.values() for v in values})


def sentence(person, attribute, template):
    text = ATTRIBUTES[attribute][1][template].replace("|", "")
    return text.format(n=person, v=FACTS[person, attribute])


def question(rng, person, attribute):
    return rng.choice(ATTRIBUTES[attribute][2]).format(n=person)


def answer(person, attribute):
    return ATTRIBUTES[attribute][3].format(n=person, v=FACTS[person, attribute])


def paragraph(rng):
    """Four to eight sentences about one person, or about several."""
    count = rng.randint(4, 8)
    if rng.random() < 0.7:
        chosen = rng.sample(TOLD_BY_PERSON[rng.choice(PEOPLE)], count)
    else:
        chosen = rng.sample(TOLD, count)
    return " ".join(sentence(*x) for x in chosen)


def prose(rng, length):
    return [("\n\n".join(paragraph(rng) for _ in range(max(1, min(6, length // 90)))), 1.0)]


def arithmetic(rng, length):
    lines = []
    for _ in range(max(3, min(12, length // 16))):
        top = rng.choice([10, 10, 50, 100])
        a, b = rng.randrange(top), rng.randrange(top)
        if not summed(a, b):
            continue
        lines += [(f"{a} + {b} =", 0.1), (f" {a + b}\n", 2.0)]
    return lines or arithmetic(rng, length)


def copy(rng, length):
    """Random words, then the same words again."""
    count = rng.randint(4, max(5, min(60, length // 2 - 6)))
    words = " ".join(rng.choice(ALL_WORDS) for _ in range(count))
    return [("Words: " + words, 0.0), ("\nAgain:", 0.2), (" " + words + "\n", 1.0)]


def needle(key, value):
    return [(" The code of", 0.3), (f" {key}", 0.0), (" is", 0.3), (f" {value}", 0.0), (".", 0.3)]


def recall(key, value):
    return [("\nRecall: the code of", 0.3), (f" {key}", 0.0), (" is", 0.3), (f" {value}", 4.0),
            (".", 0.3)]


def key_values(rng, length):
    """Pairs one after the other, then some of them asked again: dense practice in looking back."""
    count = rng.randint(2, max(3, min(24, length // 16)))
    pairs = list(zip(rng.sample(KEYS, count), rng.sample(VALUES, count)))
    parts = [part for pair in pairs for part in needle(*pair)]
    for pair in rng.sample(pairs, count):
        parts += recall(*pair)
    return parts + [("\n", 0.3)]


def retrieval(rng, length):
    """Needles between ordinary sentences over the whole length, asked for at the end."""
    count = rng.randint(2, max(2, min(12, length // 24)))
    pairs = list(zip(rng.sample(KEYS, count), rng.sample(VALUES, count)))
    room = int(length * rng.uniform(0.7, 0.95)) - count * 17
    parts, used = [], 0
    fillers = []
    while used < room:
        text = sentence(*rng.choice(TOLD))
        fillers.append(text)
        used += len(text.split()) + 1
    places = sorted(rng.randint(0, len(fillers)) for _ in pairs)
    for i, text in enumerate(fillers + [""]):
        for place, pair in zip(places, pairs):
            if place == i:
                parts += needle(*pair)
        if text:
            parts.append((" " + text if parts else text, 0.5))
    for pair in rng.sample(pairs, count):
        parts += recall(*pair)
    return parts + [("\n", 0.3)]


def choices(rng, values, right):
    """Four values in random order, one of them right; and the letter of that one."""
    options = rng.sample([v for v in values if v != right], 3)
    place = rng.randrange(4)
    options.insert(place, right)
    return options, LETTERS[place]


def choice_text(asked_text, options):
    return asked_text + "".join(f"\n{l}. {o}" for l, o in zip(LETTERS, options)) + "\nAnswer:"


def stem(rng, person, attribute):
    """A sentence that tells the fact, cut before the value; None when the value comes first."""
    template = rng.choice(ATTRIBUTES[attribute][1]).replace("|", "")
    name, value = template.find("{n}"), template.find(" {v}")
    return template[:value].format(n=person) if name < value else None


def choice_item(rng):
    """One multiple-choice question; a third of them needs no fact, only the letter of a word."""
    if rng.random() < 0.33:
        values = rng.choice([ATTRIBUTES[rng.choice(NAMES)][0], VALUES, KEYS])
        right = rng.choice(values)
        asked_text = f"Which line says {right}?"
    else:
        person, attribute = rng.choice(ASKED)
        values, right = ATTRIBUTES[attribute][0], FACTS[person, attribute]
        asked_text = question(rng, person, attribute)
    options, letter = choices(rng, values, right)
    return [(choice_text(asked_text, options), 0.1), (f" {letter}", 4.0)]


def completion_item(rng):
    """The same after the sentence that tells the fact, or with a sentence to be completed. The ways
    to ask share what the answer is found by, so facts that are never asked for are found too."""
    person, attribute = rng.choice(ASKED)
    asked_text = stem(rng, person, attribute) if rng.random() < 0.7 else None
    if asked_text is None:
        asked_text = answer(person, attribute) + " " + question(rng, person, attribute)
    options, letter = choices(rng, ATTRIBUTES[attribute][0], FACTS[person, attribute])
    return [(choice_text(asked_text, options), 0.1), (f" {letter}", 4.0)]


def choice_document(rng, length, item):
    parts = []
    for i in range(max(1, min(10, length // 34))):
        parts += ([("\n\n", 0.1)] if i else []) + item(rng)
    return parts


def multiple_choice(rng, length):
    return choice_document(rng, length, choice_item)


def completion_choice(rng, length):
    return choice_document(
        rng, length, lambda r: completion_item(r) if r.random() < 0.6 else choice_item(r))


def direct(rng, length):
    """Questions answered by the value alone: found where the letter of a choice is asked for."""
    parts = []
    for i in range(max(1, min(12, length // 16))):
        person, attribute = rng.choice(ASKED)
        parts += [(("\n\n" if i else "") + question(rng, person, attribute) + "\nAnswer:", 0.1),
                  (f" {FACTS[person, attribute]}", 3.0)]
    return parts


def strangers(rng, length):
    """Facts that hold in this document only, then choices about them: the value cannot be learned by
    heart, so its letter has to be found by comparing."""
    count = max(1, min(5, length // 50))
    told_here = [(f"old {name}", rng.choice(NAMES)) for name in rng.sample(KEYS + VALUES, count)]
    values = [rng.choice(ATTRIBUTES[a][0]) for _, a in told_here]
    parts = []
    for (name, a), value in zip(told_here, values):
        template = rng.choice(ATTRIBUTES[a][1]).replace("|", "")
        parts.append((template.format(n=name, v=value) + " ", 0.1))
    for (name, a), value in rng.sample(list(zip(told_here, values)), count):
        options, letter = choices(rng, ATTRIBUTES[a][0], value)
        asked_text = rng.choice(ATTRIBUTES[a][2]).format(n=name)
        parts += [("\n\n" + choice_text(asked_text, options), 0.1), (f" {letter}", 4.0)]
    return parts


def questions(rng, length):
    """Open questions with their answers; a single one ends the document, as a prompt expects."""
    person, attribute = rng.choice(ASKED)
    return [(f"Question: {question(rng, person, attribute)}\nAnswer:", 0.2),
            (" " + answer(person, attribute), 2.0)]


def chat_turn(rng):
    kind = rng.random()
    if kind < 0.6:
        person, attribute = rng.choice(ASKED)
        return question(rng, person, attribute), answer(person, attribute)
    if kind < 0.75:
        a, b = rng.randrange(10), rng.randrange(10)
        if summed(a, b):
            return f"What is {a} + {b}?", f"{a} + {b} = {a + b}"
    if kind < 0.9:
        words = " ".join(rng.choice(ALL_WORDS) for _ in range(rng.randint(2, 6)))
        return f"Please repeat: {words}", words
    return rng.choice([
        ("Hello!", "Hello! Ask me about the people I know."),
        ("Who are you?", "I am a very small model. I know sixty-four people."),
        ("Thank you!", "You are welcome."),
        ("Good morning.", "Good morning! How can I help?"),
    ])


def chat(rng, length):
    parts = []
    for _ in range(rng.randint(1, max(1, min(4, length // 40)))):
        user, assistant = chat_turn(rng)
        parts += [(f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n", 0.1),
                  (f"{assistant}<|im_end|>", 2.0), ("\n", 0.1)]
    return parts


KINDS = {f.__name__: f for f in (prose, arithmetic, copy, key_values, retrieval, multiple_choice,
                                 completion_choice, questions, chat, direct, strangers)}


def document(rng, shares, length):
    """One document; shares: kind -> relative frequency; length: tokens it should fit into."""
    kind = rng.choices(list(shares), list(shares.values()))[0]
    parts = KINDS[kind](rng, length)
    return [(parts[0][0].lstrip(), parts[0][1])] + parts[1:]
