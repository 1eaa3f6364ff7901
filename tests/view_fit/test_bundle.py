"""One face and its cameras moved together, on a face so small that every derivative can be taken another way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
import roma
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from asm_teach.geometry.mesh import Mesh
from asm_teach.rendering.camera import look_at
from asm_teach.view_fit.bundle import Bundle, Demand, demand
from asm_teach.view_fit.camera_numbers import NUMBERS, CameraNumbers, LensPrior

COUNT, VIEWS = 8, 3


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


MESH = Mesh(60 * noise(COUNT, 3, seed=1), torch.arange(6).view(2, 3))


@dataclass(eq=False)
class FreeFace:
    """A face whose unknowns are its vertices, with the prior that each stays within `stray` mm of the mesh."""

    points: Tensor
    stray: float = 10.0
    mesh: Mesh = MESH
    adapts: bool = True

    def places(self, rows: Tensor, barycentric: Tensor | None = None) -> Tensor:
        return rows

    def samples(self, places: Tensor) -> Tensor:
        return self.points[places]

    def vertices(self) -> Tensor:
        return self.points

    def cost(self) -> float:
        return float(((self.points - self.mesh.vertices) / self.stray).square().sum())

    def system(self, demands: Sequence[tuple[Tensor, Demand]]) -> tuple[Tensor, Tensor, Tensor]:
        first = (self.points - self.mesh.vertices) / self.stray**2
        second = torch.zeros(COUNT, 3, COUNT, 3).to(first)
        beside = torch.zeros(COUNT, 3, VIEWS * NUMBERS).to(first)
        each = torch.arange(COUNT)
        second[each, :, each] += torch.eye(3).to(first) / self.stray**2
        for places, asked in demands:
            first = first.index_add(0, places, asked.force)
            second[places, :, places] += asked.metric
            beside.index_add_(0, places, asked.beside)
        size = 3 * COUNT
        return first.flatten().double(), second.view(size, size), beside.view(size, -1)

    def moved(self, step: Tensor) -> FreeFace:
        return replace(self, points=self.points + step.view(COUNT, 3).to(self.points))


@dataclass(eq=False)
class Seen:
    """All vertices as they were seen, pixels (COUNT, VIEWS, 2), each within a pixel; beyond `cut` pixels less so."""

    pixels: Tensor
    cut: float = 50.0
    places: Tensor = torch.arange(COUNT)

    def misses(self, samples: Tensor, cameras: CameraNumbers) -> Tensor:
        return torch.stack([cameras.project(samples, n) for n in range(VIEWS)], 1) - self.pixels

    def measure(self, samples: Tensor, cameras: CameraNumbers) -> float:
        squared = self.misses(samples, cameras).square().sum(2)
        return float((self.cut**2 * squared / (self.cut**2 + squared)).sum())

    def demand(self, samples: Tensor, cameras: CameraNumbers, scale: Tensor) -> Demand:
        away = self.misses(samples, cameras)
        weight = (1 + away.square().sum(2) / self.cut**2) ** -2
        metric = torch.zeros(COUNT, VIEWS, 2, VIEWS, 2).to(away)
        each = torch.arange(VIEWS)
        metric[:, each, :, each] = weight.T[:, :, None, None] * torch.eye(2).to(away)
        return demand(self.measure(samples, cameras), weight[..., None] * away, metric, samples, cameras, scale)


def cameras(seed: int = 0) -> CameraNumbers:
    shots = []
    for n in range(VIEWS):
        yaw, pitch, lens, away = (0.3 * noise(4, seed=10 * seed + n)).tolist()
        eye = 600 * math.exp(away) * torch.tensor([math.sin(0.6 * n - 0.6 + yaw), pitch, math.cos(0.6 * n - 0.6 + yaw)])
        shots.append(look_at(eye.double(), torch.zeros(3).double(), 900 * math.exp(lens), (600, 500)))
    return CameraNumbers.of(shots, torch.zeros(3, dtype=torch.float64))


def started(seed: int, far: float = 1.0, prior: tuple[float, float] = (1.2, 0.7), **options) -> tuple[Bundle, Seen]:
    """A bundle that is off from where its pictures were taken: vertices by 6 mm, cameras by 0.05 of their numbers."""
    state = cameras(seed)
    points = MESH.vertices + 6 * noise(COUNT, 3, seed=seed + 1)
    seen = Seen(torch.stack([state.project(points, n) for n in range(VIEWS)], 1))
    off = far * 0.05 * noise(VIEWS, NUMBERS, seed=seed + 2)
    return Bundle(FreeFace(MESH.vertices), state.moved(off), prior, **options), seen


# --- from pixels to samples and cameras


def test_a_demand_is_that_of_autograd():
    """Derivatives of a quadratic of the pixels, by the samples and by a step of all cameras."""
    state, points = cameras(), MESH.vertices
    force, root = noise(COUNT, VIEWS, 2, seed=3), noise(COUNT, 2 * VIEWS, 2 * VIEWS, seed=4)
    metric = (root @ root.mT).view(COUNT, VIEWS, 2, VIEWS, 2)
    scale = torch.tensor([0.1, 0.2, 0.3, 0.02, 0.03, 0.05, 0.5], dtype=torch.float64)
    start = torch.stack([state.project(points, n) for n in range(VIEWS)], 1)
    found = demand(7.0, force, metric, points, state, scale)
    assert found.loss == 7.0

    def pixels(numbers: Tensor) -> Tensor:
        samples, step = numbers[: 3 * COUNT].view(COUNT, 3), numbers[3 * COUNT :].view(VIEWS, NUMBERS) * scale
        moved = state.moved(step)
        return (torch.stack([moved.project(samples, n) for n in range(VIEWS)], 1) - start).flatten()

    at = torch.cat([points.flatten(), torch.zeros(VIEWS * NUMBERS).double()])
    ways = 1e-4 * torch.eye(len(at)).double()
    jacobian = torch.stack([(pixels(at + way) - pixels(at - way)) / 2e-4 for way in ways], 1)
    whole = torch.block_diag(*metric.flatten(3).flatten(1, 2))
    first, second = jacobian.T @ force.flatten(), jacobian.T @ whole @ jacobian
    mine, split = 3 * COUNT, torch.arange(COUNT)

    def close(one: Tensor, other: Tensor) -> None:
        assert one.shape == other.shape
        assert (one - other).abs().max() < 1e-5 * other.abs().max()

    close(found.force.flatten(), first[:mine])
    close(found.cameras, first[mine:])
    close(found.metric, second[:mine, :mine].view(COUNT, 3, COUNT, 3)[split, :, split])
    close(found.camera_metric, second[mine:, mine:])
    close(found.beside.flatten(0, 1), second[:mine, mine:])


# --- steps


@example(330, 15.0)  # twice a step is no number here
@given(st.integers(0, 1000), st.sampled_from([1.0, 5.0, 15.0]))
@settings(max_examples=6)
def test_no_step_goes_uphill(seed, far):
    """However far the start; and what a step returns is the loss of what it leaves."""
    bundle, seen = started(seed, far)
    losses = [bundle.loss([seen])]
    for _ in range(4):
        losses.append(bundle.step([seen]))
        assert losses[-1] == pytest.approx(bundle.loss([seen]), rel=1e-9)
    assert all(after <= before for before, after in zip(losses, losses[1:], strict=False))
    assert losses[-1] < losses[0]


def test_a_few_steps_find_what_was_seen():
    """The pictures have no noise: what is left in the end is what the priors cost."""
    for seed in range(2):
        bundle, seen = started(seed)
        for _ in range(10):
            bundle.step([seen])
        measured = seen.measure(bundle.face.points, bundle.cameras)
        assert measured < 2e-3 * started(seed)[1].measure(MESH.vertices, started(seed)[0].cameras)
        assert seen.misses(bundle.face.points, bundle.cameras).abs().mean() < 0.3  # pixels


def test_the_last_step_stands_where_nothing_pulls():
    """By finite differences of the loss along random ways: what a step does not find, no prior hides."""
    bundle, seen = started(1)
    for _ in range(25):
        bundle.step([seen])
    way, turn = noise(3 * COUNT, seed=5), 0.01 * noise(VIEWS, NUMBERS, seed=6)
    start = started(1)[0]

    def slope(bundle: Bundle) -> float:
        values = []
        for sign in (1e-4, -1e-4):
            other = Bundle(bundle.face.moved(sign * way), bundle.cameras.moved(sign * turn), (1.2, 0.7))
            values.append(other.loss([seen]))
        return abs(values[0] - values[1])

    assert slope(bundle) < 1e-4 * slope(start)


def test_where_there_is_nothing_to_gain_nothing_moves():
    state = cameras()
    diagonal = math.hypot(600, 500)
    seen = Seen(torch.stack([state.project(MESH.vertices, n) for n in range(VIEWS)], 1))
    bundle = Bundle(FreeFace(MESH.vertices), state, (1.0, 1e6))  # no prior on the lenses
    before = bundle.loss([seen])
    assert before < 1e-9 and diagonal > 0
    for _ in range(3):
        assert bundle.step([seen]) <= before
    torch.testing.assert_close(bundle.face.points, MESH.vertices, atol=1e-3, rtol=0)


def test_an_outlier_has_little_say():
    far = []
    for wild in (0.0, 400.0):
        bundle, seen = started(2)
        seen.pixels[3, 1] += wild
        seen.cut = 8.0
        for _ in range(10):
            bundle.step([seen])
        far.append(bundle.face.points)
    kept = torch.arange(COUNT) != 3
    assert (far[0] - far[1])[kept].norm(dim=1).mean() < 1.0


# --- what pictures do not show


def test_moving_all_together_costs_nothing_but_the_prior():
    """Turn, shift and stretch the world: the pictures stay as they are, only the face's own prior notices."""
    bundle, seen = started(3)
    turn = roma.rotvec_to_rotmat(torch.tensor([0.2, -0.1, 0.3]).double())
    shift, stretch = torch.tensor([5.0, -3.0, 12.0]).double(), 1.1
    state, face = bundle.cameras, bundle.face
    points = stretch * face.points @ turn.mT + shift
    other = replace(
        state,
        rotation=state.rotation @ turn.mT,
        pivot=stretch * turn @ state.pivot + shift,
        log_size=state.log_size - math.log(stretch),  # as far again: the lens is the same
    )
    moved = Bundle(replace(face, points=points), other, (1.2, 0.7))
    priors = [b.face.cost() for b in (bundle, moved)]
    assert priors[1] > priors[0] + 10
    assert moved.loss([seen]) - priors[1] == pytest.approx(bundle.loss([seen]) - priors[0], rel=1e-9)


def test_the_lens_is_held_by_its_prior_where_nothing_else_does():
    """Pictures that weigh next to nothing: the focal lengths go to the median, in the units of each picture."""
    state = cameras()
    sizes = ((600, 500), (300, 250), (1200, 900))
    state = replace(state, sizes=sizes)
    seen = Seen(torch.zeros(COUNT, VIEWS, 2, dtype=torch.float64), cut=1e-3)
    bundle = Bundle(FreeFace(MESH.vertices), state, (0.8, 0.5))
    for _ in range(12):
        bundle.step([seen])
    expected = torch.tensor([0.8 * math.hypot(*size) for size in sizes]).double()
    torch.testing.assert_close(bundle.cameras.log_focal.exp(), expected, rtol=1e-3, atol=0)


def test_a_lens_that_was_told_counts_while_the_pictures_do_not_speak_against_it():
    """Twice the true one: believed where they weigh next to nothing, given up where they show a known face."""
    state = cameras()
    lens = state.log_lens().exp()
    lenses = LensPrior((1.2, 0.7), [None, (2 * float(lens[1]), 0.07), (float(lens[2]), 0.07)])
    seen = torch.stack([state.project(MESH.vertices, n) for n in range(VIEWS)], 1)
    lie = torch.zeros(VIEWS, NUMBERS).double()
    lie[1, 6] = math.log(2)
    found = []
    for cut in (1e-3, 50.0):
        bundle = Bundle(FreeFace(MESH.vertices, stray=0.05), state.moved(lie), lenses)
        for _ in range(12):
            bundle.step(10 * [Seen(seen, cut=cut)])
        found.append((bundle.cameras.log_lens().exp() / lens).tolist())
    assert found[0][1:] == pytest.approx([2.0, 1.0], rel=0.02)
    assert found[1][1:] == pytest.approx([1.0, 1.0], rel=0.05)


def test_the_loss_counts_the_lens_as_a_normal_prior_does():
    state = cameras()
    seen = Seen(torch.stack([state.project(MESH.vertices, n) for n in range(VIEWS)], 1))
    found = Bundle(FreeFace(MESH.vertices), state, (1.3, 0.4)).loss([seen])
    away = (state.log_focal - math.log(1.3 * math.hypot(600, 500))) / 0.4
    assert found == pytest.approx(float(away.square().sum()), rel=1e-9)


def test_one_lens_changes_all_by_one_factor():
    free, tied = (started(4, one_lens=one) for one in (False, True))
    factors = []
    for bundle, seen in (free, tied):
        before = bundle.cameras.log_focal
        losses = [bundle.loss([seen]), *(bundle.step([seen]) for _ in range(8))]
        assert losses[-1] < 0.2 * losses[0]
        assert all(b <= a for a, b in zip(losses, losses[1:], strict=False))
        factors.append(bundle.cameras.log_focal - before)
    assert factors[1].std() < 1e-9 < factors[1].abs().min()
    assert factors[0].std() > 1e-3


# --- precision


def test_in_single_precision_too(device):
    exact, seen = started(5)
    face = replace(exact.face, points=exact.face.points.float().to(device), mesh=MESH.to(device, torch.float32))
    bundle = Bundle(face, exact.cameras, (1.2, 0.7))
    assert bundle.cameras.rotation.dtype == torch.float32 and bundle.cameras.rotation.device.type == device.type
    there = replace(seen, pixels=seen.pixels.float().to(device), places=seen.places.to(device))
    losses = [bundle.loss([there]), *(bundle.step([there]) for _ in range(8))]
    for _ in range(8):
        exact.step([seen])
    assert losses[-1] < 0.02 * losses[0]
    assert losses[-1] < 1.1 * exact.loss([seen]) + 1
