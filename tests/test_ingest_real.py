"""The two real message boards, as they are, where they lie beside the repository: every row is accounted for."""

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest

from crawlers.sources import SourceDeclaration, load_source
from pipelines.ingest import ingest_file
from pipelines.moments import parse_moment
from pipelines.vault import Keys, Vault

ROOT = Path(__file__).parents[1]
REAL = ROOT.parent / "shared" / "real"
NOW = dt.datetime(2025, 6, 2)  # noqa: DTZ001


def declared(slug: str) -> SourceDeclaration:
    return load_source(ROOT / "tests" / "sources" / f"{slug}.toml")


def test_both_boards_share_their_accounts() -> None:
    asked, answered = declared("message_board_2019"), declared("message_board_replies")
    assert asked.identity_scope == answered.identity_scope == "message_board"
    assert answered.export is not None
    assert answered.export.columns["reply"] == ("答复意见",)


@pytest.mark.parametrize(
    ("slug", "name", "rows"),
    [
        ("message_board_2019", "message_board_2019.xlsx", 4214),
        ("message_board_replies", "message_board_replies_2011_2020.xlsx", 2777),
    ],
)
def test_a_real_board_goes_in_whole(tmp_path: Path, slug: str, name: str, rows: int) -> None:
    path = REAL / name
    if not path.exists():
        pytest.skip("the real exports do not lie beside this checkout (../shared/real)")
    with Vault(tmp_path / "vault.sqlite", Keys.make(tmp_path / "keys")) as vault:
        received = ingest_file(path, declared(slug), vault, now=NOW)
        assert received.seen == rows
        assert received.seen == received.new + received.updated + received.same + received.ignored + received.quarantined
        assert Counter(entry["reason"] for entry in vault.log("quarantine")) == Counter()
        assert (received.new, received.ignored) == (rows, 0)  # no id repeats in either file
        messages = list(vault.read(vault.newest()["record_id"].to_pylist()))
        assert len(messages) == rows
        for message in messages:
            assert message.fields["native_id"].isdigit()
            assert parse_moment(message.fields["posted_at"])
            assert message.complainant_key
        if slug == "message_board_replies":
            assert all(parse_moment(message.fields["replied_at"]) for message in messages)
            assert all("reply" in message.fields for message in messages)
        again = ingest_file(path, declared(slug), vault, now=NOW)
        assert (again.same, again.new) == (rows, 0)
