"""The second half of a fit to pictures: after the landmarks, the skin itself. Derived in lesson 8."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from asm_teach.fitting.result import Record, iterate
from asm_teach.view_fit.bundle import Bundle
from asm_teach.view_fit.landmark_term import LandmarkTerm
from asm_teach.view_fit.skin_term import SkinTerm
from asm_teach.view_fit.view import LandmarkView

SPACINGS = (2.0, 1.2, 0.8)  # mm between the points of a grid, coarse to fine
STEPS = (6, 6, 6)  # at each
WEIGHT = 10.0  # of one grid against one landmark that is off by its noise
_SPOKEN = 120  # landmarks that count in full where two pictures show the skin round them; those of a denser set share
_NEAR = 8.0  # mm
_FINEST = 1.1  # pixels between the points of a grid, at least


def agree(
    bundle: Bundle,
    images: Sequence[Tensor | None],
    views: Sequence[LandmarkView],
    *,
    noise: float = 1.0,
    outlier: float = 5.0,
    weight: float = WEIGHT,
    watch: Callable[[Record], None] | None = None,
    progress: bool = True,
) -> tuple[tuple[Record, ...], bool]:
    """Move face and cameras of a bundle until the pictures agree on the skin that they share.

    Grids of skin go from coarse to fine, as fine as the pixels allow. Before each size it is found out anew what each
    picture sees. A view without a picture (None) is held by its landmarks alone. Returns the history and whether it was
    interrupted: what the bundle has reached by then stands.

    Raises ValueError for fewer than two pictures.
    """
    pictured = [n for n, image in enumerate(images) if image is not None]
    if len(pictured) < 2:
        raise ValueError(f"images: pictures are compared with each other; found {len(pictured)}, give two or more")
    with torch.no_grad():
        landmarks, photos = LandmarkTerm(bundle.face, views, noise, outlier), SkinTerm(images, bundle.face, weight)
        # Points of a dense set come from one guess and err together: they are not that many opinions.
        less = min(1.0, _SPOKEN / max(len(v.pixels) for v in views))
        finest = _FINEST / float(bundle.cameras.log_size[pictured].exp().median())
        # A size that no picture can show is not tried twice.
        sizes = [max(spacing, finest) for spacing in SPACINGS]
        course = [size for size, steps in zip(sizes, STEPS, strict=True) for _ in range(steps)]

        def step(iteration: int) -> tuple[float, float]:
            spacing = course[iteration]
            if iteration == 0 or spacing != course[iteration - 1]:
                vertices = bundle.face.vertices()
                photos.look(vertices, bundle.cameras, spacing)
                near = torch.cdist(bundle.face.samples(landmarks.places), vertices[photos.rows])
                distance, nearest = near.topk(min(3, near.shape[1]), largest=False)
                covered = photos.covered()[nearest].mean(1) * (distance[:, 0] < _NEAR)
                landmarks.look(vertices, bundle.cameras, (2 * covered).clamp_max(1), less)
                bundle.damping = 1e-3
            bundle.face.adapts = True
            return bundle.step([landmarks, photos]), miss(bundle, landmarks)

        return iterate(step, len(course), "pictures", watch, progress)


def settle(
    bundle: Bundle, views: Sequence[LandmarkView], *, noise: float = 1.0, outlier: float = 5.0, steps: int = 12
) -> None:
    """Move face and cameras of a bundle until landmarks are shown where they were found; for faces without descent."""
    with torch.no_grad():
        landmarks = LandmarkTerm(bundle.face, views, noise, outlier)
        for iteration in range(steps):
            if iteration % 4 == 0:
                landmarks.look(bundle.face.vertices(), bundle.cameras)
            bundle.face.adapts = iteration >= 3
            bundle.step([landmarks])


def miss(bundle: Bundle, landmarks: LandmarkTerm) -> float:
    """Mean distance of the landmarks from where they were found, mm on the face, as each counts."""
    samples, total, count = bundle.face.samples(landmarks.places), 0.0, 0.0
    for n, weight in enumerate(landmarks.weights):
        away = landmarks.residuals(samples, bundle.cameras, n)
        total += float((weight * torch.linalg.vector_norm(away, dim=1)).sum()) * landmarks.noise
        count += float(weight.sum())
    return total / max(count, 1e-9)
