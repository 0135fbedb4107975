"""Source declarations: what cannot be used is refused in one line; who wrote a message, and who is anonymous."""

from pathlib import Path

import pytest

from crawlers.sources import CANONICAL, SourceDeclaration, SourceError, load_source, load_sources

GOOD = """
slug = "hotline"
name = "热线"
publisher = "热线中心"
channel = "hotline"
kind = "export"
bounds = {at_least = 1, at_most = 9}
[export.columns]
title = ["标题"]
posted_at = ["时间"]
"""


def declared(folder: Path, text: str, name: str = "hotline") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_declaration_is_read(tmp_path: Path) -> None:
    source = load_source(declared(tmp_path, GOOD))
    assert source.export is not None
    assert source.export.columns == {"title": ("标题",), "posted_at": ("时间",)}
    assert source.export.ignore_rows == ("合计", "总计", "小计")
    assert source.identity_scope == "hotline"
    assert {"native_id", "title", "body", "posted_at", "withdrawn"} <= set(CANONICAL)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('name = "热线"', 'nmae = "热线"', "nmae|name: Field required"),
        ("[export.columns]", "[export.columns]\ntitel = ['x']", r"export\.columns\.titel"),
        ("at_least = 1", "at_least = 10", "at_least is more than at_most"),
        ("at_least = 1", "at_least = -1", r"bounds\.at_least"),
        ('channel = "hotline"', 'channel = "phone"', "channel"),
        ('kind = "export"', 'kind = "feed"', r"exactly the table \[feed\]"),
        ("[export.columns]", '[feed]\nurls = ["http://x.invalid"]\n[export.columns]', r"exactly the table \[export\]"),
        ("[export.columns]", '[export]\nencoding = "big6"\n[export.columns]', "no encoding is called 'big6'"),
        ('slug = "hotline"', 'slug = "Hot Line"', "slug"),
        ('slug = "hotline"', 'slug = "other"', "slug is 'other' but the file is named 'hotline.toml'"),
        ('slug = "hotline"', "slug = ", "not TOML"),
        ("bounds =", "starts = 2025-13-01\nbounds =", "not TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path: Path, old: str, new: str, match: str) -> None:
    path = declared(tmp_path, GOOD.replace(old, new))
    with pytest.raises(SourceError, match=match) as caught:
        load_source(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_declaration_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hotline.toml"
    path.write_bytes(GOOD.encode("gb18030"))
    with pytest.raises(SourceError, match="not UTF-8"):
        load_source(path)


def test_a_folder_of_declarations(tmp_path: Path) -> None:
    declared(tmp_path, GOOD)
    declared(tmp_path, GOOD.replace('"hotline"', '"letters"', 1), "letters")
    assert list(load_sources(tmp_path)) == ["hotline", "letters"]
    assert list(load_sources(tmp_path, ["letters"])) == ["letters"]
    with pytest.raises(SourceError, match="no source 'visits'; there are hotline, letters"):
        load_sources(tmp_path, ["visits"])


@pytest.mark.parametrize(
    ("fields", "identity"),
    [
        ({"phone": "13800000001", "author": "林晓棠"}, "phone:13800000001"),
        ({"phone": " ", "author": " 林晓棠 "}, "author:林晓棠"),
        ({"phone": "无", "author": "匿名"}, ""),
        ({"author": "匿名网友"}, ""),
        ({}, ""),
    ],
)
def test_who_wrote_a_message(tmp_path: Path, fields: dict[str, str], identity: str) -> None:
    assert load_source(declared(tmp_path, GOOD)).identity_of(fields) == identity


def test_sources_may_share_their_accounts(tmp_path: Path) -> None:
    source = load_source(declared(tmp_path, GOOD + '[identity]\nscope = "board"\nfields = ["author"]\n'))
    assert source.identity_scope == "board"
    assert source.identity_of({"phone": "13800000001"}) == ""


def test_a_declaration_cannot_be_changed(tmp_path: Path) -> None:
    source: SourceDeclaration = load_source(declared(tmp_path, GOOD))
    with pytest.raises(ValueError, match="frozen"):
        source.slug = "other"


def test_every_declaration_that_ships_is_whole() -> None:
    root = Path(__file__).parents[1]
    for folder in {path.parent for path in root.glob("*/**/sources/*.toml") if ".venv" not in path.parts}:
        assert load_sources(folder)


@pytest.mark.parametrize("author", ["张先生", "李女士", "王某某", "138****1111", "匿名"])
def test_what_stands_for_many_people_makes_no_key(author: str) -> None:
    source = SourceDeclaration.model_validate(
        {
            "slug": "desk", "name": "台", "publisher": "台", "channel": "hotline", "kind": "export",
            "bounds": {"at_least": 0, "at_most": 9}, "export": {"columns": {"title": ["标题"]}},
        }
    )  # fmt: skip
    assert source.identity_of({"author": author}) == ""
    assert source.identity_of({"author": author, "phone": "13900001111"}) == "phone:13900001111"
