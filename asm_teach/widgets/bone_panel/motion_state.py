"""The motion of a model's bones as one record: to go back to, and to move the face by without doing work twice."""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.model.adaptive import SkinnedModel
from asm_teach.model.skinning import linear_blend_skinning
from asm_teach.model.transforms import bind_matrices, bone_transforms, skinning_matrices

_MOTION = ("translation", "rotation", "log_scale")
_MOST = 200  # steps that can be undone


class Undo:
    """The motions before each of the last changes."""

    def __init__(self, model: SkinnedModel) -> None:
        self._model = model
        self._before: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._before)

    @torch.no_grad()
    def keep(self) -> None:
        """Remember the motion of now: a change is about to follow."""
        now = torch.stack([getattr(self._model, name) for name in _MOTION])
        if not self._before or not torch.equal(now, self._before[-1]):
            self._before = [*self._before[-_MOST:], now]

    @torch.no_grad()
    def back(self) -> bool:
        """Bring back the motion before the last change that is not undone; False when there is none."""
        now = torch.stack([getattr(self._model, name) for name in _MOTION])
        while self._before:
            before = self._before.pop()
            if not torch.equal(before, now):
                for name, values in zip(_MOTION, before, strict=True):
                    getattr(self._model, name).copy_(values)
                return True
        return False


class Mover:
    """A model's moved vertices and pivots, eq. (1), with the weights and places kept as long as only bones move.

    A slider changes nine numbers. The weights (eq. 2) and the bones' places (eq. 3) take most of a model's time, and
    stay the same until one of their own parameters changes: those are compared at every call.
    """

    def __init__(self, model: SkinnedModel) -> None:
        self._model = model
        self._given: dict[str, Tensor] = {}
        self._weights = self._points = self._pivots = torch.zeros(0)

    @torch.no_grad()
    def __call__(self) -> tuple[Tensor, Tensor]:
        """Vertices (V, 3) and pivots (J, 3), mm."""
        model = self._model
        self._refresh()
        motion = bone_transforms(model.translation, model.rotation, model.log_scale.exp())
        matrices = skinning_matrices(bind_matrices(self._points), motion, model.rig)
        moved = matrices - torch.eye(3, 4).to(matrices)  # as in `SkinnedModel.forward`
        vertices = model.vertices + linear_blend_skinning(model.vertices, self._weights, moved)
        return vertices, torch.einsum("jab,jb->ja", matrices, self._pivots)

    def _refresh(self) -> None:
        given = {name: p for name, p in self._model.state_dict().items() if name not in _MOTION}
        same = given.keys() == self._given.keys() and all(
            p.device == q.device and torch.equal(p, q)
            for p, q in zip(given.values(), self._given.values(), strict=True)
        )
        if not same:
            self._given = {name: p.clone() for name, p in given.items()}
            self._weights, self._points = self._model.weights(), self._model.bind_points()
            self._pivots = torch.nn.functional.pad(self._points, (0, 1), value=1.0)
