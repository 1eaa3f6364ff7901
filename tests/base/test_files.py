"""Files that are written whole or not at all, and what a killed program leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asm_teach.base import files
from asm_teach.base.files import remove_parts, whole


def test_two_that_write_the_same_file_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 50 + ".obj")  # a name to which nothing can be added
    with whole(path) as one, whole(path) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one" and list(tmp_path.iterdir()) == [path]


WRITE = """
import sys, time
from pathlib import Path
from asm_teach.base.files import whole
with whole(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("there", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="processes are asked for as POSIX does")
def test_what_a_killed_program_left_is_removed_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    path.write_text("old")
    with subprocess.Popen([sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"there\n"
        remove_parts(tmp_path)
        assert len(list(tmp_path.iterdir())) == 2  # it still writes
        process.send_signal(signal.SIGKILL)
    assert len(list(tmp_path.iterdir())) == 2 and path.read_text() == "old"
    with whole(tmp_path / "b.obj") as part:
        part.write_text("new")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.obj", "b.obj"]


def test_only_parts_of_the_program_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [".a.obj.part", ".a.obj.12.part", "a.obj.0a0a0a0a-12-aaaaaa.part", ".a.obj.0a0a0a0a-12-aaaaaa"]
    other = ".a.obj.0a0a0a0a-12-aaaaaa.part"  # of another computer, on a folder of the network
    for name in (*kept, other):
        (tmp_path / name).write_text("")
    remove_parts(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {*kept, other}
    later = time.time() + 90_000
    monkeypatch.setattr(files.time, "time", lambda: later)
    remove_parts(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == set(kept)
    remove_parts(tmp_path / "gone")
