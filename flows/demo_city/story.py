"""Tells the sixty weeks of 临江市: who writes what about whom and when, in which channel, and what became of it.

Everything follows from the seed and the last day. In the last week one unit draws a surge and one source is silent.
"""

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from flows.demo_city.people import Person, Town
from flows.demo_city.places import CityUnit, table, temper, units
from flows.demo_city.words import Matter, groups, matters, surge_letters
from flows.demo_city.writer import Voice, again, conduct_letter, elsewhere, inspection_finding, plain_letter, reply

SURGE_UNIT, SURGE_CODE, SURGE_EVENTS = "QJ-CGJ", "illegal_charges", 15
SILENT, SILENT_WEEKS = "leader_board", 2
SOURCES = {"hotline": 36, "citizen_board": 19, "leader_board": 13, "evening_paper": 4, "inspection": 4}
CHANNELS = {
    "hotline": "hotline",
    "citizen_board": "board",
    "leader_board": "board",
    "evening_paper": "media",
    "inspection": "inspection",
}
_CODE_WEIGHTS = {
    "inaction": 3.0,
    "delay": 2.2,
    "perfunctory": 2.0,
    "buck_passing": 1.5,
    "red_tape": 1.4,
    "rudeness": 1.3,
    "poor_execution": 1.2,
    "absence": 1.1,
    "illegal_charges": 1.0,
    "opacity": 1.0,
    "abuse_of_power": 1.0,
    "broken_promise": 1.0,
    "graft": 0.7,
    "favoritism": 0.7,
    "extravagance": 0.7,
}
_KINDS = ("求助", "咨询", "投诉", "建议", "表扬")
_KIND_WEIGHTS = (34, 26, 22, 10, 8)


@dataclass(slots=True)
class Letter:
    """One message of the story with its truth; `native_id` is given when all are in order of time."""

    source: str
    person: Person | None
    unit: CityUnit
    matter: str
    topic: str
    kind: str
    codes: tuple[str, ...]
    title: str
    body: str
    posted: dt.datetime
    event: int
    district: str
    native_id: str = ""
    reply: str = ""
    replied: dt.datetime | None = None
    satisfied: str = ""
    reopened: bool = False
    withdrawn: bool = False
    drive: bool = field(default=False)


class Story:
    """The letters of `weeks` weeks that end with `ending`, a Sunday."""

    def __init__(self, seed: int, weeks: int, ending: dt.date) -> None:
        self.seed, self.weeks, self.ending = seed, weeks, ending
        self.chance = random.Random(f"{seed}-story")  # noqa: S311 - a story, no secret
        self.people = Town(seed).people
        self.temper = temper(seed) | {SURGE_UNIT: 1.7}
        self.first_day = ending - dt.timedelta(days=7 * weeks - 1)
        self._next_event = 0
        self._by_key: dict[str, list[CityUnit]] = {}
        for unit in units():
            self._by_key.setdefault(unit.key, []).append(unit)
        self._habits = {(unit.code, code): self.chance.lognormvariate(0, 0.6) for unit in units() for code in _CODE_WEIGHTS}
        self._habits[SURGE_UNIT, SURGE_CODE] = 9.0  # the surge must beat a past that is not empty

    def letters(self) -> list[Letter]:
        """All letters, in order of time, numbered as their sources number them."""
        out: list[Letter] = []
        for week in range(self.weeks):
            monday = self.first_day + dt.timedelta(days=7 * week)
            for source, usual in SOURCES.items():
                for _ in range(self._count(usual * self._tide(monday))):
                    out += self._with_echoes(self._letter(source, monday))
        out += self._surge()
        out += self._drive(weeks_before_end=6, size=8)
        out += self._drive(weeks_before_end=0, size=7)
        last = dt.datetime.combine(self.ending, dt.time(23, 59))
        silent_from = self.ending - dt.timedelta(days=7 * SILENT_WEEKS - 1)
        out = [x for x in out if x.posted <= last and not (x.source == SILENT and x.posted.date() >= silent_from)]
        out.sort(key=lambda x: (x.posted, x.source, x.event, x.title))
        self._number(out)
        return out

    def _count(self, mean: float) -> int:
        """Poisson, with a little more spread than that."""
        mean *= self.chance.gammavariate(60, 1 / 60)
        limit, product, count = 2.718281828459045**-mean, self.chance.random(), 0
        while product > limit:
            product *= self.chance.random()
            count += 1
        return count

    @staticmethod
    def _tide(monday: dt.date) -> float:
        """How busy a week is: fewer letters at 春节 and the National Day, more in high summer."""
        if (monday.month, monday.day // 8) in ((2, 1), (2, 2), (9, 3), (10, 0)):
            return 0.72
        return {6: 1.08, 7: 1.15, 8: 1.12, 11: 1.05, 12: 1.05}.get(monday.month, 0.96)

    def _when(self, monday: dt.date, source: str) -> dt.datetime:
        chance = self.chance
        day = monday + dt.timedelta(days=chance.choices(range(7), (18, 17, 16, 16, 15, 10, 8))[0])
        if source in ("inspection", "evening_paper"):
            day = monday + dt.timedelta(days=chance.randrange(5))
        hour = chance.choices(range(24), (1, 0, 0, 0, 0, 0, 1, 3, 9, 12, 11, 8, 5, 6, 9, 10, 9, 7, 5, 6, 7, 6, 4, 2))[0]
        return dt.datetime.combine(day, dt.time(hour, chance.randrange(60), chance.randrange(60)))

    def _matter(self, month: int) -> Matter:
        season = table()["season"]
        pool = matters()
        return self.chance.choices(pool, [2.2 if month in season.get(m.slug, ()) else 1.0 for m in pool])[0]

    def _unit(self, keys: Sequence[str]) -> CityUnit:
        pool = [unit for key in keys for unit in self._by_key.get(key, ())]
        return self.chance.choices(pool, [unit.exposure * self.temper[unit.code] for unit in pool])[0]

    def _codes(self, matter: Matter, unit: CityUnit) -> tuple[str, ...]:
        chance = self.chance
        weights = {
            code: weight * self._habits[unit.code, code] * (3.0 if code in matter.conduct else 0.22)
            for code, weight in _CODE_WEIGHTS.items()
        }
        chosen: list[str] = []
        for _ in range(chance.choices((1, 2, 3), (62, 30, 8))[0]):
            code = chance.choices(list(weights), list(weights.values()))[0]
            chosen.append(code)
            del weights[code]
        return tuple(chosen)

    def _letter(self, source: str, monday: dt.date) -> Letter:
        chance, when = self.chance, self._when(monday, source)
        person = chance.choice(self.people)
        if source == "inspection":
            return self._finding(person, when)
        matter = self._matter(when.month)
        unit = self._unit(matter.units)
        channel = CHANNELS[source]
        if channel == "board" and chance.random() < (0.13 if source == "leader_board" else 0.05):
            channel = "petition"
        voice = Voice(chance, person, unit, matter, when, channel)
        codes: tuple[str, ...] = ()
        if chance.random() < 0.44:
            codes, kind = self._codes(matter, unit), "投诉"
            title, body = conduct_letter(voice, codes)
        else:
            kind = chance.choices(_KINDS, _KIND_WEIGHTS)[0]
            voice.channel = "board" if channel == "petition" else channel
            title, body = plain_letter(voice, kind)
        letter = Letter(
            source, person, unit, matter.slug, matter.topic, kind, codes, title, body, when, self._event(), voice.district
        )
        self._close(letter, voice)
        return letter

    def _finding(self, person: Person, when: dt.datetime) -> Letter:
        found = groups("inspection")
        group = self.chance.choices(list(found), [3.2 if key.startswith("无") else 1.0 for key in found])[0]
        code, keys, topic = (cell.strip() for cell in group.split(" | "))
        unit = self._unit(keys.split())
        voice = Voice(self.chance, person, unit, matters()[0], when, "inspection")
        title, body = inspection_finding(voice, group)
        codes = () if code == "无" else (code,)
        letter = Letter(
            "inspection", None, unit, "inspection", topic, "检查", codes, title, body, when, self._event(), unit.district
        )
        if codes:
            letter.reply, letter.replied = "已反馈被检查单位，限期整改", when + dt.timedelta(days=self.chance.randint(3, 20))
        return letter

    def _event(self) -> int:
        self._next_event += 1
        return self._next_event

    def _close(self, letter: Letter, voice: Voice) -> None:
        """What became of a letter: reply, days, rating, done again."""
        chance = self.chance
        if chance.random() > {"hotline": 0.88, "leader_board": 0.72, "citizen_board": 0.6}.get(letter.source, 0.0):
            return
        days = chance.lognormvariate(1.5 + 0.35 * (self.temper[letter.unit.code] - 1), 0.6)
        days = min(days + chance.uniform(25, 60), 90) if chance.random() < 0.07 else days
        letter.reply, empty = reply(voice, letter.kind, letter.codes)
        letter.replied = letter.posted + dt.timedelta(days=days)
        if chance.random() < 0.55:
            liked = chance.random() < (0.12 if empty else 0.52 if letter.codes else 0.86)
            letter.satisfied = "满意" if liked else "不满意"
            letter.reopened = not liked and chance.random() < 0.3
        if letter.replied.date() > self.ending:
            letter.reply, letter.replied, letter.satisfied, letter.reopened = "", None, "", False

    def _with_echoes(self, letter: Letter) -> Iterator[Letter]:
        """A letter with what follows it: the same person again, the same text elsewhere or twice."""
        yield letter
        chance = self.chance
        if letter.person is None or letter.source == "evening_paper":
            return
        if chance.random() < 0.05:
            voice = Voice(
                chance, letter.person, letter.unit, next(m for m in matters() if m.slug == letter.matter), letter.posted, "board"
            )
            title, body = again(voice, letter.codes, letter.body)
            yield self._echo(letter, letter.source, chance.uniform(8, 40), title, body)
        if chance.random() < 0.035:
            other = chance.choice([s for s in ("hotline", "citizen_board", "leader_board") if s != letter.source])
            yield self._echo(letter, other, chance.uniform(0.1, 3), letter.title, elsewhere(letter.body, letter.source))
        if chance.random() < 0.015:
            yield self._echo(letter, letter.source, chance.uniform(0.01, 2), letter.title, letter.body)

    @staticmethod
    def _echo(letter: Letter, source: str, days: float, title: str, body: str) -> Letter:
        posted = (letter.posted + dt.timedelta(days=days)).replace(microsecond=0)
        return replace(
            letter, source=source, posted=posted, title=title, body=body, reply="", replied=None, satisfied="", reopened=False
        )

    def _surge(self) -> Iterator[Letter]:
        """The matter of the last week: one unit, one code, different people."""
        unit = next(unit for unit in units() if unit.code == SURGE_UNIT)
        matter = next(m for m in matters() if m.slug == "stalls")
        monday = self.ending - dt.timedelta(days=6)
        writers = self.chance.sample(self.people, SURGE_EVENTS)
        letters = self.chance.sample(surge_letters(), SURGE_EVENTS)
        for writer, (title, body) in zip(writers, letters, strict=True):
            source = "hotline" if body.startswith("来电人") else self.chance.choice(("citizen_board", "citizen_board", "hotline"))
            voice = Voice(
                self.chance, writer, unit, matter, self._when(monday, source), "hotline" if body.startswith("来电人") else "board"
            )
            yield Letter(
                source,
                writer,
                unit,
                "surge",
                matter.topic,
                "投诉",
                (SURGE_CODE,),
                voice.bare(title),
                voice.say(body),
                voice.when,
                self._event(),
                unit.district,
            )

    def _drive(self, weeks_before_end: int, size: int) -> Iterator[Letter]:
        """One text sent in by many people: one event."""
        monday = self.ending - dt.timedelta(days=6 + 7 * weeks_before_end)
        unit = next(unit for unit in units() if unit.code == ("YT-XZ3" if weeks_before_end else "BL-XZ2"))
        matter = next(m for m in matters() if m.slug == ("land" if weeks_before_end else "pollution"))
        writers = self.chance.sample(self.people, size)
        voice = Voice(self.chance, writers[0], unit, matter, self._when(monday, "hotline"), "board")
        codes = ("opacity", "delay") if weeks_before_end else ("inaction", "buck_passing")
        body = "".join(
            [voice.say(self.chance.choice(matter.situations)), *(voice.say(matter.conduct[code][0]) for code in codes)]
        )
        event, title = self._event(), f"{voice.bare('{村}')}村民联名反映{matter.phrase}"
        for writer in writers:
            source = self.chance.choice(("citizen_board", "hotline"))
            yield Letter(
                source,
                writer,
                unit,
                matter.slug,
                matter.topic,
                "投诉",
                codes,
                title,
                f"{body}联名人：{writer.name}，{writer.phone}。",
                self._when(monday, source),
                event,
                unit.district,
                drive=True,
            )

    @staticmethod
    def _number(letters: list[Letter]) -> None:
        counts = dict.fromkeys(SOURCES, 0)
        for letter in letters:
            counts[letter.source] += 1
            number = counts[letter.source]
            letter.native_id = {
                "hotline": f"LJ{letter.posted:%Y%m%d}{number:05d}",
                "citizen_board": str(10000 + number),
                "leader_board": str(22600000 + 7 * number),
                "evening_paper": f"ljwb-{letter.posted:%Y%m%d}-{number}",
                "inspection": f"MC-{letter.posted:%Y}-{number:03d}",
            }[letter.source]
        board = [letter for letter in letters if letter.source == "citizen_board" and not letter.codes]
        for letter in board[-9::2]:
            letter.withdrawn = True
        board[-2].title = f"<script>alert('帖子')</script>{board[-2].title}"  # must stay text wherever it is shown
