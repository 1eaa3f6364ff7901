"""The models that are compared on pictures in lesson 9, and how each of them is fitted: all through the same stages.

First the landmarks, then the agreement of the pictures on the skin (`photofit`), with the same losses, the same start
of the cameras and the same prior on their lenses. What differs is the face: bones, or modes; and with it its prior.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor

from asm_teach.data.heads import Head
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.rendering.camera import Camera
from asm_teach.studies.cases import methods
from asm_teach.studies.scan_models import POPULATION, free_numbers, sampled_shapes
from asm_teach.view_fit.bundle import Bundle
from asm_teach.view_fit.camera_numbers import LensPrior, first_cameras
from asm_teach.view_fit.fit import fit_views, looked_at
from asm_teach.view_fit.landmark_term import believed
from asm_teach.view_fit.movable_face import LinearFace
from asm_teach.view_fit.refine import OUTLINE_WEIGHT, WEIGHT, agree, settle
from asm_teach.view_fit.view import FOCAL_PRIOR, View, landmark_view

GIVEN_MODES = 80  # leading modes of a large population, those that the maker of the head would give
FEW_PEOPLE = 200  # whose modes are all taken
# How far the coefficients may go, in the deviations of the people the modes were learned from: for scans and for people
# of the head itself, the best among powers of two, on pictures with a seed that is in no table (100; 4 and 8 of them).
# A stranger needs far more than one deviation of some modes.
REACH = {"linear, 80 modes": (8.0, 1.0), "linear, 199 modes": (64.0, 2.0)}


@dataclass(frozen=True, eq=False)
class PictureFit:
    """The outcome of a fit to pictures: the head (V, 3) mm, the cameras, and the CPU seconds it took."""

    vertices: Tensor
    cameras: tuple[Camera, ...]
    seconds: float


@dataclass(frozen=True, eq=False)
class ViewContender:
    """A model that is tried on pictures.

    numbers: how many describe one face. fit: (views, stranger) -> fit; stranger: True for a person who was not
    sampled from the head, so that a linear model may move further from its mean.
    """

    name: str
    numbers: int
    fit: Callable[[Sequence[View], bool], PictureFit]


def view_contenders(
    head: Head, names: Sequence[str] | None = None, outlines: bool | None = None
) -> list[ViewContender]:
    """The models of lesson 9 on a head; with `names` those alone, in that order.

    `outlines` lets every fit look for the outlines of the face, in views that have a picture; None does so where three
    pictures or more are compared, as in `fit_views`.

    Raises ValueError for a name that is not there.
    """
    template = PictureFit(head.mesh.vertices, (), 0.0)
    found = {
        "mean template": ViewContender("mean template", 0, lambda views, stranger: template),
        "linear, 80 modes": _linear("linear, 80 modes", GIVEN_MODES, outlines, lambda: given_modes(head)),
        "linear, 199 modes": _linear("linear, 199 modes", FEW_PEOPLE - 1, outlines, lambda: learned_modes(head)),
    } | {name: _skinned(name, model, outlines) for name, model in methods(head).items() if model}
    for name in names or ():
        if name not in found:
            raise ValueError(f"models: there is no {name!r}; choose from {', '.join(found)}")
    return [found[name] for name in names or found]


def given_modes(head: Head) -> LinearMorphableModel:
    """The leading modes of `POPULATION` people sampled from the head, as in lesson 5."""
    return LinearMorphableModel.from_samples(head.mesh, sampled_shapes(head, POPULATION), GIVEN_MODES)


def learned_modes(head: Head) -> LinearMorphableModel:
    """All modes of `FEW_PEOPLE` people sampled from the head."""
    return LinearMorphableModel.from_samples(head.mesh, sampled_shapes(head, FEW_PEOPLE))


def fit_linear(
    model: LinearMorphableModel,
    views: Sequence[View],
    reach: float = 1.0,
    progress: bool = True,
    outlines: bool | None = None,
) -> tuple[Tensor, tuple[Camera, ...]]:
    """Fit a linear model to pictures by the stages of `fit_views`; its vertices (V, 3) mm and the cameras.

    Its prior is that of its people: coefficients are normal with their deviations, times `reach`. Skin is compared and
    `outlines` are looked for where `fit_views` does so.

    Raises ValueError for a reach that is not above zero.
    """
    if not reach > 0:
        raise ValueError(f"reach: found {reach}; give a number above 0, 1 for the deviations of the model's people")
    face = LinearFace.of(replace(model, deviations=reach * model.deviations))
    with torch.no_grad():
        found_by = [landmark_view(view, model.mesh) for view in views]
        seen = believed(found_by)
        lenses = LensPrior(FOCAL_PRIOR)
        bundle = Bundle(face, first_cameras(seen, model.mean, model.mesh.faces, lenses), lenses)
        settle(bundle, seen)
        images = [view.image for view in views]
        compared, outlines = looked_at(views, found_by, outlines=outlines)
        if compared or (outlines and _pictured(views)):
            agree(
                bundle, images, seen, weight=WEIGHT if compared else 0.0,
                outline_weight=OUTLINE_WEIGHT if outlines else 0.0, progress=progress,
            )  # fmt: skip
        return bundle.face.vertices(), bundle.cameras.cameras()


def _pictured(views: Sequence[View]) -> list[View]:
    return [view for view in views if view.image is not None]


def _linear(name: str, modes: int, outlines: bool | None, learn: Callable[[], LinearMorphableModel]) -> ViewContender:
    learned = cache(learn)  # takes a while, and is not needed where the result is known already

    def fit(views: Sequence[View], stranger: bool) -> PictureFit:
        model, reach = learned(), REACH[name][0 if stranger else 1]
        start = time.process_time()
        vertices, cameras = fit_linear(model, views, reach, progress=False, outlines=outlines)
        return PictureFit(vertices, cameras, time.process_time() - start)

    return ViewContender(name, modes, fit)


def _skinned(name: str, model: SkinnedModel, outlines: bool | None) -> ViewContender:
    def fit(views: Sequence[View], stranger: bool) -> PictureFit:
        start = time.process_time()
        found = fit_views(
            model, views, focal_prior=FOCAL_PRIOR, outlines=outlines if _pictured(views) else None, progress=False,
            device="cpu",
        )  # fmt: skip
        return PictureFit(found.vertices, found.cameras, time.process_time() - start)

    return ViewContender(name, free_numbers(model), fit)
