"""The weekly bulletin 《舆情快报》: drafted from a published snapshot, written as DOCX, PDF, HTML and JSON, signed, verified.

Reads: a snapshot. Writes: `<number>.json`, `.docx`, `.pdf`, `.html` in the bulletins folder, each aside and then renamed.
"""

import datetime as dt
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipelines.chapters import Span, family_series, overview, trend, types, units
from pipelines.evidence import coverage, explained, gaps, obstacle, surges, typical
from pipelines.figures import QueryRefusedError, Sheet, ask, first, quoted
from pipelines.issue import Figure, Issue, Ref, Scalar, flat
from pipelines.render_chart import picture
from pipelines.render_docx import docx
from pipelines.render_html import html
from pipelines.render_pdf import first_page, pdf
from pipelines.settings import Office
from pipelines.warehouse import open_snapshot

SMALL_CELL = "SELECT small_cell FROM meta"
FORMATS = ("docx", "pdf", "html", "json")


class IssueFileError(ValueError):
    """An issue file that cannot be read, or a step that its state does not allow: names the file and the mend."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A number that the snapshot does not give again."""

    figure: str
    stated: Scalar | str
    found: Scalar | str

    def __str__(self) -> str:
        return f"{self.figure}: the issue says {self.stated}, the snapshot {self.found}"


def number_of(week: str) -> str:
    """The number of a week's issue: 2019-W35 -> 2019-35."""
    return week.replace("-W", "-")


def draft(snapshot: Path, week: str, office: Office, *, drafted_on: dt.date) -> Issue:
    """Drafts the issue of an ISO week from a snapshot alone. Raises ValueError on a week that does not exist."""
    span, number = Span(week), number_of(week)
    with open_snapshot(snapshot) as connection:
        sheet = Sheet(connection)
        small = sheet.figure("small_cell", SMALL_CELL)
        before = f"SELECT count(DISTINCT number) + 1 FROM bulletin WHERE number < {quoted(number)}"
        sections = (
            overview(sheet, span, obstacle(sheet, span)),
            types(sheet, span),
            units(sheet, span, small),
            surges(sheet, span),
            typical(sheet, span),
            coverage(sheet, span),
            explained(sheet, span, number, small),
        )
        return Issue(
            number=number,
            week=week,
            starts=span.starts,
            ends=span.ends,
            bulletin=office.bulletin,
            office=office.name,
            recipients=office.recipients,
            drafted_on=drafted_on,
            snapshot=snapshot.resolve().name,
            small_cell=int(sheet.number(small)),
            total=sheet.figure("issue.total", before),
            warnings=gaps(sheet, span),
            sections=sections,
            figures=sheet.figures,
            trend=trend(sheet, span),
            families=family_series(sheet, span),
        )


def write(issue: Issue, folder: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Writes the issue in `formats`; JSON last, so that a state is on disk only when its papers are. Returns the paths.

    Raises IssueFileError for an unknown format, or where a draft would take a signed issue's place.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise IssueFileError(f"format {unknown[0]}: there are {', '.join(FORMATS)}")
    kept = folder / f"{issue.number}.json"
    if issue.state == "draft" and kept.exists() and read_issue(kept).state == "signed":
        raise IssueFileError(f"{kept}: this issue is signed; a draft does not take its place")
    folder.mkdir(parents=True, exist_ok=True)
    makers = _makers(issue, formats)
    for name in (name for name in FORMATS if name in makers):
        _put(folder / f"{issue.number}.{name}", makers[name]())
    return [folder / f"{issue.number}.{name}" for name in formats]


def _makers(issue: Issue, formats: Sequence[str]) -> dict[str, Callable[[], bytes]]:
    drawn: dict[str, bytes] = {}
    if set(formats) & {"docx", "pdf", "html"}:
        drawn = picture(issue)
    page = flat(issue)
    every: dict[str, Callable[[], bytes]] = {
        "json": lambda: issue.model_dump_json(indent=1).encode(),
        "docx": lambda: docx(page, drawn["png"]),
        "pdf": lambda: pdf(page, drawn["svg"]),
        "html": lambda: html(page, drawn["svg"]),
    }
    return {name: every[name] for name in every if name in formats}


def _put(target: Path, content: bytes) -> None:
    aside = target.with_name(f".{target.name}.part")  # left by a kill, it is overwritten by the next write
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def read_issue(file: Path) -> Issue:
    """The issue in a JSON file. Raises IssueFileError with the mend."""
    try:
        return Issue.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise IssueFileError(f"{file}: not an issue of this bulletin ({type(error).__name__}); draft it again") from None


def sign(issue: Issue, by: str, on: dt.date) -> Issue:
    """The issue, signed (签发): without the draft mark, with the signer's name. Raises IssueFileError where it is signed."""
    if issue.state == "signed":
        raise IssueFileError(f"{issue.number}: already signed by {issue.signed_by} on {issue.signed_on}")
    if not by.strip():
        raise IssueFileError(f"{issue.number}: name who signs")
    return issue.model_copy(update={"state": "signed", "signed_by": by.strip(), "signed_on": on})


def verify(file: Path, snapshot: Path) -> tuple[int, list[Mismatch]]:
    """Recomputes every number and chart point of an issue file. Returns how many were asked, and those that differ.

    A query that is not a single SELECT, fails, or does not end counts as a mismatch; it runs read-only and locked down.
    """
    issue = read_issue(file)
    wrong: list[Mismatch] = [Mismatch(name, "a figure", "no figure of this name") for name in _dangling(issue)]
    with open_snapshot(snapshot) as connection:
        for figure in issue.figures.values():
            try:
                found: Scalar | str = first(ask(connection, figure.sql))
            except QueryRefusedError as error:
                found = f"no answer: {error}"
            if not _same(figure.value, found):
                wrong.append(Mismatch(figure.id, _told(figure, figure.value), _told(figure, found)))
        for series in (issue.trend, issue.families):
            try:
                points = ask(connection, series.sql)
            except QueryRefusedError:
                points = []
            same = len(points) == len(series.points) and all(
                len(a) == len(b) and all(map(_same, a, b)) for a, b in zip(points, series.points, strict=True)
            )
            if not same:
                wrong.append(Mismatch(series.id, "points of the chart", "other points"))
    return len(issue.figures) + 2, wrong


def _dangling(issue: Issue) -> list[str]:
    """References to figures that the issue does not hold, and figures kept under a name that is not theirs."""
    used: set[str] = {issue.total.figure}
    lines = list(issue.warnings)
    for section in issue.sections:
        for block in section.blocks:
            if block.kind == "paragraph":
                lines.append(block.parts)
            elif block.kind == "table":
                lines += [cell for row in block.rows for cell in row]
    used |= {part.figure for parts in lines for part in parts if isinstance(part, Ref)}
    return sorted((used - set(issue.figures)) | {name for name, figure in issue.figures.items() if figure.id != name})


def _same(stated: Scalar, found: Scalar) -> bool:
    if isinstance(stated, int | float) and isinstance(found, int | float):
        return math.isclose(stated, found, rel_tol=1e-9, abs_tol=1e-9)
    return type(stated) is type(found) and stated == found


def _told(figure: Figure, value: Scalar) -> Scalar:
    """A value as a mismatch names it: a quotation is not repeated outside its bulletin."""
    return "another text" if figure.style in ("quote", "text") else value


def picture_of_first_page(issue: Issue, *, dots_per_inch: float = 110) -> bytes:
    """The first page as PNG, as the PDF shows it."""
    return first_page(flat(issue), picture(issue)["svg"], dots_per_inch)
