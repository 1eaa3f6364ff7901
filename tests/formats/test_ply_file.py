"""PLY files of every kind that is valid are read, and no count of a header is believed before the data meet it."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given
from hypothesis import strategies as st

from asm_teach.formats.mesh_files import read_mesh_file
from asm_teach.formats.mesh_record import MeshRecord
from asm_teach.formats.pictures import picture_bytes
from asm_teach.geometry.mesh import Mesh, read_mesh

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0.5, 0]], "<f4")


def header(vertices: int, rest: str, form: str = "binary_little_endian", properties: str = "float x,float y,float z"):
    lines = ["ply", f"format {form} 1.0", f"element vertex {vertices}"]
    lines += [f"property {one}" for one in properties.split(",")]
    return "\n".join([*lines, *rest.split(","), "end_header\n"]).encode()


def write(folder: Path, content: bytes, name: str = "mesh.ply") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def polygons(rows: list[list[int]], count: str = "u1", item: str = "<i4") -> bytes:
    return b"".join(np.array(len(row), count).tobytes() + np.array(row, item).tobytes() for row in rows)


FACES = "element face {},property list uchar int vertex_indices"
TEXT = header(5, FACES.format(2), "ascii") + b"0 0 0\n1 0 0\n1 1 0\n0 1 0\n2 .5 0\n4 0 1 2 3\n3 1 4 2\n"
TRIANGLES = [[0, 1, 2], [0, 2, 3], [1, 4, 2]]


def test_polygons_of_mixed_size_in_a_binary_file(tmp_path: Path) -> None:
    rows = [[0, 1, 2, 3], [1, 4, 2], [0, 1, 4, 2, 3]]
    mesh = read_mesh(write(tmp_path, header(5, FACES.format(3)) + SQUARE.tobytes() + polygons(rows)))
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [1, 4, 2], [0, 1, 4], [0, 4, 2], [0, 2, 3]]
    assert mesh.quads.tolist() == [[0, 1, 2, 3]]
    assert torch.equal(mesh.vertices, torch.from_numpy(SQUARE)) and mesh.notes == ()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("blank", [False, True])
def test_lines_of_text_may_end_as_on_any_system_and_be_blank(tmp_path: Path, end: str, blank: bool) -> None:
    text = TEXT.decode()
    if blank:
        text = text.replace("end_header\n", "\nend_header\n\n").replace("0 1 0\n", "0 1 0\n\n  \n") + "\n\n"
    mesh = read_mesh(write(tmp_path, text.replace("\n", end).encode()))
    assert mesh.faces.tolist() == TRIANGLES and torch.equal(mesh.vertices, torch.from_numpy(SQUARE))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_binary_file_may_begin_with_the_byte_of_a_line_end(tmp_path: Path, end: bytes) -> None:
    points = SQUARE.copy()
    points[0, 0] = np.frombuffer(b"\n\r\n\x40", "<f4")[0]
    head = header(5, FACES.format(2)).replace(b"\n", end)
    mesh = read_mesh(write(tmp_path, head + points.tobytes() + polygons([[0, 1, 2, 3], [1, 4, 2]])))
    assert torch.equal(mesh.vertices, torch.from_numpy(points)) and mesh.faces.tolist() == TRIANGLES


def test_comments_stand_anywhere_in_the_header(tmp_path: Path) -> None:
    lines = TEXT.decode().split("\n")
    for at in (1, 2, 4, 7, 9):
        lines[at:at] = ["comment end_header is not here", "obj_info num_cols 512", ""]
    assert read_mesh(write(tmp_path, "\n".join(lines).encode())).faces.tolist() == TRIANGLES


@pytest.mark.parametrize("strip", [[[0, 1, 3, 2, 4]], [[0, 1, 3], [1, 2, 3], [2, 4]], [[0, 1, 3, -1, 1, 2, 3, -1]]])
def test_triangle_strips_turn_every_second_triangle(tmp_path: Path, strip: list[list[int]]) -> None:
    rest = f"element tristrips {len(strip)},property list int int vertex_indices"
    mesh = read_mesh(write(tmp_path, header(5, rest) + SQUARE.tobytes() + polygons(strip, "<i4")))
    expected = {"long": [[0, 1, 3], [1, 2, 3], [3, 2, 4]], "short": [[0, 1, 3], [1, 2, 3]]}
    assert mesh.faces.tolist() == expected["long" if len(strip[0]) == 5 else "short"]


def test_a_strip_turns_corners_by_triangles_without_area(tmp_path: Path) -> None:
    rest = "element tristrips 1,property list int int vertex_index"
    mesh = read_mesh(write(tmp_path, header(5, rest) + SQUARE.tobytes() + polygons([[0, 1, 2, 2, 4, 4, 1, 3]], "<i4")))
    assert all(len(set(face)) == 3 for face in mesh.faces.tolist()) and mesh.notes == ()


@pytest.mark.parametrize("name", ["vertex_indices", "vertex_index", "corners"])
@pytest.mark.parametrize(("count", "item"), [("uchar u1", "ushort u2"), ("int i4", "uint u4"), ("uint8 u1", "uchar u1"),
                                             ("short i2", "int64 i8"), ("ushort u2", "double f8")])  # fmt: skip
@pytest.mark.parametrize("order", ["<", ">"])
def test_lists_of_any_type_and_name_among_other_elements(tmp_path, name, count, item, order) -> None:
    """Scalars and lists that a mesh does not need stand before, between and behind those that it needs."""
    form = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    (count_word, count_kind), (item_word, item_kind) = count.split(), item.split()
    rest = "element junk 2,property list uchar double a,property short b,element face 2,property uchar flag,"
    rest += f"property list {count_word} {item_word} {name},property list uchar float weights,"
    rest += "element tail 1,property int c"
    body = SQUARE.astype(order + "f8")
    rows = np.zeros(5, [("n", "u1"), ("p", order + "f8", 3), ("rgb", "u1", 3)])
    rows["p"], rows["rgb"] = body, 200
    content = header(5, rest, form, "char nx,double x,double y,double z,uchar red,uchar green,uchar blue")
    content += rows.tobytes()
    for values in ([1.0, 2.0], []):
        content += np.uint8(len(values)).tobytes() + np.array(values, order + "f8").tobytes()
        content += np.array(7, order + "i2").tobytes()
    for row, weights in (([0, 1, 2, 3], [0.5]), ([1, 4, 2], [])):
        content += b"\1" + np.array(len(row), order + count_kind).tobytes() + np.array(row, order + item_kind).tobytes()
        content += np.uint8(len(weights)).tobytes() + np.array(weights, order + "f4").tobytes()
    mesh = read_mesh(write(tmp_path, content + bytes(4)))
    assert mesh.faces.tolist() == TRIANGLES and torch.equal(mesh.vertices, torch.from_numpy(SQUARE))
    with pytest.raises(ValueError, match="mesh.ply: .*(cut off|not that many)"):
        read_mesh(write(tmp_path, content))


@pytest.mark.parametrize("names", ["texture_u texture_v", "u v", "s t"])
def test_uv_of_the_vertices_by_any_usual_name(tmp_path: Path, names: str) -> None:
    u, v = names.split()
    rows = np.concatenate([SQUARE, SQUARE[:, :2] / 2], 1).astype("<f4")
    content = header(5, FACES.format(1), properties=f"float x,float y,float z,float {u},float {v}") + rows.tobytes()
    mesh = read_mesh(write(tmp_path, content + polygons([[0, 1, 2]])))
    assert mesh.uv_faces is None and torch.equal(mesh.uv, torch.from_numpy(SQUARE[:, :2] / 2))


@pytest.mark.parametrize("whole", [True, False])
def test_uv_of_the_corners_of_polygons(tmp_path: Path, whole: bool) -> None:
    rest = FACES.format(2) + ",property list uchar float texcoord"
    uv = [[0, 0, 1, 0, 1, 1, 0, 1], [0.5, 0.5, 1, 0.25, 0.75, 1] if whole else []]
    content = header(5, rest) + SQUARE.tobytes()
    for row, texcoord in zip([[0, 1, 2, 3], [1, 4, 2]], uv, strict=True):
        content += polygons([row]) + polygons([texcoord], item="<f4")
    mesh = read_mesh(write(tmp_path, content))
    assert mesh.faces.tolist() == TRIANGLES
    if whole:
        corner_uv = mesh.uv[mesh.uv_faces].tolist()
        assert corner_uv[1] == [[0, 0], [1, 1], [0, 1]] and corner_uv[2] == [[0.5, 0.5], [1, 0.25], [0.75, 1]]
    else:
        assert mesh.uv is None and mesh.notes == ("mesh.ply: left out the UV: some corners have none.",)


def test_a_texture_is_read_and_a_broken_one_is_left_out_with_a_note(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT.replace(b"1.0\n", b"1.0\ncomment TextureFile my skin.png\n"))
    assert read_mesh(path).texture is None and read_mesh(path).notes == ()  # it is not there
    write(tmp_path, picture_bytes(torch.ones(2, 3, 3)), "my skin.png")
    assert read_mesh(path).texture.shape == (2, 3, 3)
    write(tmp_path, b"version https://git-lfs.github.com/spec/v1\n", "my skin.png")
    mesh = read_mesh(path)
    assert mesh.texture is None and mesh.notes[0].startswith("mesh.ply: left out the texture: my skin.png: ")


def test_broken_vertices_that_nothing_uses_are_left_out_and_said(tmp_path: Path) -> None:
    text = TEXT.replace(b"0 0 0\n1 0 0", b"nan 0 0\n1 0 0").replace(b"4 0 1 2 3", b"3 1 2 3")
    mesh = read_mesh(write(tmp_path, text))
    assert mesh.faces.tolist() == [[1, 2, 3], [1, 4, 2]] and mesh.vertices.isfinite().all()
    assert torch.equal(mesh.vertices[1:], torch.from_numpy(SQUARE[1:]))  # numbers stay
    assert mesh.notes == (
        "mesh.ply: left out 1 vertex with NaN or infinite numbers (the first: row 0), which no triangle uses.",
    )
    assert torch.equal(read_mesh(write(tmp_path, text.replace(b"nan", b"-1.#IND"))).vertices, mesh.vertices)


def test_few_triangles_with_broken_vertices_are_left_out_and_many_refused(tmp_path: Path) -> None:
    count = 400
    points = np.random.default_rng(0).normal(size=(count, 3)).astype("<f4")
    faces = np.stack([np.arange(count - 2), np.arange(1, count - 1), np.arange(2, count)], 1)
    points[7] = np.nan
    content = header(count, FACES.format(len(faces))) + points.tobytes() + polygons(faces.tolist())
    mesh = read_mesh(write(tmp_path, content))
    assert len(mesh.faces) == len(faces) - 3 and not (mesh.faces == 7).any()
    assert "left out 1 vertex with NaN" in mesh.notes[0] and "3 triangles that used them" in mesh.notes[0]
    points[100:110] = np.inf
    content = header(count, FACES.format(len(faces))) + points.tobytes() + polygons(faces.tolist())
    with pytest.raises(ValueError, match=r"mesh.ply: vertices: row 7 is \[nan.*11 of 400 rows.*15 of 398 triangles"):
        read_mesh(write(tmp_path, content))


WHOLE = header(5, FACES.format(2)) + SQUARE.tobytes() + polygons([[0, 1, 2, 3], [1, 4, 2]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TEXT[:-8], "the data of element 'face' end before its last row.*cut off"),
        (TEXT[:-2], "the data of element 'face' end before its last row"),
        (TEXT + b"7\n", "1 numbers are left"),
        (TEXT.replace(b"vertex 5", b"vertex 4"), "a list of element 'face' has|numbers are left|whole number"),
        (TEXT.replace(b"vertex 5", b"vertex 6"), "numbers are left"),
        (TEXT.replace(b"face 2", b"face 1"), "4 numbers are left"),
        (TEXT.replace(b"face 2", b"face 3"), "end before its last row"),
        (TEXT.replace(b"face 2", b"face 1000000000000"), "promises 1000000000000 of element 'face'"),
        (TEXT.replace(b"face 2", b"face -2"), "has the line 'element face -2'"),
        (TEXT.replace(b"4 0 1 2 3", b"4 0 1 2.5 3"), "the vertex number 2.5 is no whole number"),
        (TEXT.replace(b"2 .5 0", b"2 ,5 0"), "',5' stands where a number is needed"),
        (TEXT.replace(b"2 .5 0", b"2 a\0b 0"), "stands where a number is needed"),
        (TEXT.replace(b"3 1 4 2", b"3 1 9 2"), "faces: row 2 names vertices"),
        (TEXT.replace(b"float y", b"float w"), "no vertices with x, y and z"),
        (TEXT.replace(b"property float y", b"property list uchar float y"), "cut off|y of its vertices is a list"),
        (TEXT.replace(b"float y", b"floats y"), "has the line 'property floats y'"),
        (TEXT.replace(b"element face", b"element vertex"), "has the line 'element vertex 2'"),
        (TEXT.replace(b"list uchar", b"list float"), "has the line 'property list float int vertex_indices'"),
        (TEXT.replace(b"ascii", b"binary"), "has the line 'format binary 1.0'"),
        (TEXT.replace(b"format ascii 1.0\n", b""), "no line that begins with 'format'"),
        (TEXT.replace(b"end_header", b"end"), "has the line 'end'"),
        (WHOLE[:-1], "end before its last row"),
        (WHOLE[:200], "cut off"),
        (WHOLE + b"\1\2\3", "3 bytes are left"),
        (WHOLE.replace(b"vertex 5", b"vertex 900000000"), "promises 900000000 of element 'vertex'"),
        (WHOLE.replace(b"face 2", b"face 3"), "end before its last row"),
        (WHOLE.replace(b"list uchar", b"list char").replace(b"\4\0\0\0\0\1", b"\xfc\0\0\0\0\1"), "has -4 entries"),
        (WHOLE.replace(b"list uchar int", b"list uint int"), "entries: the file is damaged"),
        (header(5, "element face 0,property list uchar int vertex_indices") + SQUARE.tobytes(), "no faces in it"),
        (header(5, "") .replace(b"\n\n", b"\n") + SQUARE.tobytes(), "5 vertices and no faces in it"),
        (header(0, FACES.format(0), "ascii"), "no faces in it"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_keep_its_word_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_mesh(write(tmp_path, content))
    assert str(caught.value).startswith("mesh.ply: ")


def test_trailing_blanks_and_faces_of_two_corners_do_no_harm(tmp_path: Path) -> None:
    assert read_mesh(write(tmp_path, WHOLE + b"\n\0")).faces.tolist() == TRIANGLES
    mesh = read_mesh(write(tmp_path, WHOLE.replace(b"face 2", b"face 4") + polygons([[0, 1], []])))
    assert mesh.faces.tolist() == TRIANGLES
    assert mesh.notes == ("mesh.ply: left out 2 faces of fewer than three corners.",)


@pytest.mark.parametrize("count", [10**7, 10**12])
def test_what_a_header_promises_takes_no_memory_before_it_is_there(tmp_path: Path, count: int) -> None:
    tracemalloc.start()
    for content in (WHOLE, TEXT):
        for word in (b"vertex 5", b"face 2"):
            path = write(tmp_path, content.replace(word, word[:-1] + str(count).encode()))
            with pytest.raises(ValueError, match="mesh.ply"):
                read_mesh(path)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(data=st.data())
def test_round_trip_of_any_triangles(tmp_path_factory, dtype, data) -> None:
    count = data.draw(st.integers(3, 20))
    number = st.floats(-1e6, 1e6, width=32)
    rows = st.lists(st.tuples(number, number, number), min_size=count, max_size=count)
    index = st.integers(0, count - 1)
    faces = data.draw(st.lists(st.tuples(index, index, index), min_size=1, max_size=20))
    mesh = Mesh(torch.tensor(data.draw(rows), dtype=dtype), torch.tensor(faces))
    path = tmp_path_factory.mktemp("any") / "mesh.ply"
    mesh.write(path)
    again = read_mesh(path)
    assert torch.equal(again.vertices.to(dtype), mesh.vertices) and torch.equal(again.faces, mesh.faces)


@given(
    st.lists(st.lists(st.integers(0, 4), min_size=0, max_size=7), min_size=1, max_size=30),
    st.sampled_from(["ascii", "<", ">"]),
)
def test_any_polygons_in_any_form_give_the_same_fans(tmp_path_factory, rows: list[list[int]], order: str) -> None:
    expected = [[row[0], row[k], row[k + 1]] for row in rows for k in range(1, len(row) - 1)]
    if order == "ascii":
        body = "\n".join(" ".join(map(str, row)) for row in [*SQUARE.tolist(), *([len(row), *row] for row in rows)])
        content = header(5, FACES.format(len(rows)), "ascii") + body.encode()
    else:
        form = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
        content = header(5, FACES.format(len(rows)), form) + SQUARE.astype(order + "f4").tobytes()
        content += polygons(rows, item=order + "i4")
    path = write(tmp_path_factory.mktemp("any"), content)
    if expected:
        mesh = read_mesh(path)
        assert mesh.faces.tolist() == expected and torch.equal(mesh.vertices, torch.from_numpy(SQUARE))
        assert ([] if mesh.quads is None else mesh.quads.tolist()) == [row for row in rows if len(row) == 4]
    else:
        with pytest.raises(ValueError, match="no faces"):
            read_mesh(path)


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_it_agrees_with_trimesh(tmp_path: Path, encoding: str) -> None:
    ball = trimesh.creation.icosphere(2)
    path = write(tmp_path, trimesh.exchange.ply.export_ply(ball, encoding=encoding, vertex_normal=True))
    mesh = read_mesh(path)
    foreign = trimesh.load_mesh(path, process=False)
    assert np.array_equal(mesh.faces.numpy(), foreign.faces)
    assert np.array_equal(mesh.vertices.numpy(), foreign.vertices.astype(np.float32))


def test_trimesh_reads_what_is_written(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(2)
    uv = torch.rand(len(ball.vertices), 2, dtype=torch.float64)
    mesh = Mesh(torch.tensor(ball.vertices), torch.tensor(ball.faces), uv)
    mesh.write(tmp_path / "ball.ply")
    foreign = trimesh.load_mesh(tmp_path / "ball.ply", process=False)
    assert np.array_equal(foreign.vertices, ball.vertices) and np.array_equal(foreign.faces, ball.faces)
    assert np.allclose(foreign.visual.uv, uv, atol=1e-7)


@pytest.mark.timing
def test_lists_of_mixed_length_cost_little_more_than_equal_ones(tmp_path: Path) -> None:
    """Row by row through numpy, as other readers do it, they cost a hundred times as much."""
    count = 60_000
    points = np.zeros((count, 3), "<f4")
    points[:, 0] = np.arange(count)
    triangles = np.empty(count, [("n", "u1"), ("i", "<i4", 3)])
    triangles["n"], triangles["i"] = 3, np.arange(count)[:, None] // 2
    equal = header(count, FACES.format(count)) + points.tobytes() + triangles.tobytes()
    mixed = header(count, FACES.format(count + 1)) + points.tobytes() + polygons([[0, 1, 2, 3]]) + triangles.tobytes()

    def seconds(content: bytes) -> float:
        path, best = write(tmp_path, content), 9.0
        for _ in range(3):
            start = time.process_time()
            assert isinstance(read_mesh_file(path), MeshRecord)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(mixed) < 30 * seconds(equal)
