"""Which typefaces a bulletin is set in: the official ones where they are installed, else those shipped in `fonts/`.

The shipped faces are subsets (OFL, see `fonts/README.md`); a character they lack comes from any other installed Chinese
font, or is shown as an empty box where there is none.
"""

from pathlib import Path

SHIPPED = Path(__file__).parent / "fonts"
SERIF = SHIPPED / "WeathervaneSerif-Regular.otf"
SANS = SHIPPED / "WeathervaneSans-Regular.otf"

# What official papers are set in (GB/T 9704): an office's own machine has them, a DOCX only names them.
TITLE, BODY, HEAD, SUBHEAD = "方正小标宋简体", "仿宋_GB2312", "黑体", "楷体_GB2312"

# The same for typst, best first: names as the font files give them, then the shipped face.
PDF_FACES: dict[str, tuple[str, ...]] = {
    "title": ("FZXiaoBiaoSong-B05S", "方正小标宋简体", "Weathervane Serif", "Weathervane Sans"),
    "body": ("FangSong_GB2312", "仿宋_GB2312", "FangSong", "Weathervane Serif", "Weathervane Sans"),
    "head": ("SimHei", "Weathervane Sans"),
    "subhead": ("KaiTi_GB2312", "楷体_GB2312", "KaiTi", "Weathervane Serif", "Weathervane Sans"),
    "table": ("SimSun", "Weathervane Serif", "Weathervane Sans"),
}
