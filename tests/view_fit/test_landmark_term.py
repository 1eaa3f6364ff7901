"""What landmarks ask: derivatives against autograd of a loop over views, and which landmarks count how much."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from asm_teach.data.detector_noise import mediapipe_noise
from asm_teach.data.heads import load_head
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.rendering.camera import look_at
from asm_teach.view_fit.bundle import Demand
from asm_teach.view_fit.camera_numbers import NUMBERS, CameraNumbers
from asm_teach.view_fit.landmark_term import MANY, LandmarkLoss, LandmarkTerm, believed
from asm_teach.view_fit.view import LandmarkView, View, landmark_view

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


SKIN = HEAD.dense_landmarks.subset(torch.arange(468))
SKIN = LandmarkSet(SKIN.faces, SKIN.barycentric.double())


def detected(off: float = 1.0, seed: int = 20) -> tuple[LandmarkTerm, Tensor]:
    """All of MediaPipe's points of the skin in three views, each off by `off` mm, the errors of neighbours alike."""
    points, seen = SKIN.points(MESH.vertices, MESH.faces), []
    for n in range(3):
        common = torch.exp(-torch.cdist(points, points) / 30) @ noise(468, 2, seed=seed + n) / 4
        pixels = STATE.project(points, n) + off * STATE.log_size[n].exp() * (common + 0.3 * noise(468, 2, seed=n))
        seen.append(LandmarkView(pixels, SKIN, (800, 900), detected=True))
    found = LandmarkTerm(Held(), seen, 1.0, 5.0)
    found.look(MESH.vertices, STATE)
    return found, Held().samples(found.places)


def test_a_detectors_errors_cost_what_their_covariance_says():
    """Against the whole covariance, inverted; and against the least over all amounts of the modes."""
    found, samples = detected()
    total = 0.0
    for n in range(3):
        away, modes = found.residuals(samples, STATE, n).flatten(), found.modes[n]
        spread = found.weights[n].reciprocal().repeat_interleave(2)
        cost = away @ torch.linalg.solve(modes @ modes.T + torch.diag(spread), away)
        inner = torch.eye(modes.shape[1]).double() + modes.T @ (modes / spread[:, None])
        amounts = torch.linalg.solve(inner, modes.T @ (away / spread))
        left = away - modes @ amounts
        assert float((left.square() / spread).sum() + amounts.square().sum()) == pytest.approx(float(cost), rel=1e-8)
        assert float(cost) < 0.7 * float((away.square() / spread).sum())
        total += float(cost)
    assert found.measure(samples, STATE) == pytest.approx(total, rel=1e-8)
    assert found.demand(samples, STATE, SCALE).loss == pytest.approx(total, rel=1e-8)


def test_derivatives_of_a_detectors_errors_are_those_of_their_loss():
    """First ones; and second ones, whose shared part is still to be taken from metric and beside."""
    found, samples = detected()
    asked = found.demand(samples, STATE, SCALE)
    assert asked.shared is not None and asked.shared_cameras is not None
    way, turn = noise(len(samples), 3, seed=7), noise(3, NUMBERS, seed=8)
    for move, swing in ((way, 0 * turn), (0 * way, turn), (way, turn)):

        def at(t: float, move: Tensor = move, swing: Tensor = swing) -> float:
            return found.measure(samples + t * move, STATE.moved(t * swing * SCALE))

        slope = (at(1e-4) - at(-1e-4)) / 2e-4
        first = (asked.force * move).sum() + asked.cameras @ swing.flatten()
        assert 2 * float(first) == pytest.approx(slope, rel=1e-5)
    for move, swing in ((way, 0 * turn), (0 * way, turn), (way, turn)):

        def rows(t: float, n: int, move: Tensor = move, swing: Tensor = swing) -> Tensor:
            return found.residuals(samples + t * move, STATE.moved(t * swing * SCALE), n).flatten()

        expected = 0.0
        for n in range(3):
            slopes, modes = (rows(1e-5, n) - rows(-1e-5, n)) / 2e-5, found.modes[n]
            spread = torch.diag(found.weights[n].reciprocal().repeat_interleave(2))
            expected += float(slopes @ torch.linalg.solve(modes @ modes.T + spread, slopes))
        flat = swing.flatten()
        whole = torch.einsum("nx,nxy,ny->", move, asked.metric, move) + flat @ asked.camera_metric @ flat
        whole = whole + 2 * torch.einsum("nx,nxk,k->", move, asked.beside, flat)
        along = torch.einsum("nx,nxk->k", move, asked.shared)
        whole = whole - along.square().sum() - 2 * along @ asked.shared_cameras.T @ flat
        assert float(whole) == pytest.approx(expected, rel=1e-5)


def test_a_detected_point_far_beyond_what_all_share_counts_less():
    found, _ = detected(0.3)
    usual = found.weights[1][100].item()
    found.found[1][100] += 25 * STATE.log_size[1].exp()
    found.look(MESH.vertices, STATE)
    assert found.weights[1][100].item() < 0.05 * usual
    assert found.weights[1][250].item() == pytest.approx(found.weights[1][250].item())


def test_the_bias_of_a_detector_is_taken_away_in_millimetres():
    """Whatever the roll of the camera: upright errors are turned with the picture."""
    bias, _, _ = mediapipe_noise().at(*STATE.side(0)[:2])
    points = SKIN.points(MESH.vertices, MESH.faces)
    for roll in (0.0, 0.8):
        turn = torch.zeros(3, NUMBERS).double()
        turn[:, 2] = roll
        state = STATE.moved(turn)
        upright = state.side(0)[2]
        pixels = state.project(points, 0) + state.log_size[0].exp() * bias.double() @ upright
        found = LandmarkTerm(Held(), [LandmarkView(pixels, SKIN, (800, 900), detected=True)], 1.0, 5.0)
        one = CameraNumbers(
            state.rotation[:1], state.shift[:1], state.log_size[:1], state.log_focal[:1], state.principal[:1],
            state.pivot, state.sizes[:1],
        )  # fmt: skip
        found.look(MESH.vertices, one)
        assert found.measure(Held().samples(found.places), one) < 1e-4
        assert bias.norm(dim=1).mean() > 0.5


def test_a_detectors_errors_are_told_from_the_face_in_many_views_only():
    seen = [LandmarkView(torch.zeros(468, 2), SKIN, (800, 900), detected=True) for _ in range(MANY)]
    placed = LandmarkView(torch.zeros(68, 2), HEAD.landmarks, (800, 900))
    assert [view.detected for view in believed([*seen, placed])] == [True] * MANY + [False]
    assert not any(view.detected for view in believed([*seen[1:], placed]))


def test_only_a_whole_set_of_a_detector_is_one():
    """Who places points by hand, or draws pictures, leaves out those that are not in sight."""
    points = 300 + 200 * torch.rand(478, 2, generator=torch.Generator().manual_seed(3))
    assert landmark_view(View(None, points, size=(800, 900)), HEAD.mesh).detected
    assert landmark_view(View(None, points[:468], size=(800, 900)), HEAD.mesh).detected
    some = points.clone()
    some[40] = torch.nan
    assert not landmark_view(View(None, some, size=(800, 900)), HEAD.mesh).detected
    assert not landmark_view(View(None, points[:68], size=(800, 900)), HEAD.mesh).detected
