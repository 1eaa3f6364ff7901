"""Change a face by words, such as a wider nose: named sliders that bring the skin to move by so many millimetres.

On a head whose Gaussians are those a fit starts from, a slider is a short list of bones. A fit lets each bone reach
otherwise, also on the two sides: the same motions lift one brow by 2 mm and the other by 3, and what widened the nose
may pull at the mouth. So the list is played on the template first, which tells where the skin should go, and all bones
of the fitted face are then solved for that. At the end each side is scaled until its place has moved by the amount.
"""

from __future__ import annotations

import copy
import math
from typing import Literal, TypeVar

import torch
from torch import Tensor
from torch.autograd.functional import jacobian

from asm_teach.avatar.sliders import SLIDERS, Place, Slider
from asm_teach.data.heads import embedded_head
from asm_teach.fitting.priors import MIRROR
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.model.skinning import linear_blend_skinning
from asm_teach.model.transforms import Rig, bind_matrices, bone_transforms, rotation_matrix, skinning_matrices
from asm_teach.scan_fit.fit import narrow
from asm_teach.scan_fit.motion_solver import MotionSolver

Side = Literal["both", "left", "right"]
ModelT = TypeVar("ModelT", bound=SkinnedModel)
PARTS = {"translation": slice(0, 3), "rotation": slice(3, 6), "log_scale": slice(6, 9)}  # of a motion (J, 9)
_STEPS, _NEAR = 12, 1e-4  # of Newton's method, and mm that are near enough
_FIRM = 1e-3  # mm that one of a slider's own bones moves its place for a unit; a tenth to one are usual
_MOST = 3.0  # times farther than they were solved to go: beyond it bones are pulled that do not reach the place


@torch.no_grad()
def edit(model: ModelT, side: Side = "both", **amounts: float) -> ModelT:
    """A copy of a model with its face changed by named sliders, in millimetres on the skin.

        wider = edit(model, nose_width=2, brow_height=-1)

    Each slider is solved alone on the model as it is, and their motions are added up: the order does not matter, and
    where two move the same skin both count. An amount is what is added to the face: 0 changes nothing.

    Args:
        model: an adaptive or a static model with the bones of the embedded heads, fitted or not.
        side: "left" or "right", the person's, moves that side alone and holds the other.
        amounts: name -> mm; `SLIDERS` lists the names, where a space may stand for each underscore. Widths are those
            of the whole face, of which one side makes half.

    Raises:
        ValueError: a slider that is not there, or whose bones the model does not have, or that they do not reach; an
            amount that is not finite or beyond the slider's ends; one side of a slider in the middle of the face.
    """
    chosen = {name: _checked(model, name, amount, side) for name, amount in amounts.items()}
    edited, editor = copy.deepcopy(model), _Editor(model)
    for name, amount in amounts.items():
        if amount:
            motion = editor.motion(chosen[name], amount, side)
            for part, columns in PARTS.items():
                parameter = getattr(edited, part)
                parameter += motion[:, columns].to(parameter)
    return edited


@torch.no_grad()
def slider_motions(model: SkinnedModel) -> dict[str, Tensor]:
    """What a millimetre of each slider adds to the motions of a model's bones, (J, 9), for pages that add them up.

    It is a straight line, which `edit` leaves where bones turn. Sliders are left out whose bones the model lacks, or
    does not reach with.
    """
    editor, found = _Editor(model), {}
    for slider in SLIDERS:
        if has_bones(model.rig, slider):
            try:
                found[slider.name] = editor.motion(slider, 1.0, "both")
            except ValueError:
                continue
    return found


def slider_of(name: str) -> Slider:
    """The slider of a name. Raises ValueError for a name that is not there."""
    found = next((slider for slider in SLIDERS if slider.name == name.strip().replace(" ", "_")), None)
    if found is None:
        raise ValueError(f"amounts: no slider is called {name!r}; there are {', '.join(s.name for s in SLIDERS)}")
    return found


def has_bones(rig: Rig, slider: Slider) -> bool:
    """Whether a rig has a slider's bones, on both sides."""
    bones = {bone for bone, _, _ in slider.moves} | {place.bone for place in slider.places}
    return {*bones, *(bone[:-2] + "_R" for bone in bones if bone.endswith("_L"))} <= set(rig.names)


def _checked(model: SkinnedModel, name: str, amount: float, side: Side) -> Slider:
    slider = slider_of(name)
    if side not in ("both", "left", "right"):
        raise ValueError(f"side: found {side!r}; give 'both', 'left' or 'right'")
    if side != "both" and not slider.is_paired:
        raise ValueError(f"side: {slider.name} lies in the middle of the face and has no {side} side; leave side out")
    if not has_bones(model.rig, slider):
        raise ValueError(f"amounts: this model lacks bones that {slider.name} moves, such as {slider.moves[0][0]!r}")
    if not slider.low <= amount <= slider.high:  # NaN too
        raise ValueError(f"amounts: {slider.name} is {amount} mm; it goes from {slider.low:g} to {slider.high:g}")
    return slider


class _Editor:
    """A model, the head that its sliders are played on, and what solves for its bones."""

    def __init__(self, model: SkinnedModel) -> None:
        self.model = copy.deepcopy(model).cpu().double().requires_grad_(False)
        self.source = _source(self.model)
        alike = self.source.weights().shape == self.model.weights().shape
        self._is_fresh = alike and torch.allclose(self.source.weights(), self.model.weights(), atol=1e-3)
        self._solver = None if self._is_fresh else MotionSolver(self.model)

    def motion(self, slider: Slider, amount: float, side: Side) -> Tensor:
        """What is added to the model's motion, (J, 9)."""
        left, right = (_pattern(self.model.rig, slider, end) for end in ("_L", "_R"))
        if self._solver is not None:
            left, right = self._solved(slider, amount, self._solver)
        lever = _Lever(self.model, slider, left, right)
        ways = lever.solve(lever.target(amount, side))
        if self._solver is not None and ways.abs().max() > _MOST:
            raise ValueError(f"amounts: {slider.name}: the bones of this model do not reach where it is measured")
        return lever.motion(ways)

    def _solved(self, slider: Slider, amount: float, solver: MotionSolver) -> tuple[Tensor, Tensor]:
        """The motions that bring the skin of each side where the slider brings that of the head it is played on."""
        source, rig = self.source, self.source.rig
        sides = [_pattern(rig, slider, end) for end in ("_L", "_R")]
        lever = _Lever(source, slider, *sides)
        amounts = lever.solve(lever.target(amount, "both"))
        turn = _turn(self.model)
        fields = [_moved(source, x * side) - source() for x, side in zip(amounts, sides, strict=True)]
        left, right = (solver.solve(solver.rest + field @ turn.T) for field in fields)
        return left, right


def _source(model: SkinnedModel) -> SkinnedModel:
    """The head that sliders are played on: bones at rest, with the Gaussians that a fit starts from.

    It has the model's own template. A static model has no Gaussians: the embedded head with its mesh is taken; if
    there is none, the model plays the sliders itself, with its own weights.
    """
    source: SkinnedModel = copy.deepcopy(model)
    if isinstance(source, AdaptiveSkinningModel) and source.rig.uv is not None:
        source.bone_uv.copy_(source.rig.uv)  # where a new model has them
        source.mixture_logits.copy_(-math.log(4.0) * torch.arange(source.components).expand(len(source.rig), -1))
    elif (head := embedded_head(model.mesh)) is not None:
        source = AdaptiveSkinningModel(head.mesh, head.rig).double().requires_grad_(False)
    source.reset_motion()
    narrow(source)
    return source


class _Lever:
    """Two motions at work on a model: from how far its left and its right side go, (2,), to measured mm.

    Two ways are measured. Where the slider is paired, they are those of its places on the left and on the right. Where
    it lies in the middle, the second is by how much more the first bone of its left side rises, or comes out, than its
    image: that is to stay 0. Without bones at the sides there is no second.
    """

    def __init__(self, model: SkinnedModel, slider: Slider, left: Tensor, right: Tensor) -> None:
        self._model, self._slider, self._left, self._right = model, slider, left, right
        across = tuple(place.across() for place in slider.places)
        ways: list[tuple[Place, ...]] = [slider.places, across][: 1 + slider.is_paired]
        sides = [bone for bone, _, _ in slider.moves if bone.endswith("_L")]
        if sides and not slider.is_paired:
            even = Place(sides[0], slider.places[0].along)
            ways.append((even, even.across().backwards()))
        places = [place for way in ways for place in way]
        counts = torch.block_diag(*(torch.ones(1, len(way)) for way in ways)).double()  # (ways, places)
        along = torch.tensor([place.along for place in places], dtype=torch.float64)
        self._along = counts[..., None] * (along @ _turn(model).T)
        rows = _nearest(model, places)
        self._vertices, self._weights, self._rest = model.vertices[rows], model.weights(rows), model(rows)
        self._bind = bind_matrices(model.bind_points())

    def target(self, amount: float, side: Side) -> Tensor:
        """What the measured ways have to become, mm."""
        second = amount * (side != "left") if self._slider.is_paired else 0.0
        return torch.tensor([amount * (side != "right"), second], dtype=torch.float64)[: len(self._along)]

    def motion(self, amounts: Tensor) -> Tensor:
        """What is added to the model's motion, (J, 9)."""
        return amounts[0] * self._left + amounts[1] * self._right

    def solve(self, target: Tensor) -> Tensor:
        """The amounts (2,) whose ways are the target, by Newton's method."""
        amounts = torch.zeros(2, dtype=torch.float64)
        for _ in range(_STEPS):
            slope = jacobian(self._ways, amounts)
            off = target - self._ways(amounts)
            if off.abs().max() < _NEAR:
                return amounts
            if torch.linalg.svdvals(slope).min() < _FIRM:
                break
            amounts = amounts + torch.linalg.pinv(slope) @ off
        raise ValueError(
            f"amounts: {self._slider.name}: the bones of this model cannot bring its skin so far; give less"
        )

    def _ways(self, amounts: Tensor) -> Tensor:
        transforms = _transforms(self._model, self._bind, self.motion(amounts))
        moved = linear_blend_skinning(self._vertices, self._weights, transforms) - self._rest
        return (moved * self._along).sum((1, 2))


def _pattern(rig: Rig, slider: Slider, end: str) -> Tensor:
    """What a slider's bones of one side do, (J, 9), and half of what those in the middle do."""
    motion = torch.zeros(len(rig), 9, dtype=torch.float64)
    for bone, part, numbers in slider.moves:
        way = torch.tensor(numbers, dtype=torch.float64)
        if not bone.endswith("_L"):
            motion[rig.index(bone), PARTS[part]] += way / 2
        elif end == "_L":
            motion[rig.index(bone), PARTS[part]] += way
        else:
            motion[rig.index(bone[:-2] + "_R"), PARTS[part]] += way * way.new_tensor(MIRROR[part])
    return motion


def _moved(model: SkinnedModel, motion: Tensor) -> Tensor:
    """The face (V, 3) with a motion added to what the bones do."""
    transforms = _transforms(model, bind_matrices(model.bind_points()), motion)
    return linear_blend_skinning(model.vertices, model.weights(), transforms)


def _transforms(model: SkinnedModel, bind: Tensor, motion: Tensor) -> Tensor:
    translation, rotation, log_scale = (getattr(model, part) + motion[:, at] for part, at in PARTS.items())
    return skinning_matrices(bind, bone_transforms(translation, rotation, log_scale.exp()), model.rig)


def _turn(model: SkinnedModel) -> Tensor:
    """(3, 3) how the head stands: a scan may lie askew, and what is up and out of the face is told by its root."""
    return rotation_matrix(model.rotation[int((model.rig.parents < 0).nonzero()[0])])


def _nearest(model: SkinnedModel, places: list[Place]) -> Tensor:
    """The vertices of the template nearest to places: bones sit where the rig has them, not where a fit put them."""
    bones = [model.rig.index(place.bone) for place in places]
    uv = model.rig.uv
    if isinstance(model, AdaptiveSkinningModel) and uv is not None:
        points = model.chart.bind(uv[bones].to(model.vertices), model.vertices)
    else:
        points = model.bind_points()[bones]
    return torch.cdist(points, model.vertices).argmin(1)
