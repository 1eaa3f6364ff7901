"""The numbers of a skinned face that a second-order step may change: bone motions, then Gaussians. Derived in lesson 5.

Each is counted in the standard deviations of its prior, so that numbers of all units can be compared. A fit to a scan
and a fit to pictures both solve for them; they differ in what they measure.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from asm_teach.fitting.bone_motion import motion_of
from asm_teach.fitting.normal_equations import NUMBERS, Equations, Points, Posed, gaussians_of
from asm_teach.fitting.priors import Prior
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel

FREE = ("motion", "weights", "binding")
_LONGEST = 0.7  # of a step of any Gaussian: in widths, logarithms of widths and of shares. Beyond it no slope holds.


class Unknowns:
    """All u unknowns of a face, and the face as they have it now; `moved` gives the face after a step.

    motion: of the bones, as it is now; width: (9 J,) what it is counted in. gaussians: (J, K, 6) centre, factor and log
    share; K = 0 for fixed weights.
    start: (J, K, 6) where they began. moves, adapts: whether motions and Gaussians are among the unknowns.
    motion_columns: (J, 9) and gaussian_columns: (J, K, 6), which unknowns they are; of "binding" without "weights" each
    bone has two unknowns in the place of the latter: its Gaussians share one shift.

    free: what moves, of "motion", "weights" (centres, widths and shares of the Gaussians) and "binding" (the places of
    the bones; a bone's Gaussians go with it). A static model has motion only.
    rooted: whether the prior speaks of the place of a root too, where cameras move about the head.
    """

    def __init__(self, model: SkinnedModel, free: tuple[str, ...], prior: Prior, rooted: bool = False) -> None:
        self.model, self.bind_points = model, model.bind_points().detach().double()
        self.motion, self._posed = motion_of(model), dict[Points, Posed]()
        numbers = self.motion.numbers()
        self.width = numbers.new_tensor(self.motion.widths(prior)).repeat(len(numbers))
        self._belief = (torch.ones_like(numbers) if rooted else self.motion.belief(model.rig)).flatten()
        self.moves, self._binds = "motion" in free, "binding" in free
        self.gaussians = self.start = gaussians_of(model)
        if isinstance(model, AdaptiveSkinningModel):
            self._places = model.bone_uv.detach().double().clone()
        self.adapts = bool(self.start.numel()) and ("weights" in free or self._binds)
        wide = self.start[:, :1, 2].exp().expand(self.start.shape[:2])
        ones = torch.ones_like(wide)
        self._unit = torch.stack([wide, wide, ones, wide, ones, ones], -1)  # (J, K, 6): of chart or nothing
        scales = [prior.mixture_mean] * 2 + [prior.mixture_factor] * 3 + [prior.mixture_logits]
        self._span = self._unit * self._unit.new_tensor(scales)
        together = self.adapts and "weights" not in free  # a bone's Gaussians share one shift, its own
        self._spread = self._shifts(prior.bone_uv) if together else None
        self.motion_columns = torch.arange(numbers.numel(), device=numbers.device).view_as(numbers)
        self.gaussian_columns = torch.arange(self.start.numel(), device=numbers.device).view_as(self.start)
        if self.moves:
            self.gaussian_columns += numbers.numel()

    def _shifts(self, bone_uv: float) -> Tensor:
        """(6 K J, 2 J): from the shifts of the bones, in `bone_uv` of the chart, to the Gaussians' numbers."""
        bones, components = self.start.shape[:2]
        spread = self._span.new_zeros(bones, components, NUMBERS, bones, 2)
        each = torch.arange(bones, device=spread.device)
        for axis in range(2):
            spread[each, :, axis, each, axis] = bone_uv / self._span[..., axis]
        return spread.view(bones * components * NUMBERS, bones * 2)

    def pose(self, points: Points) -> Posed:
        """Points of the face as they are now; the first answer is kept, because each step asks four times."""
        if points not in self._posed:
            matrices = self.motion.matrices(self.bind_points, self.model.rig)
            self._posed[points] = Posed(points, matrices, self.gaussians)
        return self._posed[points]

    def _again(self) -> Unknowns:
        """A copy that is about to change."""
        after = copy.copy(self)
        after._posed = {}
        return after

    def deviations(self, adapts: bool = True) -> Tensor:
        """How far the unknowns are from where the prior believes them, (u,); only the motions' if not `adapts`."""
        parts = []
        if self.moves:
            parts.append(self._belief * self.motion.numbers().flatten() / self.width)
        if self.adapts and adapts:
            away = ((self.gaussians - self.start) / self._span).flatten()
            if self._spread is not None:  # all Gaussians of a bone say the same: ask the first
                away = away @ self._spread / self._spread.square().sum(0)
            parts.append(away)
        return torch.cat(parts)

    def joined(self, root: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
        """A belief |R (x - m)|^2 about all motions x (9 J,) together: rows (r, u) and aims (r,) of the deviations."""
        rows = root.new_zeros(len(root), len(self.deviations()))
        rows[:, self.motion_columns.flatten()] = root * (self.width * self._belief).to(root)
        return rows, root @ (centre * self._belief.to(centre))

    def moved(self, step: Tensor, adapts: bool) -> Unknowns:
        """The face after a step (u,)."""
        after = self._again()
        if self.moves:
            count = len(self.width)
            after.motion = self.motion.moved((step[:count] * self.width).view(len(self.bind_points), -1))
            step = step[count:]
        if self.adapts and adapts:
            if self._spread is not None:
                step = self._spread @ step
            away = step.view_as(self._span) * self._span
            longest = (away / self._unit).abs().amax((1, 2), keepdim=True)
            after.gaussians = self.gaussians + away * (_LONGEST / longest).clamp_max(1)
        return after

    def summed(self) -> Unknowns:
        """The face with shares that sum to 1 for each bone, as those of a model do."""
        after = self._again()
        if self.adapts:
            after.gaussians = self.gaussians.clone()
            after.gaussians[..., 5] -= self.gaussians[..., 5].logsumexp(1, keepdim=True)
        return after

    def through_summed(self, by: Tensor) -> Tensor:
        """Derivatives (u, ...) by the unknowns, where each step is followed by `summed`.

        Of log pi_k then arrives x_k - sum_l pi_l x_l: what would make a bone stronger as a whole is taken back.
        """
        shares, place = self.gaussians[..., 5].softmax(1), self.gaussian_columns[..., 5]
        by = by.clone()
        part = by[place]
        by[place] = part - shares.to(by).view(*shares.shape, *[1] * (by.ndim - 1)) * part.sum(1, keepdim=True)
        return by

    def excess(self) -> float:
        """Squared logarithms of what the shares of each bone sum to."""
        return self.gaussians[..., 5].logsumexp(1).square().sum().item() if self.gaussians.numel() else 0.0

    def add_excess(self, first: Tensor, second: Tensor, times: float) -> None:
        """Add the derivatives of half of `times` the excess to those of an energy, (u,) and (u, u)."""
        if self._spread is not None:  # shares stay
            return
        slope = self.gaussians[..., 5].softmax(1) * self._span[..., 5]  # (J, K)
        place = self.gaussian_columns[..., 5]
        first[place] += times * slope * self.gaussians[..., 5].logsumexp(1, keepdim=True)
        second[place[:, :, None], place[:, None]] += times * slope[:, :, None] * slope[:, None]

    def reduce(self, found: Equations, unit: Tensor, adapts: bool) -> tuple[Tensor, Tensor, Tensor]:
        """From derivatives by matrices and Gaussians to those by the unknowns.

        Args:
            found: half the derivatives of an energy.
            unit: (4, 4) of the points that they were taken at.
            adapts: whether the Gaussians are among them.

        Returns:
            the first (u,), the second (u, u), and the second (u, m) by the unknowns and the m others of `found`.
        """
        parts, blocks, beside = [], [], []
        span, spread = self._span.flatten(), self._spread
        narrow = span.float()
        if self.moves:
            follow = self.motion.jacobian(self.bind_points, self.model.rig)  # (J, 3, 4, J, 9)
            follow = torch.einsum("lrajk,ab->rlbjk", follow, unit).flatten(3).flatten(1, 2) * self.width
            parts.append(torch.einsum("re,reu->u", found.by_matrices.double(), follow))
            # A bone's matrix knows the numbers of its ancestors alone: nearly all of `follow` is zero.
            by_row = [one.T.float().to_sparse() for one in follow]  # 3 of (9 J, 4 J)
            whole = torch.cat(by_row, 1)
            if found.gram.ndim == 2:
                blocks.append(torch.stack([one @ (one @ found.gram).T.contiguous() for one in by_row]).sum(0))
            else:
                blocks.append(whole @ (whole @ found.gram.flatten(2).flatten(0, 1)).T.contiguous())
            beside.append(whole @ found.beside_matrices.flatten(0, 1))
        if adapts:
            by, curvature = found.by_gaussians * span, found.curvature * narrow[:, None] * narrow
            near = found.beside_gaussians * narrow[:, None]
            if spread is not None:
                by, curvature = by @ spread, spread.float().T @ curvature @ spread.float()
                near = spread.float().T @ near
            parts.append(by)
            blocks.append(curvature)
            beside.append(near)
        second = torch.block_diag(*blocks)
        if self.moves and adapts:
            mixed = (whole @ found.mixed.flatten(0, 1)) * narrow
            mixed = mixed if spread is None else mixed @ spread.float()
            second[: len(mixed), len(mixed) :], second[len(mixed) :, : len(mixed)] = mixed, mixed.T
        return torch.cat(parts), second, torch.cat(beside)

    @torch.no_grad()
    def give_to_model(self) -> None:
        """Write motion, Gaussians and places into the model.

        The weights know only where a Gaussian is, not how its centre divides into the bone's place and its own offset:
        a bone that may move sits at the middle of its Gaussians. Its motion is then told about its new pivot.
        """
        model = self.model
        if self.adapts and isinstance(model, AdaptiveSkinningModel):
            share = self.gaussians[..., 5].softmax(1)[..., None]
            if self._binds:
                places = self._places + (share * (self.gaussians - self.start)[..., :2]).sum(1)
                at = model.chart.locate(places)  # each place comes to the nearest point of the chart
                places = (at.barycentric[..., None] * model.chart.uv.double()[model.chart.faces[at.face]]).sum(-2)
                model.bone_uv.copy_(places)
            model.mixture_mean.copy_(self.gaussians[..., :2] - model.bone_uv[:, None].double())
            model.mixture_factor.copy_(self.gaussians[..., 2:5])
            model.mixture_logits.copy_(self.gaussians[..., 5])
        self.motion.about(self.bind_points, model.bind_points().double()).give_to(model)
