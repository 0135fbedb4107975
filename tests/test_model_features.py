"""Clauses, hashes, cues: the small parts that reading stands on."""

import re

import jieba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.clauses import LONGEST, cut
from models.corpus import read_corpus
from models.cues import CueError, cue_text, read_cues
from models.features import cue_names, cue_width, matrix, score, topic_matrix, topic_width, width_of, words
from models.hashing import Rolling, hash_words
from models.taxonomy import CODES, TOPICS

CHINESE = st.text(
    alphabet=st.sampled_from("我们多次向城管局反映无人管，。！？；、 \n\t\r\0A3区１２…“”[姓名]①Ω𠮷\ud800'=<"), max_size=120
)
CUES = read_cues(cue_text("cues.toml"))


@given(st.lists(st.tuples(CHINESE, CHINESE), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_clauses_cover_every_character_once_and_stay_in_their_message(messages: list[tuple[str, str]]) -> None:
    clauses = cut([title for title, _ in messages], [text for _, text in messages])
    assert clauses.start[0] == 0
    assert (clauses.start[1:] == clauses.stop[:-1]).all()
    assert clauses.stop[-1] == len(clauses.whole) == clauses.end_at[-1]
    assert (clauses.stop > clauses.start).all()
    for i, (title, text) in enumerate(messages):
        assert clauses.whole[clauses.title_at[i] :][: len(title)] == title
        assert clauses.whole[clauses.text_at[i] :][: len(text)] == text
        assert clauses.title_at[i] == clauses.start[clauses.message == i][0]
        assert (clauses.in_title == (clauses.start < clauses.text_at[clauses.message])).all()


def test_long_writing_without_punctuation_is_cut_and_short_bits_stay_with_their_neighbour() -> None:
    clauses = cut(["路"], ["我们村的路修了三年" * 40 + "。好，好，我知道了，你等着，再说吧。"])
    lengths = clauses.stop - clauses.start
    assert lengths.max() <= LONGEST + 1
    pieces = [clauses.whole[a:b] for a, b in zip(clauses.start, clauses.stop, strict=True)]
    assert "好，好，我知道了，你等着，再说吧。\n" in pieces


def test_a_batch_reads_as_its_messages_one_by_one() -> None:
    messages = read_corpus()[:40]
    titles, texts = [m.title for m in messages], [m.text for m in messages]
    together = matrix(cut(titles, texts), CUES)
    apart = [matrix(cut([title], [text]), CUES) for title, text in zip(titles, texts, strict=True)]
    assert together.shape[0] == sum(part.shape[0] for part in apart)
    at = 0
    for part in apart:
        assert abs(together[at : at + part.shape[0]] - part).max() < 1e-6
        at += part.shape[0]


def test_score_is_the_matrix_times_the_weights() -> None:
    messages = read_corpus()[40:70]
    clauses = cut([m.title for m in messages], [m.text for m in messages])
    features = matrix(clauses, CUES)
    columns = np.unique(features.indices)[::3]
    weights = np.random.default_rng(1).normal(size=(len(columns), 4)).astype(np.float32)
    place_of = np.full(width_of(CUES), len(columns), dtype=np.int32)
    place_of[columns] = np.arange(len(columns))
    padded = np.vstack([weights, np.zeros((1, 4), dtype=np.float32)])
    assert np.allclose(score(clauses, CUES, place_of, padded), features[:, columns] @ weights, atol=1e-3)


@given(st.text(alphabet="不作为推诿城管局啊", min_size=1, max_size=30), st.data())
def test_the_hash_of_a_stretch_is_that_of_its_words(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start + 1, len(text)))
    rolling = Rolling(np.array([ord(char) for char in text]))
    assert rolling.of(np.array([start]), np.array([stop]))[0] == hash_words([text[start:stop]])[0]


def test_words_are_those_of_jieba_without_hmm() -> None:
    jieba.setLogLevel(60)
    for message in read_corpus()[::40]:
        text = message.text.replace("\n", "。")
        ends = np.cumsum([len(word) for word in jieba.cut(text, HMM=False)])
        assert words(text).tolist() == ends.tolist()


def _found(text: str) -> set[str]:
    clauses = cut([""], [text])
    has = CUES.find(clauses).has.any(axis=0)
    return {slot for slot, there in zip(CUES.slots, has, strict=True) if there}


def test_cues_are_found_in_their_slots() -> None:
    assert {"inaction", "who_public", "told"} <= _found("我们多次向城管局反映，一直无人管")
    assert {"buck_passing"} <= _found("两个部门互相推诿")
    assert {"who_private"} <= _found("物业公司收了钱不办事")
    assert "inaction" not in _found("今天天气很好")


def test_a_gapped_cue_stays_in_its_clause_and_within_its_gap() -> None:
    table = read_cues('gap = 4\n[slots.x]\nwords = "没有…人…管 短"')
    hits = [
        table.find(cut([""], [text])).has.any()
        for text in ("没有一个人来管", "没有一个人。来管一管吧", "没有一二三四五六个人来管", "管人没有")
    ]
    assert hits == [True, False, False, False]
    assert table.find(cut([""], ["太短了"])).has.any()


@given(
    st.lists(st.sampled_from(["没人管", "推诿", "A3区", "１２３４５", "态度恶劣", "，", "。", "ktv", "KTV", "我"]), max_size=20)
)
@settings(max_examples=100, deadline=None)
def test_the_fast_search_finds_what_a_plain_search_finds(pieces: list[str]) -> None:
    """Against `in`, clause by clause, for the cues of one piece."""
    clauses = cut([""], ["".join(pieces)])
    has = CUES.find(clauses).has
    table = __import__("tomllib").loads(cue_text("cues.toml"))["slots"]
    half = str.maketrans({chr(0xFF01 + i): chr(0x21 + i) for i in range(94)})
    for number, (start, stop) in enumerate(zip(clauses.start, clauses.stop, strict=True)):
        plain = clauses.whole[start:stop].translate(half).lower()
        for slot, name in enumerate(CUES.slots):
            cues = [cue.lower() for cue in table[name]["words"].split()]
            simple = any(cue in plain for cue in cues if "…" not in cue)
            gapped = any(re.search(".{0,8}".join(map(re.escape, cue.split("…"))), plain) for cue in cues if "…" in cue)
            assert bool(has[number, slot]) == (simple or gapped), (name, plain)


def test_the_tables_name_every_code_and_topic() -> None:
    assert set(CODES) <= set(CUES.slots)
    topics = read_cues(cue_text("topics.toml"))
    assert topics.slots == TOPICS
    assert topic_matrix(cut(["公交"], ["公交车"]), topics).shape == (1, topic_width(topics))
    assert len(cue_names(CUES)) == cue_width(CUES)


@pytest.mark.parametrize(
    "table",
    [
        "",
        "gap = 3",
        "gap = 'x'\n[slots.a]\nwords = '好'",
        "gap = 3\n[slots.a]\nwords = '好……坏'",
        "gap = 3\n[slots.a]\nwrds = '好'",
        "gap = =",
    ],
)
def test_a_broken_table_is_refused(table: str) -> None:
    with pytest.raises((CueError, ValueError)):
        read_cues(table)
