"""glTF 2.0, one primitive: the positions, UV, influences and triangles of a piece of a mesh, Draco-packed or not."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from asm_teach.base.arrays import Floats, Ints
from asm_teach.formats.gltf.container import (
    DRACO,
    GLOSSINESS,
    MOST,
    TEXTURE_TRANSFORM,
    UNPACK,
    WIDTHS,
    Gltf,
    Json,
    extension,
    members,
    numbers,
    scaled,
    whole_number,
)

_TRIANGLES, _STRIP, _FAN = 4, 5, 6  # points and lines have smaller numbers (section 3.7.2.1)


class Primitive:
    """One primitive of a glTF mesh.

    Attributes:
        has_surface: it has positions and is made of triangles, not of points or lines.
        colour: which texture gives its base colour, by which UV: the `textureInfo` of its material, or None.
    """

    def __init__(self, gltf: Gltf, data: Json) -> None:
        self._gltf, self._data = gltf, data
        self._attributes: Json = data["attributes"]
        self._mode = whole_number(data, "mode", _TRIANGLES)
        self.has_surface = "POSITION" in self._attributes and self._mode >= _TRIANGLES
        self.colour = _base_colour(gltf, data)
        packed = extension(data, DRACO)
        # Where the extension is not required, the same numbers stand in the file unpacked as well.
        is_packed = packed is not None and self.has_surface and "bufferView" not in self._accessor("POSITION")
        self._draco = _unpacked(gltf, packed) if packed is not None and is_packed else None

    def count(self) -> int:
        """The number of vertices."""
        return self._gltf.count(self._attributes["POSITION"]) if self._draco is None else len(self._draco.points)

    def vertex_key(self, shapes: bool = False) -> str | None:
        """A text shared by primitives whose vertices are the same numbers of the file, or None if they are its own.

        `shapes`: their morph targets have to be the same as well.
        """
        if self._draco is not None:
            return None
        uv_name = self._uv_name()
        used = {
            k: v for k, v in self._attributes.items() if k in ("POSITION", uv_name) or k[:6] in ("JOINTS", "WEIGHT")
        }
        targets = self._data.get("targets") if shapes else None
        return json.dumps([used, uv_name, self._uv_transform(), targets], sort_keys=True)

    def positions(self) -> Floats:
        """(V, 3), before the node places them."""
        return self._values("POSITION", "VEC3")

    def uv(self) -> Floats | None:
        """(V, 2), v up: the set that the material takes for the base colour, with its transform; else the first."""
        name = self._uv_name()
        if name is None:
            return None
        uv, transform = self._values(name, "VEC2"), self._uv_transform()
        if transform:
            # Scale, turn, move. The picture's v points down, so what is counter-clockwise to the eye has this sign.
            (angle,) = numbers({"rotation": [transform.get("rotation", 0.0)]}, "rotation", (0.0,))
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            uv = uv * numbers(transform, "scale", (1.0, 1.0)) @ turn.T + numbers(transform, "offset", (0.0, 0.0))
        uv[:, 1] = 1 - uv[:, 1]
        return uv

    def influences(self) -> list[tuple[Ints, Floats]]:
        """Joints (V, 4) and their weights (V, 4), for each of its sets; no sets where it has none."""
        sets: list[tuple[Ints, Floats]] = []
        while f"JOINTS_{len(sets)}" in self._attributes and f"WEIGHTS_{len(sets)}" in self._attributes:
            joints = self._values(f"JOINTS_{len(sets)}", "VEC4").astype(np.int64)
            sets.append((joints, self._values(f"WEIGHTS_{len(sets)}", "VEC4")))
        return sets

    def targets(self, mesh: Json) -> dict[str, Floats]:
        """What each morph target adds to the positions, name -> (V, 3); zeros where it moves something else.

        The names stand in what the mesh, or this primitive, says to programs that know them (`extras.targetNames`).
        """
        count, targets, found = self.count(), members(self._data, "targets"), dict[str, Floats]()
        if count * 3 * len(targets) > MOST["elements"]:
            raise ValueError(
                f"{len(targets)} morph targets of {count} vertices are more than the {MOST['elements']} numbers that "
                "are read: thin the mesh out, or leave targets out"
            )
        names = _target_names(mesh) or _target_names(self._data)
        for number, target in enumerate(targets):
            name = str(names[number]) if number < len(names) else f"target_{number}"
            while name in found:
                name += "_"
            at = target.get("POSITION")
            moved = np.zeros((count, 3)) if at is None else self._gltf.values(at, "VEC3")
            found[name] = self._whole(f"morph target {name[:80]}", moved, 3)
        return found

    def triangles(self) -> Ints:
        """(F, 3) vertex numbers. Corners that are too few for a last triangle are dropped, as graphics cards do."""
        count = self.count()
        if self._draco is not None:
            corners = np.asarray(self._draco.faces).astype(np.int64).reshape(-1)
        elif "indices" in self._data:
            corners = self._gltf.indices(self._data["indices"])
        else:
            corners = np.arange(count)
        if len(corners) and not 0 <= corners.min() <= corners.max() < count:
            raise ValueError(
                f"a triangle names vertex {corners.max()} of {count}, numbered from 0: the file is damaged; fetch or "
                "export it again"
            )
        if self._mode == _TRIANGLES or self._draco is not None:
            return corners[: len(corners) // 3 * 3].reshape(-1, 3)
        step = np.arange(max(len(corners) - 2, 0))
        odd = step % 2
        if self._mode == _FAN:
            pattern = step + 1, step + 2, 0 * step
        else:
            pattern = step, step + 1 + odd, step + 2 - odd
        faces: Ints = corners[np.stack(pattern, -1)]
        return faces.compress((faces != np.roll(faces, 1, axis=1)).all(1), 0)  # flat ones only tie strips together

    def _accessor(self, attribute: str) -> Json:
        return self._gltf.item("accessors", self._attributes[attribute])

    def _values(self, attribute: str, *types: str) -> Floats:
        if self._draco is None:
            values = self._gltf.values(self._attributes[attribute], *types)
        else:
            # A packed attribute goes by a number of its own; its accessor still says whether it is normalised.
            packed: Json = extension(self._data, DRACO) or {}
            found = self._draco.get_attribute_by_unique_id(packed["attributes"][attribute])
            values = scaled(np.asarray(found["data"]), self._accessor(attribute).get("normalized") is True)
        return self._whole(attribute, values, WIDTHS[types[0]])

    def _whole(self, what: str, values: Floats, width: int) -> Floats:
        """The values, which have to be one row for each vertex."""
        if values.shape != (self.count(), width):
            raise ValueError(
                f"{what} has shape {values.shape} for {self.count()} vertices: the file is damaged; fetch or export it "
                "again"
            )
        return values

    def _uv_name(self) -> str | None:
        colour = self.colour or {}
        chosen = whole_number(self._uv_transform(), "texCoord", whole_number(colour, "texCoord", 0))
        there = sorted(name for name in self._attributes if name.startswith("TEXCOORD_"))
        name = f"TEXCOORD_{chosen}"
        return name if name in there else next(iter(there), None)

    def _uv_transform(self) -> Json:
        return extension(self.colour or {}, TEXTURE_TRANSFORM) or {}


def _target_names(owner: Json) -> list[Any]:
    extras = owner.get("extras")  # may be anything
    names = extras.get("targetNames") if isinstance(extras, dict) else None
    return names if isinstance(names, list) else []


def _base_colour(gltf: Gltf, data: Json) -> Json | None:
    if "material" not in data:
        return None
    material = gltf.item("materials", data["material"])
    colour: Json | None = material.get("pbrMetallicRoughness", {}).get("baseColorTexture")
    return colour or (extension(material, GLOSSINESS) or {}).get("diffuseTexture")


def _unpacked(gltf: Gltf, packed: Json) -> Any:
    """The mesh of a Draco-packed primitive, in the words of DracoPy."""
    try:
        import DracoPy
    except ImportError:
        raise ValueError(
            f"it requires the extension {DRACO}: pip install 'asm_teach[draco]' reads it; or write the file without "
            f"it, {UNPACK}"
        ) from None
    content = bytes(gltf.view(packed["bufferView"]))
    try:
        mesh = DracoPy.decode(content)
        faces = mesh.faces
    except Exception as error:  # it raises kinds of its own, and AttributeError for a cloud of points
        raise ValueError(
            f"its Draco-packed mesh cannot be unpacked ({error}): the file is damaged or cut off"
        ) from None
    if faces is None:
        raise ValueError("its Draco-packed piece is a cloud of points: a mesh needs triangles")
    return mesh
