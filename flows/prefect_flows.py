"""The Prefect flows. Importing this file imports Prefect (two seconds), so only commands that run a flow do."""

import datetime as dt
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

from prefect import flow, task

from flows import steps
from flows.console import is_ours
from flows.daily import slugs_by_way
from flows.runtime import data_at
from flows.steps import Counts
from flows.weekly import draft_bulletin
from pipelines.vault import SHANGHAI

P = ParamSpec("P")


class StepError(RuntimeError):
    """A step that failed for a reason of a library: says what and where, not with which values."""


def guarded(step: Callable[P, Counts]) -> Callable[P, Counts]:
    """`step`, whose failure says nothing of what it worked on: Prefect keeps the words of exceptions, and a library's may quote
    a message. Errors of our own rooms name places and counts only and pass as they are."""

    @wraps(step)
    def run(*args: P.args, **kwargs: P.kwargs) -> Counts:
        try:
            return step(*args, **kwargs)
        except Exception as error:
            if is_ours(error):
                raise
            frame = traceback.extract_tb(error.__traceback__)[-1]
            raise StepError(f"{step.__name__}: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}") from None

    return run


crawl_source = task(name="crawl", retries=2, retry_delay_seconds=[30, 300], persist_result=False)(guarded(steps.crawl_source))
take_in_exports = task(name="take-in", retries=1, persist_result=False)(guarded(steps.take_in_exports))
clean = task(name="clean", retries=1, persist_result=False)(guarded(steps.clean))
join = task(name="join", retries=1, persist_result=False)(guarded(steps.join))
attribute = task(name="attribute", retries=1, persist_result=False)(guarded(steps.attribute))
classify = task(name="classify", retries=1, persist_result=False)(guarded(steps.classify))
count = task(name="count", retries=1, persist_result=False)(guarded(steps.count))
watch = task(name="watch", retries=1, persist_result=False)(guarded(steps.watch))
send = task(name="send", retries=1, persist_result=False)(guarded(steps.send))
publish_snapshot = task(name="publish", retries=1, persist_result=False)(guarded(steps.publish_snapshot))


@flow(name="weathervane-daily", persist_result=False, validate_parameters=False)
def daily(root: str, until: str, since: str | None = None, fetch: bool = True) -> dict[str, Counts]:
    """Crawl and exports -> vault -> clean, events, units, signals -> counts, alerts, snapshot.

    A source that cannot be reached does not stop the others: it shows as a short or silent week.
    """
    done: dict[str, Counts] = {}
    crawled, dropped = slugs_by_way(root)
    for slug in crawled if fetch else ():
        state = crawl_source(root, slug, return_state=True)
        done[f"crawl {slug}"] = state.result() if state.is_completed() else {"failed": 1}
    for slug in dropped:
        done[f"take in {slug}"] = take_in_exports(root, slug)
    if since:
        done["forget"] = steps.forget_since(root, since)
    done["clean"] = clean(root)
    done["join"] = join(root)
    done["attribute"] = attribute(root)
    done["classify"] = classify(root)
    done["count"] = count(root)
    done["watch"] = watch(root, until)
    done["send"] = send(root)
    done["publish"] = publish_snapshot(root)
    return done


@flow(name="weathervane-scheduled-daily", persist_result=False)
def scheduled_daily(root: str) -> dict[str, Counts]:
    """The daily flow with today's date, for the schedule."""
    from flows.runtime import warehouse_of

    with warehouse_of(data_at(root)):
        return daily(root, dt.datetime.now(SHANGHAI).date().isoformat())


@flow(name="weathervane-weekly", persist_result=False)
def scheduled_weekly(root: str) -> int:
    """Drafts the bulletin of the last full week; a person signs it."""
    week = steps.last_full_week(dt.datetime.now(SHANGHAI).date())
    return len(draft_bulletin(data_at(root), week, ("docx", "pdf", "html", "json")))
