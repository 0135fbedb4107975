"""Reads rows as a crawler or an export gave them; writes raw_message in the vault, each with its complainant key."""

from collections.abc import Iterable
from dataclasses import fields
from itertools import islice

from crawlers.sources import SourceDeclaration
from pipelines.vault import Raw, Received, Vault

CHUNK = 500


def land(vault: Vault, source: SourceDeclaration, rows: Iterable[Raw]) -> Received:
    """Stores `rows` in transactions of `CHUNK`, so that memory stays bounded and a kill loses at most the last chunk.

    Returns what became of them. Landing the same rows again changes nothing.
    """
    total, waiting = Received(), iter(rows)
    while chunk := list(islice(waiting, CHUNK)):
        keyed = [(raw, vault.complainant_key(source.identity_scope, source.identity_of(raw.fields))) for raw in chunk]
        add(total, vault.receive(keyed))
    return total


def add(total: Received, more: Received) -> None:
    """Adds the counts of `more` to `total`."""
    for field in fields(Received):
        setattr(total, field.name, getattr(total, field.name) + getattr(more, field.name))
