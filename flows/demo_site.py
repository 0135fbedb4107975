"""Serves the fictional city's boards on 127.0.0.1: GB18030 pages, a paged JSON list, feeds, robots.txt.

Reads what `demo_city.build` wrote under `site/`; no page is written to disk.
"""

import datetime as dt
import html
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from flows.demo_city import declare

PAGE_SIZE = 50
FEED_SIZE = 60
ROBOTS = "User-agent: *\nDisallow: /internal/\n"
_HTML = "text/html; charset=gb18030"


class Site:
    """The pages of the city, made of its tables on request."""

    def __init__(self, folder: Path) -> None:
        self.board = _read(folder / "board.json")
        self.leader = _read(folder / "leader.json")
        self.feed = _read(folder / "feed.json")
        self._threads = {thread["id"]: thread for thread in self.board}

    def page(self, method: str, path: str, form: dict[str, str]) -> tuple[int, str, bytes]:
        """(status, content type, body) of one address."""
        if path == "/robots.txt":
            return 200, "text/plain; charset=utf-8", ROBOTS.encode()
        if path == "/leader/threads":
            return self._leader(form) if method == "POST" else (405, "text/plain", b"POST only")
        if path in ("/feed/rss.xml", "/feed/archive.xml"):
            part = self.feed[:FEED_SIZE] if path.endswith("rss.xml") else self.feed[FEED_SIZE:]
            return 200, "application/rss+xml; charset=utf-8", rss(part).encode()
        if path.startswith("/board/index_") and path.endswith(".html"):
            return self._list(path.removeprefix("/board/index_").removesuffix(".html"))
        if path.startswith("/board/thread_") and path.endswith(".html"):
            return self._thread(path.removeprefix("/board/thread_").removesuffix(".html"))
        if path.startswith("/internal/"):
            return 200, _HTML, _document("内部页面", "<p>robots.txt 不许抓取的页面</p>")
        return 404, _HTML, _document("没有这个页面", "<p>404</p>")

    def _list(self, number: str) -> tuple[int, str, bytes]:
        pages = -(-len(self.board) // PAGE_SIZE)
        if not number.isdecimal() or not 1 <= int(number) <= max(pages, 1):
            return 404, _HTML, _document("没有这一页", "<p>404</p>")
        page = int(number)
        shown = self.board[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        pinned = self.board[-1:] if page == 1 else []  # an old thread kept on top must not end the paging
        items = "".join(
            f'<li{" class=pinned" if thread in pinned else ""}><a class="title" href="/board/thread_{thread["id"]}.html">'
            f"{html.escape(thread['title'])}</a> <span>{thread['posted'][:10]}</span></li>"
            for thread in [*pinned, *shown]
        )
        following = f'<a class="next" href="index_{page + 1}.html">下一页</a>' if page < pages else ""
        return (
            200,
            _HTML,
            _document("临江市民留言板", f'<ul class="threads">{items}</ul>{following}<a href="/internal/stat.html">统计</a>'),
        )

    def _thread(self, number: str) -> tuple[int, str, bytes]:
        thread = self._threads.get(number)
        if thread is None:
            return 404, _HTML, _document("没有这个帖子", "<p>404</p>")
        if thread["withdrawn"]:
            if int(number) % 2:
                return 404, _HTML, _document("帖子不存在", "<p>404</p>")
            return 200, _HTML, _document("帖子已撤下", '<div class="withdrawn">该帖已由发帖人撤下</div>')
        return 200, _HTML, _document(thread["title"], _thread_html(thread))

    def _leader(self, form: dict[str, str]) -> tuple[int, str, bytes]:
        """The items after `lastItem`, newest first; all of them begin where it is absent or 0."""
        try:
            rows, last = int(form.get("rows") or 20), int(form.get("lastItem") or 0)
        except ValueError:
            return 400, "application/json", b'{"result": "error"}'
        rest = [item for item in self.leader if not last or item["tid"] < last]
        body = json.dumps({"result": "success", "responseData": rest[: min(rows, 100)]}, ensure_ascii=False)
        return 200, "application/json; charset=utf-8", body.encode()


def rss(items: list[dict[str, str]]) -> str:
    """An RSS 2.0 feed of the evening paper's items."""
    entries = "".join(
        f"<item><guid isPermaLink='false'>{html.escape(item['guid'])}</guid><title>{html.escape(item['title'])}</title>"
        f"<category>{html.escape(item['category'])}</category><pubDate>{_http_date(item['posted'])}</pubDate>"
        f"<description>{html.escape(item['description'])}</description></item>"
        for item in items
    )
    head = "<?xml version='1.0' encoding='UTF-8'?><rss version='2.0'><channel><title>临江晚报·百姓问政</title>"
    return f"{head}{entries}</channel></rss>"


@contextmanager
def serve(city_folder: Path, declarations: Path | None = None, port: int = 0) -> Iterator[str]:
    """Serves the city while the block runs and gives its address.

    The five source declarations are written for that address into `declarations` (default: `sources/` of the city).
    """
    site = Site(city_folder / "site")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each page waits 40 ms for an acknowledgement

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            self._answer("GET", address.path, {name: values[-1] for name, values in parse_qs(address.query).items()})

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
            self._answer("POST", urlsplit(self.path).path, {name: values[-1] for name, values in parse_qs(sent).items()})

        def _answer(self, method: str, path: str, form: dict[str, str]) -> None:
            status, kind, body = site.page(method, path, form)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing: the crawler's log has what counts."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        address = f"http://127.0.0.1:{server.server_address[1]}"
        declare(address, declarations or city_folder / "sources")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()


def _thread_html(thread: dict[str, Any]) -> str:
    paragraphs = "".join(f"<p>{html.escape(line)}</p>" for line in thread["body"].split("\n") if line)
    said = {
        name: html.escape(thread[key])
        for name, key in (
            ("author", "author"),
            ("time", "posted"),
            ("area", "place"),
            ("field", "topic"),
            ("kind", "kind"),
            ("rating", "satisfied"),
        )
    }
    facts = "".join(f'<span class="{name}">{value}</span> ' for name, value in said.items() if value)
    answer = ""
    if thread["reply"]:
        answer = (
            f'<div class="reply"><span class="office">{html.escape(thread["reply_unit"])}</span> '
            f'<span class="replied">{thread["replied"]}</span><p class="text">{html.escape(thread["reply"])}</p></div>'
        )
    head = f'<h1 class="subject">{html.escape(thread["title"])}</h1><div class="facts">{facts}</div>'
    return f'{head}<div class="content">{paragraphs}</div>{answer}'


def _document(title: str, body: str) -> bytes:
    head = f'<!DOCTYPE html><html><head><meta charset="gb18030"><title>{html.escape(title)}</title></head>'
    return f"{head}<body>{body}</body></html>".encode("gb18030")


def _http_date(text: str) -> str:
    return format_datetime(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")))


def _read(path: Path) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return content
