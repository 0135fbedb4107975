"""Makes practice messages: stock sentences of stock.toml strewn over messages of the written corpus, seeded.

The corpus is lively and short; real complaints are worn and long. Practice messages join two bodies and carry what most people
write, so that the model knows both.
"""

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

from models.corpus import Labelled, Span

_INNERMOST = re.compile(r"\(([^()]*)\)")
_SET = re.compile(r"\$(\w+?)(?=[^a-z]|$)")
_GAP = re.compile(r"[。！？；]\n?")
_HOW_MANY = (1, 1, 1, 2, 2, 3)


class StockError(ValueError):
    """A stock table that cannot be used: names the template."""


@cache
def _table() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    table = tomllib.loads(files("models").joinpath("stock.toml").read_text(encoding="utf-8"))
    sets = {name: [word.strip() for word in text.replace("\n", "").split("|")] for name, text in table["sets"].items()}
    templates = {code: text.split() for code, text in table["codes"].items()}
    for code, lines in templates.items():
        for line in lines:
            unknown = set(_SET.findall(line)) - sets.keys()
            if unknown or line.count("(") != line.count(")"):
                raise StockError(f"stock.toml: {code}: “{line}”: {unknown or 'brackets do not match'}")
    return sets, templates


def codes() -> list[str]:
    """The names of the table's parts: the conduct codes and `none`."""
    return list(_table()[1])


def expand(template: str, rng: random.Random) -> str:
    """One wording of a template: a choice at each `(a|b|)`, a word of the set at each `$set`."""
    while found := _INNERMOST.search(template):
        template = template[: found.start()] + rng.choice(found[1].split("|")) + template[found.end() :]
    sets = _table()[0]
    return _SET.sub(lambda name: rng.choice(sets[name[1]]), template)


def practice(messages: Sequence[Labelled], count: int, seed: int) -> list[Labelled]:
    """`count` practice messages over `messages` (those that blame nobody), labelled where a stock sentence asserts a code."""
    rng = random.Random(seed)  # noqa: S311 - practice, not secrets
    private = _table()[0]["private"]
    clean = [m for m in messages if not m.labels]
    plain = [m for m in clean if not any(word in m.title + m.text for word in private)]
    if not plain:
        return []
    out = []
    for number in range(count):
        base = rng.choice(plain)
        wanted = [rng.choice(codes()[:-1]) for _ in range(rng.choice(_HOW_MANY))] if rng.random() < 0.6 else []
        others = rng.choice((0, 1, 2)) if wanted else rng.choice((1, 2, 3))
        more = rng.choice(plain if wanted else clean)
        text = base.text + ("\n" + more.text if more is not base and len(base.text) < 260 else "")
        out.append(
            _strewn(replace(base, id=f"practice-{number:05d}", text=text, labels=[], targets=[], pii=[]), wanted, others, rng)
        )
    return out


def _strewn(message: Labelled, wanted: Sequence[str], others: int, rng: random.Random) -> Labelled:
    sets_of = _table()[1]
    pieces = [(code, expand(rng.choice(sets_of[code]), rng)) for code in [*wanted, *["none"] * others]]
    rng.shuffle(pieces)
    gaps = sorted(rng.choices([0, *(found.end() for found in _GAP.finditer(message.text)), len(message.text)], k=len(pieces)))
    out: list[str] = []
    length = at = 0
    for gap, (code, words) in zip(gaps, pieces, strict=True):
        out.append(message.text[at:gap])
        length += gap - at
        at = gap
        if code != "none":
            message.labels.append(Span(code, "text", length, length + len(words)))
        out.append(words + rng.choice("。，。！"))
        length += len(words) + 1
    message.text = "".join(out) + message.text[at:]
    return message
