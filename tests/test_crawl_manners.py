"""How the crawlers behave: hosts, Retry-After in either form, what is switched off."""

import datetime as dt
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from scrapy import Request

from crawlers.spiders.manners import HostRefused, OwnHosts, _seconds, host_of, hosts_of, settings
from tests.crawl_site import Site, html_source


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://A.example.cn/x", "a.example.cn"),
        ("https://a.example.cn:443/", "a.example.cn"),
        ("http://a.example.cn:80/", "a.example.cn"),
        ("http://a.example.cn:8080/", "a.example.cn:8080"),
        ("http://a.example.cn@evil.cn/", "evil.cn"),
    ],
)
def test_host_of(url: str, host: str) -> None:
    assert host_of(url) == host


def test_only_the_sources_own_hosts_are_asked() -> None:
    source = html_source(Site(base="http://board.example.cn"), hosts=["img.example.cn"])
    assert hosts_of(source) == {"board.example.cn", "img.example.cn"}
    own = OwnHosts.from_crawler(SimpleNamespace(spider=SimpleNamespace(visit=SimpleNamespace(source=source))))  # type: ignore[arg-type]
    for allowed in ("http://board.example.cn/1", "https://img.example.cn/1"):
        own.process_request(Request(allowed))
    for refused in ("http://example.cn/", "http://board.example.cn:22/", "http://127.0.0.1/", "file:///etc/passwd", "data:,x"):
        with pytest.raises(HostRefused):
            # a retried request is not to be filtered for repeats, but its host still counts
            own.process_request(Request(refused, dont_filter=True))


def test_retry_after_in_seconds_and_as_a_date() -> None:
    assert _seconds("120") == 120.0
    soon = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90), usegmt=True)
    assert 85 < (_seconds(soon) or 0) <= 90
    assert _seconds("Mon, 26 Aug 2019 01:30:00 GMT") == 0.0
    assert _seconds("soon") is None


def test_a_crawler_names_itself_and_opens_no_door() -> None:
    made = settings(html_source(Site(base="http://board.example.cn"), delay=3.0))
    assert made["USER_AGENT"].startswith("Weathervane/") and "test@example.cn" in made["USER_AGENT"]
    assert made["ROBOTSTXT_OBEY"] and made["AUTOTHROTTLE_ENABLED"] and made["DOWNLOAD_DELAY"] == 3.0
    assert made["DOWNLOAD_VERIFY_CERTIFICATES"] is True
    off = ("REMOTE_CONTROL_ENABLED", "TELNETCONSOLE_ENABLED", "HTTPCACHE_ENABLED", "JOBDIR", "FEEDS", "STATS_DUMP")
    assert not any(made[name] for name in off)
