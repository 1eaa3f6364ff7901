"""A likely face on a raw scan, before any bone moves: mixed from people and expressions. Lesson 6.

Closest points tell how far a lip is from the scan, not which point of the lip is which: bones that follow them slide
along the surface. A mix of people and expressions can look like nothing but a face, so it finds its place, and the
bones need only do the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import roma
import torch
from torch import Tensor

from asm_teach.geometry.mesh import Mesh
from asm_teach.scan_fit.coverage import Gaps
from asm_teach.scan_fit.face_shapes import FaceShapes
from asm_teach.scan_fit.place import PlacedScan
from asm_teach.scan_fit.surface_targets import SurfacePull

_STEPS = 15
_WIDER, _MOVED = 1.3, 0.25  # deviations: of the shapes of people in their own, of an expression's amount
_LEAST, _MOST = -0.05, 1.25  # of an expression's amount
_NOISE = (6.0, 1.5)  # mm: vertices err together, so that each says less than it would alone; at first and in the end
_LEVER = 60.0  # mm: makes turns and growth numbers of the size of a shift
_MOST_ROWS = 4000  # vertices that a step looks at
_OPEN = 4.0  # mm between the lips, beyond the template's, from which a mouth is called open
_HELD = 1e-3  # of a motion of the whole head, so that a scan of a few vertices does no harm


def likely_face(template: Mesh, placed: PlacedScan, landmarks: Tensor | None = None) -> PlacedScan:
    """The placed scan with a start that is like its face, put where the face is.

    Of several likely mouths the one that ends closest is taken. Each step is Gauss-Newton on the amounts of all shapes
    and a similarity together, for the distances across to the closest points of the scan; amounts keep to what people
    have. A template without landmarks starts as it is.

    Args:
        template: the model's mesh. landmarks: (68, 3) on the scan, in its own unit; NaN rows are unknown.
    """
    if placed.shapes is None:
        return placed
    mesh, marks = template.to("cpu", torch.float32), None if landmarks is None else landmarks.cpu()
    faces = [_Mixed(mesh, placed.shapes, amounts, placed) for amounts in placed.likely]
    for face in faces:
        pull = SurfacePull(mesh, face.vertices, face.vertices[:, :2], placed.mesh, None, marks, placed.unit)
        for k in range(_STEPS):
            done = k / _STEPS
            pull.look(face.vertices, done)
            face.step(pull, _NOISE[0] * (_NOISE[1] / _NOISE[0]) ** min(1.0, 1.5 * done))
    if len(faces) > 1:
        faces.sort(key=lambda face: Gaps.between(mesh, face.vertices, placed.mesh).misfit)
    found = faces[0].placed(template, placed)
    return replace(found, notes=(*placed.notes, *_mouth_note(template, found.start)))


class _Mixed:
    """A template with amounts of shapes, somewhere in space; float64 on the CPU."""

    def __init__(self, template: Mesh, shapes: FaceShapes, amounts: Mapping[str, float], placed: PlacedScan) -> None:
        people = len(shapes.people)
        self.basis = torch.cat([_WIDER * shapes.people, _MOVED * shapes.expressions]).double()
        self.prior = self.basis.new_zeros(len(self.basis))
        for name, amount in amounts.items():
            self.prior[people + shapes.names.index(name)] = amount / _MOVED
        self.amounts = self.prior.clone()
        self.least, self.most = (torch.full_like(self.prior, x) for x in (-torch.inf, torch.inf))
        self.least[people:], self.most[people:] = _LEAST / _MOVED, _MOST / _MOVED
        self.rest, self.middle = template.vertices.double(), face_middle(template).double()
        self.scale, self.rotation = self.rest.new_tensor(placed.scale), placed.rotation.cpu().double()
        grown = self.scale * (self.rotation @ self.middle)
        self.shift = placed.shift.cpu().double() + self.rotation @ self.middle - grown

    @property
    def face(self) -> Tensor:
        """(V, 3) mm, in the template's axes."""
        return self.rest + torch.einsum("k,kvx->vx", self.amounts, self.basis)

    @property
    def vertices(self) -> Tensor:
        """(V, 3) mm, on the scan."""
        return (self.scale * self.face @ self.rotation.T + self.shift).float()

    def step(self, pull: SurfacePull, noise: float) -> None:
        """Towards what `pull` found last; noise: mm that weigh as much as one deviation of an amount."""
        rows = (pull.trust > 1e-3).nonzero()[:, 0]
        rows = rows[:: 1 + len(rows) // _MOST_ROWS]
        face = self.face
        moved, left, weight = self._across(face, rows, pull)
        if pull.marks is not None:
            moved, left, weight = (
                torch.cat(pair) for pair in zip((moved, left, weight), self._to_marks(face, pull), strict=True)
            )
        heavy = moved * weight[:, None]
        normal, right = heavy.T @ moved, heavy.T @ left
        count = len(self.amounts)
        trust = torch.full((len(right),), _HELD * float(weight.sum()), dtype=normal.dtype)
        trust[:count] = noise**2
        right[:count] -= noise**2 * (self.amounts - self.prior)
        step = torch.linalg.solve(normal + trust.diag(), right)
        self.amounts = (self.amounts + step[:count]).clamp(self.least, self.most)
        self._move(*step[count:].split((3, 3, 1)))

    def _across(self, face: Tensor, rows: Tensor, pull: SurfacePull) -> tuple[Tensor, Tensor, Tensor]:
        """How vertices move across the scan (n, K + 7), how far they are to go (n,) mm, and their weights (n,)."""
        normal = pull.normal.double()[rows] @ self.rotation
        moved = torch.einsum("kvx,vx->vk", self.basis[:, rows], normal)
        moved = torch.cat([moved, torch.einsum("vxk,vx->vk", self._similar(face[rows]), normal)], 1)
        left = -pull.across.double()[rows] / self.scale
        return moved, left, pull.trust.double()[rows]

    def _to_marks(self, face: Tensor, pull: SurfacePull) -> tuple[Tensor, Tensor, Tensor]:
        """The same of the landmarks, in all three directions."""
        assert pull.marks is not None
        corners, shares = pull.marks.corners, pull.marks.shares.double()
        moved = torch.einsum("lc,klcx->lxk", shares, self.basis[:, corners])
        moved = torch.cat([moved, self._similar((shares[..., None] * face[corners]).sum(1))], 2).flatten(0, 1)
        left = (pull.marks.away.double() @ self.rotation / self.scale).flatten()
        return moved, left, pull.marks.say.double().repeat_interleave(3)

    def _similar(self, points: Tensor) -> Tensor:
        """How turns, shifts and growth move points (n, 3): (n, 3, 7), in units of `_LEVER`."""
        axes, arm = torch.eye(3).to(points), (points - self.middle) / _LEVER
        turns = torch.stack([torch.linalg.cross(axis.expand_as(arm), arm) for axis in axes], 2)
        return torch.cat([turns, axes.expand(len(arm), 3, 3), arm[..., None]], 2)

    def _move(self, turn: Tensor, shift: Tensor, growth: Tensor) -> None:
        rotation, grow = roma.rotvec_to_rotmat(turn / _LEVER), (growth[0] / _LEVER).exp()
        own = self.middle + shift - grow * (rotation @ self.middle)
        self.shift = self.shift + self.scale * (self.rotation @ own)
        self.scale, self.rotation = self.scale * grow, self.rotation @ rotation

    def placed(self, template: Mesh, placed: PlacedScan) -> PlacedScan:
        """The scan with this start, where it is now."""
        like = template.vertices
        shift = self.shift - self.rotation @ self.middle + self.scale * (self.rotation @ self.middle)
        return replace(
            placed,
            start=template.with_vertices(self.face.to(like)),
            rotation=self.rotation.to(like),
            shift=shift.to(like),
            scale=float(self.scale),
        )


def _mouth_note(template: Mesh, start: Mesh) -> list[str]:
    lips = [template.landmarks["ibug68"].points(mesh.vertices, mesh.faces)[[62, 66]] for mesh in (template, start)]
    closed, wide = (float(torch.linalg.vector_norm(upper - lower)) for upper, lower in lips)
    if wide < closed + _OPEN:
        return []
    return [f"The scan's mouth is open by some {wide:.0f} mm: the fit started with such a mouth."]


def placed_start(template: Mesh, placed: PlacedScan) -> Tensor:
    """The vertices (V, 3) mm of a placed scan's start, where they lie on the scan."""
    middle = face_middle(template)
    grown = placed.scale * (placed.start.vertices - middle) + middle
    return grown @ placed.rotation.T + placed.shift


def face_middle(mesh: Mesh) -> Tensor:
    """The middle of the face, (3,) mm: what stays where it was placed when the head is made larger."""
    vertices, faces = mesh.vertices, mesh.faces
    if "ibug68" in mesh.landmarks:
        return mesh.landmarks["ibug68"].points(vertices, faces).mean(0)
    if "face" in mesh.parts:
        return vertices[mesh.part_vertices("face")].mean(0)
    return vertices.mean(0)
