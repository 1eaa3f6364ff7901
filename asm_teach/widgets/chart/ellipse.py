"""A Gaussian of eq. (2) as the ellipse that a person sees: two widths and an angle, and back to its factor."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Ellipse:
    """Sigma = R diag(s1^2, s2^2) R^T, with R the turn by `angle`.

    Attributes:
        s1: the width (one standard deviation) along the direction of the angle, chart units.
        s2: the width across it, chart units.
        angle: radians, from the u axis towards the v axis.
    """

    s1: float
    s2: float
    angle: float

    @classmethod
    def of_factor(cls, a: float, b: float, c: float) -> Ellipse:
        """From (a, b, c) of L = [[exp(a), 0], [b, exp(c)]], Sigma = L L^T; the wider direction comes first."""
        uu, uv, vv = math.exp(2 * a), b * math.exp(a), b * b + math.exp(2 * c)
        middle, half = (uu + vv) / 2, math.hypot((uu - vv) / 2, uv)
        s1 = math.sqrt(middle + half)
        # the smaller root from the determinant: middle - half would cancel for a long ellipse
        s2 = math.exp(a + c) / s1
        angle = 0.5 * math.atan2(2 * uv, uu - vv) if half > 1e-6 * middle else 0.0
        return cls(s1, s2, angle)

    def factor(self) -> tuple[float, float, float]:
        """(a, b, c) of the Cholesky factor of Sigma."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        uu = (self.s1 * cos) ** 2 + (self.s2 * sin) ** 2
        uv = (self.s1**2 - self.s2**2) * cos * sin
        a = 0.5 * math.log(uu)
        return a, uv / math.sqrt(uu), math.log(self.s1 * self.s2) - a  # exp(a) exp(c) = s1 s2
