"""Invents the citizens of 临江市: names, telephone numbers, identity numbers, plates, homes. None of them exists.

Telephone numbers begin with 154 and identity numbers with the region 439900, neither of which is given to anybody.
"""

import random
from dataclasses import dataclass
from functools import cached_property

from flows.demo_city.words import groups, tables

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_LAST = "10X98765432"


@dataclass(frozen=True, slots=True)
class Person:
    """One invented citizen."""

    number: int
    surname: str
    name: str
    woman: bool
    phone: str
    home: str
    nick: str
    born: str

    @property
    def title(self) -> str:
        """How a clerk writes of them."""
        return "女士" if self.woman else "先生"

    @property
    def id_number(self) -> str:
        """An identity number with a right checksum and a region that does not exist."""
        first = f"439900{self.born}{self.number % 499 * 2 + (0 if self.woman else 1):03d}"
        return first + _LAST[sum(int(digit) * weight for digit, weight in zip(first, _WEIGHTS, strict=True)) % 11]

    @property
    def plate(self) -> str:
        """A plate of a series that is not issued."""
        letters = "ABCDEFGHJK"
        return f"湘Y·{letters[self.number % 10]}{(self.number * 7919) % 10000:04d}"

    @property
    def card(self) -> str:
        """A bank card number with a right check digit."""
        first = f"62299900{self.number * 104729 % 10**10:010d}"
        total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(reversed(first)))
        return first + str(-total % 10)

    @property
    def wechat(self) -> str:
        """A WeChat name."""
        return f"lj_{self.phone[-6:]}"


class Town:
    """Everybody who may write, and the streets of each district."""

    def __init__(self, seed: int, size: int = 4000) -> None:
        self._chance = random.Random(f"{seed}-people")  # noqa: S311 - a story, no secret
        self._size = size

    @cached_property
    def people(self) -> list[Person]:
        """All citizens."""
        return [self._person(number) for number in range(1, self._size + 1)]

    def _person(self, number: int) -> Person:
        chance, table = self._chance, tables()
        surname = chance.choice(table["surnames"])
        given = chance.choice(table["given_first"]) + (chance.choice(table["given_second"]) if chance.random() < 0.85 else "")
        if chance.random() < 0.08:
            home = f"{chance.choice(table['villages'])}{chance.randint(1, 12)}组{chance.randint(1, 60)}号"
        else:
            flat = f"{chance.randint(1, 24)}栋{chance.randint(1, 4)}单元{chance.randint(1, 17)}0{chance.randint(1, 4)}室"
            home = chance.choice(table["estates"]) + flat
        nick = chance.choice(groups("frames")["nick"]).replace("{姓}", surname).replace("{数}", str(chance.randint(2, 99)))
        born = f"{chance.randint(1948, 2003)}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}"
        phone = f"154{chance.randint(0, 9999):04d}{number:04d}"
        return Person(number, surname, surname + given, chance.random() < 0.47, phone, home, nick, born)


def near(kind: str, district: str, order: tuple[str, ...], chance: random.Random) -> str:
    """One of the `kind` (roads, estates, villages) that lie in `district`; any where it is the whole city."""
    table = tables()[kind]
    share = len(table) // len(order)
    if district not in order:
        return chance.choice(table)
    start = order.index(district) * share
    return chance.choice(table[start : start + share])
