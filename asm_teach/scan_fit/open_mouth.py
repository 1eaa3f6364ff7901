"""What the mouth of a raw scan does, and a face whose mouth does the same before the fit begins. Lesson 6.

Closest points cannot open a mouth: the lower lip of a closed template finds the upper lip of the scan, and the fit ends
with a small distance and a wrong face. So the relief of templates with several openings is compared with the scan's,
and the fit starts from the best one.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from asm_teach.data.heads import load_head
from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.closest_point import closest_points, to_array
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.geometry.surface_points import barycentric
from asm_teach.scan_fit.face_relief import Cloud, Found, Poses, Samples, measure
from asm_teach.scan_fit.face_search import move

SHAPES = (("jawOpen",), ("mouthSmileLeft", "mouthSmileRight"))  # at 1 a mouth is open by some 40 mm
OPENINGS, SMILES = (0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 0.5, 1.0)
CLOSED = (0.0, 0.0)
_PLACES = 4  # of the places that the search liked best, so many are looked at with each mouth
_GAIN = 0.04  # of the relief that a mouth must have more than the closed one; people at rest differ by 0.03
_LESS = 0.8  # of what landmarks leave with a closed mouth: an open one must leave less; people at rest leave over 0.9

Amounts = tuple[float, float]  # of the opening and of the smile


class Mouth:
    """The template's face with its mouth open by some amount and drawn apart by some.

    template: an embedded head with its landmarks. face: points of its face, counted from `middle`.
    """

    def __init__(self, template: Mesh, shapes: Tensor, face: Cloud, middle: np.ndarray) -> None:
        self.template, self.shapes, self.face, self.middle = template, shapes, face, middle
        vertices, faces = template.vertices.detach().cpu().double(), template.faces.cpu()
        foot, _, triangle = closest_points(torch.from_numpy(face.points + middle), vertices, faces)
        self.corners = faces[triangle]
        self.shares = torch.from_numpy(barycentric(to_array(foot), to_array(vertices[self.corners])))

    @classmethod
    def of(cls, template: Mesh, face: Cloud, middle: np.ndarray) -> Mouth | None:
        """The mouth of an embedded head; None for another template, whose expressions are not known."""
        shapes = mouth_shapes(template) if "ibug68" in template.landmarks else None
        return None if shapes is None else cls(template, shapes, face, middle)

    def mesh(self, amounts: Amounts) -> Mesh:
        """The template with that mouth."""
        return with_mouth(self.template, self.shapes, amounts)

    def points(self, amounts: Amounts) -> Cloud:
        """The points of the face with that mouth."""
        if amounts == CLOSED:
            return self.face
        vertices = self.mesh(amounts).vertices.detach().cpu().double()
        points = (self.shares[..., None] * vertices[self.corners]).sum(1)
        return Cloud(to_array(points) - self.middle, to_array(face_normals(vertices, self.corners)))

    def find(self, samples: Samples, poses: Poses) -> tuple[Amounts, Found]:
        """The mouth that leaves most of the face's relief on the scan, and where that face is placed.

        Args:
            samples: of the scan.
            poses: where a closed face was found, the best first.
        """
        first = poses.take(np.arange(min(_PLACES, len(poses.scale))))
        tried: dict[Amounts, Found] = {}

        def relief(amounts: Amounts) -> float:
            if amounts not in tried:
                face = self.points(amounts)
                found = measure(samples, face, move(samples, face, first, np.geomspace(12, 5, 15)))
                best = np.array([found.relief.argmax()])
                tried[amounts] = Found(found.poses.take(best), *(x[best] for x in found[1:]))
            return float(tried[amounts].relief[0])

        opening = max(OPENINGS, key=lambda o: relief((o, 0.0)))
        smile = max(SMILES, key=lambda s: relief((opening, s)))
        opening = max(OPENINGS, key=lambda o: relief((o, smile)))
        best = (opening, smile)
        if relief(best) < relief(CLOSED) + _GAIN:
            return CLOSED, tried[CLOSED]
        between = (
            peak(OPENINGS, [relief((o, smile)) for o in OPENINGS]),
            peak(SMILES, [relief((opening, s)) for s in SMILES]),
        )
        return between, tried[best]

    def of_landmarks(self, landmarks: Tensor) -> Amounts:
        """The mouth with which the template's "ibug68" fit landmarks (68, 3) of a scan best; NaN rows are left out."""
        known = landmarks.isfinite().all(1)
        there = landmarks[known].double().cpu()

        def misfit(amounts: Amounts) -> float:
            mesh = self.mesh(amounts)
            here = mesh.landmarks["ibug68"].points(mesh.vertices, mesh.faces)[known].double().cpu()
            placed = apply_alignment(here, align_points(here, there, scale=True))
            return float((placed - there).square().sum(1).mean().sqrt())

        left = [[misfit((opening, smile)) for smile in SMILES] for opening in OPENINGS]
        i, k = divmod(int(np.argmin(left)), len(SMILES))
        if left[i][k] > _LESS * left[0][0]:
            return CLOSED
        return peak(OPENINGS, [-row[k] for row in left]), peak(SMILES, [-x for x in left[i]])


@functools.cache
def _embedded() -> tuple[tuple[Tensor, Tensor], ...]:
    """The faces of each embedded head, and how its vertices move with each of the `SHAPES`, (2, V, 3) mm."""
    heads = [load_head(name) for name in ("makehuman", "soma")]
    return tuple(
        (head.mesh.faces, torch.stack([head.offsets(expressions=dict.fromkeys(names, 1.0)) for names in SHAPES]))
        for head in heads
    )


def mouth_shapes(template: Mesh) -> Tensor | None:
    """How the vertices of an embedded head move with each of the `SHAPES`, (2, V, 3) mm; None for another template."""
    for faces, shapes in _embedded():
        if shapes.shape[1] == len(template.vertices) and torch.equal(faces, template.faces.cpu()):
            return shapes.to(template.vertices)
    return None


def with_mouth(template: Mesh, shapes: Tensor, amounts: Amounts) -> Mesh:
    """The template with its mouth open and drawn apart by these amounts of the shapes (2, V, 3)."""
    return template.with_vertices(template.vertices + amounts[0] * shapes[0] + amounts[1] * shapes[1])


def peak(places: Sequence[float], scores: Sequence[float]) -> float:
    """Where a parabola through the highest of evenly spaced scores and its neighbours has its top."""
    k = int(np.argmax(scores))
    if not 0 < k < len(places) - 1:
        return places[k]
    before, here, after = scores[k - 1 : k + 2]
    return places[k] + 0.5 * (places[1] - places[0]) * (before - after) / (before - 2 * here + after)
