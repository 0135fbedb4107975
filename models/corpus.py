"""Reads the written corpus (models/corpus/*.txt), the teacher of the cold model, and gives it as labelled messages.

The form is made for writing by hand::

    == 城乡建设 · board
    路灯坏了半年没人修
    我住云河区清泉街道。{inaction|给{unit|云河区城管局}打了四次电话，一直没人来修}。我叫{PERSON.self|林晓棠}。

A record is a line `== topic · voice`, a title line and a body (blank lines inside the body are kept). A span is
`{tag|words}`; spans nest. Tags: a conduct code or several joined by `+`; `unit` (a public unit that is blamed); or
`TYPE.role` for what identifies a person (PERSON PHONE IDNUM ADDRESS PLATE ACCOUNT; self third official).
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.taxonomy import CODES, TOPICS

CORPUS_DIR = Path(__file__).parent / "corpus"
PII_TYPES = frozenset({"PERSON", "PHONE", "IDNUM", "ADDRESS", "PLATE", "ACCOUNT"})
PII_ROLES = frozenset({"self", "third", "official"})
_HEAD = re.compile(r"== (?P<topic>\S+) · (?P<voice>\S+)")
_TAG = re.compile(r"\{([A-Za-z_+.]+)\|")


class CorpusError(ValueError):
    """A record that cannot be read: names the file, the line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Span:
    """`tag` over characters `start:end` of `where` ("title" or "text")."""

    tag: str
    where: str
    start: int
    end: int


@dataclass(slots=True)
class Labelled:
    """One labelled message; span offsets count characters of the title or text they are in."""

    id: str
    title: str
    text: str
    topic: str
    voice: str
    labels: list[Span] = field(default_factory=list)
    targets: list[Span] = field(default_factory=list)
    pii: list[Span] = field(default_factory=list)
    judged: frozenset[str] | None = None  # the codes that somebody judged; None: all of them

    def quote(self, span: Span) -> str:
        """The words that a span covers."""
        return (self.title if span.where == "title" else self.text)[span.start : span.end]

    def gold(self) -> dict[str, object]:
        """The message in the form of a gold file: id, title, text, labels, targets, topic, pii."""
        return {
            "id": self.id, "title": self.title, "text": self.text, "topic": self.topic,
            "labels": [{"code": s.tag, "quote": self.quote(s)} for s in self.labels],
            "targets": list(dict.fromkeys(self.quote(s) for s in self.targets)),
            "pii": [dict(zip(("type", "role"), s.tag.split("."), strict=True), text=self.quote(s)) for s in self.pii],
        }  # fmt: skip


def unmark(marked: str, where: str, place: str) -> tuple[str, list[Span]]:
    """Takes the markup out of `marked`; gives the plain words and the spans over them. Raises CorpusError at `place`."""
    plain: list[str] = []
    spans: list[Span] = []
    opened: list[tuple[str, int]] = []
    at = length = 0
    while at < len(marked):
        if match := _TAG.match(marked, at):
            opened.append((match[1], length))
            at = match.end()
        elif marked[at] == "}" and opened:
            tags, start = opened.pop()
            spans += [Span(_checked(tag, place), where, start, length) for tag in tags.split("+")]
            at += 1
        elif marked[at] in "{}":
            raise CorpusError(f"{place}: a lone '{marked[at]}' before “{marked[at : at + 12]}”")
        else:
            plain.append(marked[at])
            length += 1
            at += 1
    if opened:
        raise CorpusError(f"{place}: span '{opened[-1][0]}' is never closed")
    return "".join(plain), spans


def _checked(tag: str, place: str) -> str:
    type_, _, role = tag.partition(".")
    if tag in CODES or tag == "unit" or (type_ in PII_TYPES and role in PII_ROLES):
        return tag
    raise CorpusError(f"{place}: unknown tag '{tag}'")


def read_file(path: Path) -> Iterator[Labelled]:
    """The records of one corpus file, in order; ids are `stem-number`. Raises CorpusError."""
    record: list[str] = []
    head_at = 0
    number = 0
    for line_number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), "== end"], start=1):
        if not line.startswith("=="):
            record.append(line)
            continue
        if head_at:
            number += 1
            yield _message(f"{path.stem}-{number:04d}", record, f"{path.name}:{head_at}")
        record, head_at = [line], line_number


def _message(id_: str, record: list[str], place: str) -> Labelled:
    head = _HEAD.fullmatch(record[0].rstrip())
    if head is None or head["topic"] not in TOPICS:
        raise CorpusError(f"{place}: the head must be '== topic · voice' with a topic of the taxonomy, not “{record[0]}”")
    if len(record) < 3 or not record[1].strip():
        raise CorpusError(f"{place}: a record needs a title line and a body")
    title, title_spans = unmark(record[1].strip(), "title", place)
    text, text_spans = unmark("\n".join(record[2:]).strip(), "text", place)
    if not text:
        raise CorpusError(f"{place}: the body is empty")
    message = Labelled(id_, title, text, head["topic"], head["voice"])
    for span in sorted([*title_spans, *text_spans], key=lambda s: (s.where != "title", s.start, s.end)):
        (message.labels if span.tag in CODES else message.targets if span.tag == "unit" else message.pii).append(span)
    return message


def read_corpus(directory: Path = CORPUS_DIR) -> list[Labelled]:
    """Every record of every `*.txt` under `directory`, by file name."""
    return [message for path in sorted(directory.glob("*.txt")) for message in read_file(path)]


def read_gold(path: Path) -> list[Labelled]:
    """Messages of a gold file (a line: id, title, text, labels[{code, quote}], topic). Raises CorpusError with its place."""
    out = []
    for place, row in json_lines(path):
        try:
            out.append(from_gold(row))
        except (ValueError, KeyError, TypeError) as error:
            why = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            raise CorpusError(f"{place}: {why}; a line needs id, title, text, labels[{{code, quote}}], topic") from None
    return out


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a JSON Lines file with their places, `name:line`. Raises CorpusError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path.name}: not UTF-8 (byte {error.start}); save it as UTF-8 JSON Lines") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise CorpusError(f"{path.name}:{number}: not JSON ({error}); write one object a line") from None
        if not isinstance(row, dict):
            raise CorpusError(f"{path.name}:{number}: not a JSON object; write one object a line")
        yield f"{path.name}:{number}", row


def from_gold(row: Mapping[str, Any]) -> Labelled:
    """One gold row as a labelled message. Raises ValueError where a quote is not in the text: no label without evidence."""
    topic = row.get("topic") or ""
    if topic and topic not in TOPICS:
        raise ValueError(f"unknown topic “{topic}”")
    message = Labelled(str(row["id"]), str(row["title"] or ""), str(row["text"] or ""), topic, "gold")
    for label in row["labels"]:
        if label["code"] not in CODES:
            raise ValueError(f"unknown code “{label['code']}”")
        message.labels.append(_found(label["code"], label["quote"], message))
    message.targets = [_found("unit", words, message) for words in row.get("targets", [])]
    return message


def _found(tag: str, words: str, message: Labelled) -> Span:
    for where, whole in (("text", message.text), ("title", message.title)):
        if words and (start := whole.find(words)) >= 0:
            return Span(tag, where, start, start + len(words))
    raise ValueError(f"the words of a {tag} are not in the title or text")


def digest(messages: Sequence[Labelled]) -> str:
    """SHA-256 over everything that a model learns from `messages`."""
    running = hashlib.sha256()
    for m in messages:
        spans = [(s.tag, s.where, s.start, s.end) for s in m.labels]
        row = [m.id, m.title, m.text, m.topic, spans, sorted(m.judged) if m.judged is not None else None]
        running.update(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
    return running.hexdigest()
