"""What the weight explorer says in numbers: who holds a place, and where plain exponentials fail."""

from __future__ import annotations

import html
import math
from typing import NamedTuple

import torch
from torch import Tensor

from asm_teach.fitting.normal_equations import gaussians_of
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.binding import surface_jacobian
from asm_teach.model.mixture import chart_powers, exponent_coefficients
from asm_teach.widgets.chart.ellipse import Ellipse
from asm_teach.widgets.weight_explorer.mixture import BoneMixture

TOP, LEAST = 5, 0.0005  # bones listed at a place, and the smallest weight that is worth a line


@torch.no_grad()
def naive_densities(model: AdaptiveSkinningModel, uv: Tensor) -> Tensor:
    """g_ij of eq. (2), (n, J), with each exponential taken in float32: 0 from about 14 widths on."""
    return log_terms(model, uv).float().exp_().sum(1)


@torch.no_grad()
def log_terms(model: AdaptiveSkinningModel, uv: Tensor) -> Tensor:
    """log of the terms of g_ij in eq. (2), (n, K, J) float64, at places (n, 2) of the chart; they never underflow."""
    gaussians = gaussians_of(model)
    share = gaussians[..., 5] - math.log(2 * math.pi)
    terms = chart_powers(uv) @ exponent_coefficients(gaussians[..., :2], share, gaussians[..., 2:5])
    return terms.unflatten(1, (model.components, -1))


class PlaceFacts(NamedTuple):
    """Eq. (2) at one place of the chart.

    Attributes:
        inside: whether a triangle lies there.
        held: (bone, weight) of the largest weights, largest first; those that are next to nothing are left out.
        total: the sum of all J weights.
        log_total: log sum_j g_j.
        naive_total: the same sum of float32 exponentials, not its logarithm.
    """

    inside: bool
    held: list[tuple[int, float]]
    total: float
    log_total: float
    naive_total: float


@torch.no_grad()
def place_facts(model: AdaptiveSkinningModel, place: tuple[float, float]) -> PlaceFacts:
    """Who holds a place (u, v) of the chart."""
    uv = model.uv.new_tensor([place])
    weights = model.weights_at(uv)[0]
    largest = weights.topk(min(TOP, len(weights)))
    pairs = list(zip(largest.indices.tolist(), largest.values.tolist(), strict=True))
    return PlaceFacts(
        bool(model.chart.locate(uv).inside[0]),
        pairs[:1] + [(j, w) for j, w in pairs[1:] if w >= LEAST],
        float(weights.sum()),
        float(log_terms(model, uv).logsumexp((1, 2))),
        float(naive_densities(model, uv).sum()),
    )


def place_words(facts: PlaceFacts, place: tuple[float, float], names: tuple[str, ...]) -> str:
    """The same in words."""
    where = f"At u {place[0]:.3f}, v {place[1]:.3f}"
    if not facts.inside:
        where += " (no triangle there: this place is outside the chart or in a hole and moves no vertex)"
    bones = ", ".join(f"{names[j]} {w:.3f}" for j, w in facts.held)
    naive = "plain float32 exponentials add up to 0, so the weights would be 0 / 0"
    if facts.naive_total > 0:
        naive = f"plain float32 exponentials add up to {facts.naive_total:.3g}"
    return f"{where}: {bones}; all weights add up to {facts.total:.6f}. log Σg is {facts.log_total:.1f}; {naive}."


def place_table(facts: PlaceFacts, names: tuple[str, ...]) -> str:
    """HTML: the top bones as bars with their numbers; the words beside it say the same."""
    rows = [(names[j], w) for j, w in facts.held]
    rest = facts.total - sum(w for _, w in rows)
    rows += [("all others", rest)] if rest >= LEAST else []
    cells = "".join(
        f'<span>{html.escape(name)}</span><b>{w:.3f}</b><i style="width:{160 * min(w, 1):.0f}px"></i>'
        for name, w in rows
    )
    return f'<div class="asm-top" aria-hidden="true">{cells}</div>'


def gaussian_words(mixture: BoneMixture, k: int, names: tuple[str, ...]) -> str:
    """Where one Gaussian of a bone lies and how wide it is, in the letters of eq. (2)."""
    shape, mean, zeta = mixture.shapes[k], mixture.mean(k), mixture.zeta
    along, across = reach_in_mm(mixture.model, mixture.bone, shape)
    return (
        f"Bone {names[mixture.bone]} at ζ ({zeta[0]:.3f}, {zeta[1]:.3f}). Gaussian {k + 1} of {len(mixture.shapes)}: "
        f"offset μ ({mean[0]:+.3f}, {mean[1]:+.3f}), widths σ₁ {shape.s1:.4f} and σ₂ {shape.s2:.4f} of the chart (at "
        f"the bone {along:.1f} and {across:.1f} mm), turned {math.degrees(shape.angle):.0f}°, "
        f"share π {mixture.share(k):.2f}."
    )


def sum_words(weights: Tensor, naive: Tensor, bone: int) -> str:
    """What a bone holds, whether all weights (V, J) add up to 1, and where naive densities (V, J) all vanish."""
    count, J = weights.shape
    mine, off = weights[:, bone], float((weights.double().sum(1) - 1).abs().max())
    held, lost = int((mine > 0.01).sum()), int((naive.sum(1) == 0).sum())
    words = (
        f"The bone holds {held:,} of {count:,} vertices by more than 0.01, at most {float(mine.max()):.3f}. "
        f"At every vertex the weights of all {J} bones add up to 1 (off by {off:.0e} at most). "
    )
    if lost:
        return words + (
            f"Plain float32 exponentials are all 0 at {lost:,} vertices, which gives 0 / 0 (grey in those colours); "
            "log space still tells the bones apart there."
        )
    return (
        words
        + "Plain float32 exponentials keep a sum above 0 at every vertex; halve all widths a few times, and they fail."
    )


@torch.no_grad()
def reach_in_mm(model: AdaptiveSkinningModel, bone: int, shape: Ellipse) -> tuple[float, float]:
    """How long the two widths of a Gaussian are on the rest face at the bone, mm."""
    by_uv = surface_jacobian(model.chart, model.bone_uv[bone], model.vertices)
    cos, sin = math.cos(shape.angle), math.sin(shape.angle)
    turned = by_uv @ by_uv.new_tensor([[cos, -sin], [sin, cos]])
    along, across = turned.norm(dim=0).tolist()
    return along * shape.s1, across * shape.s2
