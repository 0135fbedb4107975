"""Writes one letter of the fictional city from its pieces, in the voice of its channel."""

import datetime as dt
import random
import re
from collections.abc import Sequence

from flows.demo_city.people import Person, near
from flows.demo_city.places import CityUnit, table
from flows.demo_city.words import Matter, expand, groups, tables

_SPANS = ("二十多天", "一个多月", "两个月", "三个多月", "大半年", "快一年", "一年零两个月", "两年多", "小半年", "四十来天")
_TIMES = ("三次", "四次", "五六次", "两三次", "七八次", "不下十次", "好几次", "四五次")
_SUMS = ("60元", "八十块", "120元", "一百五十块", "200元", "260元", "三百块", "380元", "五百元", "六百八十块", "800元", "1200元")
_GREAT_SUMS = ("1.2万元", "两万多", "3万元", "4.6万元", "五万八", "七万块", "8.3万元", "十几万", "12万元", "二十多万", "36万元")
_HOURS = ("周{}上午九点半", "周{}上午十点", "周{}下午两点四十", "周{}下午三点半", "周{}下午四点十分", "周{}上午十一点")
_CALL = re.compile(r"^[^，。：]{0,22}?[：，]")
_ENDS = ("。", "！", "？", "…", "？”", "。”")
_JOINTS = ("而且", "后来", "更气人的是，", "另外，", "不光这样，", "再说，", "最后", "", "", "")
_ASKING = ("吗", "呢", "么", "吧", "什么意思", "办事的", "怎么开", "谁的")


class Voice:
    """How one letter is told: who writes, about which unit, when. A slot keeps its value through the letter."""

    def __init__(
        self, chance: random.Random, person: Person, unit: CityUnit, matter: Matter, when: dt.datetime, channel: str
    ) -> None:
        self.chance, self.person, self.unit, self.matter, self.when, self.channel = chance, person, unit, matter, when, channel
        self._kept: dict[str, str] = {}
        self._named, self.pronouns = 0, False
        order = tuple(d["name"] for d in table()["district"])
        self.district = unit.district or chance.choice(order)
        for slot, kind in (("路", "roads"), ("路2", "roads"), ("小区", "estates"), ("村", "villages")):
            self._kept[slot] = near(kind, self.district, order, chance)
        told = {"hotline": "来电人", "media": "自己", "inspection": "检查组"}.get(channel, "我")
        self._kept |= {"我": told, "我们": "来电人及邻居" if channel == "hotline" else "大家" if channel == "media" else "我们"}
        self._kept |= {"我家": {"hotline": "来电人家", "media": "家里"}.get(channel, "我家"), "市": table()["name"]}
        self._kept |= {
            "姓": person.surname,
            "名": person.name,
            "称": person.title,
            "性": "女" if person.woman else "男",
            "电": self._phone(),
            "址": person.home,
            "证": person.id_number,
            "牌": person.plate,
            "卡": person.card,
            "微": person.wechat,
            "事": matter.phrase,
            "月": str(when.month),
            "日": str(when.day),
            "数": str(person.number % 97 + 2),
        }

    def slot(self, name: str) -> str:
        """The words for one slot."""
        if name == "单位":
            return self._unit()
        if name in ("钱", "万", "时", "点", "后"):
            return self._fresh(name)
        if name == "久" and name in self._kept and self.chance.random() < 0.7:
            return "这么久"
        if name not in self._kept:
            lists = {
                "久": _SPANS,
                "次": _TIMES,
                "亲": tables()["kin"],
                "材": tables()["material"],
                "旁": tables()["neighbours"],
                "骂": tables()["insults"],
            }
            self._kept[name] = self.chance.choice(lists[name])
        return self._kept[name]

    def say(self, piece: str) -> str:
        """One piece, filled, with its full stop."""
        text = expand(piece, self.chance, self.slot).replace("问题的问题", "问题")
        if text.endswith(_ENDS):
            return text
        if text.endswith(("：", "，", "、")):
            return text
        return text + ("？" if text.endswith(_ASKING) else "。")

    def pick(self, group: str, file: str = "frames") -> str:
        """One filled piece of a group."""
        text = self.say(self.chance.choice(groups(file)[group]))
        loud = group in ("emotion", "appeal.board") and self.chance.random() < 0.25
        return text[:-1] + "！" if loud else text

    def bare(self, piece: str) -> str:
        """One piece, filled, without a full stop: for titles."""
        return expand(piece, self.chance, self.slot)

    def _unit(self) -> str:
        self._named += 1
        spoken = self.unit.spoken
        if self._named == 1:
            return self.chance.choices(spoken, (5, 3, 1, 2))[0]
        return self.chance.choice((spoken[1], spoken[1], spoken[0], "他们" if self.pronouns else spoken[1]))

    def _fresh(self, name: str) -> str:
        chance = self.chance
        if name == "钱":
            return chance.choice(_SUMS)
        if name == "万":
            return chance.choice(_GREAT_SUMS)
        if name == "点":
            return chance.choice(_HOURS).format(chance.choice("一二三四五"))
        if name == "后":
            day = self.when + dt.timedelta(days=chance.randint(2, 9))
            return f"{day.month}月{day.day}日"
        day = self.when - dt.timedelta(days=chance.randint(3, 50))
        third = "初" if day.day < 11 else "中旬" if day.day < 21 else "底"
        return chance.choice(
            (
                f"{day.month}月{day.day}日",
                f"{day.month}月{day.day}号",
                f"{day.month}月{third}",
                "上个月",
                "上周",
                "前几天",
                "前天",
            )
        )

    def _phone(self) -> str:
        digits = self.person.phone
        shape = self.chance.random()
        if shape < 0.75:
            return digits
        return f"{digits[:3]} {digits[3:7]} {digits[7:]}" if shape < 0.9 else f"{digits[:3]}-{digits[3:7]}-{digits[7:]}"


def conduct_letter(voice: Voice, codes: Sequence[str]) -> tuple[str, str]:
    """(title, body) of a letter that asserts `codes` of the unit."""
    chance, matter = voice.chance, voice.matter
    voice.pronouns = voice.channel == "board"
    told = [voice.say(_of_code(voice, code)) for code in codes]
    voice.pronouns = False
    told = told[:1] + [chance.choice(_JOINTS) + sentence for sentence in told[1:]]
    situation = [voice.say(chance.choice(matter.situations))]
    title = _title(voice, (*matter.titles, *groups("frames")["title.conduct"]), chance.choice((told[0], situation[0])))
    if voice.channel == "hotline":
        parts = [voice.pick("open.hotline"), *situation, *_maybe(voice, "history", 0.3), *told, *_maybe(voice, "effect", 0.2)]
        return title, "".join([*parts, voice.pick("appeal.hotline"), *_maybe(voice, "contact", 0.12)])
    if voice.channel == "media":
        return title, "".join([voice.pick("media"), *situation, *told, voice.pick("media.close")])
    if voice.channel == "petition":
        return title, _petition(voice, situation, told)
    return title, _board(voice, situation, told)


def _board(voice: Voice, situation: list[str], told: list[str]) -> str:
    chance = voice.chance
    open_ = [*_maybe(voice, "greet.board", 0.35), *_maybe(voice, "intro.board" if chance.random() < 0.8 else "intro.forum", 0.4)]
    close = [*_maybe(voice, "emotion", 0.4), *_maybe(voice, "appeal.board", 0.7), *_maybe(voice, "contact", 0.22)]
    middle = [*_maybe(voice, "history", 0.35), *_maybe(voice, "effect", 0.3)]
    shape = chance.random()
    if shape < 0.18:
        return "".join([*told, *_maybe(voice, "emotion", 0.5)])
    if shape < 0.36:
        return "".join([*open_, *told, "起因是：", *situation, *middle, *close])
    if shape < 0.46:
        return "".join([*_maybe(voice, "emotion", 1.0), *situation, *told, *middle, *close])
    return "".join([*open_, *situation, *middle[:1], *told, *middle[1:], *close])


def _petition(voice: Voice, situation: list[str], told: list[str]) -> str:
    numbered = [f"\n{mark}、{sentence}" for mark, sentence in zip("一二三四", [*situation, *told], strict=False)]
    return "".join([voice.pick("open.petition"), *numbered, "\n", *_maybe(voice, "effect", 0.5), voice.pick("close.petition")])


def plain_letter(voice: Voice, kind: str) -> tuple[str, str]:
    """(title, body) of a letter without a word about a unit's conduct: 咨询, 求助, 建议, 投诉 (of a private party), 表扬."""
    chance, matter, frames = voice.chance, voice.matter, groups("frames")
    if kind == "表扬":
        body = voice.pick("thanks")
        return _title(voice, frames["title.thanks"], ""), ("来电人反映：" if voice.channel == "hotline" else "") + body
    core = {"咨询": matter.questions, "建议": frames["suggest"], "投诉": matter.private}.get(kind, matter.requests)
    told = [voice.say(chance.choice(core or matter.questions or matter.requests))]
    if kind == "求助":
        told.insert(0, voice.say(chance.choice(matter.situations)))
    if chance.random() < 0.09:
        told.append(voice.pick("iffy"))
    title = _title(
        voice,
        () if kind == "建议" else (*frames["title.ask"], matter.phrase, *(matter.titles if kind == "求助" else ())),
        told[0],
    )
    if voice.channel == "hotline":
        return title, "".join(
            [voice.pick("ask.hotline" if kind != "投诉" else "open.hotline"), *told, *_maybe(voice, "contact", 0.12)]
        )
    if voice.channel == "media":
        return title, "".join([voice.pick("media"), *told])
    head = [*_maybe(voice, "greet.board", 0.4), *_maybe(voice, "intro.board", 0.4)]
    return title, "".join([*head, *told, *_maybe(voice, "contact", 0.2), *(["谢谢！"] if chance.random() < 0.4 else [])])


def inspection_finding(voice: Voice, group: str) -> tuple[str, str]:
    """(title, body) of one finding of an inspection team; `group` is a header of words/inspection.txt."""
    body = voice.pick(group, "inspection")
    return f"对{voice.unit.spoken[0]}的检查", body


def reply(voice: Voice, kind: str, codes: Sequence[str]) -> tuple[str, bool]:
    """(reply, whether it is boilerplate)."""
    empty = bool(codes) and voice.chance.random() < 0.35
    group = "boilerplate" if empty else "real" if codes else kind
    return voice.pick(group, "replies"), empty


def again(voice: Voice, codes: Sequence[str], earlier: str) -> tuple[str, str]:
    """(title, body) when the same person writes about the same matter a second time."""
    first = voice.pick("repeat")
    if not codes:
        return voice.matter.phrase, first + earlier
    return _title(voice, voice.matter.titles, ""), first + earlier[: max(30, len(earlier) * 3 // 4)].rsplit("。", 1)[
        0
    ] + "。" + voice.pick(codes[0], "codes")


def _of_code(voice: Voice, code: str) -> str:
    own, general = voice.matter.conduct.get(code, []), groups("codes")[code]
    return voice.chance.choice(own if own and voice.chance.random() < 0.75 else general)


def _title(voice: Voice, choices: Sequence[str], sentence: str) -> str:
    """One of the ready titles, or the first clause of a sentence where that makes one."""
    clause = re.split("[，。：？！]", sentence)[0]
    if 6 <= len(clause) <= 24 and (not choices or voice.chance.random() < 0.4):
        return clause
    return voice.bare(voice.chance.choice(choices or ("一点建议", "给城市提个建议", "小建议")))


def elsewhere(body: str, channel: str) -> str:
    """A text as its writer posts it in another channel: what a call-taker wrote becomes the writer's own words."""
    if channel != "hotline":
        return body
    return _CALL.sub("", body).replace("来电人及邻居", "我们").replace("来电人", "我")


def _maybe(voice: Voice, group: str, probability: float) -> list[str]:
    return [voice.pick(group)] if voice.chance.random() < probability else []
