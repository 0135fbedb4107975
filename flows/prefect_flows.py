"""The Prefect flows. Importing this file imports Prefect (two seconds), so only commands that run a flow do."""

import datetime as dt

from prefect import flow, task

from flows import steps
from flows.daily import slugs_by_way
from flows.runtime import data_at
from flows.steps import Counts
from flows.weekly import draft_bulletin
from pipelines.vault import SHANGHAI

crawl_source = task(name="crawl", retries=2, retry_delay_seconds=[30, 300], persist_result=False)(steps.crawl_source)
take_in_exports = task(name="take-in", retries=1, persist_result=False)(steps.take_in_exports)
clean = task(name="clean", retries=1, persist_result=False)(steps.clean)
join = task(name="join", retries=1, persist_result=False)(steps.join)
attribute = task(name="attribute", retries=1, persist_result=False)(steps.attribute)
classify = task(name="classify", retries=1, persist_result=False)(steps.classify)
count = task(name="count", retries=1, persist_result=False)(steps.count)
watch = task(name="watch", retries=1, persist_result=False)(steps.watch)
send = task(name="send", retries=1, persist_result=False)(steps.send)
publish_snapshot = task(name="publish", retries=1, persist_result=False)(steps.publish_snapshot)


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
