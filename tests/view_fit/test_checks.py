"""What is said of views that do not go together: by construction, on real photographs' points, and after real fits."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import data_dir
from asm_teach.data.detector_noise import mediapipe_noise
from asm_teach.data.heads import load_head
from asm_teach.fitting.priors import Prior
from asm_teach.formats.pictures import picture_tensor, to_pillow
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.rendering.camera import Camera, look_at
from asm_teach.rendering.renderer import render
from asm_teach.view_fit import checks
from asm_teach.view_fit import view as view_module
from asm_teach.view_fit.bundle import Bundle
from asm_teach.view_fit.camera_numbers import CameraNumbers
from asm_teach.view_fit.checks import after, before, unlike_skin
from asm_teach.view_fit.fit import fit_views
from asm_teach.view_fit.landmark_term import shared_misses
from asm_teach.view_fit.movable_face import SkinnedFace
from asm_teach.view_fit.view import View

HEAD = load_head()
MODEL = AdaptiveSkinningModel(HEAD.mesh, HEAD.rig, components=2)
SETS = {"ibug68": HEAD.landmarks, "facemesh": HEAD.dense_landmarks.subset(torch.arange(468))}
SIZES = {"lisa": (600, 800), "15cm": (1152, 1536), "30cm": (1152, 1536), "45cm": (1152, 1536), "60cm": (1152, 1536),
         "001_03": (1350, 1350), "james_view": (1200, 1600)}  # fmt: skip


def real(*names: str) -> list[View]:
    """Photographs by what MediaPipe found in them, which is stored with the package."""
    found = load_npz(data_dir() / "facemesh478.npz")
    sizes = [next(size for start, size in SIZES.items() if name.startswith(start)) for name in names]
    return [
        View(None, torch.from_numpy(found[f"{name}.jpg"][:, :2]).float(), size=size, name=name)
        for name, size in zip(names, sizes, strict=True)
    ]


def camera(yaw: float, pitch: float = 0.0, distance: float = 700.0) -> Camera:
    """Of 800 x 1000 pixels, looking at the face from `yaw` degrees to the person's left, `pitch` from above."""
    a, b = math.radians(yaw), math.radians(pitch)
    away = torch.tensor([math.sin(a) * math.cos(b), math.sin(b), math.cos(a) * math.cos(b)])
    target = torch.tensor([0.0, 0.0, 60.0])
    return look_at(target + distance * away, target, 2.5 * distance, (800, 1000))


def view(points: Tensor, seen_by: Camera, noise: float = 0.0, **options) -> View:
    pixels = seen_by.project(points)
    return View(None, pixels + noise * torch.randn(pixels.shape), size=seen_by.size, **options)


def taken(seed: int, embedding: LandmarkSet = SETS["facemesh"], yaws: tuple[float, ...] = (-30, 0, 25)) -> list[View]:
    """Views of a sampled person."""
    person = HEAD.sample(seed)
    points = embedding.points(person.vertices, person.faces)
    return [view(points, camera(yaw, 5 * k)) for k, yaw in enumerate(yaws)]


# --- before a fit


@pytest.mark.parametrize("name", SETS)
def test_good_views_need_no_words(name: str) -> None:
    for seed in range(3):
        assert before(HEAD.mesh, taken(seed, SETS[name])) == []


def test_real_photographs_need_no_words() -> None:
    assert before(HEAD.mesh, real("james_view0", "james_view1")) == []
    assert before(HEAD.mesh, real("lisa1", "lisa3", "15cm", "james_view0", "001_03")) == []


def test_a_fit_begins_with_the_cameras_that_were_found_for_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where more is known, of a lens or of the face, are they found again."""
    found = []
    pose = view_module.pose_from_landmarks
    monkeypatch.setattr(
        view_module, "pose_from_landmarks", lambda *args, **given: found.append(1) or pose(*args, **given)
    )
    views = taken(0)
    for given, count in (({}, 3), ({"warm_start": True}, 6), ({"focal_prior": (1.2, 0.1)}, 6)):
        found.clear()
        fit_views(MODEL, views, steps=1, progress=False, device="cpu", **given)
        assert len(found) == count, given
    found.clear()
    fit_views(MODEL, [replace(views[0], focal_prior=(2.2, 0.1)), *views[1:]], steps=1, progress=False, device="cpu")
    assert len(found) == 4


def test_one_picture_only() -> None:
    (note,) = before(HEAD.mesh, real("lisa1"))
    assert note.startswith(
        "There is one picture only: how far nose, chin and cheeks stand out is what the model expects"
    )


def test_a_set_of_ones_own_and_points_that_are_not_seen() -> None:
    few = SETS["ibug68"].subset([30, 36, 39, 42, 45, 48, 54])
    head = taken(0, few)
    assert before(HEAD.mesh, [replace(v, embedding=few) for v in head]) == []
    hidden = head[0].landmarks.clone()
    hidden[4] = torch.nan
    assert before(HEAD.mesh, [replace(head[0], embedding=few, landmarks=hidden), replace(head[2], embedding=few)]) == []


def scaled(v: View, factor: float) -> View:
    """The same picture with other sides."""
    size = tuple(round(factor * side) for side in v.size)
    return replace(v, landmarks=factor * v.landmarks, size=size)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda v: v, "as it is"),
        (lambda v: scaled(v, 0.4), "scaled down"),
        (lambda v: replace(v, landmarks=v.landmarks - 30, size=(v.size[0] - 60, v.size[1] - 60)), "cropped"),
        (lambda v: replace(v, landmarks=v.landmarks + 0.3 * torch.randn(v.landmarks.shape)), "found anew"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_the_same_picture_twice(change: Callable[[View], View], what: str) -> None:
    first, other = real("lisa1", "lisa3")
    (note,) = before(HEAD.mesh, [first, other, replace(change(first), name="copy")])
    assert note == "lisa1 and copy show the same picture, or nearly: the second adds nothing.", what


def test_different_pictures_are_not_called_the_same() -> None:
    """The nearest of all pairs: one woman from the front with the same face, from 30, 45 and 60 cm."""
    notes = before(HEAD.mesh, real("30cm", "45cm", "60cm", "lisa1", "lisa2", "lisa3", "lisa4"))
    assert not any("same picture" in note for note in notes)


def test_a_picture_found_anew_is_told_by_the_picture() -> None:
    """Where the landmarks differ a little more, what is seen in the face decides."""
    first, other = real("lisa1", "james_view0")
    picture = torch.rand(32, 24, 3).repeat_interleave(25, 0).repeat_interleave(25, 1)
    extent = float((first.landmarks.amax(0) - first.landmarks.amin(0)).norm())
    moved = first.landmarks + 0.003 / math.sqrt(2) * extent * torch.randn(first.landmarks.shape)
    one = View(picture, first.landmarks, name="a")
    assert len(before(HEAD.mesh, [one, other, View(0.9 * picture, moved, name="b")])) == 1
    assert before(HEAD.mesh, [one, other, View(torch.rand(800, 600, 3), moved, name="b")]) == []
    assert before(HEAD.mesh, [first, other, replace(first, landmarks=moved, name="b")]) == []  # no pictures: not told


def test_all_from_one_side() -> None:
    person = HEAD.sample(1)
    points = SETS["facemesh"].points(person.vertices, person.faces)
    near = [view(points, camera(yaw, distance=distance)) for yaw, distance in ((0, 500), (4, 900), (2, 1500))]
    (note,) = before(HEAD.mesh, near)
    assert note.startswith("All pictures show the face from nearly the same side")
    assert before(HEAD.mesh, [*near, view(points, camera(25))]) == []


def mirrored_pairs(embedding: LandmarkSet) -> Tensor:
    """For each landmark the one on the other side of the face."""
    points = embedding.points(HEAD.mesh.vertices, HEAD.mesh.faces)
    return torch.cdist(points * torch.tensor([-1.0, 1, 1]), points).argmin(1)


@pytest.mark.parametrize("yaw", [-45, -20, 0, 30, 50])
@pytest.mark.parametrize("name", SETS)
def test_landmarks_that_are_swapped_left_and_right(name: str, yaw: float) -> None:
    pairs = mirrored_pairs(SETS[name])
    assert torch.equal(pairs[pairs], torch.arange(len(pairs)))
    good = taken(3, SETS[name], (0, yaw, 20))
    bad = replace(good[1], landmarks=good[1].landmarks[pairs])
    message = "^view 2: landmarks: they are those of a mirrored face: left and right are swapped"
    with pytest.raises(ValueError, match=message):
        before(HEAD.mesh, [good[0], bad, good[2]])


@pytest.mark.parametrize("name", ["lisa1", "lisa3", "15cm", "james_view0", "james_view1", "001_03"])
def test_real_landmarks_that_are_mirrored_and_why(name: str) -> None:
    (good,) = real(name)
    (width, height), (x, y) = good.size, good.landmarks.unbind(1)
    flipped = torch.stack([width - x, y], 1)
    upward = torch.stack([x, height - y], 1)
    exchanged = replace(good, landmarks=torch.stack([y, x], 1), size=(height, width))
    for bad, cause in (
        (replace(good, landmarks=good.landmarks[:468][mirrored_pairs(SETS["facemesh"])]), "left and right are swapped"),
        (replace(good, landmarks=flipped), "left and right are swapped"),
        (replace(good, landmarks=upward), "y is counted upwards"),
        (exchanged, "rows and columns are exchanged"),
    ):
        with pytest.raises(ValueError, match=f"^{name}: landmarks: they are those of a mirrored face: {cause}"):
            before(HEAD.mesh, [bad])


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_picture_that_was_not_turned_upright_is_no_mistake(turn: int) -> None:
    good, other = real("lisa1", "james_view0")
    (width, height), (x, y) = good.size, good.landmarks.unbind(1)
    landmarks, size = {
        90: (torch.stack([height - y, x], 1), (height, width)),
        180: (torch.stack([width - x, height - y], 1), (width, height)),
        270: (torch.stack([y, width - x], 1), (height, width)),
    }[turn]
    assert before(HEAD.mesh, [replace(good, landmarks=landmarks, size=size), other]) == []


@pytest.mark.parametrize("name", ["lisa1", "james_view0"])
def test_landmarks_that_are_not_a_faces(name: str) -> None:
    (good,) = real(name)
    points = good.landmarks
    half = torch.randperm(478)[:239]
    mixed = points.clone()
    mixed[half] = points[half.roll(1)]
    turn = 0.1 * torch.arange(478)
    for landmarks in (
        points[torch.randperm(478)],
        points.flip(0),
        points.roll(1, 0),  # off by one, as when numbers count from 1
        mixed,
        300 + 200 * torch.rand(478, 2),
        300 + 100 * torch.stack([turn.cos(), turn.sin()], 1),
    ):
        with pytest.raises(ValueError, match=f"^{name}: landmarks: .*% of them lie more than 20 mm"):
            before(HEAD.mesh, [replace(good, landmarks=landmarks)])


@pytest.mark.parametrize("name", SETS)
def test_a_wide_open_mouth_is_still_a_faces(name: str) -> None:
    """Further open than the unit that means open: what no jaw does."""
    vertices = HEAD.mesh.vertices + HEAD.expressions.offsets({"jawOpen": 1.3})
    points = SETS[name].points(vertices, HEAD.mesh.faces)
    assert before(HEAD.mesh, [view(points, camera(0)), view(points, camera(25))]) == []


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1.0])
def test_landmarks_in_one_place_are_named(spread: float) -> None:
    bad = View(None, 300 + spread * torch.rand(68, 2), size=(600, 800), name="dot.jpg")
    with pytest.raises(ValueError, match="^dot.jpg: pixels: all landmarks lie within"):
        before(HEAD.mesh, [bad])


def test_landmarks_of_an_unknown_set_are_named() -> None:
    with pytest.raises(ValueError, match="^view 1: landmarks: 50 points fit no landmark set of this mesh"):
        before(HEAD.mesh, [View(None, 300 + 100 * torch.rand(50, 2), size=(600, 800))])


def test_float64() -> None:
    assert before(HEAD.mesh.to(dtype=torch.float64), taken(0)) == []


# --- after a fit


CAMERAS = [camera(-30), camera(0, 5), camera(25, 10), camera(10, -10)]


def seen(seeds: tuple[int, ...], noise: float = 0.0, embedding: LandmarkSet = SETS["facemesh"]) -> list[View]:
    people = [HEAD.sample(seed) for seed in seeds]
    points = [embedding.points(p.vertices, p.faces) for p in people]
    return [view(p, c, noise) for p, c in zip(points, CAMERAS, strict=False)]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_the_person_itself_needs_no_words(name: str, noise: float) -> None:
    """Noise of single points, even of 2 pixels or 1 mm, is not a disagreement."""
    views = seen((4, 4, 4, 4), noise, SETS[name])
    vertices = HEAD.sample(4).vertices
    assert after(HEAD.mesh, vertices, views, CAMERAS) == []
    assert after(HEAD.mesh, vertices, views[:2], CAMERAS[:2]) == []
    assert after(HEAD.mesh, vertices, views[:1], CAMERAS[:1]) == []


def test_shared_misses_leave_out_the_noise_and_keep_the_rest() -> None:
    person = HEAD.sample(4)
    vertices, (straight, *_) = person.vertices, CAMERAS
    clean, noisy = seen((4,)), seen((4,), noise=2.0)
    assert float(shared_misses(HEAD.mesh, vertices, clean, [straight])) < 1e-3
    assert float(shared_misses(HEAD.mesh, vertices, noisy, [straight])) < 0.4  # of 2 px, 1.1 mm of all misses
    aside = [replace(v, landmarks=v.landmarks + 2.5 * torch.tensor([0.6, 0.8])) for v in noisy]
    # 2.5 pixels of a camera with 2.5 pixels a millimetre: 1 mm on the face, and the chance part of the noise
    assert float(shared_misses(HEAD.mesh, vertices, aside, [straight])) == pytest.approx(1.0, abs=0.15)


def test_the_view_of_another_person_is_named() -> None:
    views = seen((4, 4, 5, 4))
    (note,) = after(HEAD.mesh, HEAD.sample(4).vertices, views, CAMERAS)
    assert note.startswith("view 3 does not agree with the other pictures")
    named = [replace(v, name=f"{n}.jpg") for n, v in enumerate(views)]
    assert after(HEAD.mesh, HEAD.sample(4).vertices, named, CAMERAS)[0].startswith("2.jpg does not agree")


def test_landmarks_do_not_accuse_a_view_that_shows_the_same_skin() -> None:
    """A model that cannot take a person's form misses it in each view by another amount; pictures know better."""
    views, other = seen((4, 4, 5, 4)), detected(4, 4, 4, 4)
    vertices = HEAD.sample(4).vertices
    (note,) = after(HEAD.mesh, vertices, views, CAMERAS, alike={2})
    assert note.startswith("The landmarks of view 3 are much less exact")  # that they are in any case
    assert after(HEAD.mesh, vertices, views, CAMERAS, alike={0, 1, 3}) == after(HEAD.mesh, vertices, views, CAMERAS)
    stiff = HEAD.sample(6).vertices
    assert after(HEAD.mesh, stiff, seen((4, 4, 4, 4)), CAMERAS, alike={0, 1, 2, 3}) == []
    assert "agree" in after(HEAD.mesh, stiff, seen((4, 4, 4, 4)), CAMERAS, alike={0, 1})[0]
    far = HEAD.mesh.vertices + 2 * (HEAD.sample(5).vertices - HEAD.mesh.vertices)
    other[2] = view(SETS["facemesh"].points(far, HEAD.mesh.faces), CAMERAS[2])
    notes = after(HEAD.mesh, vertices, other, CAMERAS, expected=True, alike={2})
    assert not any("does not agree" in note for note in notes)


def test_a_view_with_bad_points_is_named() -> None:
    views = seen((4, 4, 4, 4), noise=1.0)
    views[1] = replace(views[1], landmarks=views[1].landmarks + 6 * torch.randn(468, 2))
    (note,) = after(HEAD.mesh, HEAD.sample(4).vertices, views, CAMERAS)
    assert note.startswith("The landmarks of view 2 are much less exact than the others")


def test_views_that_all_disagree() -> None:
    """Each of another person, measured on a mean of them all."""
    views = seen((4, 5, 6, 7))
    mean = torch.stack([HEAD.sample(seed).vertices for seed in (4, 5, 6, 7)]).mean(0)
    notes = after(HEAD.mesh, mean, views, CAMERAS)
    assert notes and all("do not agree well" in n or "does not agree" in n for n in notes)


def detected(*seeds: int) -> list[View]:
    """Views in which a detector has made its errors, as they are known: bias, what they share, and the rest."""
    generator = torch.Generator().manual_seed(1)
    views = []
    for v, c in zip(seen(seeds), CAMERAS, strict=False):
        numbers = CameraNumbers.of([c], torch.tensor([0.0, 0.0, 60.0]))
        yaw, pitch, turn = numbers.side(0)
        bias, modes, rest = mediapipe_noise().at(yaw, pitch)
        errors = bias + modes @ torch.randn(modes.shape[2], generator=generator)
        errors = errors + rest[:, None] * torch.randn(468, 2, generator=generator)
        views.append(replace(v, landmarks=v.landmarks + float(numbers.log_size.exp()) * errors @ turn))
    return views


def test_errors_that_a_detector_is_known_to_make_need_no_words() -> None:
    assert after(HEAD.mesh, HEAD.sample(4).vertices, detected(4, 4, 4, 4), CAMERAS, expected=True) == []


def test_what_a_detector_does_not_make_is_named() -> None:
    """Another person, further from the mean than detectors go; and points that are bad each by itself."""
    views = detected(4, 4, 4, 4)
    far = HEAD.mesh.vertices + 2 * (HEAD.sample(5).vertices - HEAD.mesh.vertices)
    other = view(SETS["facemesh"].points(far, HEAD.mesh.faces), CAMERAS[2])
    (note,) = after(HEAD.mesh, HEAD.sample(4).vertices, [*views[:2], other, views[3]], CAMERAS, expected=True)
    assert note.startswith("view 3 does not agree with the other pictures: its landmarks are off together by")
    views[1] = replace(views[1], landmarks=views[1].landmarks + 8 * torch.randn(468, 2))
    (note,) = after(HEAD.mesh, HEAD.sample(4).vertices, views, CAMERAS, expected=True)
    assert note.startswith("The landmarks of view 2 are much less exact than the others: each by itself")


def drawn() -> tuple[Bundle[SkinnedFace], list[View]]:
    """The template where it is, and pictures of it."""
    shots = [replace(c, focal=c.focal * 0.4, principal=c.principal * 0.4, size=(320, 400)) for c in CAMERAS]
    images = [render(HEAD.mesh, shot, samples=2, background=torch.tensor([0.3, 0.4, 0.5]))[..., :3] for shot in shots]
    points = SETS["ibug68"].points(HEAD.mesh.vertices, HEAD.mesh.faces)
    good = [View(i, c.project(points), name=f"{n}.jpg") for n, (i, c) in enumerate(zip(images, shots, strict=True))]
    with torch.no_grad():
        return Bundle(SkinnedFace(MODEL, Prior()), CameraNumbers.of(shots, points.mean(0)), (1.2, 0.7)), good


def test_a_picture_that_shows_other_skin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same form, so that landmarks could not tell."""
    bundle, good = drawn()
    assert unlike_skin(bundle, good) == ([], {0, 1, 2, 3})
    assert HEAD.mesh.texture is not None
    other = replace(HEAD.mesh, texture=torch.rand(200, 200, 3).repeat_interleave(5, 0).repeat_interleave(5, 1))
    seen_by = bundle.cameras.cameras()[2]
    odd = [*good[:2], replace(good[2], image=render(other, seen_by, samples=2)[..., :3]), good[3]]
    (note,), alike = unlike_skin(bundle, odd)
    assert alike == {0, 1, 3}
    assert note.startswith("The skin in 2.jpg is not what the other pictures show")
    assert unlike_skin(bundle, [*good[:2], replace(odd[2], image=None, size=(320, 400)), good[3]])[0] == []
    monkeypatch.setattr(checks, "ASIDE", math.radians(20))  # seen from further aside, it is not judged
    assert unlike_skin(bundle, odd)[0] == []


@pytest.mark.parametrize(("what", "where"), [("hand", (48, 55)), ("glasses", (36, 45)), ("smile", (48, 55))])
def test_a_place_that_one_picture_shows_otherwise_is_named(what: str, where: tuple[int, int]) -> None:
    """A hand before the mouth, the rims of glasses round the eyes, or a smile in one picture: the note says where."""
    bundle, good = drawn()
    view, camera = good[2], bundle.cameras.cameras()[2]
    if what == "smile":
        amounts = {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9}
        face = HEAD.mesh.with_vertices(HEAD.mesh.vertices + HEAD.offsets(expressions=amounts))
        image = render(face, camera, samples=2, background=torch.tensor([0.3, 0.4, 0.5]))[..., :3]
    else:
        across, down = torch.meshgrid(torch.arange(320) + 0.5, torch.arange(400) + 0.5, indexing="xy")
        image = view.image.clone()
        ends = view.landmarks[[48, 54]].mean(0)[None] if what == "hand" else view.landmarks[[37, 44]]
        for x, y in ends.tolist():
            far = ((across - x) ** 2 + (down - y) ** 2).sqrt()
            within = far < 30 if what == "hand" else (far - 24).abs() < 4
            fingers = (
                0.65 + 0.35 * ((down - y) / 18 * math.pi).sin().abs()
            )  # dark between them; a flat tone tells nothing
            hand = fingers[..., None] * torch.tensor([0.6, 0.45, 0.4])
            image[within] = hand[within] if what == "hand" else torch.tensor(0.02)
    (note,), _ = unlike_skin(bundle, [*good[:2], replace(view, image=image), good[3]])
    found = re.match(r"The skin in 2.jpg round the pixel \((\d+), (\d+)\) is not what the other pictures show", note)
    assert found, note
    place = torch.tensor([float(found[1]), float(found[2])])
    nearby = view.landmarks[where[0] : where[1]] if what != "glasses" else view.landmarks[36:48]
    assert torch.cdist(place[None], nearby).min() < 45


def test_a_picture_without_the_skins_detail_is_named() -> None:
    """A painting: blurred a little, in a few tones. Coarse grids find it all right, fine ones do not."""
    bundle, good = drawn()
    layers = avg_pool2d(good[2].image.permute(2, 0, 1)[None], 9, 1, 4)[0].permute(1, 2, 0)
    (note,), _ = unlike_skin(bundle, [*good[:2], replace(good[2], image=(4 * layers).round() / 4), good[3]])
    assert note.startswith("The skin in 2.jpg lacks the detail that the other pictures show")
    small = [replace(c, focal=c.focal / 3, principal=c.principal / 3) for c in bundle.cameras.cameras()]
    bundle.cameras = CameraNumbers.of(small, bundle.cameras.pivot)  # too small to show any: not judged by it
    assert not any("detail" in note for note in unlike_skin(bundle, good)[0])


def test_a_picture_that_shows_the_blocks_of_its_file_is_named() -> None:
    _, good = drawn()
    assert before(HEAD.mesh, good) == []
    buffer = io.BytesIO()
    to_pillow(good[1].image).save(buffer, format="JPEG", quality=5)
    squeezed = replace(good[1], image=picture_tensor(Image.open(buffer), None))
    (note,) = before(HEAD.mesh, [good[0], squeezed, *good[2:]])
    assert note.startswith("1.jpg was compressed so strongly that the skin's detail is lost")


def fitted_notes(views: list[View]) -> list[str]:
    fit = fit_views(MODEL, views, steps=200, progress=False, device="cpu")
    return after(fit.model.mesh, fit.vertices, views, fit.cameras)


@pytest.mark.long
def test_real_photographs_of_one_person_agree() -> None:
    assert fitted_notes(real("james_view0", "james_view1")) == []
    assert fitted_notes(real("lisa1", "lisa3", "60cm")) == []


@pytest.mark.long
def test_a_real_photograph_of_another_person_is_found() -> None:
    (note,) = fitted_notes(real("james_view0", "james_view1", "lisa1"))
    assert note.startswith("lisa1 does not agree with the other pictures")
    (note,) = fitted_notes(real("lisa1", "001_03"))
    assert note.startswith("lisa1 and 001_03 do not agree well")
