"""How faces differ: the people and the expressions of the embedded head, on any template with landmarks. Lesson 6.

A template of another topology takes them over: the embedded head is warped to it by the landmarks of both, and each
vertex moves with the nearest place that faces its way.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from asm_teach.data.heads import Head, load_head, sample_identity
from asm_teach.geometry.closest_point import to_array
from asm_teach.geometry.landmark_warp import Warp
from asm_teach.geometry.mesh import Mesh, vertex_normals
from asm_teach.geometry.surface_points import Skin

_PEOPLE, _MODES = 240, 40  # people drawn, and principal components of them that are kept: all but a thousandth
_EYES = "eyeLook"  # shapes that turn the eyes' balls, which no scan shows


@dataclass(frozen=True, eq=False)
class FaceShapes:
    """What may be added to a template's vertices, mm.

    people: (P, V, 3), each by one standard deviation. expressions: (E, V, 3), each at 1. names: of the E expressions,
    ARKit's.
    """

    people: Tensor
    expressions: Tensor
    names: tuple[str, ...]

    @classmethod
    @functools.lru_cache(maxsize=2)  # a folder of scans is fitted with one template, and so are most lessons
    def of(cls, template: Mesh) -> FaceShapes | None:
        """Those of an embedded head or of a template that has landmarks; None for another one."""
        if "ibug68" not in template.landmarks:
            return None
        for name in ("makehuman", "soma"):
            head, faces = load_head(name), template.faces.cpu()
            if len(head.mesh.vertices) == len(template.vertices) and torch.equal(head.mesh.faces, faces):
                return cls._on(head.tie and (*head.tie, np.eye(3)))
        return cls._on(_tie(template))

    @classmethod
    def _on(cls, tie: tuple[Tensor, Tensor, np.ndarray] | None) -> FaceShapes:
        head, people, expressions, names = _embedded()
        if tie is None:
            return cls(people, expressions, names)
        face, shares, map_ = tie

        def carried(shapes: Tensor) -> Tensor:
            found = (shares[..., None] * shapes[..., head.mesh.faces[face], :]).sum(-2)
            return found @ torch.from_numpy(map_).T.to(found)

        return cls(carried(people), carried(expressions), names)

    def offsets(self, amounts: dict[str, float]) -> Tensor:
        """(V, 3) mm of named expressions together."""
        numbers = [self.names.index(name) for name in amounts]
        return torch.einsum("e,evx->vx", torch.tensor(list(amounts.values())), self.expressions[numbers])


@functools.cache
def _embedded() -> tuple[Head, Tensor, Tensor, tuple[str, ...]]:
    """The embedded head with the principal components of its people, and its expressions."""
    head, generator = load_head(), np.random.default_rng(0)
    names = head.identities.names
    shapes = torch.stack([head.identities.offsets({name: 1.0}) for name in names]).flatten(1)
    amounts = torch.zeros(_PEOPLE, len(names))
    for row in amounts:
        for name, amount in sample_identity(head.identities, generator).items():
            row[names.index(name)] = amount
    away = (amounts - amounts.mean(0)) @ shapes
    # Of the samples' own products the eigenvectors are as good, and there are fewer.
    _, vectors = torch.linalg.eigh((away @ away.T).double())
    people = vectors.flip(1)[:, :_MODES].T.float() @ away / _PEOPLE**0.5
    moving = tuple(name for name in head.expressions.names if not name.startswith(_EYES))
    expressions = torch.stack([head.expressions.offsets({name: 1.0}) for name in moving])
    return head, people.view(_MODES, -1, 3), expressions, moving


def _tie(template: Mesh) -> tuple[Tensor, Tensor, np.ndarray]:
    """Where a template's vertices lie on the embedded head, and how its mm and axes become the template's."""
    head = _embedded()[0]
    there, here = (
        to_array(mesh.landmarks["ibug68"].points(mesh.vertices, mesh.faces)) for mesh in (template, head.mesh)
    )
    warp = Warp(here, there)
    skin = Skin(warp(to_array(head.mesh.vertices)), head.mesh.faces.numpy())
    normals = to_array(vertex_normals(template.vertices.double(), template.faces))
    on = skin.put(to_array(template.vertices), normals)
    shares = torch.from_numpy(on.barycentric).float()
    return torch.from_numpy(on.face), shares, warp.placement.scale * warp.placement.rotation
