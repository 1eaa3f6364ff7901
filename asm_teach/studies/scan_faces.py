"""The faces that lesson 5 fits models to: people sampled from the embedded head, and real scans."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asm_teach.data.heads import Head
from asm_teach.data.scans import load_scan
from asm_teach.geometry.alignment import align_points
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.metrics import face_region
from asm_teach.geometry.visibility import seen_from

BESIDE = 0.25  # how much a vertex of a registered face counts in a fit that is not in the part `face`


@dataclass(frozen=True, eq=False)
class Subject:
    """A face to fit a model to.

    where: what kind of face; each kind has rows of its own. mesh: the target, mm. area: (n,) which of its vertices are
    measured. eyes: mm between the outer corners of the eyes, the length of the NME. mask: (V,) how much each vertex of
    a registered face counts in a fit, None for a raw scan. landmarks: (68, 3) mm on a raw scan, NaN where unknown.
    """

    name: str
    where: str
    mesh: Mesh
    area: Tensor
    eyes: float
    mask: Tensor | None = None
    landmarks: Tensor | None = None


def embedded_people(head: Head, people: int) -> list[Subject]:
    """Persons 0, 1, ... of the head, with expressions; measured over its part `face`, vertex by vertex.

    Raises ValueError for fewer than none.
    """
    if people < 0:
        raise ValueError(f"people: give 0 or more, found {people}")
    area = head.mesh.part_vertices("face")
    mask = torch.full((len(head.mesh.vertices),), BESIDE).index_fill(0, area, 1.0)
    subjects = []
    for seed in range(people):
        mesh = head.sample(seed)
        right, left = head.landmarks.points(mesh.vertices, mesh.faces)[[36, 45]]
        eyes = float(torch.linalg.vector_norm(right - left))
        subjects.append(Subject(f"embedded person {seed}", "embedded people", mesh, area, eyes, mask))
    return subjects


def scanned_face(head: Head, name: str, mesh: Mesh, landmarks: Tensor) -> Subject:
    """A raw scan (mm) with its 68 points (68, 3), NaN where unknown; measured from its points to the fitted surface.

    Measured is what of `face_region` can be seen from the front or from 45 degrees to the left or right of it: a scan
    may have eyeballs behind its lids and a mouth behind its lips. Raises ValueError where the eyes' outer corners, the
    tip or the root of the nose are unknown.
    """
    needed = landmarks[[36, 45, 30, 27]]
    if not needed.isfinite().all():
        raise ValueError("landmarks: points 36, 45, 30 and 27 are needed, the outer corners of the eyes and the nose")
    eyes = float(torch.linalg.vector_norm(needed[0] - needed[1]))
    inside = face_region(mesh.vertices, needed[2], needed[:2], needed[3]).nonzero()[:, 0]
    known = landmarks.isfinite().all(1)
    _, turn, _ = align_points(head.landmarks.points(head.mesh.vertices, head.mesh.faces)[known], landmarks[known], True)
    views = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [-1.0, 0.0, 1.0]]) @ turn.T
    area = inside[seen_from(mesh.vertices[inside], mesh, views)]
    return Subject(name, name, mesh, area, eyes, landmarks=landmarks)


def real_face(head: Head, name: str, progress: bool = True) -> Subject:
    """One of the scans of `load_scan`; raises as that does."""
    scan = load_scan(name, progress)
    return scanned_face(head, name, scan.mesh, scan.landmarks)
