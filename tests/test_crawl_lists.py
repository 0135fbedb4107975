"""Crawls of JSON lists and feeds in processes of their own; landing; the memory of a source."""

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.crawl import CrawlError
from crawlers.landing import land
from crawlers.memory import Memory, MemoryDamagedError
from crawlers.sources import SourceDeclaration
from pipelines.vault import Keys, Raw, Vault
from pipelines.warehouse import DataDir
from tests.crawl_site import TODAY, Site, crawl, json_source, leader_item, serving

SAMPLE = Path(__file__).parents[2] / "shared" / "real" / "leader_board_api_sample.json"
PAGES = Path(__file__).with_name("pages")


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    made = DataDir(tmp_path / "data")
    made.make()
    Keys.make(made.keys)
    return made


def stored(data: DataDir, source: SourceDeclaration) -> dict[str, tuple[dict[str, str], bool]]:
    with Vault(data.vault, Keys.load(data.keys)) as vault:
        newest = vault.newest(source.slug)["record_id"].to_pylist()
        return {row.fields["native_id"]: (row.fields, row.withdrawn) for row in vault.read(newest)}


def days_ago(days: int) -> dt.date:
    return TODAY - dt.timedelta(days=days)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_json_list_is_paged_by_its_last_item_down_to_what_is_known_and_old(data: DataDir, method: str) -> None:
    site = Site(json_items=[leader_item(1000 - n, days_ago(n * 5)) for n in range(30)])
    with serving(site):
        source = json_source(site, method, revisit_days=40)
        assert crawl(source, data).new == 30
        assert {asked for asked, path, _ in site.asked if path.startswith("/api")} == {method}

        site.asked.clear()
        site.json_items[6] |= {"hasReply": True, "replyOrg": "临江市住建局", "replyContent": "已整改", "status": "已办理"}
        del site.json_items[3]  # withdrawn at the source
        site.json_items[:0] = [leader_item(2000 - n, TODAY) for n in range(10)]  # a burst of more than two pages
        site.json_items[12]["gManner"] = 1
        received = crawl(source, data)
        assert (received.new, received.updated) == (10, 3)
        pages = sum(path.startswith("/api") for _, path, _ in site.asked)
        assert pages == 7, "18 new or young items are five pages of four; then two quiet ones"
        now = stored(data, source)
        assert now["994"][0]["reply"] == "已整改" and now["998"][0]["satisfaction"] == "1"
        assert [number for number, (_, withdrawn) in now.items() if withdrawn] == ["997"]

        # it was a slip of the source: the item comes back, and so it does here
        site.json_items.insert(13, leader_item(997, days_ago(15)))
        assert crawl(source, data).updated == 1
        assert not any(withdrawn for _, withdrawn in stored(data, source).values())


def test_an_item_that_cannot_be_read_is_put_aside_and_is_not_taken_for_withdrawn(data: DataDir) -> None:
    site = Site(json_items=[leader_item(100 - n, days_ago(n)) for n in range(6)])
    with serving(site):
        source = json_source(site)
        crawl(source, data)
        site.json_items[2]["date"] = "不详"
        site.json_items[4]["date"] = str(days_ago(-30))
        received = crawl(source, data)
        assert (received.new, received.updated, received.quarantined) == (0, 0, 2)
        assert not any(withdrawn for _, withdrawn in stored(data, source).values())
        site.special["/api"] = (200, {}, b'{"result": "fail", "message": "13912345678"}')
        with pytest.raises(CrawlError, match=r"no_items: .*check json_board\.items"):
            crawl(source, data)
    assert "13912345678" not in (data.logs / "crawl-leaders.log").read_text()


def test_the_real_form_of_the_leaders_board(data: DataDir) -> None:
    if not SAMPLE.exists():
        pytest.skip("the real API sample is not beside this checkout")
    items = json.loads(SAMPLE.read_text(encoding="utf-8"))["responseData"]
    site = Site(json_items=items)
    with serving(site):
        source = json_source(site, page_size=20)
        first, again = crawl(source, data), crawl(source, data)
    assert (first.seen, first.new, first.quarantined) == (120, 120, 0)
    assert (again.new, again.updated) == (0, 0)
    now = stored(data, source)
    for item in items:
        fields, _ = now[str(item["tid"])]
        assert (fields["title"], fields["posted_at"], fields["place"]) == (item["title"], item["date"], item["forum"])
        assert fields["satisfaction"] == str(item["gManner"])


def test_a_feed_and_its_further_pages(data: DataDir) -> None:
    item = "<item><guid>{0}</guid><title>{0}</title><link>/{0}</link><pubDate>Mon, 26 Aug 2019 01:30:00 GMT</pubDate></item>"
    page = '<rss><channel>{0}<link rel="next" href="{1}"/></channel></rss>'
    site = Site(feed=page.format("".join(item.format(n) for n in "abc"), "/rss2").encode())
    site.special["/rss2"] = (200, {}, page.format(item.format("d"), "/rss2").encode())
    with serving(site):
        source = SourceDeclaration.model_validate(
            {"slug": "news", "name": "n", "publisher": "p", "channel": "media", "kind": "feed", "crawl": {"delay": 0},
             "bounds": {"at_least": 0, "at_most": 9}, "feed": {"urls": [f"{site.base}/rss"]}}
        )  # fmt: skip
        assert crawl(source, data).new == 4
        site.feed = page.format(item.format("e") + item.format("a"), "/rss2").encode()
        assert crawl(source, data).new == 1
        assert not any(withdrawn for _, withdrawn in stored(data, source).values()), "what has left a feed is only old"
        site.asked.clear()
        crawl(source, data)
        assert site.counts()["/rss2"] == 0


def test_landing_gives_each_row_its_key_and_changes_nothing_twice(tmp_path: Path) -> None:
    site = Site(base="http://127.0.0.1")
    source = json_source(site)
    rows = [Raw("leaders", str(n), {"title": "x", "author": "匿名" if n % 3 == 0 else f"张{n % 5}"}) for n in range(1200)]
    with Vault(tmp_path / "vault.sqlite", Keys(b"v" * 32, b"d" * 32)) as vault:
        first, again = land(vault, source, iter(rows)), land(vault, source, rows)
        assert (first.seen, first.new, again.same, again.new) == (1200, 1200, 1200, 0)
        keys = {row.complainant_key for row in vault.read(vault.newest()["record_id"].to_pylist())}
        assert len(keys) == 6 and None in keys


def test_what_was_erased_here_does_not_come_in_again_though_the_list_still_shows_it(data: DataDir) -> None:
    site = Site(json_items=[leader_item(10 - n, days_ago(n), user=f"网友{n}") for n in range(5)])
    with serving(site):
        source = json_source(site)
        assert crawl(source, data).new == 5
        with Vault(data.vault, Keys.load(data.keys)) as vault:
            key = vault.complainant_key(source.identity_scope, "author:网友3")
            assert key and len(vault.erase(key, "test", "asked by the person")) == 1
        received = crawl(source, data)
        assert (received.new, received.same, received.ignored) == (0, 4, 1)
    assert set(stored(data, source)) == {"10", "9", "8", "6"}


@given(
    st.dictionaries(st.from_regex(r"m[0-9a-f]{16}", fullmatch=True), st.dates(), max_size=9),
    st.dictionaries(st.from_regex(r"m[0-9a-f]{16}", fullmatch=True), st.dates(), max_size=9),
    st.integers(0, 60),
)
def test_a_torn_note_costs_its_line_only(tmp_path_factory: pytest.TempPathFactory, first: dict, second: dict, cut: int) -> None:  # type: ignore[type-arg]
    folder = tmp_path_factory.mktemp("memory")
    memory = Memory(folder, "s", TODAY)
    memory.note(first)
    memory.complete()
    memory.note(second)
    notes = folder / "s.landed"
    text = notes.read_text()
    notes.write_text(text[: max(0, len(text) - cut)])
    again = Memory(folder, "s", TODAY)
    assert again.known == first
    whole = text[: max(0, len(text) - cut)].count("\n")
    assert list(again.landed.items()) == list(second.items())[:whole] and again.today == set(again.landed)
    assert Memory(folder, "s", TODAY + dt.timedelta(days=1)).today == set(), "on another day it is fetched again"
    again.complete()
    assert Memory(folder, "s", TODAY).known == first | again.known


def test_a_damaged_memory_says_what_to_do(tmp_path: Path) -> None:
    for damage in ("{", '{"messages": {"m": "yesterday"}}', "[]", '{"messages": 3}'):
        (tmp_path / "s.json").write_text(damage)
        with pytest.raises(MemoryDamagedError, match=r"s\.json: damaged; delete it"):
            Memory(tmp_path, "s", TODAY)
