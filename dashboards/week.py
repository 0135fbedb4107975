"""The page of one week: reads the newest published snapshot of `WEATHERVANE_DATA`, draws it with Streamlit. Writes nothing.

Run by `weathervane dashboard`. Every text that comes from data is escaped, since Streamlit reads Markdown in tables too.
"""

import re
from typing import Any

import altair as alt
import duckdb
import pandas as pd
import streamlit as st

from dashboards.glance import STATUS, Glance, Rows, few, glance, last_day, week_name, weeks
from pipelines.warehouse import DataDir, newest_snapshot, open_snapshot

RED, GREY, BLUE = "#b3201f", "#c9c9c9", "#2f5d8a"
FONT = "Noto Sans CJK SC, Microsoft YaHei, PingFang SC, sans-serif"
_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|<>~$:&])")
_STYLE = f"""<style>
h1 {{color: {RED} !important; border-bottom: 3px solid {RED}; padding-bottom: .35rem; letter-spacing: .08em}}
[data-testid="stTable"] td, [data-testid="stTable"] td * {{max-width: none !important; width: auto}}
[data-testid="stMetricValue"] {{font-size: 1.9rem}}
.block-container {{padding-top: 2.2rem; max-width: 1180px}}
</style>"""


def plain(text: Any) -> str:
    """A text of the data with the signs of Markdown escaped, so that it is shown and does nothing."""
    return _MARKS.sub(r"\\\1", str(text))


def main() -> None:
    """Draws the page, or says in a line what is missing."""
    st.set_page_config(page_title="风向标 一周概览", layout="wide")
    st.html(_STYLE)
    st.title("风向标 · 一周概览")
    try:
        path = newest_snapshot(DataDir.at())
    except FileNotFoundError:
        st.info("还没有发布过快照。请先运行 `weathervane run`，再运行 `weathervane publish`，然后刷新本页。")
        return
    try:
        with open_snapshot(path) as snapshot:
            _draw(snapshot, path.name)
    except duckdb.Error:
        st.error("快照打不开或不完整。请重新运行 `weathervane publish`，然后刷新本页。")


def _draw(snapshot: duckdb.DuckDBPyConnection, name: str) -> None:
    known = weeks(snapshot)
    if not known:
        st.info("快照里还没有消息。请先接收数据（`weathervane ingest` 或 `weathervane crawl`），再运行 `weathervane run`。")
        return
    week = st.selectbox("选择一周", known, format_func=week_name)
    st.caption(f"数据截至 {last_day(snapshot)}，快照 {plain(name)}。以下均为群众反映，未经核实；单位先后不代表责任大小。")
    page = glance(snapshot, week)
    _gaps(page)
    _headline(page)
    _warnings(page)
    _trend(page)
    _coverage(page)
    _kinds(page)
    _units(page)


def _gaps(page: Glance) -> None:
    """Says first what is missing, so that no number below is read without it."""
    if page.silent:
        st.error(f"来源中断：:red[**{plain('、'.join(page.silent))}**] 本周没有收到消息。本周数字偏低，不宜与往周直接比较。")
    if page.short:
        st.warning(f"来源偏少：{plain('、'.join(page.short))} 本周少于声明的下限。")


def _headline(page: Glance) -> None:
    total = page.total
    if total is None:
        st.info("本周没有消息。")
        return
    before = page.before if page.before and total["comparable"] else None

    def change(column: str) -> int | None:
        return total[column] - before[column] if before else None

    cells = st.columns(6)
    cells[0].metric("全部消息", f"{total['about']:,}", change("about"), delta_color="off")
    cells[1].metric("反映作风问题", f"{total['messages']:,}", change("messages"), delta_color="inverse")
    cells[2].metric("不同诉求人", few(total["complainants"], total["complainants_hidden"], page.small_cell))
    cells[3].metric("事件", f"{total['events']:,}", change("events"), delta_color="inverse")
    cells[4].metric("认定到单位", f"{total['attributed']:,}")
    days = total["reply_days"]
    cells[5].metric("答复天数中位数", "—" if days is None else f"{days:.1f}")
    compared = "变化为与上周之差。" if before else "本周或上周有来源中断或偏少，不作环比。"
    st.caption(f"{compared}另有 {total['review']:,} 处信号待人工确认，未计入。事件：重复、转帖、跨渠道的同一件事算一件。")


def _trend(page: Glance) -> None:
    st.subheader("每周趋势")
    frame = pd.DataFrame(
        [
            {
                "周": row["week"],
                "全部消息": row["about"],
                "反映作风问题": row["messages"],
                "事件": row["events"],
                "中断来源": row["silent"],
            }
            for row in page.trend
        ]
    )
    axis = alt.X("周:N", title=None, axis=alt.Axis(labelAngle=-60))
    names, colours = ["全部消息", "反映作风问题", "事件"], [GREY, RED, BLUE]
    scale = alt.Scale(domain=names, range=colours)
    legend = alt.Legend(title=None, orient="top")
    long = frame.melt(["周", "中断来源"], names, "项目", "数量")
    base = alt.Chart(long).encode(x=axis, y=alt.Y("数量:Q", title=None), color=alt.Color("项目:N", scale=scale, legend=legend))
    bars = base.transform_filter("datum['项目'] == '全部消息'").mark_bar(opacity=0.75)
    lines = base.transform_filter("datum['项目'] != '全部消息'").mark_line(point=True)
    gap = alt.Chart(frame).transform_filter("datum['中断来源'] > 0")
    marks = gap.mark_text(text="×", color=RED, fontSize=18, fontWeight="bold").encode(x=axis, y=alt.value(6))
    chart = (bars + lines + marks).properties(height=320).configure(font=FONT)
    st.altair_chart(chart, alt="每周全部消息、反映作风问题的消息与事件")
    st.caption(f"至所选周为止 {len(page.trend)} 周。× 表示该周有来源中断，不宜直接比较。")


def _kinds(page: Glance) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("五个方面与问题类型")
        order = [row["方面"] for row in page.families]
        frame = pd.DataFrame(page.families)
        bars = alt.Chart(frame).encode(
            x=alt.X("消息:Q", title="消息", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("方面:N", sort=order, title=None, axis=alt.Axis(labelOverlap=False, labelFontSize=14)),
        )
        chart = bars.mark_bar(color=RED) + bars.mark_text(align="left", dx=4).encode(text="消息:Q")
        st.altair_chart(chart.properties(height=220).configure(font=FONT), alt="庸懒散乱贪五个方面的消息数")
        _table(page.codes, "本周没有反映作风问题的消息。")
    with right:
        st.subheader("领域")
        _table(page.topics, "本周没有消息。")


def _units(page: Glance) -> None:
    st.subheader("单位情况")
    st.caption(f"诉求人不足 {page.small_cell} 人的，数字不公布，以免指向个人，写作“\\<{page.small_cell}”。")
    shown = len(page.units) - page.few_units
    _table(page.units[:shown], "本周没有诉求人足够多、可以公布数字的单位。")
    if page.few_units:
        with st.expander(f"诉求人不足 {page.small_cell} 人的单位（{page.few_units} 个，按编码排列）"):
            kept = ("单位", "类别", "诉求人", "近四周事件")
            _table([{name: row[name] for name in kept} for row in page.units[shown:]], "")


def _warnings(page: Glance) -> None:
    st.subheader("苗头性问题")
    _table(page.surges, "本周没有超出自身历史所能解释的异常升高。")
    st.subheader("预警")
    _table(page.alerts, "本周没有预警。")


def _coverage(page: Glance) -> None:
    st.subheader("来源覆盖")
    bad = STATUS["silent"]
    _table(page.sources, "没有声明来源。", red={bad: f":red[**{bad}**]"})


def _table(rows: Rows, nothing: str, red: dict[str, str] | None = None) -> None:
    """A table that is real text (st.dataframe draws on a canvas), or a line that says there is none."""
    if not rows:
        st.write(nothing)
        return
    shown = [{key: (red or {}).get(str(value), plain(value)) for key, value in row.items()} for row in rows]
    st.table(pd.DataFrame(shown).astype(str), border="horizontal", hide_index=True)


main()
