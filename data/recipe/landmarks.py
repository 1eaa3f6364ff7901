"""Put MediaPipe's face-mesh points on a head: skin points on skin, iris points on the eyes, lip points on their lip."""

from __future__ import annotations

import numpy as np
from geometry import on_surface

IBUG68 = [
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 70, 63, 105, 66, 107, 336, 296,
    334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, 61,
    39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
]  # fmt: skip
SKIN = 468  # the points after these lie on the irises
# The inner ring of the lips without its corners, from the person's right to left.
UPPER_RING = [191, 80, 81, 82, 13, 312, 311, 310, 415]
LOWER_RING = [95, 88, 178, 87, 14, 317, 402, 318, 324]


def put_landmarks(
    points: np.ndarray, vertices: np.ndarray, faces: np.ndarray, skin: np.ndarray, eyes: np.ndarray, jaw: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest surface points, as face (L,) and barycentric coordinates (L, 3).

    On the closed mouth the detector sees the inner ring 3 mm before the line where the lips meet, and the skin nearest
    to it is that of the upper lip alone. So each half of the ring is put on its own lip, where the front view sees it.

    `skin`, `eyes`: (F,) bool. `jaw`: (V, 3) mm, how the vertices move when the jaw opens. Where there are no eyes, the
    iris points are left out.
    """
    points = points if eyes.any() else points[:SKIN]
    face, beta = np.zeros(len(points), int), np.zeros((len(points), 3))
    lower, upper = lips(vertices, faces, jaw)
    ahead = np.array([1.0, 1.0, 0.1])  # near in the front view counts, far along the line of sight hardly
    for rows, chosen, scale in (
        (slice(SKIN), skin, 1.0), (slice(SKIN, len(points)), eyes, 1.0),
        (LOWER_RING, skin & lower, ahead), (UPPER_RING, skin & upper, ahead),
    ):  # fmt: skip
        if chosen.any():
            local, beta[rows] = on_surface(points[rows] * scale, vertices * scale, faces[chosen])
            face[rows] = np.flatnonzero(chosen)[local]
    return face, beta


def lips(vertices: np.ndarray, faces: np.ndarray, jaw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(F,) bool, twice: faces that follow the jaw, as the lower lip does, and faces that stay, as the upper one does.

    Only faces that look to the front, within 60 degrees: not the insides of the lips.
    """
    a, b, c = vertices[faces].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    front = normal[:, 2] > 0.5 * np.linalg.norm(normal, axis=1)
    reach = np.linalg.norm(jaw, axis=1)
    follows = (reach > reach.max() / 2)[faces]
    return front & follows.all(1), front & ~follows.any(1)
