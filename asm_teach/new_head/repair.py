"""A triangle soup made into one piece of surface: welded, of one side, without knots, with holes that can be closed.

All functions take faces (F, 3) into the vertices of a file and never renumber those: a vertex that goes is one that no
face names any more.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components

from asm_teach.geometry.mesh_edges import edge_list, rim_sides
from asm_teach.geometry.surface_points import Faces, Points

_SAME_PLACE = 1e-6  # of the extent: what a text file's rounding leaves between two copies of a vertex


class Patch(NamedTuple):
    """Some faces of a file: all its vertices (V, 3), the faces (F, 3) into them, and their numbers (F,) in the file."""

    vertices: Points
    faces: Faces
    ids: NDArray[np.int64]

    def keep(self, chosen: NDArray[np.bool_]) -> Patch:
        """The patch of the faces where `chosen` (F,) is True."""
        return Patch(self.vertices, self.faces[chosen], self.ids[chosen])

    @property
    def used(self) -> NDArray[np.int64]:
        """The vertices (n,) that a face names, sorted."""
        return np.unique(self.faces)


def weld(vertices: Points, faces: Faces) -> NDArray[np.int64]:
    """(V,) for each vertex the first one at its place: `weld(vertices, faces)[faces]` is the surface without seams.

    A file doubles the vertices along the seams of its chart. Only vertices on an edge of a single face are welded, so
    closed lips that touch stay two lips.
    """
    edges = edge_list(torch.from_numpy(faces))
    rim = edges.ends[edges.uses == 1].unique().numpy()
    number = np.arange(len(vertices))
    number[rim] = rim[_first_there(vertices, rim)]
    return number


def proper(faces: Faces) -> NDArray[np.bool_]:
    """(F,) which faces have three different corners."""
    return (faces != np.roll(faces, 1, axis=1)).all(1)


def once(vertices: Points, faces: Faces) -> NDArray[np.bool_]:
    """(F,) which faces do not lie where an earlier one lies with all its corners, as on a mesh with two sides."""
    used, local = np.unique(faces, return_inverse=True)
    place = np.sort(_first_there(vertices, used)[local].reshape(faces.shape), axis=1)
    _, first = np.unique(place, axis=0, return_index=True)
    flat = (np.diff(place, axis=1) == 0).any(1)  # a face without area may lie where another one does
    return np.isin(np.arange(len(faces)), first) | flat


def _first_there(vertices: Points, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) for each of some vertices (n,), which of them is the first in its place, up to rounding."""
    if len(chosen) == 0:
        return chosen
    extent = np.ptp(vertices[chosen], axis=0).max()
    place = np.round(vertices[chosen] / max(_SAME_PLACE * extent, 1e-300)) + 0.0  # -0 and 0 are one place
    _, first, inverse = np.unique(place, axis=0, return_index=True, return_inverse=True)
    return first[inverse.ravel()]


def boundary_loops(faces: Faces) -> list[NDArray[np.int64]]:
    """The rims of a surface without knots: vertices in the direction of the faces, one array a loop."""
    follow = dict(rim_sides(torch.from_numpy(faces))[0].tolist())
    loops = []
    while follow:
        loop = [next(iter(follow))]
        while (after := follow.pop(loop[-1])) != loop[0]:
            loop.append(after)
        loops.append(np.array(loop))
    return loops


def without_knots(faces: Faces) -> NDArray[np.bool_]:
    """(F,) which faces to keep so that every edge has at most two of them and those round a vertex are one fan.

    All faces at an edge with three go; of several fans that only share a vertex the largest stays.
    """
    keep = np.ones(len(faces), bool)
    while True:
        at = np.flatnonzero(keep)
        if len(at) == 0:
            return keep
        edges = edge_list(torch.from_numpy(faces[at]))
        knotted = (edges.uses > 2)[edges.of_face].any(1).numpy()
        if not knotted.any():
            knotted = _lesser_fans(faces[at])
        if not knotted.any():
            return keep
        keep[at[knotted]] = False


def turn_together(faces: Faces) -> Faces:
    """The faces of one piece with some turned over, so that neighbours agree which side is out.

    Raises ValueError for a surface with one side only, such as a Moebius strip.
    """
    if not len(_same_way(faces)):
        return faces
    first, second = (side // 3 for side in _pairs(faces))
    graph = csr_matrix((np.ones(len(first)), (first, second)), (len(faces),) * 2)
    order, before = breadth_first_order(graph, 0, directed=False)
    wrong = {(min(a, b), max(a, b)) for a, b in _same_way(faces).tolist()}
    turned = np.zeros(len(faces), bool)
    for face in order[1:].tolist():
        other = int(before[face])
        turned[face] = turned[other] ^ ((min(face, other), max(face, other)) in wrong)
    if 2 * turned.sum() > len(faces):
        turned = ~turned
    faces = np.where(turned[:, None], faces[:, ::-1], faces)
    if len(_same_way(faces)):
        raise ValueError("mesh: this surface has one side only, like a Moebius strip: no chart can hold it; repair it")
    return faces


def handles(faces: Faces) -> int:
    """How many handles one piece without knots has: 0 for a disc with holes or a sphere, 1 for a ring-shaped one."""
    euler = len(np.unique(faces)) - len(edge_list(torch.from_numpy(faces)).ends) + len(faces)
    return (2 - len(boundary_loops(faces)) - euler) // 2


def grow_disc(vertices: Points, faces: Faces, start: int) -> NDArray[np.bool_]:
    """(F,) the faces of a disc grown from the face `start`, the nearest ones first.

    A face joins where it touches the disc along its edges and nowhere else, so no step closes a ring. What stays
    outside are the seams where the growing rim meets itself.
    """
    middle = vertices[faces].mean(1)
    distance = np.linalg.norm(middle - middle[start], axis=1)
    keys = edge_list(torch.from_numpy(faces)).of_face.tolist()
    at_edge: dict[int, list[int]] = {}
    for face, own in enumerate(keys):
        for key in own:
            at_edge.setdefault(key, []).append(face)
    inside, seen, open_edges = np.zeros(len(faces), bool), set(faces[start].tolist()), set(keys[start])
    inside[start] = True
    queue = [(distance[g], g) for key in keys[start] for g in at_edge[key] if g != start]
    heapq.heapify(queue)
    while queue:
        _, face = heapq.heappop(queue)
        shared = open_edges.intersection(keys[face])
        corners = set(faces[face].tolist())
        # Along one edge its third vertex must be new; along two the vertex between them is closed off.
        if inside[face] or not (len(shared) == 2 or (len(shared) == 1 and len(corners & seen) == 2)):
            continue
        inside[face] = True
        seen |= corners
        open_edges ^= set(keys[face])
        for key in keys[face]:
            for other in at_edge[key]:
                if not inside[other]:
                    heapq.heappush(queue, (distance[other], other))
    return inside


def _pairs(faces: Faces) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The two half edges 3 f + k, (E,) and (E,), of every edge that two faces share."""
    edges = edge_list(torch.from_numpy(faces))
    edge, order = edges.of_face.flatten().sort(stable=True)
    first, second = order[edges.uses[edge] == 2].view(-1, 2).T.numpy()
    return first, second


def _same_way(faces: Faces) -> Faces:
    """(n, 2) neighbours that go along their common edge in the same direction: one of them is turned over."""
    first, second = _pairs(faces)
    start = faces.reshape(-1)
    return np.stack([first, second], -1)[start[first] == start[second]] // 3


def _lesser_fans(faces: Faces) -> NDArray[np.bool_]:
    """(F,) faces at a vertex where several fans meet, but for those of the fan with most faces."""
    first, second = _pairs(faces)
    corner = np.arange(faces.size).reshape(faces.shape)
    flat, follow = faces.reshape(-1), np.roll(corner, -1, 1).reshape(-1)
    # The two faces of an edge belong to one fan at either of its ends.
    same = flat[first] == flat[second]
    links = [
        np.stack([first, np.where(same, second, follow[second])]),
        np.stack([follow[first], np.where(same, follow[second], second)]),
    ]
    i, j = np.concatenate(links, 1)
    fan = connected_components(coo_matrix((np.ones(len(i)), (i, j)), (len(flat),) * 2), directed=False)[1]
    size = np.bincount(fan)[fan]
    largest = np.zeros(faces.max() + 1, np.int64)
    np.maximum.at(largest, flat, size * (fan.max() + 1) + fan)  # of equal fans one only
    return (size * (fan.max() + 1) + fan < largest[flat]).reshape(-1, 3).any(1)
