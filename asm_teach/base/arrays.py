"""Reading arrays from `.npz` files without trusting them."""

from __future__ import annotations

import zipfile
from os import PathLike
from pathlib import Path

import numpy as np


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
