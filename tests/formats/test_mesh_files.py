"""Reading and writing mesh files: nothing moves on the way, and a broken file says what is wrong."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asm_teach.data.assets import AssetUnavailable, asset_path
from asm_teach.formats import mesh_files
from asm_teach.formats.mesh_files import one_uv_per_vertex
from asm_teach.formats.pictures import picture_bytes, read_picture
from asm_teach.geometry.mesh import Mesh, read_mesh

SQUARES = """# two squares, a triangle and a pentagon
o strip
v 0 0 0
v 1 0 0
v 2 0 0
v 0 1 0
v 1 1 0
v 2 1 0
v 3 0.5 0
g left
f 1 2 5 4
g right extra
f 2 3 6 5
g extra
f 3 7 6
g
f 1 2 3 6 5
"""


def write(folder: Path, text: str | bytes, name: str = "mesh.obj") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def original(asset: str, file: str) -> Path:
    try:
        return asset_path(asset, file, progress=False)
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")


def corners(mesh: Mesh) -> torch.Tensor:
    """Position and UV (F, 3, 3) and (F, 3, 2) of the corners: the same however vertices are numbered."""
    assert mesh.uv is not None
    uv = mesh.uv[mesh.faces if mesh.uv_faces is None else mesh.uv_faces]
    return torch.cat([mesh.vertices[mesh.faces], uv], -1)


def sample() -> Mesh:
    """Quads cut along both diagonals, triangles between them, a UV seam at vertex 7, parts that overlap."""
    generator = torch.Generator().manual_seed(3)
    vertices = torch.randn(10, 3, generator=generator) * 100
    quads = torch.tensor([[0, 1, 6, 5], [1, 2, 7, 6], [3, 4, 9, 8]])
    faces = torch.tensor([[0, 1, 6], [0, 6, 5], [1, 2, 7], [1, 7, 6], [2, 3, 7], [4, 9, 8], [4, 8, 3], [3, 8, 7]])
    uv = torch.rand(12, 2, generator=generator)
    uv_faces = faces.clone()
    uv_faces[4:][uv_faces[4:] == 7] = 10
    uv_faces[4:][uv_faces[4:] == 3] = 11
    parts = {"first": torch.tensor([0, 1, 2, 3]), "both": torch.tensor([2, 3, 4]), "last": torch.tensor([7])}
    texture = torch.randint(0, 256, (5, 7, 3), generator=generator) / 255
    return Mesh(vertices, faces, uv, uv_faces, texture, quads, parts)


# OBJ


def test_obj_keeps_order_quads_and_groups(tmp_path) -> None:
    mesh = read_mesh(write(tmp_path, SQUARES))
    assert mesh.vertices.dtype == torch.float32
    assert mesh.vertices[6].tolist() == [3.0, 0.5, 0.0]
    fans = [[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4], [2, 6, 5], [0, 1, 2], [0, 2, 5], [0, 5, 4]]
    assert mesh.faces.tolist() == fans
    assert mesh.quads.tolist() == [[0, 1, 4, 3], [1, 2, 5, 4]]
    parts = {name: indices.tolist() for name, indices in mesh.parts.items()}
    assert parts == {"left": [0, 1], "right": [2, 3], "extra": [2, 3, 4]}
    assert mesh.uv is None and mesh.texture is None


def test_obj_negative_numbers_count_back(tmp_path) -> None:
    text = "v 9 9 9\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf -3/-3 -2/-2 -1/-1\nv 5 5 5\n"
    mesh = read_mesh(write(tmp_path, text))
    assert mesh.faces.tolist() == [[1, 2, 3]]
    assert mesh.uv_faces.tolist() == [[0, 1, 2]]


def test_obj_uv_goes_to_the_vertices_where_each_has_one(tmp_path) -> None:
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nvt 1 1\nvt 0 1\nvt 1 0\nvt 0 0\n"
    text += "f 1/4/1 2/3/1 3/2/1\nf 2/3 4/1 3/2\n"
    mesh = read_mesh(write(tmp_path, text))
    assert mesh.uv_faces is None
    assert torch.equal(mesh.uv, mesh.vertices[:, :2])


def test_obj_uv_of_a_seam_stays_with_the_corners(tmp_path) -> None:
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nvt .5 .5\nf 1/1 2/2 3/3\nf 2/4 4/1 3/3\n"
    mesh = read_mesh(write(tmp_path, text))
    assert mesh.uv_faces.tolist() == [[0, 1, 2], [3, 0, 2]]
    assert mesh.uv.tolist() == [[0, 0], [1, 0], [0, 1], [0.5, 0.5]]


def test_obj_with_uv_on_some_faces_says_that_it_is_left_out(tmp_path) -> None:
    mesh = read_mesh(write(tmp_path, "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1\nf 1 2 3\n"))
    assert mesh.uv is None and mesh.notes == ("mesh.obj: left out the UV: 1 of 2 triangles have none.",)


def test_obj_reads_what_others_write(tmp_path) -> None:
    text = "\ufeffv 0 0 0 1\r\nv 1 0 0 .5 .5 .5 # caf\xe9\r\nvn 0 0 1\r\n\r\nv 0 1 0\r\ns off\r\n"
    text += "f 1//1 \\\r\n 2//1 3//1"
    mesh = read_mesh(write(tmp_path, text.encode("utf-8"), "MESH.OBJ"))
    assert mesh.faces.tolist() == [[0, 1, 2]] and mesh.uv is None


def test_obj_materials_are_parts_where_there_is_no_group(tmp_path) -> None:
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl skin\nf 1 2 3\nusemtl eye\nf 3 2 1\nusemtl skin\nf 2 3 1\n"
    mesh = read_mesh(write(tmp_path, text))
    assert {name: indices.tolist() for name, indices in mesh.parts.items()} == {"skin": [0, 2], "eye": [1]}


@pytest.mark.parametrize("line", ["map_Kd skin one.png", "map_Kd -s 1 1 1 skin.png", "map_Kd sub\\skin.png"])
def test_obj_texture_is_found(tmp_path, line) -> None:
    texture = torch.randint(0, 256, (3, 4, 3)) / 255
    (tmp_path / "sub").mkdir()
    for name in ("skin one.png", "skin.png", "sub/skin.png"):
        (tmp_path / name).write_bytes(picture_bytes(texture))
    write(tmp_path, f"newmtl other\nmap_Kd missing.png\nnewmtl skin\nKd 1 1 1\n{line}\n", "my look.mtl")
    text = "mtllib my look.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl skin\nf 1 2 3\n"
    # PNG keeps each of the 256 steps
    assert torch.equal(read_mesh(write(tmp_path, text)).texture, texture)


def test_obj_without_its_picture_is_still_a_mesh(tmp_path) -> None:
    write(tmp_path, "newmtl skin\nmap_Kd missing.png\n", "look.mtl")
    text = "mtllib look.mtl\nmtllib gone.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl skin\nf 1 2 3\n"
    assert read_mesh(write(tmp_path, text)).texture is None


# There and back


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_obj_round_trip_is_exact(tmp_path, dtype) -> None:
    mesh = sample().to(dtype=dtype)
    mesh.write(tmp_path / "mesh.obj")
    again = read_mesh(tmp_path / "mesh.obj")
    assert torch.equal(again.vertices, mesh.vertices.float())
    assert torch.equal(again.uv, mesh.uv.float())
    # The third quad is cut along its other diagonal: it and its triangles come back from another corner.
    assert torch.equal(again.faces[:5], mesh.faces[:5]) and torch.equal(again.uv_faces[:5], mesh.uv_faces[:5])
    assert torch.equal(again.faces.sort(-1).values, mesh.faces.sort(-1).values)
    torch.testing.assert_close(corners(again).mean(1), corners(mesh.to(dtype=torch.float32)).mean(1))
    assert torch.equal(again.quads[:2], mesh.quads[:2])
    assert set(again.quads[2].tolist()) == set(mesh.quads[2].tolist())
    assert {n: i.tolist() for n, i in again.parts.items()} == {n: i.tolist() for n, i in mesh.parts.items()}
    assert torch.equal(again.texture, mesh.texture.float())


@given(st.data())
def test_obj_round_trip_of_any_triangles(tmp_path_factory, data) -> None:
    count = data.draw(st.integers(3, 30))
    number = st.floats(-1e6, 1e6, width=32)
    rows = st.lists(st.tuples(number, number, number), min_size=count, max_size=count)
    index = st.integers(0, count - 1)
    faces = data.draw(st.lists(st.tuples(index, index, index), min_size=1, max_size=40))
    mesh = Mesh(torch.tensor(data.draw(rows)), torch.tensor(faces))
    path = tmp_path_factory.mktemp("any") / "mesh.obj"
    mesh.write(path)
    again = read_mesh(path)
    assert torch.equal(again.vertices.float(), mesh.vertices) and torch.equal(again.faces, mesh.faces)


@pytest.mark.parametrize("ending", [".ply", ".glb"])
def test_one_uv_per_vertex_round_trip(tmp_path, ending) -> None:
    mesh = Mesh(**vars(one_uv_per_vertex(sample())))
    mesh.write(tmp_path / f"mesh{ending}")
    again = read_mesh(tmp_path / f"mesh{ending}")
    assert torch.equal(again.vertices, mesh.vertices)
    assert torch.equal(again.faces, mesh.faces)
    assert again.uv_faces is None
    # glTF turns v over and back, which rounds twice
    torch.testing.assert_close(again.uv, mesh.uv, atol=2e-7, rtol=0)
    assert torch.equal(again.texture, mesh.texture)


@pytest.mark.parametrize("ending", [".ply", ".glb"])
def test_a_seam_doubles_vertices_at_the_end(tmp_path, ending) -> None:
    mesh = sample()
    mesh.write(tmp_path / f"mesh{ending}")
    again = read_mesh(tmp_path / f"mesh{ending}")
    assert torch.equal(again.vertices[:10], mesh.vertices)
    assert torch.equal(again.vertices[10:], mesh.vertices[[7]])
    torch.testing.assert_close(corners(again), corners(mesh), atol=2e-7, rtol=0)


@pytest.mark.parametrize("ending", [".obj", ".ply", ".glb"])
def test_a_bare_mesh_round_trip(tmp_path, ending) -> None:
    full = sample()
    mesh = Mesh(full.vertices.requires_grad_(), full.faces)
    mesh.write(tmp_path / f"mesh{ending}")
    again = read_mesh(tmp_path / f"mesh{ending}")
    assert torch.equal(again.vertices, mesh.vertices) and torch.equal(again.faces, mesh.faces)
    assert again.uv is None and again.texture is None and again.parts == {} and again.quads is None
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"mesh{ending}"]


def test_glb_stores_v_downwards(tmp_path) -> None:
    """The rule of glTF, read from the bytes of the file: the picture's upper left corner is (0, 0)."""
    mesh = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]), torch.tensor([[0.0, 1.0], [0.25, 0.5], [1.0, 0.125]]))
    mesh.write(tmp_path / "mesh.glb")
    expected = struct.pack("<6f", 0.0, 0.0, 0.25, 0.5, 1.0, 0.875)
    assert expected in (tmp_path / "mesh.glb").read_bytes()


def test_glb_pieces_become_parts(tmp_path) -> None:
    import trimesh

    box = trimesh.creation.box()
    moved = trimesh.transformations.translation_matrix([5.0, 0, 0])
    scene = trimesh.Scene()
    scene.add_geometry(box, node_name="head")
    scene.add_geometry(box, node_name="eye", transform=moved)
    (tmp_path / "two.glb").write_bytes(scene.export(file_type="glb"))
    mesh = read_mesh(tmp_path / "two.glb")
    assert {name: len(indices) for name, indices in mesh.parts.items()} == {"head": 12, "eye": 12}
    assert mesh.part("eye").vertices[:, 0].mean().item() == pytest.approx(5.0)


PLY_WITH_CORNER_UV = """ply
format ascii 1.0
element vertex 4
property float x
property float y
property float z
element face 2
property list uchar int vertex_indices
property list uchar float texcoord
end_header
0 0 0
1 0 0
0 1 0
1 1 0
3 0 1 2 6 0 0 1 0 0 1
3 1 3 2 6 .5 .5 1 1 0 1
"""


def test_ply_with_corner_uv_keeps_its_vertices(tmp_path) -> None:
    mesh = read_mesh(write(tmp_path, PLY_WITH_CORNER_UV, "mesh.ply"))
    assert mesh.faces.tolist() == [[0, 1, 2], [1, 3, 2]]
    expected = torch.tensor([[[0.0, 0], [1, 0], [0, 1]], [[0.5, 0.5], [1, 1], [0, 1]]])
    assert torch.equal(mesh.uv[mesh.uv_faces], expected)


FAR = torch.tensor([4.6e6, -5.1e6, 312.0], dtype=torch.float64)


@pytest.mark.parametrize("ending", [".obj", ".ply", ".glb"])
def test_vertices_far_from_the_origin_keep_their_digits(tmp_path, ending) -> None:
    """Map coordinates in metres, and a stray vertex at the origin that must not hide that the others lie far off."""
    near = torch.rand(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) / 4
    faces = torch.arange(48)[:, None] + torch.arange(3)
    mesh = Mesh(torch.cat([near + FAR, torch.zeros(1, 3)]), faces)
    mesh.write(tmp_path / f"far{ending}")
    again = read_mesh(tmp_path / f"far{ending}")
    assert again.vertices.dtype == torch.float64 and torch.equal(again.faces, faces)
    assert (again.vertices[:50] - FAR - near).abs().max() < (1e-7 if ending == ".glb" else 1e-9)  # metres
    assert again.vertices[50].abs().max() < 1e-6
    Mesh(near, faces).write(tmp_path / f"near{ending}")
    assert read_mesh(tmp_path / f"near{ending}").vertices.dtype == torch.float32


def test_text_with_map_coordinates_keeps_its_digits(tmp_path) -> None:
    rows = ["4600000.1234 -5100000.5678 312.0001", "4600000.2 -5100000.5 312.1", "4600000.3 -5100000.7 312.2"]
    expected = torch.tensor([[float(word) for word in row.split()] for row in rows], dtype=torch.float64)
    body = "\n".join(rows)
    stl = "outer loop\n" + "".join(f"vertex {row}\n" for row in rows) + "endloop"
    files = {
        "a.obj": "v " + body.replace("\n", "\nv ") + "\nf 1 2 3\n",
        "a.off": f"OFF\n3 1 0\n{body}\n3 0 1 2\n",
        "a.stl": f"solid a\nfacet normal 0 0 1\n{stl}\nendfacet\nendsolid a\n",
        "a.ply": PLY_WITH_CORNER_UV.split("element")[0] + "element vertex 3\nproperty double x\nproperty double y\n"
        f"property double z\nelement face 1\nproperty list uchar int vertex_index\nend_header\n{body}\n3 0 1 2\n",
    }
    for name, text in files.items():
        assert torch.equal(read_mesh(write(tmp_path, text, name)).vertices, expected), name


# Whole or not at all


@pytest.mark.parametrize("ending", [".obj", ".ply", ".glb"])
def test_a_failing_write_leaves_the_old_files(tmp_path, monkeypatch, ending) -> None:
    path = tmp_path / f"mesh{ending}"
    sample().write(path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def disk_full(self, data):
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(OSError, match="No space left"):
        sample().with_vertices(torch.zeros(10, 3)).write(path)
    monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_write_cut_off_halfway_leaves_nothing(tmp_path, monkeypatch) -> None:
    whole = Path.write_bytes

    def half(self, data):
        whole(self, data[: len(data) // 2])
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        sample().write(tmp_path / "mesh.obj")
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_writing_asks_for_a_known_ending(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"mesh.stl: the ending '.stl' is not one of .obj, .ply, .glb"):
        sample().write(tmp_path / "mesh.stl")
    assert mesh_files.replace_files({}) is None and list(tmp_path.iterdir()) == []


# Broken files


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.obj",
            "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nf 1 2 7\n",
            "line 5 is 'f 1 2 7', but it names 'v' number 7 of 3",
        ),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 -5\n", "line 4"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/2\n", "names 'vt' number 2 of 1"),
        (
            "a.obj",
            "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1\nf 1/1 2/1 3",
            "line 6 .* some of its corners.*cut off",
        ),
        (
            "a.obj",
            "v 0 0 0\nv 1 0 0\nv 0 1",
            "line 3 is 'v 0 1', but 3 numbers are needed.*last line: the file looks cut",
        ),
        ("a.obj", "v 0 0 0\nv 1 zero 0\n", "line 2 is 'v 1 zero 0'"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nf 1 2", "line 5 .* at least three corners.*cut off"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\nf 1 2 /", "the corner '/' is not a vertex number"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n", "counts from 1"),
        ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\n", "found 3 vertices and no faces"),
        ("a.obj", "Dear student,\nthis is a letter.\n", "found 0 vertices and no faces"),
        ("a.obj", "v 0 0 0\nv nan 0 0\nv 0 1 0\nf 1 2 3\n", "vertices: row 1 is .nan"),
        ("a.obj", b"v 0 0 0\n\0\0\0", "this is a binary file"),
        ("a.obj", "", "the file is empty"),
        ("a.obj", "<!DOCTYPE html><html>", "web page"),
        ("a.glb", "", "the file is empty"),
        ("a.glb", "just text", "begins with 'glTF', this one with 'just text'"),
        ("a.glb", b"glTF\x02\0", "cut off"),
        ("a.glb", b"glTF\x02\0\0\0\x14\0\0\0\xff\xff\xff\x7fJSON", "damaged or cut off"),
        ("a.ply", "just text", "begins with 'ply'"),
        ("a.ply", "ply\nformat ascii 1.0\nelement vertex 3\n", "damaged or cut off"),
        ("a.ply", PLY_WITH_CORNER_UV[:-40], "damaged or cut off"),
        ("a.ply", PLY_WITH_CORNER_UV.replace("1 1 0\n", "nan 1 0\n"), "vertices: row 3 is .nan"),
        ("a.ply", PLY_WITH_CORNER_UV.replace("3 1 3 2", "3 1 9 2"), r"9"),
        (
            "a.ply",
            PLY_WITH_CORNER_UV.split("element face")[0] + "end_header\n0 0 0\n1 0 0\n0 1 0\n1 1 0\n",
            "no faces",
        ),
        ("a.npz", "just text", "the ending '.npz' is not one of .obj, .ply, .glb"),
        ("mesh", "v 0 0 0", "the ending '' is not one of"),
    ],
)
def test_broken_file_says_what_is_wrong(tmp_path, name, text, message) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        read_mesh(write(tmp_path, text, name))
    assert str(caught.value).startswith(name)


@pytest.mark.parametrize("ending", [".glb", ".ply"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_anywhere_is_refused(tmp_path, ending, share) -> None:
    sample().write(tmp_path / f"mesh{ending}")
    content = (tmp_path / f"mesh{ending}").read_bytes()
    with pytest.raises(ValueError, match=rf"half{ending}: .*cut off"):
        read_mesh(write(tmp_path, content[: int(share * len(content))], f"half{ending}"))


@pytest.mark.filterwarnings("ignore:damaged.*:UserWarning")  # a letter lost can take a texture or a UV
@pytest.mark.parametrize("ending", [".obj", ".ply", ".glb"])
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path_factory, ending, data) -> None:
    """Whatever happened to a file on its way, the answer is a mesh or a ValueError that names the file."""
    folder = tmp_path_factory.mktemp("damaged")
    sample().write(folder / f"whole{ending}")
    content = bytearray((folder / f"whole{ending}").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_mesh(write(folder, bytes(content), f"damaged{ending}"))
    except ValueError as error:
        assert str(error).startswith(f"damaged{ending}")


def test_no_such_file(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file .*gone.obj"):
        read_mesh(tmp_path / "gone.obj")


def test_a_broken_picture_is_named(tmp_path) -> None:
    whole = picture_bytes(torch.rand(30, 30, 3))
    for content in (b"no picture", whole[: len(whole) // 2]):
        with pytest.raises(ValueError, match="skin.png: this cannot be read as a picture"):
            read_picture(write(tmp_path, content, "skin.png"))
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "gone.png")


# Real files


def test_james(tmp_path) -> None:
    original("james", "james.jpg")
    original("james", "james.obj.mtl")
    mesh = read_mesh(original("james", "james.obj"))
    assert mesh.vertices.shape == (6393, 3) and mesh.faces.shape == (12228, 3)
    assert mesh.uv.shape == (6680, 2) and mesh.uv_faces is not None
    assert mesh.vertices[0].tolist() == pytest.approx([-21.514475, 138.620361, -34.341030])
    assert mesh.faces[0].tolist() == [2260, 4092, 925]
    assert mesh.texture.shape == (1600, 2400, 3)
    small = Mesh(mesh.vertices, mesh.faces, mesh.uv, mesh.uv_faces)  # without the picture, which takes a second
    for ending, exact in ((".obj", True), (".ply", False), (".glb", False)):
        small.write(tmp_path / f"james{ending}")
        again = read_mesh(tmp_path / f"james{ending}")
        torch.testing.assert_close(corners(again), corners(small), atol=1e-6, rtol=0)
        assert torch.equal(again.vertices[:6393], mesh.vertices)
        assert torch.equal(again.faces, mesh.faces) == exact


def test_james_cut_in_half(tmp_path) -> None:
    content = original("james", "james.obj").read_bytes()
    with pytest.raises(ValueError, match="half.obj"):
        read_mesh(write(tmp_path, content[: len(content) // 2], "half.obj"))
    last = content[: content.rindex(b"/")]
    with pytest.raises(ValueError, match=r"half.obj: line \d+ is 'f .*last line: the file looks cut off"):
        read_mesh(write(tmp_path, last, "half.obj"))


def test_lee_perry_smith(tmp_path) -> None:
    path = original("lee-perry-smith", "LeePerrySmith.glb")
    mesh = read_mesh(path)
    assert mesh.vertices.shape == (9279, 3) and mesh.faces.shape == (17684, 3) and mesh.uv_faces is None
    content = path.read_bytes()
    with pytest.raises(ValueError, match="half.glb: the file says it has 404976 bytes, but only 202488 are there"):
        read_mesh(write(tmp_path, content[: len(content) // 2], "half.glb"))


def test_canonical_face_has_one_uv_per_vertex() -> None:
    mesh = read_mesh(original("mediapipe-canonical", "canonical_face_model.obj"))
    assert mesh.vertices.shape == (468, 3) and mesh.faces.shape == (898, 3)
    assert mesh.uv.shape == (468, 2) and mesh.uv_faces is None
    # Points far to the side of the face are far to the side of the chart: the rows really were put in order.
    assert torch.corrcoef(torch.stack([mesh.vertices[:, 0], mesh.uv[:, 0]]))[0, 1].abs() > 0.9
    assert torch.corrcoef(torch.stack([mesh.vertices[:, 1], mesh.uv[:, 1]]))[0, 1] > 0.9


def test_facekit_keeps_its_quads() -> None:
    mesh = read_mesh(original("ict-facekit", "generic_neutral_mesh.obj"))
    assert mesh.vertices.shape == (26719, 3) and mesh.uv.shape == (28911, 2)
    assert mesh.quads.shape == (25836, 4) and len(mesh.faces) == 2 * 25836 + 548
    assert mesh.faces[:2].tolist() == [[873, 11, 870], [873, 870, 872]]
    assert torch.equal(mesh.part_vertices("M_Face"), torch.arange(9409))
