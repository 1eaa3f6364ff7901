"""Follow a person through a video: the face held, 51 amounts and the pose of the head sought in each frame. Lesson 19.

Each frame is a few Gauss-Newton steps (`Watched`) from what earlier frames let expect; later frames then mend what
earlier ones could not know (`Smoother`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from asm_teach.avatar.expressions import Expressions
from asm_teach.avatar.performer import Performer
from asm_teach.avatar.track import CHANNELS, Track, read_track
from asm_teach.base.arrays import Floats
from asm_teach.data.assets import data_dir
from asm_teach.fitting.result import Fit
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.rendering.camera import Camera
from asm_teach.tracking.held_face import HeldFace
from asm_teach.tracking.one_frame import Frame, Watched
from asm_teach.tracking.skin import HeldSkin, samples_of
from asm_teach.tracking.walk import SHIFT, STRAY, TURN, Belief, Smoother, Walk, amount_change, head_change
from asm_teach.view_fit.view import landmark_set

_FIRST = 9  # frames that are asked for the focal length
_ODD = 4.0  # mm on the face, the median of a frame's landmarks: beyond it they are those of somebody else
_LONG = 0.25  # seconds without a face after which the head is sought anew, and of which a note tells


@dataclass(frozen=True, eq=False)
class Followed:
    """A person in a video.

    Attributes:
        track: the amounts and the turns of the head, to be played by `export_gltf` and `Performer`. Its notes tell of
            frames without a face.
        shift: (T, 3) mm where the head is, in the axes of the camera.
        miss: (T,) mm on the face, the median distance of the landmarks from where they were found; NaN without a face.
        focal: pixels. size: (width, height) of the pictures.
    """

    track: Track
    shift: Tensor
    miss: Tensor
    focal: float
    size: tuple[int, int]

    def camera(self, frame: int) -> Camera:
        """The camera that sees the face of a `Performer` in a frame as the video does."""
        like = self.shift
        middle = like.new_tensor(self.size) / 2
        straight = like.new_tensor([math.pi, 0.0, 0.0])
        return Camera(like.new_tensor(self.focal), middle, straight, self.shift[frame], self.size)


@cache
def recorded_walk() -> Walk:
    """How fast the face of the embedded take moves."""
    return Walk.of(read_track(data_dir() / "take.csv"))


def track(
    person: SkinnedModel | Fit,
    frames: Iterable[Frame],
    size: tuple[int, int],
    *,
    focal: float | None = None,
    noise: float = 1.0,
    lag: int | None = None,
    walk: Walk | None = None,
    temporal: bool = True,
    pictures: bool = False,
    shapes: Expressions | None = None,
    name: str = "take",
) -> Followed:
    """Follow a person through the frames of a video by their landmarks. Derived in lesson 19.

    Args:
        person: the fitted face, which is held.
        frames: in order; their times may be uneven, and faces may be missing in some.
        size: (width, height) of the pictures.
        focal: pixels, if known; else it is estimated from the first frames.
        noise: mm on the face, the deviation of a landmark.
        lag: how many later frames each one waits for; None for all of them, which is smoothest.
        walk: how fast faces move; by default as the embedded recording does.
        temporal: False looks at each frame by itself, to compare.
        pictures: follow the skin in the pictures of the frames too, as the first of them show it.
        shapes: what `expression_shapes` found for this person, to spare the time.
        name: of the track.

    Raises:
        ValueError: a size, focal length, noise or lag that is none; fewer than two frames with a face; times that do
            not rise; landmarks that fit no set of the mesh; pictures that are missing or of another size.
    """
    for label, value in {"focal": focal, "noise": noise, "width": size[0], "height": size[1]}.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"{label} is {value}: give a number above zero")
    if lag is not None and (isinstance(lag, bool) or lag < 0):
        raise ValueError(f"lag is {lag}: give 0 or more frames, or None for all")
    frames = iter(frames)
    first = list(_until_seen(frames, _FIRST))
    seen = [frame for frame in first if frame.is_seen]
    if len(seen) < 2:
        raise ValueError(f"frames: {len(seen)} of {len(first)} show a face, and it takes two or more to follow one")
    performer = Performer.of(person, shapes)
    mesh = (person.model if isinstance(person, Fit) else person).mesh.to("cpu")
    points = landmark_set(mesh, 0 if seen[0].landmarks is None else len(seen[0].landmarks))
    watched = Watched(HeldFace.landmarks(performer, points, mesh.faces), focal or 1.0, size, noise)
    if focal is None:
        watched = replace(watched, focal=float(np.median([float(watched.pose(frame, None).focal) for frame in seen])))
    walk = walk or recorded_walk()
    if pictures:
        watched = replace(watched, skin=_remembered(watched, walk, seen, samples_of(performer, mesh)))
    tracker = _Tracker(watched, walk, temporal, lag)
    for frame in chain(first, frames):
        tracker.add(frame)
    return tracker.followed(name)


def _remembered(watched: Watched, walk: Walk, frames: Sequence[Frame], samples: HeldFace) -> HeldSkin:
    """The skin that the first frames show, which landmarks alone follow."""
    pictured = [frame for frame in frames if frame.image is not None]
    if len(pictured) < 2:
        raise ValueError(
            f"pictures: {len(pictured)} of the first {len(frames)} frames have one; give Frame(time, landmarks, "
            "image), or leave pictures out"
        )
    tracker = _Tracker(watched, walk, True, None)
    for frame in pictured:
        tracker.add(frame)
    images = [frame.image for frame in pictured if frame.image is not None]
    return HeldSkin.of(samples, watched.focal, watched.size, images, tracker.numbers())


def _until_seen(frames: Iterator[Frame], count: int) -> Iterator[Frame]:
    """Frames, until so many of them show a face."""
    for frame in frames:
        yield frame
        count -= frame.is_seen
        if not count:
            return


@dataclass(eq=False)
class _Tracker:
    """A face on its way through a video. lost: times of the last frames without it. count: landmarks of a frame."""

    watched: Watched
    walk: Walk
    temporal: bool
    lag: int | None
    times: list[float] = field(default_factory=list)
    misses: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    early: int = 0
    count: int = 0

    def add(self, frame: Frame) -> None:
        """Follow the face into another frame. Those before the first face are left out."""
        if not math.isfinite(frame.time):
            raise ValueError(f"frames: a time is {frame.time}; give seconds")
        if self.times and frame.time <= self.times[-1]:
            raise ValueError(
                f"frames: the time goes from {self.times[-1]:.3f} to {frame.time:.3f} s; give each frame once, in order"
            )
        seen = frame.is_seen
        if frame.landmarks is not None:
            count, self.count = len(frame.landmarks), self.count or len(frame.landmarks)
            if count != self.count:
                raise ValueError(
                    f"frames: {count} landmarks at {frame.time:.2f} s and {self.count} before; give the same set for "
                    "each frame"
                )
        width, height = self.watched.size
        if frame.image is not None and not frame.image.is_floating_point():
            raise ValueError(f"frames: a picture holds {frame.image.dtype}; give numbers from 0 to 1, bytes / 255")
        if frame.image is not None and frame.image.shape != (height, width, 3):
            raise ValueError(
                f"frames: the picture at {frame.time:.2f} s has shape {tuple(frame.image.shape)}; give "
                f"{(height, width, 3)}, as the size says"
            )
        if not self.times:
            if not seen:
                self.early += 1
                return
            if self.early:
                self.notes.append(f"no face in the first {self.early} frames: they are left out")
            start = self.watched.placed(frame)
            count = len(self.watched.face.names)
            spread = np.concatenate([np.full(count, STRAY), np.full(3, TURN), np.full(3, SHIFT)])
            middle = np.concatenate([np.zeros(count), start])
            self._smoother = Smoother(middle, spread, self.lag)
            self._columns = [CHANNELS.index(name) for name in self.watched.face.names]
        gap = frame.time - self.times[-1] if self.times else 0.0
        turned, moved = head_change(self.walk, gap)
        change = np.concatenate(
            [amount_change(self.walk, gap)[self._columns], np.full(3, turned), np.full(3, moved)]
        )  # fmt: skip
        if not self.temporal:
            change = np.full_like(change, np.inf)
        anew = not self.times or not self.temporal or (bool(self.lost) and frame.time - self.lost[0] > _LONG)

        def measure(expected: Belief) -> Belief:
            if not seen:
                return expected
            start = expected.mean.copy()
            if anew:
                start[-6:] = self.watched.placed(frame)
            believed, miss = self.watched.measured(frame, expected, start)
            self.misses.append(miss)
            return believed

        if seen:
            self._tell_lost(frame.time)
        else:
            self.misses.append(math.nan)
            self.lost.append(frame.time)
        self._smoother.add(change, measure)
        self.times.append(frame.time)

    def _tell_lost(self, time: float) -> None:
        """A note on frames without a face, once it is seen again at a time or the video ends."""
        if self.lost and time - self.lost[0] > _LONG:
            self.notes.append(
                f"no face from {self.lost[0]:.2f} to {self.lost[-1]:.2f} s ({len(self.lost)} frames): the face moves "
                "across as the frames beside let expect"
            )
        self.lost.clear()

    def numbers(self) -> Floats:
        """What was found in all frames, (T, n)."""
        return self._smoother.finish()

    def followed(self, name: str) -> Followed:
        """What was found in all frames; those after the last face are left out."""
        numbers = self.numbers()
        kept = len(self.times) - len(self.lost)
        if self.lost:
            self.notes.append(
                f"the face is last seen at {self.times[kept - 1]:.2f} s: the {len(self.lost)} frames after it are left "
                "out"
            )
        count, found = len(self.watched.face.names), torch.from_numpy(numbers[:kept])
        amounts = torch.zeros(kept, len(CHANNELS), dtype=torch.float64)
        amounts[:, self._columns] = found[:, :count].clamp(0, 1)
        times = torch.tensor(self.times[:kept], dtype=torch.float64)
        miss = torch.tensor(self.misses[:kept], dtype=torch.float64)
        if odd := int((miss > _ODD).sum()):
            self.notes.append(
                f"in {odd} of {kept} frames the landmarks lie more than {_ODD:g} mm from the face: is it this person?"
            )
        eyes = torch.zeros(kept, 2, 3, dtype=torch.float64)
        take = Track(name, times - times[0], amounts, found[:, count : count + 3], eyes, tuple(self.notes))
        return Followed(take, found[:, count + 3 :], miss, self.watched.focal, self.watched.size)
