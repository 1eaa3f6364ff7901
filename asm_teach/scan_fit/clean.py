"""What is taken away from a raw scan before a model is fitted to it, each time with a sentence that says so."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from asm_teach.geometry.closest_point import to_array
from asm_teach.geometry.mesh import Mesh, face_areas
from asm_teach.geometry.mesh_edges import connected_pieces

_FAR = 20  # times the median distance from the middle: nothing of a head, or of two people, is as far
_FLAT = 1e-6  # of the median area: a triangle with less has none but for rounding


def clean(mesh: Mesh, mask: Tensor | None = None) -> tuple[Mesh, list[str]]:
    """Drop what `mask` leaves out, vertices absurdly far away, triangles without area, doubles, unused vertices.

    Args:
        mesh: a scan in any unit.
        mask: (V,) or (F,) bool, what of it counts; None for all. Where V = F it is taken for vertices.

    Returns:
        the mesh, and a sentence for each thing that was found.

    Raises:
        ValueError: a mask that does not fit, or nothing is left.
    """
    if mask is not None:
        mesh = keep_faces(mesh, _masked(mask, mesh))
    vertices, faces = mesh.vertices.detach().cpu(), mesh.faces.cpu()
    used = _used(faces, len(vertices))
    points = vertices.double()
    away = torch.linalg.vector_norm(points - points[used].median(0).values, dim=1)
    far = used & (away > _FAR * away[used].median())
    areas = face_areas(vertices, faces)
    spoilt = far[faces].any(1)
    flat = ~spoilt & (areas <= _FLAT * areas.median())
    double = ~spoilt & ~flat & repeated(faces)
    kept = ~(spoilt | flat | double)
    if not kept.any():
        raise ValueError("scan: no triangle with an area is left of it; look at it in a mesh viewer")
    found = {
        "vertices that no triangle uses": ~used,
        "vertices absurdly far from all others": far,
        "triangles without area": flat,
        "triangles that stood there twice": double,
    }
    notes = [f"Dropped {what}: {int(which.sum()):,}." for what, which in found.items() if which.any()]
    return keep_faces(mesh, kept), notes


def keep_faces(mesh: Mesh, kept: Tensor) -> Mesh:
    """The mesh of some triangles (F,) bool with their UV and texture, and of the vertices that they use."""
    kept = kept.to(mesh.faces.device)
    faces, used = _compact(mesh.faces[kept], len(mesh.vertices))
    if len(used) == len(mesh.vertices) and len(faces) == len(mesh.faces):
        return mesh
    uv, uv_faces = mesh.uv, None
    if uv is not None and mesh.uv_faces is None:
        uv = uv[used]
    elif uv is not None and mesh.uv_faces is not None:
        uv_faces, used_uv = _compact(mesh.uv_faces[kept], len(uv))
        uv = uv[used_uv]
    return Mesh(mesh.vertices[used], faces, uv, uv_faces, mesh.texture)


def simplify(mesh: Mesh, most: int) -> Mesh:
    """At most `most` triangles: the vertices in each cell of a grid become one, their mean. Loses the UV."""
    vertices, faces = mesh.vertices, mesh.faces
    # A surface meets some 1.5 cells for each of a cell's size, and has two triangles in each.
    cell = float((3 * face_areas(vertices, faces).sum() / most).sqrt())
    while len(faces) > most:
        place = ((vertices - vertices.min(0).values) / cell).long()
        span = place.max(0).values + 1
        cells, member = torch.unique((place[:, 0] * span[1] + place[:, 1]) * span[2] + place[:, 2], return_inverse=True)
        corners = member[mesh.faces]
        corners = corners[(corners != corners.roll(1, 1)).all(1)]
        faces = corners[~repeated(corners).to(corners.device)]
        cell *= 1.1
    mean = torch.zeros(len(cells), 3).to(vertices).index_add_(0, member, vertices)
    mean = mean / torch.bincount(member)[:, None]
    return keep_faces(Mesh(mean, faces), torch.ones(len(faces), dtype=torch.bool))


def round_points(mesh: Mesh, points: np.ndarray, margin: float, reach: float) -> Tensor:
    """Which triangles (F,) lie within `margin` of points (n, 3), in connected pieces that come within `reach`."""
    vertices, faces = to_array(mesh.vertices), mesh.faces.cpu().numpy()
    away = cKDTree(points).query(vertices, distance_upper_bound=margin)[0]  # infinite beyond it
    within = np.isfinite(away[faces]).all(1)
    # A file with UV often has a vertex twice along a seam: the same place counts as the same vertex.
    place = np.unique(vertices, axis=0, return_inverse=True)[1].reshape(-1)
    piece = connected_pieces(torch.from_numpy(place[faces[within]])).numpy()
    within[within] = np.isin(piece, piece[(away[faces[within]] < reach).any(1)])
    return torch.from_numpy(within)


def repeated(faces: Tensor) -> Tensor:
    """Which triangles (F,) have the same three corners as one before them, in whatever order."""
    corners = np.sort(faces.cpu().numpy(), 1)
    order = np.lexsort(corners.T)  # stable: the first in the file comes first
    again = np.zeros(len(corners), bool)
    again[order[1:]] = (corners[order[1:]] == corners[order[:-1]]).all(1)
    return torch.from_numpy(again)


def _masked(mask: Tensor, mesh: Mesh) -> Tensor:
    count, total = len(mesh.vertices), len(mesh.faces)
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape not in ((count,), (total,)):
        found = f"{mask.dtype} of shape {tuple(mask.shape)}" if isinstance(mask, Tensor) else type(mask).__name__
        raise ValueError(f"mask: found {found}; give ({count},) bool for vertices or ({total},) bool for triangles")
    mask = mask.to(mesh.faces.device)
    kept = mask[mesh.faces].all(1) if len(mask) == count else mask
    if not kept.any():
        raise ValueError("mask: it leaves no triangle of the scan; True is what counts")
    return kept


def _compact(faces: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Faces numbered anew, and which of `count` rows they use, (n,) in order."""
    used = _used(faces, count)
    return (used.cumsum(0) - 1)[faces], used.nonzero()[:, 0]


def _used(faces: Tensor, count: int) -> Tensor:
    used = torch.zeros(count, dtype=torch.bool, device=faces.device)
    used[faces.reshape(-1)] = True
    return used
