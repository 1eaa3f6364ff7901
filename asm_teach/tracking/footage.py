"""Where the frames of a take come from: a video, a folder of pictures, or a file of landmarks."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.data.sidecars import files_beside
from asm_teach.tracking.one_frame import Frame
from asm_teach.view_fit.face_detector import NoFace, Say, find_landmarks
from asm_teach.view_fit.photos import load_views, read_photo

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
VIDEOS = (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi")
RATE = 30.0  # frames a second of a folder that says nothing of it
_AROUND = 0.6  # of its extent, on each side of a face, where it is sought in the next frame


@dataclass(eq=False)
class Footage:
    """The frames of a take, to be gone through once. size: (width, height), pixels. name: without ending."""

    frames: Iterator[Frame]
    size: tuple[int, int]
    name: str


@dataclass(eq=False)
class _Told:
    """Says a sentence of each kind once, with the name of its frame, and counts the others."""

    say: Say
    kinds: dict[str, int] = field(default_factory=dict)

    def __call__(self, sentence: str) -> None:
        kind = re.sub(r"[\d.%]+", "#", sentence.partition(": ")[2])
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if self.kinds[kind] == 1:
            self.say(sentence)

    def finish(self) -> None:
        """Tell how often the sentences would have come again."""
        for kind, count in self.kinds.items():
            if count > 1:
                self.say(f"the same in {count - 1} more frames: {kind[:60]}...")


def read_footage(path: str | os.PathLike[str], *, rate: float | None = None, say: Say = print) -> Footage:
    """Open a take.

    - a folder of pictures, in the order of their names, all of one size. Landmarks come from files beside them, as for
      `load_views`, or from MediaPipe;
    - a video, whose frames MediaPipe looks at: pip install 'asm_teach[photos,video]';
    - a .npz file with `landmarks` (T, L, 2) pixels, NaN where a point was not found, `size` (width, height), and
      `times` (T,) in seconds or a `rate`.

    Args:
        path: the folder or file.
        rate: frames a second, of a folder (30 where it is not given) or of a file without times. A video knows its own.
        say: told what is odd, such as several faces: then the one nearest to that of the frame before is followed.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: it is none of these, or damaged; a rate that is none; no pictures, or pictures of several sizes;
            MediaPipe or PyAV are needed and not installed.
    """
    path = Path(path)
    if rate is not None and not (math.isfinite(rate) and 1 <= rate <= 1000):
        raise ValueError(f"rate: found {rate!r}; give frames a second, such as 30")
    if path.is_dir():
        return _folder(path, rate or RATE, say)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file or folder {str(path)!r}; check the name")
    if path.suffix.lower() == ".npz":
        return _file(path, rate)
    if path.suffix.lower() in VIDEOS:
        if rate is not None:
            raise ValueError(f"rate: {path.name} is a video, which knows when its frames were taken; leave it out")
        return _video(path, say)
    raise ValueError(
        f"{path.name}: expected a video ({', '.join(VIDEOS)}), a folder of pictures, or a .npz file of landmarks"
    )


def _file(path: Path, rate: float | None) -> Footage:
    arrays = load_npz(path)
    for name in ("landmarks", "size"):
        if name not in arrays:
            raise ValueError(f"{path.name}: it has no array {name!r}; write landmarks (T, L, 2), size (2,), times (T,)")
    points, size = arrays["landmarks"], arrays["size"]
    if points.ndim != 3 or points.shape[2] != 2 or points.dtype.kind != "f" or size.shape != (2,):
        raise ValueError(
            f"{path.name}: landmarks {points.shape}, size {size.shape}; expected (T, L, 2) pixels and (width, height)"
        )
    if "times" in arrays:
        times = arrays["times"].astype(np.float64)
        if times.shape != points.shape[:1] or not np.isfinite(times).all():
            raise ValueError(f"{path.name}: times {times.shape}, and there are {len(points)} frames; give each a time")
    else:
        own = arrays.get("rate")
        if own is None and rate is None:
            raise ValueError(f"{path.name}: it has neither times nor a rate; give the rate, frames a second")
        times = np.arange(len(points)) / float(own if rate is None and own is not None else rate or RATE)
    frames = (Frame(float(time), torch.from_numpy(one)) for time, one in zip(times, points, strict=True))
    return Footage(frames, (int(size[0]), int(size[1])), path.stem)


def _folder(path: Path, rate: float, say: Say) -> Footage:
    pictures = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES)
    if not pictures:
        raise ValueError(f"{path.name}: there is no picture in this folder ({', '.join(PICTURES)})")
    height, width = read_photo(pictures[0], lambda _: None).pixels.shape[:2]
    told = _Told(say)

    def frames() -> Iterator[Frame]:
        last: Tensor | None = None
        for number, file in enumerate(pictures):
            points = image = None
            try:
                if files_beside(file):
                    (view,) = load_views([file], exif=False, say=told)
                    points, image, shape = view.landmarks, view.image, view.size
                else:
                    image = read_photo(file, told).pixels
                    shape = (image.shape[1], image.shape[0])
                    points = _near(image, last, file.name, told)
            except NoFace:
                shape = (width, height)
            except ModuleNotFoundError as error:
                raise ValueError(str(error)) from None
            if shape != (width, height):
                raise ValueError(
                    f"{file.name}: {shape[0]} x {shape[1]} pixels, and {pictures[0].name} {width} x {height}; a take "
                    "has frames of one size"
                )
            last = points
            yield Frame(number / rate, points, image)
        told.finish()

    return Footage(frames(), (width, height), path.name)


def _video(path: Path, say: Say) -> Footage:
    try:
        import av
    except ImportError:
        raise ValueError(
            f"{path.name}: to read a video PyAV is needed: pip install 'asm_teach[video]'; or give a folder of its "
            "frames as pictures"
        ) from None
    told = _Told(say)
    try:
        container = av.open(str(path))
        stream = container.streams.video[0]
    except (av.error.FFmpegError, IndexError) as error:
        raise ValueError(f"{path.name}: no video can be read from it ({error}); is it whole?") from None

    def frames() -> Iterator[Frame]:
        last: Tensor | None = None
        with container:
            try:
                for number, frame in enumerate(container.decode(stream)):
                    image = torch.from_numpy(frame.to_ndarray(format="rgb24")).float() / 255
                    time = number / RATE if frame.time is None else float(frame.time)
                    try:
                        last = _near(image, last, f"frame {number + 1}", told)
                    except NoFace:
                        last = None
                    yield Frame(time, last, image)
            except ModuleNotFoundError as error:
                raise ValueError(str(error)) from None
            except av.error.FFmpegError as error:
                told(f"{path.name}: the video stops here, because it is damaged ({error})")
        told.finish()

    return Footage(frames(), (stream.width, stream.height), path.stem)


def _near(image: Tensor, last: Tensor | None, name: str, say: Say) -> Tensor:
    """The landmarks of the face that is nearest to that of the frame before, else of any."""
    if last is not None:
        low, high = last.amin(0), last.amax(0)
        margin = _AROUND * float((high - low).max())
        x0, y0 = (max(int(v - margin), 0) for v in low.tolist())
        x1, y1 = (int(v + margin) + 1 for v in high.tolist())
        try:
            return find_landmarks(image[y0:y1, x0:x1], name, say) + torch.tensor([x0, y0])
        except NoFace:
            pass
    return find_landmarks(image, name, say)
