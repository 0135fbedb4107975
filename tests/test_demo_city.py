"""The fictional city: what was promised of it is there, and its site serves what its declarations say."""

import csv
import hashlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from python_calamine import load_workbook

from crawlers.sources import load_sources
from crawlers.spiders.parse_feed import feed_page
from crawlers.spiders.parse_html import list_page, thread_page
from crawlers.spiders.parse_json import json_page
from flows.demo_city import ENDING, City, build
from flows.demo_city.people import Town
from flows.demo_city.places import units
from flows.demo_city.words import matters, pieces
from flows.demo_site import serve
from models.taxonomy import CODES, TOPICS
from pipelines.registry import Registry
from pipelines.registry_check import check_registry

REMOTE = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return build(tmp_path_factory.mktemp("city"))


@pytest.fixture(scope="module")
def truth(city: City) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (city.folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def address(city: City, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("sources")
    with serve(city.folder, folder) as base:
        yield base, folder


def get(url: str, form: dict[str, str] | None = None) -> tuple[bytes, str]:
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    with REMOTE.open(url, data=data, timeout=10) as answer:
        return answer.read(), answer.headers["Content-Type"]


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def test_the_registry_has_119_units_in_three_tiers(city: City) -> None:
    assert check_registry(city.folder / "units.csv") == []
    registry = Registry.read(city.folder / "units.csv")
    assert Counter(unit.tier for unit in registry.units) == {1: 35, 2: 52, 3: 32}
    assert all(unit.exposure for unit in registry.units)
    assert [unit.code for unit in registry.units if unit.parent is None] == ["LJ-GOV"]


def test_every_matter_finds_a_unit_and_every_word_is_of_the_taxonomy() -> None:
    keys = {unit.key for unit in units()}
    assert all(set(matter.units) <= keys for matter in matters())
    assert {matter.topic for matter in matters()} == set(TOPICS)
    assert set().union(*(matter.conduct for matter in matters())) == set(CODES)
    assert pieces() >= 350


def test_sixty_weeks_of_letters_with_every_code(city: City, truth: list[dict[str, Any]]) -> None:
    assert city.messages == len(truth) == sum(city.by_source.values())
    assert 4500 <= city.messages <= 6000
    weeks = Counter(row["week"] for row in truth)
    assert len(weeks) == 60
    assert min(weeks) == "2025-W27"
    assert max(weeks) == city.week == "2026-W34"
    assert min(weeks.values()) >= 40
    assert max(weeks.values()) <= 140
    assert 0.40 <= sum(bool(row["codes"]) for row in truth) / len(truth) <= 0.50
    assert min(Counter(code for row in truth for code in row["codes"]).values()) >= 30
    assert set().union(*(row["codes"] for row in truth)) == set(CODES)


def test_letters_are_not_all_alike(city: City) -> None:
    threads = json.loads((city.folder / "site" / "board.json").read_text(encoding="utf-8"))
    bodies = Counter(thread["body"] for thread in threads)
    assert len(bodies) > 0.9 * len(threads)
    assert len({thread["body"][:12] for thread in threads}) > 0.4 * len(threads)
    assert not [thread for thread in threads if "{" in thread["title"] + thread["body"] or "|" in thread["body"]]


def test_one_surge_and_one_silence(city: City, truth: list[dict[str, Any]]) -> None:
    surging = Counter(row["week"] for row in truth if row["unit"] == city.surge_unit and city.surge_code in row["codes"])
    past = [count for week, count in surging.items() if week != city.week]
    assert surging[city.week] == city.surge_events >= 14
    assert past
    assert max(past) <= 5
    assert sum(past) / 59 < 2
    silent = Counter(row["week"] for row in truth if row["source"] == city.silent_source)
    assert not set(city.silent_weeks) & set(silent)
    assert city.silent_weeks[-1] == city.week
    assert len(silent) == 58
    assert city.by_source[city.silent_source] < max(city.by_source.values())


def test_events_join_letters_of_one_matter(truth: list[dict[str, Any]]) -> None:
    members = Counter(row["event"] for row in truth)
    assert 0.02 < sum(count > 1 for count in members.values()) / len(members) < 0.2
    channels: dict[int, set[str]] = {}
    for row in truth:
        channels.setdefault(row["event"], set()).add(row["source"])
    assert sum(len(sources) > 1 for sources in channels.values()) > 50


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other, third = tmp_path / "one", tmp_path / "other", tmp_path / "third"
    build(one, weeks=6)
    build(other, weeks=6)
    build(third, weeks=6, seed=8)
    assert digest(one) == digest(other) != digest(third)


@pytest.mark.parametrize(("weeks", "back"), [(1, 0), (60, 1)])
def test_a_story_that_cannot_be_told_is_refused(tmp_path: Path, weeks: int, back: int) -> None:
    with pytest.raises(ValueError, match="Sunday"):
        build(tmp_path, weeks=weeks, ending=ENDING.replace(day=ENDING.day - back))


def test_invented_people_have_numbers_that_nobody_has() -> None:
    people = Town(3, 200).people
    for person in people:
        assert person.phone.startswith("154")
        assert len(person.phone) == 11
        weights = [pow(2, 17 - place, 11) for place in range(17)]
        total = sum(int(digit) * weight for digit, weight in zip(person.id_number, weights, strict=False))
        assert person.id_number[:6] == "439900"
        assert person.id_number[17] == "10X98765432"[total % 11]
        digits = [int(digit) for digit in reversed(person.card)]
        assert sum(d if place % 2 == 0 else sum(divmod(2 * d, 10)) for place, d in enumerate(digits)) % 10 == 0
    assert len({person.phone for person in people}) == 200


def test_exports_are_weekly_workbooks_and_one_gb18030_file(city: City) -> None:
    declared = load_sources(city.folder / "sources")
    folder = city.folder / "drop" / "hotline"
    assert {path.name for path in (city.folder / "drop").iterdir()} == {s for s, d in declared.items() if d.kind == "export"}
    books = sorted(folder.glob("*.xlsx"))
    assert len(books) == 52
    columns = [name for names in declared["hotline"].export.columns.values() for name in names]  # type: ignore[union-attr]
    rows = 0
    for book in books:
        sheet = load_workbook(book).get_sheet_by_index(0).to_python()
        assert set(columns) <= set(sheet[1])
        assert sheet[-1][0] == "合计"
        rows += len(sheet) - 3
    with (folder / "历史工单.csv").open(encoding="gb18030", newline="") as file:
        rows += sum(1 for _ in csv.DictReader(file))
    assert rows == city.by_source["hotline"] + city.hostile


def test_hostile_rows_are_in_the_last_workbook_as_text(city: City) -> None:
    last = load_workbook(max((city.folder / "drop" / "hotline").glob("*.xlsx"))).get_sheet_by_index(0).to_python()
    cells = [str(cell) for row in last for cell in row]
    for planted in ("<script>", "=HYPERLINK(", "/02/30", "2099/01/01"):
        assert any(planted in cell for cell in cells), planted
    assert cells.count("LJ-X5") == 2


def test_the_board_is_served_in_gb18030_and_read_by_its_declaration(city: City, address: tuple[str, Path]) -> None:
    source = load_sources(address[1])["citizen_board"]
    board = source.html_board
    assert board is not None
    threads: dict[str, str] = {}
    url: str | None = board.list_urls[0]
    pages = 0
    while url:
        body, kind = get(url)
        assert "gb18030" in kind
        with pytest.raises(UnicodeDecodeError):
            body.decode("utf-8")
        page = list_page(body.decode("gb18030"), url, board)
        threads |= {link.native_id: link.url for link in page.threads}
        url, pages = page.next_url, pages + 1
    assert len(threads) == city.by_source["citizen_board"]
    assert pages == -(-len(threads) // 50)
    kept = {thread["id"]: thread for thread in json.loads((city.folder / "site" / "board.json").read_text(encoding="utf-8"))}
    answered = next(thread for thread in kept.values() if thread["reply"] and thread["satisfied"])
    text = get(threads[answered["id"]])[0].decode("gb18030")
    row = thread_page(text, threads[answered["id"]], answered["id"], source)
    assert row is not None
    assert row.fields["title"] == answered["title"]
    assert any("<script>" in thread["title"] for thread in kept.values())
    assert row.fields["reply"] == answered["reply"]
    assert row.fields["replied_at"] == answered["replied"]
    assert row.fields["satisfaction"] == answered["satisfied"]


def test_withdrawn_threads_are_gone(city: City, address: tuple[str, Path]) -> None:
    base, folder = address
    source = load_sources(folder)["citizen_board"]
    kept = json.loads((city.folder / "site" / "board.json").read_text(encoding="utf-8"))
    withdrawn = [thread["id"] for thread in kept if thread["withdrawn"]]
    assert withdrawn
    for number in withdrawn:
        url = f"{base}/board/thread_{number}.html"
        try:
            assert thread_page(get(url)[0].decode("gb18030"), url, number, source) is None
        except urllib.error.HTTPError as error:
            assert error.code == 404
            error.close()


def test_the_leader_board_pages_by_the_last_item(city: City, address: tuple[str, Path]) -> None:
    source = load_sources(address[1])["leader_board"]
    board = source.json_board
    assert board is not None
    seen: list[str] = []
    cursor: str | None = "0"
    while cursor:
        form = board.params | {str(board.page_size_param): str(board.page_size), board.cursor_param: cursor}
        page = json_page(get(board.url, form)[0], board.url, source)
        assert not page.broken
        seen += [row.native_id for row in page.rows]
        cursor = page.cursor
    assert len(seen) == len(set(seen)) == city.by_source["leader_board"]


def test_the_feed_is_read_by_the_parser(city: City, address: tuple[str, Path]) -> None:
    source = load_sources(address[1])["evening_paper"]
    assert source.feed is not None
    rows = [row for url in source.feed.urls for row in feed_page(get(url)[0], url, source).rows]
    assert len({row.native_id for row in rows}) == city.by_source["evening_paper"]
    assert all(row.fields["title"] and row.fields["body"] and row.fields["posted_at"] for row in rows)


def test_robots_and_unknown_pages(address: tuple[str, Path]) -> None:
    base, _ = address
    assert b"Disallow: /internal/" in get(f"{base}/robots.txt")[0]
    for path in ("/board/index_0.html", "/board/index_999.html", "/board/thread_x.html", "/nothing"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(base + path)
        assert caught.value.code == 404
        caught.value.close()
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(f"{base}/leader/threads", {"lastItem": "x"})
    assert caught.value.code == 400
    caught.value.close()
