"""The published network of `face-api` that names one of seven expressions, in torch. Lesson 13.

Its weights are stored as whole numbers from 0 to 255 with a scale and a lowest value for each tensor, and a manifest
tells where each tensor lies. What the network was trained on is not documented, so its answers are opinions, not truth.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

NAMES = ("neutral", "joy", "sadness", "anger", "fear", "disgust", "surprise")
"""Its seven outputs in their order, by our names."""
SIDE = 112  # pixels
MEAN = (122.782, 117.001, 104.298)  # of red, green and blue, from 0 to 255

Weights = dict[str, Tensor]


def read_weights(manifest: Path, binary: Path) -> Weights:
    """Tensors by name, float32, from quantised weights and their manifest.

    Raises:
        ValueError: a manifest that is none, or weights that do not match it.
    """
    try:
        entries = [entry for group in json.loads(Path(manifest).read_text("utf-8")) for entry in group["weights"]]
        sizes = [math.prod(entry["shape"]) * (1 if "quantization" in entry else 4) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"manifest: {manifest} lists no weights ({error}): fetch the asset again") from None
    data = Path(binary).read_bytes()
    if len(data) != sum(sizes):
        raise ValueError(
            f"binary: {binary} has {len(data)} bytes, but its manifest lists {sum(sizes)}: these two do not belong "
            "together, or one was cut off; fetch `face-api-expression` again"
        )
    found, start = {}, 0
    for entry, size in zip(entries, sizes, strict=True):
        piece = data[start : start + size]
        if packed := entry.get("quantization"):
            values = np.frombuffer(piece, np.uint8).astype(np.float32) * packed["scale"] + packed["min"]
        else:
            values = np.frombuffer(piece, "<f4")
        found[entry["name"]] = torch.tensor(values.reshape(entry["shape"]))
        start += size
    return found


def read_expression(weights: Weights, faces: Tensor) -> Tensor:
    """Probabilities (N, 7) of `NAMES` for colour crops (N, 3, 112, 112) from 0 to 1. Raises ValueError for others."""
    if faces.ndim != 4 or tuple(faces.shape[1:]) != (3, SIDE, SIDE):
        raise ValueError(f"faces has shape {tuple(faces.shape)}: give (N, 3, {SIDE}, {SIDE}), colours from 0 to 1")
    x = (255 * faces - faces.new_tensor(MEAN)[:, None, None]) / 255
    for block in ("dense0", "dense1", "dense2", "dense3"):
        total = x = _convolution(weights, f"{block}/conv0", x, 2).relu()
        for layer in (1, 2, 3):  # each layer reads the sum of all before it
            total = total + _convolution(weights, f"{block}/conv{layer}", total.relu())
        x = total.relu()
    return (x.mean((2, 3)) @ weights["fc/weights"] + weights["fc/bias"]).softmax(1)


def _convolution(weights: Weights, name: str, x: Tensor, stride: int = 1) -> Tensor:
    """A 3 x 3 convolution, or one channel by channel and then one across them; borders as TensorFlow fills them."""
    x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
    bias = weights[f"{name}/bias"]
    if f"{name}/filters" in weights:
        return F.conv2d(x, weights[f"{name}/filters"].permute(3, 2, 0, 1), bias, stride)
    alone = weights[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
    across = weights[f"{name}/pointwise_filter"].permute(3, 2, 0, 1)
    return F.conv2d(F.conv2d(x, alone, None, stride, groups=len(alone)), across, bias)
