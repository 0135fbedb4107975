"""Pure: a list page -> links to threads; a thread page -> one row. What is where stands in the declaration."""

import re
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin, urlsplit

from parsel import Selector

from crawlers.sources import HtmlBoard, SourceDeclaration
from crawlers.spiders.parse_text import row, texts
from pipelines.vault import Raw

_JOINED = {"title", "body", "address", "reply"}


class Link(NamedTuple):
    """A thread in a list."""

    native_id: str
    url: str


class ListPage(NamedTuple):
    """What a list page holds. `strange` counts items whose link leads to no thread (advertisements, notices)."""

    threads: list[Link]
    next_url: str | None
    strange: int


def list_page(text: str, url: str, board: HtmlBoard) -> ListPage:
    """The threads of a list page in its order, each once, and the address of the page after it."""
    page = Selector(text, type="html")
    threads: dict[str, Link] = {}
    strange = 0
    for item in page.css(board.item):
        link = _address(item, board.link, url)
        named = re.search(board.native_id, link) if link else None
        if link is None or named is None or not named[1]:
            strange += 1
        else:
            threads.setdefault(named[1], Link(named[1], link))
    return ListPage(list(threads.values()), _address(page, board.next_page, url) if board.next_page else None, strange)


def _address(inside: Selector, css: str, base: str) -> str | None:
    """The first web address at `css`: an attribute or text as it stands, an element's href."""
    found = inside.css(css)
    if not found:
        return None
    given = found[0].root if isinstance(found[0].root, str) else found[0].attrib.get("href", "")
    try:
        address = urldefrag(urljoin(base, given.strip())).url
        return address if given.strip() and urlsplit(address).scheme in ("http", "https") and urlsplit(address).hostname else None
    except ValueError:  # http://[broken
        return None


def thread_page(text: str, url: str, native_id: str, source: SourceDeclaration, original: bytes = b"") -> Raw | None:
    """The message of a thread page with its replies; None when the page says that the source has withdrawn it.

    Raises
    ------
    Unreadable
        when the page holds no message where the declaration says.
    """
    board = source.html_board
    if board is None:
        raise TypeError(f"{source.slug} is no html_board")
    page = Selector(text, type="html")
    if board.gone and page.css(board.gone):
        return None
    fields = {"url": url}
    for name, css in board.fields.items():
        found = texts(page.css(css))
        pattern = board.patterns.get(name)
        if pattern:
            found = [match[1].strip() for match in (re.search(pattern, one) for one in found) if match and match[1]]
        if found:
            fields[name] = "\n".join(found) if name in _JOINED else found[0]
    return row(source, native_id, fields, url, original)
