"""The pose of the playground as JSON: parameters of the bones that differ from the model the page shows."""

from __future__ import annotations

import copy
import json
from typing import Any

import torch

from asm_teach.model.adaptive import AdaptiveSkinningModel

PARAMETERS = (
    "translation", "rotation", "log_scale", "bone_uv", "mixture_logits", "mixture_mean", "mixture_factor",
)  # fmt: skip
"""What a pose may hold of each bone, by the model's own names: millimetres, radians, chart units."""


FORMATS = ("asm_teach pose", "asm_teach pose 1")
"""The page's own, and that of a bone panel, which says `scale` where the model says `log_scale`."""


def pose_text(model: AdaptiveSkinningModel, start: AdaptiveSkinningModel) -> str:
    """The JSON of what `model` has other than `start`: what the page copies, and takes when it is pasted there."""
    bones: dict[str, dict[str, Any]] = {}
    for part in PARAMETERS:
        new, old = getattr(model, part).detach(), getattr(start, part).detach()
        for j in (new != old).flatten(1).any(1).nonzero()[:, 0].tolist():
            bones.setdefault(model.rig.names[j], {})[part] = new[j].tolist()
    return json.dumps({"format": FORMATS[0], "components": model.components, "bones": bones})


def posed(model: AdaptiveSkinningModel, text: str) -> AdaptiveSkinningModel:
    """A copy of the model in a pose: JSON as the page copies it. Bones it does not name stay as they are.

    Raises:
        ValueError: text that is no JSON or no pose, bones or numbers of another rig, numbers that are not finite.
    """
    try:
        pose = json.loads(text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"text: this is no whole JSON ({error}); copy the pose again, from the first {{ on") from error
    bones = pose.get("bones") if isinstance(pose, dict) and pose.get("format") in FORMATS else None
    if not isinstance(bones, dict):
        raise ValueError('text: this JSON is no pose; one says {"format": "asm_teach pose", "bones": {...}}')
    other = [name for name in bones if name not in model.rig.names]
    if other:
        raise ValueError(f"text: the pose is of another rig: this one has no bone {other[0]!r}, one of {len(other)}")
    result = copy.deepcopy(model)
    for name, parts in bones.items():
        for part, numbers in parts.items() if isinstance(parts, dict) else [(str(parts), None)]:
            scale = part == "scale"
            part = "log_scale" if scale else part
            if part not in PARAMETERS:
                raise ValueError(f"text: bone {name!r} has {part!r}, which is none of {', '.join(PARAMETERS)}")
            row = getattr(result, part).data[result.rig.index(name)]
            try:
                new = torch.tensor(numbers, dtype=row.dtype)
            except (TypeError, ValueError, RuntimeError, OverflowError):
                new = row.new_full((), torch.nan)
            new = new.log() if scale else new
            if new.shape != row.shape:
                raise ValueError(
                    f"text: {part} of bone {name!r} is not {'x'.join(map(str, row.shape))} numbers, as in this rig"
                )
            if not new.isfinite().all():
                raise ValueError(f"text: {part} of bone {name!r} holds a number that is not finite")
            row.copy_(new)
    return result
