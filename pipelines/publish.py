"""Publishes: reads the warehouse; writes `published/weathervane-<UTC time>-<digest>.duckdb` and the link to the newest.

A snapshot is built aside, checked by opening it as a reader would, and only then named and linked: killed between any two
steps, the link still leads to a whole snapshot. Each file of `sql/snapshot` is one table, each of `sql/views` one view; the
comment lines at the head of a file say what the contracts do not.
"""

import datetime as dt
import hashlib
import os
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow as pa
import structlog

from models.taxonomy import CODES, FAMILIES, TOPICS
from models.taxonomy import VERSION as TAXONOMY_VERSION
from pipelines.contracts import TABLES, fields
from pipelines.counting import counted, sql_of
from pipelines.warehouse import DataDir, Warehouse, open_snapshot

KEEP = 3  # snapshots kept beside those that bulletins name
NAME = re.compile(r"weathervane-\d{8}T\d{6}Z-[0-9a-f]{12}\.duckdb")
SQL_TYPES = {"BIGINT": "整数", "VARCHAR": "文字", "DOUBLE": "小数", "BOOLEAN": "是否", "DATE": "日期", "HUGEINT": "整数"}

log = structlog.get_logger()


class PublishError(RuntimeError):
    """A snapshot that was built but must not be published: what is wrong with it."""


def publish(warehouse: Warehouse, data: DataDir, *, small_cell: int) -> Path:
    """Writes and links a snapshot of what the warehouse holds now; gives its path.

    Numbers of complainants below `small_cell` are hidden. Where nothing changed since the newest snapshot, that one is
    kept and only its time is renewed. Raises PublishError; the link then stays as it was.
    """
    folder = data.published.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob("*.part*"):  # of a run that was killed
        left.unlink()
    aside = folder / "weathervane.part"
    _build(warehouse, aside, small_cell)
    digest = _check(aside)
    current = data.published.resolve() if data.published.exists() else None
    if current is not None and current.name.endswith(f"-{digest}.duckdb"):
        aside.unlink()
        os.utime(current)
        return current
    final = _name(aside, digest)
    _link(data.published, final)
    gone = _prune(warehouse, data.published)
    log.info("publish", snapshot=final.name, bytes=final.stat().st_size, pruned=gone)
    return final


def _build(warehouse: Warehouse, aside: Path, small_cell: int) -> None:
    """Tables in one transaction of the warehouse, so they agree; then views and comments over a connection of its own."""
    quoted = str(aside).replace("'", "''")
    warehouse.execute(f"ATTACH '{quoted}' AS snapshot")
    try:
        with warehouse.transaction(), counted(warehouse), warehouse.given(**_given(small_cell)):
            for name in tables():
                warehouse.execute(f"CREATE TABLE snapshot.{name} AS {sql_of('snapshot', f'{name}.sql')}")
    finally:
        warehouse.execute("DETACH snapshot")
    with duckdb.connect(str(aside)) as connection:
        connection.execute("BEGIN")  # one wait for the disk instead of one for each of some two hundred comments
        for name in views():
            connection.execute(f"CREATE VIEW {name} AS {sql_of('views', f'{name}.sql')}")
        _write_dictionary(connection)
        connection.execute("COMMIT")


def tables() -> list[str]:
    """Names of the snapshot's tables, without the dictionary."""
    return _names("snapshot")


def views() -> list[str]:
    """Names of the snapshot's views."""
    return _names("views")


def _names(folder: str) -> list[str]:
    found = files("pipelines").joinpath("sql", folder).iterdir()
    return sorted(entry.name.removesuffix(".sql") for entry in found if entry.name.endswith(".sql"))


def _given(small_cell: int) -> dict[str, pa.Table]:
    """What the snapshot takes from the taxonomy and the settings."""
    codes = [
        {"place": place, "code": c.code, "family": c.family, "family_name": FAMILIES[c.family], "name": c.name,
         "severity": c.severity, "applies_when": c.when}
        for place, c in enumerate(CODES.values())
    ]  # fmt: skip
    return {
        "given_code": pa.Table.from_pylist(codes),
        "given_topic": pa.table({"place": list(range(len(TOPICS))), "topic": list(TOPICS)}),
        "given_meta": pa.table({"taxonomy_version": [TAXONOMY_VERSION], "small_cell": [small_cell]}),
    }


def _write_dictionary(connection: duckdb.DuckDBPyConnection) -> None:
    """`COMMENT ON` everything, and the same as the table `dictionary`."""
    entries: list[tuple[str, str, str, str]] = []
    for kind, name in [*(("TABLE", name) for name in tables()), *(("VIEW", name) for name in views())]:
        about, meanings = _meanings("snapshot" if kind == "TABLE" else "views", name)
        connection.execute(f"COMMENT ON {kind} {name} IS '{_quoted(about)}'")
        for column, sql_type in connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {name})").fetchall():
            if column not in meanings:
                raise PublishError(f"{name}.{column}: a column without a meaning; write it at the head of its SQL file")
            connection.execute(f"COMMENT ON COLUMN {name}.\"{column}\" IS '{_quoted(meanings[column])}'")
            entries.append((name, column, sql_type, meanings[column]))
    columns = zip(*entries, strict=True)
    given = pa.table(dict(zip(("table_name", "column_name", "type", "meaning"), map(list, columns), strict=True)))
    connection.register("given_entries", given)
    connection.execute("CREATE TABLE dictionary AS SELECT * FROM given_entries")
    connection.unregister("given_entries")
    connection.execute("COMMENT ON TABLE dictionary IS '数据字典:每张表、每个视图的每一列'")
    for column, meaning in (("table_name", "表或视图"), ("column_name", "列"), ("type", "类型"), ("meaning", "含义")):
        connection.execute(f"COMMENT ON COLUMN dictionary.\"{column}\" IS '{meaning}'")


def _meanings(folder: str, name: str) -> tuple[str, dict[str, str]]:
    """What a table or view and its columns mean: from its contract, and over it from the head of its SQL file."""
    row_class = TABLES.get({"message": "clean_message"}.get(name, name)) if folder == "snapshot" else None
    about = (row_class.__doc__ or "") if row_class else ""
    meanings = {field.name: field.column.meaning for field in fields(row_class)} if row_class else {}
    for line in _head(sql_of(folder, f"{name}.sql")):
        column, colon, meaning = line.partition(": ")
        if colon:
            meanings[column] = meaning
        else:
            about = line
    return about, meanings


def _head(sql: str) -> Iterator[str]:
    for line in sql.splitlines():
        if not line.startswith("--"):
            return
        yield line.removeprefix("--").strip()


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _check(aside: Path) -> str:
    """Opens the snapshot as a reader does, runs every view; gives the digest of its content. Raises PublishError."""
    if aside.with_name(aside.name + ".wal").exists():
        raise PublishError("the snapshot was not closed: its log is still there")
    digest = hashlib.sha256()
    with open_snapshot(aside) as connection:
        for name in [*tables(), "dictionary", *views()]:
            # the sum of row hashes does not depend on the order in which threads wrote the rows
            found = connection.execute(f"SELECT count(*), sum(hash(t)::HUGEINT)::VARCHAR FROM {name} AS t").fetchone()
            digest.update(f"{name} {found}\n".encode())
        leaks = connection.execute(
            "SELECT count(*) FROM duckdb_columns() WHERE column_name IN ('complainant_key', 'complainant')"
        )
        if leaks.fetchall() != [(0,)]:
            raise PublishError("a column of the snapshot names complainants")
    return digest.hexdigest()[:12]


def _name(aside: Path, digest: str) -> Path:
    """Gives the checked file its final name; it is on disk before it can be linked."""
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.chmod(0o440)
    return aside.rename(aside.with_name(f"weathervane-{_now():%Y%m%dT%H%M%SZ}-{digest}.duckdb"))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _link(link: Path, final: Path) -> None:
    """Swaps the link in one step, for readers never to find none."""
    beside = link.with_name("link.part")
    beside.symlink_to(final.name)
    beside.replace(link)


def _prune(warehouse: Warehouse, link: Path) -> int:
    """Removes snapshots that are neither linked, nor among the newest KEEP, nor named by a bulletin; gives how many."""
    named = set(warehouse.query("SELECT snapshot FROM bulletin")["snapshot"].to_pylist())
    found = sorted((path for path in link.parent.iterdir() if NAME.fullmatch(path.name)), key=lambda path: path.name)
    gone = [path for path in found[:-KEEP] if path.name not in named and path != link.resolve()]
    for path in gone:
        path.unlink()
    return len(gone)


def run_sql(data: DataDir, query: str) -> pa.Table:
    """A query's result from the newest snapshot: no writes, no files, no network. Raises FileNotFoundError, PublishError."""
    if not data.published.exists():
        raise FileNotFoundError(f"{data.published}: nothing is published yet; run `weathervane run` and `weathervane publish`")
    with open_snapshot(data.published.resolve()) as connection:
        try:
            result = connection.sql(query)
            return pa.table({}) if result is None else result.to_arrow_table()
        except duckdb.Error as error:
            raise PublishError(f"the query cannot be run: {str(error).splitlines()[0]}") from None


def data_dictionary_markdown(snapshot: Path) -> str:
    """The data dictionary as Markdown, from a snapshot's own comments (`docs/data-dictionary.md`)."""
    with open_snapshot(snapshot) as connection:
        about = dict(connection.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall())
        about |= dict(connection.execute("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall())
        rows = connection.execute("SELECT table_name, column_name, type, meaning FROM dictionary").fetchall()
    lines = [
        "# 数据字典 Data dictionary",
        "",
        "The published snapshot, `published/weathervane.duckdb`. Written from the contracts and the heads of the SQL",
        "files; a test holds it up to date. Views start with `v_`. It stands in the snapshot too: `SELECT * FROM dictionary`.",
    ]
    for name in dict.fromkeys(row[0] for row in rows):
        lines += ["", f"## {name}", "", about[name], "", "| 列 | 类型 | 含义 |", "|---|---|---|"]
        lines += [
            f"| `{column}` | {SQL_TYPES.get(kind, kind)} | {meaning} |" for table, column, kind, meaning in rows if table == name
        ]
    return "\n".join(lines) + "\n"
