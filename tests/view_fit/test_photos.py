"""Photographs of one's own: read whatever they hold, with landmarks from files or from a stand-in for MediaPipe."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import AssetUnavailable, data_dir
from asm_teach.data.heads import load_head
from asm_teach.data.scans import load_photographs
from asm_teach.view_fit.photos import LONGEST, load_views, read_embedding, read_landmarks, read_photo
from asm_teach.view_fit.view import landmark_view, view_names

POINTS = 100 + 200 * np.random.default_rng(0).random((68, 2))


@pytest.fixture(autouse=True)
def no_mediapipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is installed or not; a test that wants it puts the stand-in there."""
    monkeypatch.setitem(sys.modules, "mediapipe", None)


def picture(path: Path, width: int = 400, height: int = 300) -> Path:
    Image.new("RGB", (width, height), (90, 120, 150)).save(path)
    return path


def heard() -> tuple[list[str], dict]:
    said: list[str] = []
    return said, {"say": said.append}


# --- pictures


def test_a_photograph_of_twelve_megapixels_is_scaled_down_and_that_is_said(tmp_path: Path) -> None:
    said, options = heard()
    image = read_photo(picture(tmp_path / "big.jpg", 4000, 3000), **options).pixels
    assert image.shape == (LONGEST * 3 // 4, LONGEST, 3)
    assert said == ["big.jpg: 4000 x 3000 pixels, scaled down to 1600 x 1200"]
    small, options = heard()
    assert read_photo(picture(tmp_path / "small.jpg"), **options).pixels.shape == (300, 400, 3)
    assert small == []


def test_a_photograph_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its pixels, its size and its EXIF data."""
    picture(tmp_path / "big.jpg", 4000, 3000)
    np.savez(tmp_path / "big.npz", landmarks=10 * POINTS)
    opened, open_ = [], Image.open
    monkeypatch.setattr(Image, "open", lambda *args, **options: opened.append(args) or open_(*args, **options))
    load_views([tmp_path / "big.jpg"], say=lambda note: None)
    assert len(opened) == 1


def test_landmarks_of_a_large_picture_are_scaled_with_it(tmp_path: Path) -> None:
    """And turned with it: they are those of the upright picture, whose sides EXIF exchanges."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (4000, 3000)).save(tmp_path / "big.jpg", exif=exif)
    np.savez(tmp_path / "big.npz", landmarks=10 * POINTS)
    (view,) = load_views([tmp_path / "big.jpg"], say=lambda note: None)
    assert view.size == (1200, 1600)
    assert np.abs(view.landmarks.numpy() - 4 * POINTS).max() < 1e-3
    assert view.name == "big.jpg"


def test_the_lens_comes_from_exif_data_unless_they_are_to_be_ignored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif).update({0xA405: 52, 0xA002: 400, 0xA003: 300})
    Image.new("RGB", (400, 300)).save(tmp_path / "a.jpg", exif=exif)
    Image.new("RGB", (350, 310)).save(tmp_path / "b.jpg", exif=exif)
    for name in "abc":
        np.savez(tmp_path / f"{name}.npz", landmarks=POINTS)
    paths = [tmp_path / "a.jpg", tmp_path / "b.jpg", picture(tmp_path / "c.jpg")]
    said, options = heard()
    views = load_views(paths, **options)
    assert [view.focal_prior for view in views] == [(pytest.approx(52 / 43.27, rel=1e-3), 0.07), None, None]
    (note,) = said
    assert note.startswith("b.jpg: it had 400 x 300 pixels by its EXIF data")
    said.clear()
    assert all(view.focal_prior is None for view in load_views(paths, exif=False, **options)) and not said


def test_alpha_grey_and_damage(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 30), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert torch.allclose(read_photo(tmp_path / "clear.png").pixels, torch.tensor(0.5))
    Image.new("L", (40, 30), 51).save(tmp_path / "grey.png")
    assert torch.allclose(read_photo(tmp_path / "grey.png").pixels, torch.tensor(0.2))
    whole = picture(tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cut.png: this cannot be read as a picture"):
        load_views([tmp_path / "cut.png"])


# --- landmarks from files


def test_every_kind_of_landmark_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", landmarks=POINTS)
    rows = "\n".join(f"{x} {y}" for x, y in POINTS)
    (tmp_path / "a.tem").write_text(f"68\n{rows}\n0\n")
    table = "\n".join(f"{x}, {y}" for x, y in POINTS)
    (tmp_path / "a.csv").write_text(f"x,y\n{table}\n")
    (tmp_path / "b.csv").write_text(f"\ufeff{table}\n\n", encoding="utf-8")
    menpo = {"version": 2, "labels": [], "landmarks": {"points": POINTS[:, ::-1].tolist(), "connectivity": []}}
    (tmp_path / "a.ljson").write_text(json.dumps(menpo))
    np.save(tmp_path / "a.npy", POINTS)
    for name in ("a.npz", "a.npy", "a.tem", "a.csv", "b.csv", "a.ljson"):
        points = read_landmarks(tmp_path / name)
        assert points.dtype == torch.float32
        assert np.abs(points.numpy() - POINTS).max() < 1e-3, name


def ljson(points: np.ndarray) -> dict:
    labels = [{"label": "all", "mask": list(range(len(points)))}]
    return {"labels": labels, "landmarks": {"points": points[:, ::-1].tolist(), "connectivity": []}}


def pts(points: np.ndarray) -> str:
    rows = "\n".join(f"{x} {y}" for x, y in points)
    return f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n"


def test_pixels_are_counted_as_here_whoever_wrote_the_file(tmp_path: Path) -> None:
    """The middle of the upper left pixel: (1, 1) in iBUG's files, (0, 0) in dlib's, (0.5, 0.5) here."""
    (tmp_path / "a.pts").write_text(pts(np.array([[1, 1], [11.5, 21]])))
    assert read_landmarks(tmp_path / "a.pts").tolist() == [[0.5, 0.5], [11, 20.5]]
    parts = "<part name='00' x='0' y='0'/><part name='01' x='10' y='20'/>"
    head = "<dataset><images><image file='other.png'/>"
    (tmp_path / "a.xml").write_text(f"{head}<image file='x/a.png'><box>{parts}</box></image></images></dataset>")
    assert read_landmarks(tmp_path / "a.xml", picture="y/a.png").tolist() == [[0.5, 0.5], [10.5, 20.5]]


def test_points_of_mediapipe_are_shares_of_the_picture(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    points = [{"x": x / 400, "y": y / 300, "z": 0.1} for x, y in POINTS]
    for content in (points, {"faceLandmarks": [points], "faceBlendshapes": [{"categories": [{"score": 1}]}]}):
        (tmp_path / "a.json").write_text(json.dumps(content))
        (view,) = load_views([path])
        assert np.abs(view.landmarks.numpy() - POINTS).max() < 1e-3
    with pytest.raises(ValueError, match="a.json: its points are shares of the picture's sides; give the picture"):
        read_landmarks(tmp_path / "a.json")
    (tmp_path / "a.json").write_text(json.dumps({"landmark": [{"x": x, "y": y} for x, y in POINTS]}))
    assert np.abs(read_landmarks(tmp_path / "a.json").numpy() - POINTS).max() < 1e-3  # these are pixels
    (tmp_path / "a.json").write_text(json.dumps([points, points]))
    with pytest.raises(ValueError, match="a.json: 2 lists of points"):
        read_landmarks(tmp_path / "a.json", picture=path)


def test_the_group_of_a_known_set_is_taken(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    groups = {"face": ljson(POINTS), "pupils": ljson(POINTS[:2])}
    (tmp_path / "a.ljson").write_text(json.dumps({"version": 3, "groups": groups}))
    (view,) = load_views([path])
    assert np.abs(view.landmarks.numpy() - POINTS).max() < 1e-3
    groups["again"] = ljson(POINTS + 1)
    (tmp_path / "a.ljson").write_text(json.dumps({"version": 3, "groups": groups}))
    with pytest.raises(
        ValueError, match="a.ljson: .*--landmark-group.*'face' of 68.*several may be meant; with --find"
    ):
        load_views([path])
    (view,) = load_views([path], group="again")
    assert np.abs(view.landmarks.numpy() - POINTS - 1).max() < 1e-3


def test_labels_say_the_order_of_points(tmp_path: Path) -> None:
    """landmarker.io stores the eyes before the brows; iBUG's order has them after the nose."""
    order = {"chin": range(17), "leye": range(36, 42), "reye": range(42, 48), "leyebrow": range(17, 22),
             "nose": range(27, 36), "reyebrow": range(22, 27), "mouth": range(48, 68)}  # fmt: skip
    pieces = [
        {"label": label, "landmarks": [{"point": POINTS[n, ::-1].tolist()} for n in numbers]}
        for label, numbers in order.items()
    ]
    (tmp_path / "a.ljson").write_text(json.dumps({"version": 1, "groups": pieces}))
    assert np.abs(read_landmarks(tmp_path / "a.ljson").numpy() - POINTS).max() < 1e-3


def test_51_points_lie_where_the_68_have_them(tmp_path: Path) -> None:
    path, mesh = picture(tmp_path / "a.png"), load_head().mesh
    (tmp_path / "a.pts").write_text(pts(POINTS[17:] + 0.5))
    (view,) = load_views([path])
    seen = landmark_view(view, mesh)
    assert np.abs(seen.pixels.numpy() - POINTS[17:]).max() < 1e-3
    assert torch.equal(seen.embedding.faces, mesh.landmarks["ibug68"].faces[17:])


def test_a_point_that_is_not_seen_is_nan_in_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2\nnan,nan\n3,4\n")
    assert read_landmarks(tmp_path / "a.csv").isnan().tolist() == [[False] * 2, [True] * 2, [False] * 2]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"68 points", "a.npz: this is not a whole .npz file"),
        ("a.csv", b"x,y\n1,2\n3\n", "a.csv: not a table of two numbers a row"),
        ("a.csv", b"1,2,3\n4,5,6\n", "a.csv: not a table of two numbers a row"),
        ("a.csv", b"1,2\n3,four\n", "a.csv: not a table of two numbers a row"),
        ("a.csv", b'"' + b"1" * 200_000, "a.csv: not a table of two numbers a row, .*field larger than"),
        ("a.csv", b"x,y\n", "a.csv: there are no points in it"),
        ("a.csv", b"1,2\n3,inf\n", "a.csv: point 1 .from 0. holds inf"),
        ("a.tem", b"1\n1 1e99\n", r"a.tem: point 0 .from 0. holds 1e\+99"),
        ("a.pts", b"68\n1 2\n", "a.pts: a landmark file of iBUG has n_points: N"),
        ("a.xml", b"<a>", "a.xml: this is no XML, or it is cut off"),
        ("a.json", b'{"x": 1}', "a.json: 0 lists of points"),
        ("a.json", b'[{"x": 1}]', "a.json: point 0 .from 0. holds 'nothing'"),
        ("a.tem", b"68\n1 2\n", "a.tem: 68 points are announced and 1 found"),
        ("a.ljson", b"{", "a.ljson: this is no landmark file"),
        ("a.txt", b"1 2\n", r"a.txt: the ending '.txt' is not one of .npz, .tem, .ljson, .csv"),
    ],
)
def test_a_damaged_landmark_file_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_landmarks(tmp_path / name)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((4, 2), np.inf), "a.npz: point 0 .from 0. holds inf"),
        (np.full((4, 2), "1"), "a.npz: its array is of type <U1"),
        (np.full((4, 2), 1 + 1j), "a.npz"),
        (np.zeros(()), r"a.npz: \(\) numbers were found"),
        (np.zeros((0, 2)), r"a.npz: \(0, 2\) numbers were found"),
    ],
)
def test_arrays_that_are_no_points_are_named(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.savez(tmp_path / "a.npz", landmarks=array)
    with pytest.raises(ValueError, match=message):
        read_landmarks(tmp_path / "a.npz")


def test_arrays_of_another_name_or_shape_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", points=POINTS)
    with pytest.raises(ValueError, match="a.npz: no array `landmarks` in it, but points"):
        read_landmarks(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", landmarks=np.zeros((68, 3)))
    with pytest.raises(ValueError, match=r"a.npz: \(68, 3\) numbers were found; landmarks of a picture are \(L, 2\)"):
        read_landmarks(tmp_path / "a.npz")
    with pytest.raises(ValueError, match="with --find"):  # beside a picture there is another way
        load_views([picture(tmp_path / "a.png")])
    with pytest.raises(FileNotFoundError, match="gone.npz"):
        read_landmarks(tmp_path / "gone.npz")


def test_landmarks_that_are_given_come_before_the_file_beside_the_picture(tmp_path: Path) -> None:
    a, b, c = (picture(tmp_path / f"{n}.png") for n in "abc")
    for n, path in enumerate((a, b, c)):
        np.savez(path.with_suffix(".npz"), landmarks=POINTS + n)
    np.savez(tmp_path / "other.npz", landmarks=POINTS + 7)
    views = load_views([a, str(b), c], [torch.from_numpy(POINTS + 5), tmp_path / "other.npz", None])
    for view, off in zip(views, (5, 7, 2), strict=True):
        assert np.abs(view.landmarks.numpy() - POINTS - off).max() < 1e-3
    assert view_names(views) == ["a.png", "b.png", "c.png"]
    assert len(load_views(a)) == 1  # one picture need not be a list
    with pytest.raises(ValueError, match="landmarks: 2 for 3 pictures"):
        load_views([a, b, c], [None, None])


def test_landmarks_of_another_picture_are_refused_with_the_name(tmp_path: Path) -> None:
    path = picture(tmp_path / "small.png", 60, 40)
    np.savez(tmp_path / "small.npz", landmarks=POINTS)
    with pytest.raises(ValueError, match="^small.png: landmarks: .* lie outside the picture of 60 x 40 pixels"):
        load_views([path])


def test_a_set_of_ones_own_comes_with_an_embedding(tmp_path: Path) -> None:
    mesh = load_head().mesh
    corners = mesh.part_vertices("face")[:30]
    np.savez(tmp_path / "set.npz", vertices=corners.numpy())
    own = read_embedding(tmp_path / "set.npz", mesh.faces)
    assert torch.equal(own.nearest_vertices(mesh.faces), corners)
    np.savez(tmp_path / "set.npz", faces=own.faces.numpy(), barycentric=own.barycentric.numpy())
    again = read_embedding(tmp_path / "set.npz", mesh.faces)
    assert torch.equal(again.faces, own.faces) and torch.equal(again.barycentric, own.barycentric)
    path = picture(tmp_path / "a.png")
    np.savez(tmp_path / "a.npz", landmarks=POINTS[:30])
    (view,) = load_views([path], embedding=own)
    assert view.embedding is own and len(view.landmarks) == 30


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"points": np.zeros(3)}, "set.npz: holds points; write numpy.savez"),
        ({"vertices": np.array([10**6])}, "set.npz: indices: vertex 1000000 belongs to no face"),
        ({"faces": np.array([10**6]), "barycentric": np.array([[1.0, 0, 0]])}, "set.npz: faces: row 0 names"),
        ({"faces": np.array([1]), "barycentric": np.array([[1.0, 1, 0]])}, "set.npz: barycentric: row 0 sums to 2"),
    ],
)
def test_an_embedding_of_another_mesh_is_refused(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_embedding(tmp_path / "set.npz", load_head().mesh.faces)


# --- landmarks found


def test_without_a_file_mediapipe_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = torch.rand(478, 2) * 200
    asked = []
    monkeypatch.setattr(
        "asm_teach.view_fit.photos.find_landmarks", lambda image, name, say: asked.append(name) or found
    )
    a, b, c = (picture(tmp_path / f"{n}.png") for n in "abc")
    np.savez(tmp_path / "b.npz", landmarks=POINTS)
    np.savez(tmp_path / "c.npz", landmarks=POINTS[:50])  # of a set that nobody knows
    said, options = heard()
    views = load_views([a, b, c], **options)
    assert asked == ["a.png", "c.png"]
    assert said[0] == "c.npz: 50 landmarks, a set that is not known here (68, 51, 468, 478 are)"
    assert said[1].startswith("MediaPipe makes everybody look a little like an average face; with 3 pictures that")
    assert len(said) == 2
    assert [len(view.landmarks) for view in views] == [478, 68, 478]
    assert torch.equal(views[0].landmarks, found)
    asked.clear()
    load_views([a, b], find=True, **options)
    assert asked == ["a.png", "b.png"]


def test_files_that_may_hold_landmarks_and_are_not_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = picture(tmp_path / "a.png")
    for name in ("a.bnd", "a.TXT", "a.obj", "b.pts"):
        (tmp_path / name).touch()
    (tmp_path / "a.json").write_text('{"camera": "old"}')
    said, options = heard()
    with pytest.raises(ModuleNotFoundError, match=r"\(a.json, a.TXT, a.bnd: not read\)"):
        load_views([path], **options)
    assert [note.split(":")[0] for note in said] == ["a.json", "a.TXT", "a.bnd"]
    assert said[0].endswith("passed over") and "it may hold landmarks, and was not read" in said[1]
    monkeypatch.setattr("asm_teach.view_fit.photos.find_landmarks", lambda *_: torch.rand(478, 2) * 200)
    assert len(load_views([path], **options)[0].landmarks) == 478
    (tmp_path / "a.PTS").write_text(pts(POINTS))
    said.clear()
    (view,) = load_views([path], **options)
    assert np.abs(view.landmarks.numpy() + 0.5 - POINTS).max() < 1e-3
    assert said == [
        f"a.{e}: it may hold landmarks too, and was not read: a.PTS comes first" for e in ("json", "TXT", "bnd")
    ]
    said.clear()
    assert len(load_views([path], find=True, **options)[0].landmarks) == 478 and not said


def test_without_mediapipe_and_without_a_file_the_message_says_both_ways(tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"a.png: .*pip install 'asm_teach\[photos\]'.*into a file beside"):
        load_views([picture(tmp_path / "a.png")])


def test_real_photographs_with_stored_points(tmp_path: Path) -> None:
    """Lisa's four pictures as the files of a user; her own points, of a set that is not known, lie beside them too."""
    stored = load_npz(data_dir() / "facemesh478.npz")
    paths = []
    try:
        photographs = load_photographs("lisa")
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")
    for photograph in photographs:
        path = tmp_path / f"{photograph.name}.jpg"
        pixels = (photograph.image * 255).round().to(torch.uint8).numpy()
        Image.fromarray(pixels).save(path, quality=95)
        np.savez(path.with_suffix(".npz"), landmarks=stored[path.name][:, :2])
        paths.append(path)
    for view, photograph in zip(load_views(paths), photographs, strict=True):
        assert (view.image - photograph.image).abs().mean() < 0.02  # what JPEG loses
        assert view.size == (600, 800) and len(view.landmarks) == 478


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"vertices": np.array([10**9])}, "vertex 1000000000 belongs to no face"),
        ({"vertices": np.array([2**63 + 5], np.uint64)}, "counted from 0"),
        ({"vertices": np.array("x")}, "vertices holds text"),
        ({"vertices": np.zeros(0, np.int64)}, "give .L,. numbers, one or more"),
        ({"vertices": np.zeros((2, 2), np.int64)}, "give .L,. numbers"),
        ({"vertices": np.array([0.5])}, "give int64 numbers"),
        ({"vertices": np.array(3)}, "give .L,. numbers"),
        ({"faces": np.array(["a"]), "barycentric": np.eye(3)}, "faces holds text"),
        ({"faces": np.array([10**9]), "barycentric": np.eye(3)[:1]}, r"row 0 names the mesh's faces\[1000000000\]"),
        ({"faces": np.array([0, 0]), "barycentric": np.eye(3)[:1]}, "for 1 rows of barycentric"),
        ({"faces": np.zeros(0, np.int64), "barycentric": np.zeros((0, 3))}, "one or more"),
        ({"faces": np.array([0]), "barycentric": np.full((1, 3), np.nan)}, "NaN"),
    ],
)
def test_an_embedding_of_other_numbers_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], said: str) -> None:
    np.savez(tmp_path / "set.npz", **arrays)
    with pytest.raises(ValueError, match=f"^set.npz: .*{said}"):
        read_embedding(tmp_path / "set.npz", torch.tensor([[0, 1, 2], [0, 2, 3]]))
