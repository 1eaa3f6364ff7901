"""What landmarks ask: derivatives against autograd of a loop over views, and which landmarks count how much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from asm_teach.data.heads import load_head
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.rendering.camera import look_at
from asm_teach.view_fit.bundle import Demand
from asm_teach.view_fit.camera_numbers import NUMBERS, CameraNumbers
from asm_teach.view_fit.landmark_term import LandmarkLoss, LandmarkTerm
from asm_teach.view_fit.view import LandmarkView

HEAD = load_head()
MESH = HEAD.mesh.to(dtype=torch.float64)
SCALE = torch.tensor([0.1] * 3 + [0.02] * 2 + [0.05, 0.5], dtype=torch.float64)


def noise(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@dataclass(eq=False)
class Held:
    """A face that only says where its samples are."""

    mesh: Mesh = MESH
    adapts: bool = True

    def places(self, rows: Tensor, barycentric: Tensor) -> tuple[Tensor, Tensor]:
        return rows, barycentric

    def samples(self, places: tuple[Tensor, Tensor]) -> Tensor:
        return (places[1][..., None] * self.mesh.vertices[places[0]]).sum(1)


def cameras(yaws: Sequence[float] = (-0.7, 0.0, 0.6)) -> CameraNumbers:
    middle = torch.tensor([0.0, 0.0, 60.0], dtype=torch.float64)
    shots = [
        look_at(
            middle + 700 * torch.tensor([math.sin(a), 0.1, math.cos(a)]).double(), middle, 1800 + 300 * n, (800, 900)
        )
        for n, a in enumerate(yaws)
    ]
    return CameraNumbers.of(shots, middle)


STATE = cameras()
SETS = [HEAD.landmarks, HEAD.landmarks.subset(torch.arange(10, 40)), HEAD.dense_landmarks.subset(torch.arange(60))]
SETS = [LandmarkSet(s.faces, s.barycentric.double()) for s in SETS]


def term(off: float = 3.0, noise_: float = 0.8, outlier: float = 4.0) -> LandmarkTerm:
    """Landmarks of three views, each found `off` pixels from where it is."""
    seen = []
    for n, points in enumerate(SETS):
        pixels = STATE.project(points.points(MESH.vertices, MESH.faces), n)
        seen.append(LandmarkView(pixels + off * noise(len(points), 2, seed=n), points, (800, 900)))
    return LandmarkTerm(Held(), seen, noise_, outlier)


def looked(off: float = 3.0, **options) -> tuple[LandmarkTerm, Tensor]:
    found = term(off, **options)
    found.look(MESH.vertices, STATE)
    return found, Held().samples(found.places)


def test_a_point_that_several_views_share_is_one_sample():
    found, samples = looked()
    shared = {tuple([int(f), *b.tolist()]) for s in SETS for f, b in zip(s.faces, s.barycentric, strict=True)}
    assert len(samples) == len(shared) < sum(map(len, SETS))
    for points, number in zip(SETS, found.numbers, strict=True):
        torch.testing.assert_close(samples[number], points.points(MESH.vertices, MESH.faces))


def plain(found: LandmarkTerm, samples: Tensor, state: CameraNumbers, units: list[float]) -> Tensor:
    """The loss, one landmark after another."""
    total, cut = torch.zeros(()).double(), found.cut
    for n in range(3):
        for row, number in enumerate(found.numbers[n].tolist()):
            away = (state.project(samples[number], n) - found.pixels[n][row]) / units[n]
            squared = away.square().sum()
            total = total + found.weights[n][row] * cut * squared / (cut + squared)
    return total


def test_the_loss_is_that_of_a_loop_in_millimetres():
    found, samples = looked()
    sizes = [float(STATE.log_focal[n].exp() / STATE.depth[n]) for n in range(3)]  # pixels a mm
    expected = float(plain(found, samples, STATE, [0.8 * size for size in sizes]))
    assert found.measure(samples, STATE) == pytest.approx(expected, rel=1e-9)
    assert found.demand(samples, STATE, SCALE).loss == pytest.approx(expected, rel=1e-9)
    assert expected > 10


def test_derivatives_are_those_of_the_loop():
    """First ones of the loss; second ones as Gauss and Newton have them, with the robust weights held."""
    found, samples = looked()
    asked = found.demand(samples, STATE, SCALE)
    count, free = len(samples), 3 * NUMBERS

    def step(numbers: Tensor) -> tuple[Tensor, CameraNumbers]:
        return samples + numbers[: 3 * count].view(count, 3), STATE.moved(numbers[3 * count :].view(3, NUMBERS) * SCALE)

    start = torch.zeros(3 * count + free).double()
    some = torch.cat([torch.arange(0, 3 * count, 11), 3 * count + torch.arange(free)])
    ways = 1e-4 * torch.eye(len(start)).double()[some]
    slope = torch.stack([found_loss(found, *step(w)) - found_loss(found, *step(-w)) for w in ways]) / 4e-4
    first = torch.cat([asked.force.flatten(), asked.cameras])
    torch.testing.assert_close(first[some], slope, rtol=1e-4, atol=1e-4)

    def residuals(numbers: Tensor) -> Tensor:
        moved, state = step(numbers)
        rows = []
        for n in range(3):
            away = found.residuals(samples, STATE, n).square().sum(1)
            root = (found.weights[n] * (found.cut / (found.cut + away)) ** 2).sqrt()
            rows.append((root[:, None] * found.residuals(moved, state, n)).flatten())
        return torch.cat(rows)

    jacobian = torch.stack([residuals(w) - residuals(-w) for w in ways], 1) / 2e-4
    second = jacobian.T @ jacobian
    cut = len(some) - free
    whole = torch.zeros(3 * count, 3 * count).double().view(count, 3, count, 3)
    whole[torch.arange(count), :, torch.arange(count)] = asked.metric
    torch.testing.assert_close(
        whole.view(3 * count, -1)[some[:cut, None], some[:cut]], second[:cut, :cut], rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(asked.camera_metric, second[cut:, cut:], rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(asked.beside.flatten(0, 1)[some[:cut]], second[:cut, cut:], rtol=1e-4, atol=1e-4)


def found_loss(found: LandmarkTerm, samples: Tensor, state: CameraNumbers) -> Tensor:
    return torch.tensor(found.measure(samples, state), dtype=torch.float64)


def test_descent_and_second_order_steps_follow_the_same_loss():
    """`LandmarkLoss` needs no face that can be moved; autograd finds of it what `LandmarkTerm` has in closed form."""
    found, samples = looked()
    seen = [LandmarkView(pixels, points, (800, 900)) for pixels, points in zip(found.pixels, SETS, strict=True)]
    plain_loss = LandmarkLoss(MESH, seen, 0.8, 4.0)
    plain_loss.look(MESH.vertices, STATE)
    at = (plain_loss.barycentric[..., None] * MESH.vertices[plain_loss.corners]).sum(1).requires_grad_()
    step = torch.zeros(3, NUMBERS, dtype=torch.float64, requires_grad=True)
    loss = plain_loss.loss(at, STATE.moved(step))
    by_samples, by_step = torch.autograd.grad(loss, (at, step))
    asked = found.demand(samples, STATE, SCALE)
    assert found.measure(samples, STATE) == pytest.approx(loss.item(), rel=1e-9)
    torch.testing.assert_close(by_samples / 2, asked.force)
    torch.testing.assert_close((by_step / 2 * SCALE).flatten(), asked.cameras)


def test_a_wild_landmark_asks_for_little():
    """Its loss stays below the square of the cut, and its force goes back to nothing."""
    found, samples = looked(0.0)
    assert found.measure(samples, STATE) < 1e-12
    forces, losses = [], []
    for far in (5.0, 20.0, 2000.0):
        found.pixels[1][7, 0] = STATE.project(samples[found.numbers[1][7]], 1)[0] + far
        asked = found.demand(samples, STATE, SCALE)
        forces.append(float(asked.force.norm()))
        losses.append(asked.loss)
    weight = float(found.weights[1][7])
    assert 0 < losses[0] < losses[1] < losses[2] < weight * found.cut
    assert forces[2] < 0.01 * forces[0]


def test_points_on_the_far_side_hardly_count():
    found, _ = looked()
    for n, camera in enumerate(STATE.cameras()):
        faces = MESH.faces[SETS[n].faces]
        towards = torch.nn.functional.normalize(camera.centre() - MESH.vertices[faces].mean(1), dim=1)
        cosine = (face_normals(MESH.vertices, faces) * towards).sum(1)
        assert (found.weights[n][cosine > 0.55] > 0.95).all() and (cosine > 0.55).any()
        assert (found.weights[n][cosine < 0] < 0.05).all()
    turned = cameras((-1.3, 0.0, 0.6))
    jaw = found.weights[0][:17].clone()
    found.look(MESH.vertices, turned)
    # a camera at his right sees more of that half of the jaw line (the first eight points), and loses the other
    assert found.weights[0][9:17].sum() < 0.5 * jaw[9:17].sum()
    assert found.weights[0][:8].sum() > 2 * found.weights[0][9:17].sum()


def test_where_pictures_speak_landmarks_count_less():
    found, samples = looked()
    before = [w.clone() for w in found.weights]
    covered = torch.linspace(0, 1, len(samples)).double()
    found.look(MESH.vertices, STATE, covered, 0.25)
    for n in range(3):
        torch.testing.assert_close(found.weights[n], before[n] * (1 - 0.75 * covered[found.numbers[n]]))
    found.look(MESH.vertices, STATE)
    assert all(torch.equal(a, b) for a, b in zip(found.weights, before, strict=True))


def test_a_camera_cannot_win_by_going_away():
    """The unit is that of the last look: misses that get smaller with the face get no better in millimetres."""
    found, samples = looked()
    step = torch.zeros(3, NUMBERS).double()
    step[:, 5] = -0.5
    away = STATE.moved(step)
    for n in range(3):
        found.pixels[n] = away.principal[n] + (found.pixels[n] - STATE.principal[n]) * math.exp(-0.5)
    far = found.measure(samples, away)
    found.look(MESH.vertices, away)
    assert found.measure(samples, away) > 1.5 * far
    assert found.units == pytest.approx((0.8 * away.log_size.exp()).tolist())


def test_in_single_precision_on_any_device(device):
    exact, samples = looked()
    mesh = MESH.to(device, torch.float32)
    seen = [
        LandmarkView(pixels.to(device), LandmarkSet(s.faces.to(device), s.barycentric.to(device)), (800, 900))
        for pixels, s in zip(exact.pixels, SETS, strict=True)
    ]
    found = LandmarkTerm(Held(mesh), seen, 0.8, 4.0)
    state = STATE.to(mesh.vertices)
    found.look(mesh.vertices, state)
    there = Held(mesh).samples(found.places)
    assert there.dtype == torch.float32 and there.device.type == device.type
    assert found.measure(there, state) == pytest.approx(exact.measure(samples, STATE), rel=1e-3)
    asked, expected = found.demand(there, state, SCALE.to(there)), exact.demand(samples, STATE, SCALE)
    for name in ("force", "metric", "cameras", "camera_metric", "beside"):
        one, other = getattr(asked, name), getattr(expected, name)
        assert isinstance(asked, Demand) and one.dtype == torch.float32
        assert (one.cpu().double() - other).abs().max() < 5e-3 * other.abs().max()
