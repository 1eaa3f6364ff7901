"""What an engine does with an animation, plainly and by the letter of the specification (glTF 2.0, section 3.11)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from asm_teach.formats.gltf.container import Gltf

from .gltf_reference import Played


class Animated(Played):
    """A skinned GLB file with one mesh and one animation."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        gltf = Gltf(path)
        (animation,) = self.json["animations"]
        self.channels: list[tuple[int, str, np.ndarray, np.ndarray]] = []
        for channel in animation["channels"]:
            sampler, target = animation["samplers"][channel["sampler"]], channel["target"]
            assert sampler.get("interpolation", "LINEAR") == "LINEAR"
            kind = {"weights": "SCALAR", "rotation": "VEC4", "translation": "VEC3", "scale": "VEC3"}[target["path"]]
            keys = gltf.values(sampler["input"], "SCALAR").reshape(-1)
            values = gltf.values(sampler["output"], kind).reshape(len(keys), -1)
            self.channels.append((target["node"], target["path"], keys, values))

    def at(self, time: float) -> np.ndarray:
        """(V, 3) metres at a time in seconds."""
        nodes: dict[int, dict[str, Any]] = {}
        for node, path, keys, values in self.channels:
            after = min(max(int(np.searchsorted(keys, time)), 1), len(keys) - 1)
            share = np.clip((time - keys[after - 1]) / (keys[after] - keys[after - 1]), 0, 1)
            between = _slerp if path == "rotation" else _straight
            nodes.setdefault(node, {})[path] = between(values[after - 1], values[after], share).tolist()
        amounts = dict(zip(self.names, next(n["weights"] for n in nodes.values() if "weights" in n), strict=True))
        still = {"translation": [0, 0, 0], "rotation": [0, 0, 0, 1], "scale": [1, 1, 1]}
        found = [{**still, **self.nodes[joint], **nodes.get(joint, {})} for joint in self.joints]
        return self.vertices([(n["translation"], n["rotation"], n["scale"]) for n in found], amounts)


def _straight(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    return a + share * (b - a)


def _slerp(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    dot = float(a @ b)
    angle = np.arccos(min(abs(dot), 1.0))
    if angle < 1e-6:
        return a
    return (np.sin((1 - share) * angle) * a + np.sin(share * angle) * np.sign(dot) * b) / np.sin(angle)
