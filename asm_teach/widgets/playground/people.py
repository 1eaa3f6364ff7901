"""Other people and expressions as motions of bones, solved when the page is written.

The embedded head comes with shapes of people and of expressions: offsets of vertices. Bones are asked to do the same,
by Gauss-Newton on their motions alone (eq. 1 with the weights held), which takes a tenth of a second a shape.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from asm_teach.data.heads import Head, load_head
from asm_teach.fitting.priors import MIRROR
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.scan_fit.fit import narrow
from asm_teach.scan_fit.motion_solver import MotionSolver

PEOPLE = 24  # sampled from the head's shapes, seeds 0, 1, ...
KINDS = 10  # directions kept of them
EXPRESSIONS: dict[str, dict[str, float]] = {
    "Smile": {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "cheekSquintLeft": 0.5, "cheekSquintRight": 0.5},
    "Surprise": {
        "jawOpen": 0.45, "browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0,
        "eyeWideLeft": 0.9, "eyeWideRight": 0.9,
    },
    "Anger": {
        "browDownLeft": 1.0, "browDownRight": 1.0, "noseSneerLeft": 0.5, "noseSneerRight": 0.5,
        "mouthPressLeft": 0.7, "mouthPressRight": 0.7, "eyeSquintLeft": 0.5, "eyeSquintRight": 0.5,
    },
    "Sadness": {"mouthFrownLeft": 0.9, "mouthFrownRight": 0.9, "browInnerUp": 0.9},
    "Kiss": {"mouthPucker": 1.0},
    "Jaw open": {"jawOpen": 0.6},
    "Wry": {"mouthLeft": 0.5, "mouthSmileLeft": 0.8, "browOuterUpLeft": 1.0},
}  # fmt: skip


def new_model(head: Head) -> AdaptiveSkinningModel:
    """The model of the page: that of a head at rest, with the Gaussians a fit starts from."""
    model = AdaptiveSkinningModel(head.mesh, head.rig)
    narrow(model)
    return model


def solve_shapes(model: AdaptiveSkinningModel) -> tuple[Tensor, Tensor, Tensor]:
    """People and expressions for a model: mean (J, 9), directions (D, J, 9), expressions (E, J, 9).

    Someone else is the model's motion plus the mean plus a standard normal times each direction. Of a model in the
    topology of an embedded head the bones are solved for; another takes over the motions of bones that have the same
    names, of the embedded head. Where fewer than half the names are known there are no people: D = E = 0.
    """
    head = next((h for h in map(load_head, ("makehuman", "soma")) if _same(h, model)), None)
    if head is None:
        head = load_head()
        known = [head.rig.names.index(name) if name in head.rig.names else -1 for name in model.rig.names]
        if sum(j >= 0 for j in known) < len(known) / 2:
            return torch.zeros(len(known), 9), torch.zeros(0, len(known), 9), torch.zeros(0, len(known), 9)
        rows = torch.tensor(known)
        mean, directions, expressions = (
            part[..., rows.clamp_min(0), :] * (rows >= 0)[:, None] for part in solve_shapes(new_model(head))
        )
        return mean, directions, expressions
    solver = MotionSolver(model)
    rest, template = solver.rest, head.mesh.vertices
    shapes = [solver.solve(rest + head.sample(s, expression=False).vertices - template) for s in range(PEOPLE)]
    people = symmetric(torch.stack(shapes), model.rig.mirror_images())
    middle = people.mean(0)
    _, size, axes = torch.linalg.svd((people - middle).flatten(1), full_matrices=False)
    axes = axes[:KINDS] * (size[:KINDS, None] / np.sqrt(PEOPLE - 1))
    faces = [solver.solve(rest + head.offsets(expressions=a), steps=3) for a in EXPRESSIONS.values()]
    return middle.float(), axes.view(-1, *middle.shape).float(), torch.stack(faces).float()


def symmetric(motions: Tensor, images: list[int]) -> Tensor:
    """Motions (..., J, 9) averaged with their mirror images, so that the two sides of a face move together."""
    signs = motions.new_tensor([*MIRROR["translation"], *MIRROR["rotation"], *MIRROR["log_scale"]])
    return (motions + motions[..., images, :] * signs) / 2


def _same(head: Head, model: AdaptiveSkinningModel) -> bool:
    return head.mesh.faces.shape == model.mesh.faces.shape and bool((head.mesh.faces == model.mesh.faces.cpu()).all())
