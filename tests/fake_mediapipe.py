"""A stand-in for MediaPipe, which is too large for these tests: its faces are plain red, green or blue boxes.

As the real one, it gives points as shares of the picture it is shown, finds a face only where it takes a fair part of
that, and puts points a little differently with each framing.
"""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

import numpy as np

PATTERN = np.random.default_rng(0).random((478, 2))  # of the points within the box
PATTERN[:2] = [[0, 0], [1, 1]]


def paint(picture: np.ndarray, x: int, y: int, width: int, height: int, colour: int = 0) -> np.ndarray:
    """Paint a face into a picture (H, W, 3) from 0 to 1; where its points are, (478, 2) pixels."""
    picture[y : y + height, x : x + width] = 0
    picture[y : y + height, x : x + width, colour] = 1
    return np.array([x, y]) + PATTERN * [width, height]


def boxes(picture: np.ndarray) -> list[tuple[int, int, int, int]]:
    """(x0, y0, x1, y1) of each face in a picture (H, W, 3) uint8."""
    assert picture.dtype == np.uint8 and picture.flags["C_CONTIGUOUS"]
    found = []
    for colour in range(3):
        others = [c for c in range(3) if c != colour]
        rows, columns = np.nonzero((picture[..., colour] == 255) & (picture[..., others] == 0).all(-1))
        if len(rows):
            found.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    return found


class Detector:
    """What both detectors share."""

    opened = 0

    def __init__(self, **options: object) -> None:
        self.options = options
        Detector.opened += 1

    def __enter__(self) -> Detector:
        return self

    def __exit__(self, *_: object) -> None:
        Detector.opened -= 1


class FaceMesh(Detector):
    """Finds faces that are at least a quarter as high as the picture; the first framing is the least exact."""

    def process(self, picture: np.ndarray) -> SimpleNamespace:
        assert self.options["static_image_mode"] and self.options["refine_landmarks"]
        height, width = picture.shape[:2]
        faces = []
        for x0, y0, x1, y1 in boxes(picture)[: self.options["max_num_faces"]]:
            if y1 - y0 < height / 4:
                continue
            share = (y1 - y0) / height
            off = 20.0 if share > 0.7 else 0.0  # one framing of the seven is far off
            points = np.array([x0, y0]) + PATTERN * [x1 - x0, y1 - y0] + off
            faces.append(SimpleNamespace(landmark=[SimpleNamespace(x=x / width, y=y / height, z=0) for x, y in points]))
        return SimpleNamespace(multi_face_landmarks=faces or None)


class FaceDetection(Detector):
    """Finds faces of any size, and gives their boxes."""

    def process(self, picture: np.ndarray) -> SimpleNamespace:
        assert self.options["model_selection"] == 1  # the one for distant faces
        height, width = picture.shape[:2]
        found = [
            SimpleNamespace(
                location_data=SimpleNamespace(
                    relative_bounding_box=SimpleNamespace(
                        xmin=x0 / width, ymin=y0 / height, width=(x1 - x0) / width, height=(y1 - y0) / height
                    )
                )
            )
            for x0, y0, x1, y1 in boxes(picture)
        ]
        return SimpleNamespace(detections=found or None)


def module() -> ModuleType:
    """The module, to be put into `sys.modules`."""
    made = ModuleType("mediapipe")
    made.solutions = SimpleNamespace(
        face_mesh=SimpleNamespace(FaceMesh=FaceMesh), face_detection=SimpleNamespace(FaceDetection=FaceDetection)
    )
    return made
