"""The second half of a fit to pictures, on small ones of a person whose truth is known."""

from __future__ import annotations

import copy
import functools
import math

import pytest
import roma
import torch
from torch import Tensor

from asm_teach.data.heads import load_head
from asm_teach.fitting.priors import Prior
from asm_teach.fitting.result import Record
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.geometry.metrics import scan_error
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.renderer import render
from asm_teach.rendering.shading import even_light, lamp
from asm_teach.view_fit import refine
from asm_teach.view_fit.bundle import Bundle
from asm_teach.view_fit.camera_numbers import NUMBERS, CameraNumbers
from asm_teach.view_fit.fit import fit_views
from asm_teach.view_fit.landmark_term import LandmarkTerm
from asm_teach.view_fit.movable_face import LinearFace, SkinnedFace
from asm_teach.view_fit.refine import Look, agree, miss, settle
from asm_teach.view_fit.view import LandmarkView, View, landmark_view

HEAD = load_head()
DENSE = HEAD.dense_landmarks.subset(torch.arange(468))
PERSON = HEAD.sample(3)
SIZE = (200, 220)
FOCAL_PRIOR = (1.2, 0.7)


def shots() -> list[Camera]:
    """Three of them, each with its own distance and lens; 1.1 pixels a mm."""
    middle = torch.tensor([0.0, 0.0, 60.0])
    found = []
    for yaw, distance in ((-0.5, 650), (0.05, 900), (0.55, 550)):
        eye = middle + distance * torch.tensor([math.sin(yaw), 0.1, math.cos(yaw)])
        found.append(look_at(eye, middle, 1.1 * distance, SIZE))
    return found


@functools.cache
def photographs() -> tuple[View, ...]:
    """Each in its own light and exposure, with landmarks that are half a pixel off."""
    points = DENSE.points(PERSON.vertices, PERSON.faces)
    normals = face_normals(PERSON.vertices, PERSON.faces[DENSE.faces])
    views, generator = [], torch.Generator().manual_seed(1)
    for n, camera in enumerate(shots()):
        light = even_light(0.5) + 0.4 * lamp(torch.nn.functional.normalize(torch.tensor([n - 1.0, 0.5, 1.5]), dim=0))
        picture = render(PERSON, camera, texture=HEAD.mesh.texture, light=light, samples=2)
        pixels = camera.project(points) + 0.5 * torch.randn(468, 2, generator=generator)
        hidden = (normals * (camera.centre() - points)).sum(1) <= 0
        image = ((0.7 + 0.2 * n) * (picture[..., :3] + 0.4 * (1 - picture[..., 3:]))).clamp(0, 1)
        views.append(View(image, pixels.where(~hidden[:, None], torch.nan)))
    return tuple(views)


def face_error(vertices: Tensor) -> float:
    """Mean distance over the face in mm, brought to its place and size."""
    region = PERSON.part_vertices("face")
    pairs = (HEAD.landmarks.points(vertices, HEAD.mesh.faces), HEAD.landmarks.points(PERSON.vertices, PERSON.faces))
    return scan_error(vertices, HEAD.mesh.faces, PERSON, "similarity", region, pairs)["mean"]


def lens_error(cameras: tuple[Camera, ...]) -> float:
    """Mean factor by which the focal lengths are off, as a logarithm."""
    pairs = zip(cameras, shots(), strict=True)
    return sum(abs(math.log(float(a.focal) / float(b.focal))) for a, b in pairs) / 3


@functools.cache
def by_landmarks() -> tuple[AdaptiveSkinningModel, tuple[Camera, ...], list[LandmarkView]]:
    fit = fit_views(
        AdaptiveSkinningModel(HEAD.mesh, HEAD.rig, components=2), photographs(), photometric=False, steps=60,
        progress=False, device="cpu",
    )  # fmt: skip
    return fit.model, fit.cameras, [landmark_view(view, fit.model.mesh) for view in photographs()]


def started() -> tuple[Bundle, list[LandmarkView]]:
    model, cameras, seen = by_landmarks()
    pivot = DENSE.points(HEAD.mesh.vertices, HEAD.mesh.faces).mean(0)
    return Bundle(SkinnedFace(copy.deepcopy(model), Prior()), CameraNumbers.of(cameras, pivot), FOCAL_PRIOR), seen


IMAGES = [view.image for view in photographs()]


@pytest.fixture
def short(monkeypatch) -> None:
    """Few steps, on two sizes of grid."""
    monkeypatch.setattr(refine, "COURSE", (Look(6, 2.5, 3), Look(4, 1.5, 2)))


@pytest.mark.long
def test_pictures_tell_more_than_their_landmarks(short):
    """The shape, and above all the lens: its prior and the landmarks of a stranger leave that open."""
    bundle, seen = started()
    before = face_error(bundle.face.vertices()), lens_error(bundle.cameras.cameras())
    records = []
    history, interrupted = agree(bundle, IMAGES, seen, watch=records.append, progress=False)
    after = face_error(bundle.face.vertices()), lens_error(bundle.cameras.cameras())
    # five steps of eighteen: from 1.16 mm to 0.78, and from a factor of 3.7 in the focal lengths to 2.4
    assert after[0] < 0.75 * before[0]
    assert after[1] < 0.75 * before[1]
    assert not interrupted and records == list(history)
    assert [record.iteration for record in history] == list(range(5))
    assert all(record.error < 3 and record.seconds > 0 for record in history)
    # within one size of grid it is one loss, and falls
    losses = [record.loss for record in history]
    assert losses[0] >= losses[1] >= losses[2] and losses[3] >= losses[4]
    model = bundle.face.finish()
    torch.testing.assert_close(model().detach(), bundle.face.vertices(), atol=5e-4, rtol=0)


@pytest.mark.long
def test_a_camera_that_is_far_off_comes_back_on_coarse_grids(monkeypatch):
    """Turned aside by a quarter of a radian, and with half its focal length: fine grids alone lose it."""
    turned = {}
    for name, spacings in {"coarse first": (4.0, 2.5), "fine": (1.2, 1.2)}.items():
        monkeypatch.setattr(refine, "COURSE", [Look(6, spacing, 15) for spacing in spacings])
        bundle, seen = started()
        off = torch.zeros(3, NUMBERS)
        off[2, 1], off[2, 6] = 0.25, -0.7
        bundle.cameras = bundle.cameras.moved(off)
        agree(bundle, IMAGES, seen, outline_weight=0, progress=False)
        true = roma.rotvec_to_rotmat(shots()[2].rotation)
        turned[name] = float(roma.rotmat_geodesic_distance(bundle.cameras.rotation[2], true))
    assert turned["fine"] > 2 * turned["coarse first"]


@pytest.mark.long
def test_a_view_without_a_picture_is_held_by_its_landmarks(monkeypatch):
    monkeypatch.setattr(refine, "COURSE", (Look(6, 2.0, 3),))
    bundle, seen = started()
    images = [IMAGES[0], None, IMAGES[2]]
    before, before_error = bundle.cameras, face_error(bundle.face.vertices())
    agree(bundle, images, seen, progress=False)
    assert face_error(bundle.face.vertices()) < before_error
    away = (bundle.cameras.log_focal - before.log_focal).abs()
    assert (away > 1e-3).all()  # the one without moves with the face
    landmarks = LandmarkTerm(bundle.face, seen, 1.0, 5.0)
    landmarks.look(bundle.face.vertices(), bundle.cameras)
    samples = bundle.face.samples(landmarks.places)
    misses = [landmarks.residuals(samples, bundle.cameras, n).norm(dim=1).median() for n in range(3)]
    assert misses[1] < 1.2  # mm


@pytest.mark.long
def test_an_interrupted_fit_stands_where_it_is(monkeypatch):
    monkeypatch.setattr(refine, "COURSE", (Look(6, 2.5, 6),))
    bundle, seen = started()

    def stop(record: Record) -> None:
        if record.iteration == 1:
            raise KeyboardInterrupt

    start = bundle.face.vertices()
    history, interrupted = agree(bundle, IMAGES, seen, watch=stop, progress=False)
    assert interrupted and len(history) == 2
    assert (bundle.face.vertices() - start).norm(dim=1).mean() > 0.05


@pytest.mark.parametrize("images", [[], [IMAGES[0], None, None], [None] * 3])
def test_fewer_than_two_pictures_are_refused(images):
    bundle, seen = started()
    with pytest.raises(ValueError, match="images: pictures are compared with each other; found [01], give two or more"):
        agree(bundle, images, seen, progress=False)


@pytest.mark.long
def test_outlines_alone_need_one_picture_and_bring_the_face_nearer(monkeypatch):
    monkeypatch.setattr(refine, "COURSE", (Look(8, None, 3), Look(6, 2.5, 6)))
    bundle, seen = started()
    before = face_error(bundle.face.vertices())
    history, _ = agree(bundle, IMAGES, seen, weight=0, progress=False)
    assert len(history) == 3  # nothing is compared
    assert history[2].loss < history[0].loss
    assert face_error(bundle.face.vertices()) < before
    with pytest.raises(ValueError, match="images: .* found 0, give"):
        agree(bundle, [None] * 3, seen, weight=0, progress=False)


def test_grids_are_no_finer_than_the_pictures(monkeypatch):
    """At 1.1 pixels a mm a grid of 0.8 mm would compare what is between pixels."""
    asked = []

    class Enough(Exception):
        pass

    class Noted(refine.SkinTerm):
        def look(self, vertices: Tensor, cameras: CameraNumbers, spacing: float) -> None:
            asked.append(spacing)
            raise KeyboardInterrupt if len(asked) == 3 else Enough

    monkeypatch.setattr(refine, "SkinTerm", Noted)
    monkeypatch.setattr(refine, "COURSE", (Look(6, 0.2, 1), Look(4, 0.1, 1)))
    bundle, seen = started()
    with pytest.raises(Enough):
        agree(bundle, IMAGES, seen, progress=False)
    size = float(bundle.cameras.log_size.exp().median())
    assert asked == [pytest.approx(refine._FINEST / size)] and asked[0] > 0.5


# --- faces without descent


def modes() -> LinearMorphableModel:
    shapes = torch.stack([HEAD.sample(seed).vertices for seed in range(100, 112)])
    return LinearMorphableModel.from_samples(HEAD.mesh, shapes)


def first_cameras(mesh: Mesh) -> CameraNumbers:
    """Those that see the mean face roughly where the landmarks are: the true ones, off by a few degrees."""
    state = CameraNumbers.of(shots(), mesh.vertices[mesh.part_vertices("face")].mean(0))
    return state.moved(0.04 * torch.randn(3, 7, generator=torch.Generator().manual_seed(2)))


@pytest.mark.long
def test_a_linear_face_settles_on_the_landmarks():
    face = LinearFace.of(modes())
    bundle, seen = Bundle(face, first_cameras(face.mesh), FOCAL_PRIOR), by_landmarks()[2]
    landmarks = LandmarkTerm(face, seen, 1.0, 5.0)
    landmarks.look(face.vertices(), bundle.cameras)
    before = miss(bundle, landmarks), face_error(face.vertices())
    settle(bundle, seen)
    assert miss(bundle, landmarks) < 0.4 * before[0]
    assert face_error(bundle.face.vertices()) < before[1]
    assert face.coefficients.abs().max() == 0  # the one it began with is as it was


def test_a_miss_is_the_mean_distance_in_millimetres():
    face = LinearFace.of(modes())
    bundle, seen = Bundle(face, first_cameras(face.mesh), FOCAL_PRIOR), by_landmarks()[2]
    landmarks = LandmarkTerm(face, seen, 0.7, 5.0)
    landmarks.look(face.vertices(), bundle.cameras)
    far, weights = [], []
    for n, camera in enumerate(bundle.cameras.cameras()):
        points = seen[n].embedding.points(face.vertices(), face.mesh.faces)
        size = camera.focal / camera.depth(bundle.cameras.pivot)  # pixels a mm
        far.append((camera.project(points) - seen[n].pixels).norm(dim=1) / size)
        weights.append(landmarks.weights[n])
    far, weights = torch.cat(far), torch.cat(weights)
    assert miss(bundle, landmarks) == pytest.approx(float((weights * far).sum() / weights.sum()), rel=1e-3)
