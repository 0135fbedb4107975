"""The bulletin's papers: official layout, nothing executes, nothing is lost, readable without any installed font."""

import datetime as dt
import io
import re
import time
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import docx
import pymupdf
import pytest
from docx.oxml.ns import qn
from fontTools.ttLib import TTFont
from lxml import etree

from pipelines import render_pdf
from pipelines.bulletin import draft, picture_of_first_page, sign, write
from pipelines.issue import Issue, Paragraph, flat
from pipelines.render_chart import picture
from pipelines.render_docx import docx as as_docx
from pipelines.render_html import html as as_html
from pipelines.render_pdf import pdf as as_pdf
from pipelines.settings import Office
from pipelines.typefaces import SANS, SERIF, SHIPPED
from tests.bulletin_sample import HOSTILE, WEEK, city, hostile

DAY = dt.date(2019, 9, 2)
A4_MM = (210, 297)


@cache
def issue_of(snapshot: Path) -> Issue:
    return draft(snapshot, WEEK, Office(name="云河市治庸问责办公室<b>", recipients="市委领导；市纪委#监委"), drafted_on=DAY)


@cache
def papers(snapshot: Path, signed: bool = False) -> dict[str, bytes]:
    issue = sign(issue_of(snapshot), "李=主任", dt.date(2019, 9, 3)) if signed else issue_of(snapshot)
    drawn, page = picture(issue), flat(issue)
    return {"docx": as_docx(page, drawn["png"]), "pdf": as_pdf(page, drawn["svg"]), "html": as_html(page, drawn["svg"])}


def docx_text(content: bytes) -> str:
    document = docx.Document(io.BytesIO(content))
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([paragraph.text for paragraph in document.paragraphs] + cells)


def pdf_text(content: bytes) -> str:
    with pymupdf.open(stream=content) as document:
        return "".join(page.get_text() for page in document)


def html_text(content: bytes) -> str:
    tree = etree.HTML(content.decode())
    return "".join(tree.find("body").itertext())


def squeezed(text: str) -> str:
    """Without spaces and line ends, which layout moves, and zero-width ones, which let words break."""
    return re.sub(r"[\s\u200b]", "", text)


READERS: dict[str, Any] = {"docx": docx_text, "pdf": pdf_text, "html": html_text}


@pytest.mark.parametrize("form", READERS)
def test_hostile_quotes_are_text_and_nothing_else(form: str) -> None:
    text = squeezed(READERS[form](papers(hostile())[form]))
    for shown in ('=HYPERLINK("http://evil.example/","点我")要交钱',
                  "<script>alert(1)</script><imgsrc=xonerror=alert(2)>窗口收钱",
                  '#setpage(fill:red)$x^2$*粗*_斜_#read("/etc/passwd")@ref', "{{7*7}}{%raw%}\\u0041&amp;响铃[31m红反写",
                  "长" + "W" * 159 + "……", "]]><w:t>插入</w:t>%PDF-空字符喆镕堃垚"):  # fmt: skip
        assert shown in text, shown
    assert "root:x:0:0" not in text
    assert "云河市治庸问责办公室<b>" in text and "市纪委#监委" in text


def test_html_runs_and_loads_nothing() -> None:
    content = papers(hostile())["html"].decode()
    tree = etree.HTML(content)
    assert not tree.xpath("//script|//iframe|//object|//embed|//link|//form|//a|//b")
    assert not [name for element in tree.iter() for name in element.attrib if name.startswith("on")]
    assert all(address.startswith("data:image/svg+xml;base64,") for address in tree.xpath("//@src"))
    assert not re.search(r"url\(|@import|https?://(?!evil)", content)
    assert "default-src 'none'" in content


def test_docx_has_no_link_macro_or_field_but_the_page_number() -> None:
    with zipfile.ZipFile(io.BytesIO(papers(hostile())["docx"])) as archive:
        names = archive.namelist()
        xml = {name: archive.read(name) for name in names if name.endswith((".xml", ".rels"))}
    assert not [name for name in names if "vba" in name.lower() or "embed" in name.lower() or "activeX" in name]
    assert not [name for name, text in xml.items() if b'TargetMode="External"' in text]
    assert b"w:hyperlink" not in xml["word/document.xml"] and b"w:instrText" not in xml["word/document.xml"]
    assert sum(text.count(b"<w:instrText>PAGE</w:instrText>") for text in xml.values()) == 1
    for text in xml.values():
        etree.fromstring(text)


def test_pdf_has_no_link_script_or_attachment() -> None:
    with pymupdf.open(stream=papers(hostile())["pdf"]) as document:
        assert not [link for page in document for link in page.get_links()]
        assert document.embfile_count() == 0
        objects = " ".join(document.xref_object(number) for number in range(1, document.xref_length()))
    assert not re.search(r"/JavaScript|/JS |/Launch|/URI ", objects)


def test_docx_is_laid_out_as_official_papers_are() -> None:
    document = docx.Document(io.BytesIO(papers(city())["docx"]))
    part = document.sections[0]
    assert (round(part.page_width.mm), round(part.page_height.mm)) == A4_MM
    margins = (part.top_margin, part.bottom_margin, part.left_margin, part.right_margin)
    assert [round(margin.mm) for margin in margins] == [37, 35, 28, 26]
    normal = document.styles["Normal"]
    assert normal.font.size.pt == 16
    assert normal.element.rPr.rFonts.get(qn("w:eastAsia")) == "仿宋_GB2312"
    assert [e.get(qn("w:eastAsia")) for e in document.styles.element.iter(qn("w:lang"))] == ["zh-CN"]
    faces = {
        paragraph.text: paragraph.runs[0]._element.rPr.rFonts.get(qn("w:eastAsia"))
        for paragraph in document.paragraphs
        if paragraph.text
    }
    assert faces["舆情快报"] == "方正小标宋简体" and faces["一、本周概况"] == "黑体"
    assert next(face for text, face in faces.items() if text.startswith("（一）")) == "楷体_GB2312"
    body = next(paragraph for paragraph in document.paragraphs if paragraph.text.startswith("本周（"))
    assert body.paragraph_format.line_spacing.pt == pytest.approx(28.9, abs=0.1)
    assert body.paragraph_format.first_line_indent.pt == 32


def test_docx_tables_repeat_their_head_and_rows_hold_together() -> None:
    document = docx.Document(io.BytesIO(papers(city())["docx"]))
    warning, *tables = document.tables
    assert "来源提示" in warning.rows[0].cells[0].text and len(tables) == 4
    for table in tables:
        assert table.rows[0]._tr.trPr.find(qn("w:tblHeader")) is not None
        assert all(row._tr.trPr.find(qn("w:cantSplit")) is not None for row in table.rows)
        assert table.rows[0].cells[0].paragraphs[0].paragraph_format.keep_with_next
        assert table._tbl.getprevious().pPr.find(qn("w:keepNext")) is not None, "the caption stays with its table"
    heads = [paragraph for paragraph in document.paragraphs if re.match(r"[一二三四五六七]、|（[一二三四五六]）", paragraph.text)]
    assert len(heads) >= 10 and all(head.paragraph_format.keep_with_next for head in heads)


def test_pdf_is_a4_embeds_its_fonts_and_numbers_its_pages() -> None:
    with pymupdf.open(stream=papers(city())["pdf"]) as document:
        for number, page in enumerate(document, 1):
            assert (round(page.rect.width / 72 * 25.4), round(page.rect.height / 72 * 25.4)) == A4_MM
            assert f"—{number}—" in squeezed(page.get_text())
            assert all(document.extract_font(font[0])[3] for font in page.get_fonts()), "embedded"


def test_nothing_leaves_the_page_in_the_pdf() -> None:
    hanging = "，。、；：”）》"  # their empty half stands outside the line
    with pymupdf.open(stream=papers(hostile())["pdf"]) as document:
        margin = document[0].rect.width - 26 / 25.4 * 72
        for page in document:
            lines = [
                line for block in page.get_text("rawdict")["blocks"] for line in block.get("lines", []) if line["dir"] == (1, 0)
            ]
            signs = [sign for line in lines for span in line["spans"] for sign in span["chars"] if not sign["c"].isspace()]
            assert len(signs) > 100
            assert all(sign["bbox"][2] <= margin + (9 if sign["c"] in hanging else 2) for sign in signs)


def test_every_character_of_the_issue_is_in_the_shipped_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a bare machine: only the shipped faces, no empty box; a rare character outside them is the stated exception."""
    import typst

    only = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[SHIPPED])
    monkeypatch.setattr(render_pdf, "_fonts", lambda: only)
    render_pdf._faces.cache_clear()
    try:
        issue = issue_of(city())
        made = as_pdf(flat(issue), picture(issue)["svg"])
    finally:
        render_pdf._faces.cache_clear()
    text = pdf_text(made)
    assert "云河市城市管理和综合执法局" in squeezed(text)
    known = set(TTFont(SERIF).getBestCmap()) & set(TTFont(SANS).getBestCmap())
    assert not {c for c in text if not c.isspace() and ord(c) not in known}
    with pymupdf.open(stream=made) as document:
        assert {font[3].split("+")[-1].split("-")[0] for page in document for font in page.get_fonts()} <= {
            "WeathervaneSerif",
            "WeathervaneSans",
        }


def test_shipped_fonts_are_small_licensed_and_know_rare_names() -> None:
    fonts = list(SHIPPED.glob("*.otf"))
    assert len(fonts) == 3 and all(path.stat().st_size < 4_500_000 for path in fonts)
    assert "SIL OPEN FONT LICENSE" in (SHIPPED / "OFL.txt").read_text(encoding="utf-8")
    every = {bytes((high, low)).decode("gb2312", "ignore") for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF)} - {""}
    assert len(every) == 6763
    for path in fonts:
        assert every <= {chr(code) for code in TTFont(path).getBestCmap()}, path.name
    for path in (SERIF, SANS):
        assert {ord(c) for c in "喆镕堃垚玥祎〇"} <= set(TTFont(path).getBestCmap())


@pytest.mark.parametrize("form", READERS)
def test_a_draft_says_so_and_a_signed_issue_names_its_signer(form: str) -> None:
    draft_paper, signed_paper = papers(city())[form], papers(city(), signed=True)[form]

    def marked(content: bytes) -> bool:
        text = READERS[form](content)
        if form == "docx":
            text += docx.Document(io.BytesIO(content)).sections[0].header.paragraphs[0].text
        return "草稿" in squeezed(text)

    assert marked(draft_paper) and not marked(signed_paper)
    assert "签发人：李=主任" in squeezed(READERS[form](signed_paper)) and "签发人" not in READERS[form](draft_paper)
    assert "2019年9月3日印发" in squeezed(READERS[form](signed_paper))


@pytest.mark.parametrize("form", READERS)
def test_all_forms_say_the_same(form: str) -> None:
    issue = issue_of(city())
    text = squeezed(READERS[form](papers(city())[form]))
    for section in issue.sections:
        assert section.title in text
        for block in section.blocks:
            if isinstance(block, Paragraph) and form != "pdf":  # a page foot may stand inside a paragraph of the PDF
                assert squeezed(issue.text(block.parts)) in text
    assert "报：市委领导" in text and "送：市纪委#监委" in text


def test_the_chart_is_a_picture_that_needs_no_font_and_is_the_same_twice() -> None:
    drawn = picture(issue_of(city()))
    assert drawn["png"].startswith(b"\x89PNG") and b"<text" not in drawn["svg"] and b"<script" not in drawn["svg"]
    assert picture(issue_of(city()))["png"] == drawn["png"]


def test_the_first_page_as_a_picture() -> None:
    made = picture_of_first_page(issue_of(city()), dots_per_inch=60)
    image = pymupdf.Pixmap(made)
    assert (image.width, image.height) == (496, 702)
    reds = sum(1 for x in range(0, 496, 2) for y in range(0, 250, 2) if image.pixel(x, y)[0] > 150 and image.pixel(x, y)[1] < 90)
    assert reds > 100, "the red head"


def test_all_forms_are_written_quickly(tmp_path: Path) -> None:
    issue = issue_of(hostile())
    best = 99.0
    for _ in range(2):
        start = time.perf_counter()
        paths = write(issue, tmp_path)
        best = min(best, time.perf_counter() - start)
    assert [path.name for path in paths] == ["2019-35.docx", "2019-35.pdf", "2019-35.html", "2019-35.json"]
    assert best < 6.0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)
    assert len(HOSTILE) == 6
