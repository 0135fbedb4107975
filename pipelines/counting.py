"""What counts: the rules that aggregates, alerts and the snapshot share, as temporary tables over the warehouse.

Reads clean_message, event_member, reading, signal, correction, attribution; the rules stand in `sql/counted_*.sql`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from pipelines.warehouse import Warehouse

COUNTED = ("counted_message", "counted_signal", "counted_unit", "counted_week")


@contextmanager
def counted(warehouse: Warehouse) -> Iterator[None]:
    """counted_message, counted_signal, counted_unit, counted_week for the queries inside the block."""
    for name in COUNTED:
        warehouse.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql_of(f'{name}.sql')}")
    yield
    # Not in a `finally`: after an error the transaction can only roll back, which takes these tables with it, and
    # outside of one the next block replaces them.
    for name in COUNTED:
        warehouse.execute(f"DROP TABLE {name}")


def sql_of(*path: str) -> str:
    """The text of one file of `sql/`, as in `sql_of("views", "v_week_trend.sql")`."""
    return files("pipelines").joinpath("sql", *path).read_text(encoding="utf-8")
