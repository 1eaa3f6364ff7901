"""Where the vertices of a face are to go on a raw scan: its closest points, if they can be trusted. Lesson 6."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from asm_teach.fitting.vertex_energy import Bend, Pull
from asm_teach.geometry.closest_point import Surface, to_array
from asm_teach.geometry.mesh import Mesh, face_normals, vertex_normals
from asm_teach.geometry.mesh_edges import edge_list
from asm_teach.geometry.visibility import exposed
from asm_teach.scan_fit.registered import part_weights

_REACH = (12.0, 3.0)  # mm beyond which a closest point says little, at first and after half of the fit
_ALIKE, _ALIKE_UNTIL = 25.0, 0.6  # mm: half of what opposite normals count as; until when of the fit they count
_STIFF = (8.0, 0.8)  # mm that it costs to move a vertex by an edge against its neighbours, at first and in the end
_SOFT_FROM = 0.7  # of the fit: from then on it costs as little as in the end
_HIDDEN = 20.0  # how much stiffer the face is where no scan sees it, inside lips and nostrils
_TURNED = 0.4  # cosine with its normal at rest below which a triangle counts as turned over
_LEAST = 0.02  # of a vertex's say, below which it is not lessened any more
_FACING = 0.5  # cosine that the normals of both surfaces must share
_SLIDE = 0.1  # how much a vertex is held where its closest point is, along the surface, against 1 across it
_BESIDE = 0.1  # how much a vertex counts that is not in the part "face": hair and collar are often there
_PATCH = 128  # vertices of a patch: where it bends it has a rim of others besides, and more of its own share one
_LANDMARK = (20.0, 3.0)  # how much a landmark counts, in vertices, at first and from two thirds of the fit on
_JAW_LINE = 0.2  # of that, for the line of the jaw: each scheme of landmarks draws it anew, and it has no feature
_ASTRAY = (40.0, 5.0)  # mm beyond which a landmark says little, at first and from two thirds on: it may be a wrong one
_AGREED = 0.66  # of the fit
_LIES_ON = 5.0  # mm: a landmark nearer to the scan was meant to lie on it


class Marks:
    """Landmarks on a scan, and how far those of a face are from them. They speak from first to last.

    One that stays far from where all the rest brings the face is taken for a wrong one and is heard less and less.

    mesh: the template. points: (68, 3) on the scan in mm, NaN where unknown. numbers: (L,) of those known. corners,
    shares: (L, 3) the vertices between which they lie, and barycentric. places: (L, 3) mm on the scan. away: (L, 3) mm
    from the face to them, and say: (L,) how much each counts, as `join` found them last.
    """

    def __init__(self, mesh: Mesh, surface: Surface, points: Tensor) -> None:
        self.numbers = points.isfinite().all(1).nonzero()[:, 0]
        known, given = mesh.landmarks["ibug68"].subset(self.numbers), points[self.numbers]
        self.corners, self.shares = mesh.faces[known.faces], known.barycentric.to(points)
        foot, distance, _ = surface.closest(to_array(given))
        on = torch.from_numpy(distance < _LIES_ON).to(points.device)
        self.places = torch.where(on[:, None], torch.from_numpy(foot).to(points), given)
        self.line = (self.numbers < 17) & (self.numbers != 8)
        self.away, self.say = torch.zeros_like(given), torch.zeros_like(given[:, 0])

    def join(self, weight: Tensor, target: Tensor, vertices: Tensor, done: float) -> tuple[Tensor, Tensor]:
        """Weights (V,) and targets (V, 3) that the surface and the landmarks want together."""
        done /= _AGREED
        self.away = self.places - (self.shares[..., None] * vertices[self.corners]).sum(1)
        off = torch.linalg.vector_norm(self.away, dim=1) / _between(*_ASTRAY, done)
        self.say = _between(*_LANDMARK, done) * (1 + off.square()).reciprocal().square()
        self.say = torch.where(self.line, _JAW_LINE, 1.0) * self.say
        say = (self.say[:, None] * self.shares).flatten()
        rows = self.corners.flatten()
        goal = vertices[rows] + self.away.repeat_interleave(3, 0)
        total = weight.index_add(0, rows, say)
        pulled = (weight[:, None] * target).index_add(0, rows, say[:, None] * goal)
        return total, torch.where(total[:, None] > 0, pulled / total.clamp_min(1e-12)[:, None], target)


class SurfacePull(Pull):
    """A pull towards the closest points of a scan (mm), found anew by `look`.

    A point counts less the further it is (Geman and McClure's loss), and nothing where the normals disagree or where
    it lies on the rim of the scan, beyond which the face goes on unseen. The vertices may slide along the surface.

    mesh: the template. rest: (V, 3) where the face starts on the scan. uv: (V, 2) as `Pull` takes it. bending: of a
    `Prior`. landmarks: (68, 3) on the scan, in its own unit, of `unit` mm.
    """

    least = 0.003

    def __init__(
        self,
        mesh: Mesh,
        rest: Tensor,
        uv: Tensor,
        scan: Mesh,
        bending: float | None,
        landmarks: Tensor | None,
        unit: float,
    ) -> None:
        self.mesh, self.scan, rest = mesh, scan.to("cpu"), rest.detach().float()
        self.surface = Surface(scan.vertices, scan.faces)
        self.normals = vertex_normals(self.scan.vertices.double(), self.scan.faces)
        self.rim = edge_list(self.scan.faces).on_rim.any(1)
        used = torch.unique(self.scan.faces)  # a vertex of no face has no normal
        places = np.concatenate([to_array(self.scan.vertices), _ALIKE * self.normals.numpy()], 1)
        places[np.setdiff1d(np.arange(len(places)), used.numpy())] = 1e9
        self.tree = cKDTree(places)
        self.face_of = np.zeros(len(places), dtype=np.int64)
        self.face_of[self.scan.faces.flatten().numpy()] = np.repeat(np.arange(len(self.scan.faces)), 3)
        self.stiffness = 1.0 if bending is None else 0.25 / bending
        open_ = exposed(rest, mesh.faces)
        self.belief = part_weights(mesh, _BESIDE) * open_
        self.marks = None if landmarks is None else Marks(mesh, self.surface, (unit * landmarks).to(rest))
        every = torch.arange(len(rest), device=rest.device)
        bend = Bend.of(mesh.to(dtype=torch.float32), 1 + (_HIDDEN - 1) * (1 - open_))
        super().__init__(uv, every, rest, torch.zeros_like(self.belief), bend, rest, _PATCH)
        self.trust = self.across = torch.zeros_like(self.belief)
        self.normal = torch.zeros_like(rest)
        self.facets = face_normals(rest, mesh.faces)
        self.open = (open_[mesh.faces] > 0.5).all(1)

    def look(self, vertices: Tensor, done: float) -> None:
        """Find closest points and how far they can be trusted; done: how much of the fit is over, 0 to 1."""
        reach = _between(*_REACH, 2 * done)
        points = to_array(vertices)
        if done < _ALIKE_UNTIL:
            nearest, away_from, face, normal = self._alike(points, vertex_normals(vertices, self.mesh.faces))
        else:
            nearest, away_from, face = self.surface.closest(points)
            normal = self._normals(nearest, face)
        normal, distance = normal.to(vertices), torch.from_numpy(away_from).to(vertices)
        away = vertices - torch.from_numpy(nearest).to(vertices)
        across = (away * normal).sum(1)
        facing = (vertex_normals(vertices, self.mesh.faces) * normal).sum(1)
        beyond = self.rim[torch.from_numpy(face)].to(vertices.device) & (across.abs() < 0.7 * distance)
        seen = (facing > _FACING) & ~beyond
        near = (1 + (distance / reach).square()).reciprocal().square()
        self.across, self.normal = across, normal
        self._calm(vertices)
        self.trust = self.belief * near * seen
        weight, target = self.trust, vertices - across[:, None] * normal - _SLIDE * (away - across[:, None] * normal)
        if self.marks is not None:
            weight, target = self.marks.join(weight, target, vertices, done)
        self.aim(target, weight)
        self.stiffen(self.stiffness * _between(*_STIFF, done / _SOFT_FROM))

    def _alike(self, points: np.ndarray, normals: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray, Tensor]:
        """The scan's nearest vertices in place and normal both: the underside of a nose finds that of the other."""
        _, vertex = self.tree.query(np.concatenate([points, _ALIKE * to_array(normals)], 1))
        nearest = to_array(self.scan.vertices)[vertex]
        return nearest, np.linalg.norm(points - nearest, axis=1), self.face_of[vertex], self.normals[vertex]

    def _calm(self, vertices: Tensor) -> None:
        """Where open triangles have turned over, listen less to the scan and hold the face stiffer from now on."""
        turned = (face_normals(vertices, self.mesh.faces) * self.facets).sum(1) < _TURNED
        corners = torch.unique(self.mesh.faces[turned & self.open])
        corners = corners[self.belief[corners] > _LEAST]
        if len(corners):
            self.belief[corners] *= 0.5
            self.strengthen(corners, 1.5)

    def error(self, vertices: Tensor) -> float:
        """Mean distance in mm to the tangent planes of the closest points that were found last."""
        return (self.trust * self.across.abs()).sum().item() / max(self.trust.sum().item(), 1e-9)

    def _normals(self, nearest: np.ndarray, face: np.ndarray) -> Tensor:
        """The scan's normals at its closest points, blended from those of its vertices."""
        corners = self.scan.faces[torch.from_numpy(face)]
        a, b, c = self.scan.vertices.double()[corners].unbind(1)
        p = torch.from_numpy(nearest)
        areas = [torch.linalg.vector_norm(torch.linalg.cross(x - p, y - p), dim=1) for x, y in ((b, c), (c, a), (a, b))]
        share = torch.stack(areas, 1)
        share = share / share.sum(1, keepdim=True).clamp_min(1e-30)
        normal = (share[..., None] * self.normals[corners]).sum(1)
        return normal / torch.linalg.vector_norm(normal, dim=1, keepdim=True).clamp_min(1e-9)


def _between(first: float, last: float, done: float) -> float:
    return first * (last / first) ** min(1.0, done)
