"""Mentions of units: found as spans, resolved by place and day, or unresolved with the reason."""

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.corpus import read_corpus
from pipelines.contracts import Attribution, arrow_schema, rows
from pipelines.mentions import Finder
from pipelines.units import Registry, Resolver, attribute_batch, generate, targets_of

PLACES = """place,parent,level
东江省,,province
临江市,东江省,city
云河区,临江市,district
江南区,临江市,district
清泉街道,云河区,street
青石县,临江市,county
青石镇,青石县,town
A市,东江省,city
A3区,A市,district
K8县,东江省,county
"""
DAY = dt.date(2019, 8, 26)


@pytest.fixture(scope="module")
def resolver(tmp_path_factory: pytest.TempPathFactory) -> Resolver:
    path = tmp_path_factory.mktemp("places") / "places.csv"
    path.write_text(PLACES, encoding="utf-8")
    return Resolver(Registry.from_rows(generate(path)))


def found(resolver: Resolver, text: str, title: str = "", place: str | None = None) -> dict[str, tuple[str | None, str, str]]:
    targets = targets_of(title, text, place, resolver, DAY)
    for target in targets:
        assert (title if target["field"] == "title" else text)[target["start"] : target["end"]] == target["mention"]
    return {target["mention"]: (target["unit_code"], target["status"], target["why"]) for target in targets}


@pytest.mark.parametrize(
    ("text", "mention", "code"),
    [
        ("给云河区城管局打了四次电话", "云河区城管局", "云河区-chengguan"),
        ("云河区城市管理和综合执法局没有答复", "云河区城市管理和综合执法局", "云河区-chengguan"),
        ("昨天云河区住建局来过", "云河区住建局", "云河区-zhujian"),
        ("云河城管不管", "云河城管", "云河区-chengguan"),
        ("A3区城管不管", "A3区城管", "A3区-chengguan"),
        ("K8县交警大队拖了三年", "K8县交警大队", "K8县-jiaojing"),
        ("找临江市云河区清泉街道办事处", "临江市云河区清泉街道办事处", "清泉街道-jiedao"),
        ("清泉街道派出所不出警", "清泉街道派出所", "清泉街道-paichusuo"),
        ("青石镇镇长不见人", "青石镇镇长", "青石镇-zhengfu"),
        ("青石县政府一直拖着", "青石县政府", "青石县-zhengfu"),
        ("临江市公安局交警支队", "临江市公安局交警支队", "临江市-jiaojing"),
        ("青石镇说没有钱", "青石镇", "青石镇-zhengfu"),
        ("难怪青石镇不管", "青石镇", "青石镇-zhengfu"),
        ("云河区消防没来查", "云河区消防", "云河区-xiaofang"),
        ("清泉街道办推给社区", "清泉街道办", "清泉街道-jiedao"),
    ],
)
def test_a_mention_with_its_place_is_named(resolver: Resolver, text: str, mention: str, code: str) -> None:
    unit, status, _ = found(resolver, text)[mention]
    assert (unit, status) == (code, "named")


def test_a_list_gives_every_unit(resolver: Resolver) -> None:
    got = found(resolver, "住建局、城管局和街道办互相推", title="云河区清泉街道的违建没人管")
    assert {mention: unit for mention, (unit, _, _) in got.items()} == {
        "住建局": "云河区-zhujian", "城管局": "云河区-chengguan", "街道办": "清泉街道-jiedao",
    }  # fmt: skip
    assert {status for _, status, _ in got.values()} == {"inferred"}


@pytest.mark.parametrize(
    ("title", "text", "place", "expected"),
    [
        ("云河区路灯坏了", "打电话给城管没人来", "江南区", ("云河区-chengguan", "inferred", "alias+inherited_place")),
        ("路灯坏了", "江南区这条路，城管没人来", "云河区", ("江南区-chengguan", "inferred", "alias+inherited_place")),
        ("路灯坏了", "城管没人来", "云河区", ("云河区-chengguan", "inferred", "alias+inherited_place")),
        ("路灯坏了", "城管没人来", "清泉街道", ("清泉街道-chengguanzhongdui", "inferred", "alias+inherited_place")),
        ("云河区和江南区的路灯", "城管没人来", None, (None, "contested", "several_units")),
        ("路灯坏了", "城管没人来", None, (None, "unresolved", "no_place")),
        ("路灯坏了", "城管没人来", "火星", (None, "unresolved", "no_place")),
    ],
)
def test_a_place_is_inherited_from_the_nearest_that_says_one(
    resolver: Resolver, title: str, text: str, place: str | None, expected: tuple[str | None, str, str]
) -> None:
    assert found(resolver, text, title, place)["城管"] == expected


def test_a_bare_level_takes_the_place_of_that_level(resolver: Resolver) -> None:
    got = found(resolver, "区教育局叫我找市教育局，市教育局又叫我回去", place="清泉街道")
    assert got["区教育局"][0] == "云河区-jiaoyu"
    assert got["市教育局"][0] == "临江市-jiaoyu"


@pytest.mark.parametrize(
    ("text", "mention"),
    [("星桥派出所不出警", "星桥派出所"), ("云河区白鹭小学乱收费", "云河区白鹭小学"), ("竹山村委会不公开账目", "竹山村委会")],
)
def test_a_free_name_is_found_and_said_to_be_unknown(resolver: Resolver, text: str, mention: str) -> None:
    assert found(resolver, text)[mention] == (None, "unresolved", "not_in_registry")


def test_the_town_stands_in_for_its_village_committee(resolver: Resolver) -> None:
    assert found(resolver, "青石镇竹山村村委会不公开账目")["青石镇竹山村村委会"] == ("青石镇-zhengfu", "inferred", "parent_of")
    assert found(resolver, "青石镇竹山村小学乱收费")["青石镇竹山村小学"][0] is None


def test_words_before_a_free_name_are_no_part_of_it(resolver: Resolver) -> None:
    assert set(found(resolver, "业主代表通过居委会反映")) == {"居委会"}
    assert set(found(resolver, "附近村委会不公开账目")) == {"村委会"}
    assert found(resolver, "云河区有关部门没有答复")["云河区"][1:] == ("inferred", "place")


def test_a_role_stands_for_its_organ(resolver: Resolver) -> None:
    assert found(resolver, "云河区城管队员打人")["云河区城管队员"][0] == "云河区-chengguan"


@pytest.mark.parametrize(
    "text",
    [
        "相关部门不管", "有关部门没有答复", "请领导重视", "政府应该关心百姓", "物业公司不作为", "开发商跑了", "小区物业不理人",
        "结局很好", "门口是公交车站", "农村老人", "我家在一个小镇上班", "那所民办学校乱收费", "发生交通事故后", "面积是110平方米",
        "订单号是1234567", "超市乱涨价",
    ],
)  # fmt: skip
def test_what_is_no_public_unit_is_no_mention(resolver: Resolver, text: str) -> None:
    assert found(resolver, text) == {}


@pytest.mark.parametrize(
    ("text", "blamed"),
    [
        ("云河区城管局一直没人来修", True),
        ("多次找云河区城管局无果", True),
        ("投诉云河区城管局", True),
        ("请云河区城管局核实", False),
        ("尊敬的云河区教育局：孩子几号开学", False),
        ("抄送云河区住建局", False),
        ("感谢云河区城管局的及时处理", False),
    ],
)
def test_blamed_is_who_failed_and_not_who_is_asked(resolver: Resolver, text: str, blamed: bool) -> None:
    (target,) = targets_of("", text, None, resolver, DAY)
    assert target["blamed"] is blamed


def test_the_unit_of_the_day_is_meant() -> None:
    unit = {"kind": "bureau", "tier": 1, "place": "云河区", "aliases": "国土局"}
    old = unit | {"code": "G", "name": "云河区国土资源局", "valid_to": "2018-12-31"}
    new = unit | {"code": "Z", "name": "云河区自然资源局", "valid_from": "2019-01-01"}
    resolver = Resolver(Registry.from_rows([old, new]))
    only_new = Resolver(Registry.from_rows([new]))
    days = (dt.date(2018, 12, 31), dt.date(2019, 1, 1))
    assert [targets_of("", "云河区国土局不办", None, only_new, day)[0]["unit_code"] for day in days] == [None, "Z"]

    def code(text: str, day: dt.date) -> tuple[str | None, str]:
        (target,) = targets_of("", text, None, resolver, day)
        return target["unit_code"], target["why"]

    assert code("云河区国土局不办", dt.date(2018, 12, 31))[0] == "G"
    assert code("云河区国土局不办", dt.date(2019, 1, 1))[0] == "Z"
    assert code("云河区国土资源局不办", dt.date(2019, 1, 1)) == (None, "not_valid_on_day")


def test_one_name_in_two_counties_needs_the_county(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    path.write_text(
        "place,parent,level\n甲水县,,county\n乙水县,,county\n城关镇,甲水县,town\n城关镇,乙水县,town\n", encoding="utf-8"
    )
    resolver = Resolver(Registry.from_rows(generate(path)))
    assert found(resolver, "乙水县城关镇政府不管")["乙水县城关镇政府"][0] == "乙水县城关镇-zhengfu"
    assert found(resolver, "城关镇政府不管")["城关镇政府"] == (None, "contested", "several_units")
    assert found(resolver, "城关镇政府不管", title="甲水县的路")["城关镇政府"][0] == "甲水县城关镇-zhengfu"


def messages(*items: dict[str, object]) -> pa.Table:
    base = {"place": None, "unit_hint": None, "title": "", "body": "", "posted_at": dt.datetime(2019, 8, 26, 9)}  # noqa: DTZ001
    full = [base | {"message_id": f"m{i:016x}"} | item for i, item in enumerate(items)]
    types = [
        ("message_id", pa.string()),
        ("title", pa.string()),
        ("body", pa.string()),
        ("place", pa.string()),
        ("unit_hint", pa.string()),
    ]
    return pa.Table.from_pylist(full, schema=pa.schema([*types, ("posted_at", pa.timestamp("us"))]))


def test_a_batch_gives_attribution_rows_of_the_contract(resolver: Resolver) -> None:
    table = messages(
        {"title": "云河区路灯", "body": "城管局没人来\n云河区城管局又不管"},
        {"body": "路灯坏了", "unit_hint": "云河区住建局"},
        {"body": "城管没人来", "unit_hint": "云河区城管局"},
        {"body": "路灯坏了"},
    )
    out = attribute_batch(table, resolver)
    assert out.schema == arrow_schema(Attribution)
    got = [(r["message_id"][-1], r["mention"], r["field"], r["unit_code"], r["status"]) for r in out.to_pylist()]
    assert got == [
        ("0", "城管局", "body", "云河区-chengguan", "inferred"),
        ("0", "云河区城管局", "body", "云河区-chengguan", "named"),
        ("1", "", "source", "云河区-zhujian", "inferred"),
        ("2", "城管", "body", "云河区-chengguan", "inferred"),
    ]
    assert attribute_batch(table.slice(0, 0), resolver).schema == out.schema
    assert rows(Attribution, out.to_pylist()).equals(out)


def _pieces() -> Iterator[str]:
    yield from (
        "云河区",
        "A3区",
        "城管局",
        "社区",
        "村",
        "12345",
        "市",
        "镇政府",
        "派出所",
        "，",
        "。",
        "\n",
        "不管",
        "请",
        "的",
        "某",
        "\x00",
        "😀",
        "民办",
    )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(list(_pieces())) | st.text(max_size=4), max_size=25).map("".join), min_size=1, max_size=6)
)
def test_any_text_gives_spans_inside_itself_and_a_batch_gives_what_single_texts_give(texts: list[str]) -> None:
    finder = FINDER
    together: dict[int, list[tuple[int, int]]] = {i: [] for i in range(len(texts))}
    for mention in finder.find(texts):
        assert 0 <= mention.start < mention.end <= len(texts[mention.doc])
        assert "\n" not in texts[mention.doc][mention.start : mention.end]
        together[mention.doc].append((mention.start, mention.end))
    for i, text in enumerate(texts):
        assert [(m.start, m.end) for m in finder.find([text])] == together[i]
        spans = sorted(together[i])
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans)), "spans do not overlap"


FINDER = Finder()


def recall(items: list[tuple[str, str, list[str]]]) -> float:
    texts = [text for title, body, _ in items for text in (title, body)]
    got: dict[int, list[str]] = {}
    for mention in FINDER.find(texts):
        if mention.mention:
            got.setdefault(mention.doc // 2, []).append(texts[mention.doc][mention.start : mention.end])
    named = [i for i, (_, _, targets) in enumerate(items) if targets]
    return sum(any(a in b or b in a for a in got.get(i, ()) for b in items[i][2]) for i in named) / len(named)


def test_blamed_units_of_the_written_corpus_are_found() -> None:
    corpus = [(m.title, m.text, [m.quote(span) for span in m.targets]) for m in read_corpus()]
    assert recall(corpus) >= 0.9


def test_targets_of_real_messages_are_found() -> None:
    gold = Path(__file__).parents[2] / "shared" / "gold" / "dev.jsonl"
    if not gold.exists():
        pytest.skip("the labelled real messages are not here")
    lines = [json.loads(line) for line in gold.read_text(encoding="utf-8").splitlines()]
    assert recall([(r["title"], r["text"], r["targets"]) for r in lines]) >= 0.9
