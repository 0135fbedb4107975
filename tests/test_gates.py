"""Every short cut of the readers gives what the slow rule it stands for gives."""

import os
import re
import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import addresses, identifiers, names, normalise, redact
from pipelines.names import _best, _left, _tables
from pipelines.sketches import _owner

PIECES = st.sampled_from([
    *"0123456789一二三十栋幢单元宿舍室房座#楼号户业主-上元办公家属教师微薇威信VvXxWw支付宝抖音快手陌",
    *"()（+转*× \n，。、：:；·王李欧阳林晓棠张的我叫在",
    "weixin", "weChat", "wexin", "13912345678", "0731-8456", "微信",
    "id", "lin_xt88", "联系人", "书记", "法定代表人", "\ufffd", "\u3000",
    "\t", "  ", "\x85", "\ue000", "\x00",
])  # fmt: skip
TEXT = st.lists(PIECES, max_size=40).map("".join)
QUICK = settings(max_examples=150, deadline=None)

OLD_GATE = re.compile(
    "[0-9一二三四五六七八九十](?:[室房座#楼]|号[房楼]|[户业]主|-(?:[0-9]{1,2}-)?[0-9]{3})|楼上[0-9]|[栋幢]|单元|宿舍|办公楼|家属楼|教师楼"
)
OLD_CHAT = re.compile(
    r"(?:微信|薇信|威信|[Vv][Xx]|[Vv]信|支付宝|抖音|快手|陌陌)(?:群|号|号码|账号|同号|ID|id)?[^A-Za-z0-9。；\n]{0,4}"
    r"(?P<name>(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9_-]{4,19}|[0-9][A-Za-z0-9_-]{5,19})"
    r"|(?P<latin>(?<![A-Za-z])(?:[Ww]ei?[Xx]in|[Ww]e[Cc]hat|WX|wx)[号： :]{1,4}[A-Za-z][A-Za-z0-9_-]{4,19})"
)
OLD_RUN = re.compile(r"(?:\+|[(（])?" + identifiers._RUN.pattern)


@QUICK
@given(TEXT)
def test_the_gate_of_rooms(text: str) -> None:
    assert [m.span() for m in addresses._ROOM_GATE.finditer(text)] == [m.span() for m in OLD_GATE.finditer(text)]


@QUICK
@given(TEXT)
def test_chat_accounts_and_their_marks(text: str) -> None:
    slow = [m.span("name" if m["name"] else "latin") for m in OLD_CHAT.finditer(text)]
    assert [m.span("name" if m["name"] else 0) for m in identifiers._CHAT.finditer(text)] == slow
    assert not slow or any(mark in text for mark in identifiers._CHAT_MARKS)


@QUICK
@given(st.text("+(（0123-) ×x*转", max_size=40))
def test_runs_of_digits_with_their_sign(text: str) -> None:
    assert [run[:2] for run in identifiers._runs(text)] == [m.span() for m in OLD_RUN.finditer(text)]


@QUICK
@given(st.one_of(TEXT, st.text()))
def test_tidying_by_lines(text: str) -> None:
    slow = normalise._CONTROL.sub(" ", text)
    slow = normalise._BREAKS.sub("\n", normalise._BLANKS.sub(" ", slow)).strip()
    if not set(text) & set("&<") and "_x000" not in text:
        assert normalise.tidy(text) == slow


def test_no_character_that_is_taken_passes_for_printable() -> None:
    printable = {char for code in range(0x110000) if normalise._CONTROL.match(char := chr(code)) and char.isprintable()}
    assert printable == set(normalise._PRINTABLE_YET_TAKEN)


@QUICK
@given(st.text("ab", max_size=12), st.text("ab", min_size=1, max_size=3))
def test_occurrences(text: str, string: str) -> None:
    assert list(names.occurrences(text, string)) == [m.start() for m in re.finditer(re.escape(string), text)]


@QUICK
@given(TEXT, st.floats(-10, 12))
def test_a_name_is_weighed_in_full_wherever_it_can_reach_the_least(text: str, least: float) -> None:
    tables = _tables()
    assert max(weight for weight, _ in tables.right.values()) <= names._AFTER
    for match in tables.scan.finditer(text):
        whole, short = _best(text, match.start(), tables), _best(text, match.start(), tables, least)
        assert short == whole or max(short[1], whole[1]) < least


@QUICK
@given(TEXT)
def test_words_before_a_name_are_the_longest_of_the_table(text: str) -> None:
    tables = _tables()
    for start in range(1, len(text)):
        at = start
        while at > 0 and start - at < 3 and text[at - 1] in names._SPACE:
            at -= 1
        said = (tables.left.get(text[max(0, at - length) : at]) for length in (4, 3, 2, 1))
        slow = next((found for found in said if found), None)
        assert slow is None or _left(text, start, tables) == slow


@QUICK
@given(st.lists(st.integers(0, 5), min_size=1, max_size=9))
def test_owners_of_characters(lengths: list[int]) -> None:
    assert (_owner(np.array(lengths), sum(lengths)) == np.repeat(np.arange(len(lengths)), lengths)).all()


@QUICK
@given(TEXT)
def test_masking_changes_nothing_but_what_was_found(text: str) -> None:
    found = redact.find_entities("", text)
    masked, spans = redact.mask(text, found)
    assert [masked[e.start : e.end] for e in spans] == [redact.MASKS[e.type] for e in found]
    assert len(masked) == len(text) + sum(len(redact.MASKS[e.type]) - (e.end - e.start) for e in found)


def test_the_hash_seed_decides_nothing() -> None:
    """A set's order changes from process to process; no pattern and no result may hang on it."""
    code = (
        "import hashlib; from pipelines.vocabulary import build; from pipelines.names import _tables, find; "
        "from pipelines.identifiers import find as numbers; "
        "patterns = build({'云河区城管局'}, {'临江', '临江新', '新临江', '云河', '小云河', '东云河', '清泉', '石清泉'}); "
        "found = find('胡志强和胡志强盛找胡志强', '我叫胡志强。村民代表：舒金凤、金凤来、樊木生'), numbers('微信号13912345678'); "
        "print(hashlib.sha256((patterns.part.pattern + repr(found)).encode()).hexdigest())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
