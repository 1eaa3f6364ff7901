"""Arrays: read from `.npz` and `.npy` files without trusting them, and lists of unequal length laid out in one."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray
from torch import Tensor

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]


FREE = 64 * 2**20  # bytes that a file may always unpack to
RATIO = 25  # above that, so many times its own size: weights that are mostly zero come to 15
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def load_npz(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """All arrays of an `.npz` file; nothing in it is ever executed.

    What the file claims is held against what it has before anything is unpacked, so a file that claims too much costs
    neither time nor memory. Numbers come in the byte order of this computer.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is of another kind, cut off, damaged, encrypted, packed in an unusual way or far too well,
            or holds anything but numbers and text.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; check the name and the folder")
    try:
        with zipfile.ZipFile(path) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            members = archive.infolist()
            _check_members(members, path.stat().st_size)
            return {
                member.filename[: -len(".npy")]: _array(
                    partial(archive.open, member), member.file_size, member.filename
                )
                for member in members
            }
    except Exception as error:  # zipfile, zlib and numpy's reader of headers raise a dozen kinds
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"{path.name}: this is not a whole .npz file of plain arrays ({reason}); fetch or write it again"
        ) from None


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """Raise a ValueError for members that are no packed arrays, or that unpack to far more than the file's size."""
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise ValueError("two arrays have the same name")
    for member in members:
        if not member.filename.endswith(".npy"):
            raise ValueError(f"{member.filename} is no array")
        if member.flag_bits & 1:
            raise ValueError(f"{member.filename} is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{member.filename} is packed by method {member.compress_type}; numpy writes 0 and 8")
    total = sum(member.file_size for member in members)
    if total > max(FREE, RATIO * size):
        raise ValueError(f"its {size} bytes would unpack to {total}")


def load_npy(path: str | PathLike[str]) -> np.ndarray:
    """The array of an `.npy` file, as careful as `load_npz`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is of another kind, cut off, goes on after its end, or holds anything but numbers and text.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; check the name and the folder")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _array(lambda: path.open("rb"), path.stat().st_size, "it")
    except Exception as error:  # as above
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"{path.name}: this is not a whole .npy file of a plain array ({reason}); fetch or write it again"
        ) from None


def _array(opened: Callable[[], IO[bytes]], size: int, name: str) -> np.ndarray:
    """The array that a stream of so many bytes holds, read only if its header claims as many as there are."""
    with opened() as file:
        if (version := npy.read_magic(file)) not in _HEADERS:
            raise ValueError(f"{name} has a header of version {version}")
        shape, _, dtype = _HEADERS[version](file)
        there = size - file.tell()
    if dtype.kind not in "biufUS" or not dtype.itemsize > 0 or dtype.kind == "f" and dtype.itemsize > 8:
        raise ValueError(f"{name} holds {dtype}, not plain numbers or text")
    claimed = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or claimed != there or max(shape, default=0) > max(there, 2**16):
        raise ValueError(f"{name} claims {shape} of {dtype}, {claimed} bytes, and has {there}")
    with opened() as file:
        array = npy.read_array(file, allow_pickle=False)
        if file.read(1):  # the checksum of a packed one is looked at where it ends
            raise ValueError(f"{name} goes on after its end")
    native: np.ndarray = array.astype(array.dtype.newbyteorder("="), copy=False)
    return native


def numbers(array: np.ndarray, name: str) -> Tensor:
    """An array of a file as a tensor, whole numbers as int64. Raises a ValueError that begins with name for text."""
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds text ({array.dtype}): numbers are needed")
    return torch.from_numpy(array.astype(np.int64) if array.dtype.kind in "iu" else array)


def unroll(count: Tensor) -> tuple[Tensor, Tensor]:
    """Counts (k,) -> whose each place is and its number there: [2, 0, 1] -> [0, 0, 2], [0, 1, 0]."""
    end = count.cumsum(0)
    begin = end - count
    total = int(end[-1]) if len(end) else 0
    # At each place, how many have begun by then; those with a count of zero begin where the next one does.
    owner = torch.zeros(total + 1, dtype=torch.int64, device=count.device)
    owner[0] = -1
    owner = owner.scatter_add_(0, begin, owner.new_ones(1).expand(len(begin)))[:total].cumsum_(0)
    return owner, torch.arange(total, device=count.device).sub_(begin.index_select(0, owner))
