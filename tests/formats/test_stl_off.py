"""STL in both forms, also where the first word lies, and OFF with whatever stands behind its numbers."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from asm_teach.geometry.mesh import read_mesh

CORNERS = np.array([[[0, 0, 0], [1, 0, 0], [1, 1, 0]], [[0, 0, -0.0], [1, 1, 0], [0, 1, 0]]], "<f4")
VERTICES = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
FACES = [[0, 1, 2], [0, 2, 3]]


def write(folder: Path, content: str | bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def binary(corners: np.ndarray, head: bytes = b"") -> bytes:
    rows = np.zeros(len(corners), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows["corners"], rows["attribute"] = corners, 0x8FFF
    return head.ljust(80) + struct.pack("<I", len(corners)) + rows.tobytes()


def text(corners: np.ndarray, end: str = "\n") -> str:
    lines = ["solid a face of Ann"]
    for triangle in corners.tolist():
        lines += ["facet normal 0 0 1", "outer loop", *("vertex {!r} {!r} {!r}".format(*p) for p in triangle)]
        lines += ["endloop", "endfacet"]
    return end.join([*lines, "endsolid a face of Ann", ""])


@pytest.mark.parametrize(
    "content",
    [binary(CORNERS), binary(CORNERS, b"solid of a program that does not know"), binary(CORNERS, b"solid facet normal"),
     text(CORNERS), text(CORNERS, "\r\n"), text(CORNERS, "\r"), text(CORNERS).upper(), " \n" + text(CORNERS),
     text(CORNERS[:1]) + text(CORNERS[1:])],
)  # fmt: skip
def test_stl_gets_one_vertex_for_equal_corners(tmp_path: Path, content: str | bytes) -> None:
    mesh = read_mesh(write(tmp_path, content, "a.stl"))
    assert mesh.vertices.tolist() == VERTICES and mesh.faces.tolist() == FACES and mesh.notes == ()


def test_corners_that_differ_in_the_last_bit_stay_apart(tmp_path: Path) -> None:
    corners = CORNERS.copy()
    corners[1, 1, 0] = np.nextafter(np.float32(1), np.float32(2))
    for content in (binary(corners), text(corners.astype(float))):
        assert len(read_mesh(write(tmp_path, content, "a.stl")).vertices) == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (binary(CORNERS)[:-1], "183 bytes, but a binary STL file of the 2 triangles that it promises has 184.*cut off"),
        (binary(CORNERS) + b"1", "185 bytes"),
        (binary(CORNERS)[:60], "60 bytes"),
        (binary(CORNERS[:0]), "no triangles"),
        (text(CORNERS)[:-30], "2 triangles with 6 corners.*cut off"),
        (text(CORNERS).replace("endfacet", "", 1), "1 of them end"),
        (text(CORNERS).replace("vertex 1.0 1.0 0.0", "", 1), "with 5 corners"),
        (text(CORNERS).replace("1.0 1.0 0.0", "1.0 one 0.0", 1), "a corner of it is no number"),
        (text(CORNERS).replace("1.0 1.0 0.0", "1.0 nan 0.0"), "NaN"),
        ("solid nothing\nendsolid nothing\n", "31 bytes"),
    ],
)
def test_a_broken_stl_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_mesh(write(tmp_path, content, "a.stl"))
    assert str(caught.value).startswith("a.stl: ")


OFF = "4 2 5\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2\n3 0 2 3\n"


@pytest.mark.parametrize(
    "content",
    [
        "OFF\n" + OFF,
        "OFF " + OFF,
        OFF,
        "OFF\r\n# from a program\r\n\r\n" + OFF.replace("\n", " # and a comment\r\n"),
        "OFF\r" + OFF.replace("\n", "\r"),
        "COFF\n" + OFF.replace("0\n", "0 255 128 0 255\n").replace("0 2 3\n", "0 2 3 0.5 0.5 0.5\n"),
        "NOFF\n" + OFF.replace("0\n", "0 0 0 1\n"),
        "CNOFF\n" + OFF.replace("0\n", "0 0 0 1 0.1 0.2 0.3\n"),
        "STOFF\n" + OFF.replace("0\n", "0 0.5 0.5\n"),
    ],
)
def test_off_of_every_kind(tmp_path: Path, content: str) -> None:
    mesh = read_mesh(write(tmp_path, content, "a.off"))
    assert mesh.vertices.tolist() == VERTICES and mesh.faces.tolist() == FACES and mesh.notes == ()


def test_polygons_of_off_are_cut_and_short_ones_left_out(tmp_path: Path) -> None:
    mesh = read_mesh(write(tmp_path, "OFF\n" + OFF.replace("3 0 1 2\n3 0 2 3", "4 0 1 2 3\n2 0 1"), "a.off"))
    assert mesh.faces.tolist() == FACES and mesh.quads.tolist() == [[0, 1, 2, 3]]
    assert mesh.notes == ("a.off: left out 1 face of fewer than three corners.",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("OFF BINARY\n" + OFF, "a binary OFF file, which is not read: export it as text"),
        ("4OFF\n" + OFF, "another number of dimensions"),
        ("nOFF\n3\n" + OFF, "another number of dimensions"),
        ("OFF\n" + OFF[:-8], "promises 4 vertices and 2 faces, one a line, and has 5 lines.*cut off"),
        ("OFF\n" + OFF[:-2], "the line '3 0 2' is no face"),
        ("OFF\n" + OFF + "3 0 1 2\n", "1 lines are left"),
        ("OFF\n" + OFF.replace("4 2 5", "99999999999 2 5"), "promises 99999999999"),
        ("OFF\n" + OFF.replace("4 2 5", "-4 2 5"), "promises -4"),
        ("OFF\n" + OFF.replace("4 2 5", "four"), "numbers of its vertices and faces"),
        ("OFF\n" + OFF.replace("1 1 0", "1 one 0"), "not three numbers"),
        ("OFF\n" + OFF.replace("1 1 0", "1 1"), "not three numbers"),
        ("OFF\n" + OFF.replace("3 0 2 3", "3 0 2 x"), "no number of a vertex"),
        ("OFF\n" + OFF.replace("3 0 2 3", "3 0 2 99999999999999999999"), "no number of a vertex"),
        ("OFF\n" + OFF.replace("3 0 2 3", "3 0 2 4"), "faces: row 1 names vertices"),
        ("OFF\n4 0 0\n" + OFF[6:30], "no faces in it"),
        ("OFF\n", "numbers of its vertices"),
        (b"OFF\n\0\1\2", "numbers of its vertices"),
    ],
)
def test_a_broken_off_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_mesh(write(tmp_path, content, "a.off"))
    assert str(caught.value).startswith("a.off: ")


@pytest.mark.parametrize("kind", ["stl", "stl_ascii", "off"])
def test_they_agree_with_trimesh(tmp_path: Path, kind: str) -> None:
    ball = trimesh.creation.icosphere(3)
    path = tmp_path / f"ball.{kind[:3]}"
    ball.export(path, file_type=kind)
    mesh = read_mesh(path)
    foreign = trimesh.load_mesh(path, process=False)
    expected = torch.tensor(foreign.vertices[foreign.faces], dtype=torch.float32)
    assert torch.equal(mesh.vertices[mesh.faces], expected)
    assert len(mesh.vertices) == len(ball.vertices) and len(mesh.faces) == len(ball.faces)
