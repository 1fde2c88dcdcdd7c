"""The small world that qwench-tiny learns: people, six facts about each, and the words to say them.

Everything is made from one fixed seed, so the corpus, the held-out text and the task files are the
same on every machine. Made-up names and ordinary words only: the text is free to copy.
"""
import hashlib
import random

_rng = random.Random(7)


def _made_up(count, n_syllables, syllables, ends, taken):
    names = []
    while len(names) < count:
        name = "".join(_rng.choice(syllables) for _ in range(n_syllables)) + _rng.choice(ends)
        if name not in taken:
            taken.add(name)
            names.append(name.capitalize())
    return names


_taken = set()
PEOPLE = _made_up(64, 2, ["ma", "ri", "to", "ve", "lu", "sa", "no", "be", "ka", "di"],
                  ["n", "l", "ra", "s", "mi", "do"], _taken)
CITIES = _made_up(24, 1, ["bor", "gal", "hest", "wen", "stur", "fal", "pel", "gro"],
                  ["ville", "ford", "mouth", "stad"], _taken)

JOBS = ("baker miller farmer doctor teacher painter sailor tailor potter hunter "
        "singer lawyer builder weaver smith clerk nurse guard cook judge").split()
ANIMALS = ("goat horse rabbit parrot turtle donkey pigeon lizard hamster sheep "
           "falcon camel otter badger goose raven spider mouse pony duck").split()
INSTRUMENTS = ("violin flute drum harp trumpet guitar piano cello horn lute "
               "banjo organ fiddle tuba bell pipe").split()
FOODS = ("bread cheese soup rice honey apples beans carrots fish noodles "
         "onions plums eggs pears nuts cake butter cabbage olives figs").split()
COLOURS = "red blue green yellow white black brown purple orange silver golden pink".split()

# Words of the retrieval and copying tasks; none of them is part of a fact.
KEYS = ("amber anchor arrow basket beacon bottle bridge button candle canyon castle chimney cloud "
        "comet copper coral cradle crystal desert dragon ember engine feather forest garden glacier "
        "hammer harbor island jacket kettle ladder lantern marble meadow mirror needle ocean").split()
VALUES = ("paper pebble pencil pillow planet pocket prairie puzzle quarry ribbon river rocket saddle "
          "shadow shelter signal spiral spring statue summer sunset temple thunder ticket timber "
          "tunnel valley vessel village walnut wagon water whistle willow window winter wooden "
          "zephyr").split()

# An attribute: its values, sentences that tell it (with "|", the part after it is the ending of a
# HellaSwag item), and questions that ask for it.
ATTRIBUTES = {
    "city": (CITIES, [
        "{n} lives in {v}.",
        "{n} has a small house in {v}.",
        "The home of {n} is in {v}.",
        "People in {v} know {n} well.",
        "{n} was born in {v} and never moved away.",
        "When {n} goes home, the road leads to {v}.",
        "After a long journey {n} is glad to see| the roofs of {v} again.",
        "A letter for {n} must be sent| to the post office of {v}.",
    ], ["Where does {n} live?", "In which town is the house of {n}?", "What is the home town of {n}?"],
        "{n} lives in {v}."),
    "job": (JOBS, [
        "{n} works as a {v}.",
        "{n} is a {v}.",
        "For many years {n} has been a {v}.",
        "If you need a {v}, ask {n}.",
        "{n} learned to be a {v} at a young age.",
        "Everyone says that {n} is a very good {v}.",
        "Every morning {n} gets up early and begins| the work of a {v}.",
        "When {n} was a child, the family already wanted {n} to become| a {v} one day.",
    ], ["What is the job of {n}?", "What does {n} work as?", "What is the trade of {n}?"],
        "{n} works as a {v}."),
    "animal": (ANIMALS, [
        "{n} keeps a {v}.",
        "{n} has a {v} at home.",
        "The pet of {n} is a {v}.",
        "There is a {v} in the yard of {n}.",
        "{n} found a {v} and took care of it.",
        "The children like to visit {n} because of the {v}.",
        "In the evening {n} opens the gate and feeds| the {v} with fresh hay.",
        "When it rains at night, {n} goes out to look after| the {v} in the barn.",
    ], ["Which animal does {n} keep?", "What is the pet of {n}?", "What animal lives with {n}?"],
        "{n} keeps a {v}."),
    "instrument": (INSTRUMENTS, [
        "{n} plays the {v}.",
        "{n} has played the {v} since childhood.",
        "The favourite instrument of {n} is the {v}.",
        "You can hear the {v} when {n} is at home.",
        "{n} bought an old {v} at the market.",
        "At every feast {n} is asked to play the {v}.",
        "When the guests sit down, {n} begins to play| a slow song on the {v}.",
        "On quiet Sundays {n} sits by the window and practises| the {v} for hours.",
    ], ["Which instrument does {n} play?", "What does {n} play at a feast?",
        "What is the instrument of {n}?"],
        "{n} plays the {v}."),
    "food": (FOODS, [
        "{n} likes to eat {v}.",
        "The favourite food of {n} is {v}.",
        "{n} always buys {v} at the market.",
        "There is always some {v} on the table of {n}.",
        "{n} could eat {v} every day.",
        "For dinner {n} wants {v} and nothing else.",
        "When {n} is hungry after work, nothing is better than| a plate of {v}.",
        "For the birthday of {n} the neighbours bring| a basket of {v} with a ribbon.",
    ], ["What does {n} like to eat?", "What is the favourite food of {n}?",
        "What does {n} buy at the market?"],
        "{n} likes to eat {v}."),
    "colour": (COLOURS, [
        "{n} wears a {v} coat.",
        "The favourite colour of {n} is {v}.",
        "The door of {n} is painted {v}.",
        "You can tell {n} from afar by the {v} hat.",
        "{n} likes {v} better than any other colour.",
        "All the cups of {n} are {v}.",
        "Last spring {n} painted the whole fence| in a bright {v}.",
        "For the winter {n} knits gloves and scarves| of {v} wool.",
    ], ["What is the favourite colour of {n}?", "Which colour is the door of {n}?",
        "Which colour does {n} like best?"],
        "{n} likes {v} best."),
}


def _hash(*parts):
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:8], "big")


FACTS = {}  # (person, attribute) -> value
for _attribute, (_values, *_) in ATTRIBUTES.items():
    for _person in PEOPLE:
        FACTS[_person, _attribute] = _rng.choice(_values)


def asked(person, attribute):
    """Whether the fact occurs in question form in training; a quarter never does."""
    return _hash("question", person, attribute) % 4 != 0


def told(person, attribute, template):
    """Whether this sentence occurs in training; one in twelve is held out."""
    return _hash("sentence", person, attribute, template) % 12 != 0


def summed(a, b):
    """Whether this sum occurs in training; one in ten is held out."""
    return _hash("sum", a, b) % 10 != 0
