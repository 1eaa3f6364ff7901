"""Fit a model to photographs of one person whose cameras nobody knows. Derived in lesson 8.

Unknown are the person, and for every view its pose and focal length. One view can hardly tell a near camera with a
short lens from a far one with a long lens; several views of one face can, a little. What they leave open is settled by
a weak prior on the focal length, stated in `fit_views`. The scale of the face is that of the template.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from asm_teach.base.device import pick_device
from asm_teach.data.face_prior import Believed, face_prior
from asm_teach.fitting.descent import descend, parameter_groups, snapshot
from asm_teach.fitting.priors import Asymmetry, Bending, Prior, prior_loss
from asm_teach.fitting.result import Fit, LiveFace, Record, Watcher, watching
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.view_fit.bundle import Bundle
from asm_teach.view_fit.camera_numbers import CameraNumbers, LensPrior, first_cameras
from asm_teach.view_fit.checks import after, before, looks_of, unlike_skin
from asm_teach.view_fit.landmark_term import LandmarkLoss, believed
from asm_teach.view_fit.movable_face import SkinnedFace
from asm_teach.view_fit.refine import OUTLINE_WEIGHT, WEIGHT, agree, settle
from asm_teach.view_fit.view import FOCAL_PRIOR, LandmarkView, View, landmark_view, view_names

BESIDE_LEARNED = Prior(translation=100.0, rotation=4.0, log_scale=4.0, bending=None, asymmetry=None)
"""What is believed of motions beside a learned prior: hardly anything."""

COMPARED = 3  # pictures that are compared with each other unless they are told not to be


def fit_views(
    model: SkinnedModel,
    views: Sequence[View],
    *,
    prior: Prior | Believed | None = None,
    focal_prior: tuple[float, float] | None = None,
    noise: float = 1.0,
    outlier: float = 5.0,
    steps: int = 300,
    photometric: bool | None = None,
    outlines: bool | None = None,
    one_lens: bool = False,
    terms: Sequence[Callable[[SkinnedModel, CameraNumbers], Tensor]] = (),
    warm_start: bool = False,
    watch: Watcher | Callable[[Record, LiveFace], None] | None = None,
    progress: bool = True,
    device: str | torch.device = "auto",
) -> Fit:
    """Fit a model to N photographs of one person with unknown cameras. Derived in lesson 8.

    First from their landmarks alone, by descent; where a detector found them in four pictures or more, by second-order
    steps that know how its points err together (`believed`). Then, where there are three pictures (`COMPARED`) or more
    (`photometric` None) or two (True), on the agreement of the pictures about the skin that they share, by second-order
    steps on everything (`agree`). `photometric=False` leaves that out; two pictures taken far apart rather lose by it
    (lesson 8 measures that). Where pictures are compared (`outlines` None), the same steps bring the outline of the
    face to that in each picture. True does so in any case, be it for a single picture; real photographs gain by it
    more often than not. False leaves it out.
    `one_lens` says that all were taken with one focal length, in pictures of whatever size. `Fit.notes` say what is odd
    about the views and how far to trust the result.

    The first minimises the landmarks' reprojection error, divided by `noise` (mm on the face; beyond `outlier` times
    that a point counts less and less), with `prior` on the person and a normal prior on log(focal / image diagonal) of
    each picture (median 1.2, deviation 0.7), besides what is known of its own lens (`View.focal_prior`, from EXIF
    data). With `focal_prior`, median and deviation, that one alone is believed of all. `terms` adds further losses:
    functions of the model and the cameras as they are then. `prior` may also be one that was learned from fits: a
    `FacePrior`, its file, or "learned" for the one that comes with the package. It speaks of the bones in place of the
    general one, and weights and places start as its people have them; then landmarks too are fitted by second-order
    steps. It helps with one or two pictures, not with MediaPipe's points (`tests/benchmarks/face_prior.py`). The bones
    start at rest, or with `warm_start` where the model has them; weights and binding start as the model has them. The
    given model is not changed; the result stays on the device of the fit.

    Raises ValueError for no views, landmarks that fit no set of the mesh, are no face's or have left and right
    exchanged, fewer than one step, a noise, outlier or focal prior that is not above zero, for `photometric` with fewer
    than two pictures, for `outlines` with none, and for a learned prior of another head or rig.
    """
    views = [views] if isinstance(views, View) else list(views)
    if not views:
        raise ValueError("views: give at least one photograph with landmarks; found none")
    lenses = LensPrior(focal_prior or FOCAL_PRIOR, () if focal_prior else [view.focal_prior for view in views])
    for name, value in {"noise": noise, "outlier": outlier, "focal_prior": min(lenses.any_lens)}.items():
        if not value > 0:
            raise ValueError(f"{name}: give numbers above 0, found {value}")
    pictured = [n for n, view in enumerate(views) if view.image is not None]
    if photometric and len(pictured) < 2:
        raise ValueError(f"photometric: pictures are compared with each other; found {len(pictured)}, give two or more")
    if outlines and not pictured:
        raise ValueError("outlines: they are looked for in the pictures; found none, give views an image")
    placed = looks_of(model.mesh, views)
    notes = before(model.mesh, views, placed)
    learned = None if prior is None or isinstance(prior, Prior) else face_prior(prior)
    if learned is not None:
        learned.check(model)
        terms = (*terms, learned) if terms else ()
    prior = prior if isinstance(prior, Prior) else Prior() if learned is None else BESIDE_LEARNED
    fitted = copy.deepcopy(model).to(pick_device(device))
    if not warm_start:
        fitted.reset_motion()
        if learned is not None:
            learned.begin(fitted)
    found_by = [landmark_view(view, fitted.mesh) for view in views]
    seen = believed(found_by)
    start = snapshot(fitted)
    known = None if warm_start or focal_prior else [look.camera for look in placed]
    with torch.no_grad():
        first = first_cameras(seen, fitted(), fitted.mesh.faces, lenses, known)
    first = first.with_one_lens() if one_lens else first
    turn, shift, size, focal = (first.rotation.new_zeros(len(views), k, requires_grad=True) for k in (3, 2, 1, 1))
    if one_lens:
        focal = first.rotation.new_zeros(1, 1, requires_grad=True)

    def cameras() -> CameraNumbers:
        return first.moved(torch.cat([turn, shift, size, focal.expand(len(views), 1)], 1))

    landmarks = LandmarkLoss(fitted.mesh, seen, noise, outlier)
    bending = Bending(fitted, prior.bending) if prior.bending is not None else None
    asymmetry = Asymmetry(fitted, prior, prior.asymmetry) if prior.asymmetry is not None else None
    # The model is evaluated once a step, at the vertices that either needs.
    corners = landmarks.corners.flatten()
    asked = [corners, bending.rows] if bending is not None else [corners]
    rows, place = torch.unique(torch.cat(asked), return_inverse=True)
    looks = range(0, steps, 50)

    def loss(iteration: int) -> Tensor:
        now = cameras()
        if iteration in looks:
            landmarks.look(fitted().detach(), now)
        moved, *bent = fitted(rows)[place].split([len(r) for r in asked])
        samples = (landmarks.barycentric[..., None] * moved.view(-1, 3, 3)).sum(1)
        squares = landmarks.loss(samples, now) + lenses.loss(now)
        total = squares / 2 + prior_loss(fitted, start, prior)
        if bending is not None:
            total = total + bending.loss(*bent)
        if asymmetry is not None:
            total = total + asymmetry.loss()
        for term in terms:
            total = total + term(fitted, now)
        return total

    groups = [*parameter_groups(fitted), ([turn], 0.01), ([shift], 0.002), ([size], 0.01), ([focal], 0.03)]
    watcher = Watcher.of(watch)
    if watcher:
        watcher.see(lambda: cameras().cameras())
    if (learned is not None or any(view.detected for view in seen)) and not terms:
        bundle = Bundle(SkinnedFace(fitted, prior, learned), first, lenses, one_lens)
        if watcher:
            watcher.see(lambda: bundle.cameras.cameras())
        history, interrupted = settle(
            bundle, seen, noise=noise, outlier=outlier, steps=min(steps, 12),
            watch=_finishing(bundle, fitted, watcher), progress=progress,
        )  # fmt: skip
        bundle.face.finish()
        first = bundle.cameras.to(fitted.vertices)  # nothing was added to it by descent
    else:
        history, interrupted = descend(loss, groups, steps, "fit views", watching(watcher, fitted), progress, looks)
    with torch.no_grad():
        found = cameras()
        by_landmarks = fitted(), views, found.cameras(), any(view.detected for view in seen)
    compared, outlines = looked_at(views, found_by, photometric, outlines)
    if (compared or outlines) and not interrupted:
        bundle = Bundle(SkinnedFace(fitted, prior, learned), found, lenses, one_lens)
        if watcher:
            watcher.see(lambda: bundle.cameras.cameras())
        more, interrupted = agree(
            bundle, [view.image for view in views], seen, noise=noise, outlier=outlier,
            weight=WEIGHT if compared else 0.0, outline_weight=OUTLINE_WEIGHT if outlines else 0.0,
            watch=_finishing(bundle, fitted, watcher, history), progress=progress,
        )  # fmt: skip
        history += tuple(_later(record, history) for record in more)
        bundle.face.finish()
        found = bundle.cameras.to(fitted.vertices)
    odd, alike = unlike_skin(bundle, views) if compared and not interrupted else ([], set())
    # What landmarks say of each other shows best before the pictures have their say, who know better.
    notes += after(fitted.mesh, *by_landmarks, alike) + odd
    notes += lenses.contradicted(view_names(views), found.cameras())
    with torch.no_grad():
        vertices = fitted()
    return Fit(fitted, vertices, found.cameras(), history=history, interrupted=interrupted, notes=tuple(notes))


def looked_at(
    views: Sequence[View],
    seen: Sequence[LandmarkView],
    photometric: bool | None = None,
    outlines: bool | None = None,
) -> tuple[bool, bool]:
    """Whether the skin in pictures is compared, and whether their outlines are looked for; None as in `fit_views`.

    Measured on pairs of photographs 50 to 60 degrees apart: with a detector's points outlines bring 2.34 mm RMSE to
    2.22 (james and four sets by Cycles), with exact points of drawn pictures they cost 0.1 to 0.2 mm.
    """
    pictured = [look.detected for view, look in zip(views, seen, strict=True) if view.image is not None]
    compared = photometric is not False and len(pictured) >= (2 if photometric else COMPARED)
    guessed = photometric is None and len(pictured) > 1 and any(pictured)
    return compared, (compared or guessed) if outlines is None else outlines


def _finishing(
    bundle: Bundle[SkinnedFace], fitted: SkinnedModel, watcher: Watcher | None, history: Sequence[Record] = ()
) -> Callable[[Record], None] | None:
    """Show a watcher the face of a bundle after every step, which comes after those of a history."""
    if watcher is None:
        return None

    def show(record: Record) -> None:
        bundle.face.finish()
        watcher(_later(record, history) if history else record, fitted)

    return show


def _later(record: Record, history: Sequence[Record]) -> Record:
    """A record that comes after those of a history."""
    return replace(record, iteration=record.iteration + len(history), seconds=record.seconds + history[-1].seconds)
