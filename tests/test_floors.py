"""The floors of the house: a file imports only from lower floors, and every file stands on one."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("crawlers", "dashboards", "flows", "models", "pipelines")

FLOORS: dict[str, int] = {
    # 0: words
    "pipelines.formulas": 0,
    "models.taxonomy": 0,
    "models.clauses": 0,
    "models.hashing": 0,
    "models.store": 0,
    "pipelines.departments": 0,
    "pipelines.columns": 0,
    # 1: forms
    "models.corpus": 1,
    "models.cues": 1,
    "models.evidence": 1,
    "pipelines.contracts": 1,
    "pipelines.registry": 1,
    "pipelines.vocabulary": 1,
    "pipelines.settings": 1,
    "pipelines.normalise": 1,
    "pipelines.workdays": 1,
    "pipelines.baseline": 1,
    "pipelines.issue": 1,
    "pipelines.spreadsheet": 1,
    "pipelines.typefaces": 1,
    "pipelines.addresses": 1,
    "pipelines.identifiers": 1,
    "pipelines.names": 1,
    "pipelines.moments": 1,
    "pipelines.headings": 1,
    "pipelines.sheet_span": 1,
    "pipelines.lines": 1,
    # 2: paths, secrets, declarations
    "crawlers.memory": 2,
    "crawlers.sources": 2,
    "pipelines.mentions": 2,
    "pipelines.sketches": 2,
    "pipelines.registry_check": 2,
    "pipelines.unit_generator": 2,
    "pipelines.read_delimited": 2,
    "pipelines.read_json": 2,
    "pipelines.read_workbook": 2,
    "pipelines.vault": 2,
    "pipelines.warehouse": 2,
    "pipelines.redact": 2,
    "models.features": 2,
    "models.stock": 2,
    "pipelines.figures": 2,
    # 3: stages
    "crawlers.landing": 3,
    "pipelines.chapters": 3,
    "models.classifier": 3,
    "models.evaluation": 3,
    "pipelines.clean": 3,
    "pipelines.events": 3,
    "pipelines.ingest": 3,
    "pipelines.units": 3,
    # 4: what runs or makes a model; what draws a bulletin; spiders
    "crawlers.crawl": 4,
    "pipelines.evidence": 4,
    "pipelines.render_chart": 4,
    "pipelines.render_docx": 4,
    "pipelines.render_html": 4,
    "pipelines.render_pdf": 4,
    "models.training": 4,
    "pipelines.classify": 4,
    "pipelines.counting": 4,
    "pipelines.senders": 4,
    # 5: what offices read
    "pipelines.aggregate": 5,
    "pipelines.alerts": 5,
    "pipelines.bulletin": 5,
    "pipelines.ledger": 5,
    "pipelines.publish": 5,
    "pipelines.surveillance": 5,
    # 6: order, retries, schedules
    "flows.cli": 6,
}
FOLDERS: dict[str, int] = {"crawlers.spiders": 4, "dashboards": 5, "flows": 6}


def modules() -> list[str]:
    found = [path.relative_to(ROOT).with_suffix("") for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return sorted(".".join(path.parts) for path in found if path.name != "__init__")


def floor(module: str) -> int | None:
    if module in FLOORS:
        return FLOORS[module]
    return next((level for folder, level in FOLDERS.items() if module.startswith(folder + ".")), None)


def imports(module: str) -> set[str]:
    tree = ast.parse((ROOT / Path(*module.split(".")).with_suffix(".py")).read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            names.add("relative import")
    known = set(modules())
    assert "relative import" not in names, f"{module}: write imports in full"
    return {name for name in names if name in known}


@pytest.mark.parametrize("module", modules())
def test_a_file_stands_on_a_floor_and_imports_from_lower_ones(module: str) -> None:
    own = floor(module)
    assert own is not None, f"{module} is not in the table of floors"
    upward = {name: floor(name) for name in imports(module) if (floor(name) or 0) >= own and not _within_room(module, name)}
    assert not upward, f"{module} (floor {own}) imports from its own floor or above: {upward}"


def _within_room(module: str, name: str) -> bool:
    """Flows, pages and spiders may use files of their own folder."""
    return any(module.startswith(folder + ".") and name.startswith(folder + ".") for folder in FOLDERS)


def test_the_table_names_no_file_that_is_gone() -> None:
    assert not set(FLOORS) - set(modules())
