"""Documents say what is so: every command, option, setting, table and dependency that they name exists."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from flows.cli import app
from pipelines.settings import Settings

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def commands(text: str) -> list[str]:
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.S)
    blocks += re.findall(r"(?m)^    (.*)$", text) + re.findall(r"`([^`\n]+)`", text)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line.removeprefix(".venv/bin/") for line in lines if re.match(r"(\.venv/bin/)?weathervane [a-z]", line)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_command_in_a_document_exists_with_its_options(path: Path) -> None:
    root = get_command(app)
    for line in commands(path.read_text(encoding="utf-8")):
        words = shlex.split(line.replace("…", "x"), comments=True)[1:]
        command = root
        while words and hasattr(command, "commands") and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert command is not root, f"{path.name}: `{line}`: no such command"
        known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}
        for word in words:
            if re.match(r"--?[a-z]", word):
                assert word.split("=")[0] in known, f"{path.name}: `{line}`: no option {word}"


def test_every_setting_in_the_documents_exists() -> None:
    fields = Settings.model_fields.items()
    tables = {name: field.annotation for name, field in fields if hasattr(field.annotation, "model_fields")}
    for path in DOCUMENTS:
        for table, key in re.findall(r"`([a-z]+)\.([a-z_]+)`", path.read_text(encoding="utf-8")):
            if table in tables:
                assert key in tables[table].model_fields, f"{path.name}: no setting {table}.{key}"


def test_links_between_documents_lead_somewhere() -> None:
    for path in [*DOCUMENTS, ROOT / "models" / "corpus" / "README.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target} is not there"


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    said = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        name = re.split(r"[<>=\[ ]", requirement)[0]
        assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", said), f"{name} has no reason in docs/dependencies.md"


def test_the_lock_holds_every_dependency_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        name = re.split(r"[<>=\[ ]", requirement)[0]
        assert re.search(rf"(?m)^{re.escape(name)}==\S+ .*\\\n    --hash=sha256:", lock), f"{name} is not pinned; run `make lock`"
