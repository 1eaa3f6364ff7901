"""The two skinned faces: weights that adapt (ASM), and weights that an artist painted (SSM).

Both are a template moved by bones with nine degrees of freedom each. Derived in lesson 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral

import torch
from torch import Tensor, nn

from asm_teach.geometry.mesh import Mesh
from asm_teach.model.binding import Chart
from asm_teach.model.mixture import mixture_weights
from asm_teach.model.skinning import check_weights, linear_blend_skinning
from asm_teach.model.transforms import Rig, bind_matrices, bone_transforms, skinning_matrices


class SkinnedModel(nn.Module):
    """What both models share: a template, a rig, and the motion T_j of every bone.

    Parameters: translation (J, 3) mm, rotation (J, 3) rotation vectors in radians, log_scale (J, 3); the
    logarithm keeps every scale positive. At zero they are the identity, and the rest face comes back.
    """

    vertices: Tensor
    translation: Tensor
    rotation: Tensor
    log_scale: Tensor

    def __init__(self, mesh: Mesh, rig: Rig) -> None:
        super().__init__()
        self.mesh, self.rig = mesh, rig.to(mesh.vertices.device, mesh.vertices.dtype)
        self.register_buffer("vertices", mesh.vertices.clone())
        for name in ("translation", "rotation", "log_scale"):
            self.register_parameter(name, nn.Parameter(mesh.vertices.new_zeros(len(rig), 3)))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> SkinnedModel:
        # What is no parameter and no buffer follows the vertices to their device and type.
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        device, dtype = self.vertices.device, self.vertices.dtype
        self.mesh, self.rig = self.mesh.to(device, dtype), self.rig.to(device, dtype)
        return self

    def weights(self, rows: Tensor | None = None) -> Tensor:
        """Skinning weights (V, J), or those of some vertices, (n,) -> (n, J); rows sum to 1."""
        raise NotImplementedError

    def bind_points(self) -> Tensor:
        """Where the bones' pivots sit in the rest pose, (J, 3) mm."""
        raise NotImplementedError

    def transforms(self) -> Tensor:
        """The matrices G_j B_j^-1 of eq. (1), (J, 3, 4)."""
        motion = bone_transforms(self.translation, self.rotation, self.log_scale.exp())
        return skinning_matrices(bind_matrices(self.bind_points()), motion, self.rig)

    def forward(self, rows: Tensor | None = None) -> Tensor:
        """The moved vertices (V, 3) mm, eq. (1); or only some of them, (n,) indices -> (n, 3)."""
        vertices = self.vertices if rows is None else self.vertices[rows]
        # Weights sum to 1, so what moves a vertex is the blend of S - I: a face at rest stays put to the last bit,
        # where a sum of 84 rounded shares of its position would not.
        moved = self.transforms() - torch.eye(3, 4).to(vertices)
        return vertices + linear_blend_skinning(vertices, self.weights(rows), moved)

    @torch.no_grad()
    def set_motion(
        self,
        bone: int | str,
        translation: Tensor | None = None,
        rotation: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> None:
        """Set the motion of one bone; what is not given stays. translation (3,) mm, rotation (3,) rad, scale (3,).

        Raises ValueError for a bone that is not there, wrong shapes, NaN, and scales that are not positive.
        """
        j = self.rig.index(bone)
        parts = {"translation": translation, "rotation": rotation, "scale": scale}
        new = {k: torch.as_tensor(v).to(self.vertices) for k, v in parts.items() if v is not None}
        for name, value in new.items():
            if value.shape != (3,) or not value.isfinite().all():
                raise ValueError(f"{name}: expected three finite numbers, found {value.tolist()}")
        if "scale" in new and not (new["scale"] > 0).all():
            raise ValueError(f"scale: every factor must be above 0, found {new['scale'].tolist()}; 1 changes nothing")
        for name, value in new.items():
            if name == "scale":
                self.log_scale[j] = value.log()
            else:
                getattr(self, name)[j] = value

    @torch.no_grad()
    def reset_motion(self) -> None:
        """Bring every bone back to its rest pose."""
        for parameter in (self.translation, self.rotation, self.log_scale):
            parameter.zero_()


class AdaptiveSkinningModel(SkinnedModel):
    """A face whose weights (eq. 2) and bone positions (eq. 3) are parameters beside the bones' motions.

    mesh: template with an injective UV chart. rig: J bones with UV positions. components: K Gaussians a bone.
    Parameters besides the motion: bone_uv (J, 2), mixture_logits (J, K), mixture_mean (J, K, 2),
    mixture_factor (J, K, 3), as `mixture_weights` takes them: J (11 + 6 K) numbers a face in all, eq. (4.1).

    The start: every bone's first Gaussian reaches towards its neighbours on the chart, the others further
    (`start_widths`).
    Raises ValueError for a mesh without UV or with an overlapping chart, a rig without UV, components < 1.
    """

    chart: Chart
    uv: Tensor
    bone_uv: Tensor
    mixture_logits: Tensor
    mixture_mean: Tensor
    mixture_factor: Tensor

    def __init__(self, mesh: Mesh, rig: Rig, components: int = 2) -> None:
        if rig.uv is None:
            raise ValueError("rig: the adaptive model needs the bones' places on the chart (rig.uv); found none")
        if not isinstance(components, Integral) or components < 1:
            raise ValueError(
                f"components: each bone needs a whole number of Gaussians, one or more, found {components}"
            )
        super().__init__(mesh, rig)
        self.chart = Chart.from_mesh(mesh)
        self.register_buffer("uv", mesh.vertex_uv().to(self.vertices))
        bone_uv = rig.uv.to(self.vertices)
        log_sigma = start_widths(bone_uv, components).log()
        factor = torch.stack([log_sigma, torch.zeros_like(log_sigma), log_sigma], -1)
        self.bone_uv = nn.Parameter(bone_uv.clone())
        self.mixture_logits = nn.Parameter((-math.log(4.0) * torch.arange(components)).to(bone_uv).repeat(len(rig), 1))
        self.mixture_mean = nn.Parameter(bone_uv.new_zeros(len(rig), components, 2))
        self.mixture_factor = nn.Parameter(factor)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> AdaptiveSkinningModel:
        super()._apply(fn, recurse)
        self.chart = self.chart.to(self.vertices.device)
        return self

    @property
    def components(self) -> int:
        """K, the number of Gaussians a bone."""
        return self.mixture_logits.shape[1]

    def weights(self, rows: Tensor | None = None) -> Tensor:
        """Skinning weights (V, J) from the Gaussian mixtures, eq. (2); or those of some vertices (n,)."""
        return self.weights_at(self.uv if rows is None else self.uv[rows])

    def weights_at(self, uv: Tensor) -> Tensor:
        """Skinning weights of any points of the chart, (n, 2) -> (n, J)."""
        return mixture_weights(uv, self.bone_uv, self.mixture_logits, self.mixture_mean, self.mixture_factor)

    def bind_points(self) -> Tensor:
        """The bones' places on the rest surface, (J, 3) mm, eq. (3)."""
        return self.chart.bind(self.bone_uv, self.vertices)


class StaticSkinningModel(SkinnedModel):
    """The baseline: fixed weights and fixed binding; only the bones' motions are parameters.

    weights: (V, J), rows sum to 1. A rig without positions is bound at its UV positions.
    Raises ValueError for weights of the wrong shape, negative ones, or rows that do not sum to 1.
    """

    _weights: Tensor
    _points: Tensor

    def __init__(self, mesh: Mesh, rig: Rig, weights: Tensor) -> None:
        super().__init__(mesh, rig)
        check_weights(weights, len(mesh.vertices), len(rig))
        self.register_buffer("_weights", weights.to(self.vertices))
        if rig.positions is not None:
            points = rig.positions.to(self.vertices)
        elif rig.uv is not None:
            points = Chart.from_mesh(mesh).bind(rig.uv.to(self.vertices), self.vertices)
        else:
            raise ValueError("rig: the bones have neither positions nor UV places; give one of the two")
        self.register_buffer("_points", points)

    def weights(self, rows: Tensor | None = None) -> Tensor:
        """The painted weights (V, J), or those of some vertices (n,)."""
        return self._weights if rows is None else self._weights[rows]

    def bind_points(self) -> Tensor:
        """The bones' fixed pivots, (J, 3) mm."""
        return self._points


def start_widths(bone_uv: Tensor, components: int) -> Tensor:
    """Widths (J, K) of the Gaussians a fit starts from, in chart units.

    The first is 3/4 of the mean distance to the three nearest bones; each further one is twice as wide, and at
    least a tenth of the chart, so that where bones are far apart the face bends smoothly from one to the next.
    """
    if len(bone_uv) == 1:
        return torch.full_like(bone_uv[:, :1], 0.25) * 2.0 ** torch.arange(components).to(bone_uv)
    distance = torch.cdist(bone_uv, bone_uv)
    nearest = distance.topk(min(4, len(bone_uv)), largest=False).values[:, 1:]
    first = (0.75 * nearest.mean(1, keepdim=True)).clamp_min(1e-3)
    further = (first * 2.0 ** torch.arange(1, components).to(bone_uv)).clamp_min(0.1)
    return torch.cat([first, further], 1)
