"""Exercises and quiz of lesson 12: skull, neck and skin."""

from __future__ import annotations

import math

import roma
import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.slips import result_of
from asm_teach.course.quizzes import questions


@exercise(
    "Each joint takes its share of what its own part of the neck does. Which part does joint number 6 belong to?",
    "Joint i turns by x * reach[part] * shares[i]: the part is 0 for the first six joints and 1 for the last two.",
    "`part = torch.tensor([0] * 6 + [1] * 2)` and `reach[part]` is (8,). Which unit do sine and cosine want?",
)
def shared_out(function: Function) -> str | None:
    """x, reach (2,) in degrees and shares (8,) to the angle of each joint, (8,) radians."""
    shares = varied(torch.tensor([0.06, 0.19, 0.22, 0.22, 0.22, 0.09, 0.9, 0.1], dtype=torch.float64), 0.05)
    reach, x = varied(torch.tensor([27.5, 38.5], dtype=torch.float64)), varied(-0.7)
    lower = torch.tensor([1.0] * 6 + [0.0] * 2, dtype=torch.float64)
    own = lower * reach[0] + (1 - lower) * reach[1]
    right = torch.deg2rad(x * own * shares)
    wrong = {
        "these are degrees; the matrices of lesson 1 want radians": x * own * shares,
        "x is missing: it says how far the head turns, from -1 to 1": torch.deg2rad(own * shares),
        "the reach of the whole neck went to every joint: each part shares out its own": (
            torch.deg2rad(x * reach.sum() * shares)
        ),
        "the two parts are exchanged: reach[0] belongs to the first six joints": (
            torch.deg2rad(x * (lower * reach[1] + (1 - lower) * reach[0]) * shares)
        ),
        "these are equal shares; the table gives each joint its own": torch.deg2rad(x * reach.sum() / 8).expand(8),
        "each part shares out equally here; the table gives each joint its own share": (
            torch.deg2rad(x * own / (6 * lower + 2 * (1 - lower)))
        ),
        "all eight take a share of the lower part's reach; the last two belong to the upper one": (
            torch.deg2rad(x * reach[0] * shares)
        ),
        "these are sums from the trunk up; a joint's own angle is wanted": right.cumsum(0),
        "only the size is left: for a negative x the head turns to the other side": right.abs(),
        "reach is what one side can do already: do not halve it": right / 2,
        "the reach of the part is missing: a share alone has no unit": torch.deg2rad(x * shares),
    }
    return compare(function(x, reach.clone(), shares.clone()), right, wrong)


@exercise(
    "First one joint: a turn about its place is x -> p + R (x - p). Then: who carries joint 2?",
    "S_j = S_(j-1) [R_j | p_j - R_j p_j], and below the first joint nothing moves.",
    "Keep the rotation A and the shift t of the joint below; at joint j the new rotation is `A @ R`. "
    "What becomes of the shift `p - R @ p` when A and t act after it?",
)
def chain_by_hand(function: Function) -> str | None:
    """places (n, 3) and turns (n, 3, 3), from the trunk up, to the matrices S (n, 3, 4)."""
    generator = draws(0)
    places = torch.tensor([0.0, 30.0, 5.0]) * torch.arange(1.0, 5.0)[:, None] + torch.randn(4, 3, generator=generator)
    turns = roma.rotvec_to_rotmat(0.5 * torch.randn(4, 3, generator=generator, dtype=torch.float64))
    places = places.double()
    own = torch.cat([turns, places[..., None] - turns @ places[..., None]], -1)
    right = _chain(own)
    to_world = torch.cat([right[..., :3], right @ torch.nn.functional.pad(places, (0, 1), value=1.0)[..., None]], -1)
    origin = torch.cat([turns, torch.zeros(4, 3, 1).double()], -1)
    wrong = {
        "each joint moves alone: what the joints below do is not handed up": own,
        "the order: the joint itself acts first, then the one below it, S_(j-1) times its own": _chain(
            own, first=False
        ),
        "these take a bone's own coordinates to the world, G; the skin needs S = G B^-1, from rest to pose": to_world,
        "the places are not used: every joint turns about the origin": _chain(origin),
        "the turns are transposed: the joints turn the other way": (
            _chain(torch.cat([turns.mT, places[..., None] - turns.mT @ places[..., None]], -1))
        ),
        "the sign of the shift: a turn about p is p + R (x - p), so the shift is p - R p": (
            _chain(torch.cat([turns, turns @ places[..., None] - places[..., None]], -1))
        ),
        "the chain runs down from the skull; it begins at the trunk, with places[0]": _chain(own.flip(0)).flip(0),
    }
    return compare(result_of(function, places=places, turns=turns), right, wrong)


def _chain(own: Tensor, first: bool = True) -> Tensor:
    """The products of affine maps (n, 3, 4) from the first on; `first`: each acts before those in front of it."""
    found = [own[0]]
    for one in own[1:]:
        a, b = (found[-1], one) if first else (one, found[-1])
        found.append(torch.cat([a[:, :3] @ b[:, :3], a[:, :3] @ b[:, 3:] + a[:, 3:]], 1))
    return torch.stack(found)


@exercise(
    "A vertex between two centres belongs to these two bones alone. How do you share it out between them?",
    "Between centres a and b, the bone at b gets t = (level - a) / (b - a), clamped to 0 and 1; the one at a, 1 - t.",
    "`t = ((level[:, None] - centres[:-1]) / centres.diff()).clamp(0, 1)` is (V, n - 1), how far each step is done. "
    "A bone has its own step, less the next one. What comes before the first step, and after the last?",
)
def hat_weights(function: Function) -> str | None:
    """level (V,) and ascending centres (n,) to weights (V, n)."""
    centres = varied(torch.tensor([0.0, 0.3, 0.45, 1.0], dtype=torch.float64), 0.05)
    level = torch.tensor([-0.1, 0.02, 0.12, 0.29, 0.36, 0.44, 0.6, 0.85, 1.2], dtype=torch.float64)
    right, t = _hats(level, centres), (level[:, None] - centres[:-1]) / centres.diff()
    none, all_ = torch.zeros(len(level), 1).double(), torch.ones(len(level), 1).double()

    def steps(t: Tensor) -> Tensor:
        return torch.cat([all_, t], 1) - torch.cat([t, none], 1)

    near = 1 / (level[:, None] - centres).abs()
    apart = (level[:, None] - centres).abs()
    wrong = {
        "t was not clamped to 0 and 1: outside its step it is 0 before and 1 behind": steps(t),
        "t is clamped below only: behind a step it stays 1": steps(t.clamp(min=0)),
        "t is clamped above only: before a step it is 0": steps(t.clamp(max=1)),
        "this gives every vertex to the nearest bone alone, so the skin tears between two": (
            torch.nn.functional.one_hot(apart.argmin(1), len(centres)).double()
        ),
        "the two neighbours are exchanged: at a centre its own bone has the weight 1": steps(1 - t.clamp(0, 1)),
        "these are shares by one over the distance, so every bone holds every vertex": near / near.sum(1, keepdim=True),
        "these are steps done, which grow to 1: a bone has its own step, less the next": (
            torch.cat([all_, t.clamp(0, 1)], 1)
        ),
        "the bones are in the wrong order: column 0 belongs to centres[0]": right.flip(1),
    }
    found = result_of(function, level=level, centres=centres)
    return compare(found, right, wrong)


def _hats(level: Tensor, centres: Tensor) -> Tensor:
    """Weights (V, n) that fall linearly from each centre to the next."""
    t = ((level[:, None] - centres[:-1]) / centres.diff()).clamp(0, 1)
    ends = torch.ones_like(t[:, :1])
    return torch.cat([ends, t], 1) - torch.cat([t, 0 * ends], 1)


@exercise(
    "It is the exponent of lesson 2, without the constant in front: how far is each vertex from the place, squared?",
    "h = exp(-d^T P d / 2) with d = u - place; at the place itself it is 1.",
    "`d = uv - place` is (V, 2), and `((d @ precision) * d)` has d^T P d as the sums of its rows. What is left to do?",
)
def bump(function: Function) -> str | None:
    """uv (V, 2), place (2,) and precision (2, 2) to the height at each vertex, (V,), from 0 to 1."""
    place = varied(torch.tensor([0.5, 0.04], dtype=torch.float64))
    uv = place + 0.02 * torch.randn(7, 2, generator=draws(0), dtype=torch.float64)
    precision = varied(2000.0) * torch.tensor([[1.0, 0.6], [0.6, 2.0]], dtype=torch.float64)
    d = uv - place
    far = ((d @ precision) * d).sum(1)
    right = (-far / 2).exp()
    wrong = {
        "the factor 1/2 in the exponent is missing": (-far).exp(),
        "this is the exponent: take exp of it": -far / 2,
        "this is the squared distance alone: exp(-that / 2)": far,
        "the sign: far from the place the height falls to 0, exp(-...)": (far / 2).exp(),
        "this is a density with its constant in front; the height at the place itself is 1": (
            right * precision.det().sqrt() / (2 * math.pi)
        ),
        "P is the inverse of Sigma already: do not invert it again": (
            (-((d @ torch.linalg.inv(precision)) * d).sum(1) / 2).exp()
        ),
        "the place was not subtracted": (-((uv @ precision) * uv).sum(1) / 2).exp(),
        "the mixed terms are missing: P is a full matrix": (-(d.square() @ precision.diagonal()) / 2).exp(),
        "the heights were made to sum to one, as weights do; a bump keeps its height": right / right.sum(),
        "the distance is not squared: d^T P d, without a root": (-far.sqrt() / 2).exp(),
    }
    return compare(result_of(function, uv=uv, place=place, precision=precision), right, wrong)


QUIZ = questions("""
The head turns to the side as far as it goes. Which joint of the neck turns most?
[ ] all eight about equally
    The table gives one of them more than half.
[x] the one between the first and the second vertebra
    It takes 34 of 66 degrees, and so the skin just below the skull twists most.
[ ] the lowest one, because it carries all the others
    It carries them, but turns by under two degrees itself.

Eight joints with equal angles leave a larger error than three joints with their best angles. Why?
[ ] eight joints are more numbers than the skin can use
    With the angles of the table eight joints leave no error here.
[x] where the motion happens matters more than how many joints there are
    Equal angles turn the middle of the neck too much and the top too little.
[ ] equal angles do not sum to the right turn of the head
    They do: both have the same sum.

Why does a blend of two larynx shapes, low and high, fail halfway?
[x] a blend adds the displacements at each vertex, so both bumps are there at half their height
    A linear blend moves nothing along the skin; it fades one shape out and another one in.
[ ] the two shapes have different widths
    They are the same Gaussian at two places.
[ ] the skin between them has too few vertices
    With more vertices both bumps are still there.

The larynx bone slides by 20 mm on the chart. What does the skin of the throat do?
[ ] it goes 20 mm along
    That is what a bone does that moves; this one changes its place.
[ ] it stays where it is
    Then there would be no bump.
[x] it moves outward where the bump is, and comes back behind it
    Place and weights move together along the chart, as in lesson 3; the skin itself is displaced along its normal.

The truth of this lesson's neck is a model with eight joints. What can the comparison not show?
[ ] that one joint leaves more error than eight
    It shows that, for skin that moves as this model does.
[x] how well eight joints describe the neck of a real person
    For that you need measured necks, such as HACK's ultrasound and scans.
[ ] where on the skin the difference is largest
    It shows that too.
""")
