"""The console command `weathervane`: sets up, runs and publishes. Libraries are imported inside commands, so help is quick.

Exit codes: 0 done, 2 bad usage or bad input (one line that names file, place and mend), 1 anything else.
"""

import atexit
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from flows import cli_messages, cli_office, cli_units
from flows.console import DataOption, JsonOption, data_dir, is_ours, say, show, told

app = typer.Typer(
    name="weathervane",
    help="风向标 Weathervane: what citizens tell hotlines and boards about the conduct of public units, counted fairly.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the rich look costs a quarter of a second at every start
)
cli_messages.add_to(app)
cli_units.add_to(app)
cli_office.add_to(app)


@app.command()
def init(directory: Annotated[Path | None, typer.Argument(help="where to make it; default ./weathervane-data")] = None) -> None:
    """Make a data directory: settings, keys, empty vault and warehouse, example sources and units. 建立数据目录"""
    from flows.setup import make_data_directory

    for line in make_data_directory(data_dir(directory)):
        say(line)


@app.command()
def demo(
    data: DataOption = None,
    weeks: Annotated[int, typer.Option(help="weeks of messages", min=8, max=104)] = 60,
) -> None:
    """Run the main job on the embedded fictional city 临江市. 演示"""
    from flows.demo import run_demo

    run_demo(data_dir(data, default="weathervane-demo"), weeks)


@app.command()
def run(
    since: Annotated[str | None, typer.Option(help="first day of the weeks to look at again, 2019-08-26")] = None,
    until: Annotated[str | None, typer.Option(help="the day that counts as today")] = None,
    crawl: Annotated[bool, typer.Option(help="fetch from the declared sources first")] = True,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every stage over what is new, from crawl to alerts and snapshot. 每日流程"""
    from flows.console import day
    from flows.daily import run_daily

    counts = run_daily(data_dir(data), since=day(since, "--since"), until=day(until, "--until"), fetch=crawl)
    if as_json:
        show([{"step": step, **found} for step, found in counts.items()], as_json)
    for line in () if as_json else told(counts):
        say(line)


@app.command()
def publish(data: DataOption = None) -> None:
    """Write the read-only snapshot for analysts. 发布快照"""
    from flows.steps import publish_snapshot

    where = data_dir(data)
    publish_snapshot(str(where.root))
    say(str(where.published.resolve()))


@app.command()
def sql(query: str, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Run a query on the published snapshot. 查询快照"""
    from pipelines.publish import run_sql

    show(run_sql(data_dir(data), query).to_pylist(), as_json)


@app.command()
def dashboard(data: DataOption = None, port: Annotated[int, typer.Option(min=1, max=65535)] = 8501) -> None:
    """Serve the web pages on 127.0.0.1. 看板"""
    from dashboards.serve import serve

    where = data_dir(data)
    say(f"http://127.0.0.1:{port}  (Ctrl-C ends it)")
    raise typer.Exit(serve(where, port))


@app.command()
def serve(data: DataOption = None) -> None:
    """Start the schedules: daily crawl to alerts, weekly bulletin (Prefect). 定时运行"""
    from flows.serve import serve_schedules

    serve_schedules(data_dir(data))


@app.command()
def doctor(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Check keys, paths, fonts, sources, schedules, snapshot age; say how to mend what is wrong. 自检"""
    from flows.doctor import examine

    findings = examine(data_dir(data))
    show([finding.row() for finding in findings], as_json)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(2)


def main() -> None:
    """Runs a command; an error of ours is one line on stderr, never a text out of the vault."""
    try:
        app()
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 0
    except Exception as error:
        status = _tell(error)
    _leave(status)


def _tell(error: Exception) -> int:
    ours = is_ours(error) or isinstance(error, FileNotFoundError | PermissionError)
    if ours:
        named = getattr(error, "filename", None)  # set by the system, not by our own words
        say(f"weathervane: {f'{named}: {error.strerror}' if named else error}", error=True)  # type: ignore[attr-defined]
        return 2
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}:{frame.lineno}"
    say(f"weathervane: {type(error).__name__} at {where}; this is a fault of the program, please report it", error=True)
    return 1


def _leave(status: int) -> None:
    """Ends the process.

    Prefect's threads outlive the interpreter, and DuckDB's binding then reports its types as leaked on stderr; so where
    Prefect ran, what is registered for the end runs now and the rest of the teardown is skipped.
    """
    if "prefect" not in sys.modules:
        sys.exit(status)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
