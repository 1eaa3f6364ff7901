"""What faces are like: a normal distribution of low rank of a face's parameters, learned from fits. Lesson 19.

As probabilistic principal components have it (Tipping and Bishop 1999), the parameters theta of a face are, eq. (19.1),
centre + scale (sum_m c_m mode_m + noise), c_m ~ N(0, deviation_m^2). `asm-teach collect` learns such a prior from a
folder of fits; `data/recipe/face_prior.py` learned the one that comes with the package.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import data_dir
from asm_teach.data.heads import load_head
from asm_teach.formats.text_files import parse_json
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.model.linear import principal_axes
from asm_teach.model.storage import FORMAT, mesh_of, write_model

LEARNED = "learned"
_MOTION = ("translation", "rotation", "log_scale")
_WIDTHS = {
    "translation": 10.0, "rotation": 0.4, "log_scale": 0.4, "bone_uv": 0.01, "mixture_mean": 0.01,
    "mixture_factor": 0.25, "mixture_logits": 0.5,
}  # fmt: skip
"""What the parameters of the embedded prior are counted in: some deviations of the general prior of a fit."""
_KIND, _ARRAYS = "prior", ("centre", "scale", "directions", "deviations")


@dataclass(frozen=True, eq=False)
class FacePrior:
    """A normal distribution of the parameters of a face, learned from fits.

    Call it with a model for the negative logarithm of its density, up to a constant; `fit_views(..., prior=prior)`
    believes it in place of its general prior. Where a head stands and which way it looks is not part of it.

    Attributes:
        mesh, bones: the template that the fits began with and the names of its bones; the parameters mean nothing on
            another.
        centre: (P,) the mean. scale: (P,) the unit of each parameter.
        directions: (M, P) orthonormal, in these units. deviations: (M,) of the heads along them.
        noise: the deviation in every other direction.
        strength: how many times the negative logarithm counts, 1 for the distribution as it was learned.
    """

    mesh: Mesh
    bones: tuple[str, ...]
    centre: Tensor
    scale: Tensor
    directions: Tensor
    deviations: Tensor
    noise: float
    strength: float = 1.0

    @classmethod
    def of(cls, model: SkinnedModel, samples: Tensor, scale: Tensor, rank: int, noise: float) -> FacePrior:
        """The distribution of samples (n, P), in units of `scale`, with so many modes."""
        mean = samples.mean(0)
        spread, directions = principal_axes(samples - mean)
        variance = spread[:rank].square() / (len(samples) - 1) - noise**2  # the noise is in the modes' directions too
        deviations = variance.clamp_min(0).sqrt().to(scale)
        return cls(
            model.mesh, model.rig.names, mean.to(scale) * scale, scale, directions[:rank].to(scale), deviations, noise
        )

    def __call__(self, model: SkinnedModel, cameras: object = None) -> Tensor:
        """Half the squared distance from the centre, in deviations; differentiable. `cameras` are not looked at."""
        away = (parameters_of(model).to(self.centre) - self.centre) / self.scale
        along = self.directions @ away
        variance = self.deviations.square()
        inside = along.square() * variance / (variance + self.noise**2)  # Woodbury's formula
        loss: Tensor = self.strength * (away.square().sum() - inside.sum()) / (2 * self.noise**2)
        return loss

    def check(self, model: SkinnedModel) -> None:
        """Refuse a model of another kind than the fits. Raises ValueError."""
        mine, its = self.mesh.vertices, model.mesh.vertices.detach().to("cpu", torch.float32)
        remedy = "take the model that the fits began with, or collect a prior from fits of this one"
        if its.shape != mine.shape or not torch.allclose(its, mine.float(), atol=1e-3):
            said = f"{len(mine)} vertices there, {len(its)} here" if len(its) != len(mine) else "another shape at rest"
            raise ValueError(f"prior: it was learned on another head ({said}); {remedy}")
        count = int(sum(rows.sum() for rows in _kept(model).values()))
        if self.bones != model.rig.names or len(self.centre) != count:
            said = f"{len(self.bones)} bones and {len(self.centre)} numbers, not {len(model.rig)} and {count}"
            said = said if len(self.centre) != count else "bones of other names"
            raise ValueError(f"prior: it was learned with another rig ({said}); {remedy}")

    def begin(self, model: SkinnedModel) -> None:
        """Give a model the weights and places that these people have on average; its motions stay."""
        _put(model, self.centre, [name for name, _ in model.named_parameters() if name not in _MOTION])

    def on_motion(self, model: SkinnedModel) -> tuple[Tensor, Tensor]:
        """The distribution of the bones' motions alone, whatever the weights: root R (9 J, 9 J) and centre m (9 J,).

        A motion x (9 J,), nine numbers for each bone, costs |R (x - m)|^2. Of a normal distribution of low rank the
        marginal is one too: R = (1 - V (1 - n / sqrt(n^2 + s^2)) V^T) / n, with V and s of the modes' own rows.
        """
        kept = _kept(model)
        counts = [int(rows.sum()) for rows in kept.values()]
        place, begin = torch.arange(9 * len(model.rig)).view(-1, 9), 0
        found = []
        for name, count in zip(kept, counts, strict=True):
            if name in _MOTION:
                k = 3 * _MOTION.index(name)
                found.append((place[:, k : k + 3][kept[name].cpu()], torch.arange(begin, begin + count)))
            begin += count
        here, there = (torch.cat(parts) for parts in zip(*found, strict=True))
        modes = (self.deviations[:, None] * self.directions[:, there]).double()
        axes, spread, _ = torch.linalg.svd(modes.T, full_matrices=False)
        root = -(axes * (1 - self.noise / (self.noise**2 + spread.square()).sqrt())) @ axes.T
        root.diagonal().add_(1.0)
        whole, centre = torch.zeros(place.numel(), place.numel()), torch.zeros(place.numel())
        whole[here[:, None], here] = (self.strength**0.5 * root / self.noise / self.scale[there]).float()
        centre[here] = self.centre[there]
        return whole.to(model.vertices.device), centre.to(model.vertices.device)

    def sample(self, model: SkinnedModel, seed: int) -> SkinnedModel:
        """A copy of a model that shows a face drawn from the modes."""
        drawn = torch.randn(len(self.deviations), generator=torch.Generator().manual_seed(seed))
        theta = self.centre + self.scale * ((drawn * self.deviations) @ self.directions)
        found = deepcopy(model)
        _put(found, theta, [name for name, _ in found.named_parameters()])
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the prior to one `.npz` file, whole or not at all."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        about = {"kind": _KIND, "noise": self.noise, "strength": self.strength, "bones": self.bones}
        write_model(path, about, self.mesh, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FacePrior:
        """Read what `save` wrote. Raises ValueError for a file that is something else, cut off or incomplete."""
        arrays, name = load_npz(path), os.fspath(path)
        try:
            about: Any = parse_json(arrays["about"].tobytes(), "about")
            if (about["format"], about["kind"]) != (FORMAT, _KIND):
                raise ValueError(f"format {about['format']}, kind {about['kind']!r}")
            got = {key: torch.from_numpy(array) for key, array in arrays.items() if key != "about"}
            centre, scale, directions, deviations = (got[key] for key in _ARRAYS)
            mesh, bones = mesh_of(about, got), tuple(str(name) for name in about["bones"])
            noise, strength = float(about["noise"]), float(about["strength"])
            return cls(mesh, bones, centre, scale, directions, deviations, noise, strength)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"there is no {error}" if isinstance(error, KeyError) else str(error)[:300]
            raise ValueError(f"path: {name} is no prior, or not a whole one ({reason})") from error


def parameters_of(model: SkinnedModel) -> Tensor:
    """All parameters of a model in one row (P,), without the place and the direction of its roots."""
    return flat(model, dict(model.named_parameters()))


def flat(model: SkinnedModel, parameters: Mapping[str, Tensor]) -> Tensor:
    """The same of other values of a model's parameters, by their names."""
    kept = _kept(model)
    return torch.cat([parameters[name][rows] for name, rows in kept.items()])


@torch.no_grad()
def _put(model: SkinnedModel, theta: Tensor, names: Collection[str]) -> None:
    """Give the parameters of these names the values that they have in a row (P,), as `parameters_of` makes it."""
    kept = _kept(model)
    parts = theta.split([int(rows.sum()) for rows in kept.values()])
    for (name, rows), part in zip(kept.items(), parts, strict=True):
        if name in names:
            parameter = model.get_parameter(name)
            parameter[rows] = part.to(parameter)


def _kept(model: SkinnedModel) -> dict[str, Tensor]:
    """Which numbers of each parameter count: (J, ...) bool."""
    roots = model.rig.parents < 0
    kept = {name: torch.ones_like(parameter, dtype=torch.bool) for name, parameter in model.named_parameters()}
    for name in ("translation", "rotation"):
        kept[name][roots] = False
    return kept


@cache
def learned_prior() -> FacePrior:
    """What was learned from 300 people, for the adaptive model of the embedded head `makehuman`.

    Of the bones' motions alone; its weights are those that all these people share, and beside them it believes what
    the general prior of a fit does.
    """
    raw, head = load_npz(data_dir() / "face_prior.npz"), load_head()
    model, noise = AdaptiveSkinningModel(head.mesh, head.rig), float(raw["noise"])
    modes = torch.from_numpy(raw["modes"].astype("float32"))  # (M, J, 9)
    centre = {name: p.detach() for name, p in model.named_parameters()}
    centre |= {name: torch.from_numpy(raw[name]) for name in raw if name in centre}
    scale = {n: torch.full_like(p, _WIDTHS[n] / (1.0 if n in _MOTION else noise)) for n, p in centre.items()}
    along = {name: torch.zeros(len(modes), *p.shape) for name, p in centre.items()}
    for name, mean, mode in zip(_MOTION, torch.from_numpy(raw["centre"]).split(3, 1), modes.split(3, 2), strict=True):
        centre[name], along[name] = mean, mode
    rows = torch.stack([flat(model, {name: x[k] for name, x in along.items()}) for k in range(len(modes))])
    deviations = torch.from_numpy(raw["deviations"])
    return FacePrior(head.mesh, head.rig.names, flat(model, centre), flat(model, scale), rows, deviations, noise)


Believed: TypeAlias = FacePrior | str | os.PathLike[str]


def face_prior(prior: Believed) -> FacePrior:
    """A prior itself, that of a file, or with the name "learned" the one that comes with the package.

    Raises ValueError for anything else.
    """
    if isinstance(prior, FacePrior):
        return prior
    if not isinstance(prior, (str, os.PathLike)):
        raise ValueError(f"prior: found a {type(prior).__name__}; give a FacePrior, its file, or {LEARNED!r}")
    return learned_prior() if prior == LEARNED else FacePrior.load(prior)
