"""glTF 2.0, the bytes: GLB and `.gltf` files, their buffers, and the accessors that say what the bytes mean.

With the modules beside it, which make meshes and bones of them, it is the one place that knows the format; sections
are those of the glTF 2.0 specification. The sizes and counts that a file claims are held against its bytes before
anything is made from them, and nothing is read from outside its folder.
"""

from __future__ import annotations

import base64
import re
import struct
from pathlib import Path
from typing import Any, NoReturn, TypeAlias
from urllib.parse import unquote, unquote_to_bytes

import numpy as np

from asm_teach.base.arrays import Floats, Ints
from asm_teach.formats.checks.file_kind import check_file
from asm_teach.formats.text_files import parse_json

Json: TypeAlias = dict[str, Any]

MAGIC, JSON_CHUNK, BINARY_CHUNK = b"glTF", b"JSON", b"BIN\0"
COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}  # section 3.6.2.2
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
# Without limits a small file fills the memory: by showing one mesh many times, or by numbers that it does not hold.
MOST = {"vertices": 10_000_000, "triangles": 20_000_000, "elements": 60_000_000, "zeros": 1_000_000}

DRACO, WEBP, GLOSSINESS = "KHR_draco_mesh_compression", "EXT_texture_webp", "KHR_materials_pbrSpecularGlossiness"
TEXTURE_TRANSFORM = "KHR_texture_transform"
_READ = {DRACO, WEBP, GLOSSINESS, TEXTURE_TRANSFORM, "KHR_mesh_quantization", "KHR_materials_unlit"}
_MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
UNPACK = "`npx @gltf-transform/cli copy in.glb out.glb`"
_REMEDIES = {
    **dict.fromkeys(_MESHOPT, f"write the file without it, {UNPACK}"),
    "KHR_texture_basisu": "write the file without it, `npx @gltf-transform/cli ktxdecompress in.glb out.glb`",
}
_DAMAGED = "the file is damaged or cut off; fetch or export it again"


class Gltf:
    """The JSON of a glTF file, and the bytes that it speaks of.

    Attributes:
        json: what the file says.

    Raises:
        ValueError: damaged or cut off, another version, or an extension is required that is not read here.
    """

    def __init__(self, path: Path) -> None:
        self._folder = path.parent
        content = path.read_bytes()
        chunks = _chunks(content) if content.startswith(MAGIC) else {JSON_CHUNK: memoryview(content)}
        self._binary = chunks.get(BINARY_CHUNK)
        self._buffers: dict[int, memoryview] = {}
        self.json: Json = parse_json(bytes(chunks[JSON_CHUNK]).rstrip(b" \0"), path.name, "glTF")  # padded
        asset = self.json.get("asset", {})
        version, oldest = str(asset.get("version", "2.0")), str(asset.get("minVersion", "2.0"))
        if version.split(".")[0] != "2" or oldest != "2.0":
            _refuse_version(version if oldest == "2.0" else oldest)
        for name in members(self.json, "extensionsRequired"):
            if name not in _READ:
                _refuse_extension(str(name))

    def item(self, kind: str, index: object) -> Json:
        """Element `index` of a list at the top of the JSON, such as "accessors"."""
        found, number = members(self.json, kind), whole_number({kind: index}, kind)
        if number >= len(found) or not isinstance(found[number], dict):
            raise ValueError(f"number {number} of {len(found)} {kind} is named, and is not there: {_DAMAGED}")
        item: Json = found[number]
        return item

    def view(self, index: object) -> memoryview:
        """The bytes of a bufferView."""
        view = self.item("bufferViews", index)
        for name in _MESHOPT:
            if extension(view, name) is not None and self._is_placeholder(view["buffer"]):
                _refuse_extension(name)
        start, length = whole_number(view, "byteOffset", 0), whole_number(view, "byteLength")
        buffer = self._buffer(whole_number(view, "buffer"))
        if start + length > len(buffer):
            raise ValueError(
                f"bufferView {index} ends at byte {start + length} of a buffer of {len(buffer)} bytes: {_DAMAGED}"
            )
        return buffer[start : start + length]

    def count(self, index: object) -> int:
        """How many elements an accessor claims."""
        accessor = self.item("accessors", index)
        count = whole_number(accessor, "count")
        most = MOST["elements" if "bufferView" in accessor else "zeros"]
        if count > most:
            raise ValueError(f"accessor {index} claims {count} elements, and at most {most} are read: {_DAMAGED}")
        return count

    def values(self, index: object, *types: str) -> Floats:
        """The numbers of an accessor as (count, width) float64: sparse ones put in, normalised ones scaled (3.6.2).

        Args:
            index: number of the accessor.
            types: those that make sense here, such as "VEC3".
        """
        accessor = self.item("accessors", index)
        return scaled(self._raw(index, *types), accessor.get("normalized") is True)

    def indices(self, index: object) -> Ints:
        """The whole numbers of an accessor of vertex numbers, (count,) int64."""
        raw = self._raw(index, "SCALAR")
        if raw.dtype.kind != "u":
            raise ValueError(f"accessor {index} holds vertex numbers of type {raw.dtype}: {_DAMAGED}")
        return raw[:, 0].astype(np.int64)

    def resource(self, item: Json) -> bytes | Path:
        """What a buffer or an image names by its `uri`: bytes that stand in the JSON itself, or a file."""
        uri = item.get("uri")
        if not isinstance(uri, str):
            raise ValueError(f"a buffer or an image has neither bytes nor the name of a file: {_DAMAGED}")
        if not uri.startswith("data:"):
            return self._file(uri)
        header, _, body = uri.partition(",")
        try:
            return base64.b64decode(unquote(body)) if header.endswith(";base64") else unquote_to_bytes(body)
        except ValueError as error:
            raise ValueError(f"a buffer or an image in its JSON cannot be read ({error}): {_DAMAGED}") from None

    def _file(self, uri: str) -> Path:
        """The file in the folder of the glTF file, or below, that a `uri` names."""
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|[/\\]", uri):
            raise ValueError(
                f"it names {uri[:80]!r}: only files in its own folder are read, and nothing is fetched; put that file "
                "beside it and name it without a path, or export a .glb, which holds everything"
            )
        try:
            for name in (unquote(uri), uri):  # some programs do not write the % of a name as %25
                path = (self._folder / name.replace("\\", "/")).resolve()
                if not path.is_relative_to(self._folder.resolve()):
                    raise ValueError(
                        f"it names {uri[:80]!r}, which lies outside its folder and is not read: put that file beside it"
                    )
                if path.is_file():
                    return path
        except (OSError, RuntimeError):  # a name that no file can have, links in a circle
            pass
        raise ValueError(
            f"it names {uri[:80]!r}, and there is no such file: keep the files of a .gltf together, or export a .glb, "
            "which holds everything"
        )

    def _is_placeholder(self, index: object) -> bool:
        """Whether a buffer has no bytes of its own, and stands for what an extension unpacks."""
        first_of_glb = self._binary is not None and index == 0
        return "uri" not in self.item("buffers", index) and not first_of_glb

    def _buffer(self, index: int) -> memoryview:
        if index not in self._buffers:
            buffer = self.item("buffers", index)
            size = whole_number(buffer, "byteLength")
            found = self._binary if "uri" not in buffer and index == 0 else None
            source: bytes | memoryview | Path = self.resource(buffer) if found is None else found
            there = source.stat().st_size if isinstance(source, Path) else len(source)
            if there < size:
                if isinstance(source, Path):
                    check_file(source)  # a web page or a pointer in its place is called so
                where = source.name if isinstance(source, Path) else f"buffer {index}"
                raise ValueError(f"{where} has {there} bytes where {size} are promised: {_DAMAGED}")
            if isinstance(source, Path):
                with source.open("rb") as file:
                    source = file.read(size)
            self._buffers[index] = memoryview(source)[:size]
        return self._buffers[index]

    def _raw(self, index: object, *types: str) -> np.ndarray:
        """The numbers of an accessor as they are stored, (count, width)."""
        accessor, count = self.item("accessors", index), self.count(index)
        if accessor.get("type") not in types:
            raise ValueError(f"accessor {index} is of type {accessor.get('type')!r} instead of {types[0]}: {_DAMAGED}")
        width = WIDTHS[accessor["type"]]
        if "bufferView" in accessor:
            raw = self._elements(accessor, count, width)
        else:  # 3.6.2.3: zeros, for sparse values to be put into
            raw = np.zeros((count, width), _component(accessor))
        sparse = accessor.get("sparse")
        if sparse is None:
            return raw
        number = whole_number(sparse, "count")
        where = self._elements(sparse["indices"], number, 1)[:, 0]
        if number > count or where.dtype.kind != "u" or (where >= count).any():
            raise ValueError(f"accessor {index} has sparse values beyond its {count} elements: {_DAMAGED}")
        raw = raw.copy()
        raw[where] = self._elements({**accessor, "byteOffset": 0, **sparse["values"]}, number, width)
        return raw

    def _elements(self, place: Json, count: int, width: int) -> np.ndarray:
        """(count, width) numbers of a bufferView, without a copy; `place` is an accessor or a part of a sparse one."""
        component = _component(place)
        view, size = self.view(place["bufferView"]), component.itemsize * width
        stride = whole_number(self.item("bufferViews", place["bufferView"]), "byteStride", size)
        start = whole_number(place, "byteOffset", 0)
        end = start + stride * (count - 1) + size
        if stride < size or (count and end > len(view)):
            raise ValueError(
                f"{count} elements of {size} bytes, one every {stride} bytes, do not fit into the {len(view)} bytes of "
                f"bufferView {place['bufferView']}: {_DAMAGED}"
            )
        strides = (stride, component.itemsize)
        return np.ndarray((count, width), component, view[start:] if count else b"", strides=strides)


def scaled(raw: np.ndarray, normalized: bool) -> Floats:
    """Stored numbers as float64; normalised whole numbers stand for [0, 1], or [-1, 1] if signed (3.6.2.2)."""
    if not normalized or raw.dtype.kind == "f":
        return raw.astype(np.float64)
    return np.maximum(raw / float(np.iinfo(raw.dtype).max), -1.0)


def members(owner: Json, key: str) -> list[Any]:
    """A list of the JSON; where it is not there, an empty one."""
    found = owner.get(key, [])
    if not isinstance(found, list):
        raise ValueError(f"{key} is not a list: {_DAMAGED}")
    return found


def whole_number(owner: Json, key: str, default: int | None = None) -> int:
    """A whole number of the JSON that is not negative."""
    found = owner.get(key, default)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or found != found // 1 or found < 0:
        raise ValueError(f"{key} is {str(found)[:40]} where a whole number is needed: {_DAMAGED}")
    return int(found)


def numbers(owner: Json, key: str, default: tuple[float, ...]) -> Floats:
    """Numbers of the JSON, as many as the default has."""
    found = owner.get(key, default)
    if len(found) != len(default) or not all(isinstance(number, (int, float)) for number in found):
        raise ValueError(f"{key} is not {len(default)} numbers: {_DAMAGED}")
    return np.array(found, dtype=np.float64)


def extension(owner: Json, name: str) -> Json | None:
    """What an extension says about an object of the JSON; None where it says nothing."""
    found: Json | None = owner.get("extensions", {}).get(name)
    return found


def _chunks(content: bytes) -> dict[bytes, memoryview]:
    """The pieces of a GLB file by their kind (section 4.4); the first of a kind counts."""
    if len(content) < 20:
        raise ValueError(f"only {len(content)} bytes are there: the file is cut off; fetch or export it again")
    version, length = struct.unpack_from("<II", content, 4)
    if version != 2:
        _refuse_version(version)
    if length > len(content):
        raise ValueError(
            f"the file says it has {length} bytes, but only {len(content)} are there: it is cut off; fetch or export "
            "it again"
        )
    chunks: dict[bytes, memoryview] = {}
    start = 12
    while start + 8 <= length:
        size, kind = struct.unpack_from("<I4s", content, start)
        start += 8
        if start + size > length:
            raise ValueError(f"a chunk of {size} bytes is longer than the rest of the file: {_DAMAGED}")
        chunks.setdefault(kind, memoryview(content)[start : start + size])
        start += size
    if JSON_CHUNK not in chunks:
        raise ValueError(f"there is no chunk of JSON in it: {_DAMAGED}")
    return chunks


def _component(place: Json) -> np.dtype[Any]:
    kind = place.get("componentType")
    if not isinstance(kind, int) or kind not in COMPONENTS:
        raise ValueError(f"{str(kind)[:40]} is no componentType: {_DAMAGED}")
    return np.dtype(COMPONENTS[kind])


def _refuse_version(version: object) -> NoReturn:
    raise ValueError(
        f"this is glTF {str(version)[:20]}, and only glTF 2.0 is read: `npx gltf-pipeline -i old.gltf -o new.glb` "
        "writes it anew"
    )


def _refuse_extension(name: str) -> NoReturn:
    remedy = _REMEDIES.get(name, "export the file again without it")
    raise ValueError(f"it requires the extension {name[:80]}, which is not read: {remedy}")
