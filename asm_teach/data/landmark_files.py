"""Reading the files in which others keep landmarks: menpo's `.ljson`, WebMorph's `.tem` and iBUG's `.pts`."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from asm_teach.base.checks import check_indices, check_points
from asm_teach.formats.text_files import parse_json, read_text

HANDFUL: Mapping[str, int] = {
    "right_eye_outer": 36, "right_eye_inner": 39, "left_eye_inner": 42, "left_eye_outer": 45, "nose_tip": 30,
    "mouth_right": 48, "mouth_left": 54, "chin": 8, "nose_root": 27, "nose_base": 33, "lip_top": 51, "lip_bottom": 57,
}  # fmt: skip
"""Name -> number in iBUG's order of points that are easy to click. Right and left are the person's own."""

JAW = 17  # points of the line of the jaw: the first of iBUG's 68, and those that its sets of 51 leave out
KNOWN_COUNTS = (68, 51, 468, 478)
"""How many points the sets have that a face is known by: iBUG's, the same without the jaw, MediaPipe's two."""

MOST = 1e12
"""The largest number that is taken for a place: a million kilometres in mm."""

_LABELS = {"chin": 17, "leyebrow": 5, "reyebrow": 5, "nose": 9, "leye": 6, "reye": 6, "mouth": 20}  # in iBUG's order


class LabelledPoints(NamedTuple):
    """Points (n, 3) or (n, 2) of a file, NaN where a point is not marked, and the indices of each label."""

    points: Tensor
    labels: Mapping[str, Tensor]

    def in_ibug_order(self) -> Tensor:
        """The points in iBUG's order, where the labels are those of landmarker.io's template; else as they stand."""
        if {label: len(indices) for label, indices in self.labels.items()} != _LABELS:
            return self.points
        return self.points[torch.cat([self.labels[label] for label in _LABELS])]


def read_ljson(
    path: str | PathLike[str], group: str | None = None, counts: Collection[int] = KNOWN_COUNTS
) -> LabelledPoints:
    """Read a menpo landmark file (`.ljson`, version 1 to 3); points as (x, y, z), or (x, y) in a picture; float64.

    Args:
        path: the file.
        group: the group of points to take. None: the only one, or the only one of a number in `counts`.
        counts: the numbers of points that are looked for.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is of another kind or cut off, has no such group or several that may be meant, a number
            that is not finite, or a label that names no point.
    """
    path = Path(path)
    content = parse_json(read_text(path), path.name, "landmark file", nan=True)
    try:
        groups = _groups(content, path.name)
        chosen, labels = groups[_choose({name: len(rows) for name, (rows, _) in groups.items()}, group, counts, path)]
        points = points_table([list(row) for row in chosen], path.name)
        indices = {label: _indices(mask, path.name, label, len(points)) for label, mask in labels}
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(
            f"{path.name}: this is JSON, but not a landmark file ({type(error).__name__}: {str(error)[:80]})"
        ) from None
    # menpo counts rows before columns: a point of a picture is stored as (y, x).
    return LabelledPoints(points.flip(-1) if points.shape[-1] == 2 else points, indices)


def _groups(content: Any, name: str) -> dict[str, tuple[list[Any], list[tuple[str, Any]]]]:
    """Name of each group -> its points, as they stand in the file, and its labels with their masks."""
    version = content["version"]
    if version == 1:  # one group, in pieces by label
        points: list[Any] = []
        labels = []
        for piece in content["groups"]:
            rows = [entry["point"] for entry in piece["landmarks"]]
            labels.append((piece["label"], list(range(len(points), len(points) + len(rows)))))
            points += rows
        return {"": (points, labels)}
    if version not in (2, 3):
        raise ValueError(f"{name}: version {str(version)[:20]} was found; versions 1, 2 and 3 can be read")
    return {
        key: (one["landmarks"]["points"], [(entry["label"], entry["mask"]) for entry in one.get("labels", [])])
        for key, one in ({"": content} if version == 2 else content["groups"]).items()
    }


def _choose(groups: Mapping[str, int], group: str | None, counts: Collection[int], path: Path) -> str:
    """The name of the group to take, of those with so many points each."""
    listed = ", ".join(f"{name!r} of {count}" for name, count in groups.items()) or "none"
    if group is not None:
        if group not in groups:
            raise ValueError(f"{path.name}: there is no group {group!r} in it; its groups of points are {listed}")
        return group
    fitting = list(groups) if len(groups) == 1 else [name for name, count in groups.items() if count in counts]
    if len(fitting) != 1:
        why = "several may be meant" if fitting else f"none has {', '.join(map(str, counts))} points"
        raise ValueError(
            f"{path.name}: its groups are {sorted(groups)}: give a file with one group of points, or name the group "
            f"(--landmark-group, group=...); found {listed}, {why}"
        )
    return fitting[0]


def _indices(mask: list[Any], name: str, label: str, count: int) -> Tensor:
    if mask and isinstance(mask[0], bool):
        mask = [i for i, there in enumerate(mask) if there]
    where = f"{name}: label {str(label)[:40]!r}"
    if not all(isinstance(i, int) and abs(i) < 2**62 for i in mask):
        raise ValueError(f"{where}: its mask holds {str(mask)[:60]}; the numbers of its points are needed")
    indices = torch.tensor(mask, dtype=torch.int64)
    check_indices(indices, where, count, "the points")
    return indices


def points_table(rows: Sequence[Sequence[Any]], name: str) -> Tensor:
    """Rows of two or three numbers as points (n, 2) or (n, 3), float64; NaN or None: a number that is not known.

    Raises:
        ValueError: no rows, rows of other lengths, something else than numbers, infinite or absurdly large ones.
    """
    widths = {len(row) for row in rows}
    if len(widths) != 1 or not widths <= {2, 3}:
        raise ValueError(
            f"{name}: {len(rows)} points of {str(sorted(widths))[:60]} numbers were found; 2 or 3 are needed"
        )
    for number, row in enumerate(rows):
        for x in row:
            if x is not None and type(x) not in (int, float):
                raise ValueError(f"{name}: point {number} (from 0) holds {str(x)[:40]!r}, which is no number")
            if x is not None and abs(x) > MOST:  # NaN is not
                raise ValueError(
                    f"{name}: point {number} (from 0) holds {_short(x)}: infinite, or too large for a place; give NaN "
                    "for a point that is not known"
                )
    return torch.tensor([[math.nan if x is None else x for x in row] for row in rows], dtype=torch.float64)


def _short(x: float) -> str:
    return f"{x:.6g}" if isinstance(x, float) else f"{str(x)[:12]}..."


def with_jaw(points: Tensor) -> Tensor:
    """iBUG's 68 of a set of 51, (51, n), with NaN for the line of the jaw, which it leaves out; others as they are."""
    if not isinstance(points, Tensor) or points.ndim != 2 or len(points) != 68 - JAW:
        return points
    return torch.cat([points.new_full((JAW, points.shape[1]), math.nan), points])


def read_pts(path: str | PathLike[str]) -> Tensor:
    """Read iBUG's `.pts`: points (n, 2) or (n, 3) float64, the numbers as they stand, NaN where a point is not known.

    In a picture iBUG counts as Matlab does: (1, 1) is the middle of the upper left pixel.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no `n_points`, braces that are not there, another number of points, or a line that is no point.
    """
    path = Path(path)
    text = read_text(path)
    found = re.fullmatch(r"([^{}]*)\{([^{}]*)(\}?)[^{}]*", text)
    announced = re.search(r"n_points\s*:?\s*(\d{1,9})(?!\d)", found[1]) if found else None
    if found is None or announced is None:
        raise ValueError(
            f"{path.name}: a landmark file of iBUG has n_points: N, then N points between braces; this is another file"
        )
    lines, count = [line.split() for line in found[2].splitlines() if line.strip()], int(announced[1])
    if not found[3] or len(lines) != count:
        end = "" if found[3] else ", and no closing brace"
        raise ValueError(
            f"{path.name}: {count} points are announced and {len(lines)} found{end}: it is cut off or was changed; "
            "fetch it again"
        )
    return points_table([_numbers(line, path.name, n, count) for n, line in enumerate(lines, 1)], path.name)


def _numbers(words: Sequence[str], name: str, number: int, count: int) -> list[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        found = " ".join(words)[:60]
        raise ValueError(f"{name}: point {number} of {count} is {found!r}, not two numbers; fetch it again") from None


def read_tem(path: str | PathLike[str]) -> Tensor:
    """Read a WebMorph or Psychomorph template (`.tem`): points (n, 2) as (x, y) in pixels, origin upper left.

    The lines that join the points are not read.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file does not begin with a count, or has fewer points than that.
    """
    path = Path(path)
    rows = [line.split() for line in read_text(path, strict=False).splitlines() if line.strip()]
    try:
        (count,) = map(int, rows[0])
    except (IndexError, ValueError):
        raise ValueError(
            f"{path.name}: a template begins with the number of its points; this is another file"
        ) from None
    points = [_numbers(row, path.name, number, count) for number, row in enumerate(rows[1 : count + 1], 1)]
    wrong = next((number for number, point in enumerate(points, 1) if len(point) != 2), None)
    if wrong is not None:
        raise ValueError(
            f"{path.name}: point {wrong} of {count} is {' '.join(rows[wrong])[:60]!r}, not two numbers; fetch it again"
        )
    if count < 1 or len(points) < count:
        raise ValueError(
            f"{path.name}: {count} points are announced and {len(points)} found: it is cut off; fetch it again"
        )
    return points_table(points, path.name)


def ibug68(labelled: LabelledPoints) -> Tensor:
    """Put 68 labelled points (x, y, z), +x the person's left and +y up, into iBUG's order.

    The labels say right and left as a viewer sees the face, so `leye` is the person's right eye. That is
    checked on the points themselves.

    Raises:
        ValueError: labels or counts are others, or the points do not lie as those of a face.
    """
    found = {label: len(indices) for label, indices in labelled.labels.items()}
    if found != _LABELS:
        raise ValueError(f"labelled: labels and counts {found} were found; {_LABELS} are needed")
    points = labelled.in_ibug_order()
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
