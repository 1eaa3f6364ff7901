"""What is believed of a face before it is seen: how far its bones stray, how it bends, how alike its two sides are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from asm_teach.geometry.mesh_edges import edge_list
from asm_teach.model.adaptive import SkinnedModel
from asm_teach.model.transforms import Rig


@dataclass(frozen=True)
class Prior:
    """How far each kind of parameter is expected to stray: deviations of normal priors round the start of a fit.

    translation: mm. rotation: radians. log_scale: of the logarithm of a scale factor. bone_uv: chart units.
    mixture_mean: in widths of the bone's first Gaussian. mixture_factor: of the logarithm of a width; its third number,
    the b of the Cholesky factor, in chart units. mixture_logits: of a logit.
    bending: of how far a vertex's displacement leaves the mean of its neighbours', as a share of their distance.
    asymmetry: of the difference between the two sides of the face, as a share of the deviations above.
    None leaves out one of the last two. Raises ValueError for a deviation that is not above zero.
    """

    translation: float = 10.0
    rotation: float = 0.4
    log_scale: float = 0.4
    bone_uv: float = 0.01
    mixture_mean: float = 0.25
    mixture_factor: float = 0.25
    mixture_logits: float = 0.5
    bending: float | None = 0.25
    asymmetry: float | None = 0.125

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is None and name not in ("bending", "asymmetry"):
                raise ValueError(f"{name}: give a standard deviation; only bending and asymmetry may be None")
            if value is not None and not value > 0:
                raise ValueError(f"{name}: a standard deviation must be above 0, found {value}")


def prior_loss(model: SkinnedModel, start: dict[str, Tensor], prior: Prior) -> Tensor:
    """Negative log prior of a model's parameters, up to a constant: half the squared deviations from the start."""
    total = model.translation.new_zeros(())
    for name, parameter in model.named_parameters():
        away = (parameter - start[name]) / getattr(prior, name)
        if name == "mixture_mean":
            away = away / start["mixture_factor"][:, :1, :1].exp()
        total = total + away.square().sum() / 2
    return total


class Bending:
    """Negative log prior that the face bends smoothly, on a fixed sample of its vertices.

    What is held small is how far a vertex's displacement leaves the mean of its neighbours', so moving the face as a
    whole costs nothing, and turning or stretching it only as much as it is curved. It speaks for what no landmark and
    no picture shows. The sum stands for 1,000 vertices however many are sampled: the face, not its tessellation, is
    what is stiff.
    """

    def __init__(self, model: SkinnedModel, bending: float, sample: int = 400) -> None:
        count = len(model.vertices)
        first, second = edge_list(model.mesh.faces).directed.T
        used = torch.unique(first)
        chosen = used[torch.randperm(len(used), generator=torch.Generator().manual_seed(0))[:sample].to(used.device)]
        near = torch.isin(first, chosen)
        first, second = first[near], second[near]
        self.model = model
        self.rows, place = torch.unique(torch.cat([chosen, second]), return_inverse=True)
        self.centres, self.neighbours = place.split([len(chosen), len(second)])
        order = torch.empty(count, dtype=torch.int64, device=first.device)
        order[chosen] = torch.arange(len(chosen), device=first.device)
        self.owner = order[first]  # whose neighbour each one is
        self.valence = torch.bincount(self.owner, minlength=len(chosen))[:, None]
        self.rest = model.vertices[self.rows]
        edges = torch.linalg.vector_norm(self.rest[self.neighbours] - self.rest[self.centres[self.owner]], dim=1)
        self.scale = bending * self._mean(edges[:, None]).clamp_min(1e-3) * (len(chosen) / 1000) ** 0.5

    def _mean(self, x: Tensor) -> Tensor:
        """Mean over each centre's neighbours."""
        return x.new_zeros(len(self.valence), x.shape[1]).index_add(0, self.owner, x) / self.valence

    def loss(self, moved: Tensor | None = None) -> Tensor:
        """The prior at the model's present shape; `moved` (n, 3) are the vertices `rows`, if they are known already."""
        away = (self.model(self.rows) if moved is None else moved) - self.rest
        return ((away[self.centres] - self._mean(away[self.neighbours])) / self.scale).square().sum() / 2


class Asymmetry:
    """Negative log prior that a bone and its mirror image across x = 0 do alike; those in the middle stay there.

    Pairs are told by names that end in _L and _R (or .L and .R). Roots are free: a whole head may lie askew.
    """

    def __init__(self, model: SkinnedModel, prior: Prior, asymmetry: float) -> None:
        self.model, self.prior, self.asymmetry = model, prior, asymmetry
        self.pairs = mirror_pairs(model.rig).to(model.vertices.device)
        # The chart is not quite symmetric, so neither are the widths at the start: that much is no one's doing.
        self.given = {name: away.detach() for name, away in self._differences() if name == "mixture_factor"}

    def _differences(self) -> Iterator[tuple[str, Tensor]]:
        for name, signs in MIRROR.items():
            parameter = getattr(self.model, name, None)
            if parameter is not None:
                left, right = parameter[self.pairs]
                yield name, left - right * right.new_tensor(signs)

    def loss(self) -> Tensor:
        """The prior at the model's present motion and weights."""
        total = self.model.translation.new_zeros(())
        for name, away in self._differences():
            away = (away - self.given.get(name, 0.0)) / (self.asymmetry * getattr(self.prior, name))
            total = total + away.square().sum() / 2
        return total


# What the mirror x -> -x does to a parameter: a rotation vector turns round in y and z, a Gaussian's b changes sign.
MIRROR = {
    "translation": (-1.0, 1.0, 1.0), "rotation": (1.0, -1.0, -1.0), "log_scale": (1.0, 1.0, 1.0),
    "mixture_factor": (1.0, -1.0, 1.0),
}  # fmt: skip


def mirror_pairs(rig: Rig) -> Tensor:
    """(2, n): bones and their mirror images, told by names that end in _L and _R, and those in the middle, twice.

    A bone in the middle is its own mirror image: its motion may have no part that the mirror turns round. Roots are
    left out.
    """
    images, sides = list(enumerate(rig.mirror_images())), [name[-2:] for name in rig.names]
    pairs = [(j, image) for j, image in images if image != j and sides[j] in ("_L", ".L")]
    middle = [(j, j) for j, _ in images if rig.parents[j] >= 0 and sides[j] not in ("_L", "_R", ".L", ".R")]
    return torch.tensor([*pairs, *middle], dtype=torch.int64).reshape(-1, 2).T
