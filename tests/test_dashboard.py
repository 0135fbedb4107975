"""The page of one week: what it says, what it hides, and that a real browser shows it without leaving the machine."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboards.glance import Glance, few, glance, week_name, weeks
from dashboards.serve import FLAGS, PAGE, command, environment
from pipelines.warehouse import DataDir, newest_snapshot, open_snapshot
from tests.city_snapshot import publish_city

WEEK = "2026-W34"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> DataDir:
    return publish_city(tmp_path_factory.mktemp("city"))


@pytest.fixture(scope="module")
def page(city: DataDir) -> Glance:
    with open_snapshot(newest_snapshot(city)) as snapshot:
        return glance(snapshot, WEEK)


def app(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("WEATHERVANE_DATA", str(data.root))
    return AppTest.from_file(str(PAGE), default_timeout=60).run()


def words(shown: AppTest) -> str:
    parts = [
        element.value for kind in (shown.error, shown.warning, shown.info, shown.caption, shown.subheader) for element in kind
    ]
    return "\n".join([*map(str, parts), *(table.value.to_string() for table in shown.table)])


def test_weeks_are_named_in_chinese() -> None:
    assert week_name(WEEK) == "2026年第34周（8月17日至8月23日）"
    assert week_name("2025-W01") == "2025年第1周（12月30日至1月5日）"


@pytest.mark.parametrize(
    ("count", "hidden", "shown"), [(7, False, "7"), (None, True, "<5"), (None, False, "<5"), (1234, False, "1,234")]
)
def test_small_counts_are_not_shown(count: int | None, hidden: bool, shown: str) -> None:
    assert few(count, hidden, 5) == shown


def test_the_glance_agrees_with_the_snapshot(city: DataDir, page: Glance) -> None:
    with open_snapshot(newest_snapshot(city)) as snapshot:
        assert weeks(snapshot)[0] == WEEK
        about = snapshot.execute("SELECT count(*) FROM message WHERE week = ?", [WEEK]).fetchone()
    assert page.total is not None
    assert about == (page.total["about"],) == (sum(row["条数"] for row in page.sources),)
    assert [row["方面"] for row in page.families] == list("庸懒散乱贪")
    assert page.silent == ["领导留言板（临江市）"]
    assert page.surges[0]["单位"] == "临江市清江区城市管理和综合执法局"
    assert page.surges[0]["问题"] == "乱收费"
    assert page.units[0]["主要问题"] == "乱收费"
    assert {"异常升高", "来源中断", "多人反映"} <= {row["种类"] for row in page.alerts}
    assert page.trend[-1]["week"] == WEEK
    assert len(page.trend) == 26


def test_units_with_few_complainants_keep_their_numbers(page: Glance) -> None:
    small = [row for row in page.units if row["诉求人"] == "<5"]
    assert len(small) == page.few_units > 0
    assert {(row["消息"], row["事件"], row["主要问题"], row["答复天数中位数"]) for row in small} == {("<5", "<5", "—", "—")}
    assert all(int(row["诉求人"]) >= 5 for row in page.units if row not in small)


def test_the_page_shows_the_week(city: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = app(city, monkeypatch)
    assert not shown.exception
    assert shown.title[0].value == "风向标 · 一周概览"
    assert shown.selectbox[0].value == WEEK
    assert [metric.label for metric in shown.metric][:2] == ["全部消息", "反映作风问题"]
    text = words(shown)
    assert ":red[**领导留言板（临江市）**]" in shown.error[0].value
    assert ":red[**中断**]" in text
    assert "未经核实" in text
    assert r"\<5" in text
    assert "不作环比" in text
    assert all(metric.delta == "" for metric in shown.metric), "a week with a silent source is compared with nothing"


def test_another_week_can_be_chosen(city: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = app(city, monkeypatch)
    before = shown.metric[0].value
    shown.selectbox[0].set_value("2026-W31").run()
    assert not shown.exception
    assert not shown.error
    assert shown.metric[0].value != before
    assert shown.metric[0].delta
    assert "2026-W34" not in words(shown)


def test_what_comes_from_data_does_nothing(monkeypatch: pytest.MonkeyPatch, city: DataDir) -> None:
    monkeypatch.setenv("WEATHERVANE_DATA", str(city.root))
    from dashboards.week import plain

    assert plain("![](http://a.example/x.png)<b>*甲*</b>") == r"\!\[\]\(http\://a.example/x.png\)\<b\>\*甲\*\</b\>"
    assert plain(":red[甲] $x$ # 1") == r"\:red\[甲\] \$x\$ \# 1"


def test_nothing_published_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = app(DataDir(tmp_path), monkeypatch)
    assert not shown.exception
    assert "还没有发布过快照" in shown.info[0].value


def test_a_broken_snapshot_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = DataDir(tmp_path)
    data.make()
    data.published.write_bytes(b"not a database")
    shown = app(data, monkeypatch)
    assert not shown.exception
    assert "快照打不开" in shown.error[0].value


def test_the_server_stays_on_this_machine_and_tells_nobody() -> None:
    line = command(8765)
    assert "--server.address=127.0.0.1" in line
    assert "--browser.gatherUsageStats=false" in line
    assert "--server.port=8765" in line
    known = subprocess.run([*line[:3], "config", "show"], capture_output=True, text=True, check=True, timeout=60).stdout
    for flag in FLAGS:
        assert f"# {flag.split('.')[1]} =" in known or f"{flag.split('.')[1]} =" in known, flag


@pytest.fixture
def served(city: DataDir) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(command(port), env=environment(city), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        for _ in range(300):
            try:
                opener.open(f"{address}/_stcore/health", timeout=2).close()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert process.poll() is None, "the server ended by itself"
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def test_a_real_browser_shows_the_page_offline(served: str, tmp_path: Path) -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine; apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    asked: list[str] = []
    keep = os.environ.get("WEATHERVANE_KEEP_PICTURES") == "1"
    picture = Path(__file__).parents[1] / "docs" / "images" / "dashboard.png" if keep else tmp_path / "dashboard.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        try:
            tab = browser.new_page(viewport={"width": 1240, "height": 2000}, locale="zh-CN")
            tab.on("request", lambda request: asked.append(request.url))
            tab.on("websocket", lambda socket: asked.append(socket.url))
            tab.goto(served, wait_until="networkidle", timeout=60_000)
            tab.get_by_text("来源覆盖").first.wait_for(timeout=60_000)
            tab.locator("canvas, svg.marks").first.wait_for(timeout=60_000)
            tab.wait_for_timeout(800)
            text = tab.inner_text("body")
            tab.screenshot(path=str(picture))
        finally:
            browser.close()
    for expected in (
        "风向标 · 一周概览",
        "来源中断：领导留言板（临江市）",
        "临江市清江区城市管理和综合执法局",
        "<5",
        "预警",
        "每周趋势",
    ):
        assert expected in text, expected
    assert ":red[" not in text
    assert "Deploy" not in text
    outside = [url for url in asked if not url.startswith((served, served.replace("http", "ws"), "data:", "blob:"))]
    assert asked
    assert outside == []
    assert picture.stat().st_size > 20_000
