"""Makes the fonts of pipelines/fonts from the Noto CJK collections of Debian's fonts-noto-cjk (SIL OFL 1.1).

Kept: GB2312, Latin, the signs of official papers and, in the two regular faces, the simplified characters of jieba's
dictionary (names such as 喆 镕 堃). Dropped: hinting, vertical layout, OpenType features. Renamed, so that an installed Noto
is not shadowed.

    apt-get install fonts-noto-cjk && python docs/make_fonts.py /usr/share/fonts/opentype/noto pipelines/fonts
"""

import sys
from pathlib import Path

import jieba
import opencc
from fontTools import subset
from fontTools.ttLib import TTFont

SIMPLIFIED = 2  # the SC face of a collection
SIGNS = "—–…“”‘’·※→←↑↓±×÷≤≥≠℃‰□■●○▲△★☆①②③④⑤⑥⑦⑧⑨⑩〔〕【】《》〈〉「」『』￥%﹤﹥〇㎡"
FACES = (
    ("NotoSerifCJK-Regular.ttc", "WeathervaneSerif-Regular.otf", "Weathervane Serif", True),
    ("NotoSerifCJK-Bold.ttc", "WeathervaneSerif-Bold.otf", "Weathervane Serif", False),
    ("NotoSansCJK-Regular.ttc", "WeathervaneSans-Regular.otf", "Weathervane Sans", True),
)


def gb2312() -> set[str]:
    """Every character of GB2312."""
    pairs = (bytes((high, low)) for high in range(0xA1, 0xF8) for low in range(0xA1, 0xFF))
    return {pair.decode("gb2312", "ignore") for pair in pairs} - {""}


def simplified_words() -> set[str]:
    """Characters of jieba's dictionary that are not the traditional form of another."""
    lines = (Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines()
    found = {c for line in lines for c in line.split(" ")[0] if "\u3400" <= c <= "\u9fff"}
    to_simplified = opencc.OpenCC("t2s")
    return {c for c in found if to_simplified.convert(c) == c}


def make(source: Path, target: Path, family: str, text: str) -> int:
    """Writes one subset font; returns its size in bytes."""
    font = TTFont(source, fontNumber=SIMPLIFIED)
    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True, name_IDs=[0, 1, 2, 4, 5, 6, 13, 14])
    options.drop_tables += ["VORG", "vhea", "vmtx", "GSUB", "GPOS", "GDEF", "BASE"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(font)
    style = target.stem.split("-")[1]
    for record in list(font["name"].names):
        new = {1: family, 2: style, 4: f"{family} {style}", 6: target.stem, 16: family, 17: style}.get(record.nameID)
        if new:
            font["name"].setName(new, record.nameID, record.platformID, record.platEncID, record.langID)
    top = font["CFF "].cff
    top.fontNames[0] = target.stem
    top.topDictIndex[0].FullName, top.topDictIndex[0].FamilyName = f"{family} {style}", family
    font.save(target)
    return target.stat().st_size


def main(source: Path, folder: Path) -> None:
    """Makes the three faces."""
    small = gb2312() | set(map(chr, range(0x20, 0x250))) | set(SIGNS)
    large = small | simplified_words()
    for collection, file, family, wide in FACES:
        size = make(source / collection, folder / file, family, "".join(sorted(large if wide else small)))
        sys.stdout.write(f"{file}: {size} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
