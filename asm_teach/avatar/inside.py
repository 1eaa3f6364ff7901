"""What lies inside a fitted head, its eyeballs, teeth and the bag of its mouth, placed by the skin round it.

Scans and photographs show nothing of it, so a fit moves it by weights that no evidence checks, and some of it comes out
through lips and lids. Eyeballs and teeth are hard: each goes by the one similarity that the skin near it makes from
the template to the fitted face. Lips say little of teeth, since they smile and pout, so the upper teeth follow the nose
and the corners of the eyes, and the lower ones the chin, which goes with the jaw. The soft bags that hold them go
along, and stay joined to the rims of lips and lids. What would still come through the skin gives way.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from scipy.sparse.csgraph import connected_components, dijkstra
from torch import Tensor

from asm_teach.avatar.openings import EYES, MOUTH, edges, sides, spread
from asm_teach.geometry.alignment import Alignment, align_points, apply_alignment
from asm_teach.geometry.closest_point import closest_points
from asm_teach.geometry.mesh import Mesh, face_normals
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.new_head.repair import boundary_loops

INNER = ("eyes", "teeth", "eye_interior", "mouth_interior", "interior")
"""The parts of the embedded heads that lie inside."""
_LIDS = 15.0  # mm along the skin from the lids' landmarks: it says where the eye is
_SKULL, _JAW = ((27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45), 10.0), ((5, 6, 7, 8, 9, 10, 11), 20.0)
"""Skin that goes with the skull, and with the jaw: within so many mm of these landmarks."""
_DEEP = 0.5  # mm behind the skin that bags and teeth keep at least, where they had as much on the template
_CLEAR = 0.3  # mm: how far lids stand off an eyeball where the template leaves more room
_ROUNDS, _NEAR = 100, 1e-2  # mm that are near enough
_JOINED, _APART = 16.0, 14.0  # mm along a bag from its rim: it goes as it was fitted, and ever less so farther on
_SPREAD = 2.0  # mm: how far round it a vertex that is pushed takes its neighbours along


class _Piece(NamedTuple):
    """Vertices (n,) that hang together inside, of an eye ("Left", "Right") or the mouth (""), or of its lower half."""

    rows: Tensor
    eye: str
    is_soft: bool
    is_lower: bool


@torch.no_grad()
def face_of(model: SkinnedModel) -> Tensor:
    """The fitted face of a model, (V, 3) mm, float64, with what lies inside it placed by the skin round it."""
    exact = copy.deepcopy(model).cpu().double().requires_grad_(False)
    return place_inside(exact.mesh, exact())


def place_inside(template: Mesh, fitted: Tensor) -> Tensor:
    """Fitted vertices (V, 3) mm with eyeballs, teeth and bags where the template has them, seen from the skin round.

    Args:
        template: the mesh at rest, with the landmarks "ibug68", and the parts that lie inside by `INNER`; a mesh that
            lacks them stays as it is.
        fitted: (V, 3) mm, of which the skin stays; if it is not finite, all of it does.
    """
    start, placed = template.vertices.to(fitted), fitted.clone()
    skin, pieces = _pieces(template)
    if not fitted.isfinite().all():
        return placed
    shown = template.faces[skin[template.faces].all(1)]
    for rows, eye, is_soft, is_lower in pieces:
        if eye:
            side = sides(template, EYES[eye])
            lids = skin & (torch.minimum(side.upper, side.lower) < _LIDS)
            ways = [align_points(start[lids], fitted[lids], scale=True)] * 2
        else:
            side = sides(template, MOUTH)
            near = [skin & _near(template, *of) for of in (_SKULL, _JAW)]
            ways = [align_points(start[which], fitted[which], scale=True) for which in near]
        if is_soft:
            share = (side.upper / (side.upper + side.lower)).to(fitted)
            placed[rows] = _joined(template, rows, skin, start, fitted, ways, share)
            placed[rows] += _behind(shown, rows, start, placed)
        else:
            placed[rows] = apply_alignment(start[rows], ways[is_lower])
            if eye:
                placed[rows] += _off_the_lids(start[rows], placed[rows], start[lids], fitted[lids])
            else:
                placed[rows] += _behind_as_one(shown, rows, start, placed)
    return placed


def hard_pieces(mesh: Mesh) -> list[Tensor]:
    """The vertices (n,) of each eyeball and each row of teeth."""
    return [piece.rows for piece in _pieces(mesh)[1] if not piece.is_soft]


def walls(mesh: Mesh) -> Tensor:
    """Triangles (n, 3) that close the bags behind eyes and mouth, through which one would see the back of the head."""
    soft = [piece.rows for piece in _pieces(mesh)[1] if piece.is_soft]
    if not soft:
        return mesh.faces[:0]
    bags = torch.cat(soft)
    inside = mesh.faces[torch.isin(mesh.faces, bags).any(1)]
    loops = [torch.from_numpy(loop) for loop in boundary_loops(inside.numpy())]
    behind = [loop for loop in loops if torch.isin(loop, bags).all()]  # the others are rims of lips and lids
    closing = [torch.stack([loop[:1].expand(len(loop) - 2), loop[2:], loop[1:-1]], 1) for loop in behind]
    return torch.cat([mesh.faces[:0], *closing])


def _off_the_lids(start: Tensor, ball: Tensor, lids: Tensor, fitted: Tensor) -> Tensor:
    """(3,) mm by which an eyeball gives way, so that no vertex of the lids is nearer to its middle than at rest.

    Args:
        start: (n, 3) the eyeball of the template.
        ball: (n, 3) the same placed.
        lids: (m, 3) the skin round it on the template.
        fitted: (m, 3) the same fitted.
    """
    (middle, radius), (now, larger) = _sphere(start), _sphere(ball)
    least = torch.clamp((lids - middle).norm(dim=1) / radius * larger, max=larger + _CLEAR)
    way = torch.zeros_like(now)
    for _ in range(_ROUNDS):  # away from the vertex that is nearest for its kind, until none is too near
        out = fitted - (now + way)
        short = least - out.norm(dim=1)
        worst = short.argmax()
        if short[worst] < _NEAR:
            break
        way = way - short[worst] * torch.nn.functional.normalize(out[worst], dim=0)
    return way


def _sphere(points: Tensor) -> tuple[Tensor, Tensor]:
    """The middle (3,) and the radius of the sphere of least squares: |p|^2 = 2 c . p + r^2 - |c|^2 for each point."""
    rows = torch.cat([2 * points, torch.ones_like(points[:, :1])], 1)
    found = torch.linalg.lstsq(rows, points.square().sum(1, keepdim=True)).solution[:, 0]
    return found[:3], (found[3] + found[:3] @ found[:3]).sqrt()


def _joined(
    template: Mesh, rows: Tensor, skin: Tensor, start: Tensor, fitted: Tensor, ways: list[Alignment], share: Tensor
) -> Tensor:
    """(n, 3): a bag that goes from one similarity to the other by `share` (V,), and near its rim as it was fitted."""
    graph = edges(template)
    neighbours = torch.from_numpy(graph[rows.numpy()].indices).long()
    rim = torch.unique(neighbours[skin[neighbours]])
    bag = torch.cat([rim, rows]).numpy()
    path = dijkstra(graph[bag][:, bag], directed=False, indices=range(len(rim)), min_only=True)[len(rim) :]
    apart = ((torch.from_numpy(path).to(fitted) - _JOINED) / _APART).clamp(0, 1)
    follows = 1 - apart.square() * (3 - 2 * apart)
    upper, lower = (apply_alignment(start[rows], way) for way in ways)
    return torch.lerp(torch.lerp(upper, lower, share[rows, None]), fitted[rows], follows[:, None])


def _behind(skin: Tensor, rows: Tensor, start: Tensor, placed: Tensor) -> Tensor:
    """(n, 3) mm by which a bag goes back until it lies behind the skin (F, 3), as deep as at rest or `_DEEP`."""
    least, back = _least(skin, rows, start), torch.zeros_like(placed[rows])
    for _ in range(_ROUNDS):
        depth, normal = _depth(placed[rows] + back, placed, skin)
        short = (least - depth).clamp(min=0)
        pushed = short > _NEAR
        if not pushed.any():
            break
        back -= spread(start[rows], start[rows[pushed]], short[pushed, None] * normal[pushed], _SPREAD)
    return back


def _behind_as_one(skin: Tensor, rows: Tensor, start: Tensor, placed: Tensor) -> Tensor:
    """(3,) mm by which teeth go back as one, so that all lie behind the skin as in `_behind`."""
    least, way = _least(skin, rows, start), torch.zeros_like(placed[0])
    for _ in range(_ROUNDS):
        depth, normal = _depth(placed[rows] + way, placed, skin)
        worst = (least - depth).argmax()
        if least[worst] - depth[worst] < _NEAR:
            break
        way = way - (least - depth)[worst] * normal[worst]
    return way


def _least(skin: Tensor, rows: Tensor, start: Tensor) -> Tensor:
    """(n,) mm behind the skin that vertices keep at least; what is before it on the template may stay there."""
    depth = _depth(start[rows], start, skin)[0]
    return torch.where(depth > 0, depth.clamp(max=_DEEP), -torch.inf)


def _depth(points: Tensor, vertices: Tensor, skin: Tensor) -> tuple[Tensor, Tensor]:
    """(n,) mm that points lie behind the skin, negative before it, and its normals (n, 3) there.

    Where the nearest place is a rim, its normal does not tell the two sides apart: there a point counts as behind.
    """
    foot, distance, face = closest_points(points, vertices, skin)
    normal = face_normals(vertices, skin[face])
    height = ((points - foot) * normal).sum(1)
    return torch.where(height > 0.7 * distance, -distance, distance), normal


def _near(template: Mesh, marks: tuple[int, ...], reach: float) -> Tensor:
    """(V,) bool, what lies within so many mm of landmarks."""
    points = template.landmarks["ibug68"].points(template.vertices, template.faces)[list(marks)]
    return torch.cdist(template.vertices, points).amin(1) < reach


def _pieces(template: Mesh) -> tuple[Tensor, list[_Piece]]:
    """The skin (V,) bool, and what hangs together inside it."""
    skin = torch.zeros(len(template.vertices), dtype=torch.bool)
    inner = [template.part_vertices(name) for name in INNER if name in template.parts]
    for name in ("face", "scalp"):
        if name in template.parts:
            skin[template.part_vertices(name)] = True
    if not inner or "ibug68" not in template.landmarks:
        return skin, []
    rows = torch.unique(torch.cat(inner))
    rows = rows[~skin[rows]]
    graph = edges(template)
    count, label = connected_components(graph[rows.numpy()][:, rows.numpy()], directed=False)
    points = template.landmarks["ibug68"].points(template.vertices, template.faces)
    middles = {name: points[[*eye.upper, *eye.lower]].mean(0) for name, eye in (("", MOUTH), *EYES.items())}
    pieces = []
    for number in range(count):
        own = rows[torch.from_numpy(label == number)]
        middle = template.vertices[own].mean(0)
        name = min(middles, key=lambda name: float((middles[name] - middle).norm()))
        is_soft = bool(skin[graph[own.numpy()].indices].any())
        pieces.append(_Piece(own, name, is_soft, not name and bool(middle[1] < middles[name][1])))
    return skin, pieces
