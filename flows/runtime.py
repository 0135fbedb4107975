"""Opens what the steps share: settings, sources, keys, and the one open warehouse of a data directory.

Steps and tasks take a data directory's name and dates; the objects behind the name live here, in this process.
"""

import atexit
import getpass
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import structlog

from crawlers.sources import SourceDeclaration, load_sources
from pipelines.settings import Settings, load_settings
from pipelines.vault import Keys, Vault
from pipelines.warehouse import DataDir, Warehouse

T = TypeVar("T")

_open: dict[str, Warehouse] = {}


def data_at(root: str) -> DataDir:
    """The data directory that a task was given by name. Raises FileNotFoundError with the mend."""
    data = DataDir(Path(root))
    if not data.keys.exists():
        raise FileNotFoundError(f"{data.root}: no data directory; run `weathervane init {data.root}`")
    _log_to(data.logs / "weathervane.log")
    return data


def settings_of(data: DataDir) -> Settings:
    """The settings of a data directory."""
    return load_settings(data.settings)


def sources_of(data: DataDir, slugs: Sequence[str] = ()) -> dict[str, SourceDeclaration]:
    """The source declarations of a data directory, or those named."""
    folder = settings_of(data).sources_dir
    return load_sources(Path(folder) if folder else data.sources, slugs)


def open_vault(data: DataDir) -> Vault:
    """The vault with its keys."""
    return Vault(data.vault, Keys.load(data.keys))


@contextmanager
def warehouse_of(data: DataDir) -> Iterator[Warehouse]:
    """The one open warehouse of a data directory: opened by the first who asks, shared, closed by that one."""
    name = str(data.root)
    if name in _open:
        yield _open[name]
        return
    limits = settings_of(data).limits
    with Warehouse(data.warehouse, memory=limits.memory, threads=limits.workers) as warehouse:
        _open[name] = warehouse
        try:
            yield warehouse
        finally:
            del _open[name]


def spread(work: Callable[..., T], calls: Sequence[tuple[object, ...]], workers: int) -> Iterator[T]:
    """The results of `work(*call)`, in order. Many calls go to `workers` processes, few stay here.

    Starting processes costs seconds (each imports the model's libraries), so four batches are the least that pays. Any
    `concurrent.futures` executor will do in this place, that of Dask or Ray included.
    """
    if workers < 2 or len(calls) < 4:
        for call in calls:
            yield work(*call)
        return
    with _executor(workers) as executor:
        running: deque[Future[T]] = deque()
        for call in calls:
            running.append(executor.submit(work, *call))
            if len(running) > workers:  # bounded, so that results waiting for the writer do not fill memory
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _executor(workers: int) -> Executor:
    if os.environ.get("WEATHERVANE_SPREAD") == "threads":
        return ThreadPoolExecutor(workers)
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def actor() -> str:
    """Who runs this, for the audit log."""
    return os.environ.get("WEATHERVANE_ACTOR") or getpass.getuser()


@cache
def _log_to(path: Path) -> None:
    """Lines of JSON in `logs/weathervane.log`: ids and counts, never text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    log = path.open("a", encoding="utf-8", buffering=1)
    atexit.register(log.close)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=False),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=log),
    )


def configure_prefect(data: DataDir) -> None:
    """Prefect's settings, before it is imported: its own files stay in the data directory, nothing is reported anywhere.

    Where `PREFECT_API_URL` names a server, that server is used; else Prefect starts one inside the process.
    """
    quiet = {
        "PREFECT_HOME": str(data.root / "prefect"),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
    }
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
