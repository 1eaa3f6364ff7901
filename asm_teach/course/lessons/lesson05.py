"""Lesson 5, capacity: exercises and quiz."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import equal, not_finite, numbers, one_of, pair
from asm_teach.course.checks.confirming import named
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, factor, varied
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.checks.topics.damping import SmallFit, halve_or_quadruple, solve_case
from asm_teach.course.quizzes import questions


@exercise(
    "Take one distance for each vertex first; then the mean; then divide it by a length.",
    "`(vertices - goal).norm(dim=1)` is one distance per vertex. Average it, divide, and multiply by 100.",
    "`return 100 * (vertices - goal).norm(dim=1).mean() / ...`, and the distance of the two points goes there.",
)
def nme(function: Function) -> str | None:
    """The normalised mean error in per cent."""
    q, step = torch.randn(2, 50, 3, generator=draws(0))
    p, one, other = q + step, torch.zeros(3), factor() * torch.tensor([90.0, 0.0, 0.0])
    tilted = other[0] / 3 * torch.tensor([1.0, -2.0, 2.0])  # as long
    distance, apart = (p - q).norm(dim=1), other[0]
    of_two = 100 / apart  # in per cent of the distance of the two points
    right, rms = of_two * distance.mean(), of_two * distance.square().mean().sqrt()
    wrong = {
        "that is a share; in per cent it is 100 times as much": right / 100,
        "that is in mm: divide by the distance of the two points": distance.mean(),
        "that is in mm, times 100: divide by the distance of the two points": 100 * distance.mean(),
        "that is the root of the mean square; take the plain mean of the distances": rms,
        "that is the mean of the squared distances; take the plain mean": of_two * distance.square().mean(),
        "that is the mean over coordinates: take the length of each vertex's difference first": (
            of_two * (p - q).abs().mean()
        ),
        "that is the length of the mean difference: take lengths before the mean": of_two * (p - q).mean(0).norm(),
        "that is the sum over the vertices: take the mean": 50 * right,
        "that is one length of all differences: take one length per vertex, then the mean": of_two * (p - q).norm(),
        "the lengths are taken along the vertices: the three coordinates are along dim=1": (
            of_two * (p - q).norm(dim=0).mean()
        ),
        "that is the median; take the mean": of_two * distance.median(),
        "you divide by the square of the distance of the two points: take its root": right / apart,
        "you multiply by the distance of the two points: divide by it": 100 * distance.mean() * apart,
        "upside down: divide the mean error by the distance of the two points": 100 * apart / distance.mean(),
    }
    found = function(p, q, one, other)
    if (given := numbers(found)) is not None and given.shape == (3,):
        return "you divide by a vector: the distance of the two points is the length of their difference, one number"
    if said := compare(found, right, wrong):
        return said
    if not equal(function(p, q, one, tilted), right):
        return "it is right while the two points lie along x; their distance is the length of their difference"
    return None


@exercise(
    "Write s for e^a. The first term does not contain c, and a occurs twice: in front, and in s.",
    r"$\partial e/\partial c = (u - c)/s^2$. For $a$: $s^2 = e^{2a}$, so the fraction's derivative is $+(u-c)^2/s^2$; "
    "do not forget $-a$.",
    "`s2 = (2 * a).exp()`, then `return (u - c) / s2, ... - 1`.",
)
def exponent_slopes(function: Function) -> str | None:
    """The derivatives of a Gaussian's exponent by its centre and by the logarithm of its width."""
    for u, c, a in varied(((0.7, 0.2, -0.4), (0.1, 0.5, 0.3))):
        given = (torch.tensor(value, dtype=torch.float64) for value in (u, c, a))
        two = pair(function(*given), "return two numbers: the derivative by c and the one by a")
        for name, one in zip("ca", two, strict=True):
            if one is None:
                return f"the derivative by {name} is still missing"
        by_c, by_a = map(float, two)
        s = math.exp(a)
        right_c, square = (u - c) / s**2, (u - c) ** 2 / s**2
        if equal([by_a, by_c], [right_c, square - 1], 1e-6):
            return "both are right, but in the wrong order: the one by c comes first"
        no_power = "s is e^a, not a"
        wrong_c = {
            "by c: the sign is wrong": -right_c,
            "by c: you divide by s once; it is s squared": right_c * s,
            f"by c: {no_power}": (u - c) / a**2,
            "by c: the 2 of the square and the 2 below cancel": 2 * right_c,
            "by c: the half below is still there, but the square brings a 2 down": right_c / 2,
            "by c: s^2 is e^(2a), so you divide by s^4": right_c / s**2,
        }
        wrong_a = {
            "by a: the sign is wrong": 1 - square,
            "by a: the -a in front (the height of the Gaussian) has a derivative too": square,
            "by a: a factor of 2 is missing; s^2 is e^(2a), and its derivative brings a 2 down": square / 2 - 1,
            "by a: the 2 that comes down and the 2 below cancel": 2 * square - 1,
            "by a: the fraction's sign; s^2 stands below, so minus times minus is plus": -square - 1,
            "by a: the derivative by s has a factor ds/da = s left": square / s - 1,
            "by a: u - c has to be squared": right_c - 1,
            f"by a: {no_power}": (u - c) ** 2 / a**2 - 1,
            "by a: s^2 is e^(2a), so you divide by s^4": square / s**2 - 1,
        }
        for name, found, right, wrong in (("c", by_c, right_c, wrong_c), ("a", by_a, square - 1, wrong_a)):
            if not equal(found, right, 1e-6):
                return one_of(found, wrong, 1e-6) or f"by {name}: found {found:.4f}, but autograd gives {right:.4f}"
    return None


@exercise(
    "Set the derivative of the sum of both terms by S to zero. It is still linear in S.",
    r"Set the derivative of $\lVert\cdot\rVert^2 + \rho\,\lVert S - S_0\rVert^2$ to zero: $(N + \rho\, m\, I)\, S = "
    r"\text{right} + \rho\, m\, S_0$ with $m$ the mean diagonal.",
    "`m = rho * N.diagonal().mean()`, then `torch.linalg.solve(N + m * torch.eye(len(N)), ...)`.",
)
def tame(function: Function) -> str | None:
    """The least-squares problem that prefers matrices near the identity."""
    A, counts, goal, identity = solve_case()
    N, right = A.T @ (counts[:, None] * A), A.T @ (counts[:, None] * goal)
    share = varied(1e-3)
    rho, N0 = share * N.diagonal().mean(), N.clone()
    S = function(N, right, share, identity)
    if said := wrong_shape(S, identity) or not_finite(S):
        return said
    if not torch.equal(N, N0):
        return "your function changes N in place: N + ... makes a new matrix, N += ... and diagonal().add_ do not"
    S = S.double()
    slope = N @ S - right  # half the derivative, and zero for a solution once the term of rho is added

    def size(term: Tensor) -> float:
        return float((slope + term).norm() / right.norm())

    if size(rho * (S - identity)) > 1e-6:
        of_all, each = share * N.mean(), share * N.diagonal()[:, None]
        for term, words in (
            (rho * S, "this prefers S near 0, which pulls the face to a point: rho S_0 is missing on the right side"),
            (share * (S - identity), "rho is a multiple of the mean diagonal of N: multiply by that"),
            (0 * S, "this is the solution without the new term: rho is not used"),
            (-rho * (S + identity), "the sign of rho on the left side: the new term adds to the diagonal"),
            (-rho * (S - identity), "the sign of rho: the new term adds on both sides"),
            (rho * (S + identity), "the sign of rho S_0 on the right side: it is added there"),
            (-rho * identity, "the new term stands on the right side only: rho I is missing on the left"),
            (rho * S - share * identity, "on the right side, too, rho is a multiple of the mean diagonal of N"),
            (share * S - rho * identity, "on the left side, too, rho is a multiple of the mean diagonal of N"),
            (rho * S.sum(0) - rho * identity, "`N + m` adds to every entry; the new term adds m to the diagonal only"),
            (of_all * (S - identity), "rho is a multiple of the mean *diagonal*, N.diagonal().mean(), not of N.mean()"),
            (each * S - rho * identity, "each entry of the diagonal got its own rho on the left; take their mean"),
            (each * (S - identity), "each entry of the diagonal got its own rho; take their mean"),
        ):
            if size(term) < 1e-6 and named(words):
                return words
        return f"the derivative at your S is not zero (relative size {size(rho * (S - identity)):.0e})"
    skin, told = counts == 1, []
    for weight in (1e-4, 1e-2):
        S = function(N, right, weight, identity)
        det = torch.linalg.det(S.view(-1, 4, 3)[:, :3].mT / 20)
        left = (A @ S - goal)[skin].norm(dim=1).mean()
        told.append(f"rho {weight:g} leaves {left:.3f} mm and {int((det < 0).sum())} negative determinants")
    return Right("; ".join(told))


@exercise(
    "A gain near 1 means that the linear picture was good: dare more. A negative one means that the step was far too "
    "long.",
    "A failed step costs one of the fifteen. So divide the damping only where the gain is near 1, keep it where the "
    "gain is fair, and multiply it where the gain is small or negative.",
    "`if gain > 0.75: return damping / 3`, then keep it down to a gain that you choose, and below that `return ... * "
    "damping`.",
)
def next_damping(rule: Function) -> str | None:
    """A rule for Levenberg-Marquardt's damping; the small problem of section 5 in 15 steps."""
    before = varied(1e-3)
    if not rule(before, varied(-1.0)) > before:
        return "after a step that made things worse, the damping has to grow"
    fit = SmallFit.of_lesson_5()
    target = 1.05 * halve_or_quadruple(fit, steps=15)
    state, damping, accepted, system = fit.beginning, 1e-3, 0, None
    for _ in range(15):
        system = system or fit.system(state)
        step, promised = fit.step(*system, damping)
        trial = fit.moved(state, step)
        gain = (fit.left(state) - fit.left(trial)) / promised
        if gain > 0:
            state, accepted, system = trial, accepted + 1, None
        damping = float(rule(damping, gain if math.isfinite(gain) else -1.0))
        if not 0 < damping < math.inf:
            return f"the damping became {damping}; keep it above 0 and finite"
    reached = fit.mean_error(state)
    taken = f"{reached:.3f} mm, {accepted} of 15 steps taken"
    if reached < target:
        return Right(taken)
    why = "too many failed: raise the damping faster" if accepted < 10 else "few failed, but they are short: go lower"
    return f"{taken}; section 5 reaches {target / 1.05:.3f} mm in 15, and at most 5 % more passes ({why})"


QUIZ = questions("""
Why does the first solve beat so many steps of descent, although it does not change the weights at all?
[ ] It works in float64
    That makes it safe, not good: descent in float64 creeps in the same way.
[x] For fixed weights the problem is linear, and the solve goes to its minimum at once
    It takes account of all bones that share a vertex. A descent step changes each number by its own slope, as if the
    others stood still, and has to correct the same error again and again.
[ ] It has more unknowns than descent
    It has fewer: 1,008 against 1,932. Twelve free numbers per bone help a little, but descent would creep with them,
    too.

The solve has 1,008 unknowns here (4J rows for each of three coordinates). How does its cost grow with V and J?
[x] V (4J)^2 and (4J)^3: linear in V
    The product costs V (4J)^2, the solve (4J)^3. All three coordinates share one matrix, so it is factored once.
    `normal_equations.py` uses the zeros of the weights, patch by patch, and the product costs far less.
[ ] V^3: all vertices are coupled
    Vertices are rows, not unknowns: the normal equations sum over them.
[ ] V J: one pass over the weights
    That is one forward pass. The product of all pairs of columns costs far more.

In ∂v/∂q = p_jk (S_j x - v) ∂e_jk/∂q, when is it zero for all q of the Gaussian, although p_jk is not?
[x] When bone j alone would take the vertex where it already is
    S_j x = v. At rest that holds for all bones, so no Gaussian has a slope. The fit therefore moves the bones for three
    steps before it lets the Gaussians move.
[ ] When the vertex lies at the centre of the Gaussian
    There the exponent's slope by the centre is zero, but not the one by the share.
[ ] Never
    At rest it is zero for every bone and every number of a Gaussian.

Why does Levenberg-Marquardt scale its damping by the diagonal of DᵀD instead of adding λ I?
[ ] It is cheaper to invert
    Both are one addition to the diagonal and one solve.
[x] The unknowns have different units
    Millimetres, radians, logarithms and places on a chart: λ I would damp a radian, which moves a vertex by many
    millimetres, as much as a millimetre. The diagonal measures each number by what it does to the face.
[ ] It keeps the matrix symmetric
    λ I is symmetric, too.

Somebody reports that adding dynamic binding to a model with adaptive weights improves its fit to single registered
scans by 20 %. What would you suspect?
[ ] The scans
    The same scans were used for both, so they cannot favour one by 20 %.
[x] The optimiser
    In one pose μ and the translation can do all that ζ does: the best fits are equal, if both get there.
[ ] Nothing: two more numbers per bone must help
    In one pose they add nothing that μ and the translation cannot do: the best fits are equal.

A linear model with 199 modes beats the adaptive one on people sampled from a linear model. What does that prove?
[ ] That linear models have more capacity
    It has on these people. On others, who lie outside the span of its modes, it may lose.
[ ] That 199 numbers suffice for a face
    They do for people of that distribution. It says nothing about other people.
[x] That the test was its home ground
    These people lie next to the span of its modes. A fair test uses faces that no model was built from.
""")
