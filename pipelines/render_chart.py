"""The picture of a bulletin: twelve weeks of messages and events, and the week's five families. Issue -> PNG and SVG bytes."""

from io import BytesIO
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator

from pipelines.issue import Issue
from pipelines.typefaces import SANS

RED, INK, GREY, PALE = "#b3261e", "#1f3a5f", "#5f6368", "#e8c9c6"
SIZE_INCHES = (6.4, 2.2)


def picture(issue: Issue, *, dots_per_inch: int = 220) -> dict[str, bytes]:
    """The chart as `png` and `svg` (letters as outlines, so it needs no font)."""
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(2.1, 1))
    words = FontProperties(fname=str(SANS), size=8)
    _trend(left, issue, words)
    _families(right, issue, words)
    png, svg = BytesIO(), BytesIO()
    figure.savefig(png, format="png", dpi=dots_per_inch, metadata={"Software": None})
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    return {"png": png.getvalue(), "svg": svg.getvalue()}


def _trend(axes: Any, issue: Issue, words: FontProperties) -> None:
    weeks = [str(week)[5:].replace("W", "") + "周" for week, *_ in issue.trend.points]
    at = range(len(weeks))
    nothing = float("nan")
    messages = [nothing if n is None else float(n) for _, n, _, _ in issue.trend.points]
    events = [nothing if n is None else float(n) for _, _, n, _ in issue.trend.points]
    broken = [place for place, (*_, gaps) in enumerate(issue.trend.points) if gaps]
    for place in broken:
        axes.axvspan(
            place - 0.5, place + 0.5, color=PALE, lw=0, zorder=0, label="有来源中断或偏少" if place == broken[0] else None
        )
    axes.plot(at, messages, color=RED, marker="o", ms=3.5, lw=1.6, label="反映作风问题的消息")
    axes.plot(at, events, color=INK, marker="s", ms=3, lw=1.2, ls="--", label="事件")
    axes.set_xticks(list(at), weeks, fontproperties=words, fontsize=7)
    axes.set_xlim(-0.6, len(weeks) - 0.4)
    known = [n for n in messages if n == n]
    axes.set_ylim(0, max([*known, 4]) * 1.32)
    if not known:
        axes.text(0.5, 0.45, "没有数据", transform=axes.transAxes, ha="center", color=GREY, fontproperties=words)
    axes.set_title("近十二周走势", fontproperties=words, fontsize=9)
    axes.legend(prop=FontProperties(fname=str(SANS), size=7), loc="upper left", ncols=3, frameon=False, columnspacing=1.0,
                handlelength=1.6)  # fmt: skip
    _quiet(axes, words)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))


def _families(axes: Any, issue: Issue, words: FontProperties) -> None:
    names = [str(name) for name, _ in issue.families.points]
    counts = [float(n or 0) for _, n in issue.families.points]
    bars = axes.barh(names[::-1], counts[::-1], color=INK, height=0.6)
    for bar, count in zip(bars, counts[::-1], strict=True):
        axes.text(
            count + max([*counts, 1]) * 0.03,
            bar.get_y() + bar.get_height() / 2,
            f"{count:.0f}",
            va="center",
            fontproperties=words,
        )
    axes.set_xlim(0, max([*counts, 1]) * 1.18)
    axes.set_title("本周问题类别（件次）", fontproperties=words, fontsize=9)
    _quiet(axes, words)
    axes.grid(visible=False)
    axes.set_xticks([])


def _quiet(axes: Any, words: FontProperties) -> None:
    axes.grid(axis="y", color="#dadce0", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=2, colors=GREY)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontproperties(words)
