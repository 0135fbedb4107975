"""The main job, once for real: `weathervane demo` in a process of its own, then what each user would look at."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import duckdb
import pytest

from flows.runtime import open_vault
from pipelines.vault import VaultError
from pipelines.warehouse import DataDir, newest_snapshot, open_snapshot

ROOT = Path(__file__).parents[1]
WEEK = "2026-W34"


def weathervane(*arguments: str, data: Path | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | ({"WEATHERVANE_DATA": str(data)} if data else {})
    return subprocess.run(
        [sys.executable, "-m", "flows", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataDir, str]:
    root = tmp_path_factory.mktemp("demo") / "weathervane-demo"
    done = weathervane("demo", "--weeks", "26", "--data", str(root))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return DataDir(root), done.stdout


def test_demo_says_where_everything_is(demo: tuple[DataDir, str]) -> None:
    data, said = demo
    for made in ("docx", "pdf", "html", "json"):
        assert (data.bulletins / f"2026-34.{made}").stat().st_size > 2000
        assert f"2026-34.{made}" in said
    assert "0 differ" in said


def test_the_injected_surge_is_alerted_and_in_the_bulletin(demo: tuple[DataDir, str]) -> None:
    data, _ = demo
    with open_snapshot(newest_snapshot(data)) as snapshot:
        surged = snapshot.sql(f"SELECT unit_code, code FROM alert WHERE kind = 'surge' AND week = '{WEEK}'").fetchall()
    assert ("QJ-CGJ", "illegal_charges") in surged
    html = (data.bulletins / "2026-34.html").read_text(encoding="utf-8")
    surges = html[html.index("苗头性问题") :]
    assert "清江区城市管理和综合执法局" in surges


def test_the_silent_source_is_alerted_and_in_the_bulletin(demo: tuple[DataDir, str]) -> None:
    data, _ = demo
    with open_snapshot(newest_snapshot(data)) as snapshot:
        silent = snapshot.sql(f"SELECT source, status FROM coverage WHERE week = '{WEEK}' AND status <> 'ok'").fetchall()
        alerted = snapshot.sql(f"SELECT source FROM alert WHERE kind = 'silent_source' AND week = '{WEEK}'").fetchall()
        ((name,),) = snapshot.sql("SELECT name FROM source WHERE slug = 'leader_board'").fetchall()
    assert ("leader_board", "silent") in silent
    assert ("leader_board",) in alerted
    assert name in (data.bulletins / "2026-34.html").read_text(encoding="utf-8")


def identities(data: DataDir) -> set[str]:
    """Telephone and identity numbers that stand in structured fields of the vault."""
    with open_vault(data) as vault:
        stored = list(vault.read(vault.newest()["record_id"].to_pylist()))
    return {value for s in stored for name in ("phone", "id_number") if len(value := s.fields.get(name, "")) >= 11}


def test_no_number_of_a_person_is_anywhere_outside_the_vault(demo: tuple[DataDir, str]) -> None:
    data, said = demo
    numbers = identities(data)
    assert len(numbers) > 100
    pattern = re.compile("|".join(map(re.escape, sorted(numbers))))
    for database in (data.warehouse, newest_snapshot(data)):
        with duckdb.connect(str(database), read_only=True) as connection:
            for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                for row in connection.execute(f'SELECT CAST(row AS VARCHAR) FROM "{table}" AS row').fetchall():
                    assert not pattern.search(row[0] or ""), f"{database.name}: {table}"
    assert not pattern.search(said)
    for path in data.root.rglob("*"):
        inside = path.is_file() and not path.is_relative_to(data.vault.parent)
        if inside and not path.is_relative_to(data.drop) and not path.is_relative_to(data.root / "city"):
            parts = [path.read_bytes()]
            if path.suffix == ".docx":
                with zipfile.ZipFile(path) as archive:
                    parts += [archive.read(name) for name in archive.namelist()]
            for part in parts:
                assert not pattern.search(part.decode("utf-8", "ignore")), path.name


def test_the_snapshot_names_no_complainant_and_cannot_be_written(demo: tuple[DataDir, str]) -> None:
    data, _ = demo
    with open_snapshot(newest_snapshot(data)) as snapshot:
        columns = {row[0] for row in snapshot.sql("SELECT DISTINCT column_name FROM duckdb_columns()").fetchall()}
        assert "complainant_key" not in columns
        with pytest.raises(duckdb.Error):
            snapshot.execute("CREATE TABLE t (x INTEGER)")
        with pytest.raises(duckdb.Error):
            snapshot.execute("SELECT * FROM read_text('/etc/hostname')")
        ((least,),) = snapshot.sql("SELECT min(complainants) FROM unit_week_code WHERE complainants > 0").fetchall()
    assert least is None or least >= 5


def test_analyst_and_office_use_it(demo: tuple[DataDir, str]) -> None:
    data, _ = demo
    answer = weathervane("sql", "SELECT count(*) AS n FROM message", "--json", data=data.root)
    assert json.loads(answer.stdout)[0]["n"] > 1500
    verified = weathervane("bulletin", "verify", str(data.bulletins / "2026-34.json"), data=data.root)
    assert verified.returncode == 0, verified.stderr
    alerts = json.loads(weathervane("alerts", "list", "--json", data=data.root).stdout)
    first = alerts[0]["alert_id"]
    assert weathervane("alerts", "ack", first, "--by", "李科长", data=data.root).returncode == 0
    again = weathervane("alerts", "ack", first, "--by", "李科长", data=data.root)
    assert again.returncode == 2 and again.stderr.count("\n") == 1
    opened = weathervane("case", "open", "--alert", first, "--by", "李科长", data=data.root)
    assert opened.returncode == 0, opened.stderr
    case = opened.stdout.split(":")[0]
    early = weathervane("case", "close", case, "--by", "李科长", "--note", "核查属实", data=data.root)
    assert early.returncode == 2, "a case closed without feedback"


def test_reveal_is_audited_and_wants_a_reason(demo: tuple[DataDir, str]) -> None:
    data, _ = demo
    with open_vault(data) as vault:
        message_id = vault.newest()["message_id"][0].as_py()
        with pytest.raises(VaultError):
            vault.reveal(message_id, " ", "tester")
        before = len(vault.log("audit"))
    assert weathervane("reveal", message_id, "--reason", "核实线索需要", data=data.root).returncode == 0
    with open_vault(data) as vault:
        assert len(vault.log("audit")) == before + 1
        assert vault.audit_is_whole()


def test_doctor_finds_a_sound_installation_sound(demo: tuple[DataDir, str]) -> None:
    data, _ = demo
    done = weathervane("doctor", "--json", data=data.root)
    assert done.returncode == 0, done.stdout
    assert {row["state"] for row in json.loads(done.stdout)} <= {"right", "note"}
