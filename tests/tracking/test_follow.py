"""A person who is followed: what is found against what was played, gaps, and takes that cannot be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

import asm_teach as asm
from asm_teach.avatar.expressions import Expressions, expression_shapes
from asm_teach.avatar.performer import Performer
from asm_teach.avatar.track import CHANNELS, Track, read_track
from asm_teach.data.assets import data_dir
from asm_teach.rendering.camera import Camera
from asm_teach.rendering.edges import mesh_edges
from asm_teach.rendering.renderer import render
from asm_teach.rendering.shading import lamp
from asm_teach.tracking.follow import track
from asm_teach.tracking.held_face import HeldFace
from asm_teach.tracking.one_frame import Frame, Watched
from asm_teach.tracking.walk import Belief, Smoother, Walk

HEAD = asm.load_head()
MODEL = asm.AdaptiveSkinningModel(HEAD.mesh, HEAD.rig)
SIZE, FOCAL = (640, 480), 900.0
DENSE = HEAD.dense_landmarks.subset(torch.arange(468))


@pytest.fixture(scope="module")
def shapes() -> Expressions:
    return expression_shapes(MODEL)


@pytest.fixture(scope="module")
def performer(shapes: Expressions) -> Performer:
    return Performer.of(MODEL, shapes)


@pytest.fixture(scope="module")
def take() -> Track:
    """30 frames of the embedded take, as if there were no gap among them."""
    whole = read_track(data_dir() / "take.csv")
    parts = {name: getattr(whole, name)[3:33] for name in ("amounts", "head", "eyes")}
    return replace(whole, times=torch.arange(30).double() / 30, **parts)


def camera() -> Camera:
    return Camera(*map(torch.tensor, (FOCAL, (320.0, 240.0), (math.pi, 0.0, 0.0), (5.0, 3.0, 650.0))), SIZE)


def seen(performer: Performer, take: Track, noise: float = 1.0) -> list[Frame]:
    """The landmarks of a performance in a camera, off by `noise` mm."""
    generator, frames = torch.Generator().manual_seed(0), []
    for time in take.times.tolist():
        points = DENSE.points(performer.at(take, time), HEAD.mesh.faces).double()
        pixels = camera().to(dtype=torch.float64).project(points)
        off = torch.randn(pixels.shape, generator=generator, dtype=torch.float64)
        frames.append(Frame(time, pixels + noise * FOCAL / 650 * off))
    return frames


def shape_error(performer: Performer, found: Track, true: Track) -> Tensor:
    """(T, V) mm in the face between two performances, without the turns of the head."""
    face = HEAD.mesh.part_vertices("face")
    return torch.stack([
        (performer.pose(found.at(t)[0]) - performer.pose(true.at(t)[0]))[face].norm(dim=1) for t in true.times.tolist()
    ])  # fmt: skip


def test_without_noise_the_performance_comes_back(performer, shapes, take) -> None:
    found = track(MODEL, seen(performer, take, 0.0), SIZE, focal=FOCAL, noise=0.02, temporal=False, shapes=shapes)
    assert shape_error(performer, found.track, take).mean() < 0.1
    assert (found.track.head - take.head).norm(dim=1).max() < math.radians(0.2)
    assert (found.shift - torch.tensor([5.0, 3.0, 650.0])).norm(dim=1).max() < 0.5
    assert found.miss.max() < 0.05 and found.track.notes == ()
    seen_there = found.camera(7).project(DENSE.points(performer.at(found.track, take.times[7].item()), HEAD.mesh.faces))
    assert (seen_there - seen(performer, take, 0.0)[7].landmarks).abs().max() < 1.0


def test_what_came_before_and_after_takes_the_jitter_away(performer, shapes, take) -> None:
    frames, jitter, error = seen(performer, take), {}, {}
    for name, options in {"none": {"temporal": False}, "past": {"lag": 0}, "all": {}}.items():
        found = track(MODEL, frames, SIZE, focal=FOCAL, shapes=shapes, **options).track
        off = torch.stack([performer.pose(found.at(t)[0]) - performer.pose(take.at(t)[0]) for t in take.times.tolist()])
        jitter[name] = off.diff(dim=0)[:, HEAD.mesh.part_vertices("face")].norm(dim=2).mean()
        error[name] = shape_error(performer, found, take).mean()
    assert jitter["all"] < 0.8 * jitter["past"] < 0.8 * 0.8 * jitter["none"]
    assert error["all"] < 0.8 * error["none"]


def test_a_lag_of_all_frames_is_that_of_none_to_wait_for(performer, shapes, take) -> None:
    frames = seen(performer, take)[:8]
    whole, late = (track(MODEL, frames, SIZE, focal=FOCAL, shapes=shapes, lag=lag) for lag in (None, 20))
    assert torch.allclose(whole.track.amounts, late.track.amounts, atol=1e-9)


def test_frames_without_a_face_are_bridged_or_left_out_and_that_is_said(performer, shapes, take) -> None:
    frames = seen(performer, take)
    for gap in (*range(3), *range(10, 20), *range(26, 30)):
        frames[gap] = Frame(frames[gap].time, None if gap % 2 else torch.full((468, 2), torch.nan))
    found = track(MODEL, frames, SIZE, focal=FOCAL, shapes=shapes)
    assert len(found.track.times) == 23 and found.track.times[0] == 0
    first, across, last = found.track.notes
    assert first == "no face in the first 3 frames: they are left out"
    assert across.startswith("no face from 0.33 to 0.63 s (10 frames)")
    assert last.startswith("the face is last seen at 0.83 s: the 4 frames after it")
    assert found.miss.isnan().nonzero()[:, 0].tolist() == list(range(7, 17))
    true = replace(take, times=take.times[3:26] - take.times[3], amounts=take.amounts[3:26], head=take.head[3:26])
    assert shape_error(performer, found.track, true).mean() < 1.0


def test_pictures_show_what_few_landmarks_leave_open(performer, shapes, take) -> None:
    """The head's turn most of all; and the skin that they show is remembered from the first frames."""
    albedo, light = HEAD.mesh.texture**2.2, lamp(torch.tensor([0.5, 0.4, 1.0]), 0.6, 0.4)
    edges, draw, frames = mesh_edges(HEAD.mesh.faces, HEAD.mesh.vertices), torch.Generator().manual_seed(3), []
    for time in take.times[:14].tolist():
        vertices = performer.at(take, time).float()
        seen = render(HEAD.mesh, camera(), vertices=vertices, texture=albedo, light=light, edges=edges)
        points = camera().project(HEAD.landmarks.points(vertices, HEAD.mesh.faces))
        off = 1.5 * FOCAL / 650 * torch.randn(points.shape, generator=draw)
        frames.append(Frame(time, points + off, seen[..., :3].clamp(0, 1) ** (1 / 2.2)))
    true = replace(take, times=take.times[:14], amounts=take.amounts[:14], head=take.head[:14])
    turn = []
    for pictures in (False, True):
        found = track(MODEL, frames, SIZE, focal=FOCAL, noise=1.5, shapes=shapes, pictures=pictures)
        turn.append((found.track.head - true.head).norm(dim=1).mean())
    assert turn[1] < 0.6 * turn[0]


def test_the_irises_do_not_steer_the_face(performer, shapes, take) -> None:
    """Ten of MediaPipe's 478 points say where the eyes look."""
    frames = seen(performer, take)[:5]
    wide = [Frame(f.time, torch.cat([f.landmarks, torch.full((10, 2), 40.0 * k)])) for k, f in enumerate(frames)]
    with_them, without = (track(MODEL, given, SIZE, focal=FOCAL, shapes=shapes).track for given in (wide, frames))
    assert torch.allclose(with_them.amounts, without.amounts, atol=1e-9)
    assert torch.allclose(with_them.head, without.head, atol=1e-9)


def test_another_person_is_noticed(performer, shapes, take) -> None:
    frames = seen(performer, take)[:4]
    bent = [Frame(f.time, f.landmarks + 25 * torch.sin(f.landmarks.flip(1) / 12)) for f in frames]
    assert "is it this person?" in track(MODEL, bent, SIZE, focal=FOCAL, shapes=shapes).track.notes[-1]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: f[:1], {}, "1 of 1 show a face"),
        (lambda f: [Frame(0.0, None)] * 3, {}, "0 of 3 show a face"),
        (lambda f: [f[1], f[0]], {}, r"time goes from 0.033 to 0.000 s"),
        (lambda f: [f[0], Frame(0.1, f[1].landmarks[:68])], {}, "68 landmarks at 0.10 s and 468 before"),
        (lambda f: [Frame(k, torch.rand(20, 2) * 400) for k in range(2)], {}, "20 points fit no landmark set"),
        (lambda f: f, {"focal": -3.0}, "focal is -3.0"),
        (lambda f: f, {"noise": 0.0}, "noise is 0.0"),
        (lambda f: f, {"lag": -1}, "lag is -1"),
        (lambda f: [f[0], f[1]._replace(time=math.nan)], {}, "a time is nan"),
        (
            lambda f: [one._replace(image=torch.zeros(480, 640, 3).byte()) for one in f],
            {"pictures": True},
            "holds torch.uint8; give numbers from 0 to 1",
        ),
        (lambda f: f, {"pictures": True}, "0 of the first 3 frames have one"),
        (
            lambda f: [one._replace(image=torch.zeros(480, 600, 3)) for one in f],
            {"pictures": True},
            r"the picture at 0.00 s has shape \(480, 600, 3\)",
        ),
    ],
)
def test_takes_that_cannot_be_are_refused(performer, shapes, take, change, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        track(MODEL, change(seen(performer, take)[:3]), SIZE, shapes=shapes, **{"focal": FOCAL, **options})


def test_residuals_have_the_slopes_that_they_say(shapes) -> None:
    face = HeldFace.landmarks(Performer.of(MODEL, shapes), DENSE, HEAD.mesh.faces)
    watched, count = Watched(face, FOCAL, SIZE, 1.0), len(face.names)
    draw = np.random.default_rng(0)
    numbers = np.concatenate([draw.uniform(0, 0.6, count), [0.2, -0.3, 0.1], [10.0, 5.0, 700.0]])
    pixels = draw.uniform(100, 400, (468, 2))
    away, slopes, _ = watched._residuals(pixels, numbers)
    for column in (0, 20, count, count + 1, count + 2, count + 3, count + 5):
        step = np.zeros(len(numbers))
        step[column] = 1e-5
        # in pixels: the unit of a residual follows the depth, which Gauss-Newton leaves out
        unit = [_pixels(watched, numbers + sign * step) for sign in (1, -1)]
        expected = (unit[0] - unit[1]) / 2e-5 / _unit(watched, numbers)
        assert np.abs(slopes[:, column] - expected.ravel()).max() < 1e-4 * max(1.0, np.abs(expected).max())
    assert np.isfinite(away).all()


def _pixels(watched: Watched, numbers: np.ndarray) -> np.ndarray:
    away, _, _ = watched._residuals(np.zeros((468, 2)), numbers)
    return away.reshape(-1, 2) * _unit(watched, numbers)


def _unit(watched: Watched, numbers: np.ndarray) -> np.ndarray:
    """(468, 1) pixels a deviation: found from how residuals follow a shift of the picture."""
    zero, one = (watched._residuals(np.full((468, 2), x), numbers)[0].reshape(-1, 2) for x in (0.0, 1.0))
    return 1 / (zero - one)[:, :1]


def test_the_smoother_is_the_regression_on_all_frames() -> None:
    """Against the normal equations of the whole walk at once, for one number."""
    data, change, spread, noise = np.array([0.3, 0.5, 0.2, 0.9, 1.0]), 0.2, 0.7, 0.4
    smoother = Smoother(np.array([0.1]), np.array([spread]))

    def look(value: float):
        def measure(expected: Belief) -> Belief:
            precision = 1 / expected.covariance + 1 / noise**2
            mean = (expected.mean / expected.covariance[0] + value / noise**2) / precision[0]
            return Belief(mean, 1 / precision)

        return measure

    for value in data:
        smoother.add(np.array([change]), look(value))
    pull = 1 - change**2 / (2 * spread**2)
    lags = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    covariance = spread**2 * pull**lags
    expected = 0.1 + covariance @ np.linalg.solve(covariance + noise**2 * np.eye(5), data - 0.1)
    np.testing.assert_allclose(smoother.finish()[:, 0], expected, atol=1e-12)


def test_a_walk_is_measured_for_any_rate(take) -> None:
    walk = Walk.of(take)
    jaw = CHANNELS.index("jawOpen")
    steps = take.amounts[:, jaw]
    assert walk.within(1 / 30)[0][jaw] == pytest.approx(float(steps.diff().square().mean().sqrt()), rel=0.05)
    assert walk.within(1 / 60)[0][jaw] < walk.within(1 / 30)[0][jaw] < walk.within(0.1)[0][jaw]
    with pytest.raises(ValueError, match=r"lasts 0\.\d+ s"):
        Walk.of(replace(take, times=take.times[:5], amounts=take.amounts[:5], head=take.head[:5]))
