"""Counts: what counts for whom, checked against a count in plain Python."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.aggregate import aggregate
from pipelines.warehouse import ContractError, Warehouse, week_of
from tests.small_world import day, fill, message, source


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        yield warehouse


def count(warehouse: Warehouse, messages: list[dict[str, Any]], **more: Any) -> None:
    fill(warehouse, messages, more.get("corrections"))
    aggregate(warehouse, more.get("sources", {"board": source()}))


def one(warehouse: Warehouse, table: str, where: str = "true") -> dict[str, Any]:
    (row,) = warehouse.query(f"SELECT * FROM {table} WHERE {where}").to_pylist()
    return row


def test_messages_people_and_events_are_different_counts(warehouse: Warehouse) -> None:
    codes = {"inaction": 0.9, "delay": 0.8}
    count(
        warehouse,
        [
            message(1, who="a", event=1, units=[("u1", True)], codes=codes),
            message(2, who="a", event=1, units=[("u1", True)], codes=codes),  # the same person about the same matter
            message(3, who=None, event=1, units=[("u1", True)], codes=codes),  # anonymous: once an event
            message(4, who=None, event=1, units=[("u1", True)], codes=codes),
            message(5, who=None, event=5, units=[("u1", True)], codes=codes),
            message(6, who="b", event=6, units=[("u1", True)]),  # about the unit, but no conduct problem
        ],
    )
    row = one(warehouse, "unit_week")
    assert (row["about"], row["messages"], row["complainants"], row["events"]) == (6, 5, 3, 2)
    assert one(warehouse, "unit_week_code", "code = 'delay'")["complainants"] == 3
    assert one(warehouse, "week_total")["attributed"] == 5


def test_the_withdrawn_count_nowhere(warehouse: Warehouse) -> None:
    gone = message(2, withdrawn=True, units=[("u1", True)], codes={"inaction": 0.9})
    count(warehouse, [message(1), gone])
    assert one(warehouse, "week_total")["about"] == 1
    for table in ("unit_week", "unit_week_code", "week_code"):
        assert warehouse.scalar(f"SELECT count(*) FROM {table}") == 0
    assert one(warehouse, "coverage")["messages"] == 1


def test_corrections_have_the_last_word(warehouse: Warehouse) -> None:
    messages = [
        message(1, codes={"inaction": 0.9}),
        message(2, codes={"inaction": 0.4}, status="review"),
        message(3, codes={}),
        message(4, codes={"delay": 0.4}, status="review"),
    ]
    fixes = [
        {"n": 1, "code": "inaction", "verdict": "rejected"},
        {"n": 2, "code": "inaction", "verdict": "confirmed"},
        {"n": 3, "code": "absence", "verdict": "added"},
    ]
    count(warehouse, messages, corrections=fixes)
    found = {row["code"]: row["messages"] for row in warehouse.query("SELECT * FROM week_code").to_pylist()}
    assert found == {"inaction": 1, "absence": 1}
    assert one(warehouse, "week_total")["review"] == 1, "what a person has judged waits no longer"


@pytest.mark.parametrize(
    ("units", "status", "expected"),
    [
        ([("u1", True), ("u2", False)], "named", ["u1"]),
        ([("u1", False)], "inferred", ["u1"]),
        ([("u1", False), ("u1", False)], "named", ["u1"]),
        ([("u1", False), ("u2", False)], "named", []),
        ([("u1", True), ("u2", True)], "named", ["u1", "u2"]),
        ([("u1", False), (None, True)], "named", []),  # who is blamed is not in the registry: not the other's fault
        ([("u1", True)], "contested", []),
    ],
)
def test_which_unit_a_message_counts_for(warehouse: Warehouse, units: Any, status: str, expected: list[str]) -> None:
    count(warehouse, [message(1, units=units, at_status=status, codes={"inaction": 0.9})])
    assert warehouse.query("SELECT unit_code FROM unit_week ORDER BY 1")["unit_code"].to_pylist() == expected
    assert warehouse.query("SELECT unit_code FROM unit_week_code ORDER BY 1")["unit_code"].to_pylist() == expected


def test_closing_figures(warehouse: Warehouse) -> None:
    count(
        warehouse,
        [
            message(1, units=[("u1", True)], reply="已办", days=2.0, satisfied=True),
            message(2, units=[("u1", True)], reply="已办", days=9.0, satisfied=False, reopened=True),
            message(3, units=[("u1", True)], reply="已办"),  # answered, nobody knows when
            message(4, units=[("u1", True)]),
        ],
    )
    row = one(warehouse, "unit_week")
    assert (row["replied"], row["reply_days"], row["rated"], row["satisfied"], row["reopened"]) == (3, 5.5, 2, 1, 1)


def test_every_week_is_there_across_a_year_of_53_weeks(warehouse: Warehouse) -> None:
    start = (dt.date(2020, 12, 20) - day(0)).days
    count(warehouse, [message(1, on=start), message(2, on=start + 28)])
    weeks = warehouse.query("SELECT week FROM week_total ORDER BY week")["week"].to_pylist()
    assert weeks == ["2020-W51", "2020-W52", "2020-W53", "2021-W01", "2021-W02"]
    assert warehouse.query("SELECT week FROM coverage ORDER BY week")["week"].to_pylist() == weeks
    assert one(warehouse, "week_total", "week = '2020-W53'")["about"] == 0


def test_coverage_says_what_is_missing(warehouse: Warehouse) -> None:
    messages = [message(n, on=n) for n in range(18)]  # one a day, last day: Thursday of the third week
    messages += [message(100 + n, on=1, source="busy") for n in range(20)] + [message(200, on=16, source="busy")]
    sources = {
        "board": source(),
        "busy": source("busy", at_least=1, at_most=2),
        "late": source("late", starts=day(14)),
        "never": source("never"),
    }
    count(warehouse, messages, sources=sources)
    found = {(row["source"], row["week"]): row for row in warehouse.query("SELECT * FROM coverage").to_pylist()}
    status = {key: row["status"] for key, row in found.items()}
    w1, w2, w3 = (week_of(day(offset)) for offset in (0, 7, 14))
    assert [status["board", w] for w in (w1, w2, w3)] == ["ok", "ok", "ok"]
    assert [status["busy", w] for w in (w1, w2, w3)] == ["over", "silent", "short"]
    assert [status["late", w] for w in (w1, w2, w3)] == ["not_started", "not_started", "silent"]
    assert {status["never", w] for w in (w1, w2, w3)} == {"not_started"}
    assert found["board", w2]["at_least"] == 7
    assert found["board", w3]["at_least"] == 4, "the last week is only as long as there are messages of any source"
    assert found["board", w1]["days"] == 7


def test_a_source_that_is_no_longer_declared_keeps_its_messages(warehouse: Warehouse) -> None:
    count(warehouse, [message(1, source="old")], sources={})
    assert one(warehouse, "coverage")["status"] == "ok"


def test_nothing_gives_nothing_and_twice_gives_the_same(warehouse: Warehouse) -> None:
    count(warehouse, [])
    assert warehouse.scalar("SELECT count(*) FROM week_total") == 0
    count(warehouse, [message(n, on=n, units=[("u1", True)], codes={"delay": 0.7}) for n in range(30)])
    before = warehouse.query("SELECT * FROM unit_week ORDER BY ALL")
    aggregate(warehouse, {"board": source()})
    assert warehouse.query("SELECT * FROM unit_week ORDER BY ALL") == before


def test_a_failure_half_way_leaves_every_table_as_it_was(warehouse: Warehouse) -> None:
    count(warehouse, [message(1, units=[("u1", True)])])
    fill(warehouse, [message(1), message(2)])
    warehouse.execute("UPDATE clean_message SET week = 'no week' WHERE record_id = 3")
    with pytest.raises(ContractError):
        aggregate(warehouse, {"board": source()})
    assert one(warehouse, "week_total")["about"] == 1
    assert one(warehouse, "unit_week")["about"] == 1


POSTS = st.lists(
    st.fixed_dictionaries(
        {
            "on": st.integers(0, 20),
            "who": st.sampled_from([None, "a", "b", "c"]),
            "event": st.integers(0, 3),
            "units": st.lists(st.tuples(st.sampled_from(["u1", "u2", None]), st.booleans()), max_size=3),
            "codes": st.dictionaries(st.sampled_from(["inaction", "delay"]), st.just(0.9), max_size=2),
            "withdrawn": st.booleans(),
        }
    ),
    max_size=12,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(POSTS)
def test_the_tables_agree_with_a_count_in_plain_python(warehouse: Warehouse, posts: list[dict[str, Any]]) -> None:
    messages = [message(n, **post) for n, post in enumerate(posts)]
    count(warehouse, messages)
    expected: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for m in messages:
        mentioned = {code or f"提法{at}" for at, (code, _) in enumerate(m["units"])}
        for code in {c for c, blamed in m["units"] if c and (blamed or len(mentioned) == 1)} if not m["withdrawn"] else ():
            expected.setdefault((code, week_of(day(m["on"]))), []).append(m)
    found = {(row["unit_code"], row["week"]): row for row in warehouse.query("SELECT * FROM unit_week").to_pylist()}
    assert found.keys() == expected.keys()
    for key, own in expected.items():
        conduct = [m for m in own if m["codes"]]
        assert found[key]["about"] == len(own)
        assert found[key]["messages"] == len(conduct)
        assert found[key]["complainants"] == len({m["who"] or m["event"] for m in conduct})
        assert found[key]["events"] == len({m["event"] for m in conduct})
    total = warehouse.query("SELECT sum(about) AS about, sum(messages) AS messages FROM week_total").to_pylist()[0]
    assert (total["about"] or 0) == sum(not m["withdrawn"] for m in messages)
