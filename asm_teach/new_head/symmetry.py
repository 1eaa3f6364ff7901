"""The plane between the two sides of a head, and the line where it cuts the surface."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asm_teach.geometry.alignment import Placement, settle
from asm_teach.geometry.surface_points import Points, Skin
from asm_teach.new_head.landmark_check import PAIRS

_SAMPLE = 600  # vertices of the face that find their mirror images


class Mirror(NamedTuple):
    """The plane between the two sides of a face: unit normal (3,) towards the person's left, offset along it."""

    normal: Points
    offset: float

    def reflect(self, points: Points) -> Points:
        """Points (n, 3) on the other side."""
        return points - 2 * ((points @ self.normal) - self.offset)[:, None] * self.normal


def find_mirror(skin: Skin, marks: Points) -> Mirror:
    """The plane across which a head is most like itself: from pairs of landmarks (68, 3), then from the whole surface.

    The head's mirror image is brought to the head by closest points; the plane is what is left of the two together.
    """
    left, right = marks[PAIRS[:, 1]], marks[PAIRS[:, 0]]
    normal = (left - right).sum(0)
    normal /= np.linalg.norm(normal)
    plane = Mirror(normal, float(((left + right) / 2 @ normal).mean()))
    used = skin.vertices[np.unique(skin.faces)]
    reach = 1.2 * np.linalg.norm(marks - marks.mean(0), axis=1).max()
    face = used[np.linalg.norm(used - marks.mean(0), axis=1) < reach]
    face = face[:: max(1, len(face) // _SAMPLE)]
    image = plane.reflect(face)
    placement, _ = settle(skin.surface, image, [Placement()], similarity=False)
    other = placement.backward(image)  # where each point's partner lies, to the best of the whole surface
    apart = other - face
    # Of a reflection all differences lie along the normal, those of points near the plane being short.
    normal = np.linalg.svd(apart, full_matrices=False)[2][0]
    normal = normal * np.sign(normal @ plane.normal)
    return Mirror(normal, float(((face + other) / 2 @ normal).mean()))


def middle_line(skin: Skin, mirror: Mirror) -> Skin:
    """The line where a plane cuts the surface, its pieces as triangles without area that look as their faces do.

    Raises ValueError where the plane does not cut it.
    """
    height = skin.vertices @ mirror.normal - mirror.offset
    above = (height >= 0)[skin.faces]
    cut = above != np.roll(above, -1, 1)  # (F, 3) the edge from corner k to the next
    face = np.flatnonzero(cut.any(1))
    if len(face) == 0:
        raise ValueError("mesh: nothing of it lies in the middle between left and right: give the whole face")
    edge = np.stack([cut[face].argmax(1), 2 - cut[face][:, ::-1].argmax(1)], 1)  # each such face has two
    start, end = skin.faces[face[:, None], edge], skin.faces[face[:, None], (edge + 1) % 3]
    share = (height[start] / (height[start] - height[end]))[..., None]
    ends = (1 - share) * skin.vertices[start] + share * skin.vertices[end]
    pieces = 2 * np.arange(len(face))[:, None] + np.array([0, 1, 1])
    return Skin(ends.reshape(-1, 3), pieces, skin.looks[face])
