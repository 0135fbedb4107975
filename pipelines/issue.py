"""The typed content of one bulletin 《舆情快报》, JSON in and out; renderers read this and nothing else. Touches no file.

Every number is a `Figure`: its value, and the query that gives it again from the snapshot. Text holds words and names;
where a number stands in it, it holds a `Ref` to the figure.
"""

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Scalar = int | float | str | None
Style = Literal["count", "people", "days", "change", "decimal", "day", "text", "quote"]

QUOTE_SHOWN = 160
_SPACES = re.compile(r"\s+")
# controls, bidirectional overrides, and what XML cannot hold: shown they would break a document or lie about its order
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(_Frozen):
    """A number (or a quoted text) with the query that gives it again."""

    id: str
    value: Scalar
    style: Style
    sql: str


class Ref(_Frozen):
    """Stands for a figure in a text."""

    figure: str


Part = str | Ref
Parts = tuple[Part, ...]


class Paragraph(_Frozen):
    """A paragraph: body text, a level-2 head (楷体), a quote, smaller text of explanations, or a note below a table."""

    kind: Literal["paragraph"] = "paragraph"
    style: Literal["body", "head", "quote", "small", "note"] = "body"
    parts: Parts


class Column(_Frozen):
    """A table column: its head, its share of the width, how it is set."""

    head: str
    share: float
    align: Literal["left", "center", "right"] = "center"


class Table(_Frozen):
    """A table; `rows` hold one `Parts` a cell."""

    kind: Literal["table"] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Parts, ...], ...]


class Chart(_Frozen):
    """Where the trend picture stands."""

    kind: Literal["chart"] = "chart"
    caption: str


Block = Annotated[Paragraph | Table | Chart, Field(discriminator="kind")]


class Section(_Frozen):
    """A numbered level-1 section (黑体 head)."""

    title: str
    blocks: tuple[Block, ...]


class Series(_Frozen):
    """The points of a chart, with the query that gives them again; one inner tuple a row of the result."""

    id: str
    sql: str
    columns: tuple[str, ...]
    points: tuple[tuple[Scalar, ...], ...]


class Issue(_Frozen):
    """One issue of the bulletin."""

    form: Literal[1] = 1
    number: str = Field(pattern=r"^\d{4}-\d{2}$")
    week: str = Field(pattern=r"^\d{4}-W\d{2}$")
    starts: dt.date
    ends: dt.date
    bulletin: str
    office: str
    recipients: str
    state: Literal["draft", "signed"] = "draft"
    drafted_on: dt.date
    signed_by: str | None = None
    signed_on: dt.date | None = None
    snapshot: str
    small_cell: int
    total: Ref
    warnings: tuple[Parts, ...]
    sections: tuple[Section, ...]
    figures: dict[str, Figure]
    trend: Series
    families: Series

    def text(self, parts: Parts) -> str:
        """The words of `parts` with the figures filled in, free of control characters."""
        return "".join(plain(part) if isinstance(part, str) else self.shown(self.figures[part.figure]) for part in parts)

    def shown(self, figure: Figure) -> str:
        """A figure as readers see it: a hidden small cell is `<5`, what is not known is a dash."""
        value = figure.value
        if value is None:
            return f"<{self.small_cell}" if figure.style == "people" else "—"
        if figure.style == "quote":
            words = plain(str(value))
            return words if len(words) <= QUOTE_SHOWN else words[:QUOTE_SHOWN] + "……"
        if isinstance(value, str):
            return chinese_day(dt.date.fromisoformat(value), year=False) if figure.style == "day" else plain(value)
        if figure.style == "change":
            return "持平" if value == 0 else f"{'增加' if value > 0 else '减少'}{abs(value):g}"
        if figure.style in ("days", "decimal"):
            return f"{value:.1f}"
        return str(value)


def plain(text: str) -> str:
    """`text` on one line, without the characters that no document can show."""
    return _SPACES.sub(" ", _UNSHOWABLE.sub("", text)).strip()


def chinese_day(day: dt.date, *, year: bool = True) -> str:
    """2019年9月1日, or 9月1日."""
    return f"{day.year}年{day.month}月{day.day}日" if year else f"{day.month}月{day.day}日"


def flat(issue: Issue) -> dict[str, Any]:
    """The issue as plain strings in the order of the page: what the renderers set. JSON-ready."""
    upward, _, copies = issue.recipients.replace("；", ";").partition(";")
    day = issue.signed_on or issue.drafted_on
    return {
        "bulletin": plain(issue.bulletin),
        "number": f"第{int(issue.number[5:])}期（总第{issue.text((issue.total,))}期）",
        "year": issue.number[:4],
        "office": plain(issue.office),
        "day": chinese_day(day),
        "title": f"{issue.week[:4]}年第{int(issue.week[6:])}周群众反映作风问题情况",
        "draft": issue.state == "draft",
        "signed_by": plain(issue.signed_by or ""),
        "warnings": [issue.text(parts) for parts in issue.warnings],
        "sections": [{"title": s.title, "blocks": _flat_blocks(issue, s)} for s in issue.sections],
        "upward": plain(upward),
        "copies": plain(copies),
        "printed": f"{chinese_day(day)}印发",
    }


def _flat_blocks(issue: Issue, section: Section) -> list[dict[str, Any]]:
    """A paragraph that leads to a table, and the last one before the imprint, is to stay with what follows (`keep`)."""
    last = section is issue.sections[-1]
    following = (*section.blocks[1:], None)
    return [
        {**_flat_block(issue, block), "keep": isinstance(after, Table) or (last and after is None)}
        for block, after in zip(section.blocks, following, strict=True)
    ]


def _flat_block(issue: Issue, block: Paragraph | Table | Chart) -> dict[str, Any]:
    if isinstance(block, Paragraph):
        return {"kind": block.kind, "style": block.style, "text": issue.text(block.parts)}
    if isinstance(block, Chart):
        return {"kind": block.kind, "caption": block.caption}
    return {
        "kind": block.kind,
        "caption": block.caption,
        "columns": [column.model_dump() for column in block.columns],
        "rows": [[issue.text(cell) for cell in row] for row in block.rows],
    }
