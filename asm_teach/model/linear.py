"""The linear morphable model: a mean face and modes that are added to it. Derived in lesson 5.

It is what skinned faces are compared with: x(c) = mean + sum_m c_m sigma_m mode_m, where the modes are learned from
registered faces (principal components) or given by somebody.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.base.checks import check_points
from asm_teach.formats.text_files import parse_json
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.storage import FORMAT, mesh_of, write_model


@dataclass(frozen=True, eq=False)
class LinearMorphableModel:
    """A linear morphable model (3DMM).

    Attributes:
        mesh: the mean face, mm, with the topology of all faces, its chart and its landmarks.
        modes: (M, V, 3) what each coefficient adds; need not be orthogonal.
        deviations: (M,) sigma, so that coefficients are in standard deviations and modes of length 1 in mm.

    Raises:
        ValueError: modes or deviations of the wrong shape or type, NaN, a deviation that is not above zero or infinite.
    """

    mesh: Mesh
    modes: Tensor
    deviations: Tensor

    def __post_init__(self) -> None:
        vertices = self.mesh.vertices
        if not isinstance(self.modes, Tensor) or self.modes.shape[1:] != vertices.shape or not len(self.modes):
            found = tuple(getattr(self.modes, "shape", ()))
            raise ValueError(f"modes: expected shape (M, {len(vertices)}, 3) for this mesh, M >= 1, found {found}")
        check_points(self.modes.flatten(0, 1), "modes", 3)
        if not isinstance(self.deviations, Tensor) or self.deviations.shape != self.modes.shape[:1]:
            found = tuple(getattr(self.deviations, "shape", ()))
            raise ValueError(f"deviations: expected shape ({len(self.modes)},), one for each mode, found {found}")
        kinds = {vertices.dtype, self.modes.dtype, self.deviations.dtype}
        if len(kinds) > 1:
            raise ValueError(f"modes: vertices, modes and deviations have types {sorted(map(str, kinds))}; give one")
        usable = (self.deviations > 0) & self.deviations.isfinite()  # not "<= 0", which NaN would pass
        if not usable.all():
            where = int((~usable).nonzero()[0])
            raise ValueError(f"deviations: mode {where} has {self.deviations[where].item():.3g}; leave such modes out")

    @classmethod
    def from_modes(cls, mesh: Mesh, modes: Tensor, deviations: Tensor | None = None) -> LinearMorphableModel:
        """A model of modes (M, V, 3) that somebody gives, about the face `mesh`; deviations (M,) default to 1."""
        if deviations is None and isinstance(modes, Tensor):
            deviations = modes.new_ones(len(modes))
        return cls(mesh, modes, deviations)

    @classmethod
    def from_samples(cls, mesh: Mesh, shapes: Tensor, modes: int | None = None) -> LinearMorphableModel:
        """Learn a model from registered faces by principal component analysis.

        Computed in float64; the modes are orthonormal, and the largest entry of each is positive.

        Args:
            mesh: topology, chart and landmarks; its own vertices do not count.
            shapes: (n, V, 3) mm, vertex i the same point on all faces, all brought to one place (`align_points`).
            modes: M, at most n - 1, which is what None takes.

        Raises:
            ValueError: shapes that do not fit the mesh, NaN, more modes than the samples can tell apart.
        """
        if not isinstance(shapes, Tensor) or shapes.ndim != 3 or shapes.shape[1:] != mesh.vertices.shape:
            found = tuple(getattr(shapes, "shape", ()))
            raise ValueError(f"shapes: expected (n, {len(mesh.vertices)}, 3), n faces on this mesh, found {found}")
        check_points(shapes.flatten(0, 1), "shapes", 3)
        most = min(len(shapes) - 1, 3 * shapes.shape[1])
        modes = most if modes is None else modes
        if not 1 <= modes <= most:
            raise ValueError(f"modes: {len(shapes)} samples about their mean have 1 to {most} modes, found {modes}")
        samples = shapes.double().flatten(1)
        mean = samples.mean(0)
        spread, directions = principal_axes(samples - mean)
        # Of samples that repeat each other nothing but rounding is left, at 1e-8 of the largest (a root of 1e-16).
        real = int((spread > 1e-7 * spread[0]).sum())
        if modes > real:
            raise ValueError(f"modes: these {len(shapes)} samples vary in {real} directions only, found {modes}")
        deviations = spread[:modes] / math.sqrt(len(shapes) - 1)
        return cls(
            mesh.with_vertices(mean.view(-1, 3).to(shapes.dtype)),
            directions[:modes].unflatten(1, (-1, 3)).to(shapes.dtype),
            deviations.to(shapes.dtype),
        )

    def __len__(self) -> int:
        """M, the number of modes."""
        return len(self.modes)

    @property
    def mean(self) -> Tensor:
        """The mean face, (V, 3) mm."""
        return self.mesh.vertices

    @property
    def parameters(self) -> int:
        """Numbers for one face: M coefficients and the six of a rigid motion."""
        return len(self) + 6

    def first(self, modes: int) -> LinearMorphableModel:
        """The model of its first modes alone. Raises ValueError for more than there are, or fewer than one."""
        if not 1 <= modes <= len(self):
            raise ValueError(f"modes: this model has 1 to {len(self)}, found {modes}")
        return replace(self, modes=self.modes[:modes], deviations=self.deviations[:modes])

    def __call__(self, coefficients: Tensor) -> Tensor:
        """Faces (..., V, 3) mm of coefficients (..., M), in standard deviations. Differentiable."""
        if coefficients.shape[-1:] != (len(self),):
            raise ValueError(f"coefficients: expected (..., {len(self)}), found {tuple(coefficients.shape)}")
        added: Tensor = ((coefficients * self.deviations) @ self.modes.flatten(1)).unflatten(-1, (-1, 3))
        return self.mean + added

    def project(self, target: Tensor, noise: float = 0.0) -> Tensor:
        """Coefficients (M,) of the face nearest to `target` (V, 3) mm, which lies where the mean lies; closed form.

        Minimises sum_i |x_i(c) - target_i|^2 + noise^2 |c|^2: noise is the mm of a vertex that weigh as much as one
        standard deviation. Raises ValueError for a target of another size or with NaN.
        """
        self.check_target(target)
        basis = self.basis()
        away = (target.double() - self.mean.double()).flatten()
        return solve_ridge(basis @ basis.T, basis @ away, noise**2).to(target.dtype)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one `.npz` file, whole or not at all. Texture and quads stay behind."""
        write_model(path, {"kind": "linear"}, self.mesh, {"modes": self.modes, "deviations": self.deviations})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LinearMorphableModel:
        """Read what `save` wrote. Raises ValueError for a file that is something else, cut off or incomplete."""
        arrays, name = load_npz(path), os.fspath(path)
        try:
            about = parse_json(arrays["about"].tobytes(), "about")
            if (about["format"], about["kind"]) != (FORMAT, "linear"):
                raise ValueError(f"format {about['format']}, kind {about['kind']!r}")
            got = {key: torch.from_numpy(array) for key, array in arrays.items() if key != "about"}
            return cls(mesh_of(about, got), got["modes"], got["deviations"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"there is no {error}" if isinstance(error, KeyError) else str(error)[:300]
            raise ValueError(f"path: {name} is no linear model, or not a whole one ({reason})") from error

    def basis(self) -> Tensor:
        """What a coefficient of 1 adds, (M, 3 V) mm, float64."""
        return (self.modes * self.deviations[:, None, None]).double().flatten(1)

    def check_target(self, target: Tensor) -> None:
        """Raise a ValueError for a target (V, 3) of another size or with NaN."""
        check_points(target, "target", 3)
        if len(target) != len(self.mean):
            raise ValueError(f"target: found {len(target)} vertices; this model has {len(self.mean)}, in their order")


def principal_axes(away: Tensor) -> tuple[Tensor, Tensor]:
    """Singular values (r,) and right singular vectors (r, d) of `away` (n, d), falling, r = min(n, d).

    By the eigenvectors of the smaller of the two products: for n faces of d coordinates, n is the small one.
    The largest entry of each vector is positive.
    """
    n, d = away.shape
    value, vector = torch.linalg.eigh(away @ away.T if n <= d else away.T @ away)
    rows = vector.flip(1).T @ away if n <= d else vector.flip(1).T
    rows = rows / torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_min(1e-300)
    sign = rows.gather(1, rows.abs().argmax(1, keepdim=True)).sign()
    return value.flip(0).clamp_min(0).sqrt(), rows * sign


def solve_ridge(normal: Tensor, right: Tensor, prior: float, modes: int | None = None) -> Tensor:
    """The x (n,) of (normal + prior) x = right by Cholesky's method; the prior is on the first `modes` unknowns.

    A little is added to the diagonal where modes repeat each other: far below what a mm or a deviation could show.
    """
    modes = len(normal) if modes is None else modes
    extra = torch.full_like(right, 1e-12 * normal.diagonal().mean().item())
    extra[:modes] += prior
    lower = torch.linalg.cholesky(normal + torch.diag(extra))
    return torch.cholesky_solve(right[:, None], lower)[:, 0]
