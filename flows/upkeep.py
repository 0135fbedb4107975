"""Erasure of a person's data and the retention rules, through vault, warehouse and snapshot."""

import datetime as dt

import pyarrow as pa

from flows.runtime import actor, data_at, open_vault, settings_of, warehouse_of
from flows.steps import count, join, publish_snapshot
from pipelines.contracts import TABLES
from pipelines.vault import SHANGHAI, VaultError
from pipelines.warehouse import DataDir


def erase_person(data: DataDir, complainant_key: str, reason: str) -> dict[str, int]:
    """Erases a person's messages from the vault, the warehouse and the published snapshot.

    The warehouse is emptied first: a kill in between leaves messages that the next run of this command erases again.
    """
    root = str(data_at(str(data.root)).root)
    with warehouse_of(data) as warehouse, open_vault(data) as vault:
        ids = warehouse.query("SELECT message_id FROM clean_message WHERE complainant_key = ?", [complainant_key])["message_id"]
        with warehouse.given(erased=pa.table({"message_id": ids})), warehouse.transaction():
            for name, row_class in TABLES.items():
                if "message_id" in row_class.__annotations__:
                    warehouse.execute(f"DELETE FROM {name} WHERE message_id IN (SELECT message_id FROM erased)")
        gone = vault.erase(complainant_key, actor(), reason)
        if not gone and not len(ids):
            raise VaultError(
                f"{complainant_key}: no message of this person; the key stands in the answer of `weathervane reveal`"
            )
        warehouse.execute("CHECKPOINT")
        join(root)
        count(root)
        publish_snapshot(root)
    return {"messages erased": len(gone), "rows taken from the warehouse": len(ids)}


def apply_retention(data: DataDir) -> dict[str, int]:
    """Empties originals in the vault that are older than the rule; redacted text and counts stay."""
    data_at(str(data.root))
    before = dt.datetime.now(SHANGHAI).date() - dt.timedelta(days=settings_of(data).retention.vault_days)
    with open_vault(data) as vault:
        return {"originals emptied": vault.retain(before, actor())}
