"""Where the package lies, and writing files whole or not at all."""

from __future__ import annotations

import os
import platform
import re
import secrets
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asm_teach

PACKAGE = Path(asm_teach.__file__).resolve().parent  # the folder of the package, whichever room asks
_COURSE = PACKAGE / "_course" if (PACKAGE / "_course").is_dir() else PACKAGE.parent  # of a wheel, of a checkout
NOTEBOOKS, DOCS = _COURSE / "notebooks", _COURSE / "docs"

_COMPUTER = f"{zlib.crc32(platform.node().encode()):08x}"
_PART = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)-[0-9a-f]{6}\.part")
_DAY = 86_400.0


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to. What stands there becomes `path` at the end of the block, if all went well.

    If the block fails, nothing of it is left and an older file stays as it was. The place has a name of this process
    and of its own, so that two programs that write the same file do not mix. What a killed program left is removed.
    """
    remove_parts(path.parent)
    part = part_of(path)
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """A name beside `path` that nothing else has, for what is not whole yet."""
    return path.with_name(f".{path.name[:40]}.{_COMPUTER}-{os.getpid()}-{secrets.token_hex(3)}.part")


def remove_parts(folder: Path) -> None:
    """Remove the places in a folder that `whole` of a killed program left: its process is gone, or a day has passed."""
    with suppress(OSError):  # no such folder, or it cannot be read or written: nothing of ours to remove
        for name in os.listdir(folder):
            if (found := _PART.fullmatch(name)) and _is_left(folder / name, found[1], int(found[2])):
                (folder / name).unlink(missing_ok=True)


def _is_left(part: Path, computer: str, process: int) -> bool:
    if computer != _COMPUTER or os.name != "posix":  # in a folder of a network; Windows has no such question
        return time.time() - part.stat().st_mtime > _DAY
    try:
        os.kill(process, 0)  # asks whether it is there
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # another user's
        return False
    return False
