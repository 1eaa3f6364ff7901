"""Lesson 5, capacity: exercises and quiz."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, Right, exercise
from asm_teach.course.checks.comparing import equal, not_finite, one_of, pair
from asm_teach.course.checks.damping import SmallFit, halve_or_quadruple, solve_case
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, factor, varied
from asm_teach.course.checks.shapes import wrong_shape
from asm_teach.course.quizzes import questions


@exercise(
    "One distance for each vertex first; then the mean; then the length it is divided by.",
    "`(vertices - goal).norm(dim=1)` is one distance a vertex. Average, divide, times 100.",
    "`return 100 * (vertices - goal).norm(dim=1).mean() / ...`, with the distance of the two points below.",
)
def nme(function: Function) -> str | None:
    """The normalised mean error in per cent."""
    q, step = torch.randn(2, 50, 3, generator=draws(0))
    p, one, other = q + step, torch.zeros(3), factor() * torch.tensor([90.0, 0.0, 0.0])
    tilted = other[0] / 3 * torch.tensor([1.0, -2.0, 2.0])  # as long
    distance = (p - q).norm(dim=1)
    of_two = 100 / other[0]  # in per cent of the distance of the two points
    right, rms = of_two * distance.mean(), of_two * distance.square().mean().sqrt()
    by_coordinate = of_two * (p - q).abs().mean()
    wrong = {
        "that is a share; in per cent it is 100 times as much": right / 100,
        "that is in mm: divide by the distance of the two points": distance.mean(),
        "that is the root of the mean square; the mean of the distances is asked for": rms,
        "that is the mean over coordinates: take the length of each vertex's difference first": by_coordinate,
        "that is the length of the mean difference: take lengths before the mean": of_two * (p - q).mean(0).norm(),
        "that is the sum over the vertices: take the mean": 50 * right,
        "that is one length of all differences: take one length a vertex, then the mean": of_two * (p - q).norm(),
    }
    if said := compare(function(p, q, one, other), right, wrong):
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
        two = pair(function(*given), "two numbers are asked for: the derivative by c and the one by a")
        for name, one in zip("ca", two, strict=True):
            if one is None:
                return f"the derivative by {name} is still missing"
        by_c, by_a = map(float, two)
        s = math.exp(a)
        right_c, square = (u - c) / s**2, (u - c) ** 2 / s**2
        if equal([by_a, by_c], [right_c, square - 1], 1e-6):
            return "both are right, but in the wrong order: the one by c comes first"
        height = "by a: the -a in front (the height of the Gaussian) has a derivative too"
        two_down = "by a: a factor of 2 is missing; s^2 is e^(2a), and its derivative brings a 2 down"
        wrong_c = {"by c: the sign is wrong": -right_c, "by c: divided by s once; it is s squared": right_c * s}
        wrong_a = {"by a: the sign is wrong": 1 - square, height: square, two_down: square / 2 - 1}
        for name, found, right, wrong in (("c", by_c, right_c, wrong_c), ("a", by_a, square - 1, wrong_a)):
            if not equal(found, right, 1e-6):
                return one_of(found, wrong, 1e-6) or f"by {name}: found {found:.4f}, autograd says {right:.4f}"
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
        return "your function changes N in place: N + ... makes a new one, N += ... and diagonal().add_ do not"
    S = S.double()
    slope = N @ S - right  # half the derivative, and zero for a solution once the term of rho is added

    def size(term: Tensor) -> float:
        return float((slope + term).norm() / right.norm())

    if size(rho * (S - identity)) > 1e-6:
        for term, words in (
            (rho * S, "this prefers S near 0, which pulls the face to a point: rho S_0 is missing on the right side"),
            (share * (S - identity), "rho should be a multiple of the mean diagonal of N"),
            (0 * S, "this is the solution without the new term: rho is not used"),
            (-rho * (S + identity), "the sign of rho on the left side: the new term adds to the diagonal"),
        ):
            if size(term) < 1e-6:
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
    "A gain near 1 says that the linear picture was good: dare more. A negative one says that the step was far too "
    "long.",
    "Here a failed step costs one of the fifteen. Try a third of the damping for gain > 0.75, the same for gain > "
    "0.25, four times as much below.",
    "`if gain > 0.75: return damping / 3`, then the case between, then `return 4 * damping`.",
)
def next_damping(rule: Function) -> str | None:
    """A rule for Levenberg-Marquardt's damping; the small problem of section 5 in 15 steps."""
    before = varied(1e-3)
    if not rule(before, varied(-1.0)) > before:
        return "after a step that made things worse the damping has to grow"
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
    why = "too many failed: be bolder upwards" if accepted < 10 else "few failed, but they are short: go lower"
    return f"{taken}; section 5 has {target / 1.05:.3f} mm after 15, and 5 % above that is the limit ({why})"


QUIZ = questions("""
Why does the first solve beat so many steps of descent, although it does not change the weights at all?
[ ] It works in float64
    That makes it safe, not good: descent in float64 creeps just the same.
[x] For fixed weights the problem is linear, and the solve goes to its minimum at once
    It takes account of all bones that share a vertex. A descent step changes each number by its own slope, as if the
    others stood still, and has to come back for the same misunderstanding again and again.
[ ] It has more unknowns than descent
    It has fewer: 1,008 against 1,932. Twelve free numbers a bone help a little, but descent would creep with them, too.

The solve has 1,008 unknowns here (4J rows for each of three coordinates). How does its cost grow with V and J?
[x] V (4J)^2 and (4J)^3: linear in V
    The product costs V (4J)^2, the solve (4J)^3. All three coordinates share one matrix, so it is factored once. With
    the weights' zeros used, as in `gaussnewton.py` patch by patch, the product costs far less.
[ ] V^3: all vertices are coupled
    Vertices are rows and not unknowns: they are summed up in the normal equations.
[ ] V J: one pass over the weights
    That is one forward pass. The product of all pairs of columns costs far more.

In ∂v/∂q = p_jk (S_j x - v) ∂e_jk/∂q, when is it zero for all q of the Gaussian, although p_jk is not?
[x] When bone j alone would take the vertex where it already is
    S_j x = v. At rest that holds for all bones, so no Gaussian has a slope: the engine waits three steps of motion
    before it lets them move.
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
[ ] Nothing: two more numbers a bone must help
    In one pose they add nothing that μ and the translation cannot do: the best fits are equal.

A linear model with 199 modes beats the adaptive one on people sampled from a linear model. What does that prove?
[ ] That linear models have more capacity
    On these people. On others, who lie outside the span of its modes, it may lose.
[ ] That 199 numbers suffice for a face
    For people of that distribution. It says nothing of people who are not.
[x] That the test was its home ground
    They lie next to the span of its modes. A fair test uses faces that no model was built from.
""")
