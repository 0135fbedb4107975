"""Events: repeats and reposts join, different matters do not, and only the set of messages decides."""

import datetime as dt
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts import EventMember, arrow_schema
from pipelines.events import join_events
from pipelines.sketches import likeness, sketch

LAMP = (
    "桂花路从菜市场到小学这一段的路灯坏了半年，晚上漆黑一片，老人孩子出门只能打手电，已经摔伤了两个人，打电话报修一直没有人来。"
)
WATER = "三栋以上的住户从五月起每天傍晚停水，做饭洗澡都成问题，自来水厂说压力不够，要等明年加压泵房建好，这个夏天怎么过。"
SCHEMA = pa.schema([
    ("message_id", pa.string()), ("title", pa.string()), ("body", pa.string()), ("place", pa.string()),
    ("complainant_key", pa.string()), ("posted_at", pa.timestamp("us")),
])  # fmt: skip


def table(*items: tuple[str, str | None, str | None, int], title: str = "") -> pa.Table:
    """(body, person, place, days after the first) -> clean_message columns."""
    start = dt.datetime(2019, 1, 1, 8)  # noqa: DTZ001
    return pa.Table.from_pylist(
        [
            {"message_id": f"m{i:016x}", "title": title, "body": body, "place": place, "complainant_key": person,
             "posted_at": start + dt.timedelta(days=days)}
            for i, (body, person, place, days) in enumerate(items)
        ],
        schema=SCHEMA,
    )  # fmt: skip


def events(messages: pa.Table) -> list[tuple[str, str]]:
    """(event's last digit, relation) by message."""
    out = join_events(messages)
    assert out.schema == arrow_schema(EventMember)
    assert out["message_id"].to_pylist() == messages["message_id"].to_pylist()
    return [
        (event[-1], relation) for event, relation in zip(out["event_id"].to_pylist(), out["relation"].to_pylist(), strict=True)
    ]


def test_the_same_letters_are_one_event_whatever_the_punctuation() -> None:
    assert events(table((LAMP, "a", None, 0), (LAMP.replace("，", " "), "b", None, 3), (WATER, "a", None, 4))) == [
        ("0", "first"), ("0", "exact"), ("2", "first"),
    ]  # fmt: skip


def test_the_event_is_named_after_its_earliest_message() -> None:
    out = join_events(table((LAMP, "a", None, 9), (LAMP, "b", None, 3)))
    assert out["event_id"].to_pylist() == ["e0000000000000001"] * 2
    assert out["relation"].to_pylist() == ["exact", "first"]


def test_a_repost_with_a_few_words_changed_joins_within_half_a_year() -> None:
    edited = LAMP.replace("半年", "大半年").replace("两个人", "三个人") + "请尽快处理。"
    assert events(table((LAMP, "a", None, 0), (edited, "b", None, 170)))[1] == ("0", "near")
    assert events(table((LAMP, "a", None, 0), (edited, "b", None, 190)))[1] == ("1", "first")
    assert events(table((LAMP, None, None, 0), (edited, None, None, 10)))[1] == ("0", "near")


def test_the_same_person_again_joins_at_a_lower_likeness_within_a_year() -> None:
    again = "又是我。桂花路从菜市场到小学的路灯还是坏的，晚上漆黑一片，老人孩子出门只能打手电，上次说的第二周来修，没有人来。"
    assert events(table((LAMP, "a", None, 0), (again, "a", None, 300)))[1] == ("0", "same_person")
    assert events(table((LAMP, "a", None, 0), (again, "b", None, 30)))[1] == ("1", "first")
    assert events(table((LAMP, "a", None, 0), (again, "a", None, 400)))[1] == ("1", "first")
    assert events(table((LAMP, "a", None, 0), (WATER, "a", None, 1)))[1] == ("1", "first")


def test_a_brief_generic_text_joins_only_at_its_place_or_by_its_person() -> None:
    brief = "路灯坏了，请修。"
    got = events(
        table((brief, None, "云河区", 0), (brief, None, "江南区", 1), (brief, None, "云河区", 2), (brief, None, None, 3))
    )
    assert got == [("0", "first"), ("1", "first"), ("0", "exact"), ("3", "first")]
    assert events(table((brief, "a", None, 0), (brief, "a", None, 1)))[1] == ("0", "exact")
    assert events(table((brief, None, "云河区", 0), (brief + "快", None, "云河区", 1)))[1] == ("1", "first")


def test_one_form_filled_in_at_two_places_is_two_matters() -> None:
    other = LAMP.replace("桂花路", "樟树路").replace("半年", "两个月")
    assert events(table((LAMP, "a", "云河区", 0), (other, "b", "江南区", 1)))[1] == ("1", "first")


def test_a_drive_of_many_people_is_one_event() -> None:
    rng = random.Random(7)
    drive = [(LAMP + f"我住{rng.randrange(1, 40)}栋，姓名省略。", f"p{i}", "云河区", i % 30) for i in range(300)]
    assert {event for event, _ in events(table(*drive))} == {"0"}


def test_withdrawn_messages_without_text_join_nothing() -> None:
    assert [event for event, _ in events(table(("", "a", "云河区", 0), ("", "a", "云河区", 0), ("。", "a", "云河区", 0)))] == [
        "0",
        "1",
        "2",
    ]
    assert join_events(table()).num_rows == 0


_TEXTS = [
    LAMP,
    LAMP + "急",
    LAMP.replace("半年", "一年"),
    WATER,
    WATER[:40],
    "路灯坏了",
    "路灯坏了！",
    "",
    LAMP[:70] + WATER[:20],
]
_MESSAGE = st.tuples(
    st.sampled_from(_TEXTS), st.sampled_from([None, "a", "b"]), st.sampled_from([None, "云河区", "江南区"]), st.integers(0, 400)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_MESSAGE, min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_only_the_set_of_messages_decides(items: list[tuple[str, str | None, str | None, int]], rng: random.Random) -> None:
    messages = table(*items)
    expected = dict(zip(messages["message_id"].to_pylist(), join_events(messages).to_pylist(), strict=True))
    order = list(range(len(items)))
    rng.shuffle(order)
    shuffled = messages.take(pa.array(order, pa.int64()))
    cut = rng.randrange(len(items) + 1)
    for other in (shuffled, pa.concat_tables([shuffled.slice(0, cut), shuffled.slice(cut)])):
        assert {row["message_id"]: row for row in join_events(other).to_pylist()} == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_a_sketch_does_not_depend_on_the_texts_around_it(texts: list[str]) -> None:
    together = sketch(texts)
    for i, text in enumerate(texts):
        alone = sketch([text])
        assert alone.digest[0] == together.digest[i]
        assert (alone.bins[0] == together.bins[i]).all()


def test_likeness_estimates_jaccard() -> None:
    rng = random.Random(5)
    letters = [chr(0x4E00 + i) for i in range(3000)]
    ones, others, truth = [], [], []
    for _ in range(300):
        base = [rng.choice(letters) for _ in range(300)]
        other = base[: 300 - rng.randrange(150)] + [rng.choice(letters) for _ in range(100)]
        ones.append("".join(base))
        others.append("".join(other))
        a, b = ({tuple(t[i : i + 4]) for i in range(len(t) - 3)} for t in (base, other))
        truth.append(len(a & b) / len(a | b))
    n = np.arange(300)
    error = likeness(sketch(ones + others).bins, n, n + 300) - np.array(truth)
    assert abs(error.mean()) < 0.02
    assert error.std() < 0.11


def test_ten_times_the_messages_take_about_ten_times_as_long() -> None:
    pytest.importorskip("resource")
    import time

    def seconds(count: int) -> float:
        rng = random.Random(1)
        words = [LAMP[i : i + 12] for i in range(50)] + [WATER[i : i + 12] for i in range(40)]
        items = [("".join(rng.choices(words, k=12)), None, None, rng.randrange(300)) for _ in range(count)]
        messages = table(*items)
        start = time.process_time()
        join_events(messages)
        return time.process_time() - start

    seconds(200)
    small, large = seconds(1_000), seconds(8_000)
    assert large < 8 * 4 * max(small, 0.02), "quadratic would be 64 times"
