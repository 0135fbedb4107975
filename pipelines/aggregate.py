"""Counts: reads clean_message, signal, correction, attribution, event_member; writes unit_week and its kin, coverage.

Each file in `sql/` is one SELECT: `counted_*.sql` say what counts (see `counting`), the others are one table each. A full
recompute in one transaction, so the tables always agree with each other and a kill leaves the old ones.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from crawlers.sources import SourceDeclaration
from pipelines.contracts import Coverage, UnitWeek, UnitWeekCode, WeekCode, WeekTopic, WeekTotal
from pipelines.counting import counted, sql_of
from pipelines.warehouse import Warehouse

TABLES: tuple[Any, ...] = (UnitWeek, UnitWeekCode, WeekCode, WeekTopic, WeekTotal, Coverage)


def aggregate(warehouse: Warehouse, sources: Mapping[str, SourceDeclaration]) -> dict[str, int]:
    """Recomputes every aggregate table from the messages; gives the rows written, by table.

    Withdrawn messages count nowhere. Only asserted signals count, and corrections have the last word. A message counts for
    a unit that it blames, or that is the only one it mentions. Complainants are distinct keys; the anonymous count once an
    event. Raises ContractError when a count breaks its contract.
    """
    with warehouse.transaction(), counted(warehouse), warehouse.given(declared_source=_declared(sources)):
        return {table.table_name: warehouse.write(table, warehouse.query(sql_of(f"{table.table_name}.sql"))) for table in TABLES}


def _declared(sources: Mapping[str, SourceDeclaration]) -> pa.Table:
    found = [sources[slug] for slug in sorted(sources)]
    return pa.table(
        {
            "slug": pa.array([s.slug for s in found], pa.string()),
            "at_least": pa.array([s.bounds.at_least for s in found], pa.int64()),
            "at_most": pa.array([s.bounds.at_most for s in found], pa.int64()),
            "starts": pa.array([s.starts for s in found], pa.date32()),
        }
    )
