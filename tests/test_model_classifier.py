"""The classifier: learns, reads with exact quotes, saves and loads without pickle, refuses what was changed."""

import json
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.classifier import CODE_NAMES, SHIPPED, ConductClassifier, clause_labels, truth_of
from models.clauses import cut
from models.corpus import Labelled, Span, digest, read_corpus
from models.stock import practice
from models.store import ModelError
from models.taxonomy import TOPICS

ANYTHING = st.text(
    alphabet=st.one_of(st.sampled_from("城管局没人管，推诿。\n\0[姓名]<script>=１"), st.characters()), max_size=200
)


@pytest.fixture(scope="module")
def shipped() -> ConductClassifier:
    return ConductClassifier.load()


@pytest.fixture(scope="module")
def small() -> ConductClassifier:
    return ConductClassifier(folds=2).fit(read_corpus()[:160])


def test_it_tells_a_public_units_failure_from_a_private_one(shipped: ConductClassifier) -> None:
    public, private, question = shipped.predict(
        ["城管局不作为", "物业不作为", "请问怎么办居住证"],
        [
            "我们小区门口的违建，居民多次向城管局投诉，城管局一直不管不问，至今没有答复，部门之间互相推诿。",
            "我们小区的物业收了钱什么都不管，楼道灯坏了两个月也没人换，业主跟物业公司协商多次都没有结果。",
            "您好，我想咨询一下办理居住证需要带哪些材料，周末窗口上班吗？谢谢。",
        ],
    )
    assert "inaction" in {f.code for f in public.findings if f.probability >= 0.5}
    assert public.conduct_probability > 0.8
    assert question.conduct_probability < 0.2
    assert private.conduct_probability < public.conduct_probability
    assert not [f for f in question.findings if f.probability >= 0.3]


@given(st.lists(st.tuples(ANYTHING, ANYTHING), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_every_quote_is_an_exact_substring_with_its_offsets(messages: list[tuple[str, str]]) -> None:
    titles, texts = [title for title, _ in messages], [text for _, text in messages]
    model = _shipped_once()
    readings = model.predict(titles, texts, least=0.0)
    assert len(readings) == len(messages)
    for title, text, reading in zip(titles, texts, readings, strict=True):
        assert reading.topic in TOPICS
        assert 0 <= reading.topic_probability <= 1
        assert 0 <= reading.conduct_probability <= 1
        for finding in reading.findings:
            whole = title if finding.field == "title" else text
            assert whole[finding.start : finding.stop] == finding.quote != ""
            assert len(finding.quote) <= 60
            assert 0 <= finding.probability <= 1


_kept: list[ConductClassifier] = []


def _shipped_once() -> ConductClassifier:
    if not _kept:
        _kept.append(ConductClassifier.load())
    return _kept[0]


def test_quotes_of_ordinary_messages_are_6_to_60_characters(shipped: ConductClassifier) -> None:
    messages = [m for m in read_corpus()[::6] if len(m.text) > 30]
    quotes = [f.quote for r in shipped.predict([m.title for m in messages], [m.text for m in messages]) for f in r.findings]
    assert len(quotes) > 100
    assert sum(6 <= len(quote) <= 60 for quote in quotes) / len(quotes) > 0.99


def test_a_message_reads_the_same_alone_and_in_any_batch(shipped: ConductClassifier) -> None:
    messages = read_corpus()[5:45]
    together = shipped.predict([m.title for m in messages], [m.text for m in messages])
    for message, reading in zip(messages, together, strict=True):
        (alone,) = shipped.predict([message.title], [message.text])
        assert alone.topic == reading.topic
        assert alone.conduct_probability == pytest.approx(reading.conduct_probability, abs=1e-5)
        assert [f.quote for f in alone.findings] == [f.quote for f in reading.findings]
    assert shipped.predict([], []) == []


def test_a_huge_cell_is_read_in_bounded_time(shipped: ConductClassifier) -> None:
    started = time.perf_counter()
    (reading,) = shipped.predict(["很长"], ["城管局没人管" * 800_000])
    assert time.perf_counter() - started < 5
    assert reading.findings


def test_the_shipped_model_loads_fast_is_small_and_was_made_from_this_corpus(shipped: ConductClassifier) -> None:
    started = time.perf_counter()
    ConductClassifier.load()
    assert time.perf_counter() - started < 2
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 4_000_000
    manifest = json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["version"] == shipped.version
    assert manifest["corpus_sha256"] == digest(read_corpus()), "the corpus changed: run `weathervane train -o models/shipped`"


def test_saving_and_loading_gives_the_same_readings_and_the_same_bytes(small: ConductClassifier, tmp_path: Path) -> None:
    version = small.save(tmp_path / "a", {"messages": 160})
    again = ConductClassifier.load(tmp_path / "a")
    messages = read_corpus()[200:230]
    titles, texts = [m.title for m in messages], [m.text for m in messages]
    assert again.predict(titles, texts) == small.predict(titles, texts)
    assert again.version == version == again.save(tmp_path / "b", {"messages": 160})
    for name in ("weights.npz", "cues.toml", "topics.toml", "manifest.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_learning_is_repeatable(small: ConductClassifier) -> None:
    again = ConductClassifier(folds=2).fit(read_corpus()[:160])
    assert small.weights_ is not None
    assert again.weights_ is not None
    assert (again.weights_.clause == small.weights_.clause).all()
    assert (again.weights_.message == small.weights_.message).all()


@pytest.mark.parametrize("name", ["weights.npz", "cues.toml", "topics.toml", "manifest.json"])
def test_a_changed_or_lost_file_is_refused_in_one_line(small: ConductClassifier, tmp_path: Path, name: str) -> None:
    small.save(tmp_path, {})
    path = tmp_path / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError) as changed:
        ConductClassifier.load(tmp_path)
    path.unlink()
    with pytest.raises(ModelError) as lost:
        ConductClassifier.load(tmp_path)
    for error in (changed, lost):
        assert "\n" not in str(error.value)
        assert str(tmp_path) in str(error.value)


def test_pickled_arrays_are_refused_even_with_a_right_hash(small: ConductClassifier, tmp_path: Path) -> None:
    small.save(tmp_path, {})
    np.savez(tmp_path / "weights.npz", columns=np.array([{"a": 1}], dtype=object))
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    import hashlib

    manifest["files"]["weights.npz"] = hashlib.sha256((tmp_path / "weights.npz").read_bytes()).hexdigest()
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ModelError):
        ConductClassifier.load(tmp_path)
    with zipfile.ZipFile(SHIPPED / "weights.npz") as archive:
        assert all(entry.endswith(".npy") for entry in archive.namelist())


def test_a_manifest_cannot_lead_out_of_its_folder(small: ConductClassifier, tmp_path: Path) -> None:
    small.save(tmp_path / "m", {})
    path = tmp_path / "m" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["files"]["../outside"] = "0"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(ModelError):
        ConductClassifier.load(tmp_path / "m")


def test_an_unlearned_classifier_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fit"):
        ConductClassifier().predict(["a"], ["b"])
    with pytest.raises(ModelError):
        ConductClassifier().save(tmp_path, {})
    with pytest.raises(ValueError, match="too few"):
        ConductClassifier().fit(read_corpus()[:3])


def test_labels_fall_on_the_clauses_that_their_spans_cover_and_unjudged_codes_are_unknown() -> None:
    text = "昨天我去了城管局。他们一直没人管这件事，我很生气。请帮忙。"
    start = text.index("他们")
    message = Labelled("x", "投诉", text, "城乡建设", "board", [Span("inaction", "text", start, start + 10)])
    message.judged = frozenset({"inaction", "delay"})
    clauses = cut([message.title], [message.text])
    labels, known = clause_labels(clauses, [message])
    marked = [clauses.whole[clauses.start[n] : clauses.stop[n]] for n in np.flatnonzero(labels[:, CODE_NAMES.index("inaction")])]
    assert marked == ["他们一直没人管这件事，"]
    assert known[:, CODE_NAMES.index("delay")].all()
    assert not known[:, CODE_NAMES.index("graft")].any()
    assert np.isnan(truth_of([message])[0, CODE_NAMES.index("graft")])


def test_practice_messages_are_seeded_and_their_spans_are_the_sentences_strewn() -> None:
    corpus = read_corpus()
    made = practice(corpus, 60, seed=3)
    assert [m.text for m in made] == [m.text for m in practice(corpus, 60, seed=3)]
    assert [m.text for m in made] != [m.text for m in practice(corpus, 60, seed=4)]
    labelled = [m for m in made if m.labels]
    assert 15 < len(labelled) < 50
    for message in labelled:
        for span in message.labels:
            quote = message.quote(span)
            assert quote
            assert not set("()|$") & set(quote), quote
            assert message.text[span.end] in "。，！"
