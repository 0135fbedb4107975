"""Pure: RSS 0.9-2.0, RDF or Atom -> rows. The elements are known, so there is no field map."""

from typing import Any, NamedTuple
from urllib.parse import urljoin

from parsel import Selector

from crawlers.sources import SourceDeclaration
from crawlers.spiders.parse_text import Broken, Unreadable, decode, row, texts
from pipelines.vault import Raw

_ELEMENTS = {
    "guid": "native_id", "id": "native_id", "title": "title", "link": "url",
    "pubDate": "posted_at", "published": "posted_at", "date": "posted_at", "updated": "changed",
    "author": "author", "creator": "author", "category": "topic",
    "encoded": "whole", "content": "whole", "description": "summary", "summary": "summary",
}  # fmt: skip
_NOT_THE_ENTRY = ("search.yahoo.com/mrss", "itunes.com", "wellformedweb.org")


class FeedPage(NamedTuple):
    """What a feed holds. `next_url` is its next page where it has one (RFC 5005)."""

    rows: list[Raw]
    broken: list[Broken]
    next_url: str | None


def feed_page(body: bytes, url: str, source: SourceDeclaration, content_type: str = "") -> FeedPage:
    """The entries of a feed in its order.

    Raises
    ------
    Unreadable
        when it is no feed, or defines entities (which feeds do not need and attacks use).
    """
    if b"<!ENTITY" in body:
        raise Unreadable("entities", "the feed defines XML entities, which are not read; ask the publisher")
    text = decode(body, content_type).lstrip()
    page = Selector(text, type="xml", huge_tree=False) if text.startswith("<") else None
    found = page.xpath("//*[local-name()='item' or local-name()='entry']") if page is not None else []
    if page is None or (not found and not page.xpath("/*[local-name()='rss' or local-name()='RDF' or local-name()='feed']")):
        raise Unreadable("no_feed", "there is no RSS or Atom at this address; check feed.urls")
    rows, broken = [], []
    for entry in found:
        original = str(entry.get()).encode("utf-8", errors="replace")
        try:
            rows.append(_row(entry, url, source, original))
        except Unreadable as fault:
            broken.append(Broken(fault.reason, fault.mend, original))
    following = page.xpath("/*/*[local-name()='link'][@rel='next']/@href | /*/*/*[local-name()='link'][@rel='next']/@href").get()
    return FeedPage(rows, broken, urljoin(url, following) if following else None)


def _row(entry: Selector, url: str, source: SourceDeclaration, original: bytes) -> Raw:
    said: dict[str, str] = {}
    for child in entry.xpath("./*"):
        space, _, name = _tag(child.root).rpartition("}")
        field = _ELEMENTS.get(name)
        if field and not any(other in space for other in _NOT_THE_ENTRY):
            said[field] = said.get(field) or _value(child, name)
    native_id = said.pop("native_id", "") or said.get("url", "")
    if not native_id:
        raise Unreadable("no_id", "the entry has neither guid, id nor link, so it cannot be known again")
    body, changed = said.pop("whole", "") or said.pop("summary", ""), said.pop("changed", "")
    said.pop("summary", None)
    fields = said | {"body": _unmarked(body), "posted_at": said.get("posted_at") or changed}
    fields["url"] = urljoin(url, said.get("url", "")) if said.get("url") else ""
    return row(source, native_id, fields, url, original)


def _tag(element: Any) -> str:
    return element.tag if isinstance(element.tag, str) else ""


def _value(child: Selector, name: str) -> str:
    if name == "link" and child.attrib.get("href"):
        return "" if child.attrib.get("rel", "alternate") != "alternate" else child.attrib["href"].strip()
    if name == "category" and child.attrib.get("term"):
        return child.attrib["term"].strip()
    if name == "author" and (named := child.xpath("string(./*[local-name()='name'])").get("").strip()):
        return named
    return str(child.xpath("string(.)").get("")).strip()


def _unmarked(body: str) -> str:
    """The written text of a description, which is HTML as often as not."""
    return "\n".join(texts(Selector(body, type="html").xpath("/html/body"))) if "<" in body else body
