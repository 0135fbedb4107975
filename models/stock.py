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
_LEADS = (
    "",
    "",
    "",
    "",
    "但是",
    "但",
    "而且",
    "结果",
    "可是",
    "并且",
    "现在",
    "一直以来，",
    "然而",
    "更可气的是，",
    "另外，",
    "之前",
)
_NAMES = ("$unit", "$small")
_NEEDS_NO_NAME = (
    0.35  # of the sentences that name nobody, so many stand alone; the others are led in by a unit or a private party
)
_HOW_MANY = (1, 1, 1, 2, 2, 3)


class StockError(ValueError):
    """A stock table that cannot be used: names the template."""


@cache
def _table() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    table = tomllib.loads(files("models").joinpath("stock.toml").read_text(encoding="utf-8"))
    sets = {name: [word.strip() for word in text.replace("\n", "").split("|")] for name, text in table["sets"].items()}
    sets |= {name: text.split() for name, text in table["leads"].items()}
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
        pieces = [_piece(rng) for _ in range(rng.choice(_HOW_MANY))] if rng.random() < 0.7 else []
        pieces += [("none", "", rng.choice(_table()[1]["none"])) for _ in range(rng.choice((0, 1, 2) if pieces else (1, 2, 3)))]
        # where nobody is named, nobody private may stand near who could be meant
        ground = plain if any(code != "none" and not lead and not _names(template) for code, lead, template in pieces) else clean
        base, more = rng.choice(ground), rng.choice(ground)
        text = base.text + ("\n" + more.text if more is not base and len(base.text) < 260 else "")
        blank = replace(base, id=f"practice-{number:05d}", text=text, labels=[], targets=[], pii=[])
        out.append(_strewn(blank, pieces, rng))
    return out


def _names(template: str) -> bool:
    return any(name in template for name in _NAMES)


def _piece(rng: random.Random) -> tuple[str, str, str]:
    """A code, a clause that leads in, and a template. Led in by a private party the same words assert nothing: code `none`."""
    sets, templates = _table()
    code = rng.choice(codes()[:-1])
    template = rng.choice(templates[code])
    if _names(template):
        return code, "", template
    chance = rng.random()
    if chance < _NEEDS_NO_NAME:
        return code, "", template
    if chance < 0.5 + _NEEDS_NO_NAME / 2:
        return code, rng.choice(sets["led_public"]), template
    return "none", rng.choice(sets["led_private"]), template


def _strewn(message: Labelled, templates: Sequence[tuple[str, str, str]], rng: random.Random) -> Labelled:
    pieces = [(code, expand(lead, rng), expand(template, rng)) for code, lead, template in templates]
    rng.shuffle(pieces)
    gaps = sorted(rng.choices([0, *(found.end() for found in _GAP.finditer(message.text)), len(message.text)], k=len(pieces)))
    out: list[str] = []
    length = at = 0
    for gap, (code, lead, words) in zip(gaps, pieces, strict=True):
        lead = rng.choice(_LEADS) + lead
        out += (message.text[at:gap], lead, words, rng.choice("。，。！"))
        length += gap - at + len(lead)
        at = gap
        if code != "none":
            message.labels.append(Span(code, "text", length, length + len(words)))
        length += len(words) + 1
    message.text = "".join(out) + message.text[at:]
    return message
