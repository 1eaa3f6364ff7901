"""Write `neck.json`: the joints of the neck, how they share out its motion, and how far that goes.

    python data/recipe/neck.py

It reads two files of the asset `neck`, which `asm-teach data` fetches: `VasavadaLiDelp1998_rangeOfMotion.csv` has the
ranges of Vasavada, Li and Delp (Spine 23(4), 1998), and `Mortensen2014_rigidTorso.osim` a skeleton whose couplings
share each range out among the joints.
"""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from xml.etree.ElementTree import Element

from asm_teach.data.assets import fetch

OUT = Path(__file__).parents[1] / "neck.json"
JOINTS = {  # joint of the file -> the bone that it moves
    "auxt1jnt": "C7", "aux7jnt": "C6", "aux6jnt": "C5", "aux5jnt": "C4", "aux4jnt": "C3", "aux3jnt": "C2",
    "aux2jnt": "C1", "aux1jnt": "skull",
}  # fmt: skip
AXES = {"bend": ("rotation2", "r1"), "turn": ("rotation3", "r2"), "nod": ("rotation1", "r3")}  # axis, who follows it
ROWS = {"bend": "Lateral Bending", "turn": "Axial Rotation", "nod": "Flexion Extension"}


def numbers(node: Element, path: str) -> list[float]:
    """The numbers that stand under a path."""
    return [float(number) for number in (node.findtext(path) or "").split()]


def slope(node: Element) -> float:
    """The factor of a spline through two points and 0: how much of its coordinate a joint takes."""
    (x, *_), (y, *_) = numbers(node, ".//SimmSpline/x"), numbers(node, ".//SimmSpline/y")
    return round(y / x, 3)


def skeleton(path: Path) -> list[dict[str, object]]:
    """Of each joint, from the trunk up: the bone that it moves, its place in mm from the first, its shares."""
    tree = ElementTree.parse(path).getroot()
    joints = {node.get("name"): node for node in tree.iter("CustomJoint")}
    followers = {node.findtext("dependent_coordinate_name"): node for node in tree.iter("CoordinateCouplerConstraint")}
    body, places, found = [0.0, 0.0], [], []
    for name, bone in JOINTS.items():
        below, above = (numbers(frame, "translation") for frame in joints[name].iter("PhysicalOffsetFrame"))
        place = [body[axis] + below[axis] for axis in (0, 1)]  # x forward and y up, in metres
        body = [place[axis] - above[axis] for axis in (0, 1)]
        places.append(place)
        shares = {}
        for motion, (axis, suffix) in AXES.items():
            follower = followers.get(f"{name}_{suffix}")
            own = next(node for node in joints[name].iter("TransformAxis") if node.get("name") == axis)
            shares[motion] = slope(own if follower is None else follower)
        x, y = (round(1000 * (place[axis] - places[0][axis]), 2) for axis in (0, 1))
        part = "upper" if bone in ("C1", "skull") else "lower"
        found.append({"bone": bone, "part": part, "up": y, "forward": x, "shares": shares})
    return found


def ranges(path: Path) -> dict[str, dict[str, float]]:
    """Degrees from one end to the other, of the part below the second vertebra and of the one above it."""
    rows, found, motion = list(csv.reader(path.open())), {"lower": {}, "upper": {}}, ""
    for row in rows:
        motion = next((name for name, words in ROWS.items() if row[0] == words), motion)
        part = {"Skull-C2": "upper", "C2-T1": "lower"}.get(row[0])
        if part:
            found[part][motion] = float(row[1])
    return found


def main() -> None:
    folder = fetch("neck", progress=False)
    record = {
        "about": "Joints of the neck from T1 to the skull (mm), shares of each motion, ranges (degrees)",
        "licence": "MIT, Copyright (c) 2024 mjhmilla, github.com/mjhmilla/kinematicPassengerModel",
        "range": ranges(folder / "VasavadaLiDelp1998_rangeOfMotion.csv"),
        "joints": skeleton(folder / "Mortensen2014_rigidTorso.osim"),
    }
    OUT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
