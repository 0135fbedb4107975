"""Folding keeps places; tidying leaves nothing that a page or a sheet could take for markup."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.normalise import fold, tidy

HOSTILE = st.text(alphabet=st.sampled_from("<>/!-&;#x0Aascriptb =\"'\n\t\x00＜路灯　​"), max_size=60)


@settings(deadline=None)  # the first call builds the table
@given(st.text())
def test_fold_keeps_the_length_and_folding_again_changes_nothing(text: str) -> None:
    once = fold(text)
    assert len(once) == len(text)
    assert fold(once) == once


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("電話：１３８　０７３１－５５６６", "电话：138 0731-5566"),
        ("把衣服洗乾淨，乾隆年間", "把衣服洗干净，乾隆年间"),
        ("顯著的著作", "显著的著作"),
        ("Ａ３區（一期）！", "A3区（一期）！"),
        ("１\u200b３\ufeff８\u00a0", "1 3 8 "),
        ("٠١٢𝟏", "0121"),
        ("①路灯②", "①路灯②"),
        ("路灯坏了", "路灯坏了"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_a_lone_surrogate_becomes_something_that_can_be_written() -> None:
    fold("路\ud800灯").encode()


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("<p>路灯&nbsp;坏了</p><script>alert('x')</script>没人修", "路灯 坏了\n没人修"),
        ("路灯\t\t坏了\r\n\r\n  没人修\x00\x07", "路灯 坏了\n没人修"),
        ("&lt;b&gt;路灯&lt;/b&gt;", "路灯"),
        ("&amp;lt;script&amp;gt;路灯&amp;lt;/script&amp;gt;", ""),
        ("第一行_x000D_\n第二行", "第一行\n第二行"),
        ("收费<3元，人数>5", "收费<3元，人数>5"),
        ("<!-- 藏 -->路灯", "路灯"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)"),
        ("<script>路灯坏了", "路灯坏了"),
        ("电话&#49;&#51;８", "电话138"),
    ],
)
def test_tidy(text: str, tidied: str) -> None:
    assert tidy(text).strip() == tidied


@given(HOSTILE)
def test_nothing_tidied_can_start_a_tag(text: str) -> None:
    clean = tidy(fold(text))
    assert re.search(r"<[A-Za-z/!?]", clean) is None
    assert re.search(r"[\x00-\x08\x0b-\x1f]|  |\n\n", clean) is None
    assert clean == clean.strip()


@pytest.mark.parametrize("part", ["<script", "<script>", "<!--", "<a ", "&lt;", "&amp;", "</", "\n ", "<b><"])
def test_tidying_is_linear_in_hostile_text(part: str) -> None:
    started = time.process_time()
    tidy(fold(part * 50_000))
    assert time.process_time() - started < 3.0
