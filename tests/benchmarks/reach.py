"""How far fits to scans reach, and how fast: python tests/benchmarks/reach.py. Prints one table; takes some minutes.

The embedded people are always there. The raw scans need the fetched data (ASM_TEACH_MIRROR), the people of ICT-FaceKit
its arrays (ASM_TEACH_REDUCED: ict_template.npz, ict_identity100_f16.npz, ict_expression53_f16.npz).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.heads import load_head
from asm_teach.fitting.result import Fit
from asm_teach.geometry.alignment import align_points
from asm_teach.geometry.closest_point import closest_points
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.geometry.visibility import exposed
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.new_head.prepare import prepare_head
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.studies.free_matrices import FreeMatrixModel
from asm_teach.studies.scan_faces import real_face

FACE = 9409  # vertices of ICT-FaceKit's face


def facekit(folder: Path, seeds: Sequence[int]) -> tuple[AdaptiveSkinningModel, Iterator[tuple[int, Mesh]]]:
    """The model of ICT-FaceKit's face and unseen people: all identity modes, and three expressions."""
    kit = dict(np.load(folder / "ict_template.npz"))
    inside = (kit["faces"] < FACE).all(1)
    quads, corners = kit["faces"][inside], kit["faces_uv"][inside]
    uv = np.zeros((FACE, 2))
    uv[quads] = kit["uv"][corners]
    faces = torch.from_numpy(np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])).long()
    vertices = torch.from_numpy(10 * kit["v"][:FACE]).float()
    head = prepare_head(Mesh(vertices, faces, torch.from_numpy(uv).float()), torch.from_numpy(kit["lm68"]).long())

    def people() -> Iterator[tuple[int, Mesh]]:
        identity = np.load(folder / "ict_identity100_f16.npz")["modes"][:, :FACE].astype(np.float32)
        expression = np.load(folder / "ict_expression53_f16.npz")["modes"][:, :FACE].astype(np.float32)
        for seed in seeds:
            generator = np.random.default_rng(seed)
            shape = np.tensordot(generator.standard_normal(len(identity)), identity, 1)
            chosen = generator.choice(len(expression), 3, replace=False)
            shape = shape + np.tensordot(generator.random(3), expression[chosen], 1)
            yield seed, head.take(vertices + torch.from_numpy(10 * shape).float())

    return head.model(), people()


def row(name: str, fit: Fit, distance: Tensor, more: str = "") -> None:
    """One line of the table."""
    model = fit.model
    scale = f"{model.log_scale.min().exp().item():6.2f}" if hasattr(model, "log_scale") else "     -"
    figures = distance.mean(), distance.quantile(0.95)
    print(f"{name:<34}" + "".join(f"{x:8.3f}" for x in figures) + f"{fit.seconds:7.1f}{scale}  {more}", flush=True)


def main(seeds: Sequence[int]) -> None:
    """Print the table for these seeds."""
    torch.set_num_threads(1)
    print(f"{'fit':<34}{'mean':>8}{'95 %':>8}{'s':>7}{'scale':>6}  (mm; seconds; smallest scale of any bone)")
    head = load_head()
    face = head.mesh.part_vertices("face")
    for seed in seeds:
        person = head.sample(seed)
        fit = fit_scan(AdaptiveSkinningModel(head.mesh, head.rig, 2), person, progress=False)
        distance = torch.linalg.vector_norm(fit.vertices - person.vertices, dim=1)
        row(f"embedded {seed}, face", fit, distance[face], f"all vertices: mean {distance.mean():.3f}")
    reduced = os.environ.get("ASM_TEACH_REDUCED")
    if reduced:
        model, people = facekit(Path(reduced), seeds)
        for seed, person in people:
            for degrees, steps in ((9, None), (12, 25)):
                given = model if degrees == 9 else FreeMatrixModel(model)
                fit = fit_scan(given, person, steps=steps, progress=False)
                distance = torch.linalg.vector_norm(fit.vertices - person.vertices, dim=1)
                row(f"ICT-FaceKit {seed}, {degrees} a bone", fit, distance)
    opened = (exposed(head.mesh.vertices, head.mesh.faces)[head.mesh.faces] > 0.5).all(1)
    for name in ("james", "lee-perry-smith"):
        try:
            subject = real_face(head, name, progress=False)
        except AssetUnavailable as missing:
            print(f"{name}: {missing}")
            continue
        for marks in (None, subject.landmarks):
            model = AdaptiveSkinningModel(head.mesh, head.rig, 2)
            fit = fit_scan(model, subject.mesh, landmarks=marks, progress=False)
            distance = closest_points(subject.mesh.vertices[subject.area], fit.vertices, head.mesh.faces)[1]
            facing = (face_normals(fit.vertices, head.mesh.faces) * _turned(head.mesh, fit)).sum(1)
            there = torch.zeros(len(facing), dtype=torch.bool)
            there[head.mesh.parts["face"]] = True
            flips = f"turned over: {int((facing < 0)[there & opened].sum())} of {int((there & opened).sum())} triangles"
            row(f"{name}, {'searched' if marks is None else 'by landmarks'}", fit, distance, flips)


def _turned(template: Mesh, fit: Fit) -> Tensor:
    """The template's normals, turned as the head is."""
    return face_normals(template.vertices, template.faces) @ align_points(template.vertices, fit.vertices)[1].T


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or range(10))
