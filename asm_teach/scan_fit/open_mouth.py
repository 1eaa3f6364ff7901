"""What the mouth of a raw scan does, and a face whose mouth does the same before the fit begins. Lesson 6.

Closest points cannot open a mouth: the lower lip of a closed template finds the upper lip of the scan, and the fit ends
with a small distance and a wrong face. So the relief of templates with several openings is compared with the scan's,
and the fit starts from the best one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.closest_point import closest_points, to_array
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.geometry.surface_points import barycentric
from asm_teach.scan_fit.face_relief import Cloud, Found, Poses, Samples, measure
from asm_teach.scan_fit.face_search import move
from asm_teach.scan_fit.face_shapes import FaceShapes

_OPEN, _SMILE = "jawOpen", ("mouthSmileLeft", "mouthSmileRight")  # at 1 a mouth is open by some 40 mm
OPENINGS, SMILES = (0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 0.5, 1.0)
CLOSED = (0.0, 0.0)
_PLACES = 4  # of the places that the search liked best, so many are looked at with each mouth
_GAIN = 0.04  # of the relief that a mouth must have more than the closed one; people at rest differ by 0.03
_DOUBT = 0.05  # of the relief: two mouths that differ by less are both tried
_ASTRAY = 15.0  # mm: a landmark farther from the others' place for it says little
_LESS = 0.8  # of what landmarks leave with a closed mouth: an open one must leave less; people at rest leave over 0.9

Amounts = tuple[float, float]  # of the opening and of the smile


class Mouth:
    """The template's face with its mouth open by some amount and drawn apart by some.

    template: with its landmarks. face: points of its face, counted from `middle`.
    """

    def __init__(self, template: Mesh, shapes: FaceShapes, face: Cloud, middle: np.ndarray) -> None:
        self.template, self.shapes, self.face, self.middle = template, shapes, face, middle
        vertices, faces = template.vertices.detach().cpu().double(), template.faces.cpu()
        foot, _, triangle = closest_points(torch.from_numpy(face.points + middle), vertices, faces)
        self.corners = faces[triangle]
        self.shares = torch.from_numpy(barycentric(to_array(foot), to_array(vertices[self.corners])))

    @classmethod
    def of(cls, template: Mesh, face: Cloud, middle: np.ndarray) -> Mouth | None:
        """The mouth of a template that has landmarks; None for another one, whose expressions are not known."""
        shapes = FaceShapes.of(template)
        return None if shapes is None else cls(template, shapes, face, middle)

    def mesh(self, amounts: Amounts) -> Mesh:
        """The template with that mouth."""
        moved = self.shapes.offsets(by_name(amounts)).to(self.template.vertices)
        return self.template.with_vertices(self.template.vertices + moved)

    def points(self, amounts: Amounts) -> Cloud:
        """The points of the face with that mouth."""
        if amounts == CLOSED:
            return self.face
        vertices = self.mesh(amounts).vertices.detach().cpu().double()
        points = (self.shares[..., None] * vertices[self.corners]).sum(1)
        return Cloud(to_array(points) - self.middle, to_array(face_normals(vertices, self.corners)))

    def find(self, samples: Samples, poses: Poses) -> tuple[list[Amounts], Found]:
        """The mouth that leaves most of the face's relief on the scan, and where that face is placed.

        Where an open mouth and the closed one leave nearly as much, both come back, the likelier first.

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
        openings = [relief((o, smile)) for o in OPENINGS]
        best = (OPENINGS[int(np.argmax(openings))], smile)
        wide = (OPENINGS[1 + int(np.argmax(openings[1:]))], smile)
        gain = relief(best) - relief(CLOSED)
        if gain < _GAIN:
            return [CLOSED, *([wide] if relief(wide) > relief(CLOSED) - _DOUBT else [])], tried[CLOSED]
        between = peak(OPENINGS, openings), peak(SMILES, [relief((best[0], s)) for s in SMILES])
        other, doubtful = (CLOSED, gain < 2 * _DOUBT) if best[0] else (wide, relief(wide) > relief(best) - _DOUBT)
        return [between, *([other] if doubtful else [])], tried[best]

    def of_landmarks(self, landmarks: Tensor) -> Amounts:
        """The mouth with which the template's "ibug68" fit landmarks (68, 3) of a scan best; NaN rows are left out."""
        known = landmarks.isfinite().all(1)
        there = landmarks[known].double().cpu()
        here = self.template.landmarks["ibug68"].points(self.template.vertices, self.template.faces)[known]
        unit = float(align_points(here.double().cpu(), there, scale=True)[0])  # of the scan for each mm

        def misfit(amounts: Amounts) -> float:
            mesh = self.mesh(amounts)
            here = mesh.landmarks["ibug68"].points(mesh.vertices, mesh.faces)[known].double().cpu()
            placed = apply_alignment(here, align_points(here, there, scale=True))
            away = (placed - there).square().sum(1) / unit**2
            return float((away / (1 + away / _ASTRAY**2)).mean().sqrt())  # one that is wrong does not decide

        left = [[misfit((opening, smile)) for smile in SMILES] for opening in OPENINGS]
        i, k = divmod(int(np.argmin(left)), len(SMILES))
        if left[i][k] > _LESS * left[0][0]:
            return CLOSED
        return peak(OPENINGS, [-row[k] for row in left]), peak(SMILES, [-x for x in left[i]])


def by_name(amounts: Amounts) -> dict[str, float]:
    """The amounts of expressions that make such a mouth."""
    return {_OPEN: amounts[0], **dict.fromkeys(_SMILE, amounts[1])}


def peak(places: Sequence[float], scores: Sequence[float]) -> float:
    """Where a parabola through the highest of evenly spaced scores and its neighbours has its top."""
    k = int(np.argmax(scores))
    if not 0 < k < len(places) - 1:
        return places[k]
    before, here, after = scores[k - 1 : k + 2]
    return places[k] + 0.5 * (places[1] - places[0]) * (before - after) / (before - 2 * here + after)
