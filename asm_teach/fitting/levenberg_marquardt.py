"""Levenberg-Marquardt steps on all that an adaptive face has: bone motions, Gaussians and places, together.

Derived in lesson 5. Descent moves each number by its own slope; here each step solves for all of them at once, so that
a bone knows what its neighbours are about to do.
"""

from __future__ import annotations

from torch import Tensor

from asm_teach.fitting.damped_step import Damping
from asm_teach.fitting.normal_equations import Points, Posed, equations
from asm_teach.fitting.priors import Prior
from asm_teach.fitting.unknowns import Unknowns
from asm_teach.fitting.vertex_energy import Pull
from asm_teach.model.adaptive import SkinnedModel


class JointFit:
    """A model on its way to a target; the model itself is written by `finish`. free: as that of `Unknowns`.

    learned: what is believed of all motions together, beside the prior (`Unknowns.joined`).
    """

    def __init__(
        self, model: SkinnedModel, free: tuple[str, ...], prior: Prior, learned: tuple[Tensor, Tensor] | None = None
    ) -> None:
        self.face, self.damping = Unknowns(model, free, prior), Damping()
        empty = self.face.width.new_zeros(0, len(self.face.deviations()))
        rows, aims = (empty, empty[:, 0]) if learned is None else self.face.joined(*learned)
        self._rows, self._aims = rows.to(empty), aims.to(empty)
        self._joined = self._rows.T @ self._rows

    def pose(self, points: Points) -> Posed:
        """Points of the face as they are now."""
        return self.face.pose(points)

    def step(self, points: Points, pull: Pull, noise: float, adapt: bool = True, unity: float = 0.0) -> float:
        """One step, eq. (5.3), taken only if it makes the energy smaller; returns the energy of the vertices, mm^2.

        noise: mm that weigh as much as one standard deviation of the prior. adapt: whether the Gaussians may move yet.
        unity: mm^2 that it costs if the shares pi of a bone sum to e instead of 1. Held to 1 from the start, a bone's
        strength is tied to its width; drawn in slowly it is free at first (worth next to nothing: lesson 5,
        exercise 5).
        """
        face = self.face
        adapts = face.adapts and (adapt or not face.moves)
        part = len(points.homogeneous) / len(face.model.vertices)
        trust, unity = noise * noise * part, unity * part

        def costs(face: Unknowns, energy: float) -> float:
            away = face.deviations(adapts)
            joined = (self._rows[:, : len(away)] @ away - self._aims).square().sum()
            return energy + trust * (away.square().sum() + joined).item() + unity * face.excess()

        posed = face.pose(points)
        energy = pull.cost(posed.vertices)
        found = equations(posed, pull.gradient(posed.vertices), pull.patches(), adapts, None, pull.least)
        first, second, _ = face.reduce(found, points.unit, adapts)
        away, count = face.deviations(adapts), len(first)
        joined = self._joined[:count, :count] @ away - self._rows[:, :count].T @ self._aims
        first, second = first + trust * (away + joined), second + (trust * self._joined[:count, :count]).to(second)
        if adapts and unity:
            face.add_excess(first, second, unity)
        # Damping counts for the prior's part too: of some Gaussians the scan says next to nothing, and their steps
        # would else stay as long however strong it is.
        second.diagonal().add_(trust)

        def attempt(step: Tensor) -> tuple[float, tuple[float, Unknowns]]:
            trial = face.moved(step, adapts)
            energy = pull.cost(trial.pose(points).vertices)
            return costs(trial, energy), (energy, trial)

        if better := self.damping.step(first, second, costs(face, energy), attempt):
            energy, self.face = better[1]
        return energy

    def settle(self, points: Points, pull: Pull, noise: float) -> None:
        """Make the shares of each bone sum to exactly 1, and let the motions answer to that."""
        self.face = self.face.summed()
        if self.face.adapts and self.face.moves:
            for _ in range(2):
                self.step(points, pull, noise, adapt=False)

    def finish(self) -> None:
        """Write the face into the model."""
        self.face.give_to_model()
