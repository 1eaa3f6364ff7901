"""The judge's side of marking, and the plain data that comes from a student's process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asm_teach.course.checks import checking
from asm_teach.course.checks.checking import Exercise
from asm_teach.course.marking.judging import Over, StudentProcess, judge
from asm_teach.course.marking.limits import bounded_memory
from asm_teach.course.marking.plain_data import NotPlain, from_plain, to_plain
from asm_teach.course.marking.running import BEFORE


def through(value: Any) -> Any:
    return from_plain(json.loads(json.dumps(to_plain(value))))


@pytest.mark.parametrize(
    "value",
    [None, True, ..., 3, -(10**30), 1.5, float("inf"), 1 + 2j, "é", [1, (2.0, "a")], {("scan", 4): 2.0, 3: [...]}],
)
def test_plain_values_come_back_as_they_are(value: Any) -> None:
    assert through(value) == value and type(through(value)) is type(value)


def test_numbers_come_back_with_type_and_shape() -> None:
    for tensor in (
        torch.randn(3, 4).T,
        torch.zeros(2, 0),
        torch.tensor(3),
        torch.tensor([True]),
        torch.randn(2).bfloat16(),
        torch.tensor([1 + 2j]).conj(),
        torch.randn(2, requires_grad=True),
    ):
        found = through(tensor)
        assert found.dtype == tensor.dtype and torch.equal(found, tensor) and not found.requires_grad
    array = np.arange(3.0)[::-1]
    assert np.array_equal(through(array), array) and through(np.float32(2)) == np.float32(2)
    assert type(through({1, 2})).__name__ == "set" and type(through(np.array(["a"]))).__name__ == "ndarray"


def test_what_grows_without_end_is_refused() -> None:
    nested: list[Any] = []
    nested.append(nested)
    for value in (nested, list(range(30_000))):
        with pytest.raises(NotPlain, match="nested deeper"):
            to_plain(value)


@pytest.mark.parametrize(
    "form",
    [
        3,
        [1],
        {},
        {"int": "3"},
        {"int": "0x3", "float": "0x1p0"},
        {"int": 3},
        {"float": "1e5000x"},
        {"float": ["0x1p0"]},
        {"list": 3},
        {"dict": [[None]]},
        {"dict": [[{"list": []}, None]]},
        {"tensor": ["float32", [2], "AAAA", False]},
        {"tensor": ["float32", [1], "AAAA!AAA", False]},
        {"tensor": ["float32", [2**40], "AAAAAA==", False]},
        {"tensor": ["float32", [-1], "", False]},
        {"tensor": ["object", [1], "AAAAAA==", False]},
        {"tensor": ["bool", [1], "Ag==", False]},
        {"array": ["bfloat16", [1], "AAA="]},
        {"function": 0},
        {"pickle": "gASVAAAAAAAAAA=="},
        {"other": 3},
        "x" * 3_000,
        {"list": [None] * 30_000},
    ],
)
def test_anything_else_is_refused(form: Any) -> None:
    with pytest.raises(NotPlain):
        from_plain(form)


ANSWERS = """import os, time
def double(x): return 2 * x
def in_place(x): x += 1; return x
def by_item(x): return x.item()
def divides(x): return 1 / 0
def stub(x): raise NotImplementedError  # your code here
def two(x, more): return x * more['y'], x.detach()
def keys(more): more.pop('a'); more['b'].mul_(2); return more['b'].sum()
def wide(x): return torch.zeros(100_000, 1)
def asleep(x): time.sleep(60)
class Callable:
    def __call__(self, x): return 3 * x
thing, value, picture = Callable(), [0.25, 0.5], {1, 2}
"""


@pytest.fixture(scope="module")
def process() -> Iterator[StudentProcess]:
    with StudentProcess() as one:
        one.allow(100)
        one.run(BEFORE)
        assert one.run(ANSWERS) is None
        yield one


def answer(process: StudentProcess, name: str) -> Any:
    found = process.values([name])
    assert isinstance(found, list)
    return found[0]


@pytest.mark.long
def test_a_students_function_works_from_here(process: StudentProcess) -> None:
    process.allow(100)
    x = torch.tensor([1.0, 2.0])
    assert torch.equal(answer(process, "double")(x), 2 * x) and answer(process, "thing")(2) == 6
    assert answer(process, "value") == [0.25, 0.5] and type(answer(process, "picture")).__name__ == "set"
    assert answer(process, "in_place")(x).tolist() == [2.0, 3.0] and x.tolist() == [2.0, 3.0]
    more = {"a": 1.0, "b": torch.ones(2)}
    assert answer(process, "keys")(more) == 4 and list(more) == ["b"] and more["b"].tolist() == [2.0, 2.0]
    with pytest.raises(ZeroDivisionError):
        answer(process, "divides")(1)
    assert process.values(["nothing"]) == "NameError: name 'nothing' is not defined"


@pytest.mark.long
def test_derivatives_pass_through(process: StudentProcess) -> None:
    process.allow(100)
    x, y = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    z = torch.tensor(1.0, requires_grad=True)  # nothing depends on it
    product, plain = answer(process, "two")(x, {"y": y, "z": z})
    assert product.requires_grad and not plain.requires_grad
    by_x, by_y, by_z = torch.autograd.grad(product.square().sum(), [x, y, z], allow_unused=True)
    assert torch.allclose(by_x, 2 * 9 * x) and torch.allclose(by_y, torch.tensor(2 * 3 * 5.0).double())
    assert by_z is None and answer(process, "by_item")(torch.tensor(1.0, requires_grad=True)) == 1.0


@pytest.mark.long
def test_the_words_are_those_of_a_notebook(process: StudentProcess) -> None:
    def checker(function: Any) -> str | None:
        return None if function(torch.tensor(3.0)) == 6 else "no"

    one = Exercise("nme", "05", ("one", "two", "three"), checker)
    assert judge(process, one, ["double"], 100) == (True, "right")
    assert judge(process, one, ["thing"], 100) == (False, "no")
    assert judge(process, one, ["stub"], 100) == (False, checking.NOTHING)
    right, words = judge(process, one, ["divides"], 100)
    assert not right and words.startswith("your code stops at line 5, `def divides(x): return 1 / 0`: a division by 0")

    def table(function: Any) -> str | None:  # a thoughtless checker, which makes a table of 100,000 x 100,000
        return None if (function(0) - torch.zeros(100_000)).isfinite().all() else "no"

    right, words = judge(process, Exercise("nme", "05", ("one", "two", "three"), table), ["wide"], 100)
    assert not right and "can't allocate memory" in words


def test_memory_is_bounded_only_inside() -> None:
    if sys.platform == "linux":
        with bounded_memory(), pytest.raises(MemoryError):
            bytearray(2**34)
    with bounded_memory():
        pass


@pytest.mark.long
@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os; os._exit(3)", "does not run: it ends Python, with exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"Python crashes there \(SIGSEGV\)"),
        ("import os\nfor n in range(3, 30):\n    try: os.write(n, b'[1, null]\\n' * 3)\n    except OSError: pass",
         "writes between the messages"),
        ("import os\nfor n in range(3, 30):\n    try:\n        while True: os.write(n, b'x' * 65536)\n"
         "    except OSError: pass", "more than may come back"),
        ("import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: print('x' * 10**6)",
         "longer than 4 seconds"),
        ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
    ],
)  # fmt: skip
def test_a_process_that_ends_or_says_nonsense_is_over(source: str, words: str) -> None:
    with StudentProcess() as process:
        process.allow(100)
        process.run("")
        process.allow(4)
        begun = time.monotonic()
        with pytest.raises(Over, match=words):
            process.run(source)
            process.run("1")
        assert time.monotonic() - begun < 20 and process.over
        with pytest.raises(Over, match=words):
            process.run("1")


@pytest.mark.long
def test_what_a_cell_prints_fills_no_memory(process: StudentProcess) -> None:
    process.allow(100)
    # five gigabytes, of the four that a process may take
    assert process.run("line = 'x' * 10**6\nfor _ in range(5000): print(line + str(_))") is None


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with the one that has started it")
def test_a_process_in_a_loop_ends_with_the_judge() -> None:
    code = """import os, threading, time
from asm_teach.course.marking.judging import StudentProcess
one = StudentProcess()
one.allow(100)
one.run("1")
threading.Thread(target=one.run, args=("while True: pass",), daemon=True).start()
time.sleep(0.5)
print(one._process.pid, flush=True)
os._exit(0)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    state = Path(f"/proc/{int(done.stdout)}/stat")
    for _ in range(100):
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("it is still there")
