"""Files that the program writes: checked before the work starts, and never in the place of a user's own.

A name that the user gives is replaced, unless it is an input. A name that the user does not give (the default of a
command, the texture beside a mesh) replaces only what the program wrote itself, which is known by a mark in the file.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from asm_teach.base.files import part_of

SPACE = 16 * 2**20  # bytes that have to be free; a fitted head with its texture takes some 6 million
_LABEL = b"written by asm_teach, sha256 "
_HEX = 64
_AFTER = 4  # bytes after the checksum that it does not cover: four spaces, or the checksum of a PNG's own
MARK = _LABEL.decode() + "0" * _HEX + " " * _AFTER
"""What a file that is to be signed holds once, for example in a comment; `signed` fills it in."""


def check_output(
    path: Path,
    endings: Sequence[str] = (),
    *,
    inputs: Iterable[Path | None] = (),
    given: bool = True,
    name: str = "output",
) -> None:
    """Raise a ValueError unless a file can be written: before the work, not after it.

    Args:
        path: the file.
        endings: those that it may have, in small letters; none: any.
        inputs: files that must not be replaced, under whatever name, link or spelling; None counts for nothing.
        given: whether the user chose the name; else it replaces only a file that the program wrote.
        name: of the argument, for the message.

    Raises:
        ValueError: another ending, no such folder, a folder or a device in its place, an input, a file that is
            read-only or not the program's, a folder that cannot be written to, or no space.
    """
    if endings and path.suffix.lower() not in endings:
        listed = ", ".join(endings[:-1]) + " or " + endings[-1] if len(endings) > 1 else endings[0]
        raise ValueError(f"{name}: {path.name!r} should end in {listed}")
    folder = path.parent
    if not folder.is_dir():
        raise ValueError(f"{name}: there is no folder {str(folder)!r}; make it first")
    part = part_of(path)
    try:
        if path.exists():
            _check_old(path, inputs, given, name)
        part.touch()
    except OSError as error:
        raise ValueError(f"{name}: {str(path)!r} cannot be written ({error.strerror or error}); give another") from None
    finally:
        part.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    if free < SPACE:
        raise ValueError(
            f"{name}: {free / 1e6:.1f} MB are free in {str(folder)!r}, and {SPACE / 1e6:.0f} may be needed; make space"
        )


def _check_old(path: Path, inputs: Iterable[Path | None], given: bool, name: str) -> None:
    """Raise a ValueError unless the file that is there may be replaced."""
    if not path.is_file():
        raise ValueError(f"{name}: {str(path)!r} is a folder or a device, not a file; give another name")
    same = next((one for one in inputs if one is not None and one.exists() and path.samefile(one)), None)
    if same is not None:
        raise ValueError(f"{name}: {str(path)!r} is the input {str(same)!r}; give another name, or it would be lost")
    if not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK):
        raise ValueError(f"{name}: {str(path)!r} is read-only; give another name")
    if not given and not is_ours(path):
        raise ValueError(f"{name}: {str(path)!r} is there already; name it to replace it, or give another name")


def side_file(path: Path, owner: Path, keep: Iterable[Path] = ()) -> Path:
    """A name like `path` for what belongs to the file `owner`: free, or of a file that the program wrote for it.

    Files in `keep` are not replaced either. A file that somebody changed since is not the program's any more.
    """
    kept = [one for one in keep if one.exists()]
    names = (path if k == 1 else path.with_stem(f"{path.stem}-{k}") for k in itertools.count(1))
    return next(
        one
        for one in names
        if not os.path.lexists(one) or is_ours(one, owner.name) and not any(one.samefile(other) for other in kept)
    )


def signed(content: bytes, owner: str) -> bytes:
    """Content that holds `MARK` once, with its checksum in it, for the file `owner`."""
    at = content.index(_LABEL) + len(_LABEL)
    return content[:at] + _checksum(content, at, owner) + content[at + _HEX :]


def is_ours(path: Path, owner: str | None = None) -> bool:
    """Whether the program wrote a file for `owner` (itself) and it was not changed since, or it is a saved model."""
    try:
        content = path.read_bytes() if path.is_file() else b""
    except OSError:
        return False
    at = content.find(_LABEL) + len(_LABEL)
    if content[30:39] == b"about.npy":  # the first member of an .npz file of `asm_teach.save`
        return True
    return at >= len(_LABEL) and content[at : at + _HEX] == _checksum(content, at, owner or path.name)


def _checksum(content: bytes, at: int, owner: str) -> bytes:
    rest = content[:at] + b"0" * (_HEX + _AFTER) + content[at + _HEX + _AFTER :]
    return hashlib.sha256(owner.encode("utf-8", "surrogateescape") + b"\0" + rest).hexdigest().encode()
