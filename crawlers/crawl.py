"""Crawls one source in a process of its own; that process writes the vault and the source's memory (see spiders/run.py)."""

import json
import subprocess
import sys
from subprocess import PIPE

from crawlers.sources import SourceDeclaration
from pipelines.vault import Received
from pipelines.warehouse import DataDir

LAST_BREATH = 15.0
"""Seconds that a crawl has, when its time is up, to land what it holds."""


class CrawlError(RuntimeError):
    """A crawl that did not come to its end: one line with the source, the reason and the mend. What it landed is kept."""


def crawl(source: SourceDeclaration, data: DataDir, *, timeout: float = 6 * 3600.0) -> Received:
    """Fetches what is new at `source`, and what has changed in its young threads, into the vault of `data`.

    A process of its own, since Scrapy's reactor starts once in a process, and a page that kills its parser kills no flow.

    Parameters
    ----------
    timeout
        seconds, after which the crawl is asked to stop and then made to.

    Returns
    -------
    Received
        the counts, which also stand in the vault's intake log.

    Raises
    ------
    CrawlError
        when the crawl is not complete. It goes on where it was when run again.
    """
    if source.kind == "export":
        raise CrawlError(f"{source.slug}: takes files and has no address; use `weathervane ingest FILE --source {source.slug}`")
    command = [sys.executable, "-m", "crawlers.spiders.run"]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        assert process.stdin is not None and process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(order(source, data))
            process.stdin.flush()  # and stays open: the crawl ends when its caller does
            answer, in_time = _answer(process, timeout)
        except BrokenPipeError:
            answer, in_time = b"", True
        finally:
            if process.poll() is None:
                process.kill()
    if not answer.strip():
        how = f"ended with status {process.returncode}" if in_time else f"was stopped after {timeout:.0f} s"
        raise CrawlError(f"{source.slug}: not complete: the crawl {how} and gave no answer; see its log, run it again")
    said = json.loads(answer)
    if "error" in said:
        raise CrawlError(f"{source.slug}: {said['error']}")
    if said["faults"]:
        faults = "; ".join(f"{reason}: {mend}" for reason, mend in said["faults"].items())
        landed = said["received"]
        raise CrawlError(f"{source.slug}: not complete ({landed['new']} new, {landed['updated']} updated were kept): {faults}")
    return Received(**said["received"])


def order(source: SourceDeclaration, data: DataDir) -> bytes:
    """The line that tells a crawl's process what to do."""
    folders = {"vault": data.vault, "keys": data.keys, "memories": data.crawl_state, "logs": data.logs}
    said = {"source": source.model_dump(mode="json"), "folders": {name: str(path) for name, path in folders.items()}}
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def _answer(process: "subprocess.Popen[bytes]", timeout: float) -> tuple[bytes, bool]:
    """The line that the crawl writes, and whether it did before its time was up or in its last breath.

    `communicate` will not do, since it closes standard input; and one line fits into a pipe, so that waiting cannot block.
    """
    assert process.stdout is not None  # noqa: S101
    try:
        process.wait(timeout)
        return process.stdout.read(), True
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            process.wait(LAST_BREATH)
        except subprocess.TimeoutExpired:
            return b"", False
    return process.stdout.read(), False
