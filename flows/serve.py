"""Starts the schedules: the daily flow and the weekly bulletin, by Prefect's cron."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from flows.runtime import configure_prefect, data_at, settings_of
from pipelines.warehouse import DataDir


def serve_schedules(data: DataDir) -> None:
    """Serves both flows until it is stopped. Uses the Prefect server of `PREFECT_API_URL`, else starts one of its own."""
    configure_prefect(data)
    root = str(data_at(str(data.root)).root)
    schedules = settings_of(data).schedules
    from prefect import serve
    from prefect.schedules import Cron

    from flows.prefect_flows import scheduled_daily, scheduled_weekly

    with _server():
        deployments = [
            flow.to_deployment(name, schedule=Cron(cron, timezone="Asia/Shanghai"), parameters={"root": root})
            for flow, name, cron in ((scheduled_daily, "daily", schedules.daily), (scheduled_weekly, "weekly", schedules.weekly))
        ]
        serve(*deployments, limit=1)  # type: ignore[arg-type]  # one at a time: the warehouse has one writer


@contextmanager
def _server() -> Iterator[None]:
    """The configured server, or one of our own on 127.0.0.1 for as long as we serve."""
    if os.environ.get("PREFECT_API_URL"):
        yield
        return
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_API_URL, temporary_settings

    server = SubprocessASGIServer()
    server.start(timeout=120)
    try:
        os.environ["PREFECT_API_URL"] = server.api_url
        with temporary_settings({PREFECT_API_URL: server.api_url}):
            yield
    finally:
        del os.environ["PREFECT_API_URL"]
        server.stop()
