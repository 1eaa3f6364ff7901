"""Writing glTF: what the writer stores is what the reader finds, and the bytes lie as the specification asks."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from asm_teach.formats.gltf.container import Gltf
from asm_teach.formats.gltf.writer import GltfWriter
from asm_teach.formats.pictures import picture_bytes

RANDOM = np.random.default_rng(0)


def read(gltf: GltfWriter, folder: Path) -> Gltf:
    gltf.write(folder / "a.glb")
    return Gltf(folder / "a.glb")


def test_attributes_come_back_with_their_bounds(tmp_path) -> None:
    points = RANDOM.normal(size=(5, 3)).astype(np.float32)
    joints = RANDOM.integers(0, 255, (5, 4)).astype(np.uint8)
    shares = RANDOM.integers(0, 65535, (5, 4)).astype(np.uint16)
    gltf = GltfWriter(copyright="nobody")
    numbers = [gltf.attribute(points, bounds=True), gltf.attribute(joints), gltf.attribute(shares)]
    found = read(gltf, tmp_path)
    assert found.json["asset"]["version"] == "2.0" and found.json["asset"]["copyright"] == "nobody"
    assert np.array_equal(found.values(numbers[0], "VEC3"), points)
    assert np.array_equal(found.values(numbers[1], "VEC4"), joints)
    assert np.array_equal(found.values(numbers[2], "VEC4"), shares / 65535)
    first = found.item("accessors", numbers[0])
    assert first["min"] == points.min(0).tolist() and first["max"] == points.max(0).tolist()
    assert [found.item("accessors", n).get("normalized") for n in numbers] == [None, None, True]


@pytest.mark.parametrize(("largest", "component"), [(65534, 5123), (65535, 5125)])
def test_corners_take_no_more_bytes_than_they_need(tmp_path, largest, component) -> None:
    faces = np.array([[0, 1, 2], [2, 1, largest]])
    gltf = GltfWriter()
    number = gltf.indices(faces)
    found = read(gltf, tmp_path)
    assert found.item("accessors", number)["componentType"] == component
    assert found.indices(number).tolist() == faces.reshape(-1).tolist()


@pytest.mark.parametrize("moved", [[2, 70_000], []])
@pytest.mark.parametrize("begins", [False, True])
def test_sparse_rows_come_back_among_zeros(tmp_path, moved, begins) -> None:
    values = np.zeros((70_001, 3), np.float32)
    values[moved] = RANDOM.normal(size=(len(moved), 3))
    gltf = GltfWriter()
    if begins:
        gltf.begin_with_zeros(len(values))
    number, again = gltf.sparse(values), gltf.sparse(values)
    found = read(gltf, tmp_path)
    assert np.array_equal(found.values(number, "VEC3"), values)
    accessor = found.item("accessors", number)
    assert accessor["sparse"]["count"] == max(len(moved), 1)
    assert ("bufferView" in accessor) is begins  # zeros of a file belong to one accessor: a reader may write into them
    assert "bufferView" not in found.item("accessors", again)
    assert accessor["min"] == values.min(0).tolist() and accessor["max"] == values.max(0).tolist()


def test_matrices_are_stored_by_columns(tmp_path) -> None:
    matrices = RANDOM.normal(size=(2, 4, 4))
    gltf = GltfWriter()
    number = gltf.matrices(matrices)
    found = read(gltf, tmp_path).values(number, "MAT4").reshape(2, 4, 4)
    np.testing.assert_allclose(found.swapaxes(1, 2), matrices, rtol=1e-6)


def test_a_picture_is_kept_as_it_is(tmp_path) -> None:
    picture = picture_bytes(torch.rand(4, 5, 3))
    gltf = GltfWriter()
    number = gltf.texture(picture)
    found = read(gltf, tmp_path)
    image = found.item("images", found.item("textures", number)["source"])
    assert bytes(found.view(image["bufferView"])) == picture and image["mimeType"] == "image/png"
    with pytest.raises(ValueError, match=r"picture begins with b'GIF89a.*PNG and JPEG"):
        gltf.texture(b"GIF89a, and so on")


def test_chunks_and_views_begin_at_multiples_of_four(tmp_path) -> None:
    gltf = GltfWriter()
    for length in (1, 2, 3, 5):  # bytes that do not fill a four
        gltf.attribute(np.zeros((length, 1), np.uint8))
    gltf.write(tmp_path / "a.glb")
    content = (tmp_path / "a.glb").read_bytes()
    magic, version, total, text, kind = struct.unpack_from("<4sIII4s", content)
    assert (magic, version, total, text % 4, kind) == (b"glTF", 2, len(content), 0, b"JSON")
    body, kind = struct.unpack_from("<I4s", content, 20 + text)
    assert (body % 4, kind) == (0, b"BIN\0")
    assert all(view["byteOffset"] % 4 == 0 for view in gltf.json["bufferViews"])


def test_a_file_is_written_whole_or_not_at_all(tmp_path) -> None:
    (tmp_path / "a.glb").write_bytes(b"mine")
    with pytest.raises(TypeError, match="not JSON serializable"):
        GltfWriter(copyright=object()).write(tmp_path / "a.glb")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]
