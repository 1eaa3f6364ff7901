"""Open thousands of damaged files with every reader of the package, and count what comes of it.

    python -m tests.formats.fuzz_readers --count 6000

A reader has to give what is whole (finite, with indices that are there), or raise a ValueError whose message names the
file. Anything else is a fault: another error, a warning, a number that is not finite, more than 1 GB of memory or
5 CPU seconds, a message of more than 2,000 characters, a good file that is refused. All files come from the seed:
`--case KIND:NUMBER` makes one again, and `--keep FOLDER` keeps the files of the faults.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL import Image

from tests.formats.fuzz_checks import READERS, Wrong
from tests.formats.fuzz_files import KINDS, case

MEGABYTES, SECONDS, CHARACTERS = 1000, 5.0, 2000
_PATIENCE = 60.0  # seconds of the clock after which a reader is stopped from outside


class Outcome(NamedTuple):
    """What came of one file: "read", "refused", or what is wrong; CPU seconds; megabytes above those before."""

    what: str
    seconds: float
    megabytes: float


# --- one file


def outcome(reader: Callable[[Path], None], path: Path, names: Sequence[str], whole: bool) -> Outcome:
    """Read one file and say what came of it.

    Args:
        reader: raises a ValueError for a file that it refuses.
        path: the file.
        names: of the files of the case; a refusal has to say one of them.
        whole: the file is not damaged, so a refusal is a fault.
    """
    before, began = _forget_peak(), time.process_time()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("error")
            warnings.simplefilter("default", UserWarning)  # notes to the person who reads a file
            reader(path)
        what = "read"
    except (ValueError, FileNotFoundError) as error:
        what = _refusal(error, names, whole)
    except Wrong as error:
        what = f"silent: {error}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        told = " ".join(str(error).split())[:100]
        what = f"{type(error).__name__}: {told} ({Path(place.filename).name}:{place.lineno})"
    seconds, megabytes = time.process_time() - began, (_peak() - before) / 1e6
    if what in ("read", "refused"):
        what = f"slow: {seconds:.1f} s" if seconds > SECONDS else what
        what = f"memory: {megabytes:.0f} MB" if megabytes > MEGABYTES else what
    return Outcome(what, seconds, megabytes)


def _refusal(error: Exception, names: Sequence[str], whole: bool) -> str:
    message = str(error)
    if isinstance(error, UnicodeError) or not any(name in message for name in names):
        return f"{type(error).__name__} without the file's name: {message[:120]}"
    if any(word in message.lower() for word in ("memory", "allocate")):
        return f"memory: {message[-120:]}"
    if len(message) > CHARACTERS:
        return f"a message of {len(message):,} characters"
    return f"a good file is refused: {message[:160]}" if whole else "refused"


def _forget_peak() -> int:
    """Let the peak of memory begin anew, where the system can; give the bytes in use."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(field: str) -> int:
    """Bytes, of a field of this process's status; without one, the peak since the process began."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


# --- many files, in a process of their own, which may die


def _work(connection: Connection) -> None:
    """Read the files that come through a connection, with two gigabytes more than the process has at first."""
    torch.set_num_threads(1)
    os.environ.pop("DISPLAY", None)
    _warm_up()
    if sys.platform == "linux":
        limit = _status("VmSize") + 2_000_000_000
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    while (task := connection.recv()) is not None:
        kind, path, names, whole = task
        connection.send(outcome(READERS[kind], path, names, whole))


def _warm_up() -> None:
    """Open one good file of each kind, so that what is imported late is counted for none."""
    with tempfile.TemporaryDirectory() as place:
        for kind in KINDS:
            outcome(READERS[kind], _written(Path(place), kind, 0, 0)[0], (), True)


def _written(folder: Path, kind: str, number: int, seed: int) -> tuple[Path, list[str], bool]:
    """The files of one case in a folder: the one to read, the names of all, and whether they are whole."""
    files, damage = case(kind, number, seed)
    place = folder / f"{kind}_{number}"
    place.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    if kind == "mediapipe":
        Image.new("L", (100, 100)).save(place / "beside.png")
    return place / next(iter(files)), list(files), damage == 0


class Worker:
    """A process that reads files; a new one begins where it died or hung."""

    def __init__(self) -> None:
        self._process: Any = None

    def read(self, kind: str, path: Path, names: Sequence[str], whole: bool) -> Outcome:
        """The outcome of one file."""
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            self._connection, other = context.Pipe()
            self._process = context.Process(target=_work, args=(other,), daemon=True)
            self._process.start()
            other.close()
        self._connection.send((kind, path, names, whole))
        try:
            if self._connection.poll(_PATIENCE + 60):
                return self._connection.recv()
            why = "hangs"
        except (EOFError, ConnectionError):
            why = "the process died"
        self.stop(kill=True)
        return Outcome(why, _PATIENCE, 0.0)

    def stop(self, kill: bool = False) -> None:
        """End the process."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._connection.send(None)
            if kill:
                self._process.kill()
            self._process.join()
            self._process = None


@dataclass
class Row:
    """The outcomes of one kind."""

    found: list[tuple[int, Outcome]]

    def count(self, what: str) -> int:
        """How many came to this."""
        return sum(outcome.what == what for _, outcome in self.found)

    def faults(self) -> list[tuple[int, str]]:
        """Number and what is wrong, of the faults."""
        return [(number, one.what) for number, one in self.found if one.what not in ("read", "refused")]


def fuzz(kinds: Sequence[str], each: int, seed: int, keep: Path | None = None) -> dict[str, Row]:
    """Read so many files of each kind; keep the files of the faults in a folder."""
    worker, rows = Worker(), {}
    with tempfile.TemporaryDirectory() as place:
        for kind in kinds:
            rows[kind] = Row([])
            for number in range(each):
                one = worker.read(kind, *_written(Path(place), kind, number, seed))
                rows[kind].found.append((number, one))
                if keep is not None and one.what not in ("read", "refused"):
                    _written(keep, kind, number, seed)
    worker.stop()
    return rows


def table(rows: Mapping[str, Row]) -> Iterator[str]:
    """The counts of each kind, the slowest and the largest, and the faults, those alike together."""
    yield f"{'kind':<15}{'files':>7}{'read':>7}{'refused':>9}{'faults':>8}{'slowest, CPU s':>16}{'largest, MB':>13}"
    whole = Row([one for row in rows.values() for one in row.found])
    for kind, row in [*rows.items(), ("all", whole)]:
        slowest = max(one.seconds for _, one in row.found)
        largest = max(one.megabytes for _, one in row.found)
        yield (
            f"{kind:<15}{len(row.found):>7,}{row.count('read'):>7,}{row.count('refused'):>9,}{len(row.faults()):>8,}"
            f"{slowest:>16.3f}{largest:>13.0f}"
        )
    for kind, row in rows.items():
        alike = Counter(what for _, what in row.faults())
        for what, times in alike.most_common():
            first = next(number for number, other in row.faults() if other == what)
            yield f"{kind}:{first} ({times} times) {what}"


def main(words: Sequence[str] | None = None) -> int:
    """The command line; 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=6000, help="how many files, of all kinds together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--case", help="read this one alone, KIND:NUMBER, here and with its traceback")
    parser.add_argument("--keep", type=Path, help="a folder for the files of the faults")
    given = parser.parse_args(words)
    if given.case:
        kind, _, number = given.case.partition(":")
        path, names, _ = _written(given.keep or Path(tempfile.mkdtemp()), kind, int(number), given.seed)
        print(path)
        READERS[kind](path)
        return 0
    rows = fuzz(given.kinds, -(-given.count // len(given.kinds)), given.seed, given.keep)
    print("\n".join(table(rows)))
    return int(any(row.faults() for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
