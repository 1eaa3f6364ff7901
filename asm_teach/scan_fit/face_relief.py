"""How much of a face's relief a surface has where the face is put.

Relief is what makes a face: nose, eye sockets, lips, all that is left of it when a smooth bowl is taken away. Smooth
shapes have none of it. Shown in lesson 6.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

LEVER = 60.0  # mm, the size of a face: makes turns, growth and polynomials numbers of the size of a shift
NEAR = 12.0  # mm: a point of the face that is farther from the scan has found nothing there
_ENOUGH = 0.6  # of the points of a face that the scan has: more do not make it likelier, fewer do less


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
        self.normals = unit_length(cloud.normals[near].sum(1))

    def turned_round(self) -> Samples:
        """The same with its inside out."""
        turned = copy.copy(self)
        turned.normals = -self.normals
        return turned


def measure(scan: Samples, face: Cloud, poses: Poses, steps: int = 8) -> Found:
    """How much of the face's relief the scan has at each pose.

    People differ: the face may first bow (a cubic in depth) and slide in its own plane (a quadratic, for each
    mm of which 2 % are taken off). What is left is compared with what the bow alone leaves of the face, its relief:
    in height, by squared distances, and in slope, by 1 - the cosines of the angles between normals. The share is the
    mean of both. Bumps alone may have a nose's height, but not its slopes too. Points that the scan has no surface for
    are left out, up to two fifths of them for nothing.
    """
    x, y, _ = face.points.T / LEVER
    slides = np.stack([x**i * y**j for i in range(3) for j in range(3 - i)], 1)  # (n, 6)
    bows = _bows(face.points)
    fields = np.zeros((len(x), 3, 22))
    fields[:, 0, :6] = fields[:, 1, 6:12] = slides
    fields[:, 2, 12:] = bows
    ridge = np.r_[np.full(12, 1e-3), np.full(10, 1e-5)]
    amounts = np.zeros((len(poses.scale), 22))
    for width in np.geomspace(10, 4, steps):
        seen = look(scan, poses, face.points + np.einsum("nxk,bk->bnx", fields, amounts), face.normals)
        amounts = amounts + solve(fields, seen, width, ridge, amounts)
    moved = np.einsum("nxk,bk->bnx", fields, amounts)
    seen = look(scan, poses, face.points + moved, face.normals)
    there = (seen.away < NEAR) & (seen.agree > 0.3)
    smooth = bow_normals(face.points)
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


def bow_normals(points: np.ndarray) -> np.ndarray:
    """(n, 3) of that bowl at the points."""
    amounts = np.linalg.lstsq(_bows(points), points[:, 2], rcond=None)[0]
    steps = 0.01 * np.eye(3)[:2]  # mm: of a cubic the difference to both sides is the slope to six digits
    slopes = [(_bows(points + step) - _bows(points - step)) @ amounts / 0.02 for step in steps]
    return unit_length(np.stack([-slopes[0], -slopes[1], np.ones(len(points))], 1))


def _bows(points: np.ndarray) -> np.ndarray:
    """x^i y^j up to the third degree, (n, 10)."""
    x, y, _ = points.T / LEVER
    return np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], 1)


class Seen(NamedTuple):
    """What the points of a face see of the scan, in the face's own mm and axes."""

    gap: np.ndarray  # (B, n) signed distance to the plane of the nearest point of the scan
    away: np.ndarray  # (B, n) distance to that point
    normal: np.ndarray  # (B, n, 3) its normal
    agree: np.ndarray  # (B, n) cosine of the angle between the two normals


def look(scan: Samples, poses: Poses, points: np.ndarray, normals: np.ndarray) -> Seen:
    """What points (n, 3) or (B, n, 3) of a face, with normals (n, 3), see of the scan at B poses."""
    at = poses.put(points)
    away, nearest = scan.tree.query(at)
    normal = scan.normals[nearest]
    gap = np.einsum("bnx,bnx->bn", at - scan.points[nearest], normal)
    normal = normal @ poses.rotation
    scale = poses.scale[:, None]
    return Seen(gap / scale, away / scale, normal, np.einsum("bnx,nx->bn", normal, normals))


def solve(
    fields: np.ndarray, seen: Seen, width: float, ridge: np.ndarray, amounts: np.ndarray | float = 0.0
) -> np.ndarray:
    """Amounts (B, k) of the motions `fields` (n, 3, k) that take the face's points to the planes that they see."""
    weight = seen.agree.clip(0) ** 2 * (width**2 / (width**2 + seen.away**2)) ** 2
    jacobian = np.einsum("bnx,nxk->bnk", seen.normal, fields)
    weighted = jacobian * weight[..., None]
    ridge = ridge * (weight.sum(1)[:, None] + 1e-9)
    normal = weighted.swapaxes(1, 2) @ jacobian + ridge[:, None] * np.eye(len(ridge[0]))
    towards = -np.einsum("bnk,bn->bk", weighted, seen.gap) - ridge * amounts
    return np.linalg.solve(normal, towards[..., None])[..., 0]


def unit_length(x: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) of length 1; of length 0 where they were."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-300)
