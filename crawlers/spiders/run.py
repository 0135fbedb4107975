"""`python -m crawlers.spiders.run`: one crawl in a process of its own. Reads its order (one line of JSON) on standard input;
writes the vault and the source's memory; answers with one line of JSON on standard output.

It stops when standard input closes, so that it never outlives who asked for it.
"""

import contextlib
import datetime as dt
import fcntl
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

from scrapy import Spider
from scrapy.crawler import AsyncCrawlerProcess

from crawlers.memory import Memory, MemoryDamagedError
from crawlers.sources import SourceDeclaration
from crawlers.spiders.feed import FeedSpider
from crawlers.spiders.html_board import HtmlBoardSpider
from crawlers.spiders.json_board import JsonBoardSpider
from crawlers.spiders.manners import settings
from crawlers.spiders.visit import Visit
from pipelines.vault import Keys, Vault, VaultError

SPIDERS: dict[str, type[Spider]] = {"html_board": HtmlBoardSpider, "json_board": JsonBoardSpider, "feed": FeedSpider}
LOG_AT_MOST = 2_000_000
PATIENCE = 10.0
"""Seconds to wait for another crawl of the same source, which may be the last breath of one whose caller was killed."""

log = logging.getLogger("weathervane.crawl")


class BusyError(RuntimeError):
    """Another crawl of the same source is under way."""


class QuietFormatter(logging.Formatter):
    """Says where an error arose and of what kind it is, never its words: those may be a page's."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the error told anew: another handler may have left its own telling of it on the record."""
        record.exc_text = None
        return super().format(record)

    def formatException(self, ei: Any) -> str:
        """Frames and type."""
        kind: type[BaseException] | None = ei[0]
        trace: TracebackType | None = ei[2]
        frames = [f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
        return "\n".join([*frames, f"  {kind.__name__ if kind else 'error'}"])


def _keep_log(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size > LOG_AT_MOST:
        file.replace(file.with_suffix(".log.1"))
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(QuietFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handler.setLevel(logging.INFO)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)


def _die_with_the_caller() -> None:
    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Holds the source's lock; the system lets go of it however this process ends."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    until = time.monotonic() + PATIENCE
    with file.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise BusyError("another crawl of this source is under way; wait for it to end") from None
                time.sleep(0.1)
        yield


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the vault lies, its keys, the memories and the logs: the caller knows (and has loaded what knowing takes)."""

    vault: Path
    keys: Path
    memories: Path
    logs: Path


def run(source: SourceDeclaration, at: Folders) -> Visit:
    """Crawls one source until its spider ends; what came of it stands in the visit."""
    today = dt.datetime.now(ZoneInfo("Asia/Shanghai")).date()
    with _alone(at.memories / f"{source.slug}.lock"), Vault(at.vault, Keys.load(at.keys)) as vault:
        visit = Visit(source, vault, Memory(at.memories, source.slug, today), today)
        process = AsyncCrawlerProcess(settings(source))
        _keep_log(at.logs / f"crawl-{source.slug}.log")  # after Scrapy has set up its own, which this goes without
        crawler = process.create_crawler(SPIDERS[source.kind])
        process.crawl(crawler, visit=visit)
        process.start()
        ended = crawler.stats is not None and crawler.stats.get_value("finish_reason") == "finished"
        visit.finish(ended)
        counts = asdict(visit.received)
        log.info("%s: %s, %s", source.slug, "complete" if not visit.faults else f"not complete: {sorted(visit.faults)}", counts)
        return visit


def main() -> int:
    """Reads the order, crawls, answers."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 65_536)
        if not piece:
            return 2
        line += piece
    _die_with_the_caller()
    order = json.loads(line)
    answer: dict[str, Any]
    try:
        folders = Folders(**{name: Path(path) for name, path in order["folders"].items()})
        visit = run(SourceDeclaration.model_validate(order["source"]), folders)
        answer = {"received": asdict(visit.received), "faults": visit.faults}
    except (BusyError, MemoryDamagedError, VaultError) as error:
        answer = {"error": str(error)}
    except Exception as error:  # its words may be a page's; its kind and place are enough
        log.exception("the crawl broke")
        answer = {"error": f"the crawl broke ({type(error).__name__}); see the log"}
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
