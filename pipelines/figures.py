"""Figures out of a snapshot: asks a query, keeps its value with the query, and asks it again to verify. Reads a snapshot."""

import datetime as dt
import threading
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import duckdb

from pipelines.issue import Figure, Ref, Scalar, Series, Style

PATIENCE_S = 10.0


class QueryRefusedError(ValueError):
    """A query of an issue file that is not a plain question to the snapshot."""


def quoted(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def ask(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Scalar, ...]]:
    """The rows of one SELECT. Raises QueryRefusedError on anything else, or when it takes over `PATIENCE_S` seconds.

    An issue file may come from anywhere: its queries run on a read-only, locked-down connection, and not for ever.
    """
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryRefusedError("not a single SELECT")
        timer = threading.Timer(PATIENCE_S, connection.interrupt)
        timer.start()
        try:
            found = connection.execute(sql).fetchall()
        finally:
            timer.cancel()
    except duckdb.Error as error:
        raise QueryRefusedError(type(error).__name__) from None
    return [tuple(_scalar(value) for value in row) for row in found]


def first(rows: Sequence[tuple[Scalar, ...]]) -> Scalar:
    """The one value of a figure's query; None where it gives no row."""
    return rows[0][0] if rows else None


def _scalar(value: Any) -> Scalar:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if value is None or isinstance(value, int | float | str):
        return value
    return str(value)


class Sheet:
    """Collects the figures of one issue, each asked once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.figures: dict[str, Figure] = {}

    def figure(self, name: str, sql: str, style: Style = "count") -> Ref:
        """Asks for one number and keeps it under `name`."""
        if name not in self.figures:
            self.figures[name] = Figure(id=name, value=first(ask(self._connection, sql)), style=style, sql=sql)
        return Ref(figure=name)

    def value(self, ref: Ref) -> Scalar:
        """The value behind a reference."""
        return self.figures[ref.figure].value

    def number(self, ref: Ref) -> float:
        """The value behind a reference as a number; what is hidden or unknown is 0."""
        value = self.value(ref)
        return float(value) if isinstance(value, int | float) else 0.0

    def series(self, name: str, columns: tuple[str, ...], sql: str) -> Series:
        """Asks for the points of a chart."""
        return Series(id=name, sql=sql, columns=columns, points=tuple(ask(self._connection, sql)))

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Rows that decide what is written, not numbers to print."""
        cursor = self._connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
