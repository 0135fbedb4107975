"""The warehouse: writes held to their contracts, whole or not at all, the same when run again; one writer; locked snapshots."""

import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.contracts import TABLES, Coverage, Reading, Signal, StageDone, arrow_schema, fields, rows
from pipelines.warehouse import (
    ContractError,
    DataDir,
    Warehouse,
    WarehouseBusyError,
    check,
    comments,
    newest_snapshot,
    open_snapshot,
    week_of,
    week_start,
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def signal(message: str, code: str = "A", **facts: Any) -> dict[str, Any]:
    return {"message_id": message, "code": code, "probability": 0.5, "quote": "无人", "field": "body", "start": 0, "stop": 2,
            "status": "asserted", "model_version": "v"} | facts  # fmt: skip


ONE, TWO, THREE = (f"m{number:016x}" for number in range(3))


def test_every_contract_has_its_table_with_keys_types_and_comments(warehouse: Warehouse) -> None:
    found = {row["table_name"] for row in warehouse.query("SELECT table_name FROM duckdb_tables()").to_pylist()}
    assert set(TABLES) <= found
    for name, row_class in TABLES.items():
        types = warehouse.query("SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE table_name = ?", [name])
        assert [(f.name, f.sql, f.nullable) for f in fields(row_class)] == [tuple(row.values()) for row in types.to_pylist()]
        assert set(row_class.key) <= {f.name for f in fields(row_class)}
        for statement in comments(row_class):
            warehouse.execute(statement)


@pytest.mark.parametrize(
    ("facts", "match"),
    [
        ({"probability": 1.5}, r"signal\.probability: 1 values above 1"),
        ({"probability": -0.1}, r"signal\.probability: 1 values below 0"),
        ({"probability": float("nan")}, r"signal\.probability: 1 values that are no numbers"),
        ({"quote": None}, r"signal\.quote: 1 values null"),
        ({"field": "reply"}, r"signal\.field: 1 values not one of those allowed"),
        ({"message_id": "m1"}, r"signal\.message_id: 1 values not of the form"),
        ({"message_id": ONE + "\nx"}, r"signal\.message_id: 1 values not of the form"),
    ],
)
def test_a_row_that_breaks_its_contract_changes_nothing(warehouse: Warehouse, facts: dict[str, Any], match: str) -> None:
    warehouse.write(Signal, rows(Signal, [signal(ONE)]))
    with pytest.raises(ContractError, match=match) as caught:
        warehouse.write(Signal, rows(Signal, [signal(TWO), signal(THREE, quote="秘密") | facts]))
    assert "秘密" not in str(caught.value)
    assert warehouse.query("SELECT message_id FROM signal").to_pylist() == [{"message_id": ONE}]


def test_keys_columns_and_types_are_held(warehouse: Warehouse) -> None:
    good = rows(Signal, [signal(ONE), signal(ONE, "B")])
    assert check(Signal, good).num_rows == 2
    with pytest.raises(ContractError, match=r"key \['message_id', 'code'\] repeats in 1 rows"):
        check(Signal, rows(Signal, [signal(ONE), signal(ONE, quote="另")]))
    with pytest.raises(ContractError, match=r"missing columns \['quote'\]"):
        check(Signal, good.drop_columns("quote"))
    with pytest.raises(ContractError, match=r"unknown columns \['more'\]"):
        check(Signal, good.append_column("more", good["code"]))
    with pytest.raises(ContractError, match="wrong type"):
        check(Signal, good.set_column(3, "quote", good["quote"]).set_column(5, "start", pa.array(["x", "y"])))
    shuffled = good.select(list(reversed(good.column_names)))
    checked, wanted = check(Signal, shuffled).schema, arrow_schema(Signal)
    assert (checked.names, checked.types) == (wanted.names, wanted.types)


def test_nulls_where_the_contract_allows_them(warehouse: Warehouse) -> None:
    assert warehouse.write(Reading, rows(Reading, [])) == 0
    nullable = [(row_class, f) for row_class in TABLES.values() for f in fields(row_class) if f.nullable]
    assert nullable
    for _, field in nullable:
        assert field.column.low is None or pa.types.is_primitive(field.arrow)


def test_writing_again_gives_the_same_table(warehouse: Warehouse) -> None:
    both = rows(Signal, [signal(ONE), signal(TWO)])
    for _ in range(2):
        assert warehouse.write(Signal, both, replacing={"message_id": both["message_id"]}) == 2
    fewer = rows(Signal, [signal(TWO, "B")])
    warehouse.write(Signal, fewer, replacing={"message_id": [ONE, TWO]})
    assert warehouse.query("SELECT message_id, code FROM signal").to_pylist() == [{"message_id": TWO, "code": "B"}]
    warehouse.write(Signal, rows(Signal, []), replacing={"message_id": pa.array([], pa.string())})
    assert warehouse.scalar("SELECT count(*) FROM signal") == 1
    warehouse.write(Signal, both)  # without `replacing`, in place of all
    assert warehouse.scalar("SELECT count(*) FROM signal") == 2


def test_replacing_by_one_value_beside_many(warehouse: Warehouse) -> None:
    done = [
        {"stage": stage, "message_id": message, "input_hash": "h"} for stage in ("clean", "classify") for message in (ONE, TWO)
    ]
    warehouse.write(StageDone, rows(StageDone, done))
    warehouse.write(StageDone, rows(StageDone, []), replacing={"stage": "clean", "message_id": [ONE]})
    left = warehouse.query("SELECT stage, message_id FROM stage_done ORDER BY ALL").to_pylist()
    assert [tuple(row.values()) for row in left] == [("classify", ONE), ("classify", TWO), ("clean", TWO)]
    warehouse.write(StageDone, rows(StageDone, []), replacing={"stage": "classify"})
    assert warehouse.scalar("SELECT count(*) FROM stage_done") == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from([ONE, TWO, THREE]), st.sampled_from("AB")), unique=True))
def test_replacing_is_set_arithmetic(warehouse: Warehouse, chosen: list[tuple[str, str]]) -> None:
    first = [signal(message, code) for message in (ONE, TWO) for code in "AB"]
    warehouse.write(Signal, rows(Signal, first))
    new = rows(Signal, [signal(message, code, quote="新") for message, code in chosen])
    warehouse.write(Signal, new, replacing={"message_id": new["message_id"], "code": new["code"]})
    found = {tuple(row.values()) for row in warehouse.query("SELECT message_id, code, quote FROM signal").to_pylist()}
    kept = {(row["message_id"], row["code"], "无人") for row in first if (row["message_id"], row["code"]) not in chosen}
    assert found == kept | {(message, code, "新") for message, code in chosen}


def test_transactions_nest_and_fail_whole(warehouse: Warehouse) -> None:
    with pytest.raises(ContractError), warehouse.transaction():
        warehouse.write(Signal, rows(Signal, [signal(ONE)]))
        assert warehouse.scalar("SELECT count(*) FROM signal") == 1  # seen inside
        with warehouse.transaction():
            warehouse.write(Signal, rows(Signal, [signal(TWO, probability=2.0)]))
    assert warehouse.scalar("SELECT count(*) FROM signal") == 0
    warehouse.write(Signal, rows(Signal, [signal(ONE)]))  # and the next write works
    assert warehouse.scalar("SELECT count(*) FROM signal") == 1


def test_batches_are_a_snapshot(warehouse: Warehouse) -> None:
    many = rows(StageDone, [{"stage": "clean", "message_id": f"m{n:016x}", "input_hash": "h"} for n in range(5000)])
    warehouse.write(StageDone, many)
    seen = 0
    for batch in warehouse.batches("SELECT message_id FROM stage_done", 1000):
        seen += batch.num_rows
        warehouse.write(StageDone, rows(StageDone, []), replacing={"message_id": batch["message_id"]})
    assert seen == 5000
    assert warehouse.scalar("SELECT count(*) FROM stage_done") == 0


def test_given_tables_are_gone_afterwards(warehouse: Warehouse) -> None:
    with warehouse.given(asked=pa.table({"n": [1, 2]})):
        assert warehouse.scalar("SELECT sum(n) FROM asked") == 3
    with pytest.raises(duckdb.CatalogException):
        warehouse.query("SELECT * FROM asked")
    assert warehouse.scalar("SELECT 1 WHERE false") is None


def test_a_second_process_is_told_that_the_warehouse_is_busy(warehouse: Warehouse) -> None:
    script = (
        "import sys; from pathlib import Path; from pipelines.warehouse import Warehouse, WarehouseBusyError\n"
        "try: Warehouse(Path(sys.argv[1]))\n"
        "except WarehouseBusyError as error: assert 'another process' in str(error); raise SystemExit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(warehouse.path)], check=False).returncode == 7
    assert issubclass(WarehouseBusyError, RuntimeError)


def test_a_kill_inside_a_transaction_leaves_the_table_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with Warehouse(path) as warehouse:
        warehouse.write(Signal, rows(Signal, [signal(ONE)]))
    script = (
        "import os, sys; from pathlib import Path; from pipelines.contracts import Signal, rows\n"
        "from pipelines.warehouse import Warehouse\n"
        "with Warehouse(Path(sys.argv[1])) as warehouse, warehouse.transaction():\n"
        "    warehouse.write(Signal, rows(Signal, [])); os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == -9
    with Warehouse(path) as warehouse:
        assert warehouse.scalar("SELECT count(*) FROM signal") == 1


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE x (n INT)", "DELETE FROM signal", "SELECT * FROM read_csv('/etc/passwd')", "COPY signal TO 'x.csv'",
     "SET enable_external_access = true", "ATTACH 'other.duckdb'", "INSTALL httpfs"],
)  # fmt: skip
def test_a_snapshot_is_locked_down(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "snapshot.duckdb"
    with Warehouse(path) as warehouse:
        warehouse.write(Signal, rows(Signal, [signal(ONE)]))
    with open_snapshot(path) as snapshot:
        assert snapshot.execute("SELECT count(*) FROM signal").fetchone() == (1,)
        with pytest.raises(duckdb.Error):
            snapshot.execute(statement)


def test_folders_are_for_the_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataDir(tmp_path / "data")
    data.make()
    data.make()
    for folder in (data.keys, data.vault.parent, data.drop, data.logs, data.published.parent):
        assert folder.stat().st_mode & 0o077 == 0
    with pytest.raises(FileNotFoundError, match="nothing is published yet; run"):
        newest_snapshot(data)
    monkeypatch.setenv("WEATHERVANE_DATA", str(tmp_path / "elsewhere"))
    assert DataDir.at().root == tmp_path / "elsewhere"
    assert DataDir.at(tmp_path).root == tmp_path


@given(st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)))
def test_a_day_lies_in_its_week(day: dt.date) -> None:
    assert 0 <= (day - week_start(week_of(day))).days < 7


def test_weeks_at_the_turn_of_the_year() -> None:
    assert (week_of(dt.date(2019, 9, 1)), week_of(dt.date(2019, 12, 30)), week_of(dt.date(2021, 1, 3))) == (
        "2019-W35",
        "2020-W01",
        "2020-W53",
    )
    with pytest.raises(ValueError, match="week"):
        week_start("2019-W53")


def test_coverage_counts_days_of_a_week() -> None:
    row = {"source": "s", "week": "2019-W35", "messages": 1, "days": 8, "at_least": 1, "at_most": 9, "status": "ok"}
    with pytest.raises(ContractError, match=r"coverage\.days: 1 values above 7"):
        check(Coverage, rows(Coverage, [row]))
