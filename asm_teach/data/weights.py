"""Weights of the small networks that come with the package, by the name of each in its file. Lessons 13, 16 and 18."""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import data_dir


def weights_of(file: str, name: str) -> dict[str, Tensor]:
    """What `load_state_dict` takes: the arrays `name/...` of an npz file in the data folder, in float32."""
    stored, begin = load_npz(data_dir() / file), f"{name}/"
    return {key.removeprefix(begin): torch.from_numpy(x).float() for key, x in stored.items() if key.startswith(begin)}
