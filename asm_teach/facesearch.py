"""Where on a surface a face lies, how it is turned and how large it is, without a hint.

A face lies somewhere on the scan and looks out along the normal there. So a start is a place on the scan, a turn
about its normal, and a size. From thousands of starts the best of each size are moved by iterated closest points,
and the few that end best are moved again, with more points. What decides is the relief of the face: nose, eye
sockets, lips, all that is left of a face when a smooth bowl is taken away. Smooth shapes have none of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

_MOST_FACES = 400_000  # of more triangles, these are looked at: enough to draw points from
_SPARSE = 10_000  # points of the scan to search with; all are taken to finish
_FEW, _FEWEST = 80, 40  # points of the face to search with, and to choose starts by; all are taken to finish
_SIZES = 60 * 1.4 ** np.arange(6)  # mm, what the median distance from the middle of a scan may be: a mask to two busts
_MOST_PLACES, _TURNS = 250, 12
_BEST_TURNS, _KEPT, _LEFT = 3, 600, 150  # starts at each place, of each size, and of those after the first steps
_FINALISTS, _AT_ONE_PLACE = 16, 4  # one face may not crowd out a second
_NEAR = 12.0  # mm: a point of the face that is farther from the scan has found nothing there
_ENOUGH = 0.6  # of the points of a face that the scan has: more do not make it likelier, fewer do less
_LEVER = 60.0  # mm, the size of a face: makes turns, growth and polynomials numbers of the size of a shift


class Cloud(NamedTuple):
    """Points (n, 3) of a surface and its unit normals (n, 3) there."""

    points: np.ndarray
    normals: np.ndarray

    def take(self, rows: np.ndarray) -> Cloud:
        """Some of them."""
        return Cloud(self.points[rows], self.normals[rows])


class Poses(NamedTuple):
    """B placements of a face: its point p is at scale rotation p + shift of the scan."""

    scale: np.ndarray  # (B,) units of the scan for each mm
    rotation: np.ndarray  # (B, 3, 3)
    shift: np.ndarray  # (B, 3)

    def take(self, rows: np.ndarray) -> Poses:
        """Some of them."""
        return Poses(self.scale[rows], self.rotation[rows], self.shift[rows])

    def put(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) or (B, n, 3) mm -> (B, n, 3) on the scan."""
        return self.scale[:, None, None] * (points @ self.rotation.swapaxes(1, 2)) + self.shift[:, None]


class Found(NamedTuple):
    """Placements of a face on a scan, and how well each fits.

    relief: (B,) share of the face's relief that is on the scan. missing: (B,) mm, root mean square of the rest.
    facing: (B,) mean cosine of the angle between the normals of the two.
    """

    poses: Poses
    relief: np.ndarray
    missing: np.ndarray
    facing: np.ndarray


class Samples:
    """Points and normals of a scan, to ask for the nearest.

    One triangle's normal is noise where triangles are smaller than the scanner's error: each is the mean of its
    `smooth` nearest.
    """

    def __init__(self, cloud: Cloud, smooth: int = 32) -> None:
        self.points, self.tree = cloud.points, cKDTree(cloud.points)
        near = self.tree.query(cloud.points, smooth)[1].reshape(len(cloud.points), -1)
        self.normals = _unit(cloud.normals[near].sum(1))


def draw(vertices: np.ndarray, faces: np.ndarray, count: int, generator: np.random.Generator) -> Cloud:
    """Points spread evenly over a surface, (V, 3) and (F, 3) -> n = count of them."""
    if len(faces) > _MOST_FACES:
        faces = faces[np.linspace(0, len(faces) - 1, _MOST_FACES).astype(int)]
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    cross = np.cross(b - a, c - a)
    total = np.cumsum(np.linalg.norm(cross, axis=1))
    steps = (np.arange(count) + generator.random(count)) / count * total[-1]
    face = np.minimum(np.searchsorted(total, steps), len(faces) - 1)
    v, w = generator.random((2, count, 1))
    v, w = np.where(v + w > 1, 1 - v, v), np.where(v + w > 1, 1 - w, w)
    a, b, c = a[face], b[face], c[face]
    return Cloud(a + v * (b - a) + w * (c - a), _unit(cross[face]))


def find_faces(face: Cloud, scan: Cloud) -> Found:
    """Look for a face all over a scan.

    Args:
        face: points of the template's face in mm, its middle at 0.
        scan: points drawn from the scan, in any unit.

    Returns:
        placements, the best first; none of them need be a face.
    """
    middle = np.median(scan.points, 0)
    size = float(np.median(np.linalg.norm(scan.points - middle, axis=1)))
    dense = Samples(Cloud((scan.points - middle) / size, scan.normals))
    step = max(1, len(scan.points) // _SPARSE)
    sparse = Samples(Cloud(dense.points[::step], dense.normals[::step]), smooth=8)
    few, fewest = (Cloud(*(x[:: max(1, len(x) // n)] for x in face)) for n in (_FEW, _FEWEST))
    starts = []
    for radius in _SIZES:
        poses = _starts(face, sparse, 1 / radius)
        seen = _look(sparse, poses, fewest.points, fewest.normals)
        cost = np.minimum(seen.away, 2 * _NEAR).mean(1) + 10 * (1 - seen.agree.clip(0)).mean(1)
        best = _best_turns(cost)
        poses = move(sparse, fewest, poses.take(best[np.argsort(cost[best])[:_KEPT]]), np.geomspace(25, 15, 5))
        starts.append(poses.take(np.argsort(-measure(sparse, fewest, poses, steps=2).relief)[:_LEFT]))
    poses = Poses(*(np.concatenate(x) for x in zip(*starts, strict=True)))
    poses = move(sparse, few, poses, np.geomspace(15, 8, 8))
    first = measure(sparse, few, poses, steps=3)
    poses = poses.take(_distinct(poses, np.argsort(-first.relief)))
    found = measure(dense, face, move(dense, face, poses, np.geomspace(12, 5, 15)))
    order = np.argsort(-found.relief)
    scale, rotation, shift = found.poses.take(order)
    return Found(Poses(scale * size, rotation, shift * size + middle), *(x[order] for x in found[1:]))


def move(scan: Samples, face: Cloud, poses: Poses, widths: np.ndarray) -> Poses:
    """Iterated closest points for all poses at once; `widths` (mm), one for each step, say what counts as near."""
    p, axes = face.points, np.eye(3)
    # What a turn, a shift and a growth do to each point: (n, 3, 7).
    turns = np.cross(axes, p[:, None]).swapaxes(1, 2) / _LEVER
    fields = np.concatenate([turns, np.tile(axes, (len(p), 1, 1)), p[..., None] / _LEVER], 2)
    lowest, highest = 0.6 * poses.scale, 1.6 * poses.scale
    for width in widths:
        x = _solve(fields, _look(scan, poses, p, face.normals), width, np.full(7, 0.02))
        turn = x[:, :3] / _LEVER
        turn *= np.minimum(1, 0.4 / np.maximum(np.linalg.norm(turn, axis=1, keepdims=True), 1e-12))
        shift = poses.shift + poses.scale[:, None] * np.einsum("bxy,by->bx", poses.rotation, x[:, 3:6])
        scale = np.clip(poses.scale * np.exp((x[:, 6] / _LEVER).clip(-0.2, 0.2)), lowest, highest)
        poses = Poses(scale, poses.rotation @ Rotation.from_rotvec(turn).as_matrix(), shift)
    return poses


def measure(scan: Samples, face: Cloud, poses: Poses, steps: int = 8) -> Found:
    """How much of the face's relief the scan has at each pose.

    People differ: the face may first bow (a cubic in depth) and slide in its own plane (a quadratic, for each
    mm of which 2 % are taken off). What is left is compared with what the bow alone leaves of the face, its relief:
    in height, by squared distances, and in slope, by 1 - the cosines of the angles between normals. The share is the
    mean of both. Bumps alone may have a nose's height, but not its slopes too. Points that the scan has no surface for
    are left out, up to two fifths of them for nothing.
    """
    x, y, _ = face.points.T / _LEVER
    slides = np.stack([x**i * y**j for i in range(3) for j in range(3 - i)], 1)  # (n, 6)
    bows = _bows(face.points)
    fields = np.zeros((len(x), 3, 22))
    fields[:, 0, :6] = fields[:, 1, 6:12] = slides
    fields[:, 2, 12:] = bows
    ridge = np.r_[np.full(12, 1e-3), np.full(10, 1e-5)]
    amounts = np.zeros((len(poses.scale), 22))
    for width in np.geomspace(10, 4, steps):
        seen = _look(scan, poses, face.points + np.einsum("nxk,bk->bnx", fields, amounts), face.normals)
        amounts = amounts + _solve(fields, seen, width, ridge, amounts)
    moved = np.einsum("nxk,bk->bnx", fields, amounts)
    seen = _look(scan, poses, face.points + moved, face.normals)
    there = (seen.away < _NEAR) & (seen.agree > 0.3)
    smooth = _bow_normals(face.points)
    relief = relief_of(face.points) * smooth[:, 2]
    left = (there * seen.gap**2).sum(1)
    height = 1 - left / np.maximum((there * relief**2).sum(1), 1e-12)
    turned = (there * (1 - seen.agree)).sum(1)
    slope = 1 - turned / np.maximum((there * (1 - (smooth * face.normals).sum(1))).sum(1), 1e-12)
    slid = np.linalg.norm(moved[..., :2], axis=2).mean(1)
    share = ((height + slope) / 2 - 0.02 * slid) * np.minimum(1, there.mean(1) / _ENOUGH)
    return Found(poses, share, np.sqrt(left / np.maximum(there.sum(1), 1)), seen.agree.mean(1))


def relief_of(points: np.ndarray) -> np.ndarray:
    """How far in z points (n, 3) of a face stand out of the smooth bowl, a cubic, that fits them best; (n,) mm."""
    bows = _bows(points)
    return points[:, 2] - bows @ np.linalg.lstsq(bows, points[:, 2], rcond=None)[0]


def _bow_normals(points: np.ndarray) -> np.ndarray:
    """(n, 3) of that bowl at the points."""
    amounts = np.linalg.lstsq(_bows(points), points[:, 2], rcond=None)[0]
    steps = 0.01 * np.eye(3)[:2]  # mm: of a cubic the difference to both sides is the slope to six digits
    slopes = [(_bows(points + step) - _bows(points - step)) @ amounts / 0.02 for step in steps]
    return _unit(np.stack([-slopes[0], -slopes[1], np.ones(len(points))], 1))


def _bows(points: np.ndarray) -> np.ndarray:
    """x^i y^j up to the third degree, (n, 10)."""
    x, y, _ = points.T / _LEVER
    return np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], 1)


class _Seen(NamedTuple):
    """What the points of a face see of the scan, in the face's own mm and axes."""

    gap: np.ndarray  # (B, n) signed distance to the plane of the nearest point of the scan
    away: np.ndarray  # (B, n) distance to that point
    normal: np.ndarray  # (B, n, 3) its normal
    agree: np.ndarray  # (B, n) cosine of the angle between the two normals


def _look(scan: Samples, poses: Poses, points: np.ndarray, normals: np.ndarray) -> _Seen:
    at = poses.put(points)
    away, nearest = scan.tree.query(at)
    normal = scan.normals[nearest]
    gap = np.einsum("bnx,bnx->bn", at - scan.points[nearest], normal)
    normal = normal @ poses.rotation
    scale = poses.scale[:, None]
    return _Seen(gap / scale, away / scale, normal, np.einsum("bnx,nx->bn", normal, normals))


def _solve(
    fields: np.ndarray, seen: _Seen, width: float, ridge: np.ndarray, amounts: np.ndarray | float = 0.0
) -> np.ndarray:
    """Amounts (B, k) of the motions `fields` (n, 3, k) that take the face's points to the planes that they see."""
    weight = seen.agree.clip(0) ** 2 * (width**2 / (width**2 + seen.away**2)) ** 2
    jacobian = np.einsum("bnx,nxk->bnk", seen.normal, fields)
    weighted = jacobian * weight[..., None]
    ridge = ridge * (weight.sum(1)[:, None] + 1e-9)
    normal = weighted.swapaxes(1, 2) @ jacobian + ridge[:, None] * np.eye(len(ridge[0]))
    towards = -np.einsum("bnk,bn->bk", weighted, seen.gap) - ridge * amounts
    return np.linalg.solve(normal, towards[..., None])[..., 0]


def _starts(face: Cloud, scan: Samples, unit: float) -> Poses:
    """A face at places spread over the scan, its mean normal along the mean normal there, turned about it."""
    cell = 35 * unit
    while True:
        cells = np.floor((scan.points - scan.points.min(0)) / cell).astype(np.int64)
        places = np.unique(cells, axis=0, return_index=True)[1]
        if len(places) <= _MOST_PLACES:
            break
        cell *= 1.15
    points, normals = scan.points[places], scan.normals[places]
    near = np.square(points[:, None] - scan.points).sum(2) < (_LEVER * unit) ** 2
    near &= normals @ scan.normals.T > 0.2  # not the other side of something thin
    mean, direction = (near @ x / np.maximum(near.sum(1, keepdims=True), 1) for x in (scan.points, scan.normals))
    there = np.linalg.norm(direction, axis=1) > 0.3
    turns = Rotation.from_rotvec(np.outer(np.arange(_TURNS) * 2 * np.pi / _TURNS, [0, 0, 1])).as_matrix()
    to = _frames(direction[there])[:, None] @ turns
    rotation = (to @ _frames(face.normals.mean(0, keepdims=True))[0].T).reshape(-1, 3, 3)
    return Poses(np.full(len(rotation), unit), rotation, np.repeat(mean[there], _TURNS, 0))


def _best_turns(cost: np.ndarray) -> np.ndarray:
    """Numbers of the _BEST_TURNS starts of least cost at each place."""
    order = np.argsort(cost.reshape(-1, _TURNS), 1)[:, :_BEST_TURNS]
    return (order + _TURNS * np.arange(len(order))[:, None]).reshape(-1)


def _distinct(poses: Poses, order: np.ndarray) -> np.ndarray:
    """The first of `order` that are not nearly the same as one before them, and not too many of them at one place."""
    chosen: list[int] = []
    for i in order:
        s, rotation, shift = (x[chosen] for x in poses)
        away = np.linalg.norm(shift - poses.shift[i], axis=1) / s
        same = (away < 20) & (np.einsum("bxy,xy->b", rotation, poses.rotation[i]) > 2.6)  # less than 37 degrees
        same &= np.abs(np.log(s / poses.scale[i])) < 0.15
        if not same.any() and (away < _LEVER).sum() < _AT_ONE_PLACE:
            chosen.append(int(i))
        if len(chosen) == _FINALISTS:
            break
    return np.array(chosen)


def _frames(direction: np.ndarray) -> np.ndarray:
    """Rotations (B, 3, 3) that take +z to the directions (B, 3)."""
    z = _unit(direction)
    x = _unit(np.cross(np.where(np.abs(z[:, :1]) < 0.9, [1.0, 0, 0], [0, 1.0, 0]), z))
    return np.stack([x, np.cross(z, x), z], 2)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-300)
