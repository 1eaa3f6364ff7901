"""Exercises and quiz of lesson 12: skull, neck and skin."""

from __future__ import annotations

import math

import roma
import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.comparing import equal, numbers, one_of, pair
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.slips import result_of
from asm_teach.course.checks.topics.rotations import alignments, chains, six_columns
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
    return compare(result_of(function, places=places, turns=turns), *chains(places, turns))


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


@exercise(
    "Many beta do it; the shortest one has no part that A does not see.",
    "Write beta = A^T c: then A A^T c = d, a small square system.",
    "`torch.linalg.solve(A @ A.T, d)` is c (m,). What takes it back to the M numbers?",
)
def least_change(function: Function) -> str | None:
    """A (m, M) and d (m,) to the shortest beta (M,) with A beta = d."""
    A = torch.randn(3, 8, generator=draws(0), dtype=torch.float64)
    d = varied(torch.tensor([10.0, -2.0, 1.0], dtype=torch.float64))
    c = torch.linalg.solve(A @ A.T, d)
    right = A.T @ c
    first = torch.zeros(8, dtype=torch.float64)
    first[:3] = torch.linalg.solve(A[:, :3], d)
    wrong = {
        "A^T is not an inverse: A times this is not d yet": A.T @ d,
        "this is c; beta = A^T c": c,
        "A beta = d holds, but this beta is longer than it need be: it uses the first columns alone": first,
        "each row was served by itself; where rows overlap their parts add up": (A / A.square().sum(1, keepdim=True)).T
        @ d,
        "this is damped: A beta should be d exactly": A.T @ torch.linalg.solve(A @ A.T + torch.eye(3), d),
        "the system is that of A A^T; a root or square of it is left": A.T @ torch.linalg.solve(A @ A.T @ A @ A.T, d),
    }
    found = function(A.clone(), d.clone())
    if said := compare(found, right, wrong):
        given = numbers(found)
        if given is not None and given.shape == right.shape and equal(A @ given, d) and not one_of(found, wrong):
            return "A beta = d holds, but a shorter beta does it too: it must be A^T times something"
        return said
    return None


@exercise(
    "Lesson 9 did it without weights. Where do sums over the points stand? Each of them gets the weights.",
    "Weighted means first; then H = sum_i w_i (y_i - y)(x_i - x)^T = U D V^T, R = U diag(1, 1, det(U V^T)) V^T, "
    "and t = y - R x.",
    "With `w = w / w.sum()`: `x_mean = w @ x` and `H = (y - y_mean).T @ (w[:, None] * (x - x_mean))`. "
    "Which two of the three singular vectors' signs may stay as they are?",
)
def weighted_alignment(function: Function) -> str | None:
    """x and y (n, 3) and weights w (n,) to the turn R (3, 3) and the shift t (3,) that take x to y best."""
    generator = draws(0)
    x = 30 * torch.randn(12, 3, generator=generator, dtype=torch.float64)
    turn = roma.rotvec_to_rotmat(0.6 * torch.randn(3, generator=generator, dtype=torch.float64))
    y = x @ turn.mT + 10 + 8 * torch.randn(12, 3, generator=generator, dtype=torch.float64)
    w = 0.1 + 3 * torch.rand(12, generator=generator, dtype=torch.float64).square()
    words = "return two things: the turn R (3, 3) and the shift t (3,)"
    found = pair(function(x.clone(), y.clone(), w.clone()), words)
    (R, t), turns, shifts = alignments(x, y, w)
    if said := compare(found[0], R, turns) or compare(found[1], t, shifts):
        return said
    flat = x * torch.tensor([1.0, 1.0, 0.02]).double()
    mirrored = flat * torch.tensor([1.0, 1.0, -1.0]).double()
    turned = numbers(pair(function(flat, mirrored, w), words)[0])
    if turned is None or torch.linalg.det(turned) < 0:
        return (
            "for points that are nearly flat a reflection comes out: change the sign of the last column where det < 0"
        )
    return None


@exercise(
    "Make the first three numbers a unit vector. What has to go from the other three before they are one too?",
    "x = a / |a|; y is b - (x . b) x, made a unit vector; z = x cross y. The three are the columns.",
    "`x = torch.nn.functional.normalize(six[:, :3], dim=1)`, and `(x * b).sum(1, keepdim=True)` is x . b. "
    "Along which axis does `torch.stack([x, y, z], ...)` put columns?",
)
def rotation_from_six(function: Function) -> str | None:
    """six (N, 6) to rotations (N, 3, 3)."""
    six = torch.randn(4, 6, generator=draws(0), dtype=torch.float64)
    return compare(result_of(function, six=six), *six_columns(six))


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

A model with one set of numbers is asked for a neck 10 mm longer, with the least change. Why does the face change too?
[ ] the neck pulls the face along
    In the true people it does not: bones and soft tissue are drawn apart.
[x] its numbers are those of the skin, and in 200 people necks and faces are a little correlated by chance
    The least change uses every mode that goes along with the neck, and modes mix it with other things.
[ ] there are too few modes
    More modes fit more chance correlations.

Two sets of numbers guess the skin from the bones no better than one set. What are they good for?
[x] you can change a bone and know that nothing else changes
    That is control: the number is the bone. Knowledge about soft tissue would need data on both.
[ ] they need fewer people to learn from
    The surface needs as many as before.
[ ] nothing, because the error is the same
    The same error at guessing does not make the same handle for an artist.

Why must a test of stabilising not use the scalp of our model?
[ ] hair moves in real scans
    Real hair is a reason not to scan it, but our model has none.
[ ] it has too few points
    It has hundreds of vertices.
[x] no expression of our model moves it, so its motion is the answer itself
    What you put into the test yourself cannot be evidence.

At home a linear map stabilises as well as the network. What does that tell you?
[ ] the network was not trained long enough
    It comes as close as the linear map does, which shows that training worked.
[x] in our model expressions add up linearly, so there is little else to learn
    Whether real skin is different only real skin can tell; a rival this simple belongs beside every network.
[ ] networks never help with rigid motions
    Abroad, on ICT-FaceKit, the network is a little closer.
""")
