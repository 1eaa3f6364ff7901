"""Scans of people whose mouths are open, of several kinds, and by how much a fit misses their mouths."""

from __future__ import annotations

import numpy as np
import torch
import trimesh
from scipy.spatial.transform import Rotation
from torch import Tensor

from asm_teach.data.heads import Head, load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.visibility import seen_from
from asm_teach.scan_fit.clean import keep_faces, simplify

HEAD = load_head()
LIPS, CHIN, CORNERS = [57, 66], [8], [48, 54]  # rows of iBUG's 68
VIEWS = [[0.0, 0, 1], [1, 0, 1], [-1, 0, 1], [0, 1, 1], [0, -0.7, 1], [1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, -1]]
KINDS = ("whole", "mask", "coarse", "noisy", "metres")


def raw_scan(
    seed: int, opening: float, smile: float = 0.0, kind: str = "whole", more: dict[str, float] | None = None
) -> tuple[Mesh, Tensor]:
    """What a scanner sees of a sampled person, in another topology and pose, and where the template's vertices are.

    kind: "whole" head; "mask", the face alone; "coarse", at most 12,000 triangles; "noisy" by 0.4 mm; in "metres" and
    turned anyhow. more: amounts of other expressions.
    """
    generator = np.random.default_rng(1000 + seed)
    amounts = {"jawOpen": opening, "mouthSmileLeft": smile, "mouthSmileRight": smile, **(more or {})}
    person = HEAD.sample(seed, expression=False).vertices + HEAD.offsets(expressions=amounts)
    seen = seen_from(person, HEAD.mesh.with_vertices(person), torch.tensor(VIEWS))
    faces = HEAD.mesh.faces[seen[HEAD.mesh.faces].all(1)]
    surface = trimesh.Trimesh(*trimesh.remesh.subdivide(person.double().numpy(), faces.numpy()))
    turn = Rotation.from_euler("xyz", generator.uniform(-25, 25, 3), degrees=True).as_matrix()
    shift = generator.normal(0, 50, 3)
    points = surface.vertices + generator.normal(0, 0.4 if kind == "noisy" else 0.1, surface.vertices.shape)
    if kind == "metres":
        turn = Rotation.random(random_state=seed).as_matrix()
    scan = Mesh(torch.tensor(points @ turn.T + shift).float(), torch.tensor(np.asarray(surface.faces)))
    if kind == "mask":
        nose = person[HEAD.landmarks.nearest_vertices(HEAD.mesh.faces)[30]].numpy()
        near = (np.linalg.norm(surface.vertices - nose, axis=1) < 100) & (surface.vertices[:, 2] > nose[2] - 80)
        scan = keep_faces(scan, torch.from_numpy(near)[scan.faces].all(1))
    elif kind == "coarse":
        scan = simplify(scan, 12_000)
    elif kind == "metres":
        scan = scan.with_vertices(scan.vertices / 1000)
    return scan, torch.tensor(person.double().numpy() @ turn.T + shift).float()


def misses(vertices: Tensor, truth: Tensor, head: Head = HEAD) -> dict[str, float]:
    """mm by which parts of the mouth are off."""
    found, right = (head.landmarks.points(x, head.mesh.faces) for x in (vertices, truth))
    away = torch.linalg.vector_norm(found - right, dim=1)
    return {name: float(away[rows].max()) for name, rows in (("lip", LIPS), ("chin", CHIN), ("corners", CORNERS))}


def lip_gap(mesh: Mesh) -> float:
    """mm between the inner edges of the lips."""
    lips = HEAD.landmarks.points(mesh.vertices, mesh.faces)[[62, 66]]
    return float(torch.linalg.vector_norm(lips[0] - lips[1]))
