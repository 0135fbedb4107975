"""Reads taxonomy.toml: the families, conduct codes and topics that every other file names. Imports nothing of ours."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files

_TABLE = tomllib.loads(files("models").joinpath("taxonomy.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Code:
    """One conduct code: its family (庸懒散乱贪), its Chinese name, its severity (1 to 3) and when it is asserted."""

    code: str
    family: str
    name: str
    severity: int
    when: str


VERSION: str = _TABLE["version"]
FAMILIES: dict[str, str] = _TABLE["families"]
CODES: dict[str, Code] = {row["code"]: Code(**row) for row in _TABLE["codes"]}
TOPICS: tuple[str, ...] = tuple(_TABLE["topics"]["names"])

_UNKNOWN_FAMILIES = {c.family for c in CODES.values()} - FAMILIES.keys()
if _UNKNOWN_FAMILIES:
    raise ValueError(f"taxonomy.toml: codes name unknown families {sorted(_UNKNOWN_FAMILIES)}")
