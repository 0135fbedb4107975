"""A local board for tests of the crawlers: threads, lists, a JSON list and a feed, with faults that a test switches on."""

import datetime as dt
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from crawlers.crawl import CrawlError
from crawlers.sources import SourceDeclaration
from crawlers.spiders.run import Folders, run
from pipelines.vault import Received
from pipelines.warehouse import DataDir

TODAY = dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date()


@dataclass
class Thread:
    """One thread; its text names its number, so that a test can tell them apart."""

    number: int
    posted: dt.date
    body: str = ""
    reply: str = ""
    pinned: bool = False
    rating: str = ""

    def html(self, charset: str) -> bytes:
        reply = f'<div class="reply"><p>{self.reply}</p><span class="unit">街道办</span></div>' if self.reply else ""
        rating = f'<b class="rating">{self.rating}</b>' if self.rating else ""
        body = self.body or f"第{self.number}盏路灯坏了,没人管。"
        page = (
            f'<html><head><meta charset="{charset}"></head><body><h1>第{self.number}号:路灯不亮</h1>'
            f'<i class="who">市民{self.number}</i>'
            f'<span class="time">发表于 {self.posted} 09:30</span><div class="body">{body}</div>'
            f"{reply}{rating}</body></html>"
        )
        return page.encode("gb18030" if charset == "gb2312" else charset)


@dataclass
class Site:
    """What the site holds and how it behaves; `asked` is what was asked of it, as (method, address, User-Agent)."""

    threads: list[Thread] = field(default_factory=list)
    per_page: int = 5
    charset: str = "gb2312"
    robots: str = "User-agent: *\nDisallow: /secret/\n"
    robots_status: int = 200
    missing: set[int] = field(default_factory=set)
    special: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    fail_every: int = 0
    slow: float = 0.0
    endless: bool = False
    extra_items: str = ""
    json_items: list[dict[str, object]] = field(default_factory=list)
    feed: bytes = b""
    once: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    times: list[tuple[str, float]] = field(default_factory=list)
    base: str = ""

    def counts(self) -> Counter[str]:
        """How often each address was asked for."""
        return Counter(path for _, path, _ in self.asked)

    def answer(self, method: str, address: str, form: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        parts = urlsplit(address)
        path = parts.path
        if path == "/robots.txt":
            return self.robots_status, {}, self.robots.encode()
        if path in self.once:
            status, headers = self.once.pop(path)
            return status, headers, b""
        if path in self.special:
            return self.special[path]
        if self.fail_every and len(self.asked) % self.fail_every == 0:
            return 500, {}, b"broken"
        if path == "/list":
            return 200, {"Content-Type": "text/html"}, self._list(int(parse_qs(parts.query).get("page", ["1"])[0]))
        if path.startswith("/thread/"):
            number = int(path.split("/")[2].split(".")[0])
            found = [thread for thread in self.threads if thread.number == number]
            if not found or number in self.missing:
                return 404, {}, b"gone"
            return 200, {"Content-Type": "text/html"}, found[0].html(self.charset)
        if path == "/api":
            return self._api(parse_qs(form if method == "POST" else parts.query))
        if path == "/rss":
            return 200, {"Content-Type": "application/rss+xml"}, self.feed
        return 404, {}, b""

    def _list(self, page: int) -> bytes:
        order = sorted(self.threads, key=lambda t: (not t.pinned, -t.number))
        shown = order[(page - 1) * self.per_page : page * self.per_page]
        if self.endless and not shown:
            shown = [Thread(100_000 + page * 10 + i, TODAY) for i in range(2)]
        items = "".join(f'<li><a href="/thread/{t.number}.html">第{t.number}号</a></li>' for t in shown)
        more = self.endless or page * self.per_page < len(order)
        following = f'<a class="next" href="/list?page={page + 1}">下一页</a>' if more else ""
        return f"<html><body><ul>{items}{self.extra_items}</ul>{following}</body></html>".encode("gb18030")

    def _api(self, asked: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        size = int(asked.get("pageSize", ["20"])[0])
        last = int(asked.get("lastItem", ["999999999"])[0])
        page = [item for item in self.json_items if int(str(item["tid"])) < last][:size]
        return 200, {"Content-Type": "application/json"}, json.dumps({"result": "success", "responseData": page}).encode()


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serves `site` on a free port of this machine; `site.base` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self, method: str) -> None:
            form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            site.asked.append((method, self.path, self.headers.get("User-Agent", "")))
            site.times.append((self.path, time.monotonic()))
            if site.slow and not self.path.startswith("/robots"):
                time.sleep(site.slow)
            status, headers, body = site.answer(method, self.path, form)
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # a crawler that was killed, or does not want the rest

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def html_source(site: Site, **crawl: object) -> SourceDeclaration:
    """The declaration of the site's board."""
    return SourceDeclaration.model_validate(
        {
            "slug": "board", "name": "测试留言板", "publisher": "某办", "channel": "board", "kind": "html_board",
            "bounds": {"at_least": 0, "at_most": 100},
            "crawl": {"delay": 0.0, "contact": "test@example.cn"} | crawl,
            "html_board": {
                "list_urls": [f"{site.base}/list"], "item": "ul > li", "link": "a::attr(href)", "next_page": "a.next",
                "native_id": r"/thread/(\d+)\.html", "gone": "div.withdrawn",
                "fields": {"title": "h1", "body": "div.body", "posted_at": "span.time::text", "author": "i.who::text",
                           "reply": "div.reply p", "reply_unit": "div.reply span.unit::text", "satisfaction": "b.rating::text"},
                "patterns": {"posted_at": r"发表于\s*(.+)"},
            },
        }
    )  # fmt: skip


def json_source(site: Site, method: str = "POST", page_size: int = 4, **crawl: object) -> SourceDeclaration:
    """The declaration of the site's JSON list, in the form of the 领导留言板."""
    return SourceDeclaration.model_validate(
        {
            "slug": "leaders", "name": "测试领导留言板", "publisher": "某网", "channel": "board", "kind": "json_board",
            "bounds": {"at_least": 0, "at_most": 100}, "values": {"satisfied": ["4", "5"], "dissatisfied": ["1", "2"]},
            "crawl": {"delay": 0.0} | crawl,
            "json_board": {
                "url": f"{site.base}/api", "method": method, "params": {"fid": "1"}, "page_size_param": "pageSize",
                "page_size": page_size, "cursor_param": "lastItem", "cursor_field": "tid", "items": "responseData",
                "fields": {"native_id": "tid", "posted_at": "date", "title": "title", "body": "content", "place": "forum",
                           "topic": "domain", "kind": "type", "status": "status", "reply": "replyContent",
                           "reply_unit": "replyOrg", "satisfaction": "gManner", "author": "user"},
            },
        }
    )  # fmt: skip


def leader_item(number: int, posted: dt.date, **more: object) -> dict[str, object]:
    """An item in the form of the 领导留言板."""
    return {
        "tid": number, "date": posted.isoformat(), "fid": 1, "forum": "临江市", "level": "city", "district": None,
        "title": f"第{number}号反映", "content": f"第{number}条:窗口无人值守。", "domain": "政务", "type": "投诉/求助",
        "status": "已办理", "hasReply": False, "replyOrg": "", "replyContent": "", "likes": 0, "gManner": 5, "gSpeed": 5,
    } | more  # fmt: skip


def board(count: int, *, days: int = 30) -> list[Thread]:
    """`count` threads, the newest today."""
    return [Thread(n, TODAY - dt.timedelta(days=(count - n) * days // max(count, 1))) for n in range(1, count + 1)]


def crawl(source: SourceDeclaration, data: DataDir) -> Received:
    """As `crawlers.crawl.crawl`, in a forked process that has its libraries already: seconds less for each of many crawls."""
    back, forth = os.pipe()
    child = os.fork()
    if not child:
        try:
            visit = run(source, Folders(data.vault, data.keys, data.crawl_state, data.logs))
            os.write(forth, json.dumps({"received": asdict(visit.received), "faults": visit.faults}).encode())
        finally:
            os._exit(0)
    os.close(forth)
    with os.fdopen(back, "rb") as answer:
        said = json.loads(answer.read() or b'{"faults": {"no answer": ""}}')
    os.waitpid(child, 0)
    if said["faults"]:
        raise CrawlError("; ".join(f"{reason}: {mend}" for reason, mend in said["faults"].items()))
    return Received(**said["received"])
