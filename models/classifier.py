"""The reader: clause evidence -> probability of each conduct code with its quote, and the topic of the message.

Three linear models, one on the other's shoulders: one-vs-rest logistic regression on clauses; a calibrated logistic regression
on what the best clauses of a message say (fitted on messages that the first had not seen); one-vs-rest on topic words.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from models import evidence, taxonomy
from models.clauses import Clauses, cut
from models.corpus import Labelled
from models.cues import CueError, Cues, cue_text, read_cues
from models.features import BITS, matrix, score, topic_matrix, topic_width, width_of
from models.stock import practice
from models.store import ModelError, pack, read_folder, unpack, write_folder
from models.taxonomy import CODES, TOPICS

Floats = npt.NDArray[Any]

CODE_NAMES = tuple(CODES)
SHIPPED = Path(__file__).parent / "shipped"
_PARAMETERS = ("practice_messages", "strength", "folds", "least_seen", "most_columns", "seed")
MOST = 20_000  # characters of a message that are read
BATCH = 1_500_000  # characters read at once
LEAST = 0.05  # findings below this probability are not made into quotes


@dataclass(frozen=True, slots=True)
class Finding:
    """One code of one message: its probability and its evidence, characters `start:stop` of `field` ("title" or "text")."""

    code: str
    probability: float
    quote: str
    field: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class MessageReading:
    """What was read in one message; `findings` by falling probability."""

    topic: str
    topic_probability: float
    conduct_probability: float
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Weights:
    """Everything that fitting learns. k = codes + 1 (the last: any code)."""

    columns: Floats  # (w) columns of the features that are kept
    clause: Floats  # (w, k)
    clause_bias: Floats  # (k)
    message: Floats  # (codes, evidence.WIDTH)
    conduct: Floats  # (evidence.CONDUCT_WIDTH)
    topic: Floats  # (topic features, topics)
    topic_bias: Floats  # (topics)


@dataclass(slots=True)
class ConductClassifier:
    """Reads messages. Parameters are stored as given; `fit` learns `weights_` and leaves the readings of held-out
    messages in `held_out_`; `save` and `load` use no pickle.

    Parameters
    ----------
    practice_messages: how many practice messages join the written ones.
    strength: inverse of the penalty of the clause model (C).
    folds: parts in which messages are held out to calibrate probabilities.
    least_seen: a feature seen in fewer clauses is dropped; `most_columns` bounds what is kept.
    """

    practice_messages: int = 3400
    strength: float = 2.0
    folds: int = 4
    least_seen: int = 3
    most_columns: int = 40_000
    seed: int = 20191101
    cues_text: str = field(default_factory=lambda: cue_text("cues.toml"), repr=False)
    topics_text: str = field(default_factory=lambda: cue_text("topics.toml"), repr=False)
    weights_: Weights | None = field(default=None, repr=False)
    version: str = "unsaved"
    held_out_: list[tuple[Labelled, MessageReading]] = field(default_factory=list, repr=False)
    _cues: Cues | None = field(default=None, repr=False)
    _topic_words: Cues | None = field(default=None, repr=False)
    _ready: tuple[Floats, Floats] | None = field(default=None, repr=False)

    @property
    def cues(self) -> Cues:
        """The cue slots that this model reads with."""
        if self._cues is None:
            self._cues = read_cues(self.cues_text)
        return self._cues

    @property
    def topic_words(self) -> Cues:
        """The topic words that this model reads with."""
        if self._topic_words is None:
            self._topic_words = read_cues(self.topics_text)
        return self._topic_words

    def fit(self, messages: Sequence[Labelled], neutral: Sequence[Labelled] = ()) -> "ConductClassifier":
        """Learns from labelled messages. `neutral`: messages that assert nothing, as further ground for practice messages."""
        if len(messages) < 2 * self.folds:
            raise ValueError(f"{len(messages)} labelled messages are too few to learn from")
        parts = [self._hold_out(messages, neutral, fold) for fold in range(self.folds)]
        columns, clause, bias = self._fit_clauses([*messages, *self._practice(messages, neutral)])
        topic, topic_bias = self._fit_topics(messages)
        self.weights_ = Weights(columns, clause, bias, *_calibrate(parts), topic, topic_bias)
        self._ready = None
        self.held_out_ = []
        for part in parts:  # read by a model that has seen neither their clauses nor their probabilities
            message, conduct = _calibrate([other for other in parts if other is not part])
            topic, topic_bias = self._fit_topics([m for other in parts if other is not part for m in other.messages])
            weights = Weights(columns, clause, bias, message, conduct, topic, topic_bias)
            read = self._interpret(part.clauses, part.scores, weights, 0.5)
            self.held_out_ += zip(part.messages, read, strict=True)
        return self

    def _practice(self, messages: Sequence[Labelled], neutral: Sequence[Labelled]) -> list[Labelled]:
        return practice([*messages, *neutral], self.practice_messages * len(messages) // 1718, self.seed)

    def _hold_out(self, messages: Sequence[Labelled], neutral: Sequence[Labelled], fold: int) -> "_Part":
        """What a clause model says of the messages of one fold, learned from the others."""
        order = np.random.default_rng(self.seed).permutation(len(messages))
        held = set(order[fold :: self.folds].tolist())
        seen = [m for i, m in enumerate(messages) if i not in held]
        unseen = [messages[i] for i in sorted(held)]
        columns, clause, bias = self._fit_clauses([*seen, *self._practice(seen, neutral)])
        clauses = cut([m.title for m in unseen], [m.text for m in unseen])
        scores = score(clauses, self.cues, _place_of(columns, width_of(self.cues)), _with_zeros(clause)) + bias
        return _Part(unseen, clauses, scores, evidence.gather(clauses, scores), truth_of(unseen))

    def _fit_clauses(self, messages: Sequence[Labelled]) -> tuple[Floats, Floats, Floats]:
        clauses = cut([m.title for m in messages], [m.text for m in messages])
        features = matrix(clauses, self.cues)
        seen = np.bincount(features.indices, minlength=features.shape[1])
        columns = np.flatnonzero(seen >= self.least_seen)
        features = features[:, columns]
        labels, known = clause_labels(clauses, messages)
        weights = np.zeros((len(columns), labels.shape[1]))
        bias = np.zeros(labels.shape[1])
        for j in range(labels.shape[1]):
            rows = known[:, j]
            if len(np.unique(labels[rows, j])) < 2:
                bias[j] = -6.0  # nothing to learn from: say no
                continue
            model = LogisticRegression(solver="liblinear", C=self.strength, max_iter=200, random_state=self.seed)
            model.fit(features[rows], labels[rows, j])
            weights[:, j], bias[j] = model.coef_[0], model.intercept_[0]
        strongest = np.sort(np.argsort(-np.abs(weights).max(axis=1), kind="stable")[: self.most_columns])
        # half precision is what is saved: fitting and loading give the same readings
        return columns[strongest], weights[strongest].astype(np.float16).astype(np.float32), bias.astype(np.float32)

    def _fit_topics(self, messages: Sequence[Labelled]) -> tuple[Floats, Floats]:
        messages = [m for m in messages if m.topic]
        clauses = cut([m.title for m in messages], [m.text for m in messages])
        features = topic_matrix(clauses, self.topic_words)
        weights, bias = np.zeros((features.shape[1], len(TOPICS))), np.full(len(TOPICS), -6.0)
        topics = np.array([m.topic for m in messages])
        for j, topic in enumerate(TOPICS):
            if 0 < (topics == topic).sum() < len(topics):
                model = LogisticRegression(solver="liblinear", C=1.0, random_state=self.seed).fit(features, topics == topic)
                weights[:, j], bias[j] = model.coef_[0], model.intercept_[0]
        return weights.astype(np.float32), bias.astype(np.float32)

    def predict(self, titles: Sequence[str], texts: Sequence[str], least: float = LEAST) -> list[MessageReading]:
        """One reading for each message; findings of at least probability `least`, with quotes that are exact substrings."""
        out: list[MessageReading] = []
        start = size = 0
        texts = [text if len(text) <= MOST else text[:MOST] for text in texts]
        titles = [title if len(title) <= MOST else title[:MOST] for title in titles]
        for i, (title, text) in enumerate(zip(titles, texts, strict=True)):
            if size and size + len(title) + len(text) > BATCH:
                out += self._predict(titles[start:i], texts[start:i], least)
                start, size = i, 0
            size += len(title) + len(text)
        return out + (self._predict(titles[start:], texts[start:], least) if start < len(titles) else [])

    def _predict(self, titles: Sequence[str], texts: Sequence[str], least: float) -> list[MessageReading]:
        if self.weights_ is None:
            raise ValueError("this classifier has learned nothing yet; call fit or load one")
        weights = self.weights_
        if self._ready is None:
            self._ready = _place_of(weights.columns, width_of(self.cues)), _with_zeros(weights.clause)
        clauses = cut(titles, texts)
        scores = score(clauses, self.cues, *self._ready) + weights.clause_bias
        return self._interpret(clauses, scores, weights, least)

    def _interpret(self, clauses: Clauses, scores: Floats, weights: Weights, least: float) -> list[MessageReading]:
        """From the scores of clauses to readings."""
        found = evidence.gather(clauses, scores)
        codes = evidence.probabilities(found, weights.message)
        conduct = evidence.conduct(found, codes, weights.conduct)
        topics = _shares(topic_matrix(clauses, self.topic_words) @ weights.topic + weights.topic_bias)
        best = topics.argmax(axis=1)
        findings: list[list[Finding]] = [[] for _ in best]
        for i, j in zip(*np.nonzero(codes >= least), strict=True):
            quote = evidence.quote(clauses, scores[:, j], int(found.best[i, j]))
            if quote[0] < quote[1]:  # no label without evidence
                findings[i].append(_finding(CODE_NAMES[j], float(codes[i, j]), quote, int(i), clauses))
        return [
            MessageReading(
                TOPICS[t], float(topics[i, t]), float(conduct[i]), tuple(sorted(findings[i], key=lambda f: -f.probability))
            )
            for i, t in enumerate(best)
        ]

    def save(self, folder: Path, about: Mapping[str, Any]) -> str:
        """Writes the model to `folder`, with `about` (data hash, scores) in its manifest; gives its version."""
        if self.weights_ is None:
            raise ModelError(f"{folder}: this classifier has learned nothing yet; call fit before save")
        arrays = {f.name: getattr(self.weights_, f.name) for f in fields(Weights)}
        arrays |= {"columns": arrays["columns"].astype(np.int32), "clause": arrays["clause"].astype(np.float16)}
        payload = {"weights.npz": pack(arrays), "cues.toml": self.cues_text.encode(), "topics.toml": self.topics_text.encode()}
        content = hashlib.sha256(b"".join(payload.values())).hexdigest()
        self.version = f"{taxonomy.VERSION}-{content[:10]}"
        facts = {"version": self.version, "codes": list(CODE_NAMES), "topics": list(TOPICS), "bits": BITS}
        write_folder(folder, payload, {**facts, "parameters": {name: getattr(self, name) for name in _PARAMETERS}, **about})
        return self.version

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> "ConductClassifier":
        """The model in `folder`. Raises ModelError."""
        data, manifest = read_folder(folder)
        again = "train it again with `weathervane train`"
        if (manifest.get("codes"), manifest.get("topics"), manifest.get("bits")) != (list(CODE_NAMES), list(TOPICS), BITS):
            raise ModelError(f"{folder}: made for other codes, topics or features than this program's; {again}")
        try:
            arrays = unpack(data["weights.npz"])
            weights = Weights(**{f.name: arrays[f.name] for f in fields(Weights)})
            weights.clause = weights.clause.astype(np.float32)
            model = cls(**manifest["parameters"], cues_text=data["cues.toml"].decode(), topics_text=data["topics.toml"].decode())
            model.weights_, model.version = weights, str(manifest["version"])
            model._check_shapes(weights)
        except (KeyError, TypeError, ValueError, CueError) as error:
            raise ModelError(f"{folder}: the model cannot be read ({error}); {again}") from None
        return model

    def _check_shapes(self, weights: Weights) -> None:
        kept, codes, topics = len(weights.columns), len(CODE_NAMES), len(TOPICS)
        expected = {
            "clause": (kept, codes + 1),
            "clause_bias": (codes + 1,),
            "message": (evidence.PER_CODE + codes + 1,),
            "conduct": (evidence.CONDUCT + 1,),
            "topic": (topic_width(self.topic_words), topics),
            "topic_bias": (topics,),
        }
        for name, shape in expected.items():
            if getattr(weights, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(weights, name).shape}, not {shape}")
        if kept and not 0 <= weights.columns.min() <= weights.columns.max() < width_of(self.cues):
            raise ValueError("columns out of range")


@dataclass(frozen=True, slots=True)
class _Part:
    """Messages held out, with what a clause model that has not seen them says of them, and the truth."""

    messages: list[Labelled]
    clauses: Clauses
    scores: Floats
    found: evidence.Evidence
    truth: Floats


def _calibrate(parts: Sequence[_Part]) -> tuple[Floats, Floats]:
    """The weights of the message model and of the model of "any code", from held-out messages."""
    message = evidence.fit_message_model([part.found for part in parts], [part.truth for part in parts])
    codes = [evidence.probabilities(part.found, message) for part in parts]
    return message, evidence.fit_conduct_model([(part.found, part.truth) for part in parts], codes)


def _finding(code: str, probability: float, quote: tuple[int, int], i: int, clauses: Clauses) -> Finding:
    in_title = quote[0] < clauses.text_at[i]
    base = int(clauses.title_at[i] if in_title else clauses.text_at[i])
    start, stop = quote
    return Finding(code, probability, clauses.whole[start:stop], "title" if in_title else "text", start - base, stop - base)


def _place_of(columns: Floats, width: int) -> Floats:
    """(width): the row of the weights for each column of the features; the last row, of zeros, for those not kept."""
    out = np.full(width, len(columns), dtype=np.int32)
    out[columns] = np.arange(len(columns))
    return out


def _with_zeros(weights: Floats) -> Floats:
    return np.vstack([weights, np.zeros((1, weights.shape[1]))]).astype(np.float32)


def _shares(scores: Floats) -> Floats:
    """One-vs-rest scores as shares that add up to one."""
    chance = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
    shares: Floats = chance / chance.sum(axis=1, keepdims=True)
    return shares


def truth_of(messages: Sequence[Labelled]) -> Floats:
    """(m, codes): 1 where a code is asserted, 0 where not, NaN where nobody judged."""
    out = np.zeros((len(messages), len(CODE_NAMES)))
    for i, message in enumerate(messages):
        if message.judged is not None:
            out[i, [j for j, code in enumerate(CODE_NAMES) if code not in message.judged]] = np.nan
        for span in message.labels:
            out[i, CODE_NAMES.index(span.tag)] = 1
    return out


def clause_labels(clauses: Clauses, messages: Sequence[Labelled]) -> tuple[Floats, Floats]:
    """Labels (n, codes + 1) of each clause, and whether they are known. A clause proves what a span says that covers half of it,
    or most of which it holds."""
    labels = np.zeros((len(clauses), len(CODE_NAMES) + 1), dtype=np.int8)
    for i, message in enumerate(messages):
        for span in message.labels:
            base = int(clauses.title_at[i] if span.where == "title" else clauses.text_at[i])
            start, stop = base + span.start, base + span.end
            for n in range(int(clauses.of[start]), int(clauses.of[stop - 1]) + 1):
                shared = min(stop, int(clauses.stop[n])) - max(start, int(clauses.start[n]))
                if 2 * shared >= clauses.stop[n] - clauses.start[n] or 10 * shared >= 6 * (stop - start):
                    labels[n, CODE_NAMES.index(span.tag)] = labels[n, -1] = 1
    known = np.ones(labels.shape, dtype=bool)
    truth = truth_of(messages)[clauses.message]
    known[:, :-1] = ~np.isnan(truth)
    known[:, -1] = known[:, :-1].all(axis=1)
    return labels, known
