"""Where the package lies, and writing files whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asm_teach

PACKAGE = Path(asm_teach.__file__).resolve().parent  # the folder of the package, whichever room asks
NOTEBOOKS = PACKAGE.parent / "notebooks"  # of a checkout


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to. What stands there becomes `path` at the end of the block, if all went well.

    If the block fails, nothing of it is left and an older file stays as it was. The place has a name of this process,
    so that two programs that write the same file do not mix.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
