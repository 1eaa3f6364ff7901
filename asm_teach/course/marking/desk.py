"""A student's notebook at work, in the process that `student_process` starts: its cells run, its functions are called.

The judge does not trust what this process says. So a student who changes this, or any other part of the package, gains
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from IPython.core.interactiveshell import InteractiveShell
from torch import Tensor
from traitlets.config import Config

from asm_teach.course.checks.stopping import in_words
from asm_teach.course.marking.plain_data import Json, NotPlain, from_plain, to_plain


class _Shell(InteractiveShell):
    """IPython without a terminal: what a cell shows is not kept."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Nothing: there is no window for `%matplotlib` to open."""

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        pass

    @contextmanager
    def _tee(self, channel: str) -> Iterator[None]:
        """IPython 9 would keep all that is printed, and a loop that prints would fill the memory in seconds."""
        yield


class Desk:
    """The names of a notebook, and the functions and results that the judge may still ask for."""

    def __init__(self) -> None:
        self.shell = _Shell.instance(config=Config({"HistoryManager": {"enabled": False}}))
        self.functions: list[Any] = []
        self.graphs: dict[int, tuple[list[Tensor], list[Tensor]]] = {}  # results and inputs of calls with gradients

    def run(self, source: str) -> Json:
        """Run a cell; give what stopped it, or None."""
        done = self.shell.run_cell(source, store_history=False)
        error = done.error_before_exec or done.error_in_exec
        return None if error is None else _named(error)

    def take(self, expressions: list[str]) -> Json:
        """The values of some expressions."""
        try:
            return {"values": [self._plain(eval(one, self.shell.user_ns)) for one in expressions]}
        except BaseException as error:
            return {"stopped": _named(error)}

    def call(self, number: int, function: int, given: Json) -> Json:
        """Call a function; give its result, or what it raised, and its arguments if it has changed them."""
        leaves: list[Tensor] = []

        def argument(value: Tensor, asks: bool) -> Tensor:
            if asks:
                leaves.append(value.requires_grad_())
            return value

        arguments = from_plain(given, tensor=argument)
        before = _without_gradients(to_plain(arguments))
        try:
            results: list[Tensor] = []
            said: dict[str, Json] = {"result": self._plain(self.functions[function](*arguments), results)}
            if leaves and results:
                self.graphs[number] = results, leaves
        except NotPlain as error:
            said = {"raised": "Exception", "text": "", "sentence": f"what it gives back cannot be compared: {error}"}
        except BaseException as error:
            kind = next(one for one in type(error).__mro__ if one.__module__ == "builtins").__name__
            said = {"raised": kind, "text": str(error)[:400], "sentence": in_words(error)}
        after = _without_gradients(to_plain(arguments))
        return said if after == before else {**said, "changed": after}

    def backward(self, number: int, gradients: Json) -> Json:
        """The gradients by the inputs of an earlier call, from those by its results."""
        results, leaves = self.graphs[number]
        try:
            found = torch.autograd.grad(results, leaves, from_plain(gradients), allow_unused=True, retain_graph=True)
            return {"result": to_plain(found)}
        except Exception as error:
            return {"raised": "Exception", "text": "", "sentence": in_words(error)}

    def _plain(self, value: Any, asking: list[Tensor] | None = None) -> Json:
        def function(one: Any) -> Json:
            self.functions.append(one)
            return {"function": len(self.functions) - 1}

        return to_plain(value, function, asking)


def _named(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    return f"{type(error).__name__}: {error}"[:400].rstrip(": ")


def _without_gradients(form: Json) -> Json:
    """Plain data in which no tensor asks for a gradient: whether it does is no change of an argument."""
    if isinstance(form, list):
        return [_without_gradients(one) for one in form]
    if isinstance(form, dict):
        return {
            kind: [*held[:3], False] if kind == "tensor" else _without_gradients(held) for kind, held in form.items()
        }
    return form
