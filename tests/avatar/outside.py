"""Which vertices inside a head have come out of its skin: the slow, plain answer, by solid angles."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asm_teach.geometry.closest_point import closest_points
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.new_head.repair import boundary_loops

PARTS = {"mouth": "mouth_interior", "teeth": "teeth", "sockets": "eye_interior", "eyeballs": "eyes"}
EXPRESSIONS: tuple[dict[str, float], ...] = (
    {}, {"jawOpen": 1.0}, {"jawOpen": 0.4, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.7},
    {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}, {"mouthPucker": 1.0}, {"mouthFunnel": 1.0},
    {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, {"eyeLookDownLeft": 1.0, "eyeLookDownRight": 1.0},
    {"mouthLeft": 1.0}, {"browInnerUp": 1.0, "eyeWideLeft": 1.0, "eyeWideRight": 1.0},
)  # fmt: skip
"""Rest and expressions that move what lies inside, or the skin over it."""


class Outside:
    """A head of the embedded one's topology, ready to be asked which of its inner vertices lie outside.

    An eyeball shows between the lids: it is outside where the skin lies between a vertex and the ball's middle. All
    else is outside if the skin, closed over neck, mouth and eyes, does not go round it (its winding number is 0) and
    the nearest place of the skin lies behind it: in the slit between closed lips it lies before neither.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.skin = mesh.faces[torch.cat([mesh.parts["face"], mesh.parts["scalp"]])]
        self.loops = [torch.from_numpy(loop) for loop in boundary_loops(self.skin.numpy())]
        on_skin = torch.unique(self.skin)
        self.rows = {name: mesh.part_vertices(part) for name, part in PARTS.items()}
        self.rows = {name: rows[~torch.isin(rows, on_skin)] for name, rows in self.rows.items()}
        left = mesh.vertices[self.rows["eyeballs"], 0] > 0
        self.balls = [self.rows["eyeballs"][left], self.rows["eyeballs"][~left]]

    def count(self, vertices: Tensor) -> dict[str, int]:
        """Part -> how many of its vertices are outside, with the vertices (V, 3) moved."""
        middles = torch.stack([vertices[loop].mean(0) for loop in self.loops])
        fans = [
            torch.stack([torch.full_like(loop, len(vertices) + k), loop, loop.roll(-1)], 1)
            for k, loop in enumerate(self.loops)
        ]
        corners = torch.cat([vertices, middles])[torch.cat([self.skin, *fans])]
        found = {"eyeballs": sum(self._through(vertices, ball) for ball in self.balls)}
        for name in ("mouth", "teeth", "sockets"):
            points = vertices[self.rows[name]]
            points = points[winding(points, corners) < 0.5]
            foot, distance, face = closest_points(points, vertices, self.skin)
            height = ((points - foot) * face_normals(vertices, self.skin[face])).sum(1)
            found[name] = int((height > 0.7 * distance).sum())
        return found

    def _through(self, vertices: Tensor, ball: Tensor) -> int:
        """How many vertices of an eyeball the skin hides from its middle: each ray is cut with all triangles near."""
        points = vertices[ball]
        middle = (points.amin(0) + points.amax(0)) / 2
        corners = vertices[self.skin]
        corners = corners[(corners.mean(1) - middle).norm(dim=1) < 40]
        a, edges = corners[:, 0], (corners[:, 1:] - corners[:, :1]).mT  # (n, 3, 2)
        ways = points - middle
        sides = torch.cat([edges.expand(len(ways), -1, -1, -1), -ways[:, None, :, None].expand(-1, len(a), -1, 1)], -1)
        u, v, t = torch.linalg.solve_ex(sides, (middle - a).expand(len(ways), -1, -1))[0].unbind(-1)
        return int(((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < 1)).any(1).sum())


def winding(points: Tensor, corners: Tensor) -> Tensor:
    """(n,) how often triangles (F, 3, 3) go round points (n, 3): 1 inside a closed surface, 0 outside.

    Van Oosterom and Strackee's formula for the solid angle of each triangle (1983).
    """
    return torch.cat([_solid_angles(some, corners).sum(1) / (4 * math.pi) for some in points.split(16)])


def _solid_angles(points: Tensor, corners: Tensor) -> Tensor:
    a, b, c = (corners[None, :, k] - points[:, None] for k in range(3))
    p, q, r = (x.norm(dim=-1) for x in (a, b, c))
    volume = (a * torch.linalg.cross(b, c)).sum(-1)
    return 2 * torch.atan2(volume, p * q * r + (a * b).sum(-1) * r + (b * c).sum(-1) * p + (c * a).sum(-1) * q)
