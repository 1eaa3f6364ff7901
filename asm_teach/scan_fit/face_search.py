"""Where on a surface a face lies, how it is turned and how large it is, without a hint.

A face lies somewhere on the scan and looks out along the normal there. So a start is a place on the scan, a turn
about its normal, and a size. From thousands of starts the best of each place and size are moved by iterated closest
points, and the few that end best are moved again, with more points. What decides is the relief of the face.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from asm_teach.scan_fit.face_relief import LEVER, NEAR, Cloud, Found, Poses, Samples, look, measure, solve, unit_length

_MOST_FACES = 400_000  # of more triangles, these are looked at: enough to draw points from
_SPARSE = 10_000  # points of the scan to search with; all are taken to finish
_FEW, _FEWEST = 80, 40  # points of the face to search with, and to choose starts by; all are taken to finish
_SIZES = 60 * 1.4 ** np.arange(6)  # mm, what the median distance from the middle of a scan may be: a mask to two busts
_MOST_PLACES, _TURNS = 250, 12
_BEST_TURNS, _KEPT, _LEFT = 3, 600, 100  # starts at each place, of each size, and of those after the first steps
_FINALISTS, _AT_ONE_PLACE = 16, 4  # one face may not crowd out a second


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
    return Cloud(a + v * (b - a) + w * (c - a), unit_length(cross[face]))


def find_faces(face: Cloud, scan: Samples) -> Found:
    """Look for a face all over a scan.

    Args:
        face: points of the template's face in mm, its middle at 0.
        scan: points drawn from the scan, in any unit.

    Returns:
        placements, the best first; none of them need be a face.
    """
    middle = np.median(scan.points, 0)
    size = float(np.median(np.linalg.norm(scan.points - middle, axis=1)))
    step = max(1, len(scan.points) // _SPARSE)
    sparse = Samples(Cloud((scan.points[::step] - middle) / size, scan.normals[::step]), smooth=8)
    few, fewest = (Cloud(*(x[:: max(1, len(x) // n)] for x in face)) for n in (_FEW, _FEWEST))
    starts = []
    for radius in _SIZES:
        poses = _starts(face, sparse, 1 / radius)
        seen = look(sparse, poses, fewest.points, fewest.normals)
        cost = np.minimum(seen.away, 2 * NEAR).mean(1) + 10 * (1 - seen.agree.clip(0)).mean(1)
        best = _best_turns(cost)
        poses = move(sparse, fewest, poses.take(best[np.argsort(cost[best])[:_KEPT]]), np.geomspace(25, 15, 5))
        starts.append(poses.take(np.argsort(-measure(sparse, fewest, poses, steps=2).relief)[:_LEFT]))
    poses = Poses(*(np.concatenate(x) for x in zip(*starts, strict=True)))
    poses = move(sparse, few, poses, np.geomspace(15, 8, 8))
    first = measure(sparse, few, poses, steps=3)
    scale, rotation, shift = poses.take(_distinct(poses, np.argsort(-first.relief)))
    poses = move(scan, face, Poses(scale * size, rotation, shift * size + middle), np.geomspace(12, 5, 15))
    found = measure(scan, face, poses)
    order = np.argsort(-found.relief)
    return Found(found.poses.take(order), *(x[order] for x in found[1:]))


def move(scan: Samples, face: Cloud, poses: Poses, widths: np.ndarray) -> Poses:
    """Iterated closest points for all poses at once; `widths` (mm), one for each step, say what counts as near."""
    p, axes = face.points, np.eye(3)
    # What a turn, a shift and a growth do to each point: (n, 3, 7).
    turns = np.cross(axes, p[:, None]).swapaxes(1, 2) / LEVER
    fields = np.concatenate([turns, np.tile(axes, (len(p), 1, 1)), p[..., None] / LEVER], 2)
    lowest, highest = 0.6 * poses.scale, 1.6 * poses.scale
    for width in widths:
        x = solve(fields, look(scan, poses, p, face.normals), width, np.full(7, 0.02))
        turn = x[:, :3] / LEVER
        turn *= np.minimum(1, 0.4 / np.maximum(np.linalg.norm(turn, axis=1, keepdims=True), 1e-12))
        shift = poses.shift + poses.scale[:, None] * np.einsum("bxy,by->bx", poses.rotation, x[:, 3:6])
        scale = np.clip(poses.scale * np.exp((x[:, 6] / LEVER).clip(-0.2, 0.2)), lowest, highest)
        poses = Poses(scale, poses.rotation @ Rotation.from_rotvec(turn).as_matrix(), shift)
    return poses


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
    near = cdist(points, scan.points) < LEVER * unit
    near &= normals @ scan.normals.T > 0.2  # not the other side of something thin
    share = near / np.maximum(near.sum(1, keepdims=True), 1)
    mean, direction = share @ scan.points, share @ scan.normals
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
        if not same.any() and (away < LEVER).sum() < _AT_ONE_PLACE:
            chosen.append(int(i))
        if len(chosen) == _FINALISTS:
            break
    return np.array(chosen)


def _frames(direction: np.ndarray) -> np.ndarray:
    """Rotations (B, 3, 3) that take +z to the directions (B, 3)."""
    z = unit_length(direction)
    x = unit_length(np.cross(np.where(np.abs(z[:, :1]) < 0.9, [1.0, 0, 0], [0, 1.0, 0]), z))
    return np.stack([x, np.cross(z, x), z], 2)
