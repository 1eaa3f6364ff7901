"""How each head went: a line for each try in `manifest.jsonl`, which the parent alone writes, and a table at the end.

A line is written as soon as a head is done, so that a run that ends early loses nothing. The last of a head counts.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

from asm_teach.base.files import whole

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

MANIFEST, TABLE = "manifest.jsonl", "manifest.csv"

Status: TypeAlias = Literal["fitted", "refused", "failed", "lost"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """How one head went.

    name, source: of the head, and its file or folder. key: of its files, the model, the options and the version.
    status: "fitted"; "refused", the input is no face that can be fitted; "failed", something else went wrong; "lost",
    its worker died.
    sentence: what went wrong. error, traceback: the exception, of what failed. notes: what the fit says of itself.
    mm: the mean distance that is left, for a scan. seconds, host: how long the fit took, and where.
    """

    name: str
    source: str
    key: str
    status: Status
    sentence: str = ""
    error: str = ""
    traceback: str = ""
    notes: tuple[str, ...] = ()
    mm: float | None = None
    seconds: float = 0.0
    host: str = ""

    @classmethod
    def read(cls, found: Any) -> Entry:
        """The entry of what JSON holds. Raises TypeError, KeyError or ValueError for anything else."""
        known = {field.name: found[field.name] for field in fields(cls)}
        if known["status"] not in ("fitted", "refused", "failed", "lost"):
            raise ValueError(f"status is {known['status']!r}")
        return replace(cls(**known), notes=tuple(map(str, known["notes"])))

    def text(self) -> str:
        """The entry as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


class Manifest:
    """What is known of the heads of a folder of results.

    entries: the last one of each, by its name. losses: how often the workers of a key have died.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / MANIFEST
        self._file: IO[str] | None = None
        self._read()

    def _read(self) -> None:
        self.entries, self.losses = dict[str, Entry](), Counter[str]()
        for entry in read_manifest(self.path.parent):
            self._count(entry)

    def _count(self, entry: Entry) -> None:
        self.entries[entry.name] = entry
        self.losses[entry.key] += entry.status == "lost"

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Within this block entries can be added, by this program alone.

        Raises:
            ValueError: another program is writing to it.
        """
        with self.path.open("a+", encoding="utf-8", errors="surrogateescape") as self._file:
            try:
                _lock(self._file)
            except OSError:
                raise ValueError(
                    f"output: another command is writing to {str(self.path.parent)!r}; let it end, or give another"
                ) from None
            # what stood there before the lock may have grown since; a line that was cut off must not swallow the next
            self._read()
            if _is_cut_off(self.path):
                self._file.write("\n")
            yield
            self._file.flush()
        self._file = None

    def add(self, entry: Entry) -> None:
        """Write down how a head went, at once. Raises OSError where there is no space."""
        assert self._file is not None, "entries are added within `opened`"
        self._file.write(entry.text() + "\n")
        self._file.flush()
        self._count(entry)

    def write_table(self) -> None:
        """Write all entries as a table, `manifest.csv`, without their tracebacks."""
        names = [field.name for field in fields(Entry) if field.name != "traceback"]
        with whole(self.path.with_name(TABLE)) as part, part.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(names)
            for _, entry in sorted(self.entries.items()):
                row = {**asdict(entry), "notes": " ".join(entry.notes)}
                table.writerow(["" if row[name] is None else row[name] for name in names])


def read_manifest(folder: Path) -> Iterator[Entry]:
    """All entries of a folder of results, in the order in which they were written; none where there is no manifest.

    A line that was cut off, because the disk was full or the power failed, is passed over: its head is fitted again.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            try:
                yield Entry.read(json.loads(line))
            except (ValueError, TypeError, KeyError):
                continue


def _is_cut_off(path: Path) -> bool:
    """Whether the last line of a file has no end."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    return False


def _lock(file: IO[str]) -> None:
    """Take the file for this process; the system frees it. Raises OSError where another process has it."""
    if sys.platform == "win32":
        os.lseek(file.fileno(), 2**30, os.SEEK_SET)  # beyond its end: nobody may read what is locked
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
