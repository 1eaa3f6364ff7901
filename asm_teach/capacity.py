"""The evidence: how well each kind of model can take on a face, and for how many numbers. Printed in lesson 5.

Every model is fitted to the same faces and measured at the same points. People sampled from the embedded head are the
home ground of a linear model: each of them is a sum of the same shapes, so enough modes reproduce all of them. What a
model makes of a face that nobody built it from, real scans show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm.auto import tqdm

from asm_teach.closest import closest_points
from asm_teach.contenders import GROUPS, Contender, file_size
from asm_teach.data import Head
from asm_teach.mesh import Mesh
from asm_teach.metrics import face_region, summarise
from asm_teach.model import SkinnedModel
from asm_teach.morphable import LinearMorphableModel
from asm_teach.morphfit import fit_morphable
from asm_teach.scanfit import fit_scan


@dataclass(frozen=True, eq=False)
class Subject:
    """A face to take on.

    where: what kind of face; each kind has rows of its own. mesh: the target, mm. area: (n,) which of its vertices are
    measured. eyes: mm between the outer corners of the eyes, the length of the NME. landmarks: (68, 3) mm on a scan.
    registered: whether its vertices are those of the embedded head, in their order.
    """

    name: str
    where: str
    mesh: Mesh
    area: Tensor
    eyes: float
    landmarks: Tensor | None = None
    registered: bool = True


@dataclass(frozen=True)
class Row:
    """One line of the table: a model on one kind of face.

    where: the kind, faces: how many of them. parameters: numbers for one face. bytes: size of the model's file.
    mean, median, rmse, p95: mm, over the face areas of all of them together. nme: a face's mean error divided by the
    distance of the outer corners of its eyes, in per cent, mean over faces. seconds: of a fit, mean over faces.
    """

    group: str
    model: str
    where: str
    faces: int
    parameters: int
    bytes: int
    mean: float
    median: float
    rmse: float
    p95: float
    nme: float
    seconds: float


def embedded_people(head: Head, people: int) -> list[Subject]:
    """Persons 0, 1, ... of the head, with expressions; measured over its part `face`, vertex by vertex."""
    subjects = []
    for seed in range(people):
        mesh = head.sample(seed)
        right, left = head.landmarks.points(mesh.vertices, mesh.faces)[[36, 45]]
        eyes = float(torch.linalg.vector_norm(right - left))
        area = mesh.part_vertices("face") if "face" in mesh.parts else torch.arange(len(mesh.vertices))
        subjects.append(Subject(f"embedded person {seed}", "embedded people", mesh, area, eyes))
    return subjects


def scanned_face(name: str, mesh: Mesh, landmarks: Tensor) -> Subject:
    """A raw scan (mm) with its 68 points (68, 3); measured over `face_region`, from its points to the surface."""
    area = face_region(mesh.vertices, landmarks[30], landmarks[[36, 45]], landmarks[27]).nonzero()[:, 0]
    eyes = float(torch.linalg.vector_norm(landmarks[36] - landmarks[45]))
    return Subject(name, name, mesh, area, eyes, landmarks, registered=False)


class Result(NamedTuple):
    """What came of one fit: distances (n,) mm over the face area, the seconds it took, bytes of the fitted model."""

    distances: Tensor
    seconds: float
    bytes: int


def take_on(contender: Contender, subject: Subject, device: str | torch.device = "auto") -> Result:
    """Fit a model to a face and measure it where the fit has put it.

    On a registered face from each vertex to its own; on a scan from each point to the nearest point of the surface.
    """
    model, target = contender.model, subject.mesh
    fitted: LinearMorphableModel | SkinnedModel
    if isinstance(model, LinearMorphableModel):
        linear = fit_morphable(model, target.vertices, scale=True)
        fitted, vertices, seconds = model, linear.vertices, linear.seconds
    else:
        fit = fit_scan(model, target, landmarks=subject.landmarks, free=contender.free, progress=False, device=device)
        fitted, vertices, seconds = fit.model, fit.vertices, fit.seconds
    points, vertices = target.vertices[subject.area], vertices.to(target.vertices)
    if subject.registered:
        distances = torch.linalg.vector_norm(vertices[subject.area] - points, dim=1)
    else:
        distances = closest_points(points, vertices, model.mesh.faces)[1]
    return Result(distances, seconds, file_size(fitted))


def evidence(
    models: Sequence[Contender],
    subjects: Sequence[Subject],
    device: str | torch.device = "auto",
    progress: bool = True,
) -> list[Row]:
    """Fit every model to every face; one row for each kind of face, part of the table and model, in that order.

    Raises ValueError for an empty list.
    """
    for name, given in (("models", models), ("subjects", subjects)):
        if not given:
            raise ValueError(f"{name}: it is empty; there is nothing to compare")
    kinds: dict[str, list[Subject]] = {}
    for subject in subjects:
        kinds.setdefault(subject.where, []).append(subject)
    rows = []
    with tqdm(total=len(models) * len(subjects), desc="capacity", leave=False, disable=not progress) as bar:
        for where, people in kinds.items():
            for contender in models:
                results = []
                for subject in people:
                    bar.set_postfix_str(f"{contender.name} on {subject.name}")
                    results.append(take_on(contender, subject, device))
                    bar.update()
                rows += _rows(contender, where, people, results)
    return sorted(rows, key=lambda row: (list(kinds).index(row.where), list(GROUPS).index(row.group)))


def _rows(contender: Contender, where: str, people: Sequence[Subject], results: Sequence[Result]) -> list[Row]:
    """The row of a model, once for each part of the table it belongs to."""
    count = len(people)
    figures = summarise(torch.cat([result.distances for result in results]))
    shares = [float(result.distances.mean()) / subject.eyes for result, subject in zip(results, people, strict=True)]
    return [
        Row(
            group=group,
            model=contender.name,
            where=where,
            faces=count,
            parameters=contender.parameters,
            bytes=max(result.bytes for result in results),
            **{name: figures[name] for name in ("mean", "median", "rmse", "p95")},
            nme=100 * sum(shares) / count,
            seconds=sum(result.seconds for result in results) / count,
        )
        for group in contender.groups
    ]
