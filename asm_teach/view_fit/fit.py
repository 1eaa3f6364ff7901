"""Fit a model to photographs of one person whose cameras nobody knows. Derived in lesson 8.

Unknown are the person, and for every view its pose and focal length. One view can hardly tell a near camera with a
short lens from a far one with a long lens; several views of one face can, a little. What they leave open is settled by
a weak prior on the focal length, stated in `fit_views`. The scale of the face is that of the template.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from asm_teach.base.device import pick_device
from asm_teach.fitting.descent import descend, parameter_groups, snapshot
from asm_teach.fitting.priors import Asymmetry, Bending, Prior, prior_loss
from asm_teach.fitting.result import Fit, LiveFace, Record, Watcher, watching
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.rendering.camera import pose_from_landmarks
from asm_teach.view_fit.bundle import Bundle
from asm_teach.view_fit.camera_numbers import CameraState
from asm_teach.view_fit.checks import after, before
from asm_teach.view_fit.movable_face import SkinnedFace
from asm_teach.view_fit.refine import agree
from asm_teach.view_fit.reprojection import Cameras, LandmarkTerm
from asm_teach.view_fit.view import View, sight

LOOSE = 0.015  # of the face's extent in the picture: how far off a landmark may be for the template's first pose


def _extent(pixels: Tensor) -> float:
    return float(torch.linalg.vector_norm(pixels.amax(0) - pixels.amin(0)))


Term = Callable[[SkinnedModel, Cameras], Tensor]
"""A further loss: a scalar of the model that is being fitted and of the cameras as they are now."""


def fit_views(
    model: SkinnedModel,
    views: Sequence[View],
    *,
    prior: Prior | None = None,
    focal_prior: tuple[float, float] = (1.2, 0.7),
    noise: float = 1.0,
    outlier: float = 5.0,
    steps: int = 300,
    photometric: bool | None = None,
    one_lens: bool = False,
    terms: Sequence[Term] = (),
    warm_start: bool = False,
    watch: Watcher | Callable[[Record, LiveFace], None] | None = None,
    progress: bool = True,
    device: str | torch.device = "auto",
) -> Fit:
    """Fit a model to N photographs of one person with unknown cameras. Derived in lesson 8.

    First from their landmarks alone, by descent. Then, where there are three pictures or more (`photometric` None) or
    two (True), on the agreement of the pictures about the skin that they share, by second-order steps on everything
    (`agree`). `photometric=False` leaves that out; two pictures taken far apart rather lose by it (lesson 8 measures
    that). `one_lens` says that all were taken with one focal length, in pictures of whatever size. `Fit.notes` say
    what is odd about the views and how far to trust the result.

    The first minimises the landmarks' reprojection error, divided by `noise` (mm on the face; beyond `outlier` times
    that a point counts less and less), with `prior` on the person and, on each focal length, the normal prior
    `focal_prior` of log(focal / image diagonal): median and standard deviation. `terms` adds further losses to it:
    functions of the model and the cameras as they are then. The bones start at rest, or with `warm_start`
    where the model has them; weights and binding start as the model has them. The given model is not changed; the
    result stays on the device of the fit.

    Raises ValueError for no views, landmarks that fit no set of the mesh, are no face's or have left and right
    exchanged, fewer than one step, a noise, outlier or focal prior that is not above zero, and for `photometric` with
    fewer than two pictures.
    """
    views = [views] if isinstance(views, View) else list(views)
    if not views:
        raise ValueError("views: give at least one photograph with landmarks; found none")
    for name, value in {"noise": noise, "outlier": outlier, "focal_prior": min(focal_prior)}.items():
        if not value > 0:
            raise ValueError(f"{name}: give numbers above 0, found {value}")
    pictured = [n for n, view in enumerate(views) if view.image is not None]
    if photometric and len(pictured) < 2:
        raise ValueError(f"photometric: pictures are compared with each other; found {len(pictured)}, give two or more")
    notes = before(model, views)
    prior = prior or Prior()
    where = pick_device(device)
    fitted = copy.deepcopy(model).to(where)
    if not warm_start:
        fitted.reset_motion()
    sights = [sight(view, fitted) for view in views]
    start = snapshot(fitted)
    with torch.no_grad():
        rest = fitted()
    points = [s.embedding.points(rest, fitted.mesh.faces) for s in sights]
    first = [
        pose_from_landmarks(p, s.pixels, s.size, focal_prior=focal_prior, robust=LOOSE * _extent(s.pixels))
        for p, s in zip(points, sights, strict=True)
    ]
    cameras = Cameras(first, torch.cat(points).mean(0), one_lens).to(where)
    diagonal = torch.tensor([math.hypot(*s.size) for s in sights]).to(cameras.log_focal)
    landmarks = LandmarkTerm(fitted, sights, noise, outlier)
    bending = Bending(fitted, prior.bending) if prior.bending is not None else None
    asymmetry = Asymmetry(fitted, prior, prior.asymmetry) if prior.asymmetry is not None else None
    asked = [landmarks.rows, bending.rows] if bending is not None else [landmarks.rows]
    # The model is evaluated once a step, at the vertices that somebody asks for.
    rows, place = torch.unique(torch.cat(asked), return_inverse=True)

    looks = range(0, steps, 50)

    def loss(iteration: int) -> Tensor:
        seen, *bent = fitted(rows)[place].split([len(r) for r in asked])
        if iteration in looks:
            landmarks.look(seen, cameras)
        off = ((cameras.log_focal - diagonal.log() - math.log(focal_prior[0])) / focal_prior[1]).square().sum() / 2
        total = landmarks.loss(seen, cameras) + prior_loss(fitted, start, prior) + off
        if bending is not None:
            total = total + bending.loss(*bent)
        if asymmetry is not None:
            total = total + asymmetry.loss()
        for term in terms:
            total = total + term(fitted, cameras)
        return total

    groups = parameter_groups(fitted)
    groups += [
        ([cameras.rotation], 0.01), ([cameras.shift], 0.002),
        ([cameras.log_size], 0.01), ([cameras.focal_number], 0.03),
    ]  # fmt: skip
    watcher = Watcher.of(watch)
    if watcher:
        watcher.see(cameras.cameras)
    history, interrupted = descend(loss, groups, steps, "fit views", watching(watcher, fitted), progress, looks)
    seen = cameras.cameras()
    with torch.no_grad():  # what landmarks say of each other shows best before the pictures have their say
        notes += after(fitted, fitted(), views, seen)
    if len(pictured) >= (2 if photometric else 3) and photometric is not False and not interrupted:
        bundle = Bundle(SkinnedFace(fitted, prior), CameraState.of(seen, cameras.pivot), focal_prior, one_lens)

        if watcher:
            watcher.see(lambda: bundle.cameras.cameras())

        def show(record: Record) -> None:
            if watcher:
                bundle.face.finish()
                watcher(_later(record, history), fitted)

        more, interrupted = agree(
            bundle, [view.image for view in views], sights, noise=noise, outlier=outlier,
            watch=show, progress=progress,
        )  # fmt: skip
        history += tuple(_later(record, history) for record in more)
        bundle.face.finish()
        seen = tuple(camera.to(dtype=fitted.vertices.dtype) for camera in bundle.cameras.cameras())
    with torch.no_grad():
        vertices = fitted()
    return Fit(fitted, vertices, seen, history=history, interrupted=interrupted, notes=tuple(notes))


def _later(record: Record, history: Sequence[Record]) -> Record:
    """A record that comes after those of a history."""
    return replace(record, iteration=record.iteration + len(history), seconds=record.seconds + history[-1].seconds)
