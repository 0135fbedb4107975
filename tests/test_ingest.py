"""Export intake: forms, encodings, headings and cells as real exports have them; counts that add up; nothing twice."""

import codecs
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from pipelines.headings import Heading
from pipelines.ingest import IngestError
from pipelines.lines import sniff
from pipelines.vault import Keys, Vault
from tests.intake_desk import HEADING, NOW, Desk, hotline, jsonl, row, sheet

ROWS = [row(1), row(2, "电话无人接听,\n打了三天"), row(3, '他说"明天再来"', "推诿")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    with made.vault:
        yield made


def workbook(desk: Desk, rows: list[list[object]], name: str = "表") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = name
    for cells in rows:
        book.active.append(cells)
    path = desk.folder / "made.xlsx"
    book.save(path)
    return path.read_bytes()


def records() -> list[dict[str, str]]:
    return [dict(zip(HEADING, cells, strict=True)) for cells in ROWS]


def contents(desk: Desk) -> dict[str, bytes]:
    return {
        "a.csv": sheet(ROWS).encode(),
        "b.tsv": sheet(ROWS, "\t").encode(),
        "c.csv": sheet(ROWS, ";").encode(),
        "d.CSV": codecs.BOM_UTF8 + sheet(ROWS).encode(),
        "e.csv": sheet(ROWS).encode("gb18030"),
        "f.csv": sheet(ROWS).encode("utf-16"),
        "g.csv": codecs.BOM_UTF16_BE + sheet(ROWS).encode("utf-16-be"),
        "h.xlsx": workbook(desk, [HEADING, *ROWS]),
        "i.json": codecs.BOM_UTF8 + json.dumps(records(), ensure_ascii=False).encode(),
        "j.jsonl": jsonl(*records()).encode("gb18030"),
        "k.jsonl": json.dumps(records()[0]).encode() + b"\r\n\r\n" + jsonl(*records()[1:]).encode(),
        "l.csv": sheet(ROWS[:1]).replace("\r\n", "\r").encode()
        + sheet(ROWS[2:]).split("\r\n", 1)[1].encode().replace(b"\r\n", b"\r"),
    }


def test_every_form_and_encoding_gives_the_same_messages(desk: Desk) -> None:
    for number, (name, content) in enumerate(contents(desk).items()):
        received = desk.take(name, content)
        blank, rows = name == "k.jsonl", 2 if name == "l.csv" else 3
        assert (received.seen, received.ignored, received.quarantined) == (rows + blank, blank, 0), name
        assert (received.new, received.same) == ((3, 0) if number == 0 else (0, rows)), name
    fields = {f["native_id"]: f for f in desk.fields()}
    assert fields["GD0002"]["body"] == "电话无人接听,\n打了三天"
    assert fields["GD0003"]["body"] == '他说"明天再来"'


def test_a_declared_encoding_is_used(desk: Desk) -> None:
    text = "編號,內容,時間\n1,窗口無人辦理,2025-5-6\n"
    columns = {"native_id": ["編號"], "body": ["內容"], "posted_at": ["時間"]}
    desk.take("a.csv", text.encode("big5"), hotline(columns, encoding="big5"))
    desk.take("b.csv", sheet([row(2, "無BOM")]).encode("utf-16-le"), hotline(encoding="utf-16-le"))
    assert [f["body"] for f in desk.fields()] == ["窗口無人辦理", "無BOM"]


def test_lines_of_two_encodings_in_one_file(desk: Desk) -> None:
    lines = sheet([row(n, f"第{n}次反映,窗口无人") for n in range(20)]).splitlines(keepends=True)
    mixed = b"".join(line.encode("gb18030" if n % 3 == 1 else "utf-8") for n, line in enumerate(lines))
    assert desk.take("a.csv", mixed).new == 20
    assert [f["body"] for f in desk.fields()] == [f"第{n}次反映,窗口无人" for n in range(20)]
    mostly_gb = b"".join(line.encode("utf-8" if n % 5 == 1 else "gb18030") for n, line in enumerate(lines))
    assert desk.take("b.csv", mostly_gb).same == 20


def test_a_line_valid_in_both_encodings_follows_the_file(desk: Desk) -> None:
    body = "摹"  # its two GB bytes are also one character of UTF-8
    assert body.encode("gb18030").decode("utf-8") != body
    short = [["7", "", "", "", body, "20250506"]]
    text = sheet([row(1), row(2)]) + sheet(short).split("\r\n", 1)[1]
    desk.take("a.csv", text.encode("gb18030"))
    assert desk.fields()[-1]["body"] == body


def test_a_rare_character_alone_in_a_line_of_gb18030(desk: Desk) -> None:
    rows = [row(1), ["8", "", "", "", "㐂", "20250506"], ["9", "", "", "", "\xa0喆\xa0", "20250506"]]
    desk.take("a.csv", sheet(rows).encode("gb18030"))
    assert [f["body"] for f in desk.fields()][1:] == ["㐂", "喆"]


def test_titles_and_blank_rows_may_stand_before_the_heading(desk: Desk) -> None:
    head = "热线工单明细表,,,,,\n,,,,,\n导出时间:2025-06-01,,,,,\n"
    body = sheet(ROWS).replace("工单编号", " *工单 编号:").replace("标题", "标 题")
    received = desk.take("a.csv", head + body)
    assert (received.seen, received.new) == (3, 3)
    book = workbook(desk, [["热线工单明细表"], [], HEADING, *ROWS])
    assert desk.take("b.xlsx", book).same == 3


def test_blank_total_and_repeated_heading_rows_are_ignored_by_rule(desk: Desk) -> None:
    received = desk.take(
        "a.csv", sheet([*ROWS, [], ["", " ", "", "", "", ""], HEADING, ["合计:3条"], ["", "总 计", "3"]]) + "\n\n"
    )
    assert (received.seen, received.new, received.ignored, received.quarantined) == (10, 3, 7, 0)


def test_a_message_that_begins_like_a_total_is_a_message(desk: Desk) -> None:
    columns = {"title": ["标题"], "posted_at": ["时间"]}
    received = desk.take("a.csv", "标题,时间\n合计收费不公开,2025-5-6\n合计,\n", hotline(columns))
    assert (received.new, received.ignored) == (1, 1)


def test_cells_of_a_workbook(desk: Desk) -> None:
    rows = [
        [188006.0, "林某", 13800001111, "标题", "正文", dt.datetime(2025, 5, 6, 9, 5, 7)],  # noqa: DTZ001
        [188007, True, "013800002222", 404, "正文", dt.date(2025, 5, 6)],
        [188008, None, None, "标题", 0.5, 45783.378553],
    ]
    assert desk.take("a.xlsx", workbook(desk, [HEADING, *rows])).new == 3
    first, second, third = desk.fields()
    assert (first["native_id"], first["phone"], first["posted_at"]) == ("188006", "13800001111", "2025-05-06 09:05:07")
    assert (second["author"], second["phone"], second["title"], second["posted_at"]) == ("1", "013800002222", "404", "2025-05-06")
    assert (third["body"], third["posted_at"]) == ("0.5", "45783.378553")


def test_ids_written_in_several_ways_are_one(desk: Desk) -> None:
    received = desk.take(
        "a.csv", '编号,内容,时间\n188006,甲,20250506\n188006.0,甲,20250506\n"=""188006""",甲,20250506\n\'188006,甲,20250506\n'
    )
    assert (received.new, received.same) == (1, 3)


def test_sheets_the_first_that_is_not_empty_or_the_one_named(desk: Desk) -> None:
    book = openpyxl.Workbook()
    hidden = book.create_sheet("隐藏")
    hidden.append(["别的"])
    hidden.sheet_state = "hidden"
    for name, rows in (("一", ROWS[:1]), ("二", ROWS[1:])):
        made = book.create_sheet(name)
        for cells in [HEADING, *rows]:
            made.append(cells)
    path = desk.folder / "made.xlsx"
    book.save(path)
    assert desk.take("a.xlsx", path.read_bytes()).new == 1
    assert desk.take("a.xlsx", path.read_bytes(), hotline(sheet="二")).new == 2
    with pytest.raises(IngestError, match=r"a\.xlsx: no sheet '三'.*一, 二"):
        desk.take("a.xlsx", path.read_bytes(), hotline(sheet="三"))


def test_json_nested_records_numbers_and_nan(desk: Desk) -> None:
    document = (
        '{"code": 0, "data": {"items": [{"id": 123456789012345678901234567890, "data": {"title": "标题"}, "内容": NaN,'
        ' "时间": 1746493507},'
        ' {"id": 188006.0, "标题": null, "内容": "正文", "时间": "2025-05-06T01:05:07Z"}, {}, null]}}'
    )
    received = desk.take("a.json", document, hotline(records="data.items"))
    assert (received.seen, received.new, received.ignored) == (4, 2, 2)
    assert desk.fields() == [
        {"native_id": "123456789012345678901234567890", "title": "标题", "posted_at": "1746493507"},
        {"native_id": "188006", "body": "正文", "posted_at": "2025-05-06T01:05:07Z"},
    ]
    with pytest.raises(IngestError, match=r"no list of records at the top; .*export\.records"):
        desk.take("a.json", document)


def test_json_numbers_keep_their_digits(desk: Desk) -> None:
    long = "9" * 5000
    desk.take("a.json", f'[{{"编号": {long}, "标题": 1e400, "内容": 0.10, "时间": 20250506}}]')
    assert desk.fields() == [{"native_id": long, "title": "1e400", "body": "0.10", "posted_at": "20250506"}]


def test_large_rows_are_stored_before_the_chunk_is_full(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = []
    receive = Vault.receive
    monkeypatch.setattr(Vault, "receive", lambda vault, rows: stored.append(len(rows)) or receive(vault, rows))
    monkeypatch.setattr("pipelines.ingest._CHUNK_BYTES", 300)
    desk.take("a.csv", sheet([row(n, "长" * 60) for n in range(5)]))
    assert max(stored) == 2


def test_a_row_without_an_id_gets_the_same_one_again(desk: Desk) -> None:
    text = "标题,内容,时间,答复时间\n窗口无人,等了半天,2025-5-6,{}\n窗口无人,等了两天,2025-5-6,\n"
    assert desk.take("a.csv", text.format("")).new == 2
    assert desk.take("b.csv", text.format("")).same == 2
    assert desk.take("c.csv", text.format("2025-5-9")).updated == 1  # the reply came later; the message is the same


def test_a_second_run_changes_nothing_and_a_new_version_is_an_update(desk: Desk) -> None:
    rows = [*ROWS, ["GD0009", "", "", "", "", "2025-5-6"]]
    first = desk.take("a.csv", sheet(rows), chunk=2)
    again = desk.take("a.csv", sheet(rows), chunk=1)
    assert (first.new, first.quarantined) == (3, 1)
    assert (again.new, again.updated, again.same, again.quarantined) == (0, 0, 3, 1)
    assert desk.reasons() == [("a.csv:6", "no_text")]  # row 2 of the sheet spans two lines
    assert desk.take("b.csv", sheet([row(1, "有人受理了")])).updated == 1
    assert [entry["origin"] for entry in desk.vault.log("intake")] == ["a.csv", "a.csv", "b.csv"]


def test_withdrawal_place_original_and_complainant(desk: Desk) -> None:
    text = (
        "\n".join(",".join(cells) for cells in ([*HEADING, "是否撤回"], [*row(1, "无人"), "是"], [*row(2, "无人"), "否"])) + "\n"
    )
    desk.take("a.csv", text.encode("gb18030"))
    withdrawn, open_one = desk.stored()
    assert (withdrawn.withdrawn, open_one.withdrawn) == (True, False)
    assert open_one.place == "a.csv:3"
    assert open_one.complainant_key == desk.vault.complainant_key("hotline", "phone:13800000002")
    kept = desk.vault._db.execute("SELECT message_id, nonce, payload FROM raw_message").fetchall()
    assert desk.vault._open(*kept[1])[1] == text.splitlines(keepends=True)[2].encode("gb18030")


def test_a_crawled_source_and_unknown_forms_are_refused(desk: Desk) -> None:
    crawled = hotline().model_copy(update={"export": None, "kind": "feed"})
    with pytest.raises(IngestError, match="source 'hotline' is a feed"):
        desk.take("a.csv", sheet(ROWS), crawled)
    with pytest.raises(IngestError, match=r"a\.doc: '\.doc' is no form"):
        desk.take("a.doc", sheet(ROWS))
    with pytest.raises(IngestError, match="no such file"):
        sniff(desk.folder / "gone.csv")


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """In a process of its own, whose peak can only grow: five times the rows, the same peak."""
    script = """
import resource, sys
from pathlib import Path
import structlog
from pipelines.ingest import ingest_file
from tests.intake_desk import Desk, hotline, row, sheet
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
desk = Desk(Path(sys.argv[1]))
line = sheet([row(0, "电话无人接听" * 200)]).split("\\r\\n")[1][6:]
for rows in (1_000, 5_000):
    path = desk.folder / f"{rows}.csv"
    with path.open("w", encoding="utf-8") as out:
        out.write(sheet([]))
        out.writelines(f"GD{n:04d}{line}\\n" for n in range(rows))
    assert ingest_file(path, hotline(), desk.vault, chunk=250).seen == rows
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    small, large = (int(line) / 1024 for line in done.stdout.split())
    assert large - small < 8, (small, large)  # MB; the larger file is 14 MB longer


def test_blanks_and_delimiters_around_cells(desk: Desk) -> None:
    text = '标题,时间,诉求内容,,\n窗口无人, 2025-5-6 , "等了半天, 没人"\n窗口无人,2025-5-6,前半\r后半,,\n'
    assert desk.take("a.csv", text).new == 2
    assert [f["body"] for f in desk.fields()] == ["等了半天, 没人", "前半 后半"]


def test_utf_16_characters_whose_bytes_look_like_a_line_end(desk: Desk) -> None:
    text = sheet([row(1, "\u0a05一\u0a05一")])
    assert desk.take("a.csv", text.encode("utf-16")).new == 1
    assert desk.take("b.csv", codecs.BOM_UTF16_BE + text.encode("utf-16-be")).same == 1


def test_trimming_a_heading() -> None:
    assert Heading(0, {"title": 0}, ("标题", "", "时间", "", "")).trimmed().names == ("标题", "", "时间")


def test_a_kill_between_chunks_is_made_good_by_a_second_run(desk: Desk, tmp_path: Path) -> None:
    content = sheet([row(n, f"第{n}件") for n in range(30)] + [["短"]])

    class Killed(Exception):
        pass

    class Dying(Vault):
        left = 2

        def receive(self, *given: object, **more: object) -> object:  # type: ignore[override]
            self.left -= 1
            if not self.left:
                raise Killed
            return super().receive(*given, **more)  # type: ignore[arg-type]

    from pipelines.ingest import ingest_file

    path = desk.file("a.csv", content)
    with Dying(tmp_path / "vault" / "vault.sqlite", Keys.load(tmp_path / "keys")) as dying, pytest.raises(Killed):
        ingest_file(path, hotline(), dying, chunk=10, now=NOW)
    assert len(desk.stored()) == 10
    received = desk.take("a.csv", content, chunk=10)
    assert (received.same, received.new, received.quarantined) == (10, 20, 1)
