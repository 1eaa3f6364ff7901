"""A pose as JSON: the parameters of each bone that differs from a start, to copy, to paste and to keep in a file.

    {"format": "asm_teach pose", "bones": {"jaw": {"translation": [0, -6, 2], "rotation": [0.2, 0, 0]}}}

Units are the model's own: millimetres, rotation vectors in radians, logarithms of scales, chart units. A "scale" is
read too: three factors, as bone panels once wrote them ("asm_teach pose 1"). The page of the playground reads and
writes the same in `bones.js`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from asm_teach.formats.text_files import parse_json
from asm_teach.model.adaptive import SkinnedModel

PARAMETERS = (
    "translation", "rotation", "log_scale", "bone_uv", "mixture_logits", "mixture_mean", "mixture_factor",
)  # fmt: skip
"""What a pose may hold of each bone, by the model's own names; a static model has the first three."""
FORMATS = ("asm_teach pose", "asm_teach pose 1")

Parameters = dict[str, Tensor]


def parameters(model: SkinnedModel) -> Parameters:
    """Copies of those of `PARAMETERS` that a model has: name -> (J, ...)."""
    return {name: getattr(model, name).detach().clone() for name in PARAMETERS if hasattr(model, name)}


@torch.no_grad()
def set_parameters(model: SkinnedModel, values: Parameters) -> None:
    """Give a model these parameters, also where they are for another number of Gaussians than it has now."""
    for name, value in values.items():
        if getattr(model, name).shape == value.shape:
            getattr(model, name).copy_(value)
        else:
            setattr(model, name, nn.Parameter(value.clone()))


def equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two sets of named tensors are the same to the last bit, and on the same device."""
    return one.keys() == other.keys() and all(
        value.device == other[name].device and torch.equal(value, other[name]) for name, value in one.items()
    )


def write_pose(model: SkinnedModel, start: Parameters) -> str:
    """Write the pose of a model: each bone's parameters that differ from `start`, a bone a line.

    Numbers have as many digits as bring back the same number of the model's precision.

    Raises:
        ValueError: a number that is not finite.
    """
    bones: dict[str, dict[str, Any]] = {}
    for part, values in parameters(model).items():
        digits = 9 if values.dtype == torch.float32 else 17
        for j, (name, new) in enumerate(zip(model.rig.names, values, strict=True)):
            if not torch.equal(new, start[part][j]):
                _refuse_nan(name, part, new)
                bones.setdefault(name, {})[part] = _rounded(new.tolist(), digits)
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(bones[name])}" for name in model.rig.names if name in bones)
    return f'{{"format": "{FORMATS[0]}", "bones": {{' + (f"\n{lines}\n" if lines else "") + "}}"


def read_pose(text: str, names: Sequence[str], start: Parameters) -> Parameters:
    """Read a pose for a rig with these bones: `start` with what the pose says of them.

    Raises:
        ValueError: text that is no JSON or no pose, bones or numbers of another rig, numbers that are not finite, a
            scale that is not above 0. The message can be shown to a person as it is.
    """
    bones = _bones(text)
    strange = [name for name in bones if name not in names]
    if strange:
        raise ValueError(
            f"pose: it is for another rig: this one has no {', '.join(repr(name[:40]) for name in strange[:3])}"
            + (f" and {len(strange) - 3} more" if len(strange) > 3 else "")
            + f" (of {len(bones)} bones in the pose, {len(bones) - len(strange)} are there)"
        )
    result = {part: values.clone() for part, values in start.items()}
    for name, parts in bones.items():
        known = {*start, "scale"}
        if not isinstance(parts, dict) or not parts.keys() <= known:
            given = ", ".join(parts)[:80] if isinstance(parts, dict) else json.dumps(parts)[:40]
            raise ValueError(f"pose: bone {name!r} takes {', '.join(start)} or scale; found {given}")
        for part, numbers in parts.items():
            row = result["log_scale" if part == "scale" else part][names.index(name)]
            row.copy_(_row(name, part, numbers, row))
    return result


def _bones(text: str) -> dict[str, Any]:
    """Bone -> part -> numbers, not looked at yet."""
    if not text.strip():
        raise ValueError("pose: there is no text; paste a pose, such as one copied from another notebook")
    pose = parse_json(text, "pose")
    if not isinstance(pose, dict) or pose.get("format") not in FORMATS:
        told = (
            f"its format is {str(pose['format'])[:40]!r}"
            if isinstance(pose, dict) and "format" in pose
            else "it names none"
        )
        raise ValueError(f'pose: this JSON is not a pose: "format" has to be "{FORMATS[0]}", but {told}')
    if not isinstance(pose.get("bones"), dict):
        raise ValueError(
            f'pose: "bones" has to be an object, name -> motion; found {json.dumps(pose.get("bones"))[:40]}'
        )
    return pose["bones"]


def _row(bone: str, part: str, numbers: Any, row: Tensor) -> Tensor:
    """What a pose says of one parameter of a bone, checked against the row that it is to replace."""
    where, shape = f"pose: the {part} of bone {bone!r}", " x ".join(map(str, row.shape))
    found = json.dumps(numbers)[:60]
    if not all(type(number) in (int, float) for number in _flat(numbers)):
        raise ValueError(f"{where} has to be {shape} numbers; found {found}")
    try:
        new = torch.tensor(numbers, dtype=torch.float64)
    except (TypeError, ValueError):  # rows of unequal length
        new = torch.empty(0)
    if new.shape != row.shape:
        raise ValueError(f"{where} has to be {shape} numbers, as in this rig; found {found}")
    _refuse_nan(bone, part, new.to(row))
    if part == "scale" and not (new > 0).all():
        raise ValueError(f"{where} has to be above 0 (1 leaves it as it is); found {found}")
    return new.log() if part == "scale" else new


def _flat(numbers: Any) -> list[Any]:
    return [one for entry in numbers for one in _flat(entry)] if isinstance(numbers, list) else [numbers]


def _refuse_nan(bone: str, part: str, numbers: Tensor) -> None:
    if not numbers.isfinite().all():
        raise ValueError(f"pose: the {part} of bone {bone!r} has to be finite numbers; found {numbers.tolist()}"[:120])


def _rounded(numbers: Any, digits: int) -> Any:
    """Nested lists of numbers with that many significant digits."""
    return [_rounded(n, digits) for n in numbers] if isinstance(numbers, list) else float(f"{numbers:.{digits}g}")
