"""Landmarks read from the files of others, and put into iBUG's order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from asm_teach.data.assets import AssetUnavailable, asset_path
from asm_teach.data.landmark_files import (
    LabelledPoints,
    ibug68,
    ibug68_names,
    read_ljson,
    read_pts,
    read_tem,
    require_ibug68,
    with_jaw,
)


def original(asset: str, file: str) -> Path:
    try:
        return asset_path(asset, file, progress=False)
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")


def ljson(folder: Path, content, name: str = "points.ljson") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def group(points, **labels):
    return {
        "landmarks": {"points": points, "connectivity": []},
        "labels": [{"label": label, "mask": mask} for label, mask in labels.items()],
    }


def test_ljson_versions(tmp_path) -> None:
    body = group([[1, 2, 3], [4, None, 6], [7, 8, 9]], nose=[0, 2], lost=[False, True, False])
    two = {"version": 2, **body}
    three = {"version": 3, "groups": {"only": body}}
    for content in (two, three):
        points, labels = read_ljson(ljson(tmp_path, content))
        assert points.shape == (3, 3) and points[2].tolist() == [7, 8, 9]
        assert points[1].isnan().tolist() == [False, True, False]
        assert {label: indices.tolist() for label, indices in labels.items()} == {"nose": [0, 2], "lost": [1]}


def test_ljson_points_of_a_picture_are_x_y(tmp_path) -> None:
    """menpo stores the row before the column."""
    points, _ = read_ljson(ljson(tmp_path, {"version": 2, **group([[10, 20], [30, 40]])}))
    assert points.tolist() == [[20, 10], [40, 30]]


def test_ljson_of_version_1_has_its_points_by_label(tmp_path) -> None:
    pieces = [
        {"label": "chin", "landmarks": [{"point": [1, 2]}, {"point": [None, None]}], "connectivity": [[0, 1]]},
        {"label": "nose", "landmarks": [{"point": [5, 6]}]},
    ]
    points, labels = read_ljson(ljson(tmp_path, {"version": 1, "groups": pieces}))
    assert points[[0, 2]].tolist() == [[2, 1], [6, 5]] and points[1].isnan().all()
    assert {label: indices.tolist() for label, indices in labels.items()} == {"chin": [0, 1], "nose": [2]}


def several(**counts: int) -> dict:
    """A file with groups of so many points each; the points of a group tell it by their first number."""
    groups = {name: group([[n, i, 0] for i in range(c)]) for n, (name, c) in enumerate(counts.items())}
    return {"version": 3, "groups": groups}


@pytest.mark.parametrize("count", [68, 51, 468, 478])
def test_the_one_group_of_a_known_number_of_points_is_taken(tmp_path, count: int) -> None:
    path = ljson(tmp_path, several(pupils=2, face=count, ears=20))
    points = read_ljson(path).points
    assert points.shape == (count, 3) and points[:, 0].unique().tolist() == [1]
    assert len(read_ljson(path, "ears").points) == 20  # unless another is named
    assert len(read_ljson(path, counts=(2,)).points) == 2


@pytest.mark.parametrize(
    ("counts", "named", "message"),
    [
        ({"a": 1, "b": 1}, None, r"its groups are \['a', 'b'\]: give a file with one group.*none has 68, 51, 468, 478"),
        ({"a": 68, "b": 51}, None, "--landmark-group.*'a' of 68, 'b' of 51, several may be meant"),
        ({"a": 68, "b": 2}, "c", "there is no group 'c' in it; its groups of points are 'a' of 68, 'b' of 2"),
        ({}, None, "found none"),
    ],
)
def test_a_group_that_is_not_clear_is_asked_for(tmp_path, counts: dict, named: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=f"points.ljson: .*{message}"):
        read_ljson(ljson(tmp_path, several(**counts)), named)


def test_a_file_of_one_group_is_taken_whatever_its_number(tmp_path) -> None:
    assert len(read_ljson(ljson(tmp_path, several(only=7))).points) == 7


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "no landmark file, or it is cut off"),
        (json.dumps({"version": 2, **group([[1, 2, 3]])})[:-30], "cut off"),
        ({"version": 4, "groups": []}, "version 4 was found; versions 1, 2 and 3 can be read"),
        ({"points": []}, "not a landmark file"),
        ([1, 2], "not a landmark file"),
        ({"version": 2, **group([[1, 2, 3], [1, 2]])}, r"2 points of \[2, 3\] numbers"),
        ({"version": 2, **group([])}, "0 points"),
        ({"version": 2, **group([[1, 2, 3]], nose=[1e9])}, "label 'nose': its mask holds"),
        ({"version": 2, **group([[1, 2, 3]], nose=["0"])}, "label 'nose': its mask holds"),
        ({"version": 2, **group([["1", 2, 3]])}, "point 0 .from 0. holds '1', which is no number"),
        ({"version": 2, **group([[1, True, 3]])}, "holds 'True', which is no number"),
        ({"version": 2, **group([[1, 1e39, 3]])}, "holds 1e[+]39: infinite, or too large"),
        ({"version": 2, **group([[1, float("inf"), 3]])}, "Infinity stands in it"),
        ({"version": 2, **group([[10**400, 2, 3]])}, "is too large"),
        ({"version": 2, **group([[1, 2, 3]], nose=[float("inf")])}, "Infinity stands in it"),
        ("[" * 50_000, "nested too deeply"),
        ({"version": 3, "groups": [1]}, "not a landmark file"),
        ({"version": 3, "groups": {"a": {"landmarks": {"points": 5}}}}, "not a landmark file"),
        ({"version": 2, **group([[1, 2, 3]], nose=[0, 5])}, r"label 'nose': row 1 names the points\[5\]"),
    ],
)
def test_broken_ljson_says_what_is_wrong(tmp_path, content, message) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_ljson(ljson(tmp_path, content))
    assert str(caught.value).startswith("points.ljson: ")


def test_tem(tmp_path) -> None:
    path = ljson(tmp_path, "3\n1\t2\n3.5 4\n\n5 -6\n1\n0\n2\n0 1\n", "face.tem")
    assert read_tem(path).tolist() == [[1, 2], [3.5, 4], [5, -6]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begins with the number of its points"),
        ("<html>", "begins with the number of its points"),
        ("3\n1 2\n3 4\n", "3 points are announced and 2 found: it is cut off"),
        ("3\n1 2\n3 4\n5\n", "point 3 of 3 is '5', not two numbers"),
        ("2\n1 2\nthree 4\n", "point 2 of 2 is 'three 4'"),
        ("0\n", "0 points"),
    ],
)
def test_broken_tem_says_what_is_wrong(tmp_path, text, message) -> None:
    with pytest.raises(ValueError, match=message):
        read_tem(ljson(tmp_path, text, "face.tem"))


# iBUG's .pts


def pts(folder: Path, rows, head: str = "version: 1\nn_points: {n}\n{{\n", tail: str = "}\n", name="a.pts") -> Path:
    path = folder / name
    lines = "".join(" ".join(map(str, row)) + "\n" for row in rows)
    path.write_bytes((head.format(n=len(rows)) + lines + tail).encode())
    return path


ROWS = [[1.5, 2], [3, 4.25], [-5, 6]]


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("version: 1\nn_points: {n}\n{{\n", "}\n"),
        ("version: 1\r\nn_points:  {n}\r\n{{\r\n", "}"),
        ("version: 1\rn_points: {n}\r{{\r", "}\r"),
        ("n_points:{n}\n\n{{\n\n", "\n}\n\n"),
        ("\ufeffversion: 1\n\nn_points: {n} {{\n", "}\n"),
    ],
)
def test_pts_with_every_kind_of_line(tmp_path, head: str, tail: str) -> None:
    assert read_pts(pts(tmp_path, ROWS, head, tail)).tolist() == ROWS


def test_pts_of_three_numbers_and_of_points_that_are_not_known(tmp_path) -> None:
    assert read_pts(pts(tmp_path, [[1, 2, 3], [4, 5, 6]])).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert read_pts(pts(tmp_path, [[1, 2], ["nan", "nan"]])).isnan().tolist() == [[False, False], [True, True]]


@pytest.mark.parametrize(
    ("head", "tail", "message"),
    [
        ("version: 1\nn_points: 4\n{{\n", "}\n", "4 points are announced and 3 found: it is cut off or was changed"),
        ("version: 1\nn_points: 2\n{{\n", "}\n", "2 points are announced and 3 found"),
        ("version: 1\nn_points: {n}\n{{\n", "", "3 points are announced and 3 found, and no closing brace"),
        ("version: 1\nn_points: " + "9" * 30 + "\n{{\n", "}\n", "this is another file"),
        ("version: 1\n{{\n", "}\n", "has n_points: N, then N points between braces; this is another file"),
        ("", "", "this is another file"),
        ("n_points: {n}\n{{\nx y\n", "}\n", "3 points are announced and 4 found"),
        ("n_points: 4\n{{\nx y\n", "}\n", "point 1 of 4 is 'x y', not two numbers"),
        ("n_points: 4\n{{\n1 2 3\n", "}\n", r"4 points of \[2, 3\] numbers"),
        ("n_points: 4\n{{\ninf 1\n", "}\n", "point 0 .from 0. holds inf: infinite"),
        ("n_points: 4\n{{\n1e300 1\n", "}\n", "holds 1e[+]300: infinite, or too large"),
    ],
)
def test_broken_pts_says_what_is_wrong(tmp_path, head: str, tail: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"a.pts: .*{message}"):
        read_pts(pts(tmp_path, ROWS, head, tail))


def test_a_set_of_51_is_the_68_without_the_jaw() -> None:
    face = face68()
    whole = with_jaw(face[17:])
    assert whole[:17].isnan().all() and torch.equal(whole[17:], face[17:])
    assert with_jaw(face) is face


# The order of the 68 points


def face68() -> torch.Tensor:
    """A drawn face in iBUG's order: x to the person's left, so the first points have negative x."""
    turn = torch.linspace(0, 1, 17) * torch.pi
    jaw = torch.stack([-70 * turn.cos(), -100 * turn.sin(), torch.zeros(17)], -1)
    brow = torch.stack([torch.linspace(-15, 15, 5), torch.full((5,), 50.0), torch.full((5,), 20.0)], -1)
    bridge = torch.stack([torch.zeros(4), torch.linspace(30, 0, 4), torch.linspace(20, 45, 4)], -1)
    base = torch.stack([torch.linspace(-12, 12, 5), torch.full((5,), -10.0), torch.full((5,), 30.0)], -1)

    def ring(count: int, wide: float, high: float) -> torch.Tensor:
        turn = torch.arange(count) / count * 2 * torch.pi
        return torch.stack([-wide * turn.cos(), high * turn.sin(), torch.full((count,), 25.0)], -1)

    def at(points: torch.Tensor, x: float, y: float) -> torch.Tensor:
        return points + torch.tensor([x, y, 0.0])

    eyes = [at(ring(6, 14, 5), -32, 30), at(ring(6, 14, 5), 32, 30)]
    mouth = [at(ring(12, 25, 10), 0, -45), at(ring(8, 18, 5), 0, -45)]
    return torch.cat([jaw, at(brow, -32, 0), at(brow, 32, 0), bridge, base, *eyes, *mouth])


def test_a_drawn_face_is_in_order_and_others_are_not() -> None:
    face = face68()
    require_ibug68(face)
    with pytest.raises(ValueError, match="the jaw runs from the person's right to the left"):
        require_ibug68(face * torch.tensor([-1.0, 1, 1]))
    with pytest.raises(ValueError, match="not true that"):
        require_ibug68(face * torch.tensor([1.0, -1, 1]))
    eyes_swapped = face.clone()
    eyes_swapped[36:48] = face[[*range(42, 48), *range(36, 42)]]
    with pytest.raises(ValueError, match="brow and eye lie on"):
        require_ibug68(eyes_swapped)
    with pytest.raises(ValueError, match="points has 67 rows"):
        require_ibug68(face[1:])


def test_there_are_68_different_names() -> None:
    names = ibug68_names()
    assert len(set(names)) == 68
    assert [names[i] for i in (0, 16, 17, 26, 30, 36, 45, 48, 60)] == [
        "jaw_0", "jaw_16", "right_brow_0", "left_brow_4", "nose_bridge_3", "right_eye_0", "left_eye_3",
        "outer_lip_0", "inner_lip_0",
    ]  # fmt: skip


def test_labels_are_put_in_order() -> None:
    face = face68()
    order = [*range(17), *range(36, 48), *range(17, 22), *range(27, 36), *range(22, 27), *range(48, 68)]
    counts = {"chin": 17, "leye": 6, "reye": 6, "leyebrow": 5, "nose": 9, "reyebrow": 5, "mouth": 20}
    starts = torch.tensor([0, *counts.values()]).cumsum(0).tolist()
    labels = {n: torch.arange(a, a + c) for (n, c), a in zip(counts.items(), starts, strict=False)}
    assert torch.equal(ibug68(LabelledPoints(face[order], labels)), face)
    with pytest.raises(ValueError, match="labels and counts"):
        ibug68(LabelledPoints(face, {"chin": torch.arange(17)}))


def test_james_in_order() -> None:
    labelled = read_ljson(original("james", "james.ljson"))
    assert labelled.points.shape == (68, 3)
    points = ibug68(labelled)
    assert sorted(points.tolist()) == sorted(labelled.points.tolist())  # each point once
    x, y, _ = points.unbind(-1)
    assert y[36:48].min() > y[48:68].max()  # eyes above the mouth
    assert x[:17].min() == x.min() and x[:17].max() == x.max()  # the jaw is outermost
    # Points that mirror each other have their middle on one plane. The head is a little turned and leans, so the
    # middles spread by 3 mm and lie up to 12 mm beside the tip of the nose.
    pairs = [(36, 45), (39, 42), (37, 44), (38, 43), (17, 26), (21, 22), (48, 54), (60, 64), (31, 35)]
    middle = torch.stack([(x[a] + x[b]) / 2 for a, b in pairs])
    assert middle.std() < 3 and (middle - x[30]).abs().max() < 12
    # upper lids lie above lower lids, the upper lip above the lower one
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46), (51, 57), (50, 58), (52, 56)):
        assert y[upper] > y[lower]


@pytest.mark.parametrize(
    ("asset", "file", "count"),
    [("lisa", "lisa1.tem", 106), ("zoom", "15cm.tem", 83), ("london", "001_03.tem", 189)],
)
def test_original_templates(asset, file, count) -> None:
    assert read_tem(original(asset, file)).shape == (count, 2)
