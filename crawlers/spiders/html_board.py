"""Fetches a board of web pages: lists, threads, and young threads again. Reads, writes: see visit.py."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from scrapy import Request, Spider
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from twisted.python.failure import Failure

from crawlers.spiders.fetching import content_type, parsing, status_of, why
from crawlers.spiders.manners import host_of, hosts_of
from crawlers.spiders.parse_html import Link, ListPage, list_page, thread_page
from crawlers.spiders.parse_text import decode
from crawlers.spiders.visit import Visit
from pipelines.vault import Raw

_LIST, _NEW, _AGAIN = 20, 10, 0  # priorities: the lists first, since they shift while one reads


@dataclass
class _Paging:
    """How far the reading of one list has come."""

    pages: int = 0
    quiet: int = 0
    seen: set[str] = field(default_factory=set)


class HtmlBoardSpider(Spider):
    """List pages -> thread -> replies."""

    name = "html_board"

    def __init__(self, visit: Visit, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert visit.source.html_board is not None  # noqa: S101  the runner chose this spider by kind
        self.visit, self.board, self.hosts = visit, visit.source.html_board, hosts_of(visit.source)
        self._asked: set[str] = set()

    async def start(self) -> AsyncIterator[Request]:
        """The lists; then what is young or failed before."""
        for url in dict.fromkeys(self.board.list_urls):
            yield self._list(url, _Paging())
        for url in self.visit.to_try_again():
            named = re.search(self.board.native_id, url)
            if named and named[1] and not self.visit.is_stored(named[1]):
                for request in self._thread(Link(named[1], url), _AGAIN):
                    yield request
        for native_id, url in self.visit.to_revisit():
            for request in self._thread(Link(native_id, url), _AGAIN):
                yield request

    def _list(self, url: str, paging: _Paging) -> Request:
        return Request(url, self.read_list, priority=_LIST, errback=self.list_failed, cb_kwargs={"paging": paging})

    def _thread(self, link: Link, priority: int) -> Iterator[Request]:
        if link.native_id not in self._asked:
            self._asked.add(link.native_id)
            # by number, not by address: two addresses of one thread are one, and two threads may redirect to one address
            yield Request(link.url, self.read_thread, priority=priority, errback=self.thread_failed, dont_filter=True,
                          cb_kwargs={"link": link})  # fmt: skip

    def read_list(self, response: Response, paging: _Paging) -> Iterator[Request]:
        """Asks for what is new on a list page, and for the next page until whole pages hold nothing new."""
        page: ListPage | None = None
        with parsing(self.visit, response.url, response.body, fatal=True):
            page = list_page(decode(response.body, content_type(response), self.board.encoding), response.url, self.board)
        if page is None:
            return
        paging.pages += 1
        if not page.threads and paging.pages == 1:
            mend = "the list shows no threads; check html_board.item, link and native_id against the page"
            self.visit.quarantine(response.url, "no_threads", mend, response.body)
            self.visit.fault("no_threads", f"{response.url}: {mend}")
            return
        self.visit.ignore(page.strange)
        fresh = [link for link in page.threads if link.native_id not in paging.seen and self.visit.is_new(link.native_id)]
        paging.seen.update(link.native_id for link in page.threads)
        paging.quiet = 0 if fresh else paging.quiet + 1
        for link in fresh:
            if host_of(link.url) not in self.hosts:
                self.visit.ignore()
            elif not self.visit.is_in_hand(link.native_id):
                yield from self._thread(link, _NEW)
        if page.next_url and paging.quiet < self.visit.source.crawl.quiet_pages:
            if paging.pages < self.visit.source.crawl.pages_at_most:
                yield self._list(page.next_url, paging)
            else:
                self.visit.reached_the_bound(response.url)

    def read_thread(self, response: Response, link: Link) -> None:
        """Takes a thread in, or notes that it is gone."""
        found: list[Raw | None] = []
        with parsing(self.visit, link.url, response.body):
            text = decode(response.body, content_type(response), self.board.encoding)
            found = [thread_page(text, link.url, link.native_id, self.visit.source, response.body)]
        if found == [None]:
            self._gone(link)
        self.visit.take(raw for raw in found if raw)

    def list_failed(self, failure: Failure) -> None:
        """A list page that cannot be had leaves the crawl incomplete; a missing one after the first is the list's end."""
        request: Request = failure.request  # type: ignore[attr-defined]
        if status_of(failure.value) in (404, 410) and request.cb_kwargs["paging"].pages:
            return
        reason, mend = why(failure.value)
        self.visit.fault(reason, f"{request.url}: {mend}")
        if reason == "asked_to_wait":
            raise CloseSpider(reason)

    def thread_failed(self, failure: Failure) -> None:
        """A thread that is not found is gone; any other that cannot be had is quarantined, and asked for again next time."""
        link: Link = failure.request.cb_kwargs["link"]  # type: ignore[attr-defined]
        if status_of(failure.value) in (404, 410):
            self._gone(link)
            return
        reason, mend = why(failure.value)
        if reason in ("robots", "other_host"):
            self.visit.ignore()
        elif reason == "asked_to_wait":
            self.visit.fault(reason, f"{link.url}: {mend}")
            raise CloseSpider(reason)
        else:
            self.visit.quarantine(link.url, reason, mend, b"")

    def _gone(self, link: Link) -> None:
        if self.visit.is_stored(link.native_id):
            self.visit.gone(link.native_id)
        else:
            self.visit.ignore()  # withdrawn before anything of it landed
