"""How a table's contract is written: a row class whose columns carry type, meaning and bounds. Imports nothing of ours."""

import datetime as dt
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, cast

import pyarrow as pa

T = TypeVar("T", bound=type)


@dataclass(frozen=True, slots=True)
class Column:
    """What a column means, and the bounds that its values keep."""

    meaning: str
    low: float | None = None
    high: float | None = None
    one_of: tuple[str, ...] = ()
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A column with its name and types, read off a row class."""

    name: str
    sql: str
    arrow: pa.DataType
    nullable: bool
    column: Column


_TYPES: dict[type, tuple[str, pa.DataType]] = {
    str: ("VARCHAR", pa.string()),
    int: ("BIGINT", pa.int64()),
    float: ("DOUBLE", pa.float64()),
    bool: ("BOOLEAN", pa.bool_()),
    dt.date: ("DATE", pa.date32()),
    dt.datetime: ("TIMESTAMP", pa.timestamp("us")),
}

TABLES: dict[str, type] = {}


def table(name: str, *key: str) -> Callable[[T], T]:
    """Names the table that a row class describes, and the columns that make a row unique."""

    def register(cls: T) -> T:
        row_class: Any = dataclass(frozen=True, slots=True)(cls)
        row_class.table_name, row_class.key = name, key
        TABLES[name] = row_class
        return cast(T, row_class)

    return register


@cache
def fields(row_class: Any) -> tuple[Field, ...]:
    """The columns of a row class, in order."""
    out = []
    for name, hint in typing.get_type_hints(row_class, include_extras=True).items():
        if typing.get_origin(hint) is not Annotated:
            continue
        base, column = typing.get_args(hint)
        options = typing.get_args(base) if isinstance(base, types.UnionType) else (base,)
        (kind,) = (option for option in options if option is not type(None))
        sql, arrow = _TYPES[kind]
        out.append(Field(name, sql, arrow, type(None) in options, column))
    return tuple(out)


@cache
def arrow_schema(row_class: Any) -> pa.Schema:
    """The Arrow schema of a row class: what a stage gives to `warehouse.write`."""
    return pa.schema([pa.field(f.name, f.arrow, nullable=f.nullable) for f in fields(row_class)])


def rows(row_class: Any, items: list[dict[str, Any]]) -> pa.Table:
    """`items` as an Arrow table of the class's schema; a missing key is null."""
    return pa.Table.from_pylist(items, schema=arrow_schema(row_class))
