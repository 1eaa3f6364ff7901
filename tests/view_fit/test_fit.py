"""Fitting to landmarks in photographs: what a view may be, and what a fit makes of views whose truth is known."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from asm_teach.data.detector_noise import mediapipe_noise
from asm_teach.data.heads import load_head
from asm_teach.fitting.descent import snapshot
from asm_teach.fitting.priors import Prior
from asm_teach.fitting.result import Fit, Record
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.geometry.metrics import scan_error
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.renderer import render
from asm_teach.view_fit import landmark_term, refine
from asm_teach.view_fit.camera_numbers import CameraNumbers
from asm_teach.view_fit.fit import fit_views, looked_at
from asm_teach.view_fit.view import FOCAL_PRIOR, LandmarkView, View, landmark_view

HEAD = load_head()
DENSE = HEAD.dense_landmarks.subset(torch.arange(468))


def adaptive() -> AdaptiveSkinningModel:
    return AdaptiveSkinningModel(HEAD.mesh, HEAD.rig, components=2)


def static() -> StaticSkinningModel:
    return StaticSkinningModel(HEAD.mesh, HEAD.rig, HEAD.static_weights)


def cameras(distances: tuple[float, ...] = (600, 900, 700), size: tuple[int, int] = (800, 1000)) -> Iterator[Camera]:
    """From the person's right, from the front, from his left; the face fills about half of each picture."""
    target = torch.tensor([0.0, 0.0, 60.0])
    for distance, yaw, lens in zip(distances, (-0.6, 0.0, 0.55), (1.0, 1.15, 0.9), strict=True):
        eye = target + distance * torch.tensor([math.sin(yaw), 0.1, math.cos(yaw)])
        yield look_at(eye, target, 3.0 * distance * lens, size)


def photographs(person: Mesh, embedding: LandmarkSet = DENSE, seen: Iterator[Camera] | None = None) -> list[View]:
    """Views without noise, of landmarks alone."""
    points = embedding.points(person.vertices, person.faces)
    return [View(None, camera.project(points), size=camera.size) for camera in seen or cameras()]


def quick(model: SkinnedModel, views: list[View], steps: int = 40, **options) -> Fit:
    """A short fit, long enough to find something better than its start: the first steps only make it worse."""
    return fit_views(model, views, steps=steps, **{"progress": False, "device": "cpu", **options})


def face_error(person: Mesh, vertices: Tensor) -> float:
    """Mean distance over the face in mm; pictures do not show the size, so it is aligned."""
    pairs = (HEAD.landmarks.points(vertices, HEAD.mesh.faces), HEAD.landmarks.points(person.vertices, person.faces))
    region = person.part_vertices("face")
    return scan_error(vertices, HEAD.mesh.faces, person, "similarity", region, pairs)["mean"]


# --- a view


def test_a_view_takes_its_size_from_the_picture():
    landmarks = torch.rand(68, 2) * torch.tensor([640, 480])
    assert View(torch.zeros(480, 640, 3), landmarks).size == (640, 480)
    assert View(None, landmarks, size=(640, 480)).size == (640, 480)
    assert View(torch.zeros(480, 640, 3), landmarks, size=(640, 480)).size == (640, 480)


PICTURE = torch.zeros(480, 640, 3)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"image": None}, r"image: give the picture, or size=\(width, height\)"),
        ({"image": PICTURE[..., 0]}, r"image: expected a tensor \(H, W, 3\), found shape \(480, 640\)"),
        ({"image": PICTURE.permute(2, 0, 1)}, r"image: .* found shape \(3, 480, 640\)"),
        ({"image": PICTURE.numpy()}, "image: expected a tensor .* found a ndarray"),
        ({"size": (480, 640)}, r"size: \(480, 640\) was given, but the picture is 640 pixels by 480"),
        ({"landmarks": torch.zeros(68, 3)}, r"landmarks: expected a tensor \(L, 2\).* found shape \(68, 3\)"),
        ({"landmarks": torch.zeros(2)}, r"landmarks: .* found shape \(2,\)"),
        ({"landmarks": [[1.0, 2.0]] * 68}, "landmarks: .* found a list"),
        ({"landmarks": torch.zeros(3, 2)}, "landmarks: a pose needs at least four points, found 3"),
        ({"landmarks": torch.full((68, 2), torch.nan)}, "landmarks: a pose needs at least four points, found 0"),
        ({"embedding": HEAD.landmarks.subset([0, 1, 2])}, "embedding: 3 points for 68 landmarks"),
    ],
)
def test_a_view_that_cannot_be_is_refused(parts, message):
    good = {"image": PICTURE, "landmarks": 400 * torch.rand(68, 2)}
    View(**good)
    with pytest.raises(ValueError, match=message):
        View(**{**good, **parts})


def test_three_of_a_view_are_found_and_the_rest_is_not():
    landmarks = torch.full((68, 2), torch.nan)
    landmarks[:3] = 100.0
    with pytest.raises(ValueError, match="at least four points, found 3"):
        View(PICTURE, landmarks)
    landmarks[3] = torch.tensor([100.0, torch.nan])  # half a point is none
    with pytest.raises(ValueError, match="found 3"):
        View(PICTURE, landmarks)
    landmarks[3] = 100.0
    View(PICTURE, landmarks)


def test_landmarks_of_a_picture_of_another_size_are_refused():
    """Points of the full photograph with its reduced copy: most lie beyond the edge."""
    (view, *_) = photographs(HEAD.mesh)
    width, height = view.size
    with pytest.raises(ValueError, match="outside the picture of 200 x 250 pixels; were they found in a picture of"):
        View(torch.zeros(height // 4, width // 4, 3), view.landmarks)
    off = view.landmarks.clone()
    off[:50] = -10_000.0  # a few wild points are not that
    View(torch.zeros(height, width, 3), off)


# --- which landmarks


@pytest.mark.parametrize("name", ["makehuman", "soma"])
@pytest.mark.parametrize("count", [68, 468, 478])
def test_sets_of_landmarks_are_told_by_their_number(name, count):
    head = load_head(name)
    pixels = 300 + 100 * torch.rand(count, 2)
    found = landmark_view(View(None, pixels, size=(800, 800)), head.mesh)
    # of the face mesh the 468 points of the skin count, not the ten of the irises
    expected = head.landmarks if count == 68 else head.dense_landmarks.subset(torch.arange(468))
    assert torch.equal(found.embedding.faces, expected.faces)
    assert torch.equal(found.embedding.barycentric, expected.barycentric)
    assert torch.equal(found.pixels, pixels[: len(expected)])
    assert found.size == (800, 800)


@pytest.mark.parametrize("count", [10, 600])
def test_an_embedding_of_ones_own_is_taken_as_it_is(count):
    own = LandmarkSet.from_vertices(HEAD.mesh.part_vertices("face")[:count], HEAD.mesh.faces)
    found = landmark_view(View(None, 300 + 100 * torch.rand(count, 2), own, (800, 800)), HEAD.mesh)
    assert torch.equal(found.embedding.faces, own.faces) and len(found.pixels) == count


def test_points_that_were_not_found_are_left_out():
    pixels = 300 + 100 * torch.rand(68, 2)
    pixels[3], pixels[60, 1] = torch.nan, torch.nan
    found = landmark_view(View(None, pixels, size=(800, 800)), HEAD.mesh)
    kept = [i for i in range(68) if i not in (3, 60)]
    assert torch.equal(found.pixels, pixels[kept])
    assert torch.equal(found.embedding.faces, HEAD.landmarks.faces[kept])


def test_landmarks_that_fit_no_set_are_refused():
    view = View(None, 400 * torch.rand(70, 2), size=(400, 400))
    with pytest.raises(ValueError, match=r"70 points fit no .* has 68 \(ibug68\), 478 \(facemesh478\); give View an"):
        fit_views(adaptive(), [view])
    bare = replace(HEAD.mesh, landmarks={})
    with pytest.raises(ValueError, match="70 points fit no .* which has none"):
        fit_views(AdaptiveSkinningModel(bare, HEAD.rig), [view])


def test_an_embedding_of_another_mesh_is_refused():
    own = LandmarkSet(torch.full((8,), 10**6), torch.tensor([[1.0, 0, 0]]).expand(8, 3))
    with pytest.raises(ValueError, match="belong to another mesh"):
        fit_views(adaptive(), [View(None, 400 * torch.rand(8, 2), own, (400, 400))])


def test_no_photographs_are_refused():
    with pytest.raises(ValueError, match="views: give at least one photograph with landmarks; found none"):
        fit_views(adaptive(), [])


# --- the fit


PERSON = HEAD.sample(3)


@pytest.fixture(scope="module")
def fit() -> Fit:
    return quick(adaptive(), photographs(PERSON), steps=150)


@pytest.mark.long
def test_three_views_bring_the_face_close_to_the_person(fit):
    """From 2.1 mm to about 1.0 here, and 0.8 at the full number of steps."""
    before, after = face_error(PERSON, HEAD.mesh.vertices), face_error(PERSON, fit.vertices)
    assert before > 1.5
    assert after < 0.6 * before
    assert after < 1.25


def test_the_fitted_cameras_see_the_landmarks_where_they_were(fit):
    assert len(fit.cameras) == 3
    points = DENSE.points(fit.vertices, HEAD.mesh.faces)
    for camera, view in zip(fit.cameras, photographs(PERSON), strict=True):
        assert camera.size == view.size
        assert torch.equal(camera.principal, torch.tensor([400.0, 500.0]))
        assert (camera.depth(points) > 100).all()
        # A pixel is 0.3 mm on the face, and the shape is still off by about 1 mm.
        assert (camera.project(points) - view.landmarks).norm(dim=1).median() < 3


def test_a_fit_tells_its_course(fit):
    assert [record.iteration for record in fit.history] == list(range(150))
    assert not fit.interrupted
    assert min(record.loss for record in fit.history[100:]) < 0.3 * fit.history[0].loss
    assert fit.seconds == fit.history[-1].seconds > 0
    assert torch.equal(fit.vertices, fit.model().detach())
    assert not fit.vertices.requires_grad and not fit.cameras[0].focal.requires_grad


def test_the_static_model_is_fitted_too():
    person = HEAD.sample(5)
    fit = quick(static(), photographs(person), steps=100)
    assert isinstance(fit.model, StaticSkinningModel)
    assert face_error(person, fit.vertices) < 0.8 * face_error(person, HEAD.mesh.vertices)


def test_the_given_model_is_not_changed():
    model = adaptive()
    before = snapshot(model)
    fit = quick(model, photographs(PERSON))
    assert fit.model is not model
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    assert not torch.equal(fit.model.translation, model.translation)


@pytest.mark.long
def test_the_same_views_give_the_same_face():
    first, second = (quick(adaptive(), photographs(PERSON)) for _ in range(2))
    assert torch.equal(first.vertices, second.vertices)
    assert not torch.equal(first.vertices, HEAD.mesh.vertices)
    assert all(torch.equal(a.focal, b.focal) for a, b in zip(first.cameras, second.cameras, strict=True))


def test_a_fit_runs_where_it_is_told(device):
    fit = quick(adaptive(), photographs(PERSON), device=device)
    assert fit.vertices.device.type == device.type
    assert fit.cameras[0].rotation.device.type == device.type
    assert fit.vertices.isfinite().all()


def test_a_fit_in_double_precision():
    fit = quick(adaptive().double(), photographs(PERSON))
    assert fit.vertices.dtype == torch.float64 and fit.cameras[0].focal.dtype == torch.float64


def test_each_view_finds_its_own_focal_length():
    """The face is known here (it is the template) and near, so that perspective shows the lens."""
    true = list(cameras(distances=(300, 450, 350)))
    fit = quick(adaptive(), photographs(HEAD.mesh, seen=iter(true)), steps=30)
    assert len({round(float(camera.focal)) for camera in true}) == 3
    for found, camera in zip(fit.cameras, true, strict=True):
        assert float(found.focal) == pytest.approx(float(camera.focal), rel=0.03)
        assert (found.centre() - camera.centre()).norm() < 0.03 * camera.centre().norm()


@pytest.mark.parametrize("share", [0.8, 2.0])
def test_a_narrow_prior_sets_the_focal_length(share):
    """One view of a stranger hardly shows the lens: there the prior has its say."""
    views = photographs(PERSON)[1:2]
    fit = quick(adaptive(), views, steps=40, focal_prior=(share, 0.01))
    assert float(fit.cameras[0].focal) == pytest.approx(share * math.hypot(800, 1000), rel=0.05)


def test_what_a_file_tells_of_its_lens_counts_in_that_picture_unless_a_prior_is_given_for_all():
    views = photographs(PERSON)[1:3]
    diagonal = math.hypot(800, 1000)
    told = [replace(views[0], focal_prior=(2.0, 0.02)), views[1]]
    plain, fit, all_alike = (
        quick(adaptive(), some, steps=40, **options)
        for some, options in ((views, {}), (told, {}), (told, {"focal_prior": FOCAL_PRIOR}))
    )
    assert float(fit.cameras[0].focal) == pytest.approx(2.0 * diagonal, rel=0.05)
    assert float(fit.cameras[1].focal) == pytest.approx(float(plain.cameras[1].focal), rel=0.2)
    assert float(plain.cameras[0].focal) > 4.0 * diagonal  # strangers, two pictures: the landmarks hardly tell
    assert torch.equal(all_alike.vertices, plain.vertices)
    assert not any("EXIF" in note for note in (*fit.notes, *plain.notes, *all_alike.notes))


@pytest.mark.long
def test_points_not_found_are_as_if_they_were_not_asked_for():
    """NaN in the middle of a view, against a view of the other points alone."""
    lost = torch.arange(100, 200)
    kept = torch.tensor([i for i in range(468) if not 100 <= i < 200])
    views = photographs(PERSON)
    full = [replace(view, landmarks=view.landmarks.index_fill(0, lost, torch.nan)) for view in views]
    few = [replace(view, landmarks=view.landmarks[kept], embedding=DENSE.subset(kept)) for view in views]
    a, b = quick(adaptive(), full), quick(adaptive(), few)
    assert torch.equal(a.vertices, b.vertices)
    assert not torch.equal(a.vertices, quick(adaptive(), views).vertices)


@pytest.mark.long
def test_a_wild_landmark_has_little_say():
    views = photographs(PERSON)
    wild = views[1].landmarks.clone()
    wild[[1, 61, 263]] += torch.tensor([150.0, -120.0])  # tip of the nose and two corners, 50 mm off
    spoilt = [views[0], replace(views[1], landmarks=wild), views[2]]
    clean, wrong = (face_error(PERSON, quick(adaptive(), given, steps=300).vertices) for given in (views, spoilt))
    assert wrong < clean + 0.25


def test_a_further_term_sees_the_fitted_model_and_the_cameras():
    seen, goal = [], 4.0

    def towards(model: SkinnedModel, cameras: CameraNumbers) -> Tensor:
        seen.append((model, cameras))
        return 100 * (model(torch.tensor([0, 1])).mean() - goal).square() + 0 * cameras.log_focal.sum()

    model, views = adaptive(), photographs(PERSON)
    without = quick(model, views)
    fit = quick(model, views, terms=[towards])
    assert len(seen) == len(fit.history) == 40
    assert all(m is fit.model and isinstance(c, CameraNumbers) for m, c in seen)
    before, after = (abs(float(x.vertices[:2].mean()) - goal) for x in (without, fit))
    assert after < 0.5 * before


def test_the_prior_holds_the_face_back():
    views = photographs(PERSON)
    stiff = Prior(**{name: 1e-3 for name in ("translation", "rotation", "log_scale", "bone_uv", "bending")})
    free, held = (quick(adaptive(), views, steps=30, prior=prior).vertices for prior in (None, stiff))
    moved = [(v - HEAD.mesh.vertices).norm(dim=1).mean() for v in (free, held)]
    assert moved[1] < 0.1 * moved[0]


@pytest.mark.long
def test_an_interrupted_fit_is_still_a_fit():
    def stop(record: Record, model: SkinnedModel) -> None:
        assert isinstance(model, AdaptiveSkinningModel)
        if record.iteration == 30:
            raise KeyboardInterrupt

    fit = quick(adaptive(), photographs(PERSON), steps=500, watch=stop)
    assert fit.interrupted and len(fit.history) == 31
    assert len(fit.cameras) == 3 and torch.equal(fit.vertices, fit.model().detach())
    assert face_error(PERSON, fit.vertices) < face_error(PERSON, HEAD.mesh.vertices)


def test_a_fit_starts_at_rest_unless_asked_to_go_on():
    """Sliders that were moved do not find their way into the fit."""
    views, moved = photographs(PERSON), adaptive()
    moved.set_motion("nose_tip", translation=torch.tensor([0.0, 0.0, 30.0]))
    fresh, used, warm = (
        quick(model, views, steps=3, warm_start=warm).vertices
        for model, warm in ((adaptive(), False), (moved, False), (moved, True))
    )
    torch.testing.assert_close(used, fresh, rtol=0, atol=0)
    assert (warm - fresh).norm(dim=1).max() > 5


def test_one_view_need_not_be_in_a_list():
    view = photographs(PERSON)[0]
    assert len(quick(adaptive(), view, steps=2).cameras) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"noise": 0.0}, "noise: give numbers above 0"),
        ({"outlier": -1.0}, "outlier: give numbers above 0"),
        ({"focal_prior": (1.2, 0.0)}, "focal_prior: give numbers above 0"),
        ({"steps": 0}, "steps: a fit needs at least one step"),
    ],
)
def test_senseless_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        fit_views(adaptive(), photographs(PERSON), **{"progress": False, **options})


def test_a_picture_in_bytes_is_refused():
    image = torch.zeros(768, 768, 3, dtype=torch.uint8)
    with pytest.raises(
        ValueError, match=r"image: expected numbers from 0 to 1, found torch.uint8; divide bytes by 255"
    ):
        View(image, photographs(PERSON)[0].landmarks)


def test_landmarks_of_a_larger_picture_are_refused():
    view = photographs(PERSON)[0]
    with pytest.raises(ValueError, match="lie outside the picture of 480 x 480"):
        View(torch.zeros(480, 480, 3), view.landmarks)


# --- the pictures themselves


@functools.cache
def pictures() -> tuple[View, ...]:
    """The person in 160 x 200 pixels, each view in its own exposure, with the landmarks that it shows."""
    points, views = DENSE.points(PERSON.vertices, PERSON.faces), []
    normals = face_normals(PERSON.vertices, PERSON.faces[DENSE.faces])
    for n, camera in enumerate(cameras(size=(160, 200))):
        camera = replace(camera, focal=camera.focal / 4)
        hidden = (normals * (camera.centre() - points)).sum(1) <= 0
        image = (0.7 + 0.15 * n) * render(PERSON, camera, texture=HEAD.mesh.texture)[..., :3]
        views.append(View(image, camera.project(points).where(~hidden[:, None], torch.nan)))
    return tuple(views)


@pytest.fixture
def brief(monkeypatch) -> None:
    """One step on outlines, where they are asked for, and two on one size of grid."""
    monkeypatch.setattr(refine, "COURSE", (refine.Look(8, None, 1), refine.Look(6, 2.5, 2)))


@pytest.mark.long
def test_pictures_have_their_say_after_the_landmarks(brief):
    """The history goes on, the model and its watcher are at what was reached, and the lenses move."""
    seen: list[Record] = []

    def watch(record: Record, model: SkinnedModel) -> None:
        seen.append(record)
        assert isinstance(model, AdaptiveSkinningModel)

    without, fit = (quick(adaptive(), pictures(), steps=20, photometric=p, watch=watch) for p in (False, None))
    assert len(without.history) == 20 and len(fit.history) == 23 and seen == [*without.history, *fit.history]
    assert [record.iteration for record in fit.history] == list(range(23))
    seconds = [record.seconds for record in fit.history]
    assert seconds == sorted(seconds)
    assert math.isnan(fit.history[19].error) and 0 < fit.history[22].error < 5
    assert fit.history[22].loss <= fit.history[21].loss
    assert not torch.equal(fit.vertices, without.vertices)
    assert torch.equal(fit.vertices, fit.model().detach()) and not fit.vertices.requires_grad
    assert all(not torch.equal(a.focal, b.focal) for a, b in zip(fit.cameras, without.cameras, strict=True))


@pytest.mark.long
def test_two_pictures_speak_only_when_they_are_asked(brief):
    """A view without a picture does not count as one."""
    views = [*pictures()[:2], View(None, pictures()[2].landmarks, size=(160, 200))]
    assert len(quick(adaptive(), views, steps=3).history) == 3
    fit = quick(adaptive(), views, steps=3, photometric=True)
    assert len(fit.history) == 6 and len(fit.cameras) == 3
    assert all(camera.focal.isfinite() for camera in fit.cameras)


@pytest.mark.long
def test_what_is_looked_at_depends_on_the_pictures_and_on_who_placed_the_points():
    """Skin from three pictures on; outlines with it, and for two pictures whose points a detector guessed."""
    image, skin = torch.rand(200, 160, 3), HEAD.dense_landmarks.subset(torch.arange(468))
    points = 50 + 50 * torch.rand(468, 2)

    def looks(count: int, guessed: bool, with_image: bool = True, **options) -> tuple[bool, bool]:
        views = [View(image if with_image else None, points, skin, size=(160, 200)) for _ in range(count)]
        return looked_at(views, [LandmarkView(points, skin, (160, 200), detected=guessed)] * count, **options)

    assert looks(3, False) == looks(3, True) == (True, True)
    assert looks(2, True) == (False, True)
    assert looks(2, False) == looks(1, True) == looks(2, True, with_image=False) == (False, False)
    assert looks(2, True, outlines=False) == looks(2, True, photometric=False) == (False, False)
    assert looks(2, False, photometric=True) == (True, True)


def test_outlines_speak_in_any_picture_when_they_are_asked_for(brief):
    one = [pictures()[0]]
    without, fit = (quick(adaptive(), one, steps=3, outlines=on) for on in (False, True))
    assert len(without.history) == 3 and len(fit.history) == 4
    assert not torch.equal(fit.vertices, without.vertices)
    every = quick(adaptive(), pictures(), steps=3, outlines=True)
    assert len(every.history) == 6
    assert len(quick(adaptive(), pictures(), steps=3, outlines=True, photometric=False).history) == 4
    with pytest.raises(ValueError, match="outlines: they are looked for in the pictures; found none"):
        fit_views(adaptive(), [View(None, pictures()[0].landmarks, size=(160, 200))], outlines=True)


@pytest.mark.parametrize("given", [0, 1])
def test_one_picture_cannot_agree_with_itself(given):
    views = [
        view if n < given else View(None, view.landmarks, size=(160, 200)) for n, view in enumerate(pictures())
    ]  # fmt: skip
    with pytest.raises(ValueError, match=f"photometric: pictures are compared .* found {given}, give two"):
        fit_views(adaptive(), views, photometric=True)


def test_pictures_of_any_model_and_precision(brief):
    model = static().double()
    fit = quick(model, pictures(), steps=3)
    assert fit.vertices.dtype == torch.float64 and len(fit.history) == 6
    assert all(c.focal.dtype == c.rotation.dtype == torch.float64 for c in fit.cameras)
    assert torch.equal(fit.model.weights(), model.weights())


@pytest.mark.long
def test_stopped_among_the_pictures_a_fit_keeps_what_they_said(brief):
    def stop(record: Record, model: SkinnedModel) -> None:
        if record.iteration == 4:
            raise KeyboardInterrupt

    fit = quick(adaptive(), pictures(), steps=4, watch=stop)
    assert fit.interrupted and len(fit.history) == 5 and not math.isnan(fit.history[4].error)
    assert torch.equal(fit.vertices, fit.model().detach())
    early = quick(adaptive(), pictures(), steps=6, watch=stop)
    assert early.interrupted and len(early.history) == 5  # stopped among the landmarks: the pictures are not begun


def test_mirrored_landmarks_are_refused_with_pictures_too():
    views = list(pictures())
    flipped = views[1].landmarks.clone()
    flipped[:, 0] = 160 - flipped[:, 0]
    views[1] = replace(views[1], landmarks=flipped)
    with pytest.raises(ValueError, match="view 2: landmarks: they are those of a mirrored face"):
        fit_views(adaptive(), views)


@pytest.mark.long
def test_one_lens_is_one_share_of_each_pictures_diagonal(brief):
    """Through both halves of a fit, with pictures of two sizes."""
    views = list(pictures())
    small = torch.nn.functional.avg_pool2d(views[0].image.permute(2, 0, 1), 2).permute(1, 2, 0)
    views[0] = View(small, views[0].landmarks / 2)
    fit = quick(adaptive(), views, steps=5, one_lens=True)
    shares = torch.stack([c.focal / math.hypot(*c.size) for c in fit.cameras])
    torch.testing.assert_close(shares, shares[:1].expand(3), rtol=1e-4, atol=0)


@pytest.mark.long
def test_a_detectors_errors_are_believed_as_they_are(monkeypatch):
    """Errors drawn from the noise model: the fit that knows of them is nearer than one that takes them for evidence."""
    generator, views = torch.Generator().manual_seed(5), []
    target, noise = torch.tensor([0.0, 0.0, 60.0]), mediapipe_noise()
    points = DENSE.points(PERSON.vertices, PERSON.faces)
    for yaw in (-0.8, -0.3, 0.2, 0.7):
        eye = target + 800 * torch.tensor([math.sin(yaw), 0.1, math.cos(yaw)])
        camera = look_at(eye, target, 2400.0, (800, 800))
        bias, modes, rest = noise.at(*CameraNumbers.of([camera], target).side(0)[:2])
        error = bias + modes @ torch.randn(modes.shape[2], generator=generator)
        error = error + rest[:, None] * torch.randn(468, 2, generator=generator)
        views.append(View(None, camera.project(points) + 3.0 * error, size=camera.size))
    told = fit_views(adaptive(), views, progress=False, device="cpu")
    monkeypatch.setattr(landmark_term, "MANY", 5)
    taken = fit_views(adaptive(), views, progress=False, device="cpu")
    assert len(told.history) <= 12 < len(taken.history)
    assert face_error(PERSON, told.vertices) < 0.9 * face_error(PERSON, taken.vertices)


def test_a_learned_prior_brings_one_photograph_nearer_to_the_person():
    """By landmarks with noise, on somebody whom it was not learned from: nearer than the template, and than without."""
    person = HEAD.sample(0)
    view = photographs(person)[1]
    noise = 2 * torch.randn(view.landmarks.shape, generator=torch.Generator().manual_seed(0))
    view = replace(view, landmarks=view.landmarks + noise)
    learned, general = (
        fit_views(adaptive(), [view], prior=prior, steps=100, progress=False, device="cpu").vertices
        for prior in ("learned", None)
    )
    error = face_error(person, learned)
    assert error < 0.85 * face_error(person, HEAD.mesh.vertices) and error < 0.85 * face_error(person, general)
