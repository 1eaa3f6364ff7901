"""What a fit is given: a photograph, its landmarks, and where those lie on the mesh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from asm_teach.data.landmark_files import JAW
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh
from asm_teach.rendering.camera import Camera
from asm_teach.view_fit.pose import pose_from_landmarks

FOCAL_PRIOR = (1.2, 0.7)  # of log(focal / image diagonal): median and standard deviation; see `pose_from_landmarks`
# Deviation of the logarithm of a focal length in a file. What "equivalent on film" means differs by 4 % (diagonal or
# width), it is rounded to whole millimetres (2 %), and a lens focused on a face nearby acts as another one (3 to 9 %).
TOLD = 0.07
SAME, SIMILAR = 0.002, 0.004  # of the extent. One picture found anew: below 0.004. Two of one person: above 0.0042
ALIKE = 0.97  # correlation of two pictures of the face. One picture found anew: 0.98 and more
LOOSE = 0.015  # of the landmarks' extent: how far off a landmark may be before it hardly steers the template's pose


@dataclass(frozen=True, eq=False)
class View:
    """One photograph with landmarks.

    image: (H, W, 3) in [0, 1], or None when `size` is given. landmarks: (L, 2) pixels, x right and y down from the
    upper left corner; rows of NaN are points that were not found. embedding: where the landmarks lie on the mesh;
    None for one of the mesh's own sets, told by their number. size: (width, height). name: what messages call it.
    focal_prior: what is known of this picture's own lens, as median and deviation of the logarithm of focal / image
    diagonal, such as its EXIF data tell (`load_views`); None for nothing.

    Raises ValueError for a picture of another shape, a size that is not the picture's, fewer than four landmarks, an
    embedding of another number of points, a focal prior that is not above zero, and for landmarks that lie outside the
    picture: they most likely belong to a picture of another size.
    """

    image: Tensor | None
    landmarks: Tensor
    embedding: LandmarkSet | None = None
    size: tuple[int, int] = (0, 0)
    name: str = ""
    focal_prior: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.image is None and self.size == (0, 0):
            raise ValueError("image: give the picture, or size=(width, height) when there is none")
        if self.image is not None:
            if not isinstance(self.image, Tensor) or self.image.ndim != 3 or self.image.shape[2] != 3:
                raise ValueError(f"image: expected a tensor (H, W, 3), found {_describe(self.image)}")
            if not self.image.is_floating_point():
                raise ValueError(f"image: expected numbers from 0 to 1, found {self.image.dtype}; divide bytes by 255")
            size = (self.image.shape[1], self.image.shape[0])
            if self.size not in ((0, 0), size):
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
        if self.focal_prior is not None and not (len(self.focal_prior) == 2 and min(self.focal_prior) > 0):
            raise ValueError(f"focal_prior: give a median and a deviation above 0, found {self.focal_prior}")
        seen = self.landmarks[self.landmarks.isfinite().all(1)]
        if len(seen) < 4:
            raise ValueError(f"landmarks: a pose needs at least four points, found {len(seen)}")
        corner = torch.tensor(self.size).to(seen)
        outside = ((seen < -0.02 * corner) | (seen > 1.02 * corner)).any(1)
        if outside.sum() > len(seen) / 5:  # a face may be cut off a little
            raise ValueError(
                f"landmarks: {int(outside.sum())} of {len(seen)} lie outside the picture of {self.size[0]} x "
                f"{self.size[1]} pixels; were they found in a picture of another size? scale them to this one"
            )


def same_picture(first: View, second: View) -> bool:
    """Whether two views are one picture, perhaps scaled, cropped or found anew."""
    if len(first.landmarks) != len(second.landmarks):
        return False
    both = first.landmarks.isfinite().all(1) & second.landmarks.isfinite().all(1)
    if both.sum() < 4:
        return False
    # A similarity of the plane is a factor and a shift of complex numbers; it has a closed form.
    a, b = (torch.view_as_complex(v.landmarks[both].detach().cpu().double().contiguous()) for v in (first, second))
    extent = float((b - b.mean()).abs().max()) * 2
    a, b = a - a.mean(), b - b.mean()
    factor = (a.conj() * b).sum() / (a.conj() * a).sum()
    off = float((b - factor * a).abs().square().mean().sqrt()) / extent
    if off < SAME:
        return True
    if off > SIMILAR or first.image is None or second.image is None:
        return False
    return float(_thumbnail(first) @ _thumbnail(second)) > ALIKE


def _thumbnail(view: View, side: int = 24) -> Tensor:
    """The box of a view's landmarks as side^2 grey values, of mean 0 and length 1."""
    assert view.image is not None
    found = view.landmarks[view.landmarks.isfinite().all(1)].to(view.image)
    low, high = found.amin(0), found.amax(0)
    steps = (torch.arange(8 * side).to(low) + 0.5) / (8 * side)
    size = torch.tensor(view.size).to(low)
    x, y = (2 * (low + steps[:, None] * (high - low)) / size - 1).unbind(1)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None]
    grey = torch.nn.functional.grid_sample(view.image.mean(-1)[None, None], grid, align_corners=False)
    small = torch.nn.functional.avg_pool2d(grey, 8).reshape(-1)
    return torch.nn.functional.normalize(small - small.mean(), dim=0)


def view_names(views: Sequence[View]) -> list[str]:
    """What messages call the views: their own names, or view 1, view 2, ... in their order."""
    return [view.name or f"view {n}" for n, view in enumerate(views, 1)]


def _describe(value: object) -> str:
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


@dataclass(frozen=True, eq=False)
class LandmarkView:
    """The landmarks that one photograph shows, tied to the mesh.

    pixels: (L, 2) where the points `embedding` of the surface were found. size: (width, height) of the picture.
    detected: whether a detector guessed all of MediaPipe's 468 points of the skin, those out of sight too; who places
    points by hand leaves those out.
    """

    pixels: Tensor
    embedding: LandmarkSet
    size: tuple[int, int]
    detected: bool = False

    def first_camera(
        self, points: Tensor, focal_prior: tuple[float, float] = FOCAL_PRIOR, focal: float | None = None
    ) -> Camera:
        """The camera of the template as it is: of another person, so a landmark that is far off hardly steers it.

        points: (L, 3) mm, where the template has the landmarks. focal: pixels, if it is known; the template would
        change it. Raises ValueError as `pose_from_landmarks` does.
        """
        extent = float(torch.linalg.vector_norm(self.pixels.amax(0) - self.pixels.amin(0)))
        robust = max(LOOSE * extent, 1e-6)
        return pose_from_landmarks(points, self.pixels, self.size, focal, focal_prior=focal_prior, robust=robust)


def landmark_set(mesh: Mesh, count: int, remedy: str = "give the points of one of them") -> LandmarkSet:
    """The landmark set of a mesh that so many points of a picture belong to, without the ten points of the irises.

    Raises ValueError when there is none, with the remedy.
    """
    known = mesh.landmarks
    fitting = [points for points in known.values() if len(points) == count]
    # 478 face-mesh points are 468 on the skin and ten on the irises: either may stand for the other's skin.
    fitting += [points for points in known.values() if {len(points), count} == {468, 478}]
    # 51 are iBUG's 68 without the line of the jaw.
    whole = [points for points in known.values() if count == 68 - JAW and len(points) == 68]
    fitting += [points.subset(torch.arange(JAW, 68)) for points in whole]
    if not fitting:
        sizes = ", ".join(f"{len(points)} ({name})" for name, points in known.items()) or "none"
        raise ValueError(f"landmarks: {count} points fit no landmark set of this mesh, which has {sizes}; {remedy}")
    # Where the eyes look says nothing of the face.
    return fitting[0].subset(torch.arange(468)) if {len(fitting[0]), count} <= {468, 478} else fitting[0]


def landmark_view(view: View, mesh: Mesh) -> LandmarkView:
    """Tie the landmarks that a view shows to a mesh. Raises ValueError when no landmark set of the mesh fits them."""
    embedding, count = view.embedding, len(view.landmarks)
    if embedding is None:
        embedding = landmark_set(mesh, count, "give View an embedding")
    pixels = view.landmarks[: len(embedding)].to(mesh.vertices)
    kept = pixels.isfinite().all(1).nonzero()[:, 0]
    embedding = embedding.subset(kept.cpu()).to(mesh.vertices.device, mesh.vertices.dtype)
    return LandmarkView(pixels[kept], embedding, view.size, detected=count in (468, 478) and len(kept) == 468)
