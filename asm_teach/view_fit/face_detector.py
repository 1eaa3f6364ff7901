"""The landmarks of a face in a picture, found by MediaPipe.

MediaPipe is an extra, `pip install 'asm_teach[photos]'`: release 0.10.14 is the last that carries its networks in its
wheel. Nothing is fetched.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

GROUND = 0.5  # grey behind what is transparent, and beyond the picture's edges

# How much is added to the face's box, on each side and as a share of half of it, before it is looked at again. Where
# MediaPipe puts a point depends by a millimetre on how the face is framed; the median of several framings less so.
FRAMINGS = (0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.2)

NEARLY = 0.8  # of the width and height of the largest face: as large, where several are found
SOME_BEYOND, MOST_BEYOND = 0.02, 0.2  # share of the points beyond the frame: said, and refused
SMALL = 100  # pixels across a face: some 0.7 of a mm

Say: TypeAlias = Callable[[str], None]


class NoFace(ValueError):
    """A picture shows no face, or less than is needed of it."""


def find_landmarks(image: Tensor, name: str = "picture", say: Say = print) -> Tensor:
    """MediaPipe's 478 face-mesh points of the largest face in a picture (H, W, 3): (478, 2) pixels, float32.

    The last ten are the irises. Each point is the median of what is found in several framings of the face. Of faces
    about as large the one nearest to the middle is taken. `say` is told when there are several faces, and when the face
    is small or cut off by the frame. The network lies in the wheel of mediapipe 0.10.14: nothing is fetched.

    Raises:
        ModuleNotFoundError: MediaPipe is not installed, or is a release without its face mesh.
        NoFace: no face was found, or a large part of it lies beyond the frame; the message begins with `name`.
    """
    if not isinstance(image, Tensor) or image.ndim != 3 or image.shape[2] != 3 or not image.is_floating_point():
        raise ValueError("image: expected a float tensor (H, W, 3) from 0 to 1")
    solutions = _solutions(name)
    picture = np.ascontiguousarray((image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).numpy())
    with _quiet(), solutions.face_mesh.FaceMesh(
        static_image_mode=True, refine_landmarks=True, max_num_faces=5
    ) as mesh:  # fmt: skip
        found = _faces(mesh, picture) or [
            face for box in _far_boxes(solutions, picture) for face in _framed(mesh, picture, box, 0.8)
        ]
        if not found:
            raise NoFace(
                f"{name}: no face was found in it; give a picture in which one face is upright, lit, and at least a "
                "third as high as the picture, or put its landmarks into a file beside it"
            )
        first = _chosen(found, picture)
        if len(found) > 1:
            x, y = first.mean(0)
            say(
                f"{name}: {len(found)} faces were found; the one of {np.ptp(first[:, 0]):.0f} pixels round "
                f"({x:.0f}, {y:.0f}) is used, the largest. If it is another one that you mean, crop the picture to it"
            )
        again = [first]
        for margin in FRAMINGS:
            seen = _framed(mesh, picture, first, margin)
            if seen:
                again.append(min(seen, key=lambda face: np.abs(face - first).mean()))
    points = np.median(again[1:] or again, axis=0)
    _check_whole(points, picture.shape[1::-1], name, say)
    return torch.from_numpy(points).float()


def _chosen(faces: list[np.ndarray], picture: np.ndarray) -> np.ndarray:
    """The largest face; of those nearly as large the one nearest to the middle of the picture."""
    sizes = [float(np.sqrt(np.prod(np.ptp(face, axis=0)))) for face in faces]
    large = [face for face, size in zip(faces, sizes, strict=True) if size > NEARLY * max(sizes)]
    middle = np.array(picture.shape[1::-1]) / 2
    return min(large, key=lambda face: float(np.linalg.norm(face.mean(0) - middle)))


def _check_whole(points: np.ndarray, size: tuple[int, ...], name: str, say: Say) -> None:
    """Say where a face (478, 2) is cut off by the frame of a picture (width, height), or small; refuse half a face."""
    beyond = np.concatenate([points < 0, points > np.array(size)], 1)  # left, top, right, bottom
    share = float(beyond.any(1).mean())
    side = ("left", "upper", "right", "lower")[int(beyond.sum(0).argmax())]
    if share > MOST_BEYOND:
        raise NoFace(
            f"{name}: the face is cut off by the picture's {side} edge, with {share:.0%} of its points beyond; give a "
            "picture that shows all of it"
        )
    if share > SOME_BEYOND:
        say(
            f"{name}: the face is cut off by the picture's {side} edge: {share:.0%} of its points lie beyond it and "
            "are guesses. A picture that shows all of it is better"
        )
    if (width := float(np.ptp(points[:, 0]))) < SMALL:
        say(f"{name}: the face is only {width:.0f} pixels wide, which shows little of the skin; give a larger picture")


def _solutions(name: str) -> Any:
    try:
        with _quiet():
            import mediapipe

        return mediapipe.solutions
    except (ImportError, AttributeError) as error:
        raise ModuleNotFoundError(
            f"{name}: to find its landmarks MediaPipe 0.10.14 is needed, which is not here ({error}): "
            "pip install 'asm_teach[photos]' (Python 3.10 to 3.12); or put its landmarks into a file beside the picture"
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings that MediaPipe's own requirements give."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _faces(mesh: Any, picture: np.ndarray) -> list[np.ndarray]:
    """Every face (478, 2) in pixels that the face mesh finds in a picture (H, W, 3) uint8."""
    found = mesh.process(picture).multi_face_landmarks or []
    size = np.array(picture.shape[1::-1])
    return [np.array([[point.x, point.y] for point in face.landmark]) * size for face in found]


def _framed(mesh: Any, picture: np.ndarray, points: np.ndarray, margin: float) -> list[np.ndarray]:
    """The same in the square around `points` with a margin; what lies outside the picture is grey."""
    low, high = points.min(0), points.max(0)
    half = (high - low).max() / 2 * (1 + margin)
    corner = np.floor((low + high) / 2 - half).astype(int)
    side = max(int(2 * half), 2)
    frame = np.full((side, side, 3), round(255 * GROUND), np.uint8)
    x0, y0 = np.maximum(corner, 0)
    x1, y1 = np.minimum(corner + side, picture.shape[1::-1])
    frame[y0 - corner[1] : y1 - corner[1], x0 - corner[0] : x1 - corner[0]] = picture[y0:y1, x0:x1]
    return [face + corner for face in _faces(mesh, frame)]


def _far_boxes(solutions: Any, picture: np.ndarray) -> list[np.ndarray]:
    """Corners (2, 2), in pixels, of faces that are too small for the face mesh to find by itself."""
    with solutions.face_detection.FaceDetection(model_selection=1) as detector:
        found = detector.process(picture).detections or []
    boxes = [face.location_data.relative_bounding_box for face in found]
    size = np.array(picture.shape[1::-1])
    return [np.array([[b.xmin, b.ymin], [b.xmin + b.width, b.ymin + b.height]]) * size for b in boxes]
