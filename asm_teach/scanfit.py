"""Fit a model to a registered mesh: the same vertices in the same order, another face. Derived in lesson 5."""

from __future__ import annotations

import copy

import roma
import torch
from torch import Tensor

from asm_teach.alignment import align_points
from asm_teach.devices import pick_device
from asm_teach.fitting import Fit, Prior, Watcher, descend, parameter_groups, prior_loss, snapshot, watching
from asm_teach.mesh import Mesh
from asm_teach.model import SkinnedModel


def fit_scan(
    model: SkinnedModel,
    scan: Mesh,
    *,
    prior: Prior | None = None,
    noise: float = 0.1,
    steps: int = 300,
    watch: Watcher | None = None,
    progress: bool = True,
    device: str | torch.device = "auto",
) -> Fit:
    """Fit a model to a mesh in its template's topology.

    Minimises the squared vertex distances, in units of `noise` (mm), with `prior` on every parameter. The scan may lie
    anywhere: the root bones start at the rigid motion that brings the template closest to it. The given model is not
    changed.

    Raises ValueError for a scan whose vertices or faces are not those of the template.
    """
    template = model.mesh
    same = scan.vertices.shape == template.vertices.shape and scan.faces.shape == template.faces.shape
    if not same or not torch.equal(scan.faces.to(template.faces.device), template.faces):
        raise ValueError(
            f"scan: its {len(scan.vertices)} vertices and {len(scan.faces)} faces are not the template's "
            f"{len(template.vertices)} and {len(template.faces)} in their order; register it to the template first, so "
            "that vertex i is the same point of the face on both"
        )
    where = pick_device(device)
    fitted = copy.deepcopy(model).to(where)
    target = scan.vertices.to(fitted.vertices)
    move_roots(fitted, target)
    start = snapshot(fitted)
    prior = prior or Prior(translation=8.0, rotation=0.4, log_scale=0.4, bone_uv=0.04, mixture_mean=1.0, strain=None)

    def loss(_: int) -> Tensor:
        off = (fitted() - target) / noise
        return off.square().sum() / 2 + prior_loss(fitted, start, prior)

    history, interrupted = descend(
        loss, parameter_groups(fitted, faster=2.0), steps, "fit scan", watching(watch, fitted), progress
    )
    with torch.no_grad():
        vertices = fitted()
    return Fit(fitted, vertices, (), history, interrupted)


@torch.no_grad()
def move_roots(model: SkinnedModel, target: Tensor) -> None:
    """Give every root bone the rigid motion that brings the template closest to `target` (V, 3)."""
    _, rotation, shift = align_points(model.vertices, target)
    for root in (model.rig.parents < 0).nonzero()[:, 0].tolist():
        pivot = model.bind_points()[root]
        model.set_motion(root, translation=rotation @ pivot + shift - pivot, rotation=roma.rotmat_to_rotvec(rotation))
