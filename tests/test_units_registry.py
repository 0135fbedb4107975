"""The unit registry: what the checker says of bad files, and that a generated registry is a good one."""

import csv
import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.departments import departments, words
from pipelines.registry import COLUMNS, Registry, RegistryError
from pipelines.registry_check import check_registry
from pipelines.unit_generator import generate, write_registry

GOOD = "U1,云河区人民政府,,government,1,区政府,云河区,,,"


def registry_file(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "units.csv"
    path.write_text("\n".join([",".join(COLUMNS), GOOD, *lines]), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("U1,甲局,,bureau,1,,云河区,,,", "duplicate code U1"),
        ("U2,甲局,U9,bureau,1,,云河区,,,", "unknown parent U9"),
        ("U2,甲局,U2,bureau,1,,云河区,,,", "cycle"),
        ("U2,甲局,U1,bureau,4,,云河区,,,", "tier '4'"),
        ("U2,甲局,U1,bureau,1,,云河区,,2019-02-30,", "valid_from '2019-02-30' is no date"),
        ("U2,甲局,U1,bureau,1,,云河区,,2020-01-01,2019-01-01", "lies before valid_from"),
        ("U1,甲局,,government,1,,云河区,,2019-01-01,", "overlapping validity"),
        ("U2,甲局,U1,bureau,1,甲||乙,云河区,,,", "an alias is empty"),
        ("U2,甲局,U1,bureau,1,区政府,云河区,,,", "alias 区政府 in 云河区 also names U1"),
        ("U2,甲局,U1,bureau,1,,,,,", "place is empty"),
        ("U2,甲局,U1,bureau,1,,云河区,nan,,", "exposure nan"),
        ("U2,甲局,U1", "more or fewer cells"),
    ],
)
def test_the_checker_names_the_line_the_fault_and_the_mend(tmp_path: Path, line: str, said: str) -> None:
    path = registry_file(tmp_path, line)
    problems = check_registry(path)
    assert any(said in problem for problem in problems), problems
    assert all(problem.startswith(f"{path}:3: ") and "\n" not in problem and ";" in problem for problem in problems)


def test_every_unit_of_a_cycle_is_named_and_a_renaming_is_no_fault(tmp_path: Path) -> None:
    path = registry_file(tmp_path, "A,甲局,B,bureau,1,,云河区,,,", "B,乙局,A,bureau,1,,云河区,,,")
    assert len(check_registry(path)) == 2
    path = registry_file(
        tmp_path,
        "U2,云河区国土局,U1,bureau,1,国土局,云河区,,,2018-12-31",
        "U2,云河区自然资源局,U1,bureau,1,国土局,云河区,,2019-01-01,",
    )
    assert check_registry(path) == []


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe\x01", "编码,名称\n1,2".encode(), ",".join(COLUMNS).encode(), b'code,"x'])
def test_a_file_that_is_no_registry_gets_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "units.csv"
    path.write_bytes(content)
    (problem,) = check_registry(path)
    assert problem.startswith(str(path))
    assert check_registry(tmp_path / "absent.csv")[0].startswith(str(tmp_path))


def places_file(tmp_path: Path, *rows: tuple[str, str, str]) -> Path:
    path = tmp_path / "places.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([("place", "parent", "level"), *rows])
    return path


REAL = [
    ("东江省", "", "province"), ("临江市", "东江省", "city"), ("云河区", "临江市", "district"), ("清泉街道", "云河区", "street"),
    ("石榴园社区", "清泉街道", "community"), ("青石县", "临江市", "县"), ("城关镇", "青石县", "town"), ("白塔县", "临江市", "县"),
    ("城关镇", "白塔县", "镇"), ("竹山村", "青石县城关镇", "village"), ("经开区", "临江市", "zone"), ("石鼓乡", "青石县", "乡"),
]  # fmt: skip
MASKED = [("西地省", "", "province"), ("A市", "西地省", "city"), ("A3区", "A市", "district"), ("K8县", "西地省", "county")]


@pytest.mark.parametrize("rows", [REAL, MASKED])
def test_a_generated_registry_passes_the_check_and_keeps_its_tree(tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    made = tmp_path / "units.csv"
    write_registry(generate(places_file(tmp_path, *rows)), made)
    assert check_registry(made) == []
    registry = Registry.read(made)
    top = rows[0][0]
    assert all(list(registry.above(place))[-1] == top for place in registry.parent_place)
    assert registry.digest == Registry.from_rows(registry.rows()).digest


def test_names_are_official_and_codes_do_not_depend_on_the_rest_of_the_list(tmp_path: Path) -> None:
    rows = {row["code"]: row for row in generate(places_file(tmp_path, *REAL))}
    assert rows["云河区-gongan"]["name"] == "云河区公安分局"
    assert rows["临江市-fayuan"]["name"] == "临江市中级人民法院"
    assert rows["临江市-shijian"]["name"] == "临江市市场监督管理局"
    assert rows["青石县城关镇-zhengfu"]["name"] == "城关镇人民政府"
    assert rows["竹山村-cunweihui"]["parent"] == "青石县城关镇-zhengfu"
    assert rows["云河区-jiaojing"]["parent"] == "云河区-gongan"
    fewer = {row["code"] for row in generate(places_file(tmp_path, *REAL[:3]))}
    assert fewer <= set(rows)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (("某区", "没有的市", "district"), "is not in the list"),
        (("某村", "城关镇", "village"), "is ambiguous"),
        (("某区", "临江市", "galaxy"), "level 'galaxy' is unknown"),
        (("", "临江市", "district"), "place is empty"),
        (("云河区", "临江市", "district"), "stands twice"),
    ],
)
def test_bad_places_are_refused_with_one_line(tmp_path: Path, row: tuple[str, str, str], said: str) -> None:
    with pytest.raises(RegistryError, match=said):
        generate(places_file(tmp_path, *REAL, row))


def test_the_standard_set_is_whole() -> None:
    slugs = [department.slug for department in departments()]
    assert len(set(slugs)) == len(slugs)
    assert {department.under for department in departments()} - {""} <= set(slugs)
    heads = [level for department in departments() if department.head for level in department.levels]
    assert sorted(heads) == sorted(set(heads)), "a level has one head organ"
    assert not {"相关部门", "有关部门", "领导", "物业", "物业公司", "开发商"} & (
        {*words().organs, *words().named, *words().roles}
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text('U12,|"\n甲局区-9\0', max_size=40), max_size=6))
def test_whatever_a_file_holds_the_checker_answers_in_lines(tmp_path: Path, lines: list[str]) -> None:
    path = registry_file(tmp_path, *lines)
    assert all(str(path) in problem for problem in check_registry(path))


def test_a_unit_is_valid_on_both_ends() -> None:
    row = {"code": "U", "name": "甲局", "kind": "bureau", "tier": 1, "place": "云河区"}
    registry = Registry.from_rows([row | {"valid_from": "2019-01-01", "valid_to": "2019-12-31"}])
    (unit,) = registry.units
    assert [unit.valid(dt.date(2019, 1, 1) + dt.timedelta(days=d)) for d in (-1, 0, 364, 365)] == [False, True, True, False]
