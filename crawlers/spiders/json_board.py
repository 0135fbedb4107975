"""Fetches a JSON board page by page, each asked for by the last item of the one before. Reads, writes: see visit.py."""

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from scrapy import Request, Spider
from scrapy.http import Response
from twisted.python.failure import Failure

from crawlers.spiders.fetching import parsing, why
from crawlers.spiders.parse_json import JsonPage, json_page
from crawlers.spiders.visit import Visit
from pipelines.moments import parse_moment


class JsonBoardSpider(Spider):
    """A JSON list, newest first. Items carry their replies, so that young ones are met again by paging down to them."""

    name = "json_board"

    def __init__(self, visit: Visit, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert visit.source.json_board is not None  # noqa: S101  the runner chose this spider by kind
        self.visit, self.board = visit, visit.source.json_board
        self._pages = self._quiet = 0
        self._all_read = True
        self._seen: set[str] = set()

    async def start(self) -> AsyncIterator[Request]:
        """The newest page."""
        yield self._ask(None)

    def _ask(self, cursor: str | None) -> Request:
        params = dict(self.board.params)
        if self.board.page_size_param:
            params[self.board.page_size_param] = str(self.board.page_size)
        if cursor is not None:
            params[self.board.cursor_param] = cursor
        form, url, headers = urlencode(params), self.board.url, dict(self.board.headers)
        if self.board.method == "GET":
            url = f"{url}{'&' if urlsplit(url).query else '?'}{form}" if form else url
            return Request(url, self.read, headers=headers, errback=self.failed, dont_filter=True)
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return Request(url, self.read, method="POST", body=form, headers=headers, errback=self.failed, dont_filter=True)

    def read(self, response: Response) -> Iterator[Request]:
        """Takes a page in, and asks for the next until whole pages hold nothing that is new or young."""
        page: JsonPage | None = None
        with parsing(self.visit, response.url, response.body, fatal=True):
            page = json_page(response.body, response.url, self.visit.source)
        if page is None:
            return
        self._pages += 1
        for fault in page.broken:
            self._all_read = False
            self.visit.quarantine(response.url, fault.reason, fault.mend, fault.payload)
        days = [moment.date() for raw in page.rows if (moment := parse_moment(raw.fields["posted_at"]))]
        unseen = [raw for raw in page.rows if raw.native_id not in self._seen]
        self._seen.update(raw.native_id for raw in page.rows)
        living = any(self.visit.is_new(raw.native_id) for raw in unseen) or (unseen and max(days) >= self.visit.horizon)
        self._quiet = 0 if living else self._quiet + 1
        self.visit.take(page.rows)
        crawl = self.visit.source.crawl
        if page.cursor is None:
            self._end(None)
        elif self._quiet >= crawl.quiet_pages:
            self._end(max(days, default=None) if unseen else self.visit.today)
        elif self._pages >= crawl.pages_at_most:
            self.visit.reached_the_bound(response.url)
        else:
            yield self._ask(page.cursor)

    def _end(self, until: dt.date | None) -> None:
        # an item that is there but cannot be read must not count as withdrawn
        if self._all_read:
            self.visit.gone_if_absent(until)

    def failed(self, failure: Failure) -> None:
        """A page that cannot be had leaves the crawl incomplete."""
        reason, mend = why(failure.value)
        self.visit.fault(reason, f"{self.board.url}: {mend}")
