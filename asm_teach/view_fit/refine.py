"""The second half of a fit to pictures: after the landmarks, the skin itself. Derived in lesson 8."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from asm_teach.fitting.result import Record, iterate
from asm_teach.view_fit.bundle import Bundle, Term
from asm_teach.view_fit.landmark_term import LandmarkTerm
from asm_teach.view_fit.outline_term import OutlineTerm
from asm_teach.view_fit.skin_term import SkinTerm
from asm_teach.view_fit.view import LandmarkView


@dataclass(frozen=True)
class Look:
    """What is found out anew, and how many steps are taken on it.

    Attributes:
        reach: mm beside a contour in which its outline is looked for.
        spacing: mm between the points of a grid of skin; None before skin has its say.
        steps: taken on what was found.
        adapts: whether weights may change. Bones come first: where they are still far off, steps on both get nowhere.
    """

    reach: float
    spacing: float | None
    steps: int
    adapts: bool = False


# A camera that its landmarks have set wrongly, most of all one in profile, comes back on coarse grids or not at all.
COURSE = (
    Look(12, None, 4), Look(6, None, 3),
    Look(6, 4.0, 12), Look(6, 2.0, 6), Look(4, 1.2, 6), Look(3, 0.8, 6, adapts=True),
)  # fmt: skip
WEIGHT = 20.0  # of one grid against one landmark that is off by its noise
OUTLINE_WEIGHT = 10.0  # of a centimetre of outline against the same
_SPOKEN = 120  # landmarks that count in full where two pictures show the skin round them; those of a denser set share
_DOUBT = 5.0  # times the noise of a detector's points: known from drawn people, and pictures of real ones know better
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
    outline_weight: float = OUTLINE_WEIGHT,
    watch: Callable[[Record], None] | None = None,
    progress: bool = True,
) -> tuple[tuple[Record, ...], bool]:
    """Move face and cameras of a bundle until the pictures agree with it: on its outlines, and on the skin they share.

    First the outlines of the face are brought to those in the pictures, then grids of skin too, from coarse to fine, as
    fine as the pixels allow. Bones move first, weights at the end. Before each size it is found out anew what each
    picture sees. A view without a picture (None) is held by its landmarks alone. A `weight` or `outline_weight` of 0
    leaves skin or outlines out. Returns the history and whether it was interrupted: what the bundle has reached by then
    stands.

    Raises ValueError for fewer than two pictures whose skin is to be compared, and for none at all.
    """
    pictured = [n for n, image in enumerate(images) if image is not None]
    if len(pictured) < (2 if weight else 1):
        raise ValueError(f"images: pictures are compared with each other; found {len(pictured)}, give two or more")
    with torch.no_grad():
        detected = any(view.detected for view in views)
        doubt = _DOUBT if detected else 1.0
        landmarks = LandmarkTerm(bundle.face, views, noise, outlier)
        photos = SkinTerm(images, bundle.face, weight) if weight else None
        outlines = OutlineTerm(images, bundle.face, outline_weight) if outline_weight else None
        # Points of a dense set come from one guess and err together: they are not that many opinions.
        less = min(1.0, _SPOKEN / max(len(v.pixels) for v in views))
        course = _course(bundle, pictured, photos is not None, outlines is not None)
        terms: list[Term] = []
        if detected and not bundle.lenses_are_told:  # such points hardly tell a focal length: begin with the median
            bundle.cameras = bundle.cameras.with_one_lens()

        def step(iteration: int) -> tuple[float, float]:
            look = course[iteration]
            if iteration == 0 or look is not course[iteration - 1]:
                vertices = bundle.face.vertices()
                terms[:] = [landmarks]
                covered = None
                if photos is not None and look.spacing is not None:
                    photos.look(vertices, bundle.cameras, look.spacing)
                    near = torch.cdist(bundle.face.samples(landmarks.places), vertices[photos.rows])
                    distance, nearest = near.topk(min(3, near.shape[1]), largest=False)
                    covered = (2 * photos.covered()[nearest].mean(1) * (distance[:, 0] < _NEAR)).clamp_max(1)
                    terms.append(photos)
                landmarks.noise = noise if look.spacing is None else doubt * noise
                landmarks.look(vertices, bundle.cameras, covered, less)
                if outlines is not None and outlines.look(vertices, bundle.cameras, look.reach):
                    terms.append(outlines)
                bundle.damping = 1e-3 if look.adapts else 1e-5
            bundle.face.adapts = look.adapts
            return bundle.step(terms), miss(bundle, landmarks)

        return iterate(step, len(course), "pictures", watch, progress)


def _course(bundle: Bundle, pictured: Sequence[int], skin: bool, outlines: bool) -> list[Look]:
    """What each step looks at, one for each."""
    # A size that no picture can show is not tried twice.
    finest = _FINEST / float(bundle.cameras.log_size[pictured].exp().median())
    course: list[Look] = []
    for look in COURSE:
        if look.spacing is None:
            course += [look] * look.steps if outlines else []
        elif skin:
            look = replace(look, spacing=max(look.spacing, finest))
            same = bool(course) and (course[-1].spacing, course[-1].adapts) == (look.spacing, look.adapts)
            course += [course[-1] if same else look] * look.steps
    return course


def settle(
    bundle: Bundle,
    views: Sequence[LandmarkView],
    *,
    noise: float = 1.0,
    outlier: float = 5.0,
    steps: int = 12,
    watch: Callable[[Record], None] | None = None,
    progress: bool = False,
) -> tuple[tuple[Record, ...], bool]:
    """Move face and cameras of a bundle until landmarks are shown where they were found, by second-order steps.

    For faces that descent cannot move, and for landmarks whose errors are known to be shared, where it hardly gets
    ahead. For other landmarks descent moves weights too and comes closer, in more time: on two embedded people (demo
    case a, seeds 0 and 2) 0.43 and 0.41 mm mean in 12 s, these steps 0.51 and 0.45 in 4 s; with twelve more steps on
    weights 0.48 on the first, in 14 s.

    Returns the history and whether it was interrupted.
    """
    with torch.no_grad():
        bundle.face.adapts = False
        landmarks = LandmarkTerm(bundle.face, views, noise, outlier)

        def step(iteration: int) -> tuple[float, float]:
            if iteration % 4 == 0:
                landmarks.look(bundle.face.vertices(), bundle.cameras)
            return bundle.step([landmarks]), miss(bundle, landmarks)

        return iterate(step, steps, "landmarks", watch, progress)


def miss(bundle: Bundle, landmarks: LandmarkTerm) -> float:
    """Mean distance of the landmarks from where they were found, mm on the face, as each counts."""
    samples, total, count = bundle.face.samples(landmarks.places), 0.0, 0.0
    for n, weight in enumerate(landmarks.weights):
        away = landmarks.residuals(samples, bundle.cameras, n)
        total += float((weight * torch.linalg.vector_norm(away, dim=1)).sum()) * landmarks.noise
        count += float(weight.sum())
    return total / max(count, 1e-9)
