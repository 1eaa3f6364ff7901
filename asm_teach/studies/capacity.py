"""How well each kind of model can represent a face, and with how many numbers: the table of lesson 5.

Every model is fitted to the same faces and measured at the same points. People sampled from the embedded head are the
home ground of a linear model: each of them is a sum of the same shapes, so enough modes reproduce all of them. Real
scans show how a model represents a face that it was not built from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm.auto import tqdm

from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.heads import load_head
from asm_teach.data.scans import load_facekit
from asm_teach.fitting.result import Fit
from asm_teach.geometry.closest_point import closest_points
from asm_teach.geometry.metrics import summarise
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.scan_fit.fit import fit_scan
from asm_teach.scan_fit.linear_fit import MorphableFit, fit_morphable
from asm_teach.studies.scan_faces import Subject, embedded_people, real_face
from asm_teach.studies.scan_models import GROUPS, Contender, contenders, facekit_contenders, file_size
from asm_teach.studies.scan_table import ScanRow, check_ending, format_table, write_table

QUICK_STEPS = 15  # of a fit, less than half of the usual ones: errors stay a tenth larger, in the same order


class Measured(NamedTuple):
    """The outcome of one fit: distances (n,) mm over the face area, the seconds it took, bytes of the fitted model."""

    distances: Tensor
    seconds: float
    bytes: int


def take_on(
    contender: Contender, subject: Subject, steps: int | None = None, device: str | torch.device = "auto"
) -> Measured:
    """Fit a model to a face and measure how far from the face it remains.

    On a registered face from each vertex to its own; on a raw scan from each point to the nearest of the surface.
    steps: of the fit; None for the default of `fit_scan` and `fit_morphable`.
    """
    model, target = contender.model, subject.mesh
    landmarks = subject.landmarks if "ibug68" in model.mesh.landmarks else None
    fit: Fit | MorphableFit
    if isinstance(model, LinearMorphableModel):
        fit = fit_morphable(model, target, landmarks=landmarks, mask=subject.mask, steps=steps, progress=False)
    else:
        fit = fit_scan(
            model, target, landmarks=landmarks, mask=subject.mask, free=contender.free, steps=steps,
            progress=False, device=device,
        )  # fmt: skip
    if fit.interrupted:  # what stops one fit stops all of them
        raise KeyboardInterrupt
    points, vertices = target.vertices[subject.area], fit.vertices.to(target.vertices)
    if subject.mask is not None:
        distances = torch.linalg.vector_norm(vertices[subject.area] - points, dim=1)
    else:
        distances = closest_points(points, vertices, model.mesh.faces)[1]
    return Measured(distances, fit.seconds, file_size(fit.model))


def evidence(
    models: Sequence[Contender],
    subjects: Sequence[Subject],
    steps: int | None = None,
    device: str | torch.device = "auto",
    progress: bool = True,
) -> list[ScanRow]:
    """Fit every model to every face; one row for each kind of face, part of the table and model, in that order.

    A model of another topology is not tried on registered faces. After Ctrl-C it returns the rows that are done.
    Raises ValueError for an empty list.
    """
    for name, given in (("models", models), ("subjects", subjects)):
        if not given:
            raise ValueError(f"{name}: it is empty; there is nothing to compare")
    kinds: dict[str, list[Subject]] = {}
    for subject in subjects:
        kinds.setdefault(subject.where, []).append(subject)
    pairs = [(c, people) for people in kinds.values() for c in models if all(_fits(c, face) for face in people)]
    rows = []
    bar = tqdm(total=sum(len(people) for _, people in pairs), desc="capacity", leave=False, disable=not progress)
    with bar, suppress(KeyboardInterrupt):
        for contender, people in pairs:
            results = []
            for subject in people:
                bar.set_postfix_str(f"{contender.name}: {subject.name}")
                results.append(take_on(contender, subject, steps, device))
                bar.update()
            rows += _rows(contender, people, results)
    order = [list(kinds), list(GROUPS)]
    return sorted(rows, key=lambda row: (order[0].index(row.where), order[1].index(row.group)))


def _fits(contender: Contender, subject: Subject) -> bool:
    """Whether the model can be tried on the face: on a registered one only if it has its vertices."""
    return subject.mask is None or torch.equal(contender.model.mesh.faces, subject.mesh.faces)


def _rows(contender: Contender, people: Sequence[Subject], results: Sequence[Measured]) -> list[ScanRow]:
    """The row of a model, once for each part of the table it belongs to."""
    count = len(people)
    figures = summarise(torch.cat([result.distances for result in results]))
    shares = [float(result.distances.mean()) / subject.eyes for result, subject in zip(results, people, strict=True)]
    return [
        ScanRow(
            group=group,
            model=contender.name,
            where=people[0].where,
            faces=count,
            parameters=contender.parameters,
            bytes=max(result.bytes for result in results),
            **{name: figures[name] for name in ("mean", "median", "rmse", "p95")},
            nme=100 * sum(shares) / count,
            seconds=sum(result.seconds for result in results) / count,
        )
        for group in contender.groups
    ]


def run_capacity(
    *,
    people: int = 5,
    scans: Sequence[str] = ("james", "lee-perry-smith"),
    groups: Sequence[str] = tuple(GROUPS),
    quick: bool = False,
    facekit: bool = False,
    output: str | os.PathLike[str] | None = None,
    device: str | torch.device = "auto",
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> list[ScanRow]:
    """Compute the table of lesson 5 on the embedded head, print it and return its rows.

    people: how many embedded people to try the models on. scans: names of real ones; `say` names those whose files
    are missing. groups: parts of the table, of GROUPS. quick: only the ends of each sweep, and short fits. facekit: on
    scans also the light-stage modes of ICT-FaceKit, a download of 260 MB. output: a file for the table.

    Raises ValueError for unknown groups, scans or endings of the file, and when no face is left.
    """
    if output is not None:
        check_ending(Path(output))
    head = load_head()
    subjects = embedded_people(head, people)
    for name in scans:
        try:
            subjects.append(real_face(head, name, progress))
        except AssetUnavailable as missing:
            say(f"{name} is left out: {missing}")
    if not subjects:
        raise ValueError("people, scans: no face is left to try the models on; give people=1 or more")
    models = contenders(head, groups, quick)
    if facekit:
        try:
            models += facekit_contenders(load_facekit([f"identity{k:03d}" for k in range(100)], progress))
        except AssetUnavailable as missing:
            say(f"ICT-FaceKit is left out: {missing}")
    rows = evidence(models, subjects, QUICK_STEPS if quick else None, device, progress)
    if rows:
        say(format_table(rows))
    if rows and output is not None:
        write_table(rows, Path(output))
    return rows
