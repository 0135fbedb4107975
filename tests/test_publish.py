"""The snapshot: what is in it, what never is, and that a kill at any step leaves a readable one behind the link."""

import datetime as dt
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import publish as room
from pipelines.aggregate import aggregate
from pipelines.alerts import acknowledge, raise_alerts
from pipelines.contracts import TABLES, Bulletin, fields, rows
from pipelines.publish import PublishError, data_dictionary_markdown, publish, run_sql
from pipelines.settings import Settings
from pipelines.warehouse import DataDir, Warehouse, newest_snapshot, open_snapshot, week_of
from tests.small_world import day, fill, message, message_id, source

ROOT = Path(__file__).parents[1]


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    data = DataDir(tmp_path)
    data.make()
    return data


def posts(count: int = 12) -> list[dict[str, Any]]:
    return [message(n, on=n, units=[("u1", True)], codes={"graft": 0.95}, days=1.23, reply="已办") for n in range(count)]


@pytest.fixture
def warehouse(data: DataDir) -> Iterator[Warehouse]:
    with Warehouse(data.warehouse) as warehouse:
        gone = message(90, withdrawn=True, codes={"graft": 0.99}, units=[("u1", True)])
        fixes = [{"n": 0, "code": "graft", "verdict": "rejected"}, {"n": 1, "code": "delay", "verdict": "added"}]
        fill(warehouse, [*posts(), gone], fixes)
        aggregate(warehouse, {"board": source()})
        yield warehouse


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_snapshot_holds_what_analysts_need(warehouse: Warehouse, data: DataDir) -> None:
    path = publish(warehouse, data, small_cell=5)
    assert re.fullmatch(r"weathervane-\d{8}T\d{6}Z-[0-9a-f]{12}\.duckdb", path.name)
    assert newest_snapshot(data) == path
    assert names_in(path.parent) == [path.name, "weathervane.duckdb"], "nothing is left lying about"
    (meta,) = run_sql(data, "SELECT * FROM meta").to_pylist()
    assert meta["messages"] == 12 and meta["small_cell"] == 5 and meta["model_version"] == "v1"
    assert (meta["first_week"], meta["last_week"], meta["last_day"]) == (week_of(day(0)), week_of(day(11)), day(11))
    assert run_sql(data, "SELECT * FROM code").num_rows == 15
    assert run_sql(data, "SELECT * FROM topic").num_rows == 15
    assert run_sql(data, "SELECT string_agg(name, '') AS names FROM family").to_pylist() == [{"names": "庸懒散乱贪"}]
    one = run_sql(data, f"SELECT * FROM message WHERE message_id = '{message_id(3)}'").to_pylist()[0]
    assert one["posted_on"] == day(3) and one["reply_days"] == 1.2 and one["body"].startswith("去了三次")


def test_what_never_leaves_the_warehouse(warehouse: Warehouse, data: DataDir) -> None:
    raise_alerts(warehouse, week_of(day(0)), day(11), Settings())
    acknowledge(warehouse, warehouse.scalar("SELECT min(alert_id) FROM alert"), "李签收", "备注里有话")
    path = publish(warehouse, data, small_cell=5)
    columns = {row["column_name"] for row in run_sql(data, "SELECT column_name FROM duckdb_columns()").to_pylist()}
    assert not columns & {"complainant_key", "complainant", "acked_by", "note", "posted_at", "replied_at", "record_id"}
    timed = run_sql(data, "FROM duckdb_columns() WHERE NOT internal AND data_type LIKE 'TIME%'")
    assert timed.num_rows == 0, "no time of day in any table"
    for table in ("message", "signal", "attribution", "counted_unit"):
        assert run_sql(data, f"SELECT count(*) AS n FROM {table} WHERE message_id = '{message_id(90)}'").to_pylist() == [{"n": 0}]
    tables = {row["name"] for row in run_sql(data, "SELECT table_name AS name FROM duckdb_tables()").to_pylist()}
    assert not tables & {"redaction", "quarantine", "intake", "case_entry", "case_step", "delivery", "correction", "stage_done"}
    content = path.read_bytes()
    for secret in ("李签收", "备注里有话", "复核员"):
        assert secret.encode() not in content


def test_a_persons_verdict_is_published_with_the_signals(warehouse: Warehouse, data: DataDir) -> None:
    publish(warehouse, data, small_cell=5)
    found = {(row["message_id"], row["code"]): row for row in run_sql(data, "SELECT * FROM signal").to_pylist()}
    assert found[message_id(0), "graft"]["status"] == "rejected"
    added = found[message_id(1), "delay"]
    assert (added["status"], added["start"], added["stop"], added["reviewed"]) == ("asserted", 4, 9, True)
    counted = "SELECT week, code, count(*) AS n FROM signal JOIN message USING (message_id)"
    counted += " WHERE status = 'asserted' GROUP BY ALL ORDER BY ALL"
    assert (
        run_sql(data, counted).to_pylist()
        == run_sql(data, "SELECT week, code, messages AS n FROM week_code ORDER BY ALL").to_pylist()
    )


def test_small_cells_are_hidden(warehouse: Warehouse, data: DataDir) -> None:
    publish(warehouse, data, small_cell=6)
    for table in ("unit_week", "unit_week_code", "week_code", "week_topic", "week_total"):
        for row in run_sql(data, f"SELECT * FROM {table}").to_pylist():
            hidden = 0 < row["events"] < 6  # here every event has a complainant of its own
            assert row["complainants_hidden"] is hidden
            assert row["complainants"] == (None if hidden else row["events"])
    assert run_sql(data, "SELECT count(*) AS n FROM unit_week WHERE NOT complainants_hidden").to_pylist() == [{"n": 1}]


def test_views_agree_with_the_tables(warehouse: Warehouse, data: DataDir) -> None:
    publish(warehouse, data, small_cell=5)
    last = week_of(day(11))
    (rank,) = run_sql(data, f"SELECT * FROM v_unit_ranking WHERE week = '{last}'").to_pylist()
    assert (rank["about"], rank["messages"], rank["events"], rank["place"]) == (12, 11, 11, 1)
    assert 0 < rank["share_low"] < rank["share"] < rank["share_high"] <= 1
    trend = run_sql(data, "SELECT * FROM v_week_trend").to_pylist()
    assert [row["about"] for row in trend] == [7, 5] and trend[1]["comparable"] is True
    assert trend[1]["events_change"] == pytest.approx((5 - 6) / 6)
    assert run_sql(data, "SELECT * FROM v_coverage_gaps").num_rows == 0
    family = run_sql(data, "SELECT sum(messages) AS n FROM v_code_family_week").to_pylist()
    assert family == [{"n": 12}], "eleven by the model, one more family by a person"
    assert run_sql(data, "SELECT * FROM v_unit_code").num_rows == 3


def test_every_column_has_its_meaning_in_the_database(warehouse: Warehouse, data: DataDir) -> None:
    path = publish(warehouse, data, small_cell=5)
    with open_snapshot(path) as connection:
        bare = connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND coalesce(comment, '') = ''"
            " UNION ALL SELECT table_name, '' FROM duckdb_tables() WHERE coalesce(comment, '') = ''"
            " UNION ALL SELECT view_name, '' FROM duckdb_views() WHERE NOT internal AND coalesce(comment, '') = ''"
        ).fetchall()
        columns = "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal"
        described = connection.execute(f"{columns} AND table_name <> 'dictionary' ORDER BY ALL").fetchall()
        assert bare == []
        assert described == connection.execute("SELECT * FROM dictionary ORDER BY ALL").fetchall()
    meaning = {f.name: f.column.meaning for f in fields(TABLES["coverage"])}["status"]
    assert ("coverage", "status", "VARCHAR", meaning) in described


def test_the_data_dictionary_is_up_to_date(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    data.make()
    with Warehouse(data.warehouse) as warehouse:
        text = data_dictionary_markdown(publish(warehouse, data, small_cell=5))
    page = ROOT / "docs" / "data-dictionary.md"
    if os.environ.get("WEATHERVANE_KEEP_DOCS"):
        page.write_text(text, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == text, "run this test once with WEATHERVANE_KEEP_DOCS=1 and look at the difference"


def test_the_same_state_gives_the_same_snapshot(warehouse: Warehouse, data: DataDir) -> None:
    first = publish(warehouse, data, small_cell=5)
    os.utime(first, (0, 0))
    assert publish(warehouse, data, small_cell=5) == first
    assert first.stat().st_mtime > 0, "its age tells when it was last found to be up to date"
    assert publish(warehouse, data, small_cell=4) != first


def test_the_last_three_and_those_of_bulletins_are_kept(
    warehouse: Warehouse, data: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for hour in range(5):
        monkeypatch.setattr(room, "_now", lambda hour=hour: dt.datetime(2025, 7, 1, hour, tzinfo=dt.UTC))
        made.append(publish(warehouse, data, small_cell=2 + hour).name)
        if hour == 0:
            facts = {"week": week_of(day(0)), "state": "draft", "drafted_on": day(11), "snapshot": made[0], "digest": "0" * 64}
            warehouse.write(Bulletin, rows(Bulletin, [{"number": "2025-23", **facts}]))
    assert names_in(data.published.parent) == [made[0], *made[2:], "weathervane.duckdb"]


def test_a_reader_keeps_what_it_opened(warehouse: Warehouse, data: DataDir) -> None:
    path = publish(warehouse, data, small_cell=5)
    with open_snapshot(path) as reader:
        fill(warehouse, posts(3))
        aggregate(warehouse, {"board": source()})
        newer = publish(warehouse, data, small_cell=5)
        assert newer != path
        assert reader.execute("SELECT count(*) FROM message").fetchone() == (12,)
    assert run_sql(data, "SELECT count(*) AS n FROM message").to_pylist() == [{"n": 3}]


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE x (a INT)",
        "DELETE FROM message",
        "COPY message TO '/tmp/x.csv'",
        "SELECT * FROM read_text('/etc/hostname')",
        "ATTACH '/tmp/x.duckdb'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELECT nonsense FROM message",
        "SELEC",
    ],
)
def test_sql_is_for_reading_only(warehouse: Warehouse, data: DataDir, query: str) -> None:
    publish(warehouse, data, small_cell=5)
    with pytest.raises(PublishError) as refused:
        run_sql(data, query)
    assert "\n" not in str(refused.value)


def test_without_a_snapshot_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="weathervane publish"):
        run_sql(DataDir(tmp_path), "SELECT 1")


def test_a_faulty_snapshot_is_not_linked(warehouse: Warehouse, data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    good = publish(warehouse, data, small_cell=5)
    fill(warehouse, posts(3))
    plain = room.sql_of
    leaky = "SELECT message_id, unit_code, complainant FROM counted_unit JOIN counted_message USING (message_id)"
    for head, why in (
        ("", "without a meaning"),
        ("-- message_id: x\n-- unit_code: x\n-- complainant: x\n", "names complainants"),
    ):
        monkeypatch.setattr(room, "sql_of", lambda *path, h=head: h + leaky if path[-1] == "counted_unit.sql" else plain(*path))
        with pytest.raises(PublishError, match=why):
            publish(warehouse, data, small_cell=5)
    assert newest_snapshot(data) == good
    assert run_sql(data, "SELECT count(*) AS n FROM message").to_pylist() == [{"n": 12}]


KILLED = """
import os, sys
from pathlib import Path
from pipelines import publish as room
from pipelines.warehouse import DataDir, Warehouse

def publish_and_die(data, step, when):
    whole = getattr(room, step)
    def killed(*given, **named):
        if when == "after":
            whole(*given, **named)
        os._exit(9)
    setattr(room, step, killed)
    with Warehouse(data.warehouse) as warehouse:
        room.publish(warehouse, data, small_cell=5)

data = DataDir(Path(sys.argv[1]))
for step, when in (given.split() for given in sys.argv[2:]):
    child = os.fork()
    if not child:
        publish_and_die(data, step, when)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), data.published.resolve().name)
"""


def test_a_kill_between_any_two_steps_leaves_a_whole_snapshot(data: DataDir) -> None:
    with Warehouse(data.warehouse) as warehouse:
        fill(warehouse, posts())
        aggregate(warehouse, {"board": source()})
        old = publish(warehouse, data, small_cell=5)
        fill(warehouse, posts(3))
        aggregate(warehouse, {"board": source()})
    steps = ("_write_dictionary before", "_check before", "_name before", "_link before", "_link after")
    done = subprocess.run([sys.executable, "-c", KILLED, str(data.root), *steps], cwd=ROOT, capture_output=True, text=True)
    seen = [line.split() for line in done.stdout.splitlines()]
    assert [code for code, _ in seen] == ["9"] * len(steps), done.stderr
    assert {name for _, name in seen[:-1]} == {old.name}
    assert seen[-1][1] != old.name
    with open_snapshot(old) as reader:
        assert reader.execute("SELECT count(*) FROM message").fetchone() == (12,)
    assert run_sql(data, "SELECT count(*) AS n FROM message").to_pylist() == [{"n": 3}]
    with Warehouse(data.warehouse) as warehouse:
        path = publish(warehouse, data, small_cell=5)
    assert newest_snapshot(data) == path
    assert not [name for name in names_in(path.parent) if ".part" in name]
