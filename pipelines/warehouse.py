"""The one file that knows paths and connections: the data directory, the DuckDB warehouse and its published snapshots.

Writes are held to `contracts`: columns and types, nulls, bounds, keys. A write is one transaction, so a kill leaves the
table as it was or as it will be.
"""

import datetime as dt
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contracts import TABLES, Field, arrow_schema, fields


class ContractError(ValueError):
    """Rows that break their contract: names the table, the column and how many rows; never a value."""


class WarehouseBusyError(RuntimeError):
    """Another process holds the warehouse."""


@dataclass(frozen=True, slots=True)
class DataDir:
    """Where everything of one installation lies."""

    root: Path

    @classmethod
    def at(cls, given: Path | None = None, default: str = "weathervane-data") -> "DataDir":
        """`given`, else `WEATHERVANE_DATA`, else `./default`."""
        return cls((given or Path(os.environ.get("WEATHERVANE_DATA") or default)).absolute())

    @property
    def settings(self) -> Path:
        return self.root / "weathervane.toml"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def vault(self) -> Path:
        return self.root / "vault" / "vault.sqlite"

    @property
    def crawl_state(self) -> Path:
        return self.root / "vault" / "crawl"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        return self.root / "published" / "weathervane.duckdb"

    @property
    def bulletins(self) -> Path:
        return self.root / "bulletins"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def quarantine(self) -> Path:
        return self.root / "quarantine"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def sources(self) -> Path:
        return self.root / "sources"

    @property
    def units(self) -> Path:
        return self.root / "units.csv"

    @property
    def drop(self) -> Path:
        return self.root / "drop"

    @property
    def model(self) -> Path:
        return self.root / "model"

    def make(self) -> None:
        """Makes the folders; only the owner may enter."""
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in (self.keys, self.vault.parent, self.crawl_state, self.published.parent, self.bulletins, self.outbox,
                       self.quarantine, self.logs, self.sources, self.drop):  # fmt: skip
            folder.mkdir(mode=0o700, exist_ok=True)


def _ddl(row_class: Any) -> str:
    columns = [f'"{f.name}" {f.sql}{"" if f.nullable else " NOT NULL"}' for f in fields(row_class)]
    return f"CREATE TABLE IF NOT EXISTS {row_class.table_name} ({', '.join(columns)})"


def comments(row_class: Any, name: str | None = None, kind: str = "TABLE") -> Iterator[str]:
    """The `COMMENT ON` statements that say in the database what the contract says."""
    target = name or row_class.table_name
    quoted = (row_class.__doc__ or "").replace("'", "''")
    yield f"COMMENT ON {kind} {target} IS '{quoted}'"
    for field in fields(row_class):
        meaning = field.column.meaning.replace("'", "''")
        yield f"COMMENT ON COLUMN {target}.\"{field.name}\" IS '{meaning}'"


class Warehouse:
    """The warehouse file, open for its one writer. Use as a context manager.

    Readers in other threads get cursors of their own; writes are serialised by a lock.
    """

    def __init__(self, path: Path, *, memory: str = "1500MB", threads: int = 2) -> None:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory,
            "threads": threads,
            "autoinstall_known_extensions": False,
            "preserve_insertion_order": False,
        }
        try:
            self._connection = duckdb.connect(str(path), config=config)
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise WarehouseBusyError(f"{path}: another process has it open; wait for it to end, or stop it") from None
            raise
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        self._connection.execute("SET TimeZone = 'Asia/Shanghai'")
        with self.transaction():  # one, since every statement of its own would be forced to disk
            for row_class in TABLES.values():
                self._connection.execute(_ddl(row_class))

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def query(self, sql: str, params: Sequence[Any] | None = None) -> pa.Table:
        """The result of a query as an Arrow table; sees what this process has written, even inside a transaction."""
        with self._lock:
            return self._connection.sql(sql, params=params).to_arrow_table()

    def scalar(self, sql: str, params: Sequence[Any] | None = None) -> Any:
        """The one value that a query gives; None where it gives no row."""
        table = self.query(sql, params)
        return table.column(0)[0].as_py() if table.num_rows else None

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> None:
        """Runs a statement for its effect."""
        with self._lock:
            self._connection.execute(sql, params or [])

    @contextmanager
    def given(self, **tables: pa.Table) -> Iterator[None]:
        """Arrow tables under names of their own, for the queries inside the block."""
        with self._lock:
            for name, table in tables.items():
                self._connection.register(name, table)
            try:
                yield
            finally:
                for name in tables:
                    self._connection.unregister(name)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside, or none. Nests: the outermost one commits."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth == 1:
                    self._connection.execute("BEGIN")
                yield
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            except BaseException:
                if self._depth == 1:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def write(self, row_class: Any, rows: pa.Table, *, replacing: dict[str, Any] | None = None) -> int:
        """Puts `rows` in place of those that `replacing` names: `{"stage": "clean", "message_id": ids}`.

        A value is one value for all, or an Arrow array or sequence; several columns are read side by side. Without
        `replacing` the rows take the whole table's place; to add, replace by the new keys. Every write gives the same
        table when it is run again. Returns the number of rows written; raises ContractError before anything changes.
        """
        checked = check(row_class, rows)
        name = row_class.table_name
        with self.transaction():
            if replacing is None:
                self.execute(f"DELETE FROM {name}")
            else:
                columns = ", ".join(f'"{column}"' for column in replacing)
                with self.given(_gone=_side_by_side(row_class, replacing)):
                    self.execute(f"DELETE FROM {name} WHERE ({columns}) IN (SELECT ({columns}) FROM _gone)")
            if checked.num_rows:
                with self.given(_rows=checked):
                    self.execute(f"INSERT INTO {name} SELECT * FROM _rows")
        return int(checked.num_rows)

    def batches(self, sql: str, size: int, params: Sequence[Any] | None = None) -> Iterator[pa.Table]:
        """A query's result, `size` rows at a time, from a snapshot taken when the query starts."""
        with self._lock:
            cursor = self._connection.cursor()
        try:
            for batch in cursor.sql(sql, params=params).to_arrow_reader(size):
                yield pa.Table.from_batches([batch])
        finally:
            cursor.close()


def _side_by_side(row_class: Any, values: dict[str, Any]) -> pa.Table:
    schema = arrow_schema(row_class)
    arrays = {c: v for c, v in values.items() if isinstance(v, pa.Array | pa.ChunkedArray | Sequence) and not isinstance(v, str)}
    length = len(next(iter(arrays.values()))) if arrays else 1
    columns = {c: arrays.get(c, [v] * length) for c, v in values.items()}
    return pa.table({c: v if hasattr(v, "type") else pa.array(v, schema.field(c).type) for c, v in columns.items()})


def check(row_class: Any, rows: pa.Table) -> pa.Table:
    """`rows` cast to the contract's schema. Raises ContractError on a missing column, null, bound or repeated key."""
    name = row_class.table_name
    wanted = arrow_schema(row_class)
    missing = set(wanted.names) - set(rows.column_names)
    extra = set(rows.column_names) - set(wanted.names)
    if missing or extra:
        raise ContractError(f"{name}: missing columns {sorted(missing)}, unknown columns {sorted(extra)}")
    try:
        rows = pa.table([rows.column(f.name).cast(f.type) for f in wanted], names=wanted.names)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ContractError(f"{name}: a column has the wrong type ({type(error).__name__})") from None
    for field in fields(row_class):
        _check_column(name, field, rows.column(field.name))
    key = list(row_class.key)
    distinct = rows.select(key).group_by(key).aggregate([]).num_rows
    if distinct != rows.num_rows:
        raise ContractError(f"{name}: key {key} repeats in {rows.num_rows - distinct} rows")
    return rows


def _check_column(table: str, field: Field, values: pa.ChunkedArray) -> None:
    column = field.column
    broken: Iterable[tuple[str, Any]] = (
        ("that are no numbers", pc.is_nan(values) if pa.types.is_floating(values.type) else None),
        ("null", pc.is_null(values) if not field.nullable else None),
        (f"below {column.low}", pc.less(values, column.low) if column.low is not None else None),
        (f"above {column.high}", pc.greater(values, column.high) if column.high is not None else None),
        ("not one of those allowed", _is_outside(values, column.one_of) if column.one_of else None),
        (
            "not of the form",
            pc.invert(pc.match_substring_regex(values, f"^(?:{column.pattern})$")) if column.pattern else None,
        ),
    )
    for what, mask in broken:
        count = pc.sum(mask).as_py() if mask is not None else 0
        if count:
            raise ContractError(f"{table}.{field.name}: {count} values {what}")


def _is_outside(values: pa.ChunkedArray, allowed: tuple[str, ...]) -> pa.ChunkedArray:
    known = pc.is_in(values, value_set=pa.array(allowed))
    return pc.and_(pc.invert(known), pc.is_valid(values))


def newest_snapshot(data: DataDir) -> Path:
    """The file behind `published/weathervane.duckdb`. Raises FileNotFoundError with the mend."""
    if not data.published.exists():
        raise FileNotFoundError(f"{data.published}: nothing is published yet; run `weathervane run` and `weathervane publish`")
    return data.published.resolve()


@contextmanager
def open_snapshot(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A published snapshot, read-only and locked down: no files, no network, no settings, no writes."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": False,
        "autoinstall_known_extensions": False,
        "lock_configuration": True,
    }
    connection = duckdb.connect(str(path.resolve()), read_only=True, config=config)
    try:
        yield connection
    finally:
        connection.close()


def week_of(day: dt.date) -> str:
    """The ISO week of a day: 2019-09-01 is in 2019-W35."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def week_start(week: str) -> dt.date:
    """The Monday of an ISO week. Raises ValueError on a week that does not exist."""
    return dt.date.fromisocalendar(int(week[:4]), int(week[6:]), 1)
