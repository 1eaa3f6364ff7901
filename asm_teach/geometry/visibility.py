"""Which points of a surface can be seen from outside: the skin, and not what lies behind the lids or in the mouth."""

from __future__ import annotations

from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from asm_teach.base.arrays import Bools, Floats
from asm_teach.base.checks import check_points
from asm_teach.geometry.closest_point import Surface, to_array
from asm_teach.geometry.mesh import Mesh, vertex_normals

BEFORE = 1.0  # mm: a triangle that lies this far before a point hides it; less is the point's own surface
_AT_ONCE = 2000  # triangles: bounds the memory


def seen_from(points: Tensor, mesh: Mesh, directions: Tensor) -> Tensor:
    """Which points can be seen from far away, past the mesh, in any of some directions.

    Args:
        points: (n, 3) mm.
        mesh: what may hide them.
        directions: (d, 3) towards the viewers, of any length.

    Returns:
        (n,) bool.

    Raises:
        ValueError: NaN, wrong shapes, a direction of zero.
    """
    check_points(points, "points", 3)
    check_points(directions, "directions", 3)
    if not (torch.linalg.vector_norm(directions, dim=1) > 0).all():
        raise ValueError("directions: one of them is (0, 0, 0); give vectors that point towards the viewers")
    at, corners = to_array(points), to_array(mesh.vertices)[mesh.faces.cpu().numpy()]
    seen = np.zeros(len(at), dtype=bool)
    for direction in to_array(directions):
        if seen.all():
            break
        seen[~seen] = ~_hidden(at[~seen], corners, direction / np.linalg.norm(direction))
    return torch.from_numpy(seen).to(points.device)


def exposed(vertices: Tensor, faces: Tensor, height: float = 5.0) -> Tensor:
    """How open the surface is before each vertex, (V,) from 0 to 1: little inside lips and nostrils, unseen by scans.

    It is how far a point `height` mm above the vertex is from the surface, as a share of that height.
    """
    above = vertices + height * vertex_normals(vertices, faces)
    _, distance, _ = Surface(vertices, faces).closest(to_array(above))
    share = torch.from_numpy(distance).to(vertices) / height
    return ((share - 0.5) / 0.4).clamp(0, 1)


class Contour(NamedTuple):
    """Points of an occluding contour.

    Attributes:
        corners: (n, 3) int64, the vertices of the triangle of each.
        barycentric: (n, 3), where in it.
        length: (n,) mm of the contour that each stands for.
    """

    corners: Tensor
    barycentric: Tensor
    length: Tensor


def occluding_contour(vertices: Tensor, normals: Tensor, faces: Tensor, centre: Tensor) -> Contour:
    """Where a smooth surface turns away from a camera: one point for each triangle that the contour crosses.

    The normal is at right angles to the line of sight there. It is interpolated between the vertices, after Hertzmann
    and Zorin, "Illustrating smooth surfaces", SIGGRAPH 2000: the edges between triangles that face the camera and those
    that do not would zigzag. What hides a point is not looked at. The points of eq. (8.4); derived in lesson 8.

    Args:
        vertices: (V, 3) mm.
        normals: (V, 3) of the vertices.
        faces: (F, 3) int64, the triangles that are looked at.
        centre: (3,) mm, where the camera stands.
    """
    turn = (normals * (centre - vertices)).sum(1)[faces]  # (F, 3): above 0 in front
    front = turn > 0
    crossed = front.any(1) & ~front.all(1)
    faces, turn, front = faces[crossed], turn[crossed], front[crossed]
    # Each triangle has one corner on the one side of the contour and two on the other. It comes first.
    single = torch.where(front.sum(1) == 1, front.int().argmax(1), (~front).int().argmax(1))
    order = (single[:, None] + torch.arange(3, device=faces.device)) % 3
    faces, turn = faces.gather(1, order), turn.gather(1, order)
    share = turn[:, :1] / (turn[:, :1] - turn[:, 1:])  # (n, 2) of the way from the first corner to each other one
    ends = vertices.new_zeros(len(faces), 2, 3)
    ends[..., 0] = 1 - share
    ends[:, 0, 1], ends[:, 1, 2] = share[:, 0], share[:, 1]
    length = torch.linalg.vector_norm((ends[:, :1] - ends[:, 1:]) @ vertices[faces], dim=2)[:, 0]
    return Contour(faces, ends.mean(1), length)


def _hidden(points: Floats, corners: Floats, direction: Floats) -> Bools:
    """Whether a triangle (F, 3, 3) lies between each point and its viewer, (n,)."""
    axes = np.linalg.svd(direction[None])[2][1:].T  # (3, 2), the plane of the picture
    flat, depth, flat_points = corners @ axes, corners @ direction, points @ axes
    edge1, edge2 = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    area = _cross(edge1, edge2)
    centre = flat.mean(1)
    reach = np.linalg.norm(flat - centre[:, None], axis=2).max(1)
    tree = cKDTree(flat_points)
    hidden = np.zeros(len(points), dtype=bool)
    whole = np.flatnonzero(area != 0)  # a triangle seen edge on hides nothing
    for faces in np.array_split(whole, len(whole) // _AT_ONCE + 1):
        lists = tree.query_ball_point(centre[faces], reach[faces])
        counts = np.fromiter(map(len, lists), np.int64, len(lists))
        row = np.fromiter(chain.from_iterable(lists), np.int64, int(counts.sum()))
        face = np.repeat(faces, counts)
        offset = flat_points[row] - flat[face, 0]
        second, third = _cross(offset, edge2[face]) / area[face], _cross(edge1[face], offset) / area[face]
        inside = (second >= 0) & (third >= 0) & (second + third <= 1)
        row, face, second, third = row[inside], face[inside], second[inside], third[inside]
        there = depth[face, 0] * (1 - second - third) + depth[face, 1] * second + depth[face, 2] * third
        hidden[row[there > points[row] @ direction + BEFORE]] = True
    return hidden


def _cross(a: Floats, b: Floats) -> Floats:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
