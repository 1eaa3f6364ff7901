"""Lesson 4, the adaptive model: exercises and quiz."""

from __future__ import annotations

import copy
import functools
import math

import torch

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import equal, not_finite, numbers, one_number, one_of
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.checks.slips import ignores, result_of
from asm_teach.course.checks.topics.rebuilding import Face, judge
from asm_teach.course.quizzes import questions
from asm_teach.data.heads import load_head
from asm_teach.geometry.mesh import Mesh
from asm_teach.model.adaptive import AdaptiveSkinningModel

J = 84


@exercise(
    "What does one more Gaussian per bone cost? Count the numbers of one bone first: motion, place, mixture.",
    "One face is J (11 + 6K) numbers. Solve 84 (11 + 6K) <= 5000 for K and round down.",
    "11 + 6K <= 5000 / 84 = 59.5, so 6K <= 48.5, and K is the largest whole number for which that holds.",
)
def largest_K(answer: int) -> str | None:
    """The largest K for 5,000 numbers and 84 bones."""
    K = one_number(answer, f"the answer should be one number, found {answer!r}")
    if int(K) != K or K < 1:
        return f"K counts Gaussians, so it is a whole number from 1 on, found {K:g}; round down"
    cost = J * (11 + 6 * K)
    if cost > 5000:
        return f"K = {K:g} costs {cost:,.0f} numbers, {cost - 5000:,.0f} too many"
    if 5000 - cost >= 6 * J:
        return f"K = {K:g} costs {cost:,.0f}; one more Gaussian per bone costs {6 * J}, and {5000 - cost:,.0f} are left"
    return None


@exercise(
    "Where does a vertex x go before the pivot has moved, and where after it? Only the part without x differs.",
    r"$S x = \psi + t + A\,(x - \psi)$. Replace $\psi$ by $\psi + d$ and $t$ by $t + e$; which $e$ leaves $S x$ alone?",
    "The change is $d - A d + e$, and it has to be 0: so `return A @ d - ...`.",
)
def extra_translation(function: Function) -> str | None:
    """What undoes a shift d of the pivot: -(I - A) d."""
    generator = draws(0)
    A, d = torch.eye(3) + 0.3 * torch.randn(3, 3, generator=generator), torch.randn(3, generator=generator)
    answer, change = result_of(function, A=A, d=d), d - A @ d  # how the vertex has changed
    if equal(answer, -change):
        return None
    entrywise = "`*` multiplies number by number; the product of a matrix and a vector is `A @ d`"
    for table in (A * d - d, (A - torch.eye(3)) * d, (torch.eye(3) - A) * d, d - A * d, A * d):
        if said := one_of(answer, {entrywise: table}):
            return said
    parts = {
        "with A = I a pivot does not matter, but your answer is not 0 there: the I of I - A is missing": A @ d,
        "this is right only where A d is 0; with A = I a pivot does not matter: the A of I - A is missing": -d,
        "A is transposed: matrices act on column vectors, A @ d": A.T @ d - d,
        "A was inverted: the vertex moves by d - A d, with A itself": torch.linalg.inv(A) @ d - d,
        "I is the identity matrix, torch.eye(3); `A - 1` subtracts 1 from every entry": (A - 1) @ d,
        "both terms have the same sign: one of them takes the other back": A @ d + d,
    }
    wrong = {"this doubles the change instead of undoing it: the sign is wrong": change} | parts
    wrong |= {f"{words}; and the sign is wrong": -value for words, value in parts.items()}
    at_rest = torch.as_tensor(function(torch.eye(3), d))
    return (
        wrong_shape(answer, -change)
        or not_finite(answer)
        or one_of(answer, wrong)
        or (
            None
            if equal(at_rest, torch.zeros(3))
            else f"for A = I your function gives {at_rest.tolist()}; it should give 0"
        )
        or ignores(function, (A, d), (A, 2 * d), "d")
        or "it is 0 for A = I, as it should be, but wrong for other A: how far does a shift d move a vertex?"
    )


@exercise(
    "a and c are the logarithms of the widths in u and v. What becomes of them when the ratio of the widths doubles?",
    r"$\det L = e^{a+c}$ and the ratio is $e^{a-c}$. You want $a - c$ larger by $\log 2$, with $a + c$ as before.",
    "Half of log 2 goes to a: `a + math.log(2) / 2, b, ...`. (Then tilt it: for a turn R by 30 degrees compute R "
    "Sigma R^T and its `torch.linalg.cholesky`.)",
)
def flat_reach(function: Function) -> str | None:
    """A round Gaussian made twice as wide as tall, its volume kept."""
    half, root = math.log(2) / 2, math.sqrt(2)
    for a0 in varied((-2.5, -3.1, 0.4)):  # the logarithm of a round Gaussian's width
        answer, width = numbers(function(a0, 0.0, a0)), math.exp(a0)
        if answer is None or answer.shape != (3,) or not answer.isfinite().all():
            return "return three finite numbers: the new a, b and c"
        logarithms = "a and c are logarithms: to make a width twice as large, add log 2 to its logarithm"
        wrong = {
            "nothing has changed yet": [a0, 0.0, a0],
            "it is twice as tall as it is wide: a belongs to u, and c to v": [a0 - half, 0.0, a0 + half],
            f"{logarithms}, and do not multiply it by 2": [2 * a0, 0.0, a0],
            f"{logarithms}; you multiply a and divide c": [2 * a0, 0.0, a0 / 2],
            f"{logarithms}; you multiply by the root of 2": [a0 * root, 0.0, a0 / root],
            f"{logarithms}; you add 1": [a0 + 1, 0.0, a0 - 1],
            f"{logarithms}; you add the root of 2, not its logarithm": [a0 + root, 0.0, a0 - root],
            "it is four times as wide as tall: log 2 in a and -log 2 in c is twice too much": (
                [a0 + 2 * half, 0.0, a0 - 2 * half]
            ),
            "the shape is right, but det L is twice what it was: take half of log 2 from c": [a0 + 2 * half, 0.0, a0],
            "a is right, but c stays: then the volume grows, and it is not yet twice as wide": [a0 + half, 0.0, a0],
            "it is larger, but still round: c has to fall by what a gains": [a0 + half, 0.0, a0 + half],
            "these are widths; return their logarithms": [width * root, 0.0, width / root],
            "these are widths; return their logarithms, and keep the product of both": [2 * width, 0.0, width],
            "the logarithm has base 2 there; take math.log": [a0 + 0.5, 0.0, a0 - 0.5],
        }
        if said := one_of(answer, wrong, 1e-6):
            return said
        a, b, c = answer.tolist()
        ratio, volume = math.exp(min(a - c, 50)), math.exp(min(a + c - 2 * a0, 50))
        if abs(b) > 1e-9:
            return f"b = {b:.3f} tilts the ellipse: keep it 0"
        if abs(ratio - 2) > 1e-6:
            return f"it is {ratio:.2f} times as wide as tall; it should be 2 times"
        if abs(volume - 1) > 1e-6:
            return f"the shape is right, but det L is {volume:.2f} times what it was"
    return None


@exercise(
    "The diagram of section 1 is the plan: the weights and the pivots first, then the matrices down the tree, then the "
    "vertices. Which of the functions takes which of the tensors in `theta`?",
    "w = weights_by_hand(uv, zeta, logits, mean, factor); psi = bind_by_hand(zeta, uv, faces, vertices); B_j = "
    "[I | psi_j]; T_j = nine_numbers(t_j, r_j, s_j), where s is the exponential of `log_scale`; S = "
    "down_the_tree(B, T, parents); the face is skin_by_hand(vertices, w, S).",
    "`B = torch.stack([affine(torch.eye(3).to(p), p) for p in pivots])` are the bones at rest. Build `T` in the same "
    "way, by a loop over the bones; `zip(theta['translation'], theta['rotation'], theta['log_scale'].exp())` gives you "
    "the three vectors of each. What is left is two calls.",
)
def whole_face(function: Face) -> str | None:
    """The model put together: template, chart, tree and theta to vertices."""
    return judge(function)


@functools.cache
def _case() -> tuple[AdaptiveSkinningModel, Mesh]:
    head = load_head()
    start = AdaptiveSkinningModel(head.mesh, head.rig, components=2).double().requires_grad_(False)
    return start, head.sample(1, expression=False)


def left_over(factor: float) -> tuple[float, float]:
    """What the best matrices leave of a person when all widths of the start are multiplied by `factor`.

    Returns:
        The RMS distance over all vertices in mm, and the largest entry of S_j - I among those matrices.

    Raises:
        ValueError: if the factor is not a number above 0.
    """
    if not (isinstance(factor, (int, float)) and 0 < factor < math.inf):
        raise ValueError(f"factor: a number above 0 is expected, found {factor!r}")
    start, person = _case()
    model = copy.deepcopy(start)
    model.mixture_factor[..., [0, 2]] += math.log(factor)
    v = torch.cat([start.vertices, torch.ones_like(start.vertices[:, :1])], 1)
    columns = (model.weights()[:, :, None] * v[:, None]).flatten(1)  # (V, 4J): w_ij (v_i, 1)
    matrices = torch.linalg.lstsq(columns, person.vertices.double(), driver="gelsd").solution  # (4J, 3)
    linear = matrices.view(J, 4, 3)[:, :3].mT - torch.eye(3)  # of S_j - I
    miss = columns @ matrices - person.vertices
    return float(miss.square().sum(1).mean().sqrt()), float(linear.abs().max())


@exercise(
    "Call `left_over` for a few factors that are far apart, and look between the best ones.",
    "0.5, 1, 2, 4 first: double while it gets better, then go on in steps of a tenth round the smallest.",
    "`min((left_over(f)[0], f) for f in (2.0, 2.4, 2.9, 3.5, 4.2))`, then finer round the winner. And the surprise: "
    "Gaussians that all but coincide give columns that all but coincide, and their differences can do fine work only "
    "with enormous opposite coefficients. Could bones of nine numbers move like that, and what would be left of the "
    "face when one of them moves on?",
)
def best_width(factor: float) -> str | None:
    """The factor of all widths that leaves least, to within a tenth."""
    if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 0 < factor < 50:
        return f"the answer should be one number above 0 and below 50, found {factor!r}"
    (here, entry), (narrower, _), (wider, _) = (left_over(s * factor) for s in (1.0, 0.9, 1.1))
    if min(narrower, wider) < here:
        return f"{here:.3f} mm at {factor}; a {'narrower' if narrower < wider else 'wider'} start leaves less"
    if here > 0.52:  # one of the small dips beyond
        return f"{here:.3f} mm at {factor}: less on both sides, but a narrower start leaves less still; search wider"
    return Right(f"{here:.3f} mm, and more on both sides. But the largest entry of S_j - I is {entry:,.0f}!")


QUIZ = questions("""
The mesh gets four times as many vertices. How many numbers does one adaptive face have then?
[x] As many as before
    J(11 + 6K). Gaussians and places are described on the chart, not at the vertices; only the template and its chart
    grow.
[ ] Four times as many
    A painted weight matrix does that, with its V J entries. Here no number is stored at a vertex.
[ ] Twice as many
    No number belongs to a vertex or an edge, so no power of V appears: it stays J(11 + 6K).

Somebody computes equation (2) in float64 instead of log space. Is that enough?
[ ] Yes: float64 reaches down to 1e-308
    exp(-x) is 0 in float64 from about x = 745 on, and far from narrow Gaussians x is larger than that: 0/0 again.
[x] No: the trouble only begins later, at 39 widths instead of 14
    exp(-x) is 0 in float64 from about x = 745, which is 39 widths away; in float32 from 103, 14 widths. A softmax of
    log g has no such limit, because it subtracts the largest exponent first.
[ ] No: float64 rounds more coarsely near 0
    Floats are finest near 0. The trouble is that exp gives exactly 0 for all bones at once.

All bones are at rest. You double the width of every Gaussian. What happens to the face?
[ ] It gets smoother
    The weights get smoother. But what they blend are identities, and there is nothing to smooth.
[x] Nothing
    Every S_j is the identity, and a mean of identities with shares that sum to 1 is the identity. For the same reason
    the derivatives by all weights are 0 at rest.
[ ] It swells a little
    The shares still sum to 1 at every vertex, so nothing gets larger.

A bone turns about the x axis. Its pivot slides 5 mm along x. How does the face change through the pivot?
[ ] By 5 mm along x
    It would if the bone's translation changed by that. A pivot acts by (I - A) d only.
[ ] By 5 mm times the sine of the angle
    A shift across the axis acts with about that. This one is along the axis.
[x] Not at all
    (I - A) d = 0, because a turn leaves its own axis where it is, A d = d. Only the part of a shift that is across the
    axis counts.

A fit gives 0.3 mm for a static model. The best matrices of the least-squares problem with the same weights leave 0.25
mm. What would you change first, the optimiser or the model?
[ ] The optimiser: it has not converged
    Another optimiser can gain at most 0.05 mm, and some of that needs shears that nine numbers do not give.
[x] The model
    Another optimiser can gain at most 0.05 mm. Only other weights, or more bones, go below 0.25 mm.
[ ] Neither: 0.25 mm is the noise
    There is no noise in a registered scan of a mesh. What the best matrices leave is what the weights cannot do.

Two programs fit the same scan equally well, but their ζ of the chin differ by 1 cm. Is one of them wrong?
[x] Not in that pose
    μ and the translation can make up for ζ exactly. The faces will differ in the next pose. A second pose of the same
    person, or a prior, would decide.
[ ] Yes: the binding is unique
    In one pose it is free: μ takes the weights back to where they were, and the translation takes the pivot back.
[ ] Both are: ζ must lie on the chin's landmark
    The start puts ζ on a landmark. The fit may move it, and one pose does not show where to.

Why can the model not follow a wrinkle 5 mm wide even when its weights adapt?
[ ] Gaussians cannot be as narrow as that
    A single Gaussian can: its widths are free. But each wrinkle needs some of its own.
[x] Bones lie 12 mm apart, and one that serves one wrinkle is missing elsewhere
    Across a wrinkle the displacement changes within 5 mm, so the weights have to pass from one bone to another within 5
    mm, there and at every other wrinkle. Single bones can narrow to that, but there are too few of them.
[ ] The mesh is too coarse
    The mesh shows such waves well: the lesson put them on it. It was the bones that could not follow.
""")
