"""Levenberg-Marquardt steps on all that an adaptive face has: bone motions, Gaussians and places, together.

Derived in lesson 5. Descent moves each number by its own slope; here each step solves for all of them at once, so that
a bone knows what its neighbours are about to do.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from asm_teach.base.damped_step import Damping
from asm_teach.fitting.bone_motion import Motion
from asm_teach.fitting.free_matrices import AffineMotion, AffineSkinningModel
from asm_teach.fitting.normal_equations import NUMBERS, Equations, Points, Posed, equations, gaussians_of
from asm_teach.fitting.priors import Prior
from asm_teach.fitting.vertex_energy import Pull
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.model.binding import Chart

FREE = ("motion", "weights", "binding")
_LONGEST = 0.7  # of a step of any Gaussian: in widths, logarithms of widths and of shares. Beyond it no slope holds.


class JointFit:
    """A model on its way to a target; `model` itself is written by `finish`.

    free: what moves, of "motion", "weights" (centres, widths and shares of the Gaussians) and "binding" (the places of
    the bones; a bone's Gaussians go with it). A static model has motion only. degrees: of freedom a bone, 9 or 12.
    rooted: whether the prior speaks of the place of a root too, where cameras move about the head.
    """

    def __init__(
        self, model: SkinnedModel, free: tuple[str, ...], prior: Prior, degrees: int = 9, rooted: bool = False
    ) -> None:
        self.model = model
        self.bind_points = model.bind_points().detach().double()
        self.motion: Motion | AffineMotion = Motion.of(model)
        if degrees == 12:
            self.motion = AffineMotion.of(self.motion, self.bind_points, model.rig)
        self.damping = Damping()
        device, bones = model.vertices.device, len(model.rig)
        self.gaussians = self.start = self._spread = None
        self._moves = "motion" in free
        self._width = torch.tensor(self.motion.widths(prior), dtype=torch.float64, device=device).repeat(bones)
        self._belief = self.motion.belief(model.rig).flatten()
        if rooted:
            self._belief.fill_(1.0)
        self._adapts = isinstance(model, AdaptiveSkinningModel) and ("weights" in free or "binding" in free)
        self._binds = "binding" in free
        if isinstance(model, AdaptiveSkinningModel):
            self.gaussians = self.start = gaussians_of(model)
            self._places = model.bone_uv.detach().double().clone()
        if self._adapts:
            wide = self.start[:, :1, 2].exp().expand(-1, model.components)
            ones = torch.ones_like(wide)
            self._unit = torch.stack([wide, wide, ones, wide, ones, ones], -1)  # (J, K, 6): of chart or nothing
            scales = [prior.mixture_mean] * 2 + [prior.mixture_factor] * 3 + [prior.mixture_logits]
            self._span = self._unit * self._unit.new_tensor(scales)
            if "weights" not in free:  # a bone's Gaussians share one shift, its own
                self._spread = self._shifts(prior.bone_uv)

    def _shifts(self, bone_uv: float) -> Tensor:
        """(6 K J, 2 J): from the shifts of the bones, in `bone_uv` of the chart, to the Gaussians' numbers."""
        bones, components = self.start.shape[:2]
        spread = self._span.new_zeros(bones, components, NUMBERS, bones, 2)
        each = torch.arange(bones, device=spread.device)
        for axis in range(2):
            spread[each, :, axis, each, axis] = bone_uv / self._span[..., axis]
        return spread.view(bones * components * NUMBERS, bones * 2)

    def pose(self, points: Points) -> Posed:
        """Points of the face as they are now."""
        return self._posed(points, self.motion, self.gaussians)

    def _posed(self, points: Points, motion: Motion | AffineMotion, gaussians: Tensor | None) -> Posed:
        return Posed(points, motion.matrices(self.bind_points, self.model.rig), gaussians)

    def _deviations(self, motion: Motion | AffineMotion, gaussians: Tensor | None, adapts: bool) -> Tensor:
        """How far the unknowns are from where the prior believes them, in its standard deviations."""
        parts = []
        if self._moves:
            parts.append(self._belief * motion.numbers().flatten() / self._width)
        if adapts:
            away = ((gaussians - self.start) / self._span).flatten()
            if self._spread is not None:  # all Gaussians of a bone say the same: ask the first
                away = away @ self._spread / self._spread.square().sum(0)
            parts.append(away)
        return torch.cat(parts)

    def deviations(self) -> Tensor:
        """All unknowns in the prior's standard deviations from where it believes them, (u,)."""
        return self._deviations(self.motion, self.gaussians, self._adapts)

    def after(self, step: Tensor, adapts: bool) -> JointFit:
        """The fit after a step (u,) of its unknowns; the shares of each bone are made to sum to 1."""
        fit, adapts = copy.copy(self), adapts and self._adapts
        fit.motion, fit.gaussians = self._moved(step, adapts)
        if adapts:
            fit.gaussians = fit.gaussians.clone()
            fit.gaussians[..., 5] -= fit.gaussians[..., 5].logsumexp(1, keepdim=True)
        return fit

    def step(self, points: Points, pull: Pull, noise: float, adapt: bool = True, unity: float = 0.0) -> float:
        """One step, eq. (5.3), taken only if it makes the energy smaller; returns the energy of the vertices, mm^2.

        noise: mm that weigh as much as one standard deviation of the prior. adapt: whether the Gaussians may move yet.
        unity: mm^2 that it costs if the shares pi of a bone sum to e instead of 1. Held to 1 from the start, a bone's
        strength is tied to its width; drawn in slowly it is free at first (worth next to nothing: lesson 5,
        exercise 5).
        """
        adapts = self._adapts and (adapt or not self._moves)
        part = len(points.homogeneous) / len(self.model.vertices)
        trust, unity = noise * noise * part, unity * part
        posed = self.pose(points)
        first, second = self._system(posed, pull, adapts)
        deviations = self._deviations(self.motion, self.gaussians, adapts)
        energy = pull.cost(posed.vertices)
        before = energy + trust * deviations.square().sum().item() + unity * self._excess(self.gaussians)
        first = first + trust * deviations
        if adapts and unity:
            self._draw_in(first, second, unity)
        # Damping counts for the prior's part too: of some Gaussians the scan says next to nothing, and their steps
        # would else stay as long however strong it is.
        second.diagonal().add_(trust)

        def attempt(step: Tensor) -> tuple[float, tuple[float, Motion | AffineMotion, Tensor | None]]:
            motion, gaussians = self._moved(step, adapts)
            energy = pull.cost(self._posed(points, motion, gaussians).vertices)
            away = self._deviations(motion, gaussians, adapts).square().sum().item()
            return energy + trust * away + unity * self._excess(gaussians), (energy, motion, gaussians)

        if found := self.damping.step(first, second, before, attempt):
            energy, self.motion, self.gaussians = found[1]
        return energy

    def _excess(self, gaussians: Tensor | None) -> float:
        """Squared logarithms of what the shares of each bone sum to."""
        return 0.0 if gaussians is None else gaussians[..., 5].logsumexp(1).square().sum().item()

    def _draw_in(self, first: Tensor, second: Tensor, unity: float) -> None:
        """Add to the system what draws those sums to 1."""
        if self._spread is not None:
            return
        slope = self.gaussians[..., 5].softmax(1) * self._span[..., 5]  # (J, K)
        place = torch.arange(self._span.numel(), device=slope.device).view_as(self._span)[..., 5]
        place = place + len(first) - self._span.numel()
        first[place] += unity * slope * self.gaussians[..., 5].logsumexp(1, keepdim=True)
        second[place[:, :, None], place[:, None]] += unity * slope[:, :, None] * slope[:, None]

    def _moved(self, step: Tensor, adapts: bool) -> tuple[Motion | AffineMotion, Tensor | None]:
        motion, gaussians = self.motion, self.gaussians
        if self._moves:
            motion = motion.moved((step[: len(self._width)] * self._width).view(len(self.bind_points), -1))
            step = step[len(self._width) :]
        if adapts:
            if self._spread is not None:
                step = self._spread @ step
            away = step.view_as(self._span) * self._span
            longest = (away / self._unit).abs().amax((1, 2), keepdim=True)
            gaussians = gaussians + away * (_LONGEST / longest).clamp_max(1)
        return motion, gaussians

    def _system(self, posed: Posed, pull: Pull, adapts: bool) -> tuple[Tensor, Tensor]:
        """First derivative (m,) and Gauss-Newton's second (m, m) of half the energy by the unknowns."""
        found = equations(posed, pull.gradient(posed.vertices), pull.patches(), adapts)
        return self.reduce(found, posed.points.unit, adapts)[:2]

    def reduce(self, found: Equations, unit: Tensor, adapts: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """The same by matrices and Gaussians to that by the unknowns, and (m, n) by them and n others, if there are."""
        parts, blocks, beside = [], [], []
        if self._moves:
            follow = self.motion.jacobian(self.bind_points, self.model.rig)  # (J, 3, 4, J, 9)
            follow = torch.einsum("lrajk,ab->rlbjk", follow, unit).flatten(3).flatten(1, 2) * self._width
            parts.append(torch.einsum("re,reu->u", found.by_matrices.double(), follow))
            # A bone's matrix knows the numbers of its ancestors alone: nearly all of `follow` is zero.
            by_row = [one.T.float().to_sparse() for one in follow]  # 3 of (9 J, 4 J)
            whole = torch.cat(by_row, 1)
            if found.gram.ndim == 2:
                blocks.append(sum(one @ (one @ found.gram).T.contiguous() for one in by_row))
            else:
                blocks.append(whole @ (whole @ found.gram.flatten(2).flatten(0, 1)).T.contiguous())
            if found.beside_matrices is not None:
                beside.append(whole @ found.beside_matrices.flatten(0, 1))
        if adapts:
            span, spread = self._span.flatten(), self._spread
            by, narrow = found.by_gaussians * span, span.float()
            curvature = found.curvature * narrow[:, None] * narrow
            if spread is not None:
                by, curvature = by @ spread, spread.float().T @ curvature @ spread.float()
            parts.append(by)
            blocks.append(curvature)
            if found.beside_gaussians is not None:
                near = found.beside_gaussians * narrow[:, None]
                beside.append(near if spread is None else spread.float().T @ near)
        second = torch.block_diag(*blocks)
        if self._moves and adapts:
            mixed = (whole @ found.mixed.flatten(0, 1)) * narrow
            mixed = mixed if spread is None else mixed @ spread.float()
            second[: len(mixed), len(mixed) :], second[len(mixed) :, : len(mixed)] = mixed, mixed.T
        return torch.cat(parts), second, torch.cat(beside) if beside else None

    def settle(self, points: Points, pull: Pull, noise: float) -> None:
        """Make the shares of each bone sum to exactly 1, and let the motions answer to that."""
        if self._adapts:
            self.gaussians = self.gaussians.clone()
            self.gaussians[..., 5] -= self.gaussians[..., 5].logsumexp(1, keepdim=True)
            if self._moves:
                for _ in range(2):
                    self.step(points, pull, noise, adapt=False)

    @torch.no_grad()
    def finish(self) -> None:
        """Write motion, Gaussians and places into the model.

        The weights know only where a Gaussian is, not how its centre divides into the bone's place and its own offset:
        a bone that may move sits at the middle of its Gaussians. Its motion is then told about its new pivot.
        """
        model = self.model
        if self._adapts:
            share = self.gaussians[..., 5].softmax(1)[..., None]
            if self._binds:
                shift = (share * (self.gaussians - self.start)[..., :2]).sum(1)
                model.bone_uv.copy_(_on_chart(model.chart, self._places + shift))
            model.mixture_mean.copy_(self.gaussians[..., :2] - model.bone_uv[:, None].double())
            model.mixture_factor.copy_(self.gaussians[..., 2:5])
            model.mixture_logits.copy_(self.gaussians[..., 5])
        if isinstance(self.motion, AffineMotion) and not isinstance(model, AffineSkinningModel):
            self.model = model = AffineSkinningModel(model)
        self.motion.about(self.bind_points, model.bind_points().double()).give_to(model)


def _on_chart(chart: Chart, places: Tensor) -> Tensor:
    """Places (J, 2), each brought to the nearest point of the chart."""
    at = chart.locate(places)
    return (at.barycentric[..., None] * chart.uv.double()[chart.faces[at.face]]).sum(-2)
