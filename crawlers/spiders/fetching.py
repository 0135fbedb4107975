"""What the spiders share: what a failed request means, and the guard around parsing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError

from crawlers.spiders.manners import PAGE_AT_MOST, AskedToWait, HostRefused
from crawlers.spiders.parse_text import Unreadable
from crawlers.spiders.visit import Visit

_MENDS = {
    "robots": "robots.txt forbids it or cannot be read; ask the publisher for leave or for an export",
    "other_host": "it leads to another host; name the host in crawl.hosts if it belongs to the source",
    "redirect_loop": "its redirects do not end; look at the address in a browser",
    "too_large": f"the page has more than {PAGE_AT_MOST} bytes",
    "unreachable": "the site does not answer; look at the address and the network, and run it again",
    "asked_to_wait": "the site asks to be left alone for more than ten minutes; run it again later",
}


def why(error: Any) -> tuple[str, str]:
    """Reason and mend for a request that came to nothing."""
    if isinstance(error, HttpError):
        status = error.response.status
        return f"http_{status}", f"the site answers {status}; look at the address in a browser"
    reason = "unreachable"
    if isinstance(error, HostRefused):
        reason = "other_host"
    elif isinstance(error, AskedToWait):
        reason = "asked_to_wait"
    elif isinstance(error, IgnoreRequest):
        reason = "redirect_loop" if "redirection" in str(error) else "robots"
    elif isinstance(error, DownloadCancelledError):
        reason = "too_large"
    elif not isinstance(
        error,
        OSError | CannotResolveHostError | DownloadConnectionRefusedError | DownloadFailedError | DownloadTimeoutError
        | ResponseDataLossError,
    ):  # fmt: skip
        return type(error).__name__, "the request came to nothing; look at the address in a browser"
    return reason, _MENDS[reason]


def status_of(error: Any) -> int:
    """The HTTP status behind a failure, or 0."""
    return error.response.status if isinstance(error, HttpError) else 0


def content_type(response: Response) -> str:
    """The Content-Type header, for its charset."""
    return (response.headers.get(b"Content-Type") or b"").decode("latin-1")


@contextmanager
def parsing(visit: Visit, url: str, body: bytes, *, fatal: bool = False) -> Iterator[None]:
    """Around a pure parser: a page that it cannot read is quarantined, and with `fatal` the crawl is not complete."""
    try:
        yield
    except Unreadable as fault:
        reason, mend = fault.reason, fault.mend
    except Exception as error:  # a page nobody thought of; its text must not reach a log through a traceback
        reason, mend = f"parser_{type(error).__name__}", "the parser met something new; tell the maintainers the address"
    else:
        return
    visit.quarantine(url, reason, mend, body)
    if fatal:
        visit.fault(reason, f"{url}: {mend}")
