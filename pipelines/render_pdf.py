"""A bulletin as PDF/A by typst, offline. Page and chart -> bytes. Text reaches the template as data, never as markup."""

import datetime as dt
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import typst

from pipelines.typefaces import PDF_FACES, SHIPPED

TEMPLATES = Path(__file__).parent / "templates"
_LONG_WORD = re.compile(r"([!-~\u00a1-\u02af]{20})(?=[!-~\u00a1-\u02af]{4})")


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=False, font_paths=[SHIPPED])


@cache
def _faces() -> dict[str, list[str]]:
    """For each use the faces that are there, best first, then any other Chinese face for rare characters."""
    there = _fonts().families()
    others = [name for name in there if re.search(r"CJK SC|Noto (Serif|Sans) SC|Source Han|WenQuanYi|Song|SimSun|Fandol", name)]
    return {use: [*dict.fromkeys([*(n for n in names if n in there), *others])] for use, names in PDF_FACES.items()}


def fonts_in_use() -> dict[str, str]:
    """For each use (title, body, head, subhead, table) the face that a PDF made here is set in."""
    return {use: names[0] for use, names in _faces().items()}


def pdf(page: dict[str, Any], chart_svg: bytes) -> bytes:
    """`page` is `issue.flat`. A character that no font here has is shown as an empty box."""
    made: bytes = typst.compile(
        TEMPLATES / "bulletin.typ", root=TEMPLATES, font_paths=_fonts(), format="pdf", pdf_standards="a-2b",
        sys_inputs=_inputs(page, chart_svg), timestamp=dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
    )  # fmt: skip
    return made


def first_page(page: dict[str, Any], chart_svg: bytes, dots_per_inch: float) -> bytes:
    """The first page as PNG."""
    made = typst.compile(
        TEMPLATES / "bulletin.typ",
        root=TEMPLATES,
        font_paths=_fonts(),
        format="png",
        ppi=dots_per_inch,
        sys_inputs=_inputs(page, chart_svg),
    )
    return made if isinstance(made, bytes) else made[0]


def _inputs(page: dict[str, Any], chart_svg: bytes) -> dict[str, str]:
    content = {**_breakable(page), "faces": _faces()}
    return {"page": json.dumps(content, ensure_ascii=False), "chart": chart_svg.decode()}


def _breakable(value: Any) -> Any:
    """Long words get places to break (zero-width spaces): typst breaks lines only where a language allows it."""
    if isinstance(value, str):
        return _LONG_WORD.sub("\\1\u200b", value)
    if isinstance(value, dict):
        return {key: _breakable(item) for key, item in value.items()}
    return [_breakable(item) for item in value] if isinstance(value, list) else value
