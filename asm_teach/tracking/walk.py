"""What is believed of a face from one frame to the next, and the smoother that believes it. Lesson 19.

Each number x of the state has a random walk that is drawn back to its middle m, a process of Ornstein and Uhlenbeck,
eq. (19.3): x' - m = r (x - m) + e, with e ~ N(0, s^2 (1 - r^2)). It strays by s in the long run, and changes within a
time d by c(d)^2 = 2 s^2 (1 - r) on average, which is how a recorded face tells r. The smoother is that of Kalman, and
of Rauch, Tung and Striebel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from asm_teach.avatar.track import CHANNELS, Track
from asm_teach.base.arrays import Floats

STRAY = 0.3  # of an amount, in the long run
TURN, SHIFT = 0.6, 150.0  # radians and mm, the same of the head's pose
_STEADY = 0.02  # of an amount: a channel that stayed still in a recording may move so far within a frame
_HASTE = (0.6, 120.0)  # radians and mm a second by which a head of which no recording tells may move
_UNTIL = 1.0  # seconds: after a longer gap nothing is left of what was known


@dataclass(frozen=True, eq=False)
class Walk:
    """How fast the amounts of expressions and the head's turn change.

    Attributes:
        lags: (n,) seconds, rising from 0.
        change: (n, 52 + 1) root mean square of the change within these times: of the amounts of `CHANNELS`, and of the
            angles of the head in radians.
    """

    lags: Floats
    change: Floats

    @classmethod
    def of(cls, track: Track) -> Walk:
        """Measured of a recording. Raises ValueError for one of less than half a second."""
        if track.seconds < 0.5:
            raise ValueError(f"track: {track.name} lasts {track.seconds:.2f} s; give half a second or more")
        step = float(np.median(np.diff(track.times.numpy())))
        grid = np.arange(0.0, track.seconds + step / 2, step)
        numbers = np.concatenate([track.amounts.numpy(), track.head.numpy()], 1)
        even = np.stack([np.interp(grid, track.times.numpy(), column) for column in numbers.T], 1)
        most = min(int(_UNTIL / step), len(grid) // 2)
        changes = [np.zeros(even.shape[1])]
        changes += [np.sqrt(((even[lag:] - even[:-lag]) ** 2).mean(0)) for lag in range(1, most + 1)]
        found = np.stack(changes)
        head = np.sqrt((found[:, len(CHANNELS) :] ** 2).mean(1, keepdims=True))
        both: Floats = np.concatenate([found[:, : len(CHANNELS)], head], 1).astype(np.float64)
        return cls(np.linspace(0.0, step * most, most + 1), both)

    def within(self, seconds: float) -> tuple[Floats, float]:
        """The change within a time: (52,) of the amounts, and of the angles of the head."""
        found = np.array([np.interp(seconds, self.lags, column) for column in self.change.T])
        return found[:-1], float(found[-1])


class Belief(NamedTuple):
    """A normal distribution of the n numbers of a frame: mean (n,) and covariance (n, n)."""

    mean: Floats
    covariance: Floats


Measure = Callable[[Belief], Belief]


class Smoother:
    """Follows a state through frames: what earlier frames tell of each, then what later ones add.

    middle: (n,) where the numbers are drawn back to. spread: (n,) how far they stray in the long run. lag: how many
    later frames each one waits for; None for all.
    """

    def __init__(self, middle: Floats, spread: Floats, lag: int | None = None) -> None:
        self.middle, self.variance, self.lag = middle, spread**2, lag
        self._known: deque[tuple[Belief, Belief, Floats]] = deque()  # filtered, predicted, pull to the middle
        self._last: Belief | None = None
        self.found: list[Floats] = []

    def add(self, change: Floats, measure: Measure) -> Floats:
        """Another frame: (n,) the change expected since the last one, and what the frame itself tells.

        measure: from what is believed before the frame is looked at to what is after. Returns the mean (n,) that stands
        without later frames.
        """
        pull = np.clip(1 - change**2 / (2 * self.variance), 0.0, 1.0)
        if self._last is None:
            last, pull = Belief(self.middle, np.diag(self.variance)), np.zeros_like(pull)
        else:
            last = self._last
        mean = self.middle + pull * (last.mean - self.middle)
        covariance = pull[:, None] * last.covariance * pull + np.diag(self.variance * (1 - pull**2))
        predicted = Belief(mean, covariance)
        after = measure(predicted)
        self._known.append((after, predicted, pull))
        self._last = after
        if self.lag is not None and len(self._known) > self.lag:
            self.found.append(self._backwards()[0])
            self._known.popleft()
        return after.mean

    def finish(self) -> Floats:
        """The means of all frames (T, n), each with what the later ones that it waited for told."""
        self.found += self._backwards()
        self._known.clear()
        return np.stack(self.found)

    def _backwards(self) -> list[Floats]:
        """From the last known frame to the first: means that know the later frames."""
        frames = list(self._known)
        means = [frames[-1][0].mean] if frames else []
        for (now, _, _), (_, ahead, pull) in zip(frames[-2::-1], frames[:0:-1], strict=True):
            gain = np.linalg.solve(ahead.covariance, pull[:, None] * now.covariance).T
            means.append(now.mean + gain @ (means[-1] - ahead.mean))
        return means[::-1]


def head_change(walk: Walk, seconds: float) -> tuple[float, float]:
    """How far a head turns (radians) and moves (mm) within a time: by a recording, or if that is still, by `_HASTE`."""
    turned = walk.within(seconds)[1]
    return max(turned, _HASTE[0] * seconds), _HASTE[1] * seconds


def amount_change(walk: Walk, seconds: float) -> Floats:
    """(52,) how far the amounts change within a time."""
    return np.maximum(walk.within(seconds)[0], _STEADY)
