"""The openings of a face, its mouth and its eyes: which side of them a vertex is on, and how their sides meet.

Lips and lids touch, so the nearest place in space may lie on the other one. Along the skin they are far apart: a
vertex belongs to the side whose landmarks are nearer along the edges of the mesh.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from asm_teach.geometry.closest_point import closest_points
from asm_teach.geometry.landmarks import LandmarkSet
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.geometry.mesh_edges import edge_list


class Opening(NamedTuple):
    """An opening by iBUG's landmarks: of its upper and lower side, pairs across it, and mm that its sides reach."""

    upper: tuple[int, ...]
    lower: tuple[int, ...]
    across: tuple[tuple[int, int], ...]
    reach: float = 25.0


MOUTH = Opening((61, 62, 63), (65, 66, 67), ((50, 58), (51, 57), (52, 56)))
EYES = {
    "Right": Opening((37, 38), (40, 41), ((37, 41), (38, 40))),
    "Left": Opening((43, 44), (46, 47), ((43, 47), (44, 46))),
}
_CORNERS = {"Right": (39, 36), "Left": (42, 45)}  # the inner and the outer one
_SEALED = 1.6  # the way along the skin across an opening, in the distance: round a corner it is twice as long
_SHUT = 0.07  # of an eye's width: upper and lower lids nearer than this touch, or are one surface
_CLEAR = 4.0  # mm: round a corner of the opening both sides are about as near, and the skin goes on

_CLOSED = 0.1  # mm between closed lids
_LID = 1.5  # mm: how far a correction of a lid's margin reaches
_LIP = 9.0  # mm from the landmarks: these vertices must not pass through the other lip
_LIP_FACES = 16.0  # mm: how far the surface reaches that they must not pass through
_THICK = 8.0  # mm: what lies farther behind the other lip lies in an open mouth
_ALIKE = 5.0  # mm: what lies nearer than this moves alike where an opening cannot open
_SPREAD = 3.0  # mm: how far round it a vertex that is pushed takes its neighbours along
_ROUNDS = 40


class Sides(NamedTuple):
    """Of each vertex (V,): mm along the skin to the landmarks of the upper and of the lower side; inf if apart."""

    upper: Tensor
    lower: Tensor

    def near(self, reach: float) -> tuple[Tensor, Tensor]:
        """Which vertices (V,) clearly lie on the upper side and on the lower one, no farther than `reach`."""
        lead = self.lower - self.upper
        return (lead > _CLEAR) & (self.upper < reach), (lead < -_CLEAR) & (self.lower < reach)


def sides(mesh: Mesh, opening: Opening) -> Sides:
    """The sides of an opening of a mesh with the landmarks "ibug68"."""
    graph, corners = edges(mesh), mesh.faces[mesh.landmarks["ibug68"].faces]

    def way(points: tuple[int, ...]) -> Tensor:
        start = torch.unique(corners[list(points)]).numpy()
        return torch.from_numpy(dijkstra(graph, directed=False, indices=start, min_only=True))

    return Sides(way(opening.upper), way(opening.lower))


def is_sealed(mesh: Mesh, opening: Opening) -> bool:
    """Whether the mesh goes on from side to side, as in scans of closed eyes or lips: then nothing can open."""
    ends = mesh.landmarks["ibug68"].nearest_vertices(mesh.faces)[torch.tensor(opening.across)]
    across = (mesh.vertices[ends[:, 0]] - mesh.vertices[ends[:, 1]]).double().norm(dim=1)
    ways = torch.from_numpy(dijkstra(edges(mesh), directed=False, indices=ends[:, 0].numpy()))
    way = ways[torch.arange(len(ends)), ends[:, 1]]
    return bool((way / across.clamp(min=1e-9)).median() < _SEALED)


def is_shut(mesh: Mesh, name: str) -> bool:
    """Whether the lids of the eye "Left" or "Right" touch, or are one surface with what lies between them.

    The landmarks cannot say it: where a few were given, the others were carried over from a face with open eyes.
    """
    vertices, side = mesh.vertices.double(), sides(mesh, EYES[name])
    inner, outer = mesh.landmarks["ibug68"].points(vertices, mesh.faces)[list(_CORNERS[name])]
    along, width = outer - inner, (outer - inner).norm()
    place = (vertices - inner) @ along / width.square()
    lid = (torch.minimum(side.upper, side.lower) < width / 3) & (place > 0.3) & (place < 0.7)
    upper = side.upper < side.lower
    apart = torch.cdist(vertices[lid & upper], vertices[lid & ~upper])
    return bool((apart < _SHUT * width).any())


def together(mesh: Mesh, opening: Opening, offsets: Tensor) -> Tensor:
    """Offsets (E, V, 3) that tear nothing at an opening that cannot open: what lies at one place goes one way.

    Each vertex near the opening takes the mean of the offsets round it, on both sides alike, by a Gaussian of the
    distance; farther away, ever less of it.
    """
    side = sides(mesh, opening)
    share = (2 - torch.minimum(side.upper, side.lower) / opening.reach).clamp(0, 1)
    near, vertices = (share > 0).nonzero()[:, 0], mesh.vertices.double()[share > 0]
    weights = torch.softmax(torch.cdist(vertices, vertices).square() / (-2 * _ALIKE**2), 1)
    found = offsets.clone()
    found[:, near] = torch.lerp(offsets[:, near], weights @ offsets[:, near], share[near, None])
    return found


def edges(mesh: Mesh) -> coo_matrix:
    """The edges of a mesh as a graph, with their lengths in mm."""
    vertices, ends = mesh.vertices.double(), edge_list(mesh.faces).ends
    length = (vertices[ends[:, 0]] - vertices[ends[:, 1]]).norm(dim=1).clamp(min=1e-9).numpy()
    return coo_matrix((length, tuple(ends.T.numpy())), (len(vertices),) * 2).tocsr()


# --- lids


class Lids(NamedTuple):
    """The lids of one eye.

    Attributes:
        name: "Left" or "Right", the person's own.
        faces: (F, 3) of the mesh.
        margin: where the upper and the lower lid end, points of the mesh from the inner corner to the outer one.
        upper: (V,) bool, which vertices lie nearer to the upper lid.
        axes: (3, 3), rows: along the eye to its outer corner, up, and out of the face.
    """

    name: str
    faces: Tensor
    margin: tuple[LandmarkSet, LandmarkSet]
    upper: Tensor
    axes: Tensor

    def gap(self, vertices: Tensor) -> Tensor:
        """(n,) mm from each point of the upper lid's margin to the lower lid's, with the vertices (V, 3) moved."""
        return self.missing(vertices).norm(dim=1)

    def missing(self, vertices: Tensor) -> Tensor:
        """(n, 3) mm, the shortest way of each point of the upper margin to the lower one."""
        points, line = (margin.points(vertices, self.faces) for margin in self.margin)
        begin, step = line[:-1], line[1:] - line[:-1]
        along = (((points[:, None] - begin) * step).sum(-1) / step.square().sum(-1).clamp(min=1e-12)).clamp(0, 1)
        ways = begin + along[..., None] * step - points[:, None]  # (n, m - 1, 3)
        return ways[torch.arange(len(ways)), ways.norm(dim=-1).argmin(1)]


def lids(mesh: Mesh, name: str, margin: LandmarkSet) -> Lids:
    """The lids of the eye "Left" or "Right" whose edge (`margin`) are points of the mesh, in any order."""
    vertices, marks = mesh.vertices.double(), mesh.landmarks["ibug68"]
    points = marks.points(vertices, mesh.faces)
    inner, outer = points[list(_CORNERS[name])]
    along = torch.nn.functional.normalize(outer - inner, dim=0)
    upper, lower = points[list(EYES[name].upper)].mean(0), points[list(EYES[name].lower)].mean(0)
    up = upper - lower
    up = torch.nn.functional.normalize(up - (up @ along) * along, dim=0)
    out = torch.linalg.cross(along, up) * (1.0 if name == "Left" else -1.0)
    axes = torch.stack([along, up, out])
    side = sides(mesh, EYES[name])
    above = side.upper < side.lower
    ordered = (margin.points(vertices, mesh.faces) @ along).argsort()
    high = above[margin.nearest_vertices(mesh.faces)][ordered]
    corner = torch.zeros_like(high)
    corner[[0, -1]] = True  # the corners belong to both lids
    return Lids(
        name, mesh.faces, (margin.subset(ordered[high | corner]), margin.subset(ordered[~high | corner])), above, axes
    )


def close_lids(eye: Lids, vertices: Tensor, blink: Tensor) -> Tensor:
    """The blink (V, 3) that ends where the lower lid begins: every vertex of the upper lid goes a share of its way.

    The share is found for each point of the lid's margin, so that it comes to the height of the lower margin; then the
    lid comes out or in until both touch. What lies behind a point of the margin takes the same share of its own way.

    Args:
        eye: the lids of the mesh with these vertices.
        vertices: (V, 3) mm, the open eye.
        blink: (V, 3) mm, what the shape of amount 1 adds.
    """
    upper, lower = eye.margin
    start, way = (margin_points(upper, x, eye) for x in (vertices, blink))
    low = margin_points(lower, vertices + blink, eye)
    share = torch.ones(len(start), dtype=vertices.dtype)
    length = way.norm(dim=1)
    moves = length > 0.6 * length.max()  # what moves less, near the corners, cannot say how far the rest has to go
    for _ in range(8):
        end = start + share[:, None] * way
        missing = _interpolated(low[:, :1], low[:, 1], end[:, 0]) - end[:, 1]
        share = (share + missing / torch.where(moves, way[:, 1], -torch.inf)).clamp(0.0, 1.5)
    end = start + share[:, None] * way
    depth = _interpolated(low[:, :1], low[:, 2], end[:, 0]) - end[:, 2]
    known = start[moves, 0]
    place = vertices @ eye.axes[0]
    part, out = (_interpolated(known[:, None], of[moves], place) for of in (share, depth))
    full = _interpolated(known[:, None], length[moves], place)
    follows = (blink.norm(dim=1) / full).clamp(max=1.0)
    closed = part[:, None] * blink + (eye.upper * out * follows)[:, None] * eye.axes[2]
    for number in range(_ROUNDS):  # what is left, at the corners; ever more locally, where pushes contradict each other
        missing = eye.missing(vertices + closed)
        if missing.norm(dim=1).max() < _CLOSED:
            break
        reach = _LID / (1 + number / 10)
        closed = closed + eye.upper[:, None] * spread(vertices, upper.points(vertices, eye.faces), missing, reach)
    return closed


def margin_points(margin: LandmarkSet, values: Tensor, eye: Lids) -> Tensor:
    """Points or offsets of vertices (V, 3) at the margin, (n, 3) along the eye's own axes."""
    return margin.points(values, eye.faces) @ eye.axes.T


def _interpolated(places: Tensor, values: Tensor, at: Tensor) -> Tensor:
    order = places[:, 0].argsort()
    return torch.from_numpy(np.interp(at.numpy(), places[order, 0].numpy(), values[order].numpy()))


# --- lips


class Lips(NamedTuple):
    """The lips of a mouth: vertices (n,) of each that must not pass the other, and the faces (m, 3) of each."""

    upper: Tensor
    lower: Tensor
    upper_faces: Tensor
    lower_faces: Tensor

    def through(self, vertices: Tensor) -> Tensor:
        """(V, 3) mm by which vertices have to come back out of the other lip."""
        push = torch.zeros_like(vertices)
        for rows, faces in ((self.upper, self.lower_faces), (self.lower, self.upper_faces)):
            foot, distance, face = closest_points(vertices[rows], vertices, faces)
            normal = face_normals(vertices, faces[face])
            height = ((vertices[rows] - foot) * normal).sum(1)
            inside = (height < 0) & (-height > 0.7 * distance)  # else the foot lies on a rim: beside the lip
            inside &= distance < _THICK
            push[rows[inside]] = (foot - vertices[rows])[inside]
        return push


def lips(mesh: Mesh) -> Lips:
    """The lips of a mesh with the landmarks "ibug68"."""
    side = sides(mesh, MOUTH)
    near, wide = side.near(_LIP), side.near(_LIP_FACES)
    upper, lower = (mesh.faces[rows[mesh.faces].all(1)] for rows in wide)
    return Lips(near[0].nonzero()[:, 0], near[1].nonzero()[:, 0], upper, lower)


def part_lips(mouth: Lips, start: Tensor, moved: Tensor, tolerance: float) -> Tensor:
    """What to add (V, 3) to moved vertices (V, 3) so that the lips pass through each other by `tolerance` mm at most.

    Each lip gives way by half of what is needed, and takes along what lies round it, by a Gaussian of the distance on
    the face at rest (`start`); so the lips stay smooth.
    """
    added = torch.zeros_like(moved)
    for _ in range(_ROUNDS):
        push = mouth.through(moved + added)
        if push.norm(dim=1).max() < tolerance:
            break
        for rows, faces in ((mouth.upper, mouth.upper_faces), (mouth.lower, mouth.lower_faces)):
            pushed = rows[push[rows].any(1)]
            if not len(pushed):
                continue
            around = torch.unique(faces)
            added[around] += 0.5 * spread(start[around], start[pushed], push[pushed], _SPREAD)
    return added


def spread(points: Tensor, at: Tensor, push: Tensor, reach: float) -> Tensor:
    """(V, 3) how far points (V, 3) go along with pushes (n, 3) at (n, 3), by a Gaussian of their distance.

    Rounds of it amplify the last bit, which a product of matrices leaves to how its numbers lie in memory: so it takes
    distances and sums one by one, and the same face always gets the same shapes.
    """
    away = torch.cdist(points, at, compute_mode="donot_use_mm_for_euclid_dist")
    share = away.square().div(-2 * reach**2).exp()
    return (share[..., None] * push).sum(1) / share.sum(1, keepdim=True).clamp(min=1.0)
