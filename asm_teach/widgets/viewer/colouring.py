"""Which colours the meshes of a view wear now, and the numbers behind them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asm_teach.data.skin_tones import CLAY
from asm_teach.drawing import still
from asm_teach.geometry.mesh import Mesh
from asm_teach.widgets.base import colours

MODES = ("plain", "texture", "uv", "weights", "bones", "error")
_MISSING = {
    "bones": "no weights (V, J) yet: pass them as weights= to the viewer, or colour_by('weights', values=...) first",
    "texture": "the mesh has no texture with UV: read it from a file that has one",
    "uv": "the mesh has no UV: read it from a file that has one",
}
# Tones of the named parts that are no skin.
_PARTS = {
    "eyes": (0.86, 0.83, 0.80),
    "teeth": (0.90, 0.88, 0.83),
    "eye_interior": (0.66, 0.52, 0.47),
    "mouth_interior": (0.45, 0.26, 0.24),
}


_OVER = ((0.25, 0.52, 0.83), (0.20, 0.60, 0.42), (0.62, 0.35, 0.66))  # plain tones of meshes that lie over the first


class Colouring:
    """The colour mode of some meshes, name -> `Mesh`, and the values given for each mode.

    Where the meshes lie one over the other (`overlay`), plain means clay for the first and a tone of its own for each
    of the others.

    Attributes:
        mode: one of `MODES`.
        bone: the selected bone, or None for all bones.
        bone_names: J names, or nothing.
    """

    def __init__(self, meshes: Mapping[str, Mesh], overlay: bool = False) -> None:
        self.mode = "plain"
        self.bone: int | None = None
        self.bone_names: tuple[str, ...] = ()
        self._meshes = dict(meshes)
        self._skin = {
            name: np.broadcast_to(self.tone(i), (len(mesh.vertices), 3)) if overlay and i else skin_colours(mesh)
            for i, (name, mesh) in enumerate(meshes.items())
        }
        self._values: dict[str, dict[str, NDArray[np.float64]]] = {}
        self._limits: dict[str, tuple[float, float]] = {}
        self._labels = {"weights": "weight", "error": "error, mm"}

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes that these meshes have data for."""
        uv = all(mesh.uv is not None for mesh in self._meshes.values())
        texture = uv and all(mesh.texture is not None for mesh in self._meshes.values())
        there = {"plain": True, "uv": uv, "texture": texture, **dict.fromkeys(self._values, True)}
        there["bones"] = all(one.ndim == 2 for one in self._values.get("weights", {"": np.zeros(0)}).values())
        return tuple(mode for mode in MODES if there.get(mode))

    def choose(
        self,
        mode: str,
        values: ArrayLike | Mapping[str, ArrayLike] | None = None,
        limits: tuple[float, float] | None = None,
        label: str | None = None,
    ) -> None:
        """See `Viewer.colour_by`."""
        if mode not in MODES:
            raise ValueError(f"mode is {mode!r}: choose one of {', '.join(MODES)}")
        if limits is not None and not limits[0] < limits[1]:
            raise ValueError(f"limits is {limits}: the first number must be smaller than the second")
        if values is not None:
            self.store(mode, values)
        if mode not in self.modes:
            raise ValueError(_MISSING.get(mode, f"no values yet for the colours {mode!r}: pass them as values="))
        if limits is not None:
            self._limits[mode] = (float(limits[0]), float(limits[1]))
        if label is not None:
            self._labels[mode] = label
        self.mode = mode

    def store(self, mode: str, values: ArrayLike | Mapping[str, ArrayLike]) -> None:
        """Keep the numbers of a mode, checked, and forget the limits of the numbers before."""
        if mode not in colours.SCALAR_MAPS:
            raise ValueError(f"values cannot be shown in the colours {mode!r}: use 'weights' or 'error'")
        table = values if isinstance(values, Mapping) else dict.fromkeys(list(self._meshes)[:1], values)
        numbers = {name: still.to_numpy(one) for name, one in table.items()}
        if set(numbers) != set(self._meshes):
            raise ValueError(
                f"values is given for {', '.join(numbers)}, but the meshes on show are {', '.join(self._meshes)}: "
                "give name -> values for each of them"
            )
        for name, one in numbers.items():
            count = len(self._meshes[name].vertices)
            if one.ndim not in ((1, 2) if mode == "weights" else (1,)) or len(one) != count:
                wanted = f"({count}, bones) or ({count},)" if mode == "weights" else f"({count},)"
                raise ValueError(f"values has shape {one.shape}: the mesh has {count} vertices, give {wanted}")
        self._values[mode] = numbers
        self._limits.pop(mode, None)

    # -- what to draw --------------------------------------------------------------------------------------

    @property
    def textured(self) -> bool:
        """Whether the colours come from a texture rather than from the vertices."""
        return self.mode in ("texture", "uv")

    @property
    def scalar(self) -> bool:
        """Whether each vertex shows one number, with a scale."""
        if self.mode not in self._values:
            return False
        return self.bone is not None or all(one.ndim == 1 for one in self._values[self.mode].values())

    @property
    def contrast(self) -> float:
        """Of the light: softer on data, so that its colours stay close to those of the scale."""
        return 1.0 if self.mode in ("plain", "texture") else 0.55

    def vertex_colours(self, name: str) -> NDArray[np.float64]:
        """(V, 3) in [0, 1]."""
        if self.scalar:
            return colours.scalar_colours(self._numbers(name), self.limits, colours.SCALAR_MAPS[self.mode])
        if self.mode in ("weights", "bones"):
            return colours.bone_colours(self._values["weights"][name])
        return self._skin[name]

    def tone(self, index: int) -> NDArray[np.float64]:
        """(3,) what a key shows for mesh number `index` in plain colours."""
        return np.array(_OVER[(index - 1) % len(_OVER)] if index else CLAY)

    def texture(self, name: str) -> NDArray[np.float64]:
        """(H, W, 3) in [0, 1], row 0 at v = 1."""
        return colours.uv_picture() if self.mode == "uv" else still.to_numpy(self._meshes[name].texture)

    @property
    def limits(self) -> tuple[float, float]:
        """The numbers at the two ends of the scale."""
        if self.mode in self._limits:
            return self._limits[self.mode]
        # few vertices have weights of one bone, and those are what is looked for; the largest errors are outliers
        percentile = 100 if self.mode == "weights" else 98
        return colours.nice_limits(np.concatenate([self._numbers(name) for name in self._meshes]), percentile)

    # -- what to say ---------------------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """What the numbers are."""
        label = self._labels[self.mode]
        return f"{label} of {self.bone_name}" if self.mode == "weights" and self.bone is not None else label

    @property
    def bone_name(self) -> str:
        """The selected bone's name."""
        bone = self.bone or 0
        return self.bone_names[bone] if bone < len(self.bone_names) else f"number {bone}"

    @property
    def key(self) -> str:
        """HTML that explains the colours; empty where nothing needs explaining."""
        if self.mode == "uv":
            return colours.uv_key(colours.uv_picture(336))
        if self.scalar:
            return colours.scale_bar(self.limits, colours.SCALAR_MAPS[self.mode], self.label)
        return ""

    @property
    def words(self) -> str:
        """The colours in words."""
        if self.mode == "weights":
            if self.bone is None and self.scalar and self.label != "weight":
                return f"colours show {self.label}"  # numbers of the caller's own, of no bone
            return f"weights of bone {self.bone_name}" if self.scalar else "weights of all bones"
        if self.mode == "bones":
            return "one colour per bone, mixed by the weights"
        if self.mode != "error":
            return {"plain": "plain colours", "texture": "texture", "uv": "UV colours"}[self.mode]
        numbers = np.concatenate([self._numbers(name) for name in self._meshes])
        known = numbers[np.isfinite(numbers)]
        words = f"colours show {self.label}"
        if known.size:
            words += f" (mean {known.mean():.3g}, largest {known.max():.3g})"
        if known.size < numbers.size:
            words += f", {numbers.size - known.size} vertices without a value are grey"
        return words

    def _numbers(self, name: str) -> NDArray[np.float64]:
        values = self._values[self.mode][name]
        return values if values.ndim == 1 else values[:, self.bone or 0]


def skin_colours(mesh: Mesh) -> NDArray[np.float64]:
    """(V, 3): clay, with eyes, teeth and the inside of the mouth in their own tones where the mesh names them."""
    table = np.broadcast_to(np.array(CLAY), (len(mesh.vertices), 3)).copy()
    faces = still.to_numpy(mesh.faces).astype(np.int64)
    for name in _PARTS.keys() & mesh.parts.keys():
        table[faces[still.to_numpy(mesh.parts[name]).astype(np.int64)].ravel()] = _PARTS[name]
    return table
