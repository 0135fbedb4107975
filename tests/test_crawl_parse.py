"""The crawlers' parsers on golden pages: encodings, scripts in titles, broken items. No network."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parsel import Selector

from crawlers.sources import SourceDeclaration, SourceError, load_source, load_sources
from crawlers.spiders.parse_feed import feed_page
from crawlers.spiders.parse_html import Link, list_page, thread_page
from crawlers.spiders.parse_json import json_page
from crawlers.spiders.parse_text import ORIGINAL_AT_MOST, Unreadable, decode, texts

PAGES = Path(__file__).with_name("pages")
EXAMPLES = Path(__file__).parents[1] / "crawlers" / "declarations"
AT = "http://example.gov.cn/board/"


def source(slug: str) -> SourceDeclaration:
    return load_source(EXAMPLES / f"{slug}.toml")


def test_there_is_an_example_of_every_kind_and_each_loads() -> None:
    assert {declared.kind for declared in load_sources(EXAMPLES).values()} == {"html_board", "json_board", "feed", "export"}


@pytest.mark.parametrize("page", sorted(PAGES.glob("thread_*.html")), ids=lambda page: page.stem)
def test_a_thread_reads_the_same_in_every_encoding(page: Path) -> None:
    body = page.read_bytes()
    raw = thread_page(decode(body), AT + "thread/31.html", "31", source("html_board"), body)
    assert raw is not None and raw.original == body and raw.place == AT + "thread/31.html"
    assert raw.fields == {
        "native_id": "31",
        "url": AT + "thread/31.html",
        "title": "窗口排队三小时<script>alert(1)</script>无人管",
        "body": "本人8月26日到政务大厅办理 社保,㐂庆路窗口\n排队三小时。\n工作人员说“系统坏了”,让明天再来。",
        "posted_at": "2019-08-26 09:30:05",
        "author": "林先生",
        "reply": "您好,已增开两个窗口。\n已对当班人员进行教育。",
        "reply_unit": "市人社局",
        "replied_at": "2019-09-02 16:00",
    }


def test_a_list_gives_each_thread_once_and_counts_what_is_none() -> None:
    board = source("html_board").html_board
    assert board
    page = list_page(decode((PAGES / "list_declared_gb2312.html").read_bytes()), AT + "list.html", board)
    assert page.threads == [
        Link("7", AT + "thread/7.html"),
        Link("31", AT + "thread/31.html?from=list"),
        Link("30", AT + "thread/30.html"),
    ]
    assert (page.next_url, page.strange) == (AT + "list.html?page=2", 3)


def test_a_withdrawn_thread_is_gone_and_a_changed_page_is_unreadable_without_its_text() -> None:
    declared = source("html_board")
    assert thread_page((PAGES / "withdrawn.html").read_text(encoding="utf-8"), AT, "1", declared) is None
    with pytest.raises(Unreadable) as fault:
        thread_page("<h2>致电 13912345678</h2>", AT, "1", declared)
    assert fault.value.reason == "no_text" and "139" not in str(fault.value) + fault.value.mend
    with pytest.raises(Unreadable, match="bad_date"):
        thread_page("<h1 class=subject>有题无日期</h1><span class=time>昨天</span>", AT, "1", declared)
    dated = '<h1 class="subject">x</h1><span class="time">2019-08-26</span>'
    with pytest.raises(Unreadable, match="too_long"):
        thread_page(dated + f'<div class="post"><div class="content">{"长" * 100_001}</div></div>', AT, "1", declared)
    big = thread_page(dated, AT, "1", declared, b"x" * ORIGINAL_AT_MOST)
    assert big is not None and big.original == b"", "only small pages are kept whole"


def test_text_of_a_page_that_nests_deeper_than_python_recurses() -> None:
    page = Selector("<div class='content'>" + "<b>" * 3000 + "深" + "</b>" * 3000, type="html")
    assert "".join(texts(page.css("div"))) in ("深", "")


@given(st.text(st.characters(codec="gb18030", exclude_categories=["Cc", "Cs"]), min_size=1))
def test_chinese_survives_either_encoding_undeclared(text: str) -> None:
    words = "市民反映窗口无人值守," + text
    assert decode(words.encode("utf-8")) == words
    assert decode(words.encode("gb18030")) == words
    assert decode(words.encode("gb18030"), "text/html; charset=gb2312") == words
    assert decode(words.encode("utf-8-sig"), "text/html; charset=gb2312") == words
    assert decode(words.encode("gb18030"), "text/html; charset=utf-8", "gb18030") == words


@given(st.binary())
def test_any_bytes_decode_and_no_page_breaks_the_parsers(body: bytes) -> None:
    board, leaders, news = source("html_board"), source("json_board"), source("feed")
    assert board.html_board
    text = decode(body)
    list_page(text, AT, board.html_board)
    for parse in (
        lambda: thread_page(text, AT, "1", board),
        lambda: json_page(body, AT, leaders),
        lambda: feed_page(body, AT, news),
    ):
        with pytest.raises(Unreadable):
            parse()


def test_leaders_items_are_read_and_broken_ones_put_aside() -> None:
    page = json_page((PAGES / "leaders.json").read_bytes(), AT, source("json_board"))
    assert [raw.native_id for raw in page.rows] == ["22663637", "22660761", "22658525"]
    assert page.rows[0].fields == {
        "native_id": "22663637", "posted_at": "2025-03-17", "title": "小区就近入学", "place": "临江市", "topic": "教育",
        "body": "尊敬的领导,您好。新学校至今未公布招生范围。", "kind": "投诉/求助", "status": "已办理",
        "reply": "您好,范围将于五月公布。", "reply_unit": "临江市教育局", "satisfaction": "5",
    }  # fmt: skip
    assert page.rows[1].fields["body"] == "银杏园旁夜间施工?。" and "reply" not in page.rows[1].fields
    assert [fault.reason for fault in page.broken] == ["no_id", "bad_date", "no_id", "no_text"]
    assert page.cursor == "22658525"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"<html>login</html>", "no_json"),
        (b'{"result": "fail"}', "no_items"),
        (b'{"responseData": {"a": 1}}', "no_items"),
        (b"[" * 100_000, "no_json"),
        (b"", "no_json"),
    ],
)
def test_an_answer_that_is_none_says_why(answer: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        json_page(answer, AT, source("json_board"))


def test_an_empty_list_is_the_end() -> None:
    page = json_page(b'{"responseData": []}', AT, source("json_board"))
    assert (page.rows, page.cursor) == ([], None)


def test_feeds() -> None:
    page = feed_page((PAGES / "rss_gb2312.xml").read_bytes(), "http://example.com/rss.xml", source("feed"))
    (raw,) = page.rows
    assert raw.fields == {
        "native_id": "a-1", "title": "窗口<script>x</script>㐂", "body": "记者走访发现,窗口无人值守。\n市民意见大。",
        "posted_at": "Mon, 26 Aug 2019 01:30:00 GMT", "author": "记者 甲", "topic": "政务", "url": "http://example.com/a/1.html",
    }  # fmt: skip
    assert [fault.reason for fault in page.broken] == ["no_id", "bad_date"]
    assert page.next_url == "http://example.com/rss.xml?page=2"

    (entry,) = feed_page((PAGES / "atom.xml").read_bytes(), "http://example.com/atom", source("feed")).rows
    assert entry.fields == {
        "native_id": "tag:example.com,2019:9", "title": "公厕停水", "body": "公厕停水三天。", "topic": "城乡建设",
        "posted_at": "2019-08-27T08:00:00+08:00", "author": "乙", "url": "http://example.com/9.html",
    }  # fmt: skip


def test_a_feed_with_entities_or_none_at_all_is_refused() -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><item><title>&b;</title></item>'
    with pytest.raises(Unreadable, match="entities"):
        feed_page(bomb, AT, source("feed"))
    with pytest.raises(Unreadable, match="no_feed"):
        feed_page(b"<html><body>404</body></html>", AT, source("feed"))
    assert feed_page(b"<rss><channel></channel></rss>", AT, source("feed")).rows == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('item = "ul.threads > li"', 'item = "ul..li"', "is no CSS selector"),
        (r"native_id = 'thread/(\d+)\.html'", r"native_id = 'thread/\d+\.html'", "exactly one group"),
        (r"native_id = 'thread/(\d+)\.html'", "native_id = '('", "is no regular expression"),
        ('list_urls = ["https://example', 'list_urls = ["file:///etc/passwd?', "is no web address"),
        ("[html_board]\n", '[html_board]\nencoding = "gb9999"\n', "no encoding is called"),
        ("[crawl]\n", "[crawl]\nspeed = 9\n", "crawl.speed: Extra inputs are not permitted"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused_when_it_is_loaded(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (EXAMPLES / "html_board.toml").read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "html_board.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SourceError, match=said) as fault:
        load_source(file)
    assert str(file) in str(fault.value) and "\n" not in str(fault.value)
