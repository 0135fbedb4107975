"""The vault: nothing readable at rest, versions by content, reveals audited, erasure and retention for good, kills survived."""

import datetime as dt
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.vault import Keys, Raw, Received, Vault, VaultError

WORDS = st.text(st.characters(exclude_categories=["Cs"]))
SECRET = "林某住在三号楼,电话一三八"


def raw(number: int, body: str = SECRET, **facts: object) -> Raw:
    return Raw("hotline", str(number), {"body": body, "posted_at": "20250506"}, f"a.csv:{number}", **facts)  # type: ignore[arg-type]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys.make(tmp_path / "keys")


@pytest.fixture
def vault(tmp_path: Path, keys: Keys) -> Iterator[Vault]:
    with Vault(tmp_path / "vault" / "vault.sqlite", keys) as opened:
        yield opened


def stored(vault: Vault) -> list[dict[str, str]]:
    return [version.fields for version in vault.read(vault.newest()["record_id"].to_pylist())]


# ---- keys


def test_keys_are_for_the_owner_only_and_never_replaced(tmp_path: Path) -> None:
    made = Keys.make(tmp_path / "keys")
    assert Keys.load(tmp_path / "keys") == made
    assert made.vault != made.digest
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    with pytest.raises(FileExistsError):
        Keys.make(tmp_path / "keys")
    assert Keys.load(tmp_path / "keys") == made


def test_keys_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match=r"vault\.key: no key; run"):
        Keys.load(tmp_path)
    Keys.make(tmp_path / "keys")
    key = tmp_path / "keys" / "digest.key"
    key.chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        Keys.load(tmp_path / "keys")
    key.chmod(0o600)
    key.write_bytes(b"c2hvcnQ=")
    with pytest.raises(VaultError, match="not a 256-bit key"):
        Keys.load(tmp_path / "keys")


def test_a_keyed_digest_keeps_its_parts_apart(keys: Keys) -> None:
    assert keys.keyed("message", "ab", "c") != keys.keyed("message", "a", "bc")
    assert keys.keyed("message", "a") != keys.keyed("content", "a")


def test_one_persons_spellings_give_one_key(vault: Vault) -> None:
    key = vault.complainant_key("s", "phone:13800000001")
    assert key == vault.complainant_key("s", "PHONE:１３８ 0000 0001\u3000")
    assert key != vault.complainant_key("s", "phone:13800000002")
    assert key != vault.complainant_key("t", "phone:13800000001")
    assert vault.complainant_key("s", " \u3000\t") is None


# ---- what is kept


def test_nothing_is_readable_at_rest(vault: Vault, tmp_path: Path) -> None:
    vault.receive([(raw(1, original=SECRET.encode("gb18030")), vault.complainant_key("s", "林某"))])
    vault.quarantine("hotline", "ingest", "a.csv:2", "bad_date", "mend it", SECRET.encode())
    files = [path for path in (tmp_path / "vault").iterdir() if path.is_file()]
    assert files
    for path in files:
        assert path.stat().st_mode & 0o077 == 0, path.name
        content = path.read_bytes()
        assert SECRET.encode() not in content
        assert SECRET.encode("gb18030") not in content
        assert "林某".encode() not in content


def test_versions_come_by_content(vault: Vault) -> None:
    assert vault.receive([(raw(1), None), (raw(2), None), (raw(1), None)]) == Received(3, 2, 0, 1)
    assert vault.receive([(raw(1, "新的答复"), None)]) == Received(1, 0, 1, 0)
    assert vault.receive([(raw(1, "新的答复"), None)]) == Received(1, 0, 0, 1)
    assert vault.receive([(raw(1), None)]).updated == 1  # back as it was is a change too
    newest = vault.newest()
    assert newest["record_id"].to_pylist() == [2, 4]
    assert vault.newest("hotline").equals(newest)
    assert vault.newest("other").num_rows == 0


def test_withdrawing_makes_a_version_once(vault: Vault) -> None:
    key = vault.complainant_key("s", "林某")
    vault.receive([(raw(1), key)])
    assert vault.withdraw("hotline", "1")
    assert not vault.withdraw("hotline", "1")
    assert not vault.withdraw("hotline", "9")
    (version,) = vault.read(vault.newest()["record_id"].to_pylist())
    assert (version.withdrawn, version.complainant_key, version.fields["body"]) == (True, key, SECRET)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(fields=st.dictionaries(WORDS, WORDS), original=st.binary())
def test_what_goes_in_comes_out(vault: Vault, fields: dict[str, str], original: bytes) -> None:
    vault.receive([(Raw("any", repr((fields, original)), fields, "p", False, original), None)])
    record_id = vault.newest()["record_id"].to_pylist()[-1]
    (version,) = vault.read([record_id])
    assert version.fields == fields
    sealed = vault._db.execute("SELECT message_id, nonce, payload FROM raw_message WHERE record_id = ?", (record_id,)).fetchone()
    assert vault._open(*sealed)[1] == original


def test_a_stored_version_shows_no_text_in_its_repr(vault: Vault) -> None:
    vault.receive([(raw(1), None)])
    (version,) = vault.read([1])
    assert SECRET not in repr(version)


def test_a_wrong_key_and_a_changed_or_moved_record_do_not_open(vault: Vault, tmp_path: Path) -> None:
    vault.receive([(raw(1), None), (raw(2), None)])
    path = tmp_path / "vault" / "vault.sqlite"
    with Vault(path, Keys.make(tmp_path / "others")) as stranger, pytest.raises(VaultError, match="wrong key"):
        list(stranger.read([1]))
    vault._db.execute("UPDATE raw_message SET nonce = (SELECT nonce FROM raw_message WHERE record_id = 2),"
                      " payload = (SELECT payload FROM raw_message WHERE record_id = 2) WHERE record_id = 1")  # fmt: skip
    with pytest.raises(VaultError):
        list(vault.read([1]))
    assert list(vault.read([404])) == []


# ---- quarantine, intake


def test_a_row_is_quarantined_once_and_shown_without_its_bytes(vault: Vault) -> None:
    assert vault.quarantine("hotline", "ingest", "a.csv:2", "bad_date", "mend it", SECRET.encode())
    assert not vault.quarantine("hotline", "ingest", "b.csv:9", "bad_date", "mend it", SECRET.encode())
    (entry,) = vault.log("quarantine")
    assert SECRET not in str(entry)
    assert (entry["place"], entry["reason"], type(entry["received_at"])) == ("a.csv:2", "bad_date", dt.datetime)
    assert vault.reveal_quarantined(entry["quarantine_id"], "mending the row", "林") == SECRET.encode()
    assert vault.log("audit")[-1]["subject"] == "quarantine 1"
    with pytest.raises(VaultError, match="no such entry"):
        vault.reveal_quarantined(9, "mending the row", "林")
    with pytest.raises(VaultError, match="reason"):
        vault.reveal_quarantined(1, " ", "林")


def test_a_stored_message_can_be_quarantined_by_its_number(vault: Vault) -> None:
    vault.receive([(raw(1), None)])
    assert vault.quarantine_stored(1, "clean", "bad_text", "look at it")
    assert not vault.quarantine_stored(7, "clean", "bad_text", "look at it")
    assert vault.log("quarantine")[0]["place"] == "a.csv:1"


def test_the_intake_log(vault: Vault) -> None:
    vault.log_intake("hotline", "a.csv", Received(6, 1, 2, 1, 1, 1))
    (entry,) = vault.log("intake")
    assert [entry[name] for name in ("seen", "new", "updated", "same", "ignored", "quarantined")] == [6, 1, 2, 1, 1, 1]


# ---- reveal, audit


def test_a_reveal_needs_a_reason_and_leaves_a_row_even_where_nothing_is_found(vault: Vault) -> None:
    vault.receive([(raw(1), "k" * 32)])
    message_id = vault.message_id("hotline", "1")
    with pytest.raises(VaultError, match="reason"):
        vault.reveal(message_id, "看看 ", "林")
    assert vault.log("audit") == []
    assert vault.reveal(message_id, "核实投诉内容", "林")["body"] == SECRET
    with pytest.raises(VaultError, match="no such message"):
        vault.reveal("m0000000000000000", "核实投诉内容", "林")
    assert [(entry["actor"], entry["action"]) for entry in vault.log("audit")] == [("林", "reveal")] * 2
    assert SECRET not in str(vault.log("audit"))


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET actor = 'x' WHERE entry = 2",
        "DELETE FROM audit WHERE entry = 1",
        "DELETE FROM audit WHERE entry = 2",
        "DELETE FROM audit WHERE entry = 3",
        "DELETE FROM audit",
        "INSERT INTO audit (at, actor, action, subject, reason, chain) VALUES ('x', 'x', 'x', 'x', 'x', 'x')",
    ],
)
def test_tampering_with_the_audit_log_shows(vault: Vault, tampering: str) -> None:
    assert vault.audit_is_whole()
    for number in range(3):
        vault.audit("林", "reveal", f"m{number}", "核实投诉内容")
    assert vault.audit_is_whole()
    vault._db.execute(tampering)
    assert not vault.audit_is_whole()


# ---- erasure, retention


def test_erasing_a_person_takes_every_version_and_keeps_it_out(vault: Vault, tmp_path: Path) -> None:
    person, other = vault.complainant_key("s", "林某"), vault.complainant_key("s", "王某")
    vault.receive([(raw(1), person), (raw(2), other), (raw(3), None)])
    vault.receive([(raw(1, SECRET + "(已隐去姓名)"), None)])  # a version in which the source no longer names the person
    assert person
    assert vault.erase(person, "林", "本人要求删除") == [vault.message_id("hotline", "1")]
    assert vault.newest().num_rows == 2
    assert vault.receive([(raw(1), person)]) == Received(1, 0, 0, 1)  # the next export does not bring it back
    assert vault.newest().num_rows == 2
    assert vault.erase(person, "林", "本人要求删除") == []
    assert [entry["action"] for entry in vault.log("audit")] == ["erase", "erase"]


def test_retention_empties_what_is_old_and_nothing_comes_in_twice(vault: Vault) -> None:
    old, today = dt.date(2020, 1, 1), dt.datetime.now(dt.UTC).date()
    vault.receive([(raw(1), None)], received_on=old)
    vault.receive([(raw(2), None)])
    vault.quarantine("hotline", "ingest", "a.csv:2", "bad_date", "mend it", b"x")
    vault._db.execute("UPDATE quarantine SET received_at = '2020-01-01T00:00:00'")
    vault.quarantine("hotline", "ingest", "a.csv:3", "bad_date", "mend it", b"y")
    assert vault.retain(today - dt.timedelta(days=2), "林") == 2
    assert vault.retain(today - dt.timedelta(days=2), "林") == 0
    assert stored(vault) == [{}, {"body": SECRET, "posted_at": "20250506"}]
    with pytest.raises(VaultError, match="no longer kept"):
        vault.reveal_quarantined(1, "mending the row", "林")
    assert vault.reveal_quarantined(2, "mending the row", "林") == b"y"
    assert vault.receive([(raw(1), None)]).same == 1
    assert not vault.quarantine("hotline", "ingest", "a.csv:2", "bad_date", "mend it", b"x")


# ---- transactions, processes


def test_a_failure_inside_a_transaction_leaves_nothing(vault: Vault) -> None:
    with pytest.raises(ZeroDivisionError), vault.transaction():
        vault.receive([(raw(1), None)])
        vault.quarantine("hotline", "ingest", "a.csv:2", "bad_date", "mend it", b"x")
        raise ZeroDivisionError
    assert vault.newest().num_rows == 0
    assert vault.log("quarantine") == []
    assert vault.receive([(raw(1), None)]).new == 1


def test_writers_side_by_side_lose_nothing(tmp_path: Path, keys: Keys) -> None:
    path = tmp_path / "vault.sqlite"

    def write(start: int) -> None:
        with Vault(path, keys) as own:
            for number in range(start, start + 40):
                own.receive([(raw(number), None), (raw(1000), None)])

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Vault(path, keys) as vault:
        assert vault.newest().num_rows == 121


def test_a_kill_in_the_middle_of_a_batch_leaves_whole_batches(tmp_path: Path, keys: Keys) -> None:
    script = (
        "import os, sys; from pathlib import Path; from pipelines.vault import Keys, Raw, Vault\n"
        "vault = Vault(Path(sys.argv[1]) / 'vault.sqlite', Keys.load(Path(sys.argv[1]) / 'keys'))\n"
        "def rows(start):\n"
        "    for n in range(start, start + 10):\n"
        "        if n == 15: os.kill(os.getpid(), 9)\n"
        "        yield Raw('hotline', str(n), {'body': 'x'}), None\n"
        "class Rows:\n"
        "    def __init__(self, start): self.start = start\n"
        "    def __len__(self): return 10\n"
        "    def __iter__(self): return rows(self.start)\n"
        "vault.receive(Rows(0)); vault.receive(Rows(10))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert done.returncode == -9
    with Vault(tmp_path / "vault.sqlite", keys) as vault:
        assert vault.newest().num_rows == 10
