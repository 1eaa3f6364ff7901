"""From a folder of fits to a model of them all: their mean as a head, their modes, and a prior on a face's numbers.

The prior is a `FacePrior`: how many modes are worth having, and how large the noise beside them is, is measured on fits
that were left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.data.face_prior import FacePrior, flat
from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.many_heads.manifest import read_manifest
from asm_teach.many_heads.worker import FITTED
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.model.linear import LinearMorphableModel, principal_axes
from asm_teach.model.storage import load_model
from asm_teach.scan_fit.fit import DENSE

FEWEST = 3
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Collection:
    """The heads of a folder of fits.

    names: n of them. template: the model that all were fitted with, at rest.
    shapes: (n, V, 3) mm, each brought to the template by a rigid motion. theta: (n, P) parameters; `parameters_of` has
    their order.
    """

    names: tuple[str, ...]
    template: SkinnedModel
    shapes: Tensor
    theta: Tensor

    def mean_head(self) -> AdaptiveSkinningModel:
        """A model at rest whose template is the mean of all heads, to be fitted as any other head."""
        template = self.template
        if not isinstance(template, AdaptiveSkinningModel):
            raise ValueError("folder: its heads were fitted by a static model; a mean head needs adaptive ones")
        return AdaptiveSkinningModel(
            template.mesh.with_vertices(self.shapes.mean(0)), template.rig, template.components
        )

    def modes(self, share: float = 0.95) -> LinearMorphableModel:
        """The linear model of the heads with as few modes as hold this share of their variance."""
        samples = self.shapes.double().flatten(1)
        spread, _ = principal_axes(samples - samples.mean(0))
        spread = spread[spread > 1e-6 * spread[0]]  # heads that are there twice add no mode
        held = spread.square().cumsum(0) / spread.square().sum()
        return LinearMorphableModel.from_samples(self.template.mesh, self.shapes, int((held[:-1] < share).sum()) + 1)

    def prior(self) -> FacePrior:
        """The normal distribution of the parameters, with the number of modes that explains left-out heads best."""
        scale = _scales(self.template)
        samples = (self.theta / scale).double()
        candidates = {rank: _left_out(samples, rank) for rank in _ranks(len(samples))}
        rank = min(candidates, key=lambda rank: candidates[rank][0])
        return FacePrior.of(self.template, samples, scale, rank, candidates[rank][1])


def read_collection(folder: Path, most: float | None = None) -> Collection:
    """The fitted heads of a folder of results.

    Args:
        folder: as `fit_many` writes it.
        most: leave out heads whose mean distance to their scan is above this, in mm.

    Raises:
        ValueError: fewer than three heads, or heads that were fitted with different models.
    """
    entries = {entry.name: entry for entry in read_manifest(folder)}
    names = sorted(
        name
        for name, entry in entries.items()
        if entry.status == "fitted" and (most is None or entry.mm is None or entry.mm <= most)
    )
    if len(names) < FEWEST:
        raise ValueError(f"folder: {len(names)} fitted heads in {str(folder)!r}; {FEWEST} or more make a collection")
    template = load_model(folder / f"{names[0]}.npz")
    template.reset_motion()
    shapes, theta = [], []
    for name in names:
        arrays = {key: torch.from_numpy(a) for key, a in load_npz(folder / f"{name}.npz").items()}
        rest = arrays.get("vertices")
        if rest is None or not torch.equal(rest, template.mesh.vertices) or FITTED not in arrays:
            raise ValueError(f"folder: {name} was fitted with another model than {names[0]}; collect them separately")
        shapes.append(_aligned(arrays[FITTED], template))
        theta.append(flat(template, {key.removeprefix("parameter:"): a for key, a in arrays.items()}))
    return Collection(tuple(names), template, torch.stack(shapes), torch.stack(theta))


def _scales(model: SkinnedModel) -> Tensor:
    """What each parameter is counted in (P,): the deviations that a fit to a scan believes in."""
    widths = {name: torch.full_like(p, getattr(DENSE, name)) for name, p in model.named_parameters()}
    return flat(model, {name: width.detach() for name, width in widths.items()})


def _aligned(vertices: Tensor, template: SkinnedModel) -> Tensor:
    rest = template.mesh.vertices
    return apply_alignment(vertices.double(), align_points(vertices.double(), rest.double())).to(rest)


def _ranks(count: int) -> list[int]:
    """Numbers of modes to try: 1, 2, 4, ... as far as the smallest part of the samples has them."""
    most = count - math.ceil(count / FOLDS) - 1
    return [2**k for k in range(most.bit_length())] if most > 0 else [1]


def _left_out(samples: Tensor, rank: int) -> tuple[float, float]:
    """The mean loss of heads that were left out, and the noise that makes it least: their distance from the modes."""
    parts = torch.arange(len(samples)) % min(FOLDS, len(samples))
    residuals, along = [], []
    for part in parts.unique():
        others = samples[parts != part]
        spread, directions = principal_axes(others - others.mean(0))
        away = samples[parts == part] - others.mean(0)
        inside = away @ directions[:rank].T
        residuals.append(away.square().sum(1) - inside.square().sum(1))
        deviations = (spread[:rank] / math.sqrt(len(others) - 1)).clamp_min(1e-9)
        along.append((inside / deviations).square().sum(1) / 2 + deviations.log().sum())
    rest = samples.shape[1] - rank
    noise = float((torch.cat(residuals).mean() / rest).sqrt().clamp_min(1e-6))
    return float(torch.cat(along).mean()) + rest * (math.log(noise) + 0.5), noise
