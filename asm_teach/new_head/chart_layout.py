"""A flat chart for a surface: the one in its file where that is injective, else one laid out anew.

Laying out rests on a theorem of Tutte (1963) and Floater (1997): pin the rim of a disc to a convex polygon, let every
other vertex be a weighted mean of its neighbours with weights above zero, and no triangle flips and no two overlap. The
weights are free. Mean value coordinates (Floater 2003) keep angles well; dividing them by how much the map has to be
stretched round each vertex (Yoshizawa, Belyaev and Seidel 2004) gives room to what came out too small. They stay above
zero, so every step is injective, and each is one sparse linear system.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu
from torch import Tensor

from asm_teach.geometry.chart_check import ChartReport, chart_problems
from asm_teach.geometry.mesh import Mesh
from asm_teach.geometry.mesh_edges import edge_list
from asm_teach.geometry.surface_points import Faces, Points
from asm_teach.new_head.repair import boundary_loops, weld

FROM_FILE = "from the file"
_RADIUS = 0.49  # of the disc; the rest is margin
_LEAST_SHARE = 0.8  # of the unit square that a file's chart spans before it is enlarged
_ONE_PLACE = 1e-4  # of the chart: copies of a vertex farther apart than this lie on two sides of a cut
_MOST_STEPS = 15
_FAN_ROOM = 0.2  # of a hole, which nobody sees, against 1 for the face
_FAN_SAY = 0.1  # how much the stretch of a hole counts


@dataclass(frozen=True, eq=False)
class Attempt:
    """One try at a chart, and what the check found.

    Attributes:
        how: in words, "from the file" or the name of the map.
        uv: (V, 2) in the unit square, None where there is nothing to check.
        report: what `chart_problems` found in it, None without `uv`.
        problem: why it cannot be used, empty when it can.
    """

    how: str
    uv: Tensor | None
    report: ChartReport | None
    problem: str

    @property
    def ok(self) -> bool:
        """True when this is an injective chart."""
        return self.report is not None and not self.problem

    def __str__(self) -> str:
        if self.report is None:
            return f"{self.how}: {self.problem}"
        found = f"{len(self.report.flipped)} flipped, {len(self.report.overlapping)} overlapping"
        return f"{self.how}: {found}" + (f" ({self.problem})" if self.problem else "")


def chart_of_file(mesh: Mesh) -> Attempt:
    """The chart that a mesh brings, enlarged to fill the unit square where it is small; a mirror image is turned over.

    It cannot be used where triangles flip or overlap, and not where it cuts through the surface either: the copies of
    a vertex on the two sides of a cut would get different weights, and the face would tear as it moves.
    """
    how = FROM_FILE
    try:
        uv = mesh.vertex_uv().detach()
    except ValueError as error:
        return Attempt(how, None, None, str(error).split(":")[0])
    number = torch.from_numpy(weld(mesh.vertices.detach().double().numpy(), mesh.faces.numpy()))
    torn = (uv - uv[number]).abs().amax(1) > _ONE_PLACE * (uv.amax(0) - uv.amin(0)).max()
    uv = filling(uv)
    report = chart_problems(uv, mesh.faces)
    if len(report.flipped) > len(mesh.faces) / 2:
        uv = torch.stack([1 - uv[:, 0], uv[:, 1]], -1)
        report = chart_problems(uv, mesh.faces)
    problem = ""
    if torn.any():
        problem = f"its cuts go through the surface at {int(torn.sum())} doubled vertices"
    elif not report.ok:
        problem = "not injective"
    return Attempt(how, uv, report, problem)


def filling(uv: Tensor) -> Tensor:
    """A chart moved and scaled, alike in u and v, to fill the unit square but for a margin; one that does is kept."""
    low, high = uv.amin(0), uv.amax(0)
    size = (high - low).max()
    if (low >= 0).all() and (high <= 1).all() and size >= _LEAST_SHARE:
        return uv
    return 0.5 + (uv - (low + high) / 2) * (2 * _RADIUS / size.clamp_min(torch.finfo(uv.dtype).tiny))


def lay_out(
    vertices: Tensor, faces: Tensor, room: Tensor | None = None, across: Tensor | None = None
) -> tuple[Attempt, ...]:
    """Lay a surface out in a disc; the last attempt is the chart, `uv` (V, 2) in the type of the vertices.

    Inner vertices are weighted means of their neighbours, eq. (6.1). Derived in lesson 6.

    Args:
        vertices: (V, 3) mm.
        faces: (F, 3) one piece without knots and without handles that has a rim; its longest rim becomes the circle,
            holes stay holes.
        room: (F,) how large each triangle would like to be, relative to its size on the surface; 1 for all if None.
        across: (n, 2) pairs of vertices on both sides of the face: the chart is turned so that the second ones lie on
            the whole to the right of the first, at the same height.

    Raises:
        ValueError: a closed surface, a face without area that no map can hold, no chart found.
    """
    points, triangles = vertices.detach().cpu().double().numpy(), faces.cpu().numpy()
    wanted = np.ones(len(triangles)) if room is None else room.cpu().double().numpy()
    loops = boundary_loops(triangles)
    if not loops:
        raise ValueError("faces: this surface is closed: cut a part away (below the neck) to lay it out in a disc")
    lengths = [np.linalg.norm(points[np.roll(loop, -1)] - points[loop], axis=1) for loop in loops]
    rim = int(np.argmax([length.sum() for length in lengths]))
    holes = [loop for k, loop in enumerate(loops) if k != rim]
    filled_points, filled, say, wanted = _close(points, triangles, wanted, holes)
    along = np.concatenate([[0.0], np.cumsum(lengths[rim])[:-1]]) / lengths[rim].sum()
    circle = _RADIUS * np.stack([np.cos(2 * np.pi * along), np.sin(2 * np.pi * along)], -1)

    def attempt(how: str, plane: Points) -> Attempt:
        plane = plane[: len(points)]
        if across is not None:
            first, second = across.cpu().numpy().T
            x, y = (plane[second] - plane[first]).sum(0)
            plane = plane @ np.array([[x, -y], [y, x]]) / max(np.hypot(x, y), 1e-12)
        uv = torch.from_numpy(0.5 + plane).to(vertices.device, vertices.dtype)
        report = chart_problems(uv, faces)
        return Attempt(how, uv, report, "" if report.ok else "not injective")

    tried: list[Attempt] = []
    for name, weights in (("mean value", _mean_value), ("uniform", _uniform)):
        start = weights(filled_points, filled)
        plane = _solve(start, loops[rim], circle)
        first = attempt(f"{name} map to a disc", plane)
        plane = _relieved(filled_points, filled, wanted, say, start, plane, loops[rim], circle)
        second = attempt(f"{name} map with its stretch relieved", plane)
        # Either may be too fine for the type of the numbers: in exact ones both are injective.
        tried += [first, second] if second.ok or not first.ok else [second, first]
        if tried[-1].ok:
            return tuple(tried)
    raise ValueError(
        "faces: no injective chart was found (" + "; ".join(map(str, tried)) + "): the mesh has triangles too thin or "
        "too small for the type of its numbers; remesh it, or give it in float64"
    )


def _close(
    points: Points, faces: Faces, wanted: NDArray[np.float64], holes: list[NDArray[np.int64]]
) -> tuple[Points, Faces, NDArray[np.float64], NDArray[np.float64]]:
    """Each hole closed by a fan round a new vertex: points, faces, how much each counts, room of each."""
    say = np.ones(len(faces))
    for loop in holes:
        fan = np.stack([np.roll(loop, -1), loop, np.full(len(loop), len(points))], -1)
        points, faces = np.concatenate([points, points[loop].mean(0, keepdims=True)]), np.concatenate([faces, fan])
    fans = np.ones(len(faces) - len(say))
    return points, faces, np.concatenate([say, _FAN_SAY * fans]), np.concatenate([wanted, _FAN_ROOM * fans])


def _uniform(points: Points, faces: Faces) -> csr_matrix:
    edges = edge_list(torch.from_numpy(faces))
    graph = csr_matrix((edges.uses.double().numpy(), edges.ends.T.numpy()), (len(points),) * 2)
    return (graph + graph.T).tocsr()


def _mean_value(points: Points, faces: Faces) -> csr_matrix:
    """Weight of neighbour j for vertex i: the tangents of half the two angles beside the edge, by its length."""
    corner = points[faces]
    edge = np.roll(corner, -1, 1) - corner
    length = np.linalg.norm(edge, axis=2)
    length = np.maximum(length, 1e-6 * length.mean())
    rows, columns, values = [], [], []
    for k in range(3):
        after, before = edge[:, k], -edge[:, k - 1]
        a, b = length[:, k], length[:, k - 1]
        sine, cosine = np.linalg.norm(np.cross(after, before), axis=1) / (a * b), (after * before).sum(1) / (a * b)
        tangent = np.clip(sine / np.maximum(1 + cosine, 1e-6), 1e-3, 1e3)  # triangles without area get a say too
        rows += [faces[:, k], faces[:, k]]
        columns += [faces[:, (k + 1) % 3], faces[:, k - 1]]
        values += [tangent / a, tangent / b]
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix(entries, (len(points),) * 2)


def _solve(weights: csr_matrix, rim: NDArray[np.int64], circle: Points) -> Points:
    """Every vertex off the rim at the weighted mean of its neighbours, about the origin; others stay there."""
    plane = np.zeros((weights.shape[0], 2))
    plane[rim] = circle
    total = np.asarray(weights.sum(1)).ravel()
    free = np.setdiff1d(np.flatnonzero(total), rim)
    if len(free):
        system = (diags(total) - weights).tocsr()[free]
        plane[free] = splu(system[:, free].tocsc()).solve(-(system[:, rim] @ circle))
    return plane


def _relieved(
    points: Points,
    faces: Faces,
    room: NDArray[np.float64],
    say: NDArray[np.float64],
    weights: csr_matrix,
    plane: Points,
    rim: NDArray[np.int64],
    circle: Points,
) -> Points:
    """The plane after steps that each divide the weights towards a vertex by the root of its stretch."""
    best = np.inf
    kept = plane
    for _ in range(_MOST_STEPS):
        stretch, total = _stretch(points, faces, room, say, plane)
        if not total < best:
            break
        best, kept = total, plane
        weights = weights @ diags(stretch**-0.5)
        weights = (diags(1 / np.maximum(np.asarray(weights.sum(1)).ravel(), 1e-300)) @ weights).tocsr()
        plane = _solve(weights, rim, circle)
    return kept


def _stretch(
    points: Points, faces: Faces, room: NDArray[np.float64], say: NDArray[np.float64], plane: Points
) -> tuple[NDArray[np.float64], float]:
    """Root mean square length on the surface of a unit step in the plane (Sander 2001): round each vertex, in all."""
    p, q = plane[faces], points[faces]
    (ax, ay), (bx, by) = (p[:, 1] - p[:, 0]).T, (p[:, 2] - p[:, 0]).T
    twice = ax * by - ay * bx
    away = np.roll(p, -1, 1) - np.roll(p, 1, 1)  # (F, 3, 2) the edge opposite to each corner
    derivative = np.einsum("fkx,fkd->fxd", q, away) / np.maximum(np.abs(twice), 1e-60)[:, None, None]
    square = np.square(derivative).sum((1, 2)) / 2 * room**2
    area = np.linalg.norm(np.cross(q[:, 1] - q[:, 0], q[:, 2] - q[:, 0]), axis=1) * room**2 * say
    area = np.maximum(area, 1e-9 * area.mean())
    above, below = np.zeros(len(points)), np.zeros(len(points))
    np.add.at(above, faces, (area * square)[:, None])
    np.add.at(below, faces, area[:, None])
    stretch = np.sqrt(above / np.maximum(below, 1e-300))
    return np.where(stretch > 0, stretch, 1.0), float((area * square).sum() / area.sum())
