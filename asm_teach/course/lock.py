"""One program at a time: a lock for a file that several notebooks read, change and write."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

PATIENCE = 10.0  # seconds; writing takes milliseconds, so by then the other program hangs


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep every other process and thread out of such a block for the same file.

    The lock is a file beside it. The system frees it when its process ends, so a process that was killed blocks no
    other. Where no lock can be had (the folder is missing or cannot be written, or another program hangs in the
    block) the block runs without one.
    """
    lock = file.with_name(f".{file.name}.lock")
    descriptor = _wait_for(lock)
    try:
        yield
    finally:
        if descriptor is not None:
            if sys.platform != "win32":  # Windows removes no file that another process has open
                lock.unlink(missing_ok=True)
            os.close(descriptor)


def _wait_for(lock: Path) -> int | None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return None
        try:
            _take(descriptor)
            if os.path.samestat(os.fstat(descriptor), os.stat(lock)):  # and not one that its owner has just removed
                return descriptor
        except (BlockingIOError, PermissionError, FileNotFoundError):  # another process holds it or has removed it
            pass
        except OSError:  # a file system without locks
            os.close(descriptor)
            return None
        os.close(descriptor)
        time.sleep(0.002)
    return None


def _take(descriptor: int) -> None:
    """Lock an open file, or raise an OSError at once."""
    if sys.platform == "win32":
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
