"""Arrays: read from `.npz` files without trusting them, and lists of unequal length laid out in one."""

from __future__ import annotations

import zipfile
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]


def load_npz(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """All arrays of an `.npz` file; nothing in it is ever executed.

    Raises:
        ValueError: the file is of another kind, cut off, or holds Python objects.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; check the name and the folder")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"{damaged} is damaged")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError) as error:
        raise ValueError(
            f"{path.name}: this is not a whole .npz file of plain arrays ({error}); fetch or write it again"
        ) from None


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
