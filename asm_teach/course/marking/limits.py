"""How much memory a process may take. Linux keeps to it; on other systems these functions do nothing."""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType

MEMORY = 4 * 2**30  # bytes beyond what a process has already
FILE = 2**30  # bytes of a file that an answer writes
PARENT_DEATH = 1  # prctl's PR_SET_PDEATHSIG


def _most() -> tuple[ModuleType, int]:
    """The module `resource`, and the size that this process may have; an OSError or ImportError where neither is."""
    import resource

    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    known = [one for one in resource.getrlimit(resource.RLIMIT_AS) if one != resource.RLIM_INFINITY]
    return resource, min([now + MEMORY, *known])


@contextmanager
def bounded_memory() -> Iterator[None]:
    """In this block memory ends after `MEMORY` more: Python then raises an exception, and nothing is killed."""
    try:
        resource, most = _most()
    except (ImportError, OSError):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def limit_for_good() -> None:
    """Bound what the rest of this process may take, and end it with the process that has started it."""
    with suppress(ImportError, OSError, ValueError):
        resource, most = _most()
        for kind, value in (("RLIMIT_AS", most), ("RLIMIT_FSIZE", FILE), ("RLIMIT_CORE", 0)):
            resource.setrlimit(getattr(resource, kind), (value, value))
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PARENT_DEATH, signal.SIGKILL)
