"""Fit a model to a registered mesh: the same vertices in the same order, another face. Derived in lesson 5."""

from __future__ import annotations

import copy

import roma
import torch
from torch import Tensor

from asm_teach.alignment import align_points
from asm_teach.devices import pick_device
from asm_teach.fitting import Fit, Watcher, descend, parameter_groups, snapshot, watching
from asm_teach.mesh import Mesh
from asm_teach.model import SkinnedModel
from asm_teach.priors import Asymmetry, Bending, Prior, prior_loss

DENSE = Prior(bone_uv=0.04, mixture_mean=1.0, mixture_factor=1.0, mixture_logits=1.0, bending=None, asymmetry=None)
"""The prior of a registered mesh, where every vertex is seen: little is left for a prior to say."""


def fit_scan(
    model: SkinnedModel,
    scan: Mesh,
    *,
    prior: Prior | None = None,
    noise: float = 0.1,
    steps: int = 400,
    warm_start: bool = False,
    watch: Watcher | None = None,
    progress: bool = True,
    device: str | torch.device = "auto",
) -> Fit:
    """Fit a model to a mesh in its template's topology.

    Minimises the squared vertex distances, in units of `noise` (mm), with `prior` on every parameter. The scan may lie
    anywhere: the root bones start at the rigid motion that brings the template closest to it. The other bones start at
    rest, or with `warm_start` where the model has them; weights and binding start as the model has them. The given
    model is not changed; the result stays on the device of the fit.

    This is plain gradient descent on all parameters at once; with more steps it goes on falling.

    Raises ValueError for a scan that is no mesh or whose vertices or faces are not those of the template, for a noise
    that is not above zero and for fewer than one step.
    """
    if not isinstance(scan, Mesh):
        raise ValueError(f"scan: expected a Mesh, found a {type(scan).__name__}; mesh.with_vertices makes one")
    if not noise > 0:
        raise ValueError(f"noise: give millimetres above 0, found {noise}")
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
    if not warm_start:
        fitted.reset_motion()
    move_roots(fitted, target)
    start = snapshot(fitted)
    prior = prior or DENSE
    bending = Bending(fitted, prior.bending) if prior.bending is not None else None
    asymmetry = Asymmetry(fitted, prior, prior.asymmetry) if prior.asymmetry is not None else None

    def loss(_: int) -> Tensor:
        vertices = fitted()
        total = ((vertices - target) / noise).square().sum() / 2 + prior_loss(fitted, start, prior)
        if bending is not None:
            total = total + bending.loss(vertices[bending.rows])
        return total if asymmetry is None else total + asymmetry.loss()

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
