"""A bulletin as DOCX in the layout of official papers (GB/T 9704). Page and chart -> bytes.

The official faces are named, not embedded: an office's machine has them. Text goes in as text runs; no field, no link.
"""

import datetime as dt
from io import BytesIO
from typing import Any

from docx import Document
from docx.enum.table import WD_ALIGN_VERTICAL, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING, WD_TAB_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from pipelines.typefaces import BODY, HEAD, SUBHEAD, TITLE

RED = RGBColor(0xC8, 0x16, 0x1D)
TEXT_MM = 210 - 28 - 26
ALIGN = {"left": WD_ALIGN_PARAGRAPH.LEFT, "center": WD_ALIGN_PARAGRAPH.CENTER, "right": WD_ALIGN_PARAGRAPH.RIGHT}
TABLE_FACE = "宋体"
_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def docx(page: dict[str, Any], chart_png: bytes) -> bytes:
    """`page` is `issue.flat`; the chart is a picture."""
    document = Document()
    _page_setup(document, page)
    _masthead(document, page)
    if page["warnings"]:
        _warning(document, page["warnings"])
    for section in page["sections"]:
        _paragraph(document, section["title"], HEAD, outline=0, keep=True, before=6)
        for block in section["blocks"]:
            _block(document, block, chart_png)
    _imprint(document, page)
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def _page_setup(document: Any, page: dict[str, Any]) -> None:
    part = document.sections[0]
    part.page_width, part.page_height = Mm(210), Mm(297)
    part.top_margin, part.bottom_margin, part.left_margin, part.right_margin = Mm(37), Mm(35), Mm(28), Mm(26)
    part.footer_distance, part.header_distance = Mm(25), Mm(20)
    normal = document.styles["Normal"]
    normal.font.size = Pt(16)
    _face(normal, BODY)
    for language in document.styles.element.iter(qn("w:lang")):  # else Chinese punctuation is set as in Hong Kong
        language.set(qn("w:eastAsia"), "zh-CN")
    fields = document.core_properties
    fields.title, fields.author, fields.comments = f"{page['bulletin']} {page['number']}", page["office"], ""
    fields.language, fields.created, fields.modified = "zh-CN", _EPOCH, _EPOCH
    foot = part.footer.paragraphs[0]
    foot.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _run(foot, "— ", TABLE_FACE, 14)
    _page_number(foot)
    _run(foot, " —", TABLE_FACE, 14)
    if page["draft"]:
        head = part.header.paragraphs[0]
        head.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        _run(head, "草稿　未经签发", HEAD, 14, RGBColor(0x80, 0x80, 0x80))


def _masthead(document: Any, page: dict[str, Any]) -> None:
    name = _paragraph(document, "", TITLE, align="center", indent=False, line=64)
    run = _run(name, page["bulletin"], TITLE, 54, RED)
    spacing = OxmlElement("w:spacing")
    spacing.set(qn("w:val"), "240")  # twentieths of a point
    run._element.get_or_add_rPr().insert_element_before(spacing, "w:w", "w:kern", "w:position", "w:sz", "w:szCs")
    _paragraph(document, page["number"], BODY, align="center", indent=False)
    lines = [page["office"] + "\t" + page["day"]] + ([f"\t签发人：{page['signed_by']}"] if page["signed_by"] else [])
    for text in lines:
        line = _paragraph(document, text, BODY, align="left", indent=False)
        line.paragraph_format.tab_stops.add_tab_stop(Mm(TEXT_MM), WD_TAB_ALIGNMENT.RIGHT)
    _border(line, "bottom", 18, "C8161D")
    _paragraph(document, page["title"], TITLE, 22, align="center", indent=False, line=32, before=12, after=6)


def _warning(document: Any, warnings: list[str]) -> None:
    table = document.add_table(rows=1, cols=1)
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    _grid(table, "C8161D", 8)
    cell = table.rows[0].cells[0]
    first = cell.paragraphs[0]
    _run(first, "来源提示", HEAD, 13, RED)
    for words in warnings:
        _run(cell.add_paragraph(), words, BODY, 13)
    for line in cell.paragraphs:
        line.paragraph_format.space_before = line.paragraph_format.space_after = Pt(2)
    _whole_row(table.rows[0])


def _block(document: Any, block: dict[str, Any], chart_png: bytes) -> None:
    if block["kind"] == "table":
        _table(document, block)
    elif block["kind"] == "chart":
        line = _paragraph(document, "", BODY, align="center", indent=False, line=None, before=4, after=4)
        shape = line.add_run().add_picture(BytesIO(chart_png), width=Mm(TEXT_MM - 1))
        shape._inline.docPr.set("descr", block["caption"])
        for side in ("distT", "distB", "distL", "distR"):  # a missing distance is not taken for none everywhere
            shape._inline.set(side, "0")
    elif block["style"] == "head":
        _paragraph(document, block["text"], SUBHEAD, outline=1, keep=True)
    elif block["style"] == "note":
        _paragraph(document, block["text"], SUBHEAD, 11, align="left", indent=False, line=17, before=4, after=6)
    elif block["style"] == "small":
        _paragraph(document, block["text"], BODY, 14, line=23, keep=block["keep"])
    else:
        _paragraph(document, block["text"], BODY, keep=block["keep"])


def _table(document: Any, block: dict[str, Any]) -> None:
    caption = _paragraph(document, block["caption"], HEAD, 12, align="center", indent=False, line=22, keep=True, before=4)
    caption.paragraph_format.space_after = Pt(2)
    columns = block["columns"]
    table = document.add_table(rows=0, cols=len(columns))
    table.autofit, table.alignment = False, WD_TABLE_ALIGNMENT.CENTER
    _grid(table, "5A5A5A", 4)
    widths = [TEXT_MM * column["share"] / sum(c["share"] for c in columns) for column in columns]
    for grid, width in zip(table.columns, widths, strict=True):
        grid.width = Mm(width)
    lines = [[column["head"] for column in columns], *block["rows"]]
    for at, words in enumerate(lines):
        row = table.add_row()
        _whole_row(row)
        if at == 0:
            _flag(row._tr.get_or_add_trPr(), "w:tblHeader")
        for cell, column, width, text in zip(row.cells, columns, widths, words, strict=True):
            cell.width, cell.vertical_alignment = Mm(width), WD_ALIGN_VERTICAL.CENTER
            line = cell.paragraphs[0]
            line.alignment = ALIGN["center" if at == 0 else column["align"]]
            line.paragraph_format.space_before = line.paragraph_format.space_after = Pt(2.5)
            # the head stays with its first rows, a last row is not left alone on a page
            line.paragraph_format.keep_with_next = at < 2 or at == len(lines) - 2
            _run(line, text, HEAD if at == 0 else TABLE_FACE, 10.5)


def _imprint(document: Any, page: dict[str, Any]) -> None:
    lines = [f"报：{page['upward']}"] + ([f"送：{page['copies']}"] if page["copies"] else [])
    made = [
        _paragraph(document, text, BODY, 14, align="left", indent=False, keep=True, before=22 if at == 0 else 0)
        for at, text in enumerate(lines)
    ]
    office = _paragraph(document, f"{page['office']}\t{page['printed']}", BODY, 14, align="left", indent=False, keep=True)
    office.paragraph_format.tab_stops.add_tab_stop(Mm(TEXT_MM), WD_TAB_ALIGNMENT.RIGHT)
    _border(made[0], "top", 10, "000000")
    _border(office, "top", 4, "000000")
    _border(office, "bottom", 10, "000000")
    _paragraph(document, "（共印　　　份）", BODY, 14, align="right", indent=False)


def _paragraph(
    document: Any, text: str, face: str, size: float = 16, *, align: str | None = None, indent: bool = True,
    line: float | None = 28.9, keep: bool = False, before: float = 0, after: float = 0, outline: int | None = None,
) -> Any:  # fmt: skip
    made = document.add_paragraph()
    form = made.paragraph_format
    form.alignment = ALIGN[align] if align else WD_ALIGN_PARAGRAPH.JUSTIFY
    form.space_before, form.space_after, form.keep_with_next, form.widow_control = Pt(before), Pt(after), keep, True
    if line:
        form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(line)
    if indent:
        form.first_line_indent = Pt(2 * size)
    if outline is not None:
        level = OxmlElement("w:outlineLvl")
        level.set(qn("w:val"), str(outline))
        made._p.get_or_add_pPr().append(level)
    if text:
        _run(made, text, face, size)
    return made


def _run(paragraph: Any, text: str, face: str, size: float, colour: RGBColor | None = None) -> Any:
    run = paragraph.add_run(text)
    run.font.size = Pt(size)
    _face(run, face)
    if colour is not None:
        run.font.color.rgb = colour
    return run


def _face(holder: Any, face: str) -> None:
    """Names the face for Chinese and for Latin letters alike."""
    holder.font.name = face
    fonts = holder.element.get_or_add_rPr().get_or_add_rFonts() if hasattr(holder, "element") else holder._element.rPr.rFonts
    for slot in ("w:eastAsia", "w:ascii", "w:hAnsi", "w:cs"):
        fonts.set(qn(slot), face)


def _page_number(paragraph: Any) -> None:
    for kind, text in (("begin", ""), ("", "PAGE"), ("end", "")):
        run = _run(paragraph, "", TABLE_FACE, 14)
        piece = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            piece.set(qn("w:fldCharType"), kind)
        else:
            piece.text = text
        run._element.append(piece)


def _border(paragraph: Any, side: str, eighths: int, colour: str) -> None:
    borders = paragraph._p.get_or_add_pPr().find(qn("w:pBdr"))
    if borders is None:
        borders = OxmlElement("w:pBdr")
        paragraph._p.get_or_add_pPr().insert_element_before(
            borders, "w:shd", "w:tabs", "w:spacing", "w:ind", "w:jc", "w:outlineLvl"
        )
    _edge(borders, side, eighths, colour, "4")


def _grid(table: Any, colour: str, eighths: int) -> None:
    borders = OxmlElement("w:tblBorders")
    for side in ("top", "left", "bottom", "right", "insideH", "insideV"):
        _edge(borders, side, eighths, colour, "0")
    table._tbl.tblPr.insert_element_before(borders, "w:shd", "w:tblLayout", "w:tblCellMar", "w:tblLook")


def _edge(borders: Any, side: str, eighths: int, colour: str, space: str) -> None:
    edge = OxmlElement(f"w:{side}")
    for key, value in (("val", "single"), ("sz", str(eighths)), ("space", space), ("color", colour)):
        edge.set(qn(f"w:{key}"), value)
    borders.append(edge)


def _whole_row(row: Any) -> None:
    _flag(row._tr.get_or_add_trPr(), "w:cantSplit")


def _flag(holder: Any, name: str) -> None:
    holder.append(OxmlElement(name))
