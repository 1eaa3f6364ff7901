"""Where the 84 bones of our rig sit: named points of the face mesh, the left ones given, the right ones mirrored.

Names and parents follow `bones84.json`; positions are ours. A number is a point of MediaPipe's face mesh; a tuple is
the mean of several; `FREE` holds the few bones outside the face mesh, as functions of the head's skin.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

MIDDLE = {
    "nose": 195, "nose_bridge": 197, "nose_bridge_upper": 168, "nose_mid": 5, "nose_tip": 1, "mouth": 164,
    "lip_upper_mid": (0, 11, 12), "lip_lower_mid": (15, 16, 17), "forehead": 10, "eyebrow_center": 8,
    "eyebrow_center_up": 151, "chin": 200, "chin_low": 152,
}  # fmt: skip
LEFT = {
    "nose_wing": 358, "nose_bottom": 326, "nose_hole": 290, "lip_corner": 291, "lip_upper_side": (269, 270),
    "lip_lower_side": (405, 404), "eye": 443, "eye_inner_upper": 384, "eye_outer_upper": 387, "eye_outer_corner": 263,
    "eye_inner_lower": 381, "eye_outer_lower": 373, "eye_inner_corner": 362, "eye_hole": 473, "eyelid_outer": 260,
    "eyelid_middle": 257, "eyelid_inner": 286, "eyebrow": 334, "eyebrow_inner": 285, "eyebrow_outer": 276,
    "eyebrow_mid": 282, "apple_outer": 345, "apple_lower": 427, "apple_inner": 277, "apple_center": 280,
    "chin_side": 418, "jaw": 365, "jaw_corner": 288, "temple": 389, "cheek": 411, "chin_side_low": 378,
    "forehead": 333,
}  # fmt: skip


def _extreme(points: np.ndarray, direction: tuple[float, float, float]) -> np.ndarray:
    return points[np.argmax(points @ np.array(direction))]


def free_bones(skin: np.ndarray, landmarks: np.ndarray) -> dict[str, np.ndarray]:
    """Bones away from the face mesh: nape, crown, ears, neck. `skin` (n, 3): vertices of the skin."""
    chin, crown = landmarks[152], _extreme(skin, (0, 1, 0.1))
    ear = _extreme(skin[skin[:, 1] > chin[1] + 20], (1, 0, 0))
    low = chin[1] - 30
    ring = skin[np.abs(skin[:, 1] - low) < 12]
    middle = ring[:, 2].mean()
    side = _extreme(ring, (1, 0, 0))
    return {
        "root": _extreme(skin[np.abs(skin[:, 1] - chin[1]) < 15], (0, 0, -1)) * [0, 1, 1],
        "head": crown * [0, 1, 1],
        "ear_L": ear,
        "neck_front": np.array([0, low, ring[:, 2].max()]),
        "neck_side_L": np.array([side[0], low, middle]),
    }


def place(landmarks: np.ndarray, skin: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, parents (J,) and wanted positions (J, 3); right = mirror image of left, to be put on the surface."""
    spec = json.loads(Path(__file__).with_name("bones84.json").read_text())
    names = [bone["name"] for bone in spec]
    parents = np.array([-1 if bone["parent"] is None else names.index(bone["parent"]) for bone in spec])
    free = free_bones(skin, landmarks)

    def wanted(name: str) -> np.ndarray:
        if name.endswith("_R"):
            return wanted(name[:-2] + "_L") * [-1, 1, 1]
        if name in free:
            return free[name]
        number = MIDDLE[name] if name in MIDDLE else LEFT[name.removesuffix("_L")]
        point = landmarks[np.atleast_1d(number)].mean(0)
        return point * [0, 1, 1] if name in MIDDLE else point

    return names, parents, np.array([wanted(name) for name in names])


TRUNK = ("clavicle", "shoulder01", "upperarm01", "spine01", "neck01")
GIVEN = dict.fromkeys(TRUNK, "root") | {
    "neck02": "neck_front",
    "neck03": "neck_front",
    "head": "head",
    "jaw": "chin",
}


def assign_hand_made(
    names: list[str], positions: np.ndarray, hand_names: list[str], vertices: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """For each hand-made bone, the bone of our rig that stands for it.

    Trunk, neck, head and jaw are given; each of the others goes to the bone nearest to where its painted weights lie,
    no bone twice.
    """
    given = np.array([names.index(GIVEN[n.split(".")[0]]) if n.split(".")[0] in GIVEN else -1 for n in hand_names])
    centre = (weights.T @ vertices) / weights.sum(0)[:, None]
    cost = np.linalg.norm(centre[:, None] - positions[None], axis=-1)
    cost[:, given[given >= 0]] = 1e6
    free = np.flatnonzero(given < 0)
    given[free] = linear_sum_assignment(cost[free])[1]
    return given
