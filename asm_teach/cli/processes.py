"""Running another program to its end, and being stopped before the own one."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

import click
from click.core import ParameterSource


def run_to_its_end(command: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Wait for a command that handles Ctrl+C itself, as JupyterLab does, which asks before it shuts down."""
    with subprocess.Popen(command, env=env) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
            except SystemExit:  # see `stopped_tidily`
                process.terminate()
                raise


@contextmanager
def stopped_tidily() -> Iterator[None]:
    """While this block runs, a request to stop (`kill`, a closed terminal) ends it as an error does: tidying up.

    So no half of a file stays behind. Ctrl+C does that anyway, and nothing can be done about `kill -9`.
    """
    if threading.current_thread() is not threading.main_thread():  # others may not handle signals
        yield
        return
    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is signal.SIG_DFL:  # `nohup` lets a program go on
            before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def is_given(parameter: str) -> bool:
    """Whether the user gave this parameter of the running command, and it is not its default."""
    source = click.get_current_context().get_parameter_source(parameter)
    return source not in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)
