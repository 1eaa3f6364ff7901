"""glTF 2.0, writing: numbers become accessors, accessors lie in one buffer, and a GLB file holds it with its JSON.

The tables are those of the reader in `container`; sections are those of the glTF 2.0 specification.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asm_teach import __version__
from asm_teach.base.arrays import Floats
from asm_teach.base.files import whole
from asm_teach.formats.gltf.container import BINARY_CHUNK, COMPONENTS, JSON_CHUNK, MAGIC, WIDTHS, Json

_CODES = {np.dtype(kind): code for code, kind in COMPONENTS.items()}
_TYPES = {width: name for name, width in WIDTHS.items()}
_ATTRIBUTES, _INDICES = 34962, 34963  # what a graphics card uses a bufferView for (section 5.11.5)
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}  # by their first bytes


class GltfWriter:
    """A GLB file in the making.

    Attributes:
        json: what the file will say; `add` puts objects into its lists.
    """

    def __init__(self, **asset: str) -> None:
        """`asset` is what the file says of itself besides version and generator, such as a copyright."""
        self.json: Json = {"asset": {"version": "2.0", "generator": f"asm_teach {__version__}", **asset}}
        self._bytes = bytearray()
        self._zeros: Json = {}  # of an accessor that begins with the zeros of the file

    def add(self, kind: str, item: Json) -> int:
        """Put an object into a list at the top of the JSON, such as "nodes"; its number there."""
        self.json.setdefault(kind, []).append(item)
        return len(self.json[kind]) - 1

    def attribute(self, values: NDArray[Any], *, bounds: bool = False) -> int:
        """One row for each vertex: (V, width) float32, uint8, or uint16, which stands for shares of 1 of 65535.

        Bytes are read as whole numbers, such as those of joints. bounds: say the least and the largest of each
        column, which positions need. Returns the number of the accessor.
        """
        more = {"normalized": True} if values.dtype == np.uint16 else {}
        return self._accessor(values, {**more, **(_bounds(values) if bounds else {})}, target=_ATTRIBUTES)

    def indices(self, faces: NDArray[np.int64]) -> int:
        """The corners of the triangles (F, 3), in as few bytes as they need. The number of the accessor."""
        # The largest number of each kind would mean that a strip begins again (section 3.7.2.1).
        kind = np.uint16 if faces.max() < np.iinfo(np.uint16).max else np.uint32
        return self._accessor(faces.reshape(-1, 1).astype(kind), {}, target=_INDICES)

    def matrices(self, matrices: Floats) -> int:
        """Matrices (n, 4, 4), which glTF stores by columns. The number of the accessor."""
        return self._accessor(matrices.swapaxes(1, 2).reshape(-1, 16).astype(np.float32), {})

    def begin_with_zeros(self, count: int) -> None:
        """Put `count` rows of zeros before all else, for `sparse` to come.

        Godot 3 takes the first numbers of the file for the zeros that a sparse accessor leaves out. To name them in
        each would not do: Babylon 9 writes what the accessors store into the one array that they share. So the first
        of them names the zeros, since what nothing names is an object without a use, and the others leave them out.
        """
        if self.json.get("bufferViews"):
            raise ValueError("begin_with_zeros: there are numbers in the file already; call it first")
        self._zeros = {"bufferView": self._view(np.zeros((count, 3), np.float32), _ATTRIBUTES)}

    def sparse(self, values: NDArray[np.float32]) -> int:
        """Rows (V, 3) that are mostly zero: only the others are stored (section 3.6.2.3). The accessor's number.

        They go into zeros, which need not be in the file: see `begin_with_zeros`.
        """
        rows = np.flatnonzero(values.any(1))
        if not len(rows):  # at least one has to be there
            rows = np.zeros(1, np.int64)
        kind = np.uint16 if len(values) <= np.iinfo(np.uint16).max else np.uint32
        stored = {
            "count": len(rows),
            "indices": {"bufferView": self._view(rows.astype(kind)), "componentType": _CODES[np.dtype(kind)]},
            "values": {"bufferView": self._view(values[rows])},
        }
        base, self._zeros = self._zeros, {}
        return self.add("accessors", {**base, **_kind(values), **_bounds(values), "sparse": stored})

    def animation(self, name: str, times: Floats, channels: Mapping[tuple[int, str], Floats]) -> int:
        """What nodes do over time, straight from key to key (section 3.11); the number of the animation.

        Args:
            name: what a player calls it.
            times: (T,) seconds, rising.
            channels: (node, "translation", "rotation" or "scale") -> (T, width); (node, "weights") -> (T x shapes, 1),
                all shapes of a key before those of the next.
        """
        keys = self._accessor(times[:, None].astype(np.float32), _bounds(times[:, None].astype(np.float32)))
        samplers = [
            {"input": keys, "output": self._accessor(values.astype(np.float32), {})} for values in channels.values()
        ]
        targets = [
            {"sampler": number, "target": {"node": node, "path": path}} for number, (node, path) in enumerate(channels)
        ]
        return self.add("animations", {"name": name, "samplers": samplers, "channels": targets})

    def texture(self, picture: bytes) -> int:
        """A PNG or JPEG file, kept inside as it is; the number of the texture.

        Raises:
            ValueError: a picture of another kind.
        """
        kind = next((name for first, name in _PICTURES.items() if picture.startswith(first)), None)
        if kind is None:
            raise ValueError(f"picture begins with {picture[:8]!r}: glTF holds PNG and JPEG files alone; convert it")
        image = self.add("images", {"bufferView": self._view(np.frombuffer(picture, np.uint8)), "mimeType": kind})
        return self.add("textures", {"source": image})

    def content(self) -> bytes:
        """The GLB file (section 4.4): a header, and the two chunks, each padded to a multiple of four bytes."""
        body = bytes(self._bytes) + bytes(-len(self._bytes) % 4)
        text = json.dumps({**self.json, "buffers": [{"byteLength": len(self._bytes)}]}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        chunks = b"".join(
            struct.pack("<I4s", len(chunk), kind) + chunk for kind, chunk in ((JSON_CHUNK, text), (BINARY_CHUNK, body))
        )
        return struct.pack("<4sII", MAGIC, 2, 12 + len(chunks)) + chunks

    def write(self, path: Path) -> None:
        """Write the GLB file, whole or not at all."""
        with whole(path) as part:
            part.write_bytes(self.content())

    def _accessor(self, values: NDArray[Any], more: Json, target: int | None = None) -> int:
        return self.add("accessors", {"bufferView": self._view(values, target), **_kind(values), **more})

    def _view(self, values: NDArray[Any], target: int | None = None) -> int:
        """A bufferView of its own for these numbers; it begins at a multiple of four bytes, as all kinds allow."""
        self._bytes += bytes(-len(self._bytes) % 4)
        place = {"buffer": 0, "byteOffset": len(self._bytes), "byteLength": values.nbytes}
        self._bytes += values.astype(values.dtype.newbyteorder("<")).tobytes()
        return self.add("bufferViews", place if target is None else {**place, "target": target})


def _kind(values: NDArray[Any]) -> Json:
    width = values.shape[1]
    return {"componentType": _CODES[values.dtype], "count": len(values), "type": _TYPES[width]}


def _bounds(values: NDArray[Any]) -> Json:
    """The least and the largest number of each column, as they are stored."""
    return {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
