"""Examines an installation and says how to mend what is wrong."""

import datetime as dt
import importlib.util
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crawlers.sources import SourceError
from flows.runtime import open_vault, settings_of, sources_of
from models.classifier import ConductClassifier
from pipelines.registry_check import check_registry
from pipelines.render_pdf import fonts_in_use
from pipelines.settings import SettingsError
from pipelines.vault import VaultError
from pipelines.warehouse import DataDir, Warehouse, WarehouseBusyError, newest_snapshot


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `right`, `note` (works, but know it) or `wrong`, and the mend."""

    what: str
    state: str
    says: str

    def row(self) -> dict[str, Any]:
        """The finding as a row to show."""
        return asdict(self)


def examine(data: DataDir) -> list[Finding]:
    """Looks at everything; a check that fails does not hide the next."""
    checks: dict[str, Callable[[DataDir], tuple[str, str]]] = {
        "data directory": _directory,
        "settings": _settings,
        "keys and vault": _vault,
        "audit log": _audit,
        "warehouse": _warehouse,
        "sources": _sources,
        "units": _units,
        "model": _model,
        "fonts": _fonts,
        "schedules": _schedules,
        "snapshot": _snapshot,
    }
    findings = []
    for what, check in checks.items():
        try:
            findings.append(Finding(what, *check(data)))
        except (OSError, ValueError, RuntimeError, sqlite3.Error, SourceError, SettingsError, VaultError) as error:
            findings.append(Finding(what, "wrong", str(error)))
    return findings


def _directory(data: DataDir) -> tuple[str, str]:
    if not data.keys.exists():
        return "wrong", f"{data.root}: no data directory; run `weathervane init {data.root}`"
    open_to_others = [p.name for p in (data.keys, data.vault.parent) if p.stat().st_mode & 0o077]
    if open_to_others:
        return "wrong", f"{data.root}: others may enter {', '.join(open_to_others)}; run `chmod 700` on it"
    return "right", str(data.root)


def _settings(data: DataDir) -> tuple[str, str]:
    settings = settings_of(data)
    return "right", f"{data.settings}: {len(settings.routes)} receivers of alerts"


def _vault(data: DataDir) -> tuple[str, str]:
    with open_vault(data) as vault:
        newest = vault.newest()
        for _ in vault.read(newest["record_id"].to_pylist()[-1:]):
            pass
    return "right", f"{newest.num_rows} messages; the key opens them"


def _audit(data: DataDir) -> tuple[str, str]:
    with open_vault(data) as vault:
        if not vault.audit_is_whole():
            return "wrong", f"{data.vault}: the audit log was changed from outside; keep a copy and tell who watches over it"
        return "right", f"{len(vault.log('audit'))} entries, chain whole"


def _warehouse(data: DataDir) -> tuple[str, str]:
    try:
        with Warehouse(data.warehouse) as warehouse:
            return "right", f"{warehouse.scalar('SELECT count(*) FROM clean_message')} messages read"
    except WarehouseBusyError:
        return "note", f"{data.warehouse}: a flow is at work on it now"


def _sources(data: DataDir) -> tuple[str, str]:
    declared = sources_of(data)
    if not declared:
        return "note", f"{data.sources}: none declared; rename an example there to .toml and make it yours"
    return "right", ", ".join(f"{source.slug} ({source.kind})" for source in declared.values())


def _units(data: DataDir) -> tuple[str, str]:
    problems = check_registry(data.units)
    return ("wrong", f"{problems[0]} (and {len(problems) - 1} more)") if problems else ("right", str(data.units))


def _model(data: DataDir) -> tuple[str, str]:
    from flows.steps import model_folder

    folder = model_folder(data)
    return "right", f"{folder}: version {ConductClassifier.load(folder).version}"


def _fonts(data: DataDir) -> tuple[str, str]:
    faces = fonts_in_use()
    substitutes = sorted(use for use, face in faces.items() if face.startswith("Weathervane"))
    says = ", ".join(f"{use}: {face}" for use, face in faces.items())
    if substitutes:
        return (
            "note",
            f"{says}; the shipped face stands in for the official one where none is installed (DOCX names the official ones)",
        )
    return "right", says


def _schedules(data: DataDir) -> tuple[str, str]:
    schedules = settings_of(data).schedules
    if importlib.util.find_spec("prefect") is None:
        return "wrong", "Prefect is not installed; run `make setup`"
    return "right", f"daily {schedules.daily}, weekly {schedules.weekly} (Asia/Shanghai), while `weathervane serve` runs"


def _snapshot(data: DataDir) -> tuple[str, str]:
    if not data.published.exists():
        return "note", "nothing is published yet; run `weathervane run`"
    path: Path = newest_snapshot(data)
    age = dt.datetime.now(dt.UTC) - dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
    state = "note" if age > dt.timedelta(days=2) else "right"
    return state, f"{path.name}, {age.days} days old"
