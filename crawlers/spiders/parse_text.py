"""Pure: bytes of a page -> text, text -> the fields of a row. No network, no clock."""

import re
from typing import Any, NamedTuple

from parsel import Selector, SelectorList
from w3lib.encoding import html_body_declared_encoding, http_content_type_encoding, read_bom, resolve_encoding

from crawlers.sources import SourceDeclaration
from pipelines.moments import parse_moment
from pipelines.vault import Raw

LONGEST = 100_000
"""Characters of one field; more is no message but a dump or an attack."""

ORIGINAL_AT_MOST = 256 * 1024
"""Bytes of a page that are kept beside its fields."""

_HIDDEN = {"script", "style", "noscript", "template", "head", "iframe", "object"}
_BLOCKS = {"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "table", "ul", "ol", "section", "article", "dd", "dt"}
_THREE_BYTES = re.compile(rb"[\xe0-\xef][\x80-\xbf]{2}")
_XML_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)


class Unreadable(ValueError):
    """A page or an item that gives no row. Carries a reason and a mend, never a text."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(reason)
        self.reason, self.mend = reason, mend


class Broken(NamedTuple):
    """An item of a page that could not be read, for the quarantine."""

    reason: str
    mend: str
    payload: bytes


def decode(body: bytes, content_type: str = "", encoding: str | None = None) -> str:
    """The text of a page: by `encoding` if declared, BOM, then the header, the page's own word, UTF-8, GB18030.

    A page whose word is wrong (UTF-8 labelled gb2312, GB18030 labelled utf-8) is read by what its bytes are.
    """
    if encoding:
        return body.decode(encoding, errors="replace")
    marked, mark = read_bom(body)
    if marked and mark:
        return body[len(mark) :].decode(marked, errors="replace")
    said = http_content_type_encoding(content_type) or html_body_declared_encoding(body[:4096]) or _xml_encoding(body)
    orders = [said, "utf-8", "gb18030"]
    if said == "gb18030" and _THREE_BYTES.search(body):
        orders = ["utf-8", "gb18030"]  # Chinese in GB18030 is never whole valid UTF-8
    for order in filter(None, orders):
        try:
            return body.decode(order)
        except UnicodeDecodeError:
            continue
    return body.decode(said or "gb18030", errors="replace")


def _xml_encoding(body: bytes) -> str | None:
    found = _XML_ENCODING.match(body.lstrip()[:300])
    return resolve_encoding(found[1].decode("ascii", errors="replace")) if found else None


def texts(found: SelectorList[Selector]) -> list[str]:
    """The text of each match, blank ones left out: of an element all that is written in it, with its lines."""
    return [text for text in (_tidy(one.root) for one in found) if text]


def _tidy(root: Any) -> str:
    lines = (" ".join(line.split()) for line in _written(root).split("\n"))
    return "\n".join(line for line in lines if line)


def _written(root: Any) -> str:
    """Text in document order without scripts, blocks on lines of their own. No recursion, since hostile pages nest deep."""
    parts: list[str] = []
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            parts.append(node)
        elif isinstance(node.tag, str) and node.tag not in _HIDDEN:
            edge = "\n" if node.tag in _BLOCKS else ""
            inside = [edge, _one_line(node.text)]
            for child in node:
                inside += [child, _one_line(child.tail)]
            waiting.extend(reversed([*inside, edge]))
    return "".join(parts)


def _one_line(text: str | None) -> str:
    return " ".join(text.split("\n")) if text else ""


def row(source: SourceDeclaration, native_id: str, fields: dict[str, str], place: str, original: bytes) -> Raw:
    """The row of a message.

    Raises
    ------
    Unreadable
        when nothing is written in it, it has no date, or a field is beyond all bounds.
    """
    kept = {name: value.replace("\x00", "") for name, value in fields.items() if value.strip()} | {"native_id": native_id}
    if not kept.get("title") and not kept.get("body"):
        raise Unreadable("no_text", "neither title nor body was found; check their fields in the declaration against the page")
    if parse_moment(kept.get("posted_at", "")) is None:
        raise Unreadable("bad_date", "posted_at was not found or is no date; check its field in the declaration")
    if max(map(len, kept.values())) > LONGEST:
        raise Unreadable("too_long", f"a field has more than {LONGEST} characters; look at the page by hand")
    withdrawn = kept.get("withdrawn", "").strip() in source.values.withdrawn
    return Raw(source.slug, native_id, kept, place, withdrawn, original if len(original) < ORIGINAL_AT_MOST else b"")
