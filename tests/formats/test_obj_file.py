"""OBJ files as programs write them: one broken element among good ones is left out and said, never silently."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asm_teach.formats.pictures import picture_bytes
from asm_teach.geometry.mesh import read_mesh

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
GOOD = SQUARE + "f 1 2 3\nf 1 3 4\n"
FACES = [[0, 1, 2], [0, 2, 3]]


def write(folder: Path, text: str | bytes, name: str = "mesh.obj") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("line", ["f 1 2", "f 3", "f", "f 1/1 2/2", "f -1 -2"])
def test_faces_of_fewer_than_three_corners_are_left_out_and_said(tmp_path: Path, line: str) -> None:
    mesh = read_mesh(write(tmp_path, GOOD.replace("f 1 3 4", f"{line}\nf 1 3 4")))
    assert mesh.faces.tolist() == FACES
    assert mesh.notes == ("mesh.obj: left out 1 face of fewer than three corners.",)
    assert len(read_mesh(write(tmp_path, GOOD + f"{line}\n")).notes) == 1
    with pytest.raises(ValueError, match="at least three corners.*cut off"):
        read_mesh(write(tmp_path, GOOD + line))  # without an end of line it may be half of a face


@pytest.mark.parametrize(
    "values", ["nan nan nan", "1 zero 0", "-1.#IND 0 0", "1 2", "", "inf 0 0", "1,5 0 0", "1e999 0 0"]
)
@pytest.mark.parametrize("first", [True, False])
def test_a_broken_vertex_that_nothing_uses_is_left_out_and_said(tmp_path: Path, values: str, first: bool) -> None:
    text = f"v {values}\n" + SQUARE + "f 2 3 4\nf 2 4 5\n" if first else SQUARE + f"v {values}\nf 1 2 3\nf 1 3 4\n"
    mesh = read_mesh(write(tmp_path, text))
    assert torch.equal(mesh.faces, torch.tensor(FACES) + first)  # the numbers of the others stay
    assert mesh.vertices.isfinite().all() and len(mesh.vertices) == 5
    assert mesh.vertices[mesh.faces[1]].tolist() == [[0, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert len(mesh.notes) == 1 and mesh.notes[0].startswith("mesh.obj: left out 1 vertex with NaN")


@pytest.mark.parametrize("values", ["1 zero 0", "1 2"])
def test_a_broken_vertex_that_is_used_is_named_with_its_line(tmp_path: Path, values: str) -> None:
    with pytest.raises(ValueError, match=f"mesh.obj: line 2 is 'v {values}', but 3 numbers are needed"):
        read_mesh(write(tmp_path, GOOD.replace("v 1 0 0", f"v {values}")))


def test_few_triangles_with_a_broken_vertex_are_left_out_of_parts_and_quads_too(tmp_path: Path) -> None:
    good = "".join(f"v {k} 0 0\nv {k} 1 0\nv {k} 1 1\nv {k} 0 1\nf -4 -3 -2 -1\n" for k in range(150))
    text = "g many\n" + good + "v 0 0 x\nv 0 1 0\nv 0 1 1\nv 0 0 1\ng both\nf -4 -3 -2 -1\nf 1 2 3\n"
    mesh = read_mesh(write(tmp_path, text))
    assert len(mesh.faces) == 301 and len(mesh.quads) == 150
    assert torch.equal(mesh.parts["many"], torch.arange(300)) and mesh.parts["both"].tolist() == [300]
    assert "2 triangles that used them" in mesh.notes[0]


@pytest.mark.parametrize(
    "number", ["100000000000000000000", "-100000000000000000000", "9223372036854775808", "5", "-5"]
)
@pytest.mark.parametrize("corner", ["{}", "1/{}"])
def test_a_number_of_no_vertex_is_refused_with_its_line(tmp_path: Path, number: str, corner: str) -> None:
    head, line = (SQUARE, 5) if corner == "{}" else (SQUARE + "vt 0 0\n" * 4, 9)
    corners = " ".join(["2", "3", corner.format(number)] if corner == "{}" else ["2/2", "3/3", corner.format(number)])
    with pytest.raises(ValueError, match=f"mesh.obj: line {line} is 'f {corners}', but it names"):
        read_mesh(write(tmp_path, head + f"f {corners}\n"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(tmp_path: Path, end: str) -> None:
    assert read_mesh(write(tmp_path, GOOD.replace("\n", end))).faces.tolist() == FACES


def test_a_backslash_joins_lines_and_messages_count_all_of_them(tmp_path: Path) -> None:
    text = "v 0 0 \\\n0\nv 1 0 0\nv 1 1 \\  \n\\\n0\nv 0 1 0\nf 1 \\\n2 3\nf 1 3 4\n"
    mesh = read_mesh(write(tmp_path, text))
    assert mesh.faces.tolist() == FACES and mesh.vertices[2].tolist() == [1, 1, 0]
    with pytest.raises(ValueError, match="line 10 is 'f 1 3 9'"):
        read_mesh(write(tmp_path, text.replace("f 1 3 4", "f 1 3 9")))


def test_comments_behind_numbers_and_signs_in_names(tmp_path: Path) -> None:
    text = SQUARE.replace("0\n", "0 # a corner\n").replace("# a", "#a") + "g nose#1\nf 1 2 3 # one\nf 1 3 4#two\n"
    mesh = read_mesh(write(tmp_path, text))
    assert mesh.faces.tolist() == FACES and list(mesh.parts) == ["nose#1"]


def test_colours_of_vertices_are_passed_over(tmp_path: Path) -> None:
    mesh = read_mesh(write(tmp_path, GOOD.replace(" 0\n", " 0 0.5 0.25 1.0\n", 4)))
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]


def test_uv_that_are_named_and_not_there_are_left_out_and_said(tmp_path: Path) -> None:
    mesh = read_mesh(write(tmp_path, SQUARE + "f 1/1/1 2/2/2 3/3/3\nf 1/-1 3/-1 4/-1\n"))
    assert mesh.faces.tolist() == FACES and mesh.uv is None
    assert mesh.notes == ("mesh.obj: left out the UV: its faces name some, and there are none.",)


def test_uv_that_are_no_numbers_are_left_out_and_said(tmp_path: Path) -> None:
    mesh = read_mesh(write(tmp_path, SQUARE + "vt 0 0\nvt nan 1\nf 1/1 2/2 3/1\n"))
    assert mesh.uv is None
    assert mesh.notes == ("mesh.obj: left out the UV: 1 of its 2 rows hold NaN or infinite numbers.",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_names_in_any_encoding_keep_apart(tmp_path: Path, encoding: str) -> None:
    text = SQUARE + "g Ohr_ä\nf 1 2 3\ng Ohr_é\nf 1 3 4\n"
    mesh = read_mesh(write(tmp_path, text.encode(encoding)))
    assert {name: rows.tolist() for name, rows in mesh.parts.items()} == {"Ohr_ä": [0], "Ohr_é": [1]}


def test_a_texture_or_a_library_of_a_name_that_no_file_has(tmp_path: Path) -> None:
    long = "x" * 5000
    write(tmp_path, f"newmtl skin\nmap_Kd {long}.png\n", "look.mtl")
    mesh = read_mesh(write(tmp_path, f"mtllib {long}\nmtllib look.mtl\nusemtl skin\n{GOOD}"))
    assert mesh.texture is None and mesh.faces.tolist() == FACES


def test_a_texture_with_a_path_of_another_computer_or_broken(tmp_path: Path) -> None:
    write(tmp_path, "newmtl skin\nmap_Kd D:\\scans of ann\\skin.png\n", "look.mtl")
    path = write(tmp_path, "mtllib look.mtl\nusemtl skin\n" + GOOD)
    assert read_mesh(path).texture is None and read_mesh(path).notes == ()
    (tmp_path / "skin.png").write_bytes(picture_bytes(torch.ones(2, 3, 3)))
    assert read_mesh(path).texture.shape == (2, 3, 3)
    (tmp_path / "skin.png").write_bytes(b"no picture")
    mesh = read_mesh(path)
    assert mesh.texture is None and mesh.notes[0].startswith("mesh.obj: left out the texture: skin.png: ")


NAMES = st.lists(st.sampled_from(["nose", "lip", "chin"]), max_size=3)


@given(st.lists(st.tuples(st.sampled_from("go"), NAMES, st.lists(st.integers(3, 5), max_size=3)), max_size=8))
def test_parts_are_those_of_the_definition(tmp_path_factory, blocks: list[tuple[str, list[str], list[int]]]) -> None:
    """Slowly: every triangle of a polygon belongs to the names that count when it is read."""
    text, current, triangles = SQUARE + "v 2 2 0\n", {"g": [], "o": []}, []
    for kind, names, polygons in blocks:
        text += f"{kind} {' '.join(names)}\n"
        current[kind] = names if kind == "g" else [" ".join(names)] if names else []
        for sides in polygons:
            text += "f " + " ".join(str(k + 1) for k in range(sides)) + "\n"
            triangles += [dict(current)] * (sides - 2)
    text += "g\no\nf 1 2 3\n"
    expected: dict[str, list[int]] = {}
    for kind in "og":
        found: dict[str, list[int]] = {}
        for k, names in enumerate(triangles):
            for name in dict.fromkeys(names[kind]):
                found.setdefault(name, []).append(k)
        expected = found or expected
    mesh = read_mesh(write(tmp_path_factory.mktemp("any"), text))
    assert {name: rows.tolist() for name, rows in mesh.parts.items()} == expected
    assert list(mesh.parts) == sorted(expected)


@pytest.mark.timing
def test_time_grows_with_the_file_and_not_with_its_objects_squared(tmp_path: Path) -> None:
    def seconds(count: int) -> float:
        blocks = (f"g thing{k}\n{SQUARE}f -4 -3 -2\nf -4 -2 -1\n" for k in range(count))
        path = write(tmp_path, "".join(blocks))
        start = time.process_time()
        assert len(read_mesh(path).parts) == count
        return time.process_time() - start

    seconds(100)
    assert min(seconds(4000) for _ in range(2)) < 25 * min(seconds(400) for _ in range(3))  # squared: a hundred
