"""Fetches RSS and Atom feeds, and their further pages where they have any. Reads, writes: see visit.py."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import Request, Spider
from scrapy.http import Response
from twisted.python.failure import Failure

from crawlers.spiders.fetching import content_type, parsing, why
from crawlers.spiders.parse_feed import FeedPage, feed_page
from crawlers.spiders.visit import Visit


class FeedSpider(Spider):
    """RSS or Atom. An entry that leaves the feed is only old, so nothing is ever withdrawn by its absence."""

    name = "feed"

    def __init__(self, visit: Visit, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        assert visit.source.feed is not None  # noqa: S101  the runner chose this spider by kind
        self.visit, self.urls = visit, visit.source.feed.urls

    async def start(self) -> AsyncIterator[Request]:
        """The feeds."""
        for url in dict.fromkeys(self.urls):
            yield self._ask(url, 1)

    def _ask(self, url: str, page: int) -> Request:
        return Request(url, self.read, errback=self.failed, cb_kwargs={"page": page})

    def read(self, response: Response, page: int) -> Iterator[Request]:
        """Takes a feed in; goes on to its next page while something is new."""
        found: FeedPage | None = None
        with parsing(self.visit, response.url, response.body, fatal=True):
            found = feed_page(response.body, response.url, self.visit.source, content_type(response))
        if found is None:
            return
        for fault in found.broken:
            self.visit.quarantine(response.url, fault.reason, fault.mend, fault.payload)
        fresh = any(self.visit.is_new(raw.native_id) for raw in found.rows)
        self.visit.take(found.rows)
        if found.next_url and fresh and page < self.visit.source.crawl.pages_at_most:
            yield self._ask(found.next_url, page + 1)

    def failed(self, failure: Failure) -> None:
        """A feed that cannot be had leaves the crawl incomplete."""
        reason, mend = why(failure.value)
        self.visit.fault(reason, f"{failure.request.url}: {mend}")  # type: ignore[attr-defined]
