"""The daily flow, from crawl to alerts and snapshot, on Prefect: order, retries, one task a step.

Tasks take the data directory's name, slugs and dates, and return counts: no text passes through Prefect.
"""

import datetime as dt

from flows.runtime import configure_prefect, data_at, sources_of, warehouse_of
from flows.steps import Counts
from pipelines.vault import SHANGHAI
from pipelines.warehouse import DataDir


def run_daily(
    data: DataDir, *, since: dt.date | None = None, until: dt.date | None = None, fetch: bool = True
) -> dict[str, Counts]:
    """Runs the flow now, in this process; gives the counts of each step.

    `until` is the day that counts as today. With `since`, messages of that day and later are read again, whatever was
    done before: use it after a registry or a rule has changed.
    """
    configure_prefect(data)
    data_at(str(data.root))
    today = until or dt.datetime.now(SHANGHAI).date()
    from flows.prefect_flows import daily

    with warehouse_of(data):  # held open through the flow, so that steps share it and a second run is told to wait
        counts: dict[str, Counts] = daily(str(data.root), today.isoformat(), since.isoformat() if since else None, fetch)
    return counts


def slugs_by_way(root: str) -> tuple[list[str], list[str]]:
    """The sources that are crawled and those whose files are taken in."""
    declared = sources_of(data_at(root))
    return (
        [slug for slug, source in declared.items() if source.kind != "export"],
        [slug for slug, source in declared.items() if source.kind == "export"],
    )
