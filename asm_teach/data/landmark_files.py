"""Reading the files in which others keep landmarks: menpo's `.ljson` and WebMorph's `.tem`."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.base.checks import check_indices, check_points
from asm_teach.formats.text_files import parse_json, read_text


class LabelledPoints(NamedTuple):
    """Points (n, 3) or (n, 2) of a file, NaN where a point is not marked, and the indices of each label."""

    points: Tensor
    labels: Mapping[str, Tensor]


def read_ljson(path: str | PathLike[str]) -> LabelledPoints:
    """Read a menpo landmark file (`.ljson`, version 2 or 3); points as (x, y, z), or (x, y) in a picture.

    Raises:
        ValueError: the file is of another kind or cut off, has several groups, or a label names no point.
    """
    path = Path(path)
    content = parse_json(read_text(path), path.name, "landmark file", nan=True)
    try:
        if content["version"] == 3:
            groups = content["groups"]
            if len(groups) != 1:
                raise ValueError(f"{path.name}: its groups are {sorted(groups)}: give a file with one group of points")
            (content,) = groups.values()
        elif content["version"] != 2:
            raise ValueError(f"{path.name}: version {content['version']} was found; versions 2 and 3 can be read")
        rows = [[float("nan") if x is None else float(x) for x in row] for row in content["landmarks"]["points"]]
        labels = {entry["label"]: torch.tensor(_indices(entry["mask"])) for entry in content["labels"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path.name}: this is JSON, but not a landmark file ({type(error).__name__}: {error})"
        ) from None
    widths = {len(row) for row in rows}
    if len(widths) != 1 or not widths <= {2, 3}:
        raise ValueError(f"{path.name}: {len(rows)} points of {sorted(widths)} numbers were found; 2 or 3 are needed")
    for label, indices in labels.items():
        check_indices(indices, f"{path.name}: label {label!r}", len(rows), "the points")
    points = torch.tensor(rows, dtype=torch.float32)
    # menpo counts rows before columns: a point of a picture is stored as (y, x).
    return LabelledPoints(points.flip(-1) if points.shape[-1] == 2 else points, labels)


def read_tem(path: str | PathLike[str]) -> Tensor:
    """Read a WebMorph or Psychomorph template (`.tem`): points (n, 2) as (x, y) in pixels, origin upper left.

    The lines that join the points are not read.

    Raises:
        ValueError: the file does not begin with a count, or has fewer points than that.
    """
    path = Path(path)
    rows = [line.split() for line in path.read_text("utf-8", errors="replace").splitlines() if line.strip()]
    try:
        (count,) = map(int, rows[0])
    except (IndexError, ValueError):
        raise ValueError(
            f"{path.name}: a template begins with the number of its points; this is another file"
        ) from None
    points = []
    for number, row in enumerate(rows[1 : count + 1], 1):
        try:
            x, y = map(float, row)
        except ValueError:
            raise ValueError(
                f"{path.name}: point {number} of {count} is {' '.join(row)!r}, not two numbers; fetch it again"
            ) from None
        points.append((x, y))
    if count < 1 or len(points) < count:
        raise ValueError(
            f"{path.name}: {count} points are announced and {len(points)} found: it is cut off; fetch it again"
        )
    return torch.tensor(points, dtype=torch.float32)


def ibug68(labelled: LabelledPoints) -> Tensor:
    """Put 68 labelled points (x, y, z), +x the person's left and +y up, into iBUG's order.

    The labels say right and left as a viewer sees the face, so `leye` is the person's right eye. That is
    checked on the points themselves.

    Raises:
        ValueError: labels or counts are others, or the points do not lie as those of a face.
    """
    order = {"chin": 17, "leyebrow": 5, "reyebrow": 5, "nose": 9, "leye": 6, "reye": 6, "mouth": 20}
    found = {label: len(indices) for label, indices in labelled.labels.items()}
    if found != order:
        raise ValueError(f"labelled: labels and counts {found} were found; {order} are needed")
    points = labelled.points[torch.cat([labelled.labels[label] for label in order])]
    require_ibug68(points)
    return points


def ibug68_names() -> tuple[str, ...]:
    """Names of the 68 points in iBUG's order; right and left are the person's own."""
    groups = (
        ("jaw", 17), ("right_brow", 5), ("left_brow", 5), ("nose_bridge", 4), ("nose_base", 5),
        ("right_eye", 6), ("left_eye", 6), ("outer_lip", 12), ("inner_lip", 8),
    )  # fmt: skip
    return tuple(f"{name}_{i}" for name, count in groups for i in range(count))


def require_ibug68(points: Tensor) -> None:
    """Raise a ValueError unless points (68, 3), x to the person's left, y up, are a face in iBUG's order."""
    check_points(points, "points", 3)
    if len(points) != 68:
        raise ValueError(f"points has {len(points)} rows: iBUG's order has 68 points")
    x, y, z = points.unbind(-1)
    facts = {
        "the jaw runs from the person's right to the left": x[0] < x[4] < x[8] < x[12] < x[16],
        "the right brow and eye lie on the person's right": max(x[17:22].max(), x[36:42].max()) < x[27],
        "the left brow and eye lie on the person's left": min(x[22:27].min(), x[42:48].min()) > x[27],
        "each brow lies above its eye": y[17:22].mean() > y[36:42].max() and y[22:27].mean() > y[42:48].max(),
        "the corners of the eyes come first and fourth": x[36] < x[39] < x[42] < x[45],
        "the bridge of the nose runs down to its tip": y[27] > y[28] > y[29] > y[30],
        "the tip of the nose lies in front of the jaw": z[30] > z[:17].max(),
        "the corners of the mouth come first and seventh": x[48] < x[51] < x[54] and x[60] < x[62] < x[64],
        "nose, lips and chin follow from top to bottom": y[33] > y[51] > y[57] > y[8],
    }
    wrong = [fact for fact, true in facts.items() if not true]
    if wrong:
        raise ValueError(f"points: not a face in iBUG's order, it is not true that {wrong[0]}; reorder them")


def _indices(mask: list[int] | list[bool]) -> list[int]:
    if mask and isinstance(mask[0], bool):
        return [i for i, there in enumerate(mask) if there]
    return [int(i) for i in mask]
