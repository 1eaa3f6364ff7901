"""The program that runs one student's notebook, for `grading`: cells and calls come in, plain data goes out.

It speaks JSON over its standard input and output, one line a message. The judge, in another process, does not trust it:
the judge calls the student's functions with inputs that it has drawn, and compares what comes back.
"""

from __future__ import annotations

import os
import sys
import tempfile
from base64 import b64decode
from dataclasses import asdict
from io import BufferedReader, BufferedWriter
from json import dumps, loads
from typing import Any

from asm_teach.course.marking.hand_ins import code_cells
from asm_teach.course.marking.limits import bounded_memory, limit_for_good


def _channel() -> tuple[BufferedReader, BufferedWriter]:
    """Standard input and output for the judge alone; for the cells both are empty from now on."""
    ours = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for one in (0, 1, 2):
        os.dup2(nothing, one)
    return os.fdopen(ours[0], "rb"), os.fdopen(ours[1], "wb")


def _read(notebook: str) -> Any:
    """The code cells of a notebook file, or why there are none."""
    try:
        with bounded_memory():
            return {"cells": [asdict(cell) for cell in code_cells(b64decode(notebook))]}
    except (ValueError, MemoryError) as error:
        return {"refused": str(error) or "is not a notebook: it fills the memory"}


def main() -> None:
    """Answer the judge's messages until it hangs up."""
    messages, answers = _channel()
    os.chdir(tempfile.mkdtemp(prefix="asm-teach-"))
    sys.path[0] = ""  # as in a notebook, where a cell imports what another one has written
    desk = None
    for line in messages:
        number, what, *given = loads(line)
        if what == "read":
            said = _read(*given)
        else:
            desk = desk or _desk()
            said = getattr(desk, what)(*given)
        answers.write(dumps([number, said]).encode() + b"\n")
        answers.flush()


def _desk() -> Any:
    from asm_teach.course.marking.desk import Desk  # takes seconds, which a file that is no notebook need not cost

    desk = Desk()
    limit_for_good()
    return desk


if __name__ == "__main__":
    main()
