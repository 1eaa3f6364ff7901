"""The fuzz of the readers: a few hundred of its files in every run, and that it knows a fault when there is one."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.formats import fuzz_readers
from tests.formats.fuzz_checks import READERS, Wrong
from tests.formats.fuzz_files import KINDS, case
from tests.formats.fuzz_readers import Outcome, Row, fuzz, main, outcome, table


@pytest.mark.long
def test_no_reader_stumbles_over_a_damaged_file() -> None:
    """The quick form; `python -m tests.formats.fuzz_readers` reads thousands."""
    rows = fuzz(list(KINDS), each=10, seed=2)
    assert sum(len(row.found) for row in rows.values()) == 10 * len(KINDS)
    assert not [row.faults() for row in rows.values() if row.faults()], "\n".join(table(rows))
    assert all(row.count("read") for row in rows.values())  # each kind's good file at least


def test_each_kind_has_a_reader_and_its_cases_come_from_the_seed() -> None:
    assert READERS.keys() == KINDS.keys()
    for kind in KINDS:
        files, damage = case(kind, 0, 1)
        assert damage == 0 and files == case(kind, 0, 1)[0]
        assert all(case(kind, n, 1) == case(kind, n, 1) for n in (1, 2))
        assert len({tuple(case(kind, n, 1)[0].items()) for n in range(1, 9)}) > 5


def _large(path: Path) -> None:
    np.ones(20_000_000).sum()


def _slow(path: Path) -> None:
    sum(range(3_000_000))


def _raise(error: Exception):
    def reader(path: Path) -> None:
        raise error

    return reader


def _warn(path: Path) -> None:
    warnings.warn("divide by zero", RuntimeWarning, stacklevel=1)


@pytest.mark.parametrize(
    ("reader", "whole", "what"),
    [
        (lambda path: None, True, "read"),
        (_raise(ValueError("a.obj: cut off")), False, "refused"),
        (_raise(FileNotFoundError("a.mtl is not there")), False, "refused"),
        (_raise(ValueError("a.obj: cut off")), True, "a good file is refused: a.obj: cut off"),
        (_raise(ValueError("cut off")), False, "ValueError without the file's name: cut off"),
        (_raise(UnicodeDecodeError("utf-8", b"a.obj", 0, 1, "a.obj")), False, "UnicodeDecodeError without"),
        (_raise(ValueError("a.obj: " + "x" * 3000)), False, "a message of 3,007 characters"),
        (_raise(ValueError("a.obj: Unable to allocate 72 TiB")), False, "memory: a.obj: Unable to allocate"),
        (_raise(KeyError("faces")), False, "KeyError: 'faces' (test_fuzz_readers.py:"),
        (_raise(MemoryError()), False, "MemoryError"),
        (_raise(Wrong("faces out of range")), False, "silent: faces out of range"),
        (_warn, False, "RuntimeWarning: divide by zero"),
        (_large, False, "memory: 1"),
        (_slow, False, "slow: "),
    ],
)
def test_a_fault_is_told_from_a_refusal(monkeypatch: pytest.MonkeyPatch, reader, whole: bool, what: str) -> None:
    monkeypatch.setattr(fuzz_readers, "MEGABYTES", 100)
    monkeypatch.setattr(fuzz_readers, "SECONDS", 0.02 if reader is _slow else 5.0)
    found = outcome(reader, Path("a.obj"), ["a.obj", "a.mtl"], whole)
    assert found.what.startswith(what) and found.seconds < 5 and found.megabytes < 300


def test_the_table_counts_and_names_the_faults() -> None:
    lines = list(table({"obj": Row([(0, Outcome("read", 0.5, 1.0)), (1, Outcome("KeyError", 0.25, 70.0))])}))
    assert [line.split() for line in lines[1:3]] == [[n, "2", "1", "0", "1", "0.500", "70"] for n in ("obj", "all")]
    assert lines[3:] == ["obj:1 (1 times) KeyError"]


def test_one_case_can_be_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--case", "pts:0", "--keep", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "pts_0" / "face.pts")
    assert (tmp_path / "pts_0" / "face.pts").read_bytes() == case("pts", 0, 1)[0]["face.pts"]
