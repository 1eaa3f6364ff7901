"""Landmarks as people give them: numbers and names, vertices and points, tables and files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from asm_teach import load_head
from asm_teach.data.landmark_files import ibug68_names
from asm_teach.geometry.mesh import Mesh
from asm_teach.new_head.given_landmarks import (
    FEWEST,
    HANDFUL,
    mark_points,
    points_of_file,
    read_marks,
    unread_beside,
)

HEAD = load_head("soma")
MESH = HEAD.mesh
POINTS = HEAD.landmarks.points(MESH.vertices.double(), MESH.faces)
VERTICES = HEAD.landmarks.nearest_vertices(MESH.faces)
SEVEN = (
    "right_eye_outer",
    "right_eye_inner",
    "left_eye_inner",
    "left_eye_outer",
    "nose_tip",
    "mouth_right",
    "mouth_left",
)


def handful() -> dict:
    return {name: POINTS[HANDFUL[name]].tolist() for name in SEVEN}


def known(points: torch.Tensor) -> list[int]:
    return points.isfinite().all(1).nonzero()[:, 0].tolist()


def test_a_handful_has_the_right_points() -> None:
    names = ibug68_names()
    expected = {"right_eye_outer": "right_eye_0", "left_eye_outer": "left_eye_3", "nose_tip": "nose_bridge_3",
                "chin": "jaw_8", "mouth_left": "outer_lip_6", "lip_bottom": "outer_lip_9"}  # fmt: skip
    assert {name: names[HANDFUL[name]] for name in expected} == expected
    assert len(SEVEN) == FEWEST


def test_numbers_names_vertices_and_points_mean_the_same() -> None:
    by_name = mark_points(MESH, handful())
    assert known(by_name) == sorted(HANDFUL[name] for name in SEVEN)
    by_number = mark_points(MESH, {HANDFUL[name]: POINTS[HANDFUL[name]] for name in SEVEN})
    by_text = mark_points(MESH, {str(HANDFUL[name]): np.array(place) for name, place in handful().items()})
    by_ibug = mark_points(MESH, {ibug68_names()[HANDFUL[name]]: tuple(place) for name, place in handful().items()})
    for other in (by_number, by_text, by_ibug):
        assert torch.equal(by_name.nan_to_num(), other.nan_to_num())
    at_vertices = mark_points(MESH, {name: int(VERTICES[HANDFUL[name]]) for name in SEVEN})
    assert torch.equal(at_vertices[36], MESH.vertices[VERTICES[36]].double())


def test_all_68() -> None:
    assert torch.equal(mark_points(MESH, HEAD.landmarks), POINTS)
    assert torch.equal(mark_points(MESH, VERTICES), MESH.vertices[VERTICES].double())
    unknown = POINTS.clone()
    unknown[:17] = float("nan")
    assert known(mark_points(MESH, unknown.float())) == list(range(17, 68))
    assert known(mark_points(MESH, unknown.numpy())) == list(range(17, 68))


def test_51_are_all_but_the_line_of_the_jaw() -> None:
    for given in (POINTS[17:], POINTS[17:].numpy(), HEAD.landmarks.subset(range(17, 68))):
        marks = mark_points(MESH, given)
        assert known(marks) == list(range(17, 68)) and torch.equal(marks[17:], POINTS[17:])
    assert torch.equal(mark_points(MESH, VERTICES[17:])[17:], MESH.vertices[VERTICES[17:]].double())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"9" * 5000: 3}, "there is no point called '999"),
        ({"chin": (10**400, 0, 0)}, "give a vertex, a whole number, or a point"),
        ({"ear": 3}, "there is no point called 'ear'; use 0 to 67, or right_eye_outer"),
        ({68: 3}, "there is no point 68; iBUG's 68 are numbered from 0 to 67"),
        ({-1: 3}, "there is no point -1"),
        ({8.0: 3}, "8.0 is neither a number nor a name"),
        ({True: 3}, "True is neither a number nor a name"),
        ({8: 99_999}, "8 is vertex 99999, but the mesh has 5274, from 0"),
        ({"chin": -1}, "'chin' is vertex -1"),
        ({"chin": "low"}, "'chin' is 'low': give a vertex, a whole number, or a point"),
        ({"chin": (1.0, 2.0)}, "give a vertex, a whole number, or a point"),
        ({"chin": True}, "give a vertex, a whole number, or a point"),
        ({"chin": (0.0, float("inf"), 0.0)}, "a point is infinite"),
        ({36: 5}, "'right_eye_outer' and 36 are the same point, number 36"),
    ],
)
def test_points_that_make_no_sense(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"landmarks: .*{message}"):
        mark_points(MESH, {**handful(), **change})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 2, 3], "landmarks is a list: give a mapping"),
        (torch.zeros(67, 3), "landmarks has 67 points: iBUG has 68"),
        (torch.zeros(68, 2), "landmarks has shape .68, 2. and type torch.float32: give 68 vertices"),
        (torch.zeros(68), "give 68 vertices, int64 .68,., or 68 points"),
        (HEAD.landmarks.subset(range(60)), "landmarks has 60 points"),
        (dict(list(handful().items())[:6]), "6 points are given, and 7 or more are needed"),
        ({k: (float(k), 2.0 * k, 0.0) for k in range(8)}, "all points lie on one line"),
    ],
)
def test_sets_that_do_not_suffice(given, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mark_points(MESH, given)


def test_files(tmp_path) -> None:
    expected = mark_points(MESH, handful()).nan_to_num()
    path = tmp_path / "head.json"
    path.write_text(json.dumps(handful()))
    assert torch.equal(mark_points(MESH, read_marks(path)).nan_to_num(), expected)
    path.write_text(json.dumps({"36": 5, **{name: int(VERTICES[HANDFUL[name]]) for name in SEVEN[1:]}}))
    assert torch.equal(mark_points(MESH, read_marks(path))[36], MESH.vertices[5].double())

    table = tmp_path / "head.txt"
    table.write_text("\n".join(str(int(v)) for v in VERTICES) + "\n")
    assert torch.equal(read_marks(table), VERTICES)
    rows = POINTS.clone()
    rows[3] = float("nan")
    table.write_text("\n".join(" ".join(map(repr, row)) for row in rows.tolist()))
    assert torch.equal(read_marks(table).nan_to_num(), rows.nan_to_num())

    menpo = tmp_path / "head.ljson"
    labels = [{"label": "all", "mask": list(range(68))}]
    menpo.write_text(json.dumps({"version": 2, "labels": labels, "landmarks": {"points": POINTS.tolist()}}))
    torch.testing.assert_close(read_marks(menpo), POINTS, rtol=0, atol=1e-12)


def as_pts(points: torch.Tensor) -> str:
    rows = "\n".join(" ".join(map(repr, row)) for row in points.tolist())
    return f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n"


def as_txt(points: torch.Tensor) -> str:
    return "\n".join(" ".join(map(repr, row)) for row in points.tolist())


def as_ljson(points: torch.Tensor) -> str:
    def group(rows: list) -> dict:
        return {"labels": [{"label": "all", "mask": list(range(len(rows)))}], "landmarks": {"points": rows}}

    return json.dumps({"version": 3, "groups": {"face": group(points.tolist()), "pupils": group([[0, 0, 0]] * 2)}})


def as_pp(points: torch.Tensor, names=None) -> str:
    rows = zip(points.tolist(), map(str, range(len(points))) if names is None else names, strict=True)
    inner = "".join(f'<point x="{x!r}" y="{y!r}" z="{z!r}" active="1" name="{name}"/>' for (x, y, z), name in rows)
    return f"<!DOCTYPE PickedPoints>\n<PickedPoints>{inner}</PickedPoints>"


@pytest.mark.parametrize("write", [as_pts, as_txt, as_ljson, as_pp])
@pytest.mark.parametrize("count", [68, 51])
def test_whole_sets_in_every_kind_of_file(tmp_path, write, count: int) -> None:
    """The digits are kept: a scan may lie millions of its units from the origin."""
    points = POINTS + torch.tensor([4.6e6, 0, -5e5], dtype=torch.float64)
    path = tmp_path / f"a.{write.__name__[3:]}".upper()
    path.write_text(write(points[68 - count :]))
    marks = points_of_file(MESH, path)
    assert known(marks) == list(range(68 - count, 68))
    torch.testing.assert_close(marks[68 - count :], points[68 - count :], rtol=0, atol=1e-9)


def test_arrays(tmp_path) -> None:
    path = tmp_path / "a.npy"
    for array, expected in (
        (POINTS.numpy(), POINTS),
        (POINTS[17:].float().numpy(), POINTS[17:].float().double()),
        (VERTICES.int().numpy(), VERTICES),
    ):
        np.save(path, array)
        assert torch.equal(read_marks(path), expected)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((68, 2)), r"found \(68, 2\) numbers: give 68 lines"),
        (np.zeros((67, 3)), r"found \(67, 3\) numbers"),
        (np.zeros((68, 3), np.int64), "give 68 vertices, int64 .68,., or 68 points, float"),
        (np.zeros(()), r"found \(\) numbers"),
        (np.zeros(68), "give 68 vertices, int64"),
        (np.full((68, 3), np.inf), "point 0 .from 0. holds inf"),
        (np.full((68, 3), "1"), "its array is of type <U1"),
        (np.array([{}]), "not a whole .npy file of a plain array .*object"),
    ],
)
def test_arrays_that_are_no_landmarks(tmp_path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=f"a.npy: .*{message}"):
        points_of_file(MESH, tmp_path / "a.npy")


def test_51_vertices_by_number(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(map(str, VERTICES[17:].tolist())))
    assert torch.equal(read_marks(tmp_path / "a.txt"), VERTICES[17:])


def test_a_group_can_be_named(tmp_path) -> None:
    path = tmp_path / "a.ljson"
    path.write_text(as_ljson(POINTS))
    with pytest.raises(ValueError, match=r"a.ljson: found \(2, 3\) numbers"):
        read_marks(path, "pupils")
    assert torch.equal(read_marks(path, "face"), POINTS)


def test_points_picked_by_name_or_number(tmp_path) -> None:
    path = tmp_path / "a.pp"
    numbers = [HANDFUL[name] for name in SEVEN]
    expected = mark_points(MESH, handful()).nan_to_num()
    for names in (SEVEN, numbers, [ibug68_names()[n] for n in numbers]):
        path.write_text(as_pp(POINTS[numbers], names))
        assert torch.equal(points_of_file(MESH, path).nan_to_num(), expected)
    unset = as_pp(POINTS[[*numbers, 8]], [*SEVEN, "chin"]).replace('active="1" name="chin"', 'active="0" name="chin"')
    path.write_text(unset)
    assert torch.equal(points_of_file(MESH, path).nan_to_num(), expected)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (range(7), "7 points, and they are numbered as they were clicked: which points of a face they are is not said"),
        (range(1, 8), "they are numbered as they were clicked"),
        ([*SEVEN[:6], "ear"], "among their names is 'ear': which points of a face they are is not said; name them"),
        ([*SEVEN[:6], ""], "among their names is ''"),
        ([*SEVEN[:6], SEVEN[0]], "two of its points are called 'right_eye_outer'; keep one"),
    ],
)
def test_picked_points_that_do_not_say_which_they_are(tmp_path, names, message: str) -> None:
    """MeshLab calls points 0, 1, 2, ... as they are clicked; by iBUG's numbers they would be the jaw."""
    (tmp_path / "a.pp").write_text(as_pp(POINTS[[HANDFUL[name] for name in SEVEN]], names))
    with pytest.raises(ValueError, match=f"a.pp: .*{message}"):
        read_marks(tmp_path / "a.pp")


def test_what_is_wrong_on_the_mesh_names_the_file_too(tmp_path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({**handful(), "chin": 10**9}))
    with pytest.raises(ValueError, match="a.json: landmarks: 'chin' is vertex 1000000000, but the mesh has 5274"):
        points_of_file(MESH, tmp_path / "a.json")


def test_files_beside_a_scan_that_may_hold_landmarks_are_named(tmp_path) -> None:
    for name in ("face.ply", "face.pp", "face_picked_points.pp", "face.BND", "face.npz", "face.mtl", "other.pp"):
        (tmp_path / name).touch()
    assert unread_beside(tmp_path / "face.ply") == [
        "face.pp may hold landmarks of face.ply, and was not read: --landmarks face.pp uses it",
        "face_picked_points.pp may hold landmarks of face.ply, and was not read: --landmarks face_picked_points.pp "
        "uses it",
        "face.BND may hold landmarks of face.ply, and was not read: files that can be read are .json, .ljson, .txt, "
        ".pts, .pp, .npy",
    ]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "", "the ending '.csv' is not one of .json, .ljson, .txt"),
        ("a.json", "{", "this is no JSON, or it is cut off"),
        ("a.json", '{"36": [1' + 400 * "0" + ", 0, 0]}", "this JSON cannot be read .the number 1000.* is too large"),
        ("a.json", '{"36": [Infinity, 0, 0]}', "this JSON cannot be read .Infinity"),
        ("a.json", 50_000 * "[", "this JSON cannot be read .it is nested too deeply"),
        ("a.json", "[1, 2]", "holds a list; an object from name to place is needed"),
        ("a.txt", "1\n2\n", r"found \(2, 1\) numbers: give 68 lines"),
        ("a.txt", "one\n", "not rows of numbers"),
        ("a.txt", "1 2 3\n4 5\n", r"2 points of \[2, 3\] numbers"),
        ("a.txt", "1.5\n" * 68, "one number a line is a vertex, a whole number from 0"),
        ("a.txt", "nan\n" * 68, "one number a line is a vertex"),
        ("a.txt", "1e300\n" * 68, "one number a line is a vertex"),
        ("a.txt", "inf 0 0\n" * 68, ".*holds inf: infinite"),
        ("a.json", '{"36": [1' + "0" * 400 + ", 0, 0]}", ".*is too large"),
        ("a.json", '{"36": [1e300, 0, 0]}', "'36': point 0 .from 0. holds 1e[+]300"),
        ("a.json", '{"36": [1, [], 0]}', "'36': point 0 .from 0. holds '\\[\\]', which is no number"),
        ("a.json", "[" * 50_000, ".*nested too deeply"),
        ("a.pts", "n_points: 1\n{\n1 2\n}\n", r"found \(1, 2\) numbers: give 68 lines"),
        ("a.ljson", json.dumps({"version": 2, "landmarks": {"points": [[0, 0, 0]] * 9}}), r"found \(9, 3\) numbers"),
        ("a.txt", "", r"found \(0,\) numbers"),
    ],
)
def test_files_of_another_kind(tmp_path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=f"{name}: {message}"):
        read_marks(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_marks(tmp_path / "none.json")


def test_points_are_those_of_the_whole_mesh_whatever_its_type() -> None:
    double = Mesh(MESH.vertices.double(), MESH.faces)
    assert torch.equal(mark_points(double, VERTICES), mark_points(MESH, VERTICES))
