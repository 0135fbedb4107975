"""What a source's crawls remember: reads and writes `<slug>.json` (known at the last completed crawl) and `<slug>.landed`.

Both hold message ids (keyed digests) and dates, nothing else. The first is written aside and renamed, and only when a crawl
came to its end; the second grows while a crawl runs, so that one that was killed does not fetch the same threads again that day.
"""

import contextlib
import datetime as dt
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

_LANDED = re.compile(r"(m[0-9a-f]{16}) (\d{4}-\d\d-\d\d) (\d{4}-\d\d-\d\d)\n")


class MemoryDamagedError(RuntimeError):
    """A memory that cannot be read: names the file and the mend."""


class Memory:
    """The memory of one source, read when made.

    `known` maps message id -> day of posting as of the last completed crawl; `landed` the same for what crawls brought in that
    have not come to their end; `today` holds the ids that they brought in on the day of this crawl.
    """

    def __init__(self, folder: Path, slug: str, day: dt.date) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file, self._notes, self._day = folder / f"{slug}.json", folder / f"{slug}.landed", day
        self.known: dict[str, dt.date] = {}
        self.landed: dict[str, dt.date] = {}
        self.today: set[str] = set()
        with contextlib.suppress(FileNotFoundError):
            self.known = self._read_known()
        with contextlib.suppress(FileNotFoundError):
            for message_id, posted, landed in _LANDED.findall(self._notes.read_text(encoding="ascii", errors="replace")):
                self.landed[message_id] = dt.date.fromisoformat(posted)
                if landed == day.isoformat():
                    self.today.add(message_id)

    def _read_known(self) -> dict[str, dt.date]:
        try:
            remembered = json.loads(self._file.read_text(encoding="utf-8"))["messages"]
            return {message_id: dt.date.fromisoformat(posted) for message_id, posted in remembered.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise MemoryDamagedError(f"{self._file}: damaged; delete it, the next crawl then reads everything") from None

    def note(self, landed: Mapping[str, dt.date]) -> None:
        """Notes messages that now lie in the vault."""
        self.landed.update(landed)
        self.today.update(landed)
        with self._notes.open("a", encoding="ascii") as notes:  # a kill tears at most the last line, which is then not read
            notes.writelines(f"{message_id} {posted} {self._day}\n" for message_id, posted in landed.items())

    def complete(self) -> None:
        """Makes everything landed known: the crawl came to its end."""
        self.known.update(self.landed)
        aside = self._file.with_suffix(".json.aside")
        messages = {message_id: posted.isoformat() for message_id, posted in sorted(self.known.items())}
        with aside.open("w", encoding="utf-8") as out:
            json.dump({"completed_on": self._day.isoformat(), "messages": messages}, out, separators=(",", ":"))
            out.flush()
            os.fsync(out.fileno())
        aside.replace(self._file)
        self._notes.unlink(missing_ok=True)
        self.landed, self.today = {}, set()

    def forget(self) -> None:
        """Starts afresh, where the vault no longer holds anything of this source."""
        self._file.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)
        self.known, self.landed, self.today = {}, {}, set()
