"""Fit a model to a scan: a registered mesh, or a raw one of any topology. Derived in lessons 5 and 6."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import replace

import roma
import torch
from torch import Tensor

from asm_teach.base.device import pick_device
from asm_teach.data.face_prior import Believed, face_prior
from asm_teach.data.landmark_files import with_jaw
from asm_teach.fitting.levenberg_marquardt import JointFit
from asm_teach.fitting.normal_equations import Points
from asm_teach.fitting.priors import Prior
from asm_teach.fitting.result import Fit, LiveFace, Record, Watcher, iterate
from asm_teach.fitting.unknowns import FREE
from asm_teach.fitting.vertex_energy import Pull, chart_places, patches_of
from asm_teach.geometry.alignment import align_points
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, start_widths
from asm_teach.scan_fit.coverage import Gaps, missed_landmarks, stopped_note, vertex_note
from asm_teach.scan_fit.far_scan import anywhere
from asm_teach.scan_fit.likely_face import face_middle, likely_face
from asm_teach.scan_fit.place import place_scan
from asm_teach.scan_fit.registered import RegisteredScan, is_registered, register
from asm_teach.scan_fit.surface_targets import SurfacePull

DENSE = Prior(
    translation=10.0, rotation=0.5, log_scale=0.5, bone_uv=0.1, mixture_mean=3.0, mixture_factor=3.0,
    mixture_logits=3.0, bending=None, asymmetry=None,
)  # fmt: skip
"""The prior of a fit to a scan, where every vertex is seen: little is left for a prior to say."""

BESIDE_LEARNED = replace(DENSE, translation=100.0, rotation=4.0, log_scale=4.0)
"""What is believed beside a learned prior: hardly anything of motions."""

REGISTERED_STEPS, RAW_STEPS = (36, 50), 40  # a registered mesh of many vertices shows more, and is given more
_MANY = 6000
_EARLY, _LATE = 10.0, 0.2  # noise in mm: how much the prior is listened to, at first and after a third of the steps
_NARROW, _WIDER = 0.7, 1.4  # the Gaussians of a fit begin narrower than those of a new model, each wider than the last
_UNITY = (1.0, 1e4)  # mm^2: how strongly the shares of a bone are drawn to sum to 1, at first and in the end
_MOTION_FIRST = 3  # steps before the Gaussians may move
LIKE = 0.5  # how much of a fit is over that begins with such a face
_START_STEPS = 10  # in which a model's bones come to the likely face that a raw fit begins with
_COARSE = 2000  # vertices, at least, that stand for all in the first steps


@anywhere
def fit_scan(
    model: SkinnedModel,
    scan: Mesh,
    *,
    landmarks: Tensor | None = None,
    mask: Tensor | None = None,
    free: Collection[str] = FREE,
    prior: Prior | Believed | None = None,
    steps: int | None = None,
    warm_start: bool = False,
    watch: Watcher | Callable[[Record, LiveFace], None] | None = None,
    progress: bool = True,
    device: str | torch.device = "auto",
) -> Fit:
    """Fit a model to a scan, and give back the fitted model; the given one is not changed.

    A mesh with the template's own faces is taken as registered: vertex i is the same point of the face on both. Any
    other is a raw scan: it is cleaned, its unit and the place of its face are found (`place_scan`), and the vertices
    are drawn to the closest points of its surface, beginning with a face that is like it (`likely_face`). `Fit.notes`
    say what was guessed, what is not covered, which landmarks were missed and whether the fit was stopped.

    Each step is Levenberg-Marquardt on all bone motions (nine numbers per bone) and Gaussians together. The first steps
    listen to the prior, the later ones to the scan. The bones start at rest (those of a raw fit as the likely face has
    them), with the root where the head is, and the Gaussians somewhat narrower than those of a new model; with
    `warm_start` both start as the model has them.

    Args:
        scan: the mesh to fit, anywhere in space. The model of one far from the origin stays near it; the result's
            vertices lie where the scan lies, in float64.
        landmarks: (68, 3) where the template's "ibug68" lie on a raw scan, in its unit; NaN rows are unknown.
            (51, 3): without the line of the jaw.
        mask: of a registered mesh, (V,) how much each vertex counts, bool or 0 to 1: by default 1 in the part "face",
            if there is one, and 0.25 elsewhere. Of a raw scan, (V,) or (F,) bool, what of it counts.
        free: which parameters may move: "motion" of the bones, "weights" (centres, widths and shares of the
            Gaussians), "binding" (the bones' places; their Gaussians go with them). A static model has only motion.
        prior: standard deviations about the start; its `asymmetry` is not used here. Or one that was learned from fits:
            a `FacePrior`, its file, or "learned" for the package's. It speaks of the bones in place of the general one,
            and weights and places start as its people have them. It helps where little of a face was scanned
            (`tests/benchmarks/scan_prior.py`).
        steps: number of iterations; for a registered mesh 36, or 50 beyond 6,000 vertices, and 40 for a raw
            one where none is given.
        watch: a `Watcher`, or a function that is called after each iteration with its `Record` and the model and may
            raise KeyboardInterrupt.

    Raises:
        ValueError: a scan that is no mesh or has no face to be found in it, a mask or landmarks of the wrong shape, a
            word in `free` that is none of the three, fewer than one step, a learned prior of another head or rig, or
            for bones that may not move.
    """
    landmarks = None if landmarks is None else with_jaw(landmarks)
    registered = is_registered(model.mesh, scan, landmarks, steps)
    free = _check_free(free)
    if "motion" not in free and not isinstance(model, AdaptiveSkinningModel):
        raise ValueError(f"free: found {free!r}; a static model has motion only")
    learned = None if prior is None or isinstance(prior, Prior) else face_prior(prior)
    if learned is not None:
        learned.check(model)
        if "motion" not in free:
            raise ValueError(f'prior: a learned one speaks of the bones\' motions, and free is {free!r}; add "motion"')
    placed = register(model.mesh, scan, mask) if registered else place_scan(model.mesh, scan, landmarks, mask)
    watcher = Watcher.of(watch)
    if watcher:
        watcher.begin(placed.mesh)
    fitted = copy.deepcopy(model).to(pick_device(device))
    own = prior if isinstance(prior, Prior) else DENSE if learned is None else BESIDE_LEARNED
    stopped, first = False, 0.0
    if not warm_start:
        fitted.reset_motion()
        if learned is not None:
            learned.begin(fitted)
        elif "weights" in free:
            narrow(fitted)
    if isinstance(placed, RegisteredScan):
        target, weight = placed.target.to(fitted.vertices), placed.weight.to(fitted.vertices.device)
        if not warm_start:
            move_roots(fitted, target)
        levels = _levels(fitted, target.float(), weight)
        steps = steps or REGISTERED_STEPS[len(target) > _MANY]
    else:
        if not warm_start:
            if "motion" in free and _has_motion(fitted):
                placed = likely_face(model.mesh, placed, landmarks)
                fitted, stopped = _like(fitted, placed.start, free)
                first = 0.0 if placed.shapes is None else LIKE
            rotation, shift = placed.rotation.to(fitted.vertices), placed.shift.to(fitted.vertices)
            _move_roots(fitted, rotation, shift, placed.scale, face_middle(model.mesh).to(shift))
        uv = chart_places(fitted)
        pull = SurfacePull(fitted.mesh, fitted(), uv, placed.mesh, own.bending, landmarks, placed.unit)
        levels, steps = [(Points(fitted, pull.rows), pull)], steps or RAW_STEPS

    joint = JointFit(fitted, free, own, None if learned is None else learned.on_motion(fitted))

    def step(iteration: int) -> tuple[float, float]:
        if stopped:
            raise KeyboardInterrupt
        done = first + (1 - first) * iteration / steps
        points, pull = levels[0] if done < 0.8 else levels[-1]
        if isinstance(pull, SurfacePull):
            pull.look(joint.pose(points).vertices, done)
        unity = _UNITY[0] * (_UNITY[1] / _UNITY[0]) ** min(1.0, max(0.0, (done - 0.1) / 0.7))
        energy = joint.step(points, pull, noise_at(done, _LATE), iteration >= _MOTION_FIRST, unity)
        return energy / max(pull.weight.sum().item(), 1e-9), pull.error(joint.pose(points).vertices)

    def show(record: Record) -> None:
        if watcher:
            joint.finish()
            watcher(record, fitted)

    history, interrupted = iterate(step, steps, "fit scan", show, progress)
    joint.settle(*levels[-1], _LATE)
    joint.finish()
    with torch.no_grad():
        vertices = fitted()
    notes = stopped_note(interrupted, len(history), steps)
    if isinstance(placed, RegisteredScan):
        notes += vertex_note(vertices, placed.target, placed.weight)
    else:
        metric = None if landmarks is None else placed.unit * landmarks
        notes += missed_landmarks(fitted.mesh, vertices, metric)
        notes += Gaps.between(fitted.mesh, vertices, placed.mesh).notes()
    return Fit(
        fitted,
        vertices,
        history=history,
        interrupted=interrupted,
        scan=placed.mesh,
        notes=(*placed.notes, *notes),
        unit=placed.unit,
    )


def noise_at(done: float, late: float) -> float:
    """The noise in mm that a fit believes in when it is `done`, 0 to 1: much at first, `late` from a third on."""
    return late * (_EARLY / late) ** max(0.0, 1 - 3 * done)


def _like(model: SkinnedModel, start: Mesh, free: Collection[str]) -> tuple[SkinnedModel, bool]:
    """The model whose own bones have made its template like the start of a raw scan, and whether it was stopped."""
    if start is model.mesh:
        return model, False
    words = [word for word in free if word != "binding"]
    device = model.vertices.device
    fit = fit_scan(model, start, free=words, steps=_START_STEPS, warm_start=True, progress=False, device=device)
    return fit.model, fit.interrupted


@torch.no_grad()
def narrow(model: SkinnedModel) -> None:
    """Let the Gaussians of a model start a fit: round, and narrower than those of a new one.

    A step sees only as far as a Gaussian reaches: with wide ones every bone acts everywhere, and none knows its part.
    """
    if not isinstance(model, AdaptiveSkinningModel):
        return
    first = _NARROW * start_widths(model.bone_uv, 1)
    wider = first * _WIDER ** torch.arange(model.components).to(first)
    model.mixture_mean.zero_()
    model.mixture_factor.copy_(torch.stack([wider.log(), torch.zeros_like(wider), wider.log()], -1))


@torch.no_grad()
def move_roots(model: SkinnedModel, target: Tensor) -> None:
    """Give every root bone the rigid motion that brings the template closest to `target` (V, 3)."""
    _, rotation, shift = align_points(model.vertices, target)
    _move_roots(model, rotation, shift)


def _move_roots(
    model: SkinnedModel, rotation: Tensor, shift: Tensor, scale: float = 1.0, middle: Tensor | None = None
) -> None:
    """Give every root bone the motion of the whole head, scaled about `middle` (3,), after the motion that it has."""
    for root in (model.rig.parents < 0).nonzero()[:, 0].tolist():
        pivot = model.bind_points()[root].detach()
        middle = pivot if middle is None else middle
        zero = torch.zeros_like(pivot)
        own = (
            (model.translation[root], model.rotation[root], model.log_scale[root]) if _has_motion(model) else [zero] * 3
        )
        there = pivot + own[0]
        model.set_motion(
            root,
            translation=rotation @ (middle - scale * (middle - there)) + shift - pivot,
            rotation=roma.rotmat_to_rotvec(rotation @ roma.rotvec_to_rotmat(own[1])),
            scale=scale * own[2].exp(),
        )


def _has_motion(model: SkinnedModel) -> bool:
    """Whether the bones have nine numbers each; those of lesson 5's free matrices have not."""
    return any(name == "translation" for name, _ in model.named_parameters())


def _levels(model: SkinnedModel, target: Tensor, weight: Tensor) -> list[tuple[Points, Pull]]:
    """A sample of the vertices for the first steps, and all of them."""
    uv, every, levels = chart_places(model), torch.arange(len(target), device=target.device), []
    coarse = len(target) // _COARSE
    if coarse > 1:
        generator = torch.Generator().manual_seed(0)
        pieces = patches_of(uv, every, coarse)
        rows = torch.stack([piece[int(torch.randint(len(piece), (), generator=generator))] for piece in pieces])
        levels.append((Points(model, rows), Pull(uv, rows, target[rows], weight[rows])))
    return [*levels, (Points(model, every), Pull(uv, every, target, weight))]


def _check_free(free: Collection[str]) -> tuple[str, ...]:
    wrong = [word for word in free if word not in FREE] if not isinstance(free, str) else [free]
    if wrong or not free:
        raise ValueError(f"free: found {free!r}; name what may move, one or more of {', '.join(FREE)}, in a tuple")
    return tuple(free)
