"""A model's moved vertices and pivots without doing work twice: what a bone panel draws at each step of a slider."""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.model.adaptive import SkinnedModel
from asm_teach.model.skinning import linear_blend_skinning
from asm_teach.model.transforms import bind_matrices, bone_transforms, skinning_matrices
from asm_teach.widgets.base.pose import equal


class Mover:
    """Eq. (1) of a model, with the weights (eq. 2) and the bones' places (eq. 3) kept as long as only bones move.

    A slider changes nine numbers. Weights and places take most of a model's time, and stay the same until one of their
    own parameters changes: those are compared at every call.
    """

    def __init__(self, model: SkinnedModel) -> None:
        self._model = model
        self._given: dict[str, Tensor] = {}
        self._weights = self._points = torch.zeros(0)

    @torch.no_grad()
    def __call__(self) -> tuple[Tensor, Tensor]:
        """Vertices (V, 3) and pivots (J, 3), mm."""
        model = self._model
        given = model.state_dict()
        translation, rotation, log_scale = (given.pop(name) for name in ("translation", "rotation", "log_scale"))
        if not equal(given, self._given):
            self._given = {name: value.clone() for name, value in given.items()}
            self._weights, self._points = model.weights(), model.bind_points()
        motion = bone_transforms(translation, rotation, log_scale.exp())
        matrices = skinning_matrices(bind_matrices(self._points), motion, model.rig)
        moved = matrices - torch.eye(3, 4).to(matrices)  # as in `SkinnedModel.forward`
        vertices = model.vertices + linear_blend_skinning(model.vertices, self._weights, moved)
        pivots = torch.nn.functional.pad(self._points, (0, 1), value=1.0)
        return vertices, torch.einsum("jab,jb->ja", matrices, pivots)
