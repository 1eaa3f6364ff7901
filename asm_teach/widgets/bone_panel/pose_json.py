"""A pose as text to copy and paste: the motion of every bone that is not at rest, by name.

    {"format": "asm_teach pose 1",
     "bones": {"jaw": {"translation": [0, -6, 2], "rotation": [0.2, 0, 0], "scale": [1, 1, 1]}}}

The units are the model's own: translations in millimetres, rotation vectors in radians, scales as factors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asm_teach.model.transforms import bone_index

FORMAT = "asm_teach pose 1"
_REST = {"translation": (0.0, 0.0, 0.0), "rotation": (0.0, 0.0, 0.0), "scale": (1.0, 1.0, 1.0)}


def pose_to_json(names: Sequence[str], translation: Tensor, rotation: Tensor, scale: Tensor) -> str:
    """Write a pose: names of J bones, and (J, 3) each: mm, rotation vectors in radians, factors.

    Numbers are written with the fewest digits that bring back the same number of the tensor's precision. Bones at
    rest are left out.

    Raises:
        ValueError: wrong shapes, numbers that are not finite, a scale that is not above 0.
    """
    parts = {"translation": translation, "rotation": rotation, "scale": scale}
    for part, values in parts.items():
        if values.shape != (len(names), 3):
            raise ValueError(f"{part}: expected shape ({len(names)}, 3), found {tuple(values.shape)}")
    arrays = {part: values.detach().cpu().numpy() for part, values in parts.items()}
    bones: dict[str, dict[str, list[float]]] = {}
    for j, name in enumerate(names):
        numbers = {part: [_shortest(x) for x in values[j]] for part, values in arrays.items()}
        for part, three in numbers.items():
            _check(name, part, three)
        if any(tuple(three) != _REST[part] for part, three in numbers.items()):
            bones[name] = numbers
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in bones.items())
    return f'{{"format": "{FORMAT}", "bones": {{' + (f"\n{lines}\n" if lines else "") + "}}"


def pose_from_json(text: str, names: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Read a pose for a rig with these bones: translation, rotation and scale, (J, 3) float64 each.

    A bone, or a part of its motion, that is not named is at rest.

    Raises:
        ValueError: text that is no JSON or no pose, a bone that the rig has not, numbers that are none, are NaN or
            infinite, or a scale that is not above 0. The message can be shown to a person as it is.
    """
    found = _parsed(text)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        told = (
            f"its format is {found['format']!r}" if isinstance(found, dict) and "format" in found else "it names none"
        )
        raise ValueError(f'pose: this JSON is no pose: "format" has to be "{FORMAT}", but {told}')
    bones = found.get("bones", {})
    if not isinstance(bones, dict):
        raise ValueError(f'pose: "bones" has to be an object, name -> motion; found {_kind(bones)}')
    strange = [name for name in bones if name not in names]
    if strange:
        raise ValueError(
            f"pose: it is for another rig: this one has no {', '.join(map(repr, strange[:3]))}"
            + (f" and {len(strange) - 3} more" if len(strange) > 3 else "")
            + f" (of {len(bones)} bones in the pose, {len(bones) - len(strange)} are there)"
        )
    parts = {part: torch.tensor(rest, dtype=torch.float64).repeat(len(names), 1) for part, rest in _REST.items()}
    for name, motion in bones.items():
        if not isinstance(motion, dict) or not motion.keys() <= _REST.keys():
            given = ", ".join(motion) if isinstance(motion, dict) else _kind(motion)
            raise ValueError(f"pose: bone {name!r} takes translation, rotation and scale; found {given}")
        for part, three in motion.items():
            _check(name, part, three)
            parts[part][bone_index(names, name)] = torch.tensor(three, dtype=torch.float64)
    return parts["translation"], parts["rotation"], parts["scale"]


def _parsed(text: str) -> Any:
    if not text.strip():
        raise ValueError("pose: there is no text; paste a pose, such as one copied from another notebook")
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"pose: this is no JSON: {error.msg.lower()} at {at}; is the text whole?") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"pose: {twice!r} is given twice")
    return table


def _check(bone: str, part: str, three: Any) -> None:
    """One motion: three finite numbers, and a scale above 0."""
    where = f"pose: the {part} of bone {bone!r}"
    if not isinstance(three, (list, tuple)) or len(three) != 3:
        raise ValueError(f"{where} has to be three numbers; found {json.dumps(three)[:60]}")
    for number in three:
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise ValueError(f"{where} has to be three finite numbers; found {json.dumps(three)[:60]}")
    if part == "scale" and min(three) <= 0:
        raise ValueError(f"{where} has to be above 0 (1 leaves it as it is); found {json.dumps(three)[:60]}")


def _shortest(number: np.floating) -> float:
    """The number whose text is as short as the precision it comes in allows: 0.1, not 0.10000000149."""
    return float(np.format_float_positional(number, unique=True)) if np.isfinite(number) else float(number)


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", dict: "an object", type(None): "null"}.get(
        type(value), json.dumps(value)[:40]
    )
