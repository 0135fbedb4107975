"""What identifies a person is found in whatever spacing, and what merely looks like it is left."""

import random
import time
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.corpus import read_corpus
from pipelines.identifiers import check_digit, luhn
from pipelines.redact import find_entities, mask

GAPS = ["", " ", "-", "　", "\u00a0", "\u200b", " - ", "·", "."]


def found(text: str, title: str = "") -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for entity in find_entities(title, text):
        out.setdefault(entity.type, []).append((title if entity.field == "title" else text)[entity.start : entity.end])
    return out


def identity(seed: int) -> str:
    dice = random.Random(seed)
    first = f"{dice.choice(['43', '11', '52'])}{dice.randrange(1000, 3000):04d}{dice.randrange(1940, 2010)}"
    first += f"{dice.randrange(1, 13):02d}{dice.randrange(1, 29):02d}{dice.randrange(1000):03d}"
    return first + check_digit(first)


def test_the_check_digit_is_that_of_the_standard() -> None:
    assert check_digit("11010519491231002") == "X"  # the example of GB 11643-1999
    assert luhn("4111111111111111") and not luhn("4111111111111112")


@settings(max_examples=150, deadline=None)
@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.lists(st.sampled_from(GAPS), min_size=10, max_size=10), st.booleans())
@example("13912345678", [" "] * 10, True)
def test_no_mobile_number_survives_odd_spacing(number: str, gaps: list[str], wide: bool) -> None:
    spaced = "".join(a + b for a, b in zip(number, [*gaps, ""], strict=True))
    if wide:
        spaced = spaced.translate({ord("0") + i: chr(0xFF10 + i) for i in range(10)})
    text = f"路灯坏了，请回{spaced}谢谢"
    redacted, _ = mask(text, find_entities("", text))
    assert redacted == "路灯坏了，请回[电话]谢谢"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(GAPS), st.sampled_from([(6, 14), (3, 6, 10, 14), (17,), ()]), st.booleans())
def test_no_identity_number_survives_odd_spacing(seed: int, gap: str, cuts: tuple[int, ...], small: bool) -> None:
    digits = identity(seed)
    spaced = "".join(gap * (i in cuts) + c for i, c in enumerate(digits.lower() if small else digits))
    text = f"本人{spaced}，请核实"
    redacted, _ = mask(text, find_entities("", text))
    assert redacted == "本人[身份证号]，请核实"


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("座机 0731-8456 7890 转 12", "PHONE", "0731-8456 7890 转 12"),
        ("打(0745)2713308没人接", "PHONE", "(0745)2713308"),
        ("客服400-812-3456", "PHONE", "400-812-3456"),
        ("手机+86 139 1234 5678", "PHONE", "+86 139 1234 5678"),
        ("电话一三九一二三四五六七八", "PHONE", "一三九一二三四五六七八"),
        ("手机139****5678", "PHONE", "139****5678"),
        ("办公电话8456789", "PHONE", "8456789"),
        ("身份证号430102680315123", "IDNUM", "430102680315123"),
        ("身份证4301**********3427", "IDNUM", "4301**********3427"),
        ("卡号6222 0803 1500 7712 059", "ACCOUNT", "6222 0803 1500 7712 059"),
        ("刷了4111 1111 1111 1111", "ACCOUNT", "4111 1111 1111 1111"),
        ("加微信 lin_xt-88 聊", "ACCOUNT", "lin_xt-88"),
        ("QQ：729104386", "ACCOUNT", "729104386"),
        ("邮箱lin.x@example.com", "ACCOUNT", "lin.x@example.com"),
        ("车牌湘A6K72D挡路", "PLATE", "湘A6K72D"),
        ("车牌湘A·D35028", "PLATE", "湘A·D35028"),
        ("肇事车粤B 12345跑了", "PLATE", "粤B 12345"),
        ("我家3栋1单元202室漏水", "ADDRESS", "3栋1单元202室"),
        ("本人家住云河区清泉村七组12号，", "ADDRESS", "云河区清泉村七组12号"),
        ("我是石桥镇柳湾村五组村民", "ADDRESS", "石桥镇柳湾村五组"),
        ("我叫林晓棠，今年八十", "PERSON", "林晓棠"),
        ("投诉人：欧阳克勤，男", "PERSON", "欧阳克勤"),
        ("村支书褚大河不管", "PERSON", "褚大河"),
        ("分管的侯开山副镇长说", "PERSON", "侯开山"),
        ("来电人阿依古丽·买买提反映", "PERSON", "阿依古丽·买买提"),
        ("牵头人：扎西次仁、樊木生", "PERSON", "扎西次仁"),
        ("请尽快处理。\n卜建才\n2019年8月1日", "PERSON", "卜建才"),
        ("孩子姓名：李*明", "PERSON", "李*明"),
    ],
)
def test_it_is_found(text: str, kind: str, what: str) -> None:
    assert what in found(text).get(kind, [])


@pytest.mark.parametrize(
    "text",
    [
        "工单编号20190828113355",
        "订单号：201908281133556677",
        "政发〔2019〕12号文件，投资12345678.90元",
        "2019-08-28 11:25:05 至 2019-09-01",
        "统一社会信用代码91430100MA4L1234",
        "胡书记、王女士、刘先生和张局长都在",
        "黄兴镇高新区金星路方圆小区周边",
        "请城管局向市民公开高度重视的方案",
        "12345热线打了三次，110也来过",
        "一共5栋楼，3个单元，200户",
        "公司于是成为陈旧设备的主管单位",
    ],
)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert found(text) == {}


def test_a_list_of_names_is_found_whole() -> None:
    names = found("村民代表：舒金凤、樊木生、卢兆祥等32人")["PERSON"]
    assert names == ["舒金凤", "樊木生", "卢兆祥"]


def test_a_roll_without_marks_is_found_whole() -> None:
    text = "业主签名：林晓棠卜建才欧阳克勤舒金凤褚大河"
    redacted, masks = mask(text, find_entities("", text))
    assert redacted == "业主签名：" + "[姓名]" * 5 and len(masks) == 5


def test_a_name_found_once_is_masked_in_title_and_text() -> None:
    entities = find_entities("求助:林晓棠的低保", "我叫林晓棠。林晓棠今年八十。")
    assert [e.field for e in entities] == ["title", "text", "text"]


def test_roles() -> None:
    roles = {(e.type, e.role) for e in find_entities("", "我叫林晓棠，手机13912345678。村支书褚大河打了邻居卜建才。")}
    assert roles == {("PERSON", "self"), ("PHONE", "self"), ("PERSON", "official"), ("PERSON", "third")}


def test_what_is_known_is_masked_wherever_it_stands() -> None:
    text = "小林子这个人就是林子大"
    assert [text[e.start : e.end] for e in find_entities("", text, [("PERSON", "林子大")])] == ["林子大"]


@given(st.text(max_size=80), st.text(max_size=80))
def test_entities_lie_in_their_field_apart_and_in_order(title: str, text: str) -> None:
    entities = find_entities(title, text)
    for field, whole in (("title", title), ("text", text)):
        spans = [(e.start, e.end) for e in entities if e.field == field]
        assert all(0 <= start < end <= len(whole) for start, end in spans)
        assert all(a[1] <= b[0] for a, b in pairwise(spans))


@pytest.mark.parametrize(
    "part", ["1", "1 ", "组", "号", "3栋", "张", "张三、", "a@", "签名：", "村组", "住", "0731-", "·阿", "*1"]
)
def test_finding_is_linear_in_hostile_text(part: str) -> None:
    started = time.process_time()
    find_entities(part * 100, part * (20_000 // len(part)))
    assert time.process_time() - started < 2.0


def test_recall_on_the_written_corpus_does_not_fall() -> None:
    hit: dict[str, int] = {}
    total: dict[str, int] = {}
    spans = good = 0
    for message in read_corpus():
        covered: dict[str, set[int]] = {"title": set(), "text": set()}
        private: dict[str, set[int]] = {"title": set(), "text": set()}
        entities = find_entities(message.title, message.text)
        for entity in entities:
            covered[entity.field] |= set(range(entity.start, entity.end))
        for span in message.pii:
            kind = span.tag.split(".")[0]
            places = set(range(span.start, span.end))
            private[span.where] |= places
            total[kind] = total.get(kind, 0) + 1
            hit[kind] = hit.get(kind, 0) + (places <= covered[span.where])
        spans += len(entities)
        good += sum(bool(set(range(e.start, e.end)) & private[e.field]) for e in entities)
    floor = {"PERSON": 0.90, "PHONE": 0.98, "IDNUM": 0.98, "ACCOUNT": 0.98, "PLATE": 0.98, "ADDRESS": 0.93}
    recall = {kind: hit[kind] / total[kind] for kind in total}
    assert {kind: rate for kind, rate in recall.items() if rate < floor[kind]} == {}
    assert good / spans > 0.92
