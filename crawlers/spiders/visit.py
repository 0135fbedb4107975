"""One crawl of one source, whatever its kind: reads the source's memory, writes the vault, the quarantine and the memory.

Spiders fetch and parse; what is new, what was taken, what is gone and whether the crawl came to its end is decided here.
"""

import datetime as dt
from collections.abc import Iterable, Iterator

from crawlers.landing import add, land
from crawlers.memory import Memory
from crawlers.sources import SourceDeclaration
from pipelines.moments import parse_moment
from pipelines.vault import Raw, Received, Vault

CHUNK = 50
"""Rows that wait in memory before they land: what a kill loses, and has fetched again."""

DAYS_AHEAD = 2
"""A later date than this many days from now is the source's mistake."""

MISPLACED = 14
"""Days by which a board ordered by number may be out of order by date (9 were seen on a real one)."""


class Visit:
    """A crawl under way.

    Parameters
    ----------
    source, vault, memory
        whose messages, where they land, and what is known of them.
    today
        the day of the crawl, Asia/Shanghai.
    """

    def __init__(self, source: SourceDeclaration, vault: Vault, memory: Memory, today: dt.date) -> None:
        self.source, self.today = source, today
        self.received, self.faults = Received(), dict[str, str]()
        self.horizon = today - dt.timedelta(days=source.crawl.revisit_days)
        self._vault, self._memory = vault, memory
        newest = vault.newest(source.slug)
        self._records = dict(zip(newest["message_id"].to_pylist(), newest["record_id"].to_pylist(), strict=True))
        if not self._records:
            memory.forget()  # another vault: its memory would hide every message
        self.first = not memory.known
        # known, yet not in the vault: erased on a person's demand, and not to come in again
        self._erased = memory.known.keys() - self._records.keys()
        self._held: dict[str, tuple[Raw, dt.date]] = {}
        self._met: set[str] = set()
        self._gone: dict[str, str] = {}
        self._looked = 0

    def is_new(self, native_id: str) -> bool:
        """Whether a message was not known at the last completed crawl: such ones keep the paging going."""
        return self._id(native_id) not in self._memory.known

    def is_in_hand(self, native_id: str) -> bool:
        """Whether a message came in today already, in this crawl or in one that was killed."""
        message_id = self._id(native_id)
        return message_id in self._memory.today or message_id in self._met

    def is_stored(self, native_id: str) -> bool:
        """Whether some version of a message lies in the vault."""
        return self._id(native_id) in self._records

    def take(self, rows: Iterable[Raw]) -> None:
        """Takes rows in; they land in chunks. The first of one number counts, so that a repeated item changes nothing."""
        for raw in rows:
            self._looked += 1
            message_id = self._id(raw.native_id)
            moment = parse_moment(raw.fields.get("posted_at", ""))
            posted = moment.date() if moment else self.today
            if message_id in self._erased or message_id in self._met:
                self.ignore()  # erased here, or met on an earlier page of this crawl
            elif posted > self.today + dt.timedelta(days=DAYS_AHEAD):
                self.quarantine(raw.place, "future_date", "the date lies in the future; ask the source", raw.native_id.encode())
            else:
                self._met.add(message_id)
                self._held[message_id] = (raw, posted)
            if len(self._held) >= CHUNK:
                self.land()

    def land(self) -> None:
        """Brings what waits into the vault, then notes it: a kill between the two costs a second look, never a message."""
        add(self.received, land(self._vault, self.source, [raw for raw, _ in self._held.values()]))
        self._memory.note({message_id: posted for message_id, (_, posted) in self._held.items()})
        self._held = {}

    def ignore(self, count: int = 1) -> None:
        """Counts what a rule leaves out: erased, repeated, no thread, not to be fetched, gone before it landed."""
        self.received.seen += count
        self.received.ignored += count

    def quarantine(self, place: str, reason: str, mend: str, payload: bytes) -> None:
        """Puts aside a page or item that gave no row; it is tried again with the young threads."""
        # the address is part of what is kept, or two pages that fail alike would count as one
        self._vault.quarantine(self.source.slug, "crawl", place, reason, mend, place.encode() + b"\n" + payload)
        self.received.seen += 1
        self.received.quarantined += 1

    def fault(self, reason: str, mend: str) -> None:
        """Notes why this crawl is not complete, so that nothing of it stops the paging of the next."""
        self.faults.setdefault(reason, mend)

    def reached_the_bound(self, url: str) -> None:
        """Paging met `pages_at_most`. The first crawl of a source is as deep as that; a later one has a hole behind it."""
        if not self.first:
            self.fault("pages_at_most", f"{url}: the list goes on beyond what was read; raise crawl.pages_at_most")

    def to_revisit(self) -> Iterator[tuple[str, str]]:
        """(native id, address) of threads younger than `revisit_days` that did not come in today, the oldest first."""
        dates = self._memory.known | self._memory.landed
        young = sorted((posted, message_id) for message_id, posted in dates.items() if posted >= self.horizon)
        wanted = [message_id for _, message_id in young if message_id in self._records and message_id not in self._memory.today]
        for stored in self._vault.read([self._records[message_id] for message_id in wanted]):
            if stored.message_id not in self._met and stored.place and stored.fields.get("native_id"):
                yield stored.fields["native_id"], stored.place

    def to_try_again(self) -> list[str]:
        """Addresses whose pages could not be read in the last `revisit_days`."""
        since = dt.datetime.combine(self.horizon, dt.time())
        rows = [row for row in self._vault.log("quarantine") if row["source"] == self.source.slug and row["stage"] == "crawl"]
        return sorted({row["place"] for row in rows if row["received_at"] >= since})

    def gone(self, native_id: str) -> None:
        """Notes that the source has withdrawn a message; it is withdrawn here when the crawl is complete."""
        self._gone[self._id(native_id)] = native_id

    def gone_if_absent(self, until: dt.date | None) -> None:
        """Of a list read whole down to `until` (None: to its end): what is known, young and not in it is gone."""
        since = max(self.horizon, until + dt.timedelta(days=MISPLACED)) if until else self.horizon
        dates = self._memory.known | self._memory.landed
        absent = [m for m, posted in dates.items() if posted >= since and m not in self._met and m in self._records]
        for stored in self._vault.read([self._records[message_id] for message_id in absent]):
            if stored.fields.get("native_id"):
                self.gone(stored.fields["native_id"])

    def finish(self, ended: bool) -> None:
        """Lands the rest, withdraws what is gone, makes the crawl known if it came to its end, and logs the intake."""
        self.land()
        if not ended and not self.faults:
            self.fault("stopped", "run it again; it goes on where it was")
        if not self.faults:
            self._withdraw()
            self._memory.complete()
        self._vault.log_intake(self.source.slug, "crawl", self.received)

    def _withdraw(self) -> None:
        # a redesigned or broken site answers 404 for everything; then nothing is withdrawn, and a person looks
        if len(self._gone) > max(10, self._looked):
            mend = f"{len(self._gone)} threads are not found, more than are; look whether the site has moved or broken down"
            self.quarantine(self.source.name, "too_many_gone", mend, str(self.today).encode())
            return
        for native_id in self._gone.values():
            if self._vault.withdraw(self.source.slug, native_id):
                self.received.seen += 1
                self.received.updated += 1

    def _id(self, native_id: str) -> str:
        return self._vault.message_id(self.source.slug, native_id)
