"""How a crawler behaves: Scrapy's settings for one source, and the middlewares for robots.txt, hosts and Retry-After."""

import asyncio
import datetime as dt
import time
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import ProtegoRobotParser

from crawlers.sources import SourceDeclaration

PRODUCT = "Weathervane"
PAGE_AT_MOST = 4 * 1024 * 1024
"""Bytes of one page."""

WAIT_AT_MOST = 600.0
"""Seconds of Retry-After that are waited out; a site that asks for more is left until the next crawl."""

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class HostRefused(IgnoreRequest):
    """An address outside the source's hosts."""


class AskedToWait(IgnoreRequest):
    """The site asks for more patience than one crawl has."""


def settings(source: SourceDeclaration) -> dict[str, Any]:
    """Scrapy's settings for one source: what differs from its defaults, and why."""
    crawl = source.crawl
    return {
        "USER_AGENT": f"{PRODUCT}/{_version()} (+{crawl.contact})",
        "ROBOTSTXT_USER_AGENT": PRODUCT,
        "ROBOTSTXT_OBEY": True,
        "DEFAULT_REQUEST_HEADERS": {"Accept": "*/*", "Accept-Language": "zh-CN,zh;q=0.9"},
        # one request at a time, so that the delay and Retry-After hold for the whole site
        "CONCURRENT_REQUESTS": 1,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "CONCURRENT_ITEMS": 1,  # Scrapy starts as many tasks for every page, and our spiders yield no items
        "DOWNLOAD_DELAY": crawl.delay,
        "DOWNLOAD_DELAY_JITTER": 0,  # jitter would go below the declared delay
        "AUTOTHROTTLE_ENABLED": crawl.delay > 0,  # none is declared for a site on one's own machine only
        "AUTOTHROTTLE_START_DELAY": crawl.delay,
        "DOWNLOAD_TIMEOUT": 30,
        "DOWNLOAD_MAXSIZE": PAGE_AT_MOST,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,  # Scrapy's default is not to
        "RETRY_TIMES": 3,
        "REDIRECT_MAX_TIMES": 5,
        "METAREFRESH_ENABLED": False,
        "CLOSESPIDER_ERRORCOUNT": 1,  # an error of ours, not of a page: the crawl stops and is not complete
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,  # knows no ports, and lets retried requests pass
            "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
            "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
            OwnHosts: 50,
            Robots: 100,
            Patience: 550,
        },
        # nothing unredacted rests outside the vault, and nobody reaches into a running crawler
        "HTTPCACHE_ENABLED": False,
        "JOBDIR": None,
        "FEEDS": {},
        "REMOTE_CONTROL_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "EXTENSIONS": {  # not even loaded, which spares a third of the start
            "scrapy.extensions.remote_control.RemoteControl": None,
            "scrapy.extensions.telnet.TelnetConsole": None,
            "scrapy.extensions.feedexport.FeedExporter": None,
            "scrapy.extensions.memdebug.MemoryDebugger": None,
            "scrapy.extensions.spiderstate.SpiderState": None,
        },
        "LOG_INSTALL_ROOT_HANDLER": False,
        "STATS_DUMP": False,
    }


def _version() -> str:
    try:
        return version("weathervane")
    except PackageNotFoundError:
        return "0"


def host_of(url: str) -> str:
    """`host` or `host:port` of an address; the usual ports of http and https are left out."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = (parts.hostname or "").lower()
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"


def hosts_of(source: SourceDeclaration) -> frozenset[str]:
    """The hosts that a source's declaration names."""
    if source.html_board:
        urls = source.html_board.list_urls
    elif source.json_board:
        urls = (source.json_board.url,)
    else:
        urls = source.feed.urls if source.feed else ()
    return frozenset({host_of(url) for url in urls} | {host.lower() for host in source.crawl.hosts})


class OwnHosts:
    """Lets requests through to the source's own hosts only, redirected ones included."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self.hosts = hosts

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "OwnHosts":
        """Scrapy's way of making one."""
        return cls(hosts_of(crawler.spider.visit.source))  # type: ignore[union-attr]

    def process_request(self, request: Request) -> None:
        """Raises HostRefused for any other host."""
        parts = urlsplit(request.url)
        if parts.scheme not in ("http", "https") or host_of(request.url) not in self.hosts:
            raise HostRefused("not a host of this source")
        if parts.hostname in _LOOPBACK:
            request.meta["proxy"] = None  # a proxy for the outside world cannot know a site on this machine


class Robots(RobotsTxtMiddleware):
    """Scrapy's robots.txt, but a file that cannot be fetched forbids everything (RFC 9309, 2.3.1.4) instead of nothing."""

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        if response.status >= 500 or response.status == 429:
            raise OSError(f"robots.txt: HTTP {response.status}")
        if response.status >= 400:
            response = response.replace(body=b"")  # 404: there are no rules, whatever the error page says
        await super()._parse_robots(response, netloc, request)

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        waiting = self._parsers[netloc]
        nothing = ProtegoRobotParser(b"User-agent: *\nDisallow: /\n", self.crawler.spider)
        self._parsers[netloc] = nothing
        waiting.callback(nothing)  # type: ignore[union-attr]


class Patience(RetryMiddleware):
    """Scrapy's retries, but a site that answers 429 or 503 is left alone for as long as it asks (Scrapy ignores Retry-After)."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._until: dict[str, float] = {}

    async def process_request(self, request: Request) -> None:
        """Waits until the site wants to be asked again."""
        wait = self._until.get(host_of(request.url), 0.0) - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]
        """Notes how long the site wants to be left alone. Raises AskedToWait when that is too long for one crawl."""
        if response.status in (429, 503):
            said = response.headers.get(b"Retry-After")
            # without a word, longer each time
            wait = _seconds(said.decode("latin-1")) if said else None
            wait = 2.0 ** request.meta.get("retry_times", 0) if wait is None else wait
            if wait > WAIT_AT_MOST:
                raise AskedToWait(f"{wait:.0f}")
            self._until[host_of(request.url)] = time.monotonic() + wait
        return super().process_response(request, response)


def _seconds(said: str) -> float | None:
    """Retry-After, in seconds or as a date (RFC 9110, 10.2.3)."""
    if said.strip().isdigit():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said) - dt.datetime.now(dt.UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
