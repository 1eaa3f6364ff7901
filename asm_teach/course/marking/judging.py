"""The judge's side of marking: a student's process, and its functions as if they were here.

The checkers of the lessons run in this process, which never runs a student's code. A function of the student's has a
stand-in here: it sends its arguments as plain data, and the result comes back as plain data, derivatives included.
"""

from __future__ import annotations

import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from json import dumps, loads
from typing import Any

import torch
from torch import Tensor

from asm_teach.base.files import PACKAGE
from asm_teach.course.checks.checking import Exercise
from asm_teach.course.checks.comparing import Mistake
from asm_teach.course.checks.draws import other_inputs
from asm_teach.course.checks.stopping import StoppedElsewhere
from asm_teach.course.marking.hand_ins import Cell, shown
from asm_teach.course.marking.limits import bounded_memory
from asm_teach.course.marking.plain_data import Json, NotPlain, from_plain, renew, to_plain

PROGRAM = "asm_teach.course.marking.student_process"
LONGEST = 24 * 2**20  # bytes of a message from a student's process
WORDS = 400  # letters of a sentence in a row
_KINDS = {"ZeroDivisionError": ZeroDivisionError, "RuntimeError": RuntimeError}  # what checkers look out for


class Over(Exception):
    """The student's process has ended, or took too long and was ended."""


class StudentProcess:
    """A process that runs one student's cells. `over` says why it has ended, or is empty while it works."""

    def __init__(self, inside: Sequence[str] = ()) -> None:
        self.over = ""
        self._left = self._limit = 0.0
        self._number = 0
        self._closed = False
        self._place = tempfile.TemporaryDirectory(prefix="asm-teach-", ignore_cleanup_errors=True)
        package = str(PACKAGE.parent)  # as here, also where it is not installed
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", "")))),
            "ASM_TEACH_PROGRESS": os.path.join(self._place.name, "progress.json"),  # not anyone's own
            "IPYTHONDIR": self._place.name,
            "MPLBACKEND": "agg",
            "CUDA_VISIBLE_DEVICES": "",  # a driver asks for more addresses than a bounded process may have
            "TMPDIR": self._place.name,
        }
        command = [*inside, sys.executable, "-m", PROGRAM]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=self._place.name,
                env=environment,
                start_new_session=True,  # Ctrl+C is for the judge, and what the student starts can be ended at once
            )
        except BaseException:
            self._place.cleanup()
            raise
        self._asked: queue.Queue[bytes] = queue.Queue()
        self._said: queue.Queue[bytes] = queue.Queue(1)
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._listen, self._tell)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> StudentProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        for thread, stream in zip(self._threads, (self._process.stdout, self._process.stdin), strict=True):
            thread.join(timeout=2)
            if not thread.is_alive() and stream is not None:  # it is, if a program that the student started lives on
                with suppress(OSError):
                    stream.close()
        self._place.cleanup()

    def allow(self, seconds: float) -> None:
        """Set the time that all questions from now on may take together."""
        self._left = self._limit = seconds

    def ask(self, what: str, *given: Json) -> Json:
        """Send a message and wait for the reply.

        Raises:
            Over: the process has ended, is too slow, or sends something that is no reply. From then on it stays ended.
        """
        if self.over:
            raise Over(self.over)
        self._number += 1
        self._asked.put(dumps([self._number, what, *given]).encode() + b"\n")
        begun = time.monotonic()
        try:
            line = self._said.get(timeout=max(self._left, 0.0))
        except queue.Empty:
            self._end(f"longer than {self._limit:g} seconds")
        self._left -= time.monotonic() - begun
        if not line:
            self._end(self._how_it_ended())
        try:
            number, said = loads(line)
        except (ValueError, TypeError, RecursionError):
            number = None
        if number != self._number:
            self._end("does not run: it writes between the messages of marking, or more than may come back")
        return said

    def cells(self, notebook: str) -> list[Cell]:
        """The code cells of a notebook file, which comes in base64.

        Raises:
            ValueError: if it is none; the words follow the name of the file.
        """
        said = self.ask("read", notebook)
        if "refused" in said:
            raise ValueError(self._words(said["refused"]))
        return [Cell(**one) for one in said["cells"]]

    def run(self, source: str) -> str | None:
        """Run a cell; give what stopped it, or None."""
        said = self.ask("run", source)
        return None if said is None else self._words(said)

    def values(self, expressions: Sequence[str]) -> list[Any] | str:
        """The values of some expressions, or what stopped them."""
        said = self.ask("take", list(expressions))
        with self._strictly():
            if "stopped" in said:
                return self._words(said["stopped"])
            return [from_plain(one, self._function) for one in said["values"]]

    def _function(self, number: Json) -> Callable[..., Any]:
        if type(number) is not int:
            raise NotPlain("a function without its number")

        def answer(*given: Any) -> Any:
            return self._call(number, given)

        return answer

    def _call(self, function: int, given: tuple[Any, ...]) -> Any:
        leaves: list[Tensor] = []
        said = self.ask("call", self._number + 1, function, to_plain(given, asking=leaves))
        call = self._number
        with self._strictly():
            if "changed" in said:
                renew(given, from_plain(said["changed"]))
            if "result" in said:
                return self._linked(said["result"], call, leaves)
            kind = _KINDS.get(said["raised"], Exception)
            error = type("Raised", (StoppedElsewhere, kind), {"sentence": self._words(said["sentence"])})
            text = self._words(said["text"])
        raise error(text)

    def _linked(self, form: Json, call: int, leaves: list[Tensor]) -> Any:
        """A result whose tensors have derivatives by the arguments, as far as they have some in the other process."""
        found: list[Tensor] = []

        def note(value: Tensor, asks: bool) -> Tensor:
            if asks:
                found.append(value)
            return value

        plain = from_plain(form, self._function, note)
        if not leaves or not found:
            return plain
        linked = iter(_Through.apply(self, call, found, *leaves))
        return from_plain(form, self._function, lambda value, asks: next(linked) if asks else value)

    def gradients(self, call: int, by_results: Sequence[Tensor]) -> list[Tensor | None]:
        """The gradients by the arguments of an earlier call, from those by its results."""
        said = self.ask("backward", call, to_plain(list(by_results)))
        with self._strictly():
            if "result" in said:
                return list(from_plain(said["result"]))
            sentence = self._words(said["sentence"])
        raise Mistake(sentence)

    @contextmanager
    def _strictly(self) -> Iterator[None]:
        """Whatever is not as it has to be ends the process."""
        try:
            yield
        except (NotPlain, KeyError, TypeError, AttributeError, StopIteration, RuntimeError):
            self._end("does not run: what comes back is no plain data")

    def _words(self, said: Json) -> str:
        if not isinstance(said, str):
            raise NotPlain("not a sentence")
        return shown(" ".join(said.split()))[:WORDS] or "it stops without words"

    def _listen(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        with suppress(OSError, ValueError):
            while True:
                line = stream.readline(LONGEST)
                while not self._closed:  # until the last one is read: what is written unasked fills no memory
                    with suppress(queue.Full):
                        self._said.put(line, timeout=0.1)
                        break
                if self._closed or not line.endswith(b"\n"):
                    return

    def _tell(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        with suppress(OSError, ValueError):
            while line := self._asked.get():
                stream.write(line)
                stream.flush()

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "does not run: it closes the channel of marking"
        if code >= 0:
            return f"does not run: it ends Python, with exit code {code}"
        name = signal.Signals(-code).name if -code in {one.value for one in signal.Signals} else str(-code)
        return f"does not run: Python crashes there ({name}" + (", too much memory?)" if name == "SIGKILL" else ")")

    def _end(self, why: str) -> None:
        self.over = why
        self._kill()
        raise Over(why)

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        self._closed = True
        self._asked.put(b"")


class _Through(torch.autograd.Function):
    """Lets derivatives pass through a call in the student's process."""

    @staticmethod
    def forward(ctx: Any, process: StudentProcess, call: int, results: list[Tensor], *_: Tensor) -> tuple[Tensor, ...]:
        ctx.process, ctx.call = process, call
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *by_results: Tensor) -> Any:
        return None, None, None, *ctx.process.gradients(ctx.call, by_results)


def judge(process: StudentProcess, exercise: Exercise, expressions: Sequence[str], limit: float) -> tuple[bool, str]:
    """Judge the answer that the student's process holds: whether it is right, and a sentence.

    Args:
        expressions: what stands in the brackets of the check cell, `nme` of `check.nme(nme)`.
        limit: seconds that the student's process may take for it.
    """
    process.allow(limit)
    try:
        answers = process.values(expressions)
        if isinstance(answers, str):
            return False, answers
        # an answer of another shape than the right one may make a huge table of the two
        with bounded_memory(), other_inputs(secrets.randbits(48)):
            verdict = exercise.judge(*answers)
    except Over as over:
        return False, str(over)
    if process.over:
        return False, process.over
    return verdict.ok, " ".join(verdict.message.split())[: 2 * WORDS]
