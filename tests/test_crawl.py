"""Crawls of a local board in real processes: incremental, polite, whole after any kill."""

import datetime as dt
import json
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crawlers.crawl import CrawlError, order
from crawlers.crawl import crawl as crawl_apart
from crawlers.sources import SourceDeclaration
from pipelines.vault import Keys, Vault
from pipelines.warehouse import DataDir
from tests.crawl_site import TODAY, Site, Thread, board, crawl, html_source, serving

PHONE = "13912345678"


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    made = DataDir(tmp_path / "data")
    made.make()
    Keys.make(made.keys)
    return made


def rows(data: DataDir) -> set[tuple[str, str, int]]:
    """(message id, digest, withdrawn) of the newest versions."""
    with sqlite3.connect(data.vault) as db:
        found = db.execute(
            "SELECT message_id, digest, withdrawn FROM raw_message r WHERE record_id ="
            " (SELECT max(record_id) FROM raw_message WHERE message_id = r.message_id)"
        ).fetchall()
    db.close()
    return set(found)


def fields(data: DataDir, source: str, number: int) -> dict[str, str]:
    with Vault(data.vault, Keys.load(data.keys)) as vault:
        newest = vault.newest(source)
        record = dict(zip(newest["message_id"].to_pylist(), newest["record_id"].to_pylist(), strict=True))
        (stored,) = vault.read([record[vault.message_id(source, str(number))]])
    return stored.fields | ({"withdrawn": "yes"} if stored.withdrawn else {})


def quarantine(data: DataDir) -> list[tuple[str, str]]:
    with Vault(data.vault, Keys.load(data.keys)) as vault:
        return [(row["reason"], row["place"]) for row in vault.log("quarantine")]


def test_a_board_is_read_then_only_what_is_new_or_young(data: DataDir) -> None:
    site = Site(threads=board(12, days=120))
    site.threads[0].pinned = True  # the oldest stands on page 1 for ever
    with serving(site):
        source = html_source(site)
        first = crawl_apart(source, data)
        assert (first.seen, first.new) == (12, 12)
        got = fields(data, "board", 12)
        assert got["title"] == "第12号:路灯不亮" and got["posted_at"] == f"{TODAY} 09:30" and got["author"] == "市民12"
        assert {agent for _, _, agent in site.asked} == {site.asked[0][2]}
        assert site.asked[0][2].startswith("Weathervane/") and "test@example.cn" in site.asked[0][2]
        assert site.asked[0][1] == "/robots.txt"

        # a burst of three pages, a late reply, a rating and a withdrawal
        site.asked.clear()
        site.threads += [Thread(n, TODAY) for n in range(13, 28)]
        site.threads[10].reply, site.threads[9].rating = "已修复", "满意"
        site.missing.add(12)
        site.special["/thread/9.html"] = (200, {}, '<h1>提示</h1><div class="withdrawn">已撤回</div>'.encode())
        second = crawl(source, data)
        asked = site.counts()
        assert second.new == 15 and second.updated == 4
        assert fields(data, "board", 11)["reply"] == "已修复" and fields(data, "board", 11)["reply_unit"] == "街道办"
        assert fields(data, "board", 10)["satisfaction"] == "满意"
        assert fields(data, "board", 12)["withdrawn"] == fields(data, "board", 9)["withdrawn"] == "yes"
        assert asked["/thread/1.html"] == 0 and asked["/thread/5.html"] == 0, "old ones are not read again"
        assert max(asked.values()) == 1

        # nothing new: two list pages, and no more
        site.asked.clear()
        third = crawl(source, data)
        assert (third.new, third.updated) == (0, 0)
        assert sum(count for path, count in site.counts().items() if path.startswith("/list")) == 2


def test_a_crawl_that_was_killed_leaves_no_hole_and_ends_as_an_undisturbed_one(data: DataDir, tmp_path: Path) -> None:
    site = Site(threads=board(60), per_page=10)
    site.threads[30].reply = "正在办理"
    calm = DataDir(tmp_path / "calm")
    calm.make()
    for name in ("vault.key", "digest.key"):
        (calm.keys / name).write_bytes((data.keys / name).read_bytes())
        (calm.keys / name).chmod(0o600)
    chance = random.Random(20190826)
    with serving(site):
        source = html_source(site)
        for world in (data, calm):
            assert crawl(source, world).new == 60
        site.threads += [Thread(n, TODAY) for n in range(61, 181)]
        for _ in range(3):
            killed_after(source, data, site, chance.randrange(70, 90))
        assert 60 < len(rows(data)) <= 180, "the kills came while it was landing"
        site.asked.clear()
        crawl(source, data)
        again = site.counts()
        crawl(source, calm)
    assert rows(data) == rows(calm) and len(rows(calm)) == 180
    assert sum(again[f"/thread/{n}.html"] for n in range(61, 181)) < 120, "what landed today is not fetched twice"


def started(source: SourceDeclaration, data: DataDir, site: Site, requests: int) -> "subprocess.Popen[bytes]":
    """A crawl in a process of its own that has made as many requests."""
    process = subprocess.Popen([sys.executable, "-m", "crawlers.spiders.run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(order(source, data))
    process.stdin.flush()
    stop_at = len(site.asked) + requests
    while len(site.asked) < stop_at and process.poll() is None:
        time.sleep(0.002)
    return process


def killed_after(source: SourceDeclaration, data: DataDir, site: Site, requests: int) -> None:
    with started(source, data, site, requests) as process:
        process.kill()


def test_a_crawl_dies_with_its_caller_or_stops_when_told_and_its_lock_goes_with_it(data: DataDir) -> None:
    site = Site(threads=board(20))
    with serving(site):
        source = html_source(site)
        with started(source, data, site, 2) as process:
            assert process.stdin
            process.stdin.close()  # as when the caller is killed
            assert process.wait(10) == 3
        site.slow = 0.1
        with started(source, data, site, 6) as process:
            assert process.stdout
            process.terminate()  # as when its time is up
            answer = json.loads(process.stdout.read())
        assert list(answer["faults"]) == ["stopped"] and 0 < answer["received"]["new"] < 20 == len(site.threads)
        assert len(rows(data)) == answer["received"]["new"], "what it held has landed"
        with pytest.raises(CrawlError, match=r"board: not complete.*stopped"):
            crawl_apart(source, data, timeout=0.2)


def test_hostile_and_broken_pages_are_put_aside_and_the_rest_goes_in(data: DataDir) -> None:
    site = Site(threads=board(9), per_page=9, fail_every=7)
    site.extra_items = (
        '<li><a href="http://localhost:9/thread/901.html">外站</a></li><li><a href="/secret/thread/902.html">禁区</a></li>'
        '<li><a href="/about.html">关于</a></li><li>无链接</li><li><a href="/thread/903.html">转圈</a></li>'
        '<li><a href="/thread/904.html">五兆</a></li><li><a href="/thread/905.html">无字</a></li>'
        '<li><a href="/thread/906.html">转外站</a></li><li><a href="/thread/907.html">坏了</a></li>'
    )
    site.special = {
        "/thread/903.html": (302, {"Location": "/loop"}, b""),
        "/loop": (302, {"Location": "/thread/903.html"}, b""),
        "/thread/904.html": (200, {}, b"<html>" + b"x" * 5_000_000),
        "/thread/905.html": (200, {}, f"<html><p>请致电 {PHONE}".encode()),
        "/thread/906.html": (302, {"Location": "http://localhost:9/thread/906.html"}, b""),
        "/thread/907.html": (500, {}, PHONE.encode()),
        "/secret/thread/902.html": (200, {}, Thread(902, TODAY).html("utf-8")),
    }
    site.threads[3].body = f"我的电话 {PHONE}<script>alert('{PHONE}')</script>,请回电"
    with serving(site):
        source = html_source(site)
        received = crawl(source, data)
        assert received.new == 9
        assert received.seen == received.new + received.updated + received.same + received.ignored + received.quarantined
        assert received.ignored == 5, "two are no threads, two lead elsewhere, one is forbidden"
        reasons = {place.rsplit("/", 1)[1]: reason for reason, place in quarantine(data)}
        assert reasons == {
            "903.html": "redirect_loop", "904.html": "too_large", "905.html": "no_text", "907.html": "http_500",
        }  # fmt: skip
        assert not [path for _, path, _ in site.asked if path.startswith("/secret")]
        assert "alert" not in fields(data, "board", 4)["body"] and PHONE in fields(data, "board", 4)["body"]

        # mended pages come in although they stand on no page that is read again
        site.special = {"/thread/905.html": (200, {}, Thread(905, TODAY).html("utf-8"))}
        site.extra_items = ""
        assert crawl(source, data).new == 1
    unsealed = [path for path in data.root.rglob("*") if path.is_file() and PHONE.encode() in path.read_bytes()]
    assert not unsealed, "the planted number rests nowhere but encrypted"
    log = (data.logs / "crawl-board.log").read_text()
    assert "907.html" in log and "路灯" not in log


def test_a_trap_is_bounded_and_a_bound_before_the_known_is_no_complete_crawl(data: DataDir) -> None:
    site = Site(threads=board(10), endless=True)
    with serving(site):
        first = crawl(html_source(site, pages_at_most=6), data)
        assert first.new == 10 and site.counts()["/list?page=6"] == 1 and not site.counts()["/list?page=7"]
        site.endless = False
        site.threads += [Thread(n, TODAY) for n in range(11, 41)]
        with pytest.raises(CrawlError, match=r"raise crawl\.pages_at_most"):
            crawl(html_source(site, pages_at_most=2), data)
        assert len(rows(data)) == 20, "what it met is kept"
        crawl(html_source(site, pages_at_most=20), data)
    assert len(rows(data)) == 40, "and did not hide what lay behind it"


def test_the_site_says_when_to_come_back(data: DataDir) -> None:
    site = Site(threads=board(3), once={"/thread/2.html": (429, {"Retry-After": "1"}), "/list": (503, {"Retry-After": "1"})})
    with serving(site):
        assert crawl(html_source(site), data).new == 3
        for path in ("/list", "/thread/2.html"):
            at = [when for asked, when in site.times if asked == path]
            assert len(at) == 2 and at[1] - at[0] >= 0.99
            between = [asked for asked, when in site.times if at[0] < when < at[0] + 0.9]
            assert not between, "the whole site is left alone, not the one address"
        site.once = {"/list": (503, {"Retry-After": "86400"})}
        with pytest.raises(CrawlError, match="asked_to_wait"):
            crawl(html_source(site), data)


@pytest.mark.parametrize("status", [200, 500])
def test_robots_that_forbid_or_cannot_be_read_keep_us_out(data: DataDir, status: int) -> None:
    site = Site(threads=board(3), robots="User-agent: Weathervane\nDisallow: /\n", robots_status=status)
    with serving(site):
        site.robots = site.robots if status == 200 else ""
        with pytest.raises(CrawlError, match=r"robots\.txt forbids it or cannot be read"):
            crawl(html_source(site), data)
        assert set(site.counts()) == {"/robots.txt"}


def test_a_site_that_breaks_down_withdraws_nothing(data: DataDir) -> None:
    site = Site(threads=board(12))
    with serving(site):
        source = html_source(site)
        crawl(source, data)
        site.missing = set(range(1, 13))
        crawl(source, data)
        assert not any(withdrawn for _, _, withdrawn in rows(data))
        assert [reason for reason, _ in quarantine(data)] == ["too_many_gone"]
        site.special["/list"] = (200, {}, b"<html>under construction</html>")
        with pytest.raises(CrawlError, match=r"no_threads.*check html_board\.item"):
            crawl(source, data)


def test_what_was_erased_here_does_not_come_in_again(data: DataDir) -> None:
    site = Site(threads=board(4))
    with serving(site):
        source = html_source(site)
        crawl(source, data)
        with Vault(data.vault, Keys.load(data.keys)) as vault:
            key = vault.complainant_key(source.identity_scope, "author:市民3")
            assert key and len(vault.erase(key, "test", "asked by the person")) == 1
        crawl(source, data)
    assert len(rows(data)) == 3


def test_a_vault_that_refuses_stops_the_crawl_and_no_text_reaches_the_log(data: DataDir) -> None:
    site = Site(threads=board(70))
    with Vault(data.vault, Keys.load(data.keys)):
        pass
    trigger = f"CREATE TRIGGER no BEFORE INSERT ON raw_message BEGIN SELECT RAISE(ABORT, '{PHONE}'); END"
    with sqlite3.connect(data.vault) as db:
        db.execute(trigger)
    db.close()
    with serving(site):
        source = html_source(site)
        with pytest.raises(CrawlError, match="no answer"):
            crawl(source, data)
        assert site.counts()["/thread/70.html"] <= 1 and len(site.asked) < 75, "it does not go on fetching in vain"
        log = (data.logs / "crawl-board.log").read_text()
        assert "IntegrityError" in log and "visit.py" in log and PHONE not in log
        with sqlite3.connect(data.vault) as db:
            db.execute("DROP TRIGGER no")
        db.close()
        assert crawl(source, data).new == 70


def test_an_export_is_not_crawled(data: DataDir) -> None:
    source = SourceDeclaration.model_validate(
        {"slug": "hotline", "name": "n", "publisher": "p", "channel": "hotline", "kind": "export",
         "bounds": {"at_least": 0, "at_most": 1}, "export": {"columns": {"title": ["标题"]}}}
    )  # fmt: skip
    with pytest.raises(CrawlError, match="weathervane ingest"):
        crawl_apart(source, data)


def test_a_wrong_key_is_one_clear_line(data: DataDir) -> None:
    (data.keys / "vault.key").chmod(0o644)
    with serving(Site(threads=board(1))) as site, pytest.raises(CrawlError, match="others may read this key; run `chmod 600"):
        crawl_apart(html_source(site), data)


def test_memory_holds_numbers_and_days_only(data: DataDir) -> None:
    site = Site(threads=board(2))
    with serving(site):
        crawl(html_source(site), data)
    text = (data.crawl_state / "board.json").read_text()
    assert text.count('"m') == 3 and "市民" not in text and "路灯" not in text and "thread" not in text
    assert str(TODAY - dt.timedelta(days=15)) in text
    assert not list(data.crawl_state.glob("*.landed")) and not list(data.crawl_state.glob("*.aside"))
