"""Starts the schedules: the daily flow and the weekly bulletin, by Prefect's cron."""

import os

from flows.runtime import configure_prefect, data_at, settings_of
from pipelines.warehouse import DataDir


def serve_schedules(data: DataDir) -> None:
    """Serves both flows until it is stopped. Uses the Prefect server of `PREFECT_API_URL`, else starts one of its own."""
    configure_prefect(data)
    data_at(str(data.root))
    schedules = settings_of(data).schedules
    from prefect import serve
    from prefect.schedules import Cron

    from flows.prefect_flows import scheduled_daily, scheduled_weekly

    root = str(data.root)
    with _server():
        serve(
            scheduled_daily.to_deployment(
                "daily", schedule=Cron(schedules.daily, timezone="Asia/Shanghai"), parameters={"root": root}
            ),
            scheduled_weekly.to_deployment(
                "weekly", schedule=Cron(schedules.weekly, timezone="Asia/Shanghai"), parameters={"root": root}
            ),
            limit=1,  # the warehouse has one writer
        )


def _server():  # type: ignore[no-untyped-def]
    """The configured server, or one of our own for as long as we serve."""
    from contextlib import nullcontext

    if os.environ.get("PREFECT_API_URL"):
        return nullcontext()
    from prefect.server.api.server import SubprocessASGIServer

    return _own_server(SubprocessASGIServer)


def _own_server(server_class):  # type: ignore[no-untyped-def]
    from contextlib import contextmanager

    from prefect.settings import PREFECT_API_URL, temporary_settings

    @contextmanager
    def running():  # type: ignore[no-untyped-def]
        server = server_class()
        server.start(timeout=120)
        try:
            os.environ["PREFECT_API_URL"] = server.api_url
            with temporary_settings({PREFECT_API_URL: server.api_url}):
                yield
        finally:
            server.stop()

    return running()
