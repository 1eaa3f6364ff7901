"""The published network of seven expressions, in torch."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.published_reader import NAMES, SIDE, read_expression, read_weights
from asm_teach.data.assets import asset_path


def write(folder, count: int = 6):
    """A manifest of one packed and one plain tensor, and `count` packed numbers with two floats."""
    packed = {"dtype": "uint8", "scale": 0.5, "min": -3.0}
    entries = [{"name": "a", "shape": [2, 3], "quantization": packed}, {"name": "b", "shape": [2]}]
    (folder / "m.json").write_text(json.dumps([{"weights": entries}]))
    numbers = bytes(range(0, 40 * count, 40)) + np.array([1.5, -2.0], "<f4").tobytes()
    (folder / "w.bin").write_bytes(numbers)
    return folder / "m.json", folder / "w.bin"


def test_weights_are_unpacked(tmp_path) -> None:
    weights = read_weights(*write(tmp_path))
    assert weights["a"].tolist() == [[-3.0, 17.0, 37.0], [57.0, 77.0, 97.0]]
    assert weights["b"].tolist() == [1.5, -2.0]


def test_weights_that_do_not_match_their_manifest_are_refused(tmp_path) -> None:
    manifest, binary = write(tmp_path, count=5)
    with pytest.raises(ValueError, match="has 13 bytes, but its manifest lists 14: these two do not belong together"):
        read_weights(manifest, binary)
    manifest.write_text("<html>")
    with pytest.raises(ValueError, match="lists no weights"):
        read_weights(manifest, binary)
    with pytest.raises(ValueError, match=r"faces has shape \(1, 112, 112\)"):
        read_expression({}, torch.rand(1, SIDE, SIDE))


def test_the_published_weights_give_probabilities() -> None:
    try:
        files = [asset_path("face-api-expression", f"face_expression_model{end}", progress=False) for end in
                 ("-weights_manifest.json", ".bin")]  # fmt: skip
    except asm.AssetUnavailable as missing:
        pytest.skip(str(missing))
    weights = read_weights(*files)
    assert len(weights) == 49 and sum(x.numel() for x in weights.values()) == 323_687
    found = read_expression(weights, torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)))
    assert found.shape == (2, len(NAMES))
    torch.testing.assert_close(found.sum(1), torch.ones(2))
