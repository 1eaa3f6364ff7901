"""The executors that a command line can name: processes of this computer, dask's workers, or anybody's own.

Each is a function that opens an executor for the length of a block. Where workers run, and how jobs reach them, is the
executor's affair: `fit_many` takes any that `concurrent.futures` would.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing.connection import wait
from typing import TypeAlias

Opener: TypeAlias = "Callable[[], AbstractContextManager[Executor]]"

KINDS = "processes, processes:4, dask://host:port or module:factory"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def executor_of(words: str) -> Opener:
    """What opens the executor that a command line names.

    - `processes`, `processes:4`: so many processes of this computer; by default one for each core.
    - `dask://host:port`: the workers of a dask scheduler, with the extra `[dask]`.
    - `module:factory`: what a function without arguments gives, such as `my_cluster:executor` of `my_cluster.py`.

    Raises:
        ValueError: none of these, or a module or function that is not there.
    """
    kind, colon, rest = words.partition(":")
    if kind == "processes":
        if colon and not (rest.isdecimal() and int(rest) > 0):
            raise ValueError(f"executor: {words!r} should name a number of processes, such as processes:4")
        return processes(int(rest) if colon else cores())
    if kind == "dask" and rest.startswith("//"):
        return dask(f"tcp:{rest}")
    if colon and kind and rest:
        return factory(kind, rest)
    raise ValueError(f"executor: {words!r} is not known; give {KINDS}")


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processes(count: int) -> Opener:
    """Processes of this computer, one thread each. They end when the program that started them does."""

    @contextmanager
    def opened() -> Iterator[Executor]:
        before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, "1"))  # libraries read them when a process starts
        pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin)
        try:
            yield pool
        except BaseException:  # a second Ctrl-C: what is being fitted is left
            for child in multiprocessing.active_children():
                child.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            for name, value in before.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})

    return opened


def _begin() -> None:
    """What a process does first: leave Ctrl-C to its parent, and end if that one is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def dask(address: str) -> Opener:
    """The workers of the dask scheduler at `tcp://host:port`; each should have one thread (`--nthreads 1`)."""

    @contextmanager
    def opened() -> Iterator[Executor]:
        try:
            from distributed import Client
        except ImportError:
            raise ValueError("executor: dask is not installed; pip install 'asm_teach[dask]'") from None
        try:
            client = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ValueError(f"executor: no dask scheduler answers at {address} ({error}); start one there") from None
        with client:
            yield client.get_executor(pure=False)  # dask would take two equal calls for one

    return opened


def factory(module: str, name: str) -> Opener:
    """The executor that the function `name` of a module gives; the module may lie in the folder where you are."""
    sys.path.insert(0, os.getcwd())
    try:
        make = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"executor: {module}:{name} cannot be found ({error}); give {KINDS}") from None
    finally:
        del sys.path[0]

    def opened() -> AbstractContextManager[Executor]:
        made = make()
        if not callable(getattr(made, "submit", None)):
            raise ValueError(f"executor: {module}:{name} gives a {type(made).__name__}, which has no `submit`")
        return made if hasattr(made, "__exit__") else nullcontext(made)

    return opened
