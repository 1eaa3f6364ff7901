"""The pose in which a head is bound to its bones: the fitted face, or the template that the bones move.

A skin of glTF moves a vertex by sum_j w_ij G_j B_j^-1, eq. (1), and finds G_j by the product of its nodes down the
tree, eq. (1.2), each of them translate . rotate . scale, eq. (1.1). So both poses say the same as the model; they
differ in what is lost when an engine counts only a few bones for each vertex.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from asm_teach.avatar.inside import face_of
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.model.transforms import bind_matrices, bone_transforms, world_matrices

NOT_FINITE = "model: its numbers are NaN or infinite, or too large for a face; fit it again"


@dataclass(frozen=True, eq=False)
class RestPose:
    """A head and the bones that it is bound to, in mm, float64.

    Attributes:
        vertices: (V, 3) as they are bound.
        points: (J, 3) where the bones' pivots are bound; their axes are those of the world.
        weights: (V, J) of all bones; rows sum to 1.
        shapes: name -> (V, 3) what a shape of amount 1 adds to `vertices`, before the bones move them.
        translation: (J, 3) what each bone's own motion T_j is from the start, eq. (1.1).
        rotation: (J, 3) rotation vectors, radians.
        scale: (J, 3) factors.
    """

    vertices: Tensor
    points: Tensor
    weights: Tensor
    shapes: Mapping[str, Tensor]
    translation: Tensor
    rotation: Tensor
    scale: Tensor

    def is_finite(self) -> bool:
        """Whether there is neither NaN nor infinity in what a file would hold."""
        return all(bool(x.isfinite().all()) for x in vars(self).values() if isinstance(x, Tensor))


@torch.no_grad()
def baked(model: SkinnedModel, shapes: Mapping[str, Tensor]) -> RestPose:
    """The fitted face is the rest pose, and the bones rest on it without a motion; its inside is placed by the skin.

    At rest the weights do not matter, so with few bones for each vertex the face is still the fitted one. The bones of
    an adaptive model stand on the fitted skin, eq. (3); those of a static one where they have moved to.

    Args:
        model: the fitted model.
        shapes: name -> (V, 3) mm that move the fitted face.
    """
    vertices, model = face_of(model), _precise(model)
    if isinstance(model, AdaptiveSkinningModel):
        points = model.chart.bind(model.bone_uv, vertices)
    else:
        motion = bone_transforms(model.translation, model.rotation, model.log_scale.exp())
        points = world_matrices(bind_matrices(model.bind_points()), motion, model.rig)[..., 3]
    still = torch.zeros_like(points)
    exact = {name: offset.double() for name, offset in shapes.items()}
    return RestPose(vertices, points, model.weights(), exact, still, still, torch.ones_like(points))


@torch.no_grad()
def template(model: SkinnedModel, shapes: Mapping[str, Tensor]) -> RestPose:
    """The template is the rest pose, and the bones' own motions make the fitted face of it: eq. (1) word for word.

    Args and Returns as for `baked`. An engine carries a shape to the fitted face by eq. (10.1), so the inverse of that
    brings it back to the template.
    """
    model = _precise(model)
    linear = linear_part(model)
    back = {name: torch.linalg.solve(linear, offset.double()) for name, offset in shapes.items()}
    return RestPose(
        model.vertices, model.bind_points(), model.weights(), back,
        model.translation, model.rotation, model.log_scale.exp(),
    )  # fmt: skip


def linear_part(model: SkinnedModel) -> Tensor:
    """(V, 3, 3), the blended matrix of each vertex without its translation, sum_j w_ij A_j of eq. (10.1)."""
    return (model.weights() @ model.transforms()[..., :3].flatten(1)).unflatten(1, (3, 3))


def _precise(model: SkinnedModel) -> SkinnedModel:
    return copy.deepcopy(model).cpu().double().requires_grad_(False)
