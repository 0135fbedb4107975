"""Commands about the unit registry and about surges in given series."""

from pathlib import Path
from typing import Annotated

import typer

from flows.console import UsageError, say


def add_to(app: typer.Typer) -> None:
    """Adds `units generate`, `units check` and `detect`."""
    units = typer.Typer(no_args_is_help=True, help="The registry of public units. 单位名录")
    units.command("generate")(generate)
    units.command("check")(check)
    app.add_typer(units, name="units")
    app.command("detect")(detect)


def generate(
    places: Annotated[Path, typer.Option(help="CSV: place, parent, level")],
    output: Annotated[Path, typer.Option("-o", "--output")],
) -> None:
    """Make a registry from places and the standard set of departments. 生成名录"""
    from pipelines.unit_generator import generate as generate_rows
    from pipelines.unit_generator import write_registry

    rows = generate_rows(places)
    write_registry(rows, output)
    say(f"{output}: {len(rows)} units")


def check(path: Path) -> None:
    """Check a registry; every problem with file, line and mend. 检查名录"""
    from pipelines.registry_check import check_registry

    problems = check_registry(path)
    for problem in problems[:50]:
        say(problem, error=True)
    if problems:
        raise UsageError(f"{path}: {len(problems)} problems")
    say(f"{path}: in order")


def detect(
    series: Annotated[Path, typer.Argument(help="CSV: series_id, week, count [, exposure]")],
    output: Annotated[Path, typer.Option("-o", "--output")],
) -> None:
    """Find weeks that rise above what a series' own past explains. 苗头监测"""
    from pipelines.surveillance import detect as detect_series

    say(f"{output}: {detect_series(series, output)} weeks judged")
