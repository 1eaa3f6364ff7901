"""Carrying points of one head over to another, by landmarks that both have. Used by lesson 6.

Arrays here are numpy, float64. Landmarks are (68, 3) in iBUG's order, NaN rows for those not known.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.interpolate import RBFInterpolator

from asm_teach.geometry.alignment import Placement, align_points
from asm_teach.geometry.surface_points import Points

_SLACK = 0.01  # mm that the spline may miss a landmark by, so that two landmarks in one place do no harm


def similarity(source: Points, target: Points) -> Placement:
    """The best similarity from landmarks to landmarks, over those that both have."""
    known = np.isfinite(source).all(1) & np.isfinite(target).all(1)
    return Placement.of(align_points(torch.from_numpy(source[known]), torch.from_numpy(target[known]), scale=True))


class Warp:
    """A smooth map of space that takes landmarks to landmarks: their similarity, then a spline of what is left.

    The spline is the biharmonic one of three dimensions, whose kernel is the distance itself; far from the landmarks
    it grows no faster than that.
    """

    def __init__(self, source: Points, target: Points) -> None:
        known = np.isfinite(source).all(1) & np.isfinite(target).all(1)
        self.placement = similarity(source, target)
        start = self.placement.forward(source[known])
        self._rest = RBFInterpolator(start, target[known] - start, kernel="linear", degree=0, smoothing=_SLACK)

    def __call__(self, points: Points) -> Points:
        """(n, 3) points of the source's space to the target's."""
        start = self.placement.forward(points)
        found: Points = start + self._rest(start)
        return found

    def directions(self, points: Points, directions: Points) -> Points:
        """Unit directions (n, 3) at points (n, 3), turned as the map turns them."""
        there = self(points + directions) - self(points)
        turned: Points = there / np.maximum(np.linalg.norm(there, axis=1, keepdims=True), 1e-12)
        return turned
