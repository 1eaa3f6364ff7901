"""Fit a model to photographs of one person whose cameras nobody knows. Derived in lesson 8.

Unknown are the person, and for every view its pose and focal length. One view can hardly tell a near camera with a
short lens from a far one with a long lens; several views of one face can, a little. What they leave open is settled by
a weak prior on the focal length, stated in `fit_views`. The scale of the face is that of the template.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from asm_teach.camera import Camera, pose_from_landmarks, project
from asm_teach.devices import pick_device
from asm_teach.fitting import Fit, Prior, Strain, Watcher, descend, parameter_groups, prior_loss, snapshot, watching
from asm_teach.landmarks import LandmarkSet
from asm_teach.mesh import face_normals
from asm_teach.model import SkinnedModel


@dataclass(frozen=True, eq=False)
class View:
    """One photograph with landmarks.

    image: (H, W, 3) in [0, 1], or None when `size` is given. landmarks: (L, 2) pixels, x right and y down from the
    upper left corner; rows of NaN are points that were not found. embedding: where the landmarks lie on the mesh;
    None for one of the mesh's own sets, told by their number. size: (width, height).

    Raises ValueError for a picture of another shape, a size that is not the picture's, fewer than four landmarks, an
    embedding of another number of points, and for landmarks that lie outside the picture: they most likely belong to a
    picture of another size.
    """

    image: Tensor | None
    landmarks: Tensor
    embedding: LandmarkSet | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.image is None and self.size is None:
            raise ValueError("image: give the picture, or size=(width, height) when there is none")
        if self.image is not None:
            if not isinstance(self.image, Tensor) or self.image.ndim != 3 or self.image.shape[2] != 3:
                raise ValueError(f"image: expected a tensor (H, W, 3), found {_describe(self.image)}")
            size = (self.image.shape[1], self.image.shape[0])
            if self.size is not None and tuple(self.size) != size:
                raise ValueError(
                    f"size: {tuple(self.size)} was given, but the picture is {size[0]} pixels by {size[1]}"
                )
            object.__setattr__(self, "size", size)
        if not isinstance(self.landmarks, Tensor) or self.landmarks.ndim != 2 or self.landmarks.shape[1] != 2:
            raise ValueError(f"landmarks: expected a tensor (L, 2) of pixels, found {_describe(self.landmarks)}")
        if self.embedding is not None and len(self.embedding) != len(self.landmarks):
            raise ValueError(
                f"embedding: {len(self.embedding)} points for {len(self.landmarks)} landmarks; give one for each"
            )
        seen = self.landmarks[self.landmarks.isfinite().all(1)]
        if len(seen) < 4:
            raise ValueError(f"landmarks: a pose needs at least four points, found {len(seen)}")
        size = torch.tensor(self.size).to(seen)
        outside = ((seen < -0.25 * size) | (seen > 1.25 * size)).any(1)
        if outside.sum() > len(seen) / 4:
            raise ValueError(
                f"landmarks: {int(outside.sum())} of {len(seen)} lie outside the picture of {self.size[0]} x "
                f"{self.size[1]} pixels; were they found in a picture of another size? scale them to this one"
            )


def _describe(value: object) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


@dataclass(frozen=True, eq=False)
class Sight:
    """What one view measures: pixels (L, 2) of the surface points `embedding`."""

    pixels: Tensor
    embedding: LandmarkSet
    size: tuple[int, int]


def sight(view: View, model: SkinnedModel) -> Sight:
    """A view's landmarks tied to the model's mesh. Raises ValueError when no landmark set of the mesh fits them."""
    embedding, count = view.embedding, len(view.landmarks)
    if embedding is None:
        known = model.mesh.landmarks
        fitting = [points for points in known.values() if len(points) == count]
        # 478 face-mesh points are 468 on the skin and ten on the irises: either may stand for the other's skin.
        fitting += [points for points in known.values() if {len(points), count} == {468, 478}]
        if not fitting:
            sizes = ", ".join(f"{len(points)} ({name})" for name, points in known.items()) or "none"
            raise ValueError(
                f"landmarks: {count} points fit no landmark set of this mesh, which has {sizes}; give View an embedding"
            )
        embedding = fitting[0]
        if {len(embedding), count} <= {468, 478}:
            embedding = embedding.subset(torch.arange(468))  # where the eyes look says nothing of the face
    pixels = view.landmarks[: len(embedding)].to(model.vertices)
    kept = pixels.isfinite().all(1).nonzero()[:, 0]
    return Sight(pixels[kept], embedding.subset(kept.cpu()).to(model.vertices.device, model.vertices.dtype), view.size)


class Cameras(nn.Module):
    """N cameras as parameters that hardly depend on each other.

    rotation (N, 3); shift (N, 2), x / z and y / z of the face's middle; log_size (N,), log of focal / depth, which the
    picture shows well; log_focal (N,), which it shows badly.
    """

    def __init__(self, cameras: Sequence[Camera]) -> None:
        super().__init__()
        stacked = {
            k: torch.stack([getattr(c, k) for c in cameras]) for k in ("rotation", "translation", "focal", "principal")
        }
        translation, focal = stacked["translation"], stacked["focal"]
        self.sizes = [c.size for c in cameras]
        self.register_buffer("principal", stacked["principal"])
        self.rotation = nn.Parameter(stacked["rotation"].clone())
        self.shift = nn.Parameter(translation[:, :2] / translation[:, 2:])
        self.log_size = nn.Parameter((focal / translation[:, 2]).log())
        self.log_focal = nn.Parameter(focal.log())

    def forward(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rotations (N, 3), translations (N, 3) mm, focal lengths (N,) pixels."""
        focal = self.log_focal.exp()
        depth = focal / self.log_size.exp()
        return (
            self.rotation,
            torch.cat([self.shift, torch.ones_like(depth)[:, None]], 1) * depth[:, None],
            focal,
        )

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
        corners = torch.cat([model.mesh.faces.to(s.pixels.device)[s.embedding.faces] for s in sights])
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
    terms: Sequence[Term] = (),
    watch: Watcher | None = None,
    progress: bool = True,
    device: str | torch.device = "auto",
) -> Fit:
    """Fit a model to N photographs of one person with unknown cameras, from their landmarks. Derived in lesson 8.

    Minimises the landmarks' reprojection error, divided by `noise` (mm on the face; beyond `outlier` times that a point
    counts less and less), with `prior` on the person and, on each focal length, the normal prior `focal_prior` of
    log(focal / image diagonal): median and standard deviation. `terms` adds further losses: functions of the
    model and the cameras as they are then, such as photometric agreement. The given model is not changed.

    Raises ValueError for no views, landmarks that fit no set of the mesh, and what `View` refuses.
    """
    if not views:
        raise ValueError("views: give at least one photograph with landmarks; found none")
    prior = prior or Prior()
    where = pick_device(device)
    fitted = copy.deepcopy(model).to(where)
    sights = [sight(view, fitted) for view in views]
    start = snapshot(fitted)
    with torch.no_grad():
        rest = fitted()
    faces = fitted.mesh.faces.to(where)
    first = [
        pose_from_landmarks(s.embedding.points(rest, faces), s.pixels, s.size, focal_prior=focal_prior, robust=12.0)
        for s in sights
    ]
    cameras = Cameras([replace(c) for c in first]).to(where)
    diagonal = torch.tensor([math.hypot(*s.size) for s in sights]).to(cameras.log_focal)
    landmarks = LandmarkTerm(fitted, sights, noise, outlier)
    strain = Strain(fitted, prior.strain) if prior.strain is not None else None
    asked = [landmarks.rows, strain.rows] if strain is not None else [landmarks.rows]
    # The model is evaluated once a step, at the vertices that somebody asks for.
    rows, place = torch.unique(torch.cat(asked), return_inverse=True)

    def loss(iteration: int) -> Tensor:
        seen, *pulled = fitted(rows)[place].split([len(r) for r in asked])
        if iteration % 50 == 0:
            landmarks.look(seen, cameras)
        off = ((cameras.log_focal - diagonal.log() - math.log(focal_prior[0])) / focal_prior[1]).square().sum() / 2
        total = landmarks.loss(seen, cameras) + prior_loss(fitted, start, prior) + off
        if strain is not None:
            total = total + strain.loss(*pulled)
        for term in terms:
            total = total + term(fitted, cameras)
        return total

    groups = parameter_groups(fitted)
    groups += [
        ([cameras.rotation], 0.01), ([cameras.shift], 0.002), ([cameras.log_size], 0.01), ([cameras.log_focal], 0.03),
    ]  # fmt: skip
    history, interrupted = descend(loss, groups, steps, "fit views", watching(watch, fitted), progress)
    with torch.no_grad():
        vertices = fitted()
    return Fit(fitted, vertices, cameras.cameras(), history, interrupted)
