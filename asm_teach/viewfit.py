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
from torch import Tensor, nn

from asm_teach.bundle import Bundle
from asm_teach.camera import Camera, pose_from_landmarks, project
from asm_teach.cameras import CameraState
from asm_teach.devices import pick_device
from asm_teach.fitting import Fit, Record, Watcher, descend, parameter_groups, snapshot, watching
from asm_teach.mesh import face_normals
from asm_teach.model import SkinnedModel
from asm_teach.photofit import agree
from asm_teach.priors import Asymmetry, Bending, Prior, prior_loss
from asm_teach.transforms import rotation_matrix
from asm_teach.unknowns import SkinnedFace
from asm_teach.viewchecks import after, before
from asm_teach.views import Sight, View, sight


class Cameras(nn.Module):
    """N cameras as parameters that hardly depend on each other.

    They turn about `pivot` (3,), a point in the face, wherever the mesh has its origin. rotation (N, 3); shift (N, 2),
    x / z and y / z of the pivot; log_size (N,), log of focal / depth of the pivot, in pixels a millimetre, which the
    picture shows well; log_focal (N,), which it shows badly.
    """

    def __init__(self, cameras: Sequence[Camera], pivot: Tensor) -> None:
        super().__init__()
        stacked = {
            k: torch.stack([getattr(c, k) for c in cameras]) for k in ("rotation", "translation", "focal", "principal")
        }
        focal = stacked["focal"]
        self.sizes = [c.size for c in cameras]
        self.register_buffer("principal", stacked["principal"])
        self.register_buffer("pivot", pivot.clone())
        translation = rotation_matrix(stacked["rotation"]) @ pivot + stacked["translation"]  # of the pivot
        self.rotation = nn.Parameter(stacked["rotation"].clone())
        self.shift = nn.Parameter(translation[:, :2] / translation[:, 2:])
        self.log_size = nn.Parameter((focal / translation[:, 2]).log())
        self.log_focal = nn.Parameter(focal.log())

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rotations (N, 3), translations (N, 3) mm, focal lengths (N,) pixels."""
        focal = self.log_focal.exp()
        depth = focal / self.log_size.exp()
        seen = torch.cat([self.shift, torch.ones_like(depth)[:, None]], 1) * depth[:, None]
        return self.rotation, seen - rotation_matrix(self.rotation) @ self.pivot, focal

    @torch.no_grad()
    def cameras(self) -> tuple[Camera, ...]:
        """Frozen copies."""
        rotation, translation, focal = self()
        return tuple(
            Camera(focal[n].clone(), self.principal[n].clone(), rotation[n].clone(), translation[n].clone(), size)
            for n, size in enumerate(self.sizes)
        )


class LandmarkTerm:
    """Reprojection of the landmarks, in millimetres on the face, with Geman and McClure's robust loss.

    A point on the far side of the face is a guess of whoever found it: its weight falls with the angle between the
    surface and the line of sight, and is measured anew from time to time.
    """

    def __init__(self, model: SkinnedModel, sights: Sequence[Sight], noise: float, outlier: float) -> None:
        self.sights, self.noise, self.outlier = sights, noise, outlier
        corners = torch.cat([model.mesh.faces[s.embedding.faces] for s in sights])
        self.rows, local = torch.unique(corners, return_inverse=True)
        self.corners = local.split([len(s.pixels) for s in sights])
        self.weights = [torch.ones_like(s.pixels[:, 0]) for s in sights]

    def loss(self, vertices: Tensor, cameras: Cameras) -> Tensor:
        """Negative log likelihood, up to a constant; `vertices` (n, 3) are the moved vertices `rows`."""
        rotation, translation, focal = cameras()
        total = vertices.new_zeros(())
        for n, (s, corners) in enumerate(zip(self.sights, self.corners, strict=True)):
            points = (s.embedding.barycentric[..., None] * vertices[corners]).sum(1)
            pixels = project(points, rotation[n], translation[n], focal[n], cameras.principal[n])
            # Detached: the size of a millimetre is a unit here. Else a camera could win by making its misses small.
            millimetres = (pixels - s.pixels) / cameras.log_size[n].exp().detach()
            squared = (millimetres / self.noise).square().sum(1)
            cut = self.outlier**2
            total = total + (self.weights[n] * cut * squared / (cut + squared)).sum() / 2
        return total

    @torch.no_grad()
    def look(self, vertices: Tensor, cameras: Cameras) -> None:
        """Measure how squarely each view sees its points; `vertices` (n, 3) are the moved vertices `rows`."""
        for n, (camera, corners) in enumerate(zip(cameras.cameras(), self.corners, strict=True)):
            normals = face_normals(vertices, corners)
            towards = camera.centre() - vertices[corners].mean(1)
            cosine = (normals * towards).sum(1) / towards.norm(dim=1)
            self.weights[n] = torch.sigmoid((cosine - 0.25) / 0.08)


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
    terms: Sequence[Term] = (),
    warm_start: bool = False,
    watch: Watcher | None = None,
    progress: bool = True,
    device: str | torch.device = "auto",
) -> Fit:
    """Fit a model to N photographs of one person with unknown cameras. Derived in lesson 8.

    First from their landmarks alone, by descent. Then, where there are pictures (`photometric` None) or anyway (True),
    on the agreement of the pictures about the skin that they share, by second-order steps on everything (`agree`).
    `photometric=False` leaves that out. `Fit.notes` say what is odd about the views and how far to trust the result.

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
    cameras = Cameras(first, torch.cat(points).mean(0)).to(where)
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
        ([cameras.rotation], 0.01), ([cameras.shift], 0.002), ([cameras.log_size], 0.01), ([cameras.log_focal], 0.03),
    ]  # fmt: skip
    history, interrupted = descend(loss, groups, steps, "fit views", watching(watch, fitted), progress, looks)
    seen = cameras.cameras()
    with torch.no_grad():  # what landmarks say of each other shows best before the pictures have their say
        notes += after(fitted, fitted(), views, seen)
    if photometric is not False and len(pictured) > 1 and not interrupted:
        bundle = Bundle(SkinnedFace(fitted, prior), CameraState.of(seen, cameras.pivot), focal_prior)

        def show(record: Record) -> None:
            bundle.face.finish()
            watch(_later(record, history), fitted)

        more, interrupted = agree(
            bundle, [view.image for view in views], sights, noise=noise, outlier=outlier,
            watch=show if watch else None, progress=progress,
        )  # fmt: skip
        history += tuple(_later(record, history) for record in more)
        bundle.face.finish()
        seen = bundle.cameras.cameras()
    with torch.no_grad():
        vertices = fitted()
    return Fit(fitted, vertices, seen, history, interrupted, notes=tuple(notes))


def _later(record: Record, history: Sequence[Record]) -> Record:
    """A record that comes after those of a history."""
    return replace(record, iteration=record.iteration + len(history), seconds=record.seconds + history[-1].seconds)
