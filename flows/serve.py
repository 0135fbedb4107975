"""Starts the schedules: the daily flow and the weekly bulletin, by Prefect's cron."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from flows.runtime import configure_prefect, data_at, settings_of
from pipelines.warehouse import DataDir


class ServeError(RuntimeError):
    """The schedules cannot be started."""


def serve_schedules(data: DataDir) -> None:
    """Serves both flows until it is stopped. Uses the Prefect server of `PREFECT_API_URL`, else starts one of its own."""
    configure_prefect(data)
    root = str(data_at(str(data.root)).root)
    schedules = settings_of(data).schedules
    from prefect import serve
    from prefect.schedules import Cron

    from flows.prefect_flows import scheduled_daily, scheduled_weekly

    with _server(data.logs):
        deployments = [
            flow.to_deployment(name, schedule=Cron(cron, timezone="Asia/Shanghai"), parameters={"root": root})
            for flow, name, cron in ((scheduled_daily, "daily", schedules.daily), (scheduled_weekly, "weekly", schedules.weekly))
        ]
        serve(*deployments, limit=1)  # type: ignore[arg-type]  # one at a time: the warehouse has one writer


@contextmanager
def _server(logs: Path) -> Iterator[None]:
    """The configured server, or one of our own on 127.0.0.1 for as long as we serve: it holds the clock of the schedules."""
    if os.environ.get("PREFECT_API_URL"):
        yield
        return
    from prefect.settings import PREFECT_API_URL, temporary_settings

    port = _free_port()
    address = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    with (logs / "prefect-server.log").open("ab") as log:
        server = subprocess.Popen(  # noqa: S603  our own interpreter
            command, stdout=log, stderr=log, env={**os.environ, "PREFECT_SERVER_LOGGING_LEVEL": "WARNING"}
        )
    try:
        _wait_for(address, server)
        os.environ["PREFECT_API_URL"] = address
        with temporary_settings({PREFECT_API_URL: address}):
            yield
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        server.terminate()
        server.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(240):
        if server.poll() is not None:
            break
        try:
            if httpx.get(f"{address}/health", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise ServeError("the Prefect server does not start; see logs/prefect-server.log, or set PREFECT_API_URL to one that runs")
