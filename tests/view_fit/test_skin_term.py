"""What pictures ask: which of them see which samples of a head, against rays; and what that makes of the loss."""

from __future__ import annotations

import copy
import functools
import math
from dataclasses import dataclass

import pytest
import torch
import trimesh
from torch import Tensor

from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh, vertex_normals
from asm_teach.geometry.visibility import seen_from
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.renderer import render
from asm_teach.view_fit.camera_numbers import CameraNumbers
from asm_teach.view_fit.skin_term import SkinTerm, corners

HEAD = load_head()
VERTICES = HEAD.mesh.vertices
NORMALS = vertex_normals(VERTICES, HEAD.mesh.faces)
YAWS = (-0.9, 0.0, 0.9)  # from his right, from the front, from his left
SPACING = 1.5
SCALE = torch.tensor([0.1] * 3 + [0.02] * 2 + [0.05, 0.5])


@dataclass(eq=False)
class Held:
    """A face whose samples are vertices."""

    mesh: Mesh = HEAD.mesh
    adapts: bool = True

    def places(self, rows: Tensor) -> Tensor:
        return rows


def shots(yaws: tuple[float, ...] = YAWS, size: tuple[int, int] = (200, 220)) -> list[Camera]:
    middle = torch.tensor([0.0, 0.0, 60.0])
    eyes = [middle + 700 * torch.tensor([math.sin(a), 0.05, math.cos(a)]) for a in yaws]
    return [look_at(eye, middle, 3.0 * size[0], size) for eye in eyes]


CAMERAS = shots()
IMAGES = [render(HEAD.mesh, camera, samples=2, background=torch.tensor([0.3, 0.4, 0.5]))[..., :3] for camera in CAMERAS]
STATE = CameraNumbers.of(CAMERAS, torch.tensor([0.0, 0.0, 60.0]))


@functools.cache
def first() -> SkinTerm:
    """Which samples there are takes a second or two to find out; every other one does here."""
    found = SkinTerm(IMAGES, Held(), 10.0)
    found.rows = found.places = found.rows[::2]
    return found


def term(images: list[Tensor | None] = IMAGES, state: CameraNumbers = STATE, weight: float = 10.0) -> SkinTerm:
    found = copy.copy(first())
    found.images, found.weight, found.trust = images, weight, torch.zeros(len(found.rows), len(images))
    found.look(VERTICES, state, SPACING)
    return found


@pytest.fixture(scope="module")
def looked() -> SkinTerm:
    return term()


def reaches(camera: Camera, points: Tensor, normals: Tensor) -> Tensor:
    """Whether a ray from each point (n, 3), 0.5 mm above the surface, comes to the camera; (n,) bool."""
    pytest.importorskip("embreex")
    mesh = trimesh.Trimesh(VERTICES.numpy(), HEAD.mesh.faces.numpy(), process=False)
    origin = points + 0.5 * normals
    return ~torch.from_numpy(mesh.ray.intersects_any(origin.numpy(), (camera.centre() - origin).numpy()))


# --- samples


def test_samples_are_open_skin_of_the_face(looked):
    face = set(HEAD.mesh.part_vertices("face").tolist())
    rows = looked.rows
    assert set(rows.tolist()) <= face and 0.2 * len(face) < len(rows) < 0.5 * len(face)
    # what is left out lies in lips, nostrils and behind lids: rarely seen from anywhere in front
    left_out = torch.tensor(sorted(face - set(SkinTerm(IMAGES, Held(), 1.0).rows.tolist())))
    views = torch.stack([camera.centre() for camera in CAMERAS])
    seen = [seen_from(VERTICES[x] + 0.1 * NORMALS[x], HEAD.mesh, views).double().mean() for x in (rows, left_out)]
    assert seen[0] > 0.9 > seen[1]


def test_without_a_part_called_face_all_open_skin_counts():
    bare = Held(Mesh(VERTICES, HEAD.mesh.faces))
    rows = set(SkinTerm(IMAGES, bare, 1.0).rows.tolist())
    assert set(first().rows.tolist()) < rows  # the eyeballs are open too


def test_corners_are_those_of_the_grid():
    """Round each point in its tangent plane, two steps to each side, with the point itself in the middle."""
    points, normals = VERTICES[:50], NORMALS[:50]
    found = corners(points, normals, 1.5)
    assert found.shape == (50, 9, 3)
    torch.testing.assert_close(found[:, 4], points)
    away = found - points[:, None]
    assert (away * normals[:, None]).sum(2).abs().max() < 1e-4
    lengths = away.norm(dim=2).sort(1).values
    torch.testing.assert_close(
        lengths, torch.tensor([0, *[3.0] * 4, *[3 * 2**0.5] * 4]).expand(50, 9), atol=1e-4, rtol=0
    )


# --- who sees what


def test_what_is_trusted_can_be_seen(looked):
    """Of all samples that a picture is to speak for, a ray comes through; but for rims, where grids lie across."""
    points, normals = VERTICES[looked.rows], NORMALS[looked.rows]
    for n, camera in enumerate(CAMERAS):
        free = reaches(camera, points, normals)
        trust = looked.trust[:, n]
        assert free[trust > 0].double().mean() > 0.99
        assert free[trust > 0.9].all()
        assert (trust[~free] > 0).double().mean() < 0.05 and (~free).sum() > 15


def test_what_can_well_be_seen_is_trusted(looked):
    """Square to the line of sight and with nothing before it or near it."""
    points, normals = VERTICES[looked.rows], NORMALS[looked.rows]
    grid = corners(points, normals, SPACING)
    for n, camera in enumerate(CAMERAS):
        towards = torch.nn.functional.normalize(camera.centre() - points, dim=1)
        square = (normals * towards).sum(1) > 0.75
        flat = grid.flatten(0, 1)
        free = reaches(camera, flat, normals.repeat_interleave(9, 0)).view(-1, 9).all(1) & square
        assert free.sum() > 100
        assert (looked.trust[free, n] > 0.9).double().mean() > 0.92


def test_a_cheek_is_seen_from_its_side_only(looked):
    points, normals = VERTICES[looked.rows], NORMALS[looked.rows]
    for side, here, there in ((1.0, 2, 0), (-1.0, 0, 2)):  # his left is +x
        cheek = (side * normals[:, 0] > 0.85) & (side * points[:, 0] > 30)
        assert cheek.sum() > 10
        assert looked.trust[cheek, there].max() == 0
        assert looked.trust[cheek, here].mean() > 0.5


def test_the_nose_hides_its_far_side(looked):
    """Samples that face the camera well enough, with the nose in between."""
    points, normals = VERTICES[looked.rows], NORMALS[looked.rows]
    tip = HEAD.landmarks.points(VERTICES, HEAD.mesh.faces)[30]
    near = (points - tip).norm(dim=1) < 40
    for n in (0, 2):
        towards = torch.nn.functional.normalize(CAMERAS[n].centre() - points, dim=1)
        facing = (normals * towards).sum(1) > 0.35
        hidden = near & facing & ~reaches(CAMERAS[n], points, normals)
        assert hidden.sum() > 2
        assert looked.trust[hidden, n].max() < 0.5 and looked.trust[hidden, n].mean() < 0.1


def test_what_lies_beyond_the_picture_is_not_seen():
    """The same camera with the lower half of its picture cut away."""
    width, height = CAMERAS[1].size
    cut = Camera(
        CAMERAS[1].focal, CAMERAS[1].principal, CAMERAS[1].rotation, CAMERAS[1].translation, (width, height // 2)
    )
    images = [IMAGES[0], IMAGES[1][: height // 2], IMAGES[2]]
    found = term(images, CameraNumbers.of([CAMERAS[0], cut, CAMERAS[2]], STATE.pivot))
    row = CAMERAS[1].project(VERTICES[found.rows])[:, 1]
    whole = term()
    assert found.trust[row > height // 2, 1].max() == 0 and whole.trust[row > height // 2, 1].max() == 1
    above = row < height // 2 - 5
    torch.testing.assert_close(found.trust[above, 1], whole.trust[above, 1])


@pytest.mark.parametrize("light", [1.0, 0.0])
def test_what_is_blown_out_or_black_takes_no_part(looked, light):
    """It has no contrast, and so no worth: a disc of one light in each picture, on another place of the skin."""
    tip = HEAD.landmarks.points(VERTICES, HEAD.mesh.faces)[30]
    across, down = torch.meshgrid(torch.arange(200) + 0.5, torch.arange(220) + 0.5, indexing="xy")
    images, inside, outside = [], torch.zeros_like(looked.trust).bool(), torch.zeros_like(looked.trust).bool()
    for n, (image, camera) in enumerate(zip(IMAGES, CAMERAS, strict=True)):
        x, y = middle = camera.project(tip[None])[0] + torch.tensor([8.0 * (n - 1), -22.0 + 12.0 * n])
        disc = (across - x) ** 2 + (down - y) ** 2 < 14**2
        images.append(torch.where(disc[..., None], torch.tensor(light), image))
        away = (camera.project(VERTICES[looked.rows]) - middle).norm(dim=1)
        inside[:, n], outside[:, n] = away < 8, away > 22
    found = term(images)
    seen = inside & (found.trust > 0.5)
    assert seen.sum() > 30 and looked.worth[seen].mean() > 0.05
    assert found.worth[seen].max() < 1e-6
    torch.testing.assert_close(found.worth[outside], looked.worth[outside])


# --- two are needed


def test_covered_is_what_the_second_best_picture_sees(looked):
    covered = looked.covered()
    second = looked.trust.sort(1).values[:, 1]
    assert torch.equal(covered, second.clamp_max(1)) and covered.max() == 1 and covered.min() == 0
    cheek = NORMALS[looked.rows, 0].abs() > 0.95
    assert covered[cheek].mean() < 0.2
    assert not term(IMAGES[:1], CameraNumbers.of(CAMERAS[:1], STATE.pivot)).covered().any()


def test_views_without_a_picture_speak_for_nothing():
    found = term([IMAGES[0], None, IMAGES[2]])
    whole = term()
    assert not found.trust[:, 1].any()
    assert torch.equal(found.trust[:, [0, 2]], whole.trust[:, [0, 2]])
    asked = found.demand(VERTICES[found.rows], STATE, SCALE)
    assert not asked.cameras[7:14].any() and not asked.camera_metric[7:14].any() and not asked.beside[..., 7:14].any()
    alone = term([None, IMAGES[1], None])
    asked = alone.demand(VERTICES[found.rows], STATE, SCALE)
    # nothing but rounding: a row less its own mean
    assert asked.loss < 1e-9 and asked.force.abs().max() < 1e-4 and asked.metric.abs().max() < 1e-3


# --- what is asked


def test_the_weight_multiplies_everything():
    one, ten = (term(weight=weight) for weight in (1.0, 10.0))
    samples = VERTICES[one.rows]
    asked = [found.demand(samples, STATE, SCALE) for found in (one, ten)]
    assert one.measure(samples, STATE) == pytest.approx(asked[0].loss, rel=1e-6)
    assert asked[1].loss == pytest.approx(10 * asked[0].loss, rel=1e-6)
    for name in ("force", "metric", "cameras", "camera_metric", "beside"):
        small, large = (getattr(a, name) for a in asked)
        assert (large - 10 * small).abs().max() < 1e-4 * large.abs().max()


def test_the_true_face_agrees_better_than_one_that_is_too_deep(looked):
    samples = VERTICES[looked.rows]
    right = looked.measure(samples, STATE)
    for wrong in (samples + torch.tensor([0, 0, 4.0]), samples * torch.tensor([1, 1, 1.06])):
        assert right < 0.8 * looked.measure(wrong, STATE)
    step = torch.zeros(3, 7)
    step[0, 1] = 0.03
    assert right < 0.9 * looked.measure(samples, STATE.moved(step))


def test_a_step_against_the_force_helps(looked):
    """From samples 1 mm off: along minus the force, in the metric of each."""
    samples = VERTICES[looked.rows] + torch.tensor([0, 0, 1.0])
    asked = looked.demand(samples, STATE, SCALE)
    step = torch.linalg.solve(asked.metric + 5.0 * torch.eye(3), asked.force[..., None])[..., 0]
    assert looked.measure(samples - step, STATE) < 0.98 * asked.loss


def test_on_any_device(device):
    here = term()
    images = [image.to(device) for image in IMAGES]
    there = SkinTerm(images, Held(HEAD.mesh.to(device)), 10.0)
    there.rows = there.places = there.rows[::2]
    there.trust = there.trust[::2]
    state = STATE.to(VERTICES.to(device))
    there.look(VERTICES.to(device), state, SPACING)
    assert there.trust.device.type == device.type
    # a ray beside an edge may meet either triangle
    assert ((there.trust.cpu() - here.trust).abs() > 0.05).double().mean() < 0.01
    samples = VERTICES[here.rows]
    assert there.measure(samples.to(device), state) == pytest.approx(here.measure(samples, STATE), rel=0.02)
