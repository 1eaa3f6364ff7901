"""Which device a computation runs on: decided once, at the outermost call."""

from __future__ import annotations

import torch


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """`auto` is the GPU when there is one, else the CPU. Raises ValueError for a device that is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device: {device!r} is not a device; use 'auto', 'cpu' or 'cuda'") from error
    if chosen.type not in ("cpu", "cuda"):
        raise ValueError(f"device: {device!r} is not supported (weights need float64); use 'auto', 'cpu' or 'cuda'")
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("device: 'cuda' was asked for, but no GPU is available; use 'auto' or 'cpu'")
    return chosen
