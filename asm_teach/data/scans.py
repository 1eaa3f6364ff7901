"""The fetched heads and photographs, in this project's units: millimetres, pixels, +x the person's left.

Each comes with its licence in words; show it beside the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from asm_teach.data.assets import asset_licence, asset_path, fetch
from asm_teach.data.landmark_files import ibug68, read_ljson, read_tem
from asm_teach.formats.pictures import read_picture
from asm_teach.geometry.mesh import Mesh, read_mesh

_PHOTOGRAPH_SETS = ("lisa", "zoom", "london")
# Lee Perry-Smith comes without landmarks. These, in mm by iBUG's numbers, were read off pictures of the scan to some
# 2 mm and lie on it; the nose root (27) is the deepest point of the nose's profile, the nose base (33) is in front of
# where nose and lip meet, as on the embedded heads.
_LEE_PERRY_SMITH = {
    8: (-4.2, -22.0, 107.5), 27: (-5.2, 92.0, 106.7), 30: (-4.9, 56.9, 129.0), 33: (-4.9, 46.7, 121.4),
    36: (-52.2, 81.7, 82.9), 39: (-19.2, 84.9, 92.0), 42: (9.1, 84.9, 91.7), 45: (41.9, 81.8, 82.0),
    48: (-23.8, 19.3, 103.9), 51: (-4.2, 29.7, 117.0), 54: (17.8, 19.6, 103.5), 57: (-4.2, 15.1, 114.6),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scan:
    """A real head.

    Attributes:
        name: the asset it comes from.
        mesh: vertices in mm, with UV and texture.
        landmarks: (68, 3) mm in iBUG's order, NaN where unknown.
        photographs: the pictures (H, W, 3) it was made from, where they are known.
        metric: False when the source has no unit, so that mm are only a likely size: compare it after a
            similarity alignment.
        licence: licence and attribution in words.
    """

    name: str
    mesh: Mesh
    landmarks: Tensor
    photographs: tuple[Tensor, ...]
    metric: bool
    licence: str


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture (H, W, 3) in [0, 1] with points (n, 2) set by hand, in pixels, x right and y down."""

    name: str
    image: Tensor
    points: Tensor
    licence: str


@dataclass(frozen=True, eq=False)
class FaceKit:
    """The face of ICT-FaceKit.

    Attributes:
        mesh: the template, V = 9,409 vertices in mm, with quads and one UV for each vertex (injective).
        modes: name -> (V, 3) mm, what the shape adds to the template; identity modes for a coefficient of 1.
        licence: licence and attribution in words.
    """

    mesh: Mesh
    modes: Mapping[str, Tensor]
    licence: str


def load_scan(name: str, progress: bool = True) -> Scan:
    """Load "james" (metric, with its two photographs) or "lee-perry-smith" (eyes closed, no unit).

    Raises:
        ValueError: another name, or a checksum that does not match.
        AssetUnavailable: the files are not here and cannot be downloaded.
    """
    loaders = {"james": _james, "lee-perry-smith": _lee_perry_smith}
    if name not in loaders:
        raise ValueError(f"name: there is no scan {name!r}; the scans are {', '.join(loaders)}")
    return loaders[name](progress)


def load_photographs(name: str, progress: bool = True) -> list[Photograph]:
    """Load the photographs "lisa", "zoom" or "london" with their points by name; raises as `load_scan`."""
    if name not in _PHOTOGRAPH_SETS:
        raise ValueError(f"name: there are no photographs {name!r}; choose from {', '.join(_PHOTOGRAPH_SETS)}")
    folder = fetch(name, progress)
    pictures = sorted(folder.glob("*.jpg"))
    return [
        Photograph(path.stem, read_picture(path), read_tem(path.with_suffix(".tem")).float(), asset_licence(name))
        for path in pictures
    ]


def load_facekit(
    names: Sequence[str] = ("identity000", "identity001", "jawOpen", "mouthSmile_L"), progress: bool = True
) -> FaceKit:
    """Load the face of ICT-FaceKit from its original files: the template and the modes with these names.

    Names are those of the files without `.obj`: identity000 to identity099 and the expressions. Each is a
    file of 2.6 MB. Raises as `load_scan`.
    """
    licence = asset_licence("ict-facekit")
    whole = _facekit_shape("generic_neutral_mesh", progress)
    # The face is vertices 0 to 9,408. Its chart has a cut without a gap, 138 vertices with the same UV twice;
    # taking one UV for each vertex closes it.
    face = whole.part("M_Face")
    count = len(face.vertices)
    template = replace(face, vertices=10 * face.vertices, uv=face.vertex_uv(), uv_faces=None)
    modes = {}
    for name in names:
        shape = _facekit_shape(name, progress)
        if shape.vertices.shape != whole.vertices.shape:
            raise ValueError(f"names: {name!r} has {len(shape.vertices)} vertices, not those of the template")
        modes[name] = 10 * (shape.vertices - whole.vertices)[:count]
    return FaceKit(template, modes, licence)


def _facekit_shape(name: str, progress: bool) -> Mesh:
    return read_mesh(asset_path("ict-facekit", f"{name}.obj", progress))


def _james(progress: bool) -> Scan:
    folder = fetch("james", progress)
    mesh = read_mesh(folder / "james.obj")
    landmarks = ibug68(read_ljson(folder / "james.ljson")).float()
    assert mesh.texture is not None
    left, right = (
        mesh.texture[:, :1200],
        mesh.texture[:, 1200:],
    )  # the two photographs of the rig side by side
    return Scan("james", mesh, landmarks, (left, right), True, asset_licence("james"))


def _lee_perry_smith(progress: bool) -> Scan:
    name = "lee-perry-smith"
    folder = fetch(name, progress)
    mesh = read_mesh(folder / "LeePerrySmith.glb")
    assert mesh.uv is not None
    # This file lets v point up, against the rules of glTF, so the reader has turned it over for nothing.
    uv = torch.stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]], -1)
    # It has no unit. At 50 mm the head is 228 mm high from chin to crown and 180 mm wide with the ears.
    mesh = replace(mesh, vertices=50 * mesh.vertices, uv=uv, texture=read_picture(folder / "color.jpg"))
    landmarks = torch.full((68, 3), torch.nan)
    landmarks[list(_LEE_PERRY_SMITH)] = torch.tensor(list(_LEE_PERRY_SMITH.values()))
    return Scan(name, mesh, landmarks, (), False, asset_licence(name))
