"""The vault: every message as its source gave it, encrypted at rest, and the only place with identities.

Takes `Raw` rows from crawlers and exports, gives them back to the cleaning stage. SQLite, so that a crawler's process and
the flow write side by side; one AES-256-GCM ciphertext a version; nothing readable but keyed digests, dates and counts.
Reading for a person goes through `reveal`, which writes a chained audit row first.
"""

import base64
import datetime as dt
import hmac
import json
import os
import re
import sqlite3
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SHANGHAI = ZoneInfo("Asia/Shanghai")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS raw_message (
    record_id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL, source TEXT NOT NULL, digest TEXT NOT NULL,
    complainant_key TEXT, withdrawn INTEGER NOT NULL, received_on TEXT NOT NULL, nonce BLOB NOT NULL, payload BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS raw_by_message ON raw_message (message_id, record_id);
CREATE INDEX IF NOT EXISTS raw_by_complainant ON raw_message (complainant_key);
CREATE TABLE IF NOT EXISTS intake (
    intake_id INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, origin TEXT NOT NULL, received_at TEXT NOT NULL,
    seen INTEGER NOT NULL, new INTEGER NOT NULL, updated INTEGER NOT NULL, same INTEGER NOT NULL, ignored INTEGER NOT NULL,
    quarantined INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine (
    quarantine_id INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL UNIQUE, source TEXT NOT NULL, stage TEXT NOT NULL,
    place TEXT NOT NULL, reason TEXT NOT NULL, mend TEXT NOT NULL, received_at TEXT NOT NULL,
    nonce BLOB NOT NULL, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS erased (message_id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS audit (
    entry INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL,
    reason TEXT NOT NULL, chain TEXT NOT NULL);
"""


class VaultError(RuntimeError):
    """A vault that cannot be opened or a record that cannot be read: one line with the mend, never a text."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The vault's two secrets: one encrypts, the other makes keyed digests that nobody can go back from."""

    vault: bytes
    digest: bytes

    @classmethod
    def make(cls, folder: Path) -> "Keys":
        """Writes new keys into `folder`, mode 0600. Raises FileExistsError rather than replace one."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("vault.key", "digest.key"):
            handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(base64.b64encode(os.urandom(32)) + b"\n")
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> "Keys":
        """Reads the keys in `folder`. Raises VaultError when one is absent, damaged or open to others."""
        secrets = []
        for name in ("vault.key", "digest.key"):
            path = folder / name
            try:
                if path.stat().st_mode & 0o077:
                    raise VaultError(f"{path}: others may read this key; run `chmod 600 {path}`")
                secret = base64.b64decode(path.read_bytes(), validate=False)
            except FileNotFoundError:
                raise VaultError(f"{path}: no key; run `weathervane init` for a new vault, or bring the key back") from None
            if len(secret) != 32:
                raise VaultError(f"{path}: not a 256-bit key; bring the right key back")
            secrets.append(secret)
        return cls(*secrets)

    def keyed(self, domain: str, *parts: str) -> str:
        """HMAC-SHA-256 of `parts` within `domain`, in hex."""
        words = "\x1f".join((domain, *parts)).encode()
        return hmac.digest(self.digest, words, "sha256").hex()


@dataclass(frozen=True, slots=True)
class Raw:
    """One message as it came: `fields` by canonical name (see crawlers/sources.py), still unread strings."""

    source: str
    native_id: str
    fields: dict[str, str]
    place: str = ""
    withdrawn: bool = False
    original: bytes = b""


@dataclass(slots=True)
class Received:
    """What became of the rows of one file or crawl."""

    seen: int = 0
    new: int = 0
    updated: int = 0
    same: int = 0
    ignored: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a message, decrypted in memory for the cleaning stage."""

    record_id: int
    message_id: str
    source: str
    complainant_key: str | None
    withdrawn: bool
    fields: dict[str, str] = field(repr=False)
    place: str = ""


class Vault:
    """The open vault. Safe to open from several processes; one object belongs to one thread."""

    def __init__(self, path: Path, keys: Keys) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._keys = keys
        self._aead = AESGCM(keys.vault)
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
        path.chmod(0o600)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA secure_delete=ON")
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> "Vault":
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def message_id(self, source: str, native_id: str) -> str:
        """The message's public number: a keyed digest of source and native id."""
        return "m" + self._keys.keyed("message", source, native_id)[:16]

    def complainant_key(self, scope: str, identity: str) -> str | None:
        """The keyed digest of who wrote a message, or None for the anonymous.

        `identity` is folded first (width, case, spaces), so that one person's spellings give one key.
        """
        folded = re.sub(r"\s+", "", unicodedata.normalize("NFKC", identity)).casefold()
        return self._keys.keyed("complainant", scope, folded)[:32] if folded else None

    def receive(self, rows: Sequence[tuple[Raw, str | None]], *, received_on: dt.date | None = None) -> Received:
        """Stores (row, complainant key) pairs in one transaction; a row equal to its newest version is counted as same.

        So is a row of an erased message: what was erased does not come back with the next crawl or export.
        """
        counted = Received(seen=len(rows))
        today = (received_on or dt.datetime.now(SHANGHAI).date()).isoformat()
        with self.transaction():
            erased = {row[0] for row in self._db.execute("SELECT message_id FROM erased")}
            for raw, complainant in rows:
                message_id = self.message_id(raw.source, raw.native_id)
                if message_id in erased:
                    counted.same += 1
                    continue
                facts = json.dumps([raw.fields, raw.withdrawn], ensure_ascii=False, sort_keys=True)
                digest = self._keys.keyed("content", facts)[:32]
                newest = self._db.execute(
                    "SELECT digest FROM raw_message WHERE message_id = ? ORDER BY record_id DESC LIMIT 1", (message_id,)
                ).fetchone()
                if newest and newest[0] == digest:
                    counted.same += 1
                    continue
                counted.new, counted.updated = counted.new + (newest is None), counted.updated + (newest is not None)
                nonce, sealed = self._seal(message_id, {"fields": raw.fields, "place": raw.place}, raw.original)
                self._db.execute(
                    "INSERT INTO raw_message (message_id, source, digest, complainant_key, withdrawn, received_on, nonce,"
                    " payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (message_id, raw.source, digest, complainant, raw.withdrawn, today, nonce, sealed),
                )
        return counted

    def withdraw(self, source: str, native_id: str) -> bool:
        """Marks the newest version of a message as withdrawn at its source; False when unknown or already so."""
        message_id = self.message_id(source, native_id)
        row = self._db.execute(
            "SELECT record_id FROM raw_message WHERE message_id = ? ORDER BY record_id DESC LIMIT 1", (message_id,)
        ).fetchone()
        if row is None:
            return False
        (stored,) = self.read([row[0]])
        return bool(self.receive([(Raw(source, native_id, stored.fields, stored.place, True), stored.complainant_key)]).updated)

    def newest(self, source: str | None = None) -> pa.Table:
        """message_id, record_id, source of the newest version of each message, in order of record_id."""
        rows = self._db.execute(
            "SELECT message_id, max(record_id), source FROM raw_message"
            " WHERE ?1 IS NULL OR source = ?1 GROUP BY message_id ORDER BY 2",
            (source,),
        ).fetchall()
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        return pa.table({"message_id": pa.array(columns[0], pa.string()), "record_id": pa.array(columns[1], pa.int64()),
                         "source": pa.array(columns[2], pa.string())})  # fmt: skip

    def read(self, record_ids: Iterable[int]) -> Iterator[Stored]:
        """The versions with these ids, decrypted, in the order given. Raises VaultError on a wrong key or damage."""
        for record_id in record_ids:
            row = self._db.execute(
                "SELECT message_id, source, complainant_key, withdrawn, nonce, payload FROM raw_message WHERE record_id = ?",
                (record_id,),
            ).fetchone()
            if row is not None:
                facts, _ = self._open(row[0], row[4], row[5])
                yield Stored(record_id, row[0], row[1], row[2], bool(row[3]), facts["fields"], facts["place"])

    def quarantine(self, source: str, stage: str, place: str, reason: str, mend: str, payload: bytes) -> bool:
        """Keeps a row that could not be taken, encrypted, with its reason; False when the same row is there already."""
        digest = self._keys.keyed("quarantine", source, stage, reason, payload.hex())[:32]
        nonce, sealed = self._seal(digest, {}, payload)
        done = self._db.execute(
            "INSERT OR IGNORE INTO quarantine (digest, source, stage, place, reason, mend, received_at, nonce, payload)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (digest, source, stage, place, reason, mend, _now(), nonce, sealed),
        )
        return done.rowcount == 1

    def quarantine_stored(self, record_id: int, stage: str, reason: str, mend: str) -> bool:
        """Notes that a stored version could not be read any further; it stays where it is."""
        for stored in self.read([record_id]):
            return self.quarantine(stored.source, stage, stored.place, reason, mend, stored.message_id.encode())
        return False

    def log_intake(self, source: str, origin: str, received: Received) -> None:
        """Writes down what became of one file or crawl."""
        self._db.execute(
            "INSERT INTO intake (source, origin, received_at, seen, new, updated, same, ignored, quarantined)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (source, origin, _now(), *astuple(received)),
        )

    def log(self, name: str) -> list[dict[str, Any]]:
        """The rows of `intake` or `quarantine` (without payload) or `audit`, for the warehouse and for people."""
        columns = {
            "intake": "intake_id, source, origin, received_at, seen, new, updated, same, ignored, quarantined",
            "quarantine": "quarantine_id, source, stage, place, reason, mend, received_at",
            "audit": "entry, at, actor, action, subject, reason",
        }[name]
        cursor = self._db.execute(f"SELECT {columns} FROM {name} ORDER BY 1")
        names = [c[0] for c in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
        for row in rows:
            if "received_at" in row:
                row["received_at"] = dt.datetime.fromisoformat(row["received_at"])
        return rows

    def reveal(self, message_id: str, reason: str, actor: str) -> dict[str, str]:
        """The unredacted newest version of one message; the audit row is written before anything is read."""
        self._audit_reveal(actor, message_id, reason)
        row = self._db.execute(
            "SELECT record_id FROM raw_message WHERE message_id = ? ORDER BY record_id DESC LIMIT 1", (message_id,)
        ).fetchone()
        if row is None:
            raise VaultError(f"{message_id}: no such message in the vault")
        (stored,) = self.read([row[0]])
        return {**stored.fields, "complainant_key": stored.complainant_key or ""}

    def reveal_quarantined(self, quarantine_id: int, reason: str, actor: str) -> bytes:
        """The bytes of one quarantined row, for whoever mends it; audited like `reveal`."""
        self._audit_reveal(actor, f"quarantine {quarantine_id}", reason)
        row = self._db.execute(
            "SELECT digest, nonce, payload FROM quarantine WHERE quarantine_id = ? AND payload != x''", (quarantine_id,)
        ).fetchone()
        if row is None:
            raise VaultError(f"{quarantine_id}: no such entry in the quarantine, or no longer kept")
        return self._open(*row)[1]

    def erase(self, complainant_key: str, actor: str, reason: str) -> list[str]:
        """Deletes every message that a person wrote, for good; gives the message ids, to be taken out of the warehouse.

        All versions go, those too in which the source no longer names the person.
        """
        self.audit(actor, "erase", complainant_key, reason)
        with self.transaction():
            found = self._db.execute("SELECT DISTINCT message_id FROM raw_message WHERE complainant_key = ?", (complainant_key,))
            ids = sorted(row[0] for row in found)
            for message_id in ids:
                self._db.execute("INSERT OR IGNORE INTO erased VALUES (?)", (message_id,))
                self._db.execute("DELETE FROM raw_message WHERE message_id = ?", (message_id,))
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return ids

    def retain(self, received_before: dt.date, actor: str) -> int:
        """Empties the payload of versions and of quarantined rows older than the retention rule; gives how many.

        The keyed digests stay, so nothing comes in twice.
        """
        self.audit(actor, "retain", received_before.isoformat(), "retention rule")
        with self.transaction():
            rows = self._db.execute(
                "SELECT record_id, message_id FROM raw_message WHERE received_on < ? AND length(payload) > 64",
                (received_before.isoformat(),),
            ).fetchall()
            for record_id, message_id in rows:
                nonce, sealed = self._seal(message_id, {"fields": {}, "place": ""}, b"")
                self._db.execute("UPDATE raw_message SET nonce = ?, payload = ? WHERE record_id = ?", (nonce, sealed, record_id))
            bad = self._db.execute(
                "UPDATE quarantine SET nonce = x'', payload = x'' WHERE received_at < ? AND payload != x''",
                (received_before.isoformat(),),
            ).rowcount
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(rows) + bad

    def audit(self, actor: str, action: str, subject: str, reason: str) -> None:
        """Adds a row to the audit log, chained to the one before it."""
        with self.transaction():
            before = self._db.execute("SELECT chain FROM audit ORDER BY entry DESC LIMIT 1").fetchone()
            at = _now()
            chain = self._keys.keyed("audit", before[0] if before else "", at, actor, action, subject, reason)
            self._db.execute(
                "INSERT INTO audit (at, actor, action, subject, reason, chain) VALUES (?, ?, ?, ?, ?, ?)",
                (at, actor, action, subject, reason, chain),
            )

    def _audit_reveal(self, actor: str, subject: str, reason: str) -> None:
        if len(reason.strip()) < 4:
            raise VaultError("a reveal needs a reason of at least four characters; it is kept in the audit log")
        self.audit(actor, "reveal", subject, reason)

    def audit_is_whole(self) -> bool:
        """True when no row of the audit log was changed, taken out (the last ones included) or slipped in."""
        before = ""
        held = self._db.execute("SELECT count(*) FROM audit").fetchone()
        newest = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone() or (0,)
        if held != newest:  # a chain does not miss its end; SQLite's own counter does
            return False
        for at, actor, action, subject, reason, chain in self._db.execute(
            "SELECT at, actor, action, subject, reason, chain FROM audit ORDER BY entry"
        ):
            if chain != self._keys.keyed("audit", before, at, actor, action, subject, reason):
                return False
            before = chain
        return True

    def transaction(self) -> "_Immediate":
        """What is written inside is written whole or not at all; may be nested, the outermost one commits."""
        return _Immediate(self._db)

    def _seal(self, bound_to: str, facts: dict[str, Any], original: bytes) -> tuple[bytes, bytes]:
        words = json.dumps(facts, ensure_ascii=False).encode()
        plain = zlib.compress(len(words).to_bytes(8, "big") + words + original, 1)
        nonce = os.urandom(12)
        return nonce, self._aead.encrypt(nonce, plain, bound_to.encode())

    def _open(self, bound_to: str, nonce: bytes, sealed: bytes) -> tuple[dict[str, Any], bytes]:
        try:
            plain = zlib.decompress(self._aead.decrypt(nonce, sealed, bound_to.encode()))
        except InvalidTag:
            raise VaultError("the vault key does not open this record: wrong key, or the record was changed") from None
        length = int.from_bytes(plain[:8], "big")
        return json.loads(plain[8 : 8 + length]), plain[8 + length :]


class _Immediate:
    """BEGIN IMMEDIATE … COMMIT, so that a second writer waits instead of failing half-way."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db, self._outermost = db, False

    def __enter__(self) -> None:
        self._outermost = not self._db.in_transaction
        if self._outermost:
            self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._outermost:
            self._db.execute("ROLLBACK" if kind else "COMMIT")


def _now() -> str:
    return dt.datetime.now(SHANGHAI).replace(tzinfo=None, microsecond=0).isoformat()
