"""Commands about messages: take in, crawl, read, redact, teach, reveal, erase."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flows.console import DataOption, JsonOption, UsageError, data_dir, read_jsonl, say, show, write_jsonl

Output = Annotated[Path, typer.Option("-o", "--output")]


def add_to(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    for command in (ingest, crawl, classify, redact, evaluate, train, review, reveal, erase, retain):
        app.command()(command)


def ingest(
    files: list[Path], source: Annotated[str, typer.Option(help="slug of its declaration")], data: DataOption = None
) -> None:
    """Take in exports: .csv .tsv .xlsx .json .jsonl, any of UTF-8, UTF-8-BOM, GB18030, UTF-16. 导入"""
    from flows.runtime import data_at, open_vault, sources_of
    from pipelines.ingest import IngestError, ingest_file

    where = data_at(str(data_dir(data).root))
    declared = sources_of(where, [source])[source]
    broken = []
    with open_vault(where) as vault:
        for path in files:
            try:
                received = ingest_file(path, declared, vault)
            except (IngestError, FileNotFoundError) as error:
                broken.append(error)
                say(f"weathervane: {error}", error=True)
                continue
            say(
                f"{path.name}: {received.seen} rows: {received.new} new, {received.updated} updated, {received.same} same, "
                f"{received.ignored} ignored, {received.quarantined} quarantined"
            )
    if broken:
        raise typer.Exit(2)


def crawl(slugs: list[str], data: DataOption = None) -> None:
    """Run the sources' spiders, incrementally; a killed crawl goes on where it was. 抓取"""
    from crawlers.crawl import crawl as crawl_source
    from flows.runtime import data_at, sources_of

    where = data_at(str(data_dir(data).root))
    for slug, source in sources_of(where, slugs).items():
        if source.kind == "export":
            raise UsageError(f"{slug}: takes files, not a crawl; use `weathervane ingest FILE --source {slug}`")
        received = crawl_source(source, where)
        say(f"{slug}: {received.seen} seen, {received.new} new, {received.updated} updated, {received.quarantined} quarantined")


def classify(
    messages: Path,
    output: Output,
    places: Annotated[Path | None, typer.Option("--units", help="a unit registry; default that of the data directory")] = None,
    data: DataOption = None,
) -> None:
    """Read messages (JSONL: id, title, text): conduct codes with quotes, units, topic. 判读"""
    from flows.reading import read_rows

    say(f"{output}: {write_jsonl(output, read_rows(read_jsonl(messages), data_dir(data), places))} messages")


def redact(messages: Path, output: Output) -> None:
    """Mask what identifies persons (JSONL: id, title, text). 脱敏"""
    from pipelines.clean import redact_rows

    say(f"{output}: {write_jsonl(output, redact_rows(read_jsonl(messages)))} messages")


def evaluate(gold: Path, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Score the reading against labelled messages, with 95% intervals. 评测"""
    from flows.reading import score

    show(score(read_jsonl(gold, ("id", "title", "text", "labels", "topic")), data_dir(data)), as_json)


def train(
    labels: Annotated[list[Path] | None, typer.Option(help="labelled messages (JSONL), beside the written corpus")] = None,
    unlabelled: Annotated[list[Path] | None, typer.Option(help="messages without labels, for word statistics")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="where to save; default the data directory's model")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit, calibrate and save a model with its data hash and scores. 训练"""
    from flows.reading import train_model

    show(train_model(labels or [], unlabelled or [], output, data_dir(data)), as_json)


def review(
    export: Annotated[Path | None, typer.Option(help="write the uncertain labels to a CSV for an office to fill in")] = None,
    take: Annotated[Path | None, typer.Option("--import", help="take a filled-in file back")] = None,
    reviewer: Annotated[str, typer.Option("--by", help="who confirms")] = "",
    data: DataOption = None,
) -> None:
    """Confirm or correct uncertain labels, in the terminal or through a file. 复核"""
    from flows.reviewing import review_by_file, review_in_terminal

    if export or take:
        say(review_by_file(data_dir(data), export, take, reviewer))
    else:
        say(review_in_terminal(data_dir(data), reviewer))


def reveal(
    message_id: str, reason: Annotated[str, typer.Option(help="why; kept in the audit log")], data: DataOption = None
) -> None:
    """Show one unredacted message; the one way to it, audited. 调阅原文"""
    from flows.runtime import actor, data_at, open_vault

    with open_vault(data_at(str(data_dir(data).root))) as vault:
        for name, value in vault.reveal(message_id, reason, actor()).items():
            say(f"{name}: {value}")


def erase(
    complainant: Annotated[str, typer.Option(help="the complainant key")],
    reason: Annotated[str, typer.Option(help="why; kept in the audit log")] = "request of the person",
    data: DataOption = None,
) -> None:
    """Erase everything that one person wrote, for good. 删除个人数据"""
    from flows.upkeep import erase_person

    say(_line(erase_person(data_dir(data), complainant, reason)))


def retain(data: DataOption = None) -> None:
    """Apply the retention rules to the vault. 到期清除"""
    from flows.upkeep import apply_retention

    say(_line(apply_retention(data_dir(data))))


def _line(counts: dict[str, Any]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
