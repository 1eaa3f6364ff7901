"""What the error of a fit to a scan hides: it averages over what was trusted. Said in notes after every fit. Lesson 6.

A lower lip that lies on the upper lip of the scan is a small distance and a wrong face. So the notes tell how much of
the scan's face no vertex covers, how much of the template's face found nothing, and which landmarks were missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from asm_teach.data.landmark_files import HANDFUL, ibug68_names
from asm_teach.geometry.closest_point import Surface, to_array
from asm_teach.geometry.mesh import Mesh, vertex_normals
from asm_teach.geometry.metrics import face_region
from asm_teach.geometry.visibility import exposed
from asm_teach.scan_fit.face_search import draw

MISSED = 3.0  # mm: a landmark or a surface farther away than this is not where it should be
_WORTH = 0.02  # share of a surface that is worth a sentence
_ALIKE = 0.3  # cosine between normals that face the same way
_SAMPLES = 3000
_RADIUS = 95.0  # mm round the tip of the nose, of a template without landmarks
_MOST = 15.0  # mm: farther than this is missing, however far


@dataclass(frozen=True)
class Gaps:
    """How far two surfaces are from each other at the face, mm.

    scan: (n,) from points spread over the scan near the face to the fitted surface. face: (m,) from the vertices of
    the fitted face that can be seen to the scan; infinite where it only faces another way.
    """

    scan: Tensor
    face: Tensor

    @classmethod
    def between(cls, template: Mesh, vertices: Tensor, scan: Mesh) -> Gaps:
        """template: whose faces, parts and landmarks count. vertices: (V, 3) mm of the fit. scan: in mm."""
        mesh, scan = Mesh(vertices.detach().cpu(), template.faces.cpu()), scan.to("cpu")
        rows = _face_rows(template, mesh.vertices)
        generator = np.random.default_rng(0)
        cloud = draw(to_array(scan.vertices), scan.faces.numpy(), 4 * _SAMPLES, generator)
        near = _near(template, mesh.vertices, torch.from_numpy(cloud.points))
        drawn = cloud.points[near][:_SAMPLES] if int(near.sum()) <= _SAMPLES else _some(cloud.points[near])
        to_face = Surface(mesh.vertices, mesh.faces).closest(drawn)[1] if len(drawn) else np.zeros(0)
        points, normals = to_array(mesh.vertices[rows]), to_array(vertex_normals(mesh.vertices, mesh.faces)[rows])
        surface = Surface(scan.vertices, scan.faces)
        _, away, face = surface.closest(points)
        away = np.where((surface.normals(face) * normals).sum(1) > _ALIKE, away, np.inf)
        return cls(torch.from_numpy(to_face), torch.from_numpy(away))

    @property
    def misfit(self) -> float:
        """Mean distance of both in mm, no point counted as more than 15: what tells one start from another."""
        return float(sum(x.clamp_max(_MOST).mean() for x in (self.scan, self.face) if len(x)))

    def notes(self) -> list[str]:
        """A sentence for each share that is worth one."""
        uncovered, alone = (float((x > MISSED).double().mean()) if len(x) else 0.0 for x in (self.scan, self.face))
        found = []
        if uncovered > _WORTH:
            found.append(
                f"{uncovered:.0%} of the scan near the face is more than {MISSED:.0f} mm from the fitted surface: "
                "hair, glasses, the inside of the mouth, or a part of the face that the fit has missed."
            )
        if alone > _WORTH:
            found.append(
                f"{alone:.0%} of the template's face has no surface of the scan within {MISSED:.0f} mm: a hole or the "
                "end of the scan, where the face is a guess, or a part that the fit has put in a wrong place."
            )
        return found


def vertex_note(vertices: Tensor, target: Tensor, weight: Tensor) -> list[str]:
    """A sentence if many vertices (V, 3) of a registered fit that count are far from where they belong (V, 3)."""
    away = torch.linalg.vector_norm(vertices - target.to(vertices), dim=1)
    counts = weight.to(vertices) >= weight.max()
    share = float((away[counts] > MISSED).double().mean())
    if share <= _WORTH:
        return []
    return [f"{share:.0%} of the vertices that count are more than {MISSED:.0f} mm from where they belong on the scan."]


def missed_landmarks(template: Mesh, vertices: Tensor, landmarks: Tensor | None) -> list[str]:
    """A sentence that names the landmarks (68, 3) mm that a fit misses by more than 3 mm, the worst first."""
    if landmarks is None:
        return []
    there = template.landmarks["ibug68"].points(vertices.detach(), template.faces)
    away = torch.linalg.vector_norm(there - landmarks.to(there), dim=1).nan_to_num(0.0)
    missed = [int(number) for number in away.argsort(descending=True) if away[number] > MISSED]
    if not missed:
        return []
    names = dict(enumerate(ibug68_names())) | {number: name for name, number in HANDFUL.items()}
    told = ", ".join(f"{names[number]} ({number}) by {away[number]:.1f} mm" for number in missed)
    return [f"Landmarks that the fit misses by more than {MISSED:.0f} mm: {told}. Check that they are in their places."]


def stopped_note(interrupted: bool, done: int, steps: int) -> list[str]:
    """A sentence if a fit was stopped before its end."""
    return [f"The fit was stopped after {done} of {steps} steps: this is an unfinished face."] if interrupted else []


def _face_rows(template: Mesh, vertices: Tensor) -> Tensor:
    """Vertices (n,) of the face that a scanner can see."""
    part = torch.ones(len(vertices), dtype=torch.bool)
    if "face" in template.parts:
        part = torch.zeros_like(part).index_fill(0, template.part_vertices("face").cpu(), True)
    inside = part & _near(template, vertices, vertices)
    open_ = exposed(vertices, template.faces.cpu()) > 0.5
    return (inside & open_).nonzero()[:, 0]


def _near(template: Mesh, vertices: Tensor, points: Tensor) -> Tensor:
    """Which points (n, 3) lie where the face is, (n,) bool."""
    points = points.to(vertices)
    if "ibug68" in template.landmarks:
        marks = template.to("cpu").landmarks["ibug68"].points(vertices, template.faces.cpu())
        return face_region(points, marks[30], marks[[36, 45]], marks[27])
    tip = vertices[template.vertices[:, 2].argmax()]
    return torch.linalg.vector_norm(points - tip, dim=1) < _RADIUS


def _some(points: np.ndarray) -> np.ndarray:
    return points[np.linspace(0, len(points) - 1, _SAMPLES).astype(int)]
