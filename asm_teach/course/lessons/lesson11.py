"""Exercises and quiz of lesson 11, the discussion."""

from __future__ import annotations

import torch

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.comparing import numbers, one_of, pair
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.slips import result_of
from asm_teach.course.quizzes import questions


@exercise(
    "What does the skin of the first person do between calm and expressive?",
    "other + (expressive - calm): the displacement is added to the other person's own rest.",
    "`return other + ...` with the difference of the first person's two shapes.",
)
def hand_on(function: Function) -> str | None:
    """calm, expressive, other (V, 3) to the other person's expression (V, 3)."""
    generator = draws(0)
    calm, other = 50 * torch.randn(2, 6, 3, generator=generator)
    expressive = calm + 3 * torch.randn(6, 3, generator=generator)
    found = result_of(function, calm=calm, expressive=expressive, other=other)
    wrong = {
        "that is the displacement alone: add it to the other person": expressive - calm,
        "the displacement goes backwards: from calm to expressive is expressive - calm": other + calm - expressive,
        "that is the first person's expression; the other one keeps their own face": expressive,
        "only the other person's difference was taken: add what the expression does": other - calm,
        "the difference is that of the two faces; take that of the first person, expressive - calm": expressive - other,
        "the difference is that of the two faces; the expression is expressive - calm, and it is added to other": (
            calm + expressive - other
        ),
        "calm was not subtracted: add the displacement, expressive - calm": other + expressive,
        "that is the mean of two people; add the displacement, expressive - calm": (other + expressive) / 2,
        "the expression is a displacement: differences, not ratios": other * expressive / calm,
        "nothing moves yet: this is the other person's calm face": other,
    }
    return compare(found, other + (expressive - calm), wrong)


@exercise(
    "Count the numbers first; a float32 takes four bytes.",
    "A face has J (11 + 6 K) numbers. A linear model stores a mean (3 V), M modes of 3 V, and M deviations.",
    "`return 4 * J * (11 + 6 * K), 4 * (...)`.",
)
def sizes(function: Function) -> str | None:
    """J, K, V, M to the bytes of one adaptive face and those of a linear model."""
    words = "return two numbers: the bytes of the face, and those of the linear model"
    cases = varied(((84, 2, 4165, 199), (42, 3, 1000, 10)), 0.5)  # two, for one alone lets two slips look alike
    given = []
    for case in cases:
        face, model = pair(function(*case), words)
        given.append((float(face), float(model)))
    J, K, V, M = torch.tensor(cases).double().T
    numbers, basis = J * (11 + 6 * K), 3 * V * (M + 1) + M
    own_share = "a Gaussian has one share, two numbers for its centre and three for its factor, 6 in all"
    slips = {
        "the face": {
            "those are numbers; a float32 has four bytes": numbers,
            "those are bits, not bytes": 32 * numbers,
            "a float32 has four bytes, not eight": 8 * numbers,
            "a bone's own motion (9) and its place (2) are missing": 4 * J * 6 * K,
            "a bone's place, two numbers, is missing": 4 * J * (9 + 6 * K),
            "each bone has Gaussians of its own, J times 6 K": 4 * (11 * J + 6 * K),
            own_share: 4 * J * (11 + 5 * K),
            "the bone's own 11 numbers are added to those of its Gaussians: 11 + 6 K": 4 * J * 11 * 6 * K,
            "the bone's own 11 numbers are there once, not once for each Gaussian": 4 * J * K * 17,
            "the two are in the wrong order: first the face, then the linear model": 4 * basis,
        },
        "the linear model": {
            "those are numbers; a float32 has four bytes": basis,
            "the mean is missing": 4 * (3 * V * M + M),
            "the standard deviations of the modes are missing": 4 * 3 * V * (M + 1),
            "there is one standard deviation for each mode, M in all": 4 * 3 * V * (M + 2),
            "a vertex has three coordinates": 4 * (V * (M + 1) + M),
            "the mean and the standard deviations of the modes are missing": 4 * 3 * V * M,
            "those are bits, not bytes": 32 * basis,
            "a float32 has four bytes, not eight": 8 * basis,
            "the standard deviations of the modes are missing, and the three coordinates of a vertex": 4 * V * (M + 1),
        },
    }
    for found, (what, wrong) in zip(zip(*given, strict=True), slips.items(), strict=True):
        if said := one_of(found, wrong, 1e-9):
            return f"{what}: {said}"
    for (face, model), (j, k, v, m) in zip(given, cases, strict=True):
        if face != (right := 4 * j * (11 + 6 * k)):
            return f"the face: for J = {j} and K = {k} you give {face:,.0f} bytes, but there are {right:,}"
        if model != (right := 4 * (3 * v * (m + 1) + m)):
            return f"the linear model: for V = {v} and M = {m} you give {model:,.0f} bytes, but there are {right:,}"
    return None


@exercise(
    "Three neighbouring frames give one second difference; slices of the first axis give all of them at once.",
    "sqrt(mean over frames and vertices of |v[t+1] - 2 v[t] + v[t-1]|^2), the square summed over x, y, z.",
    "`second = frames[2:] - 2 * frames[1:-1] + frames[:-2]`, then square, sum over the last axis, mean, root.",
)
def jitter(function: Function) -> str | None:
    """frames (T, V, 3) to one number, mm."""
    steady = varied(4, 0.5) * torch.arange(7.0)[:, None, None].expand(7, 5, 3)
    frames = torch.randn(7, 5, 3, generator=draws(2)).double() + steady

    def root_mean_square(differences: torch.Tensor) -> torch.Tensor:
        return differences.square().sum(-1).mean().sqrt()

    second, speed = frames.diff(n=2, dim=0), root_mean_square(frames.diff(dim=0))
    lengths, vertex_to_vertex = second.norm(dim=-1), root_mean_square(frames.diff(n=2, dim=1))
    wrong = {
        "that is the first difference, the speed: a steady movement is no jitter": speed,
        "that is the mean length; take the root of the mean square": lengths.mean(),
        "the mean was taken over x, y and z too: sum the squares over the coordinates": second.square().mean().sqrt(),
        "the root is missing": lengths.square().mean(),
        "this leaves out the middle frame, so a steady movement counts: v[t+1] - 2 v[t] + v[t-1]": (
            root_mean_square(frames[2:] - frames[:-2])
        ),
        "the 2 belongs to the middle frame: v[t+1] - 2 v[t] + v[t-1]": (
            root_mean_square(frames[2:] + frames[1:-1] - 2 * frames[:-2])
        ),
        "the lengths are taken over the vertices: x, y and z are the last axis": second.norm(dim=1).mean(),
        "the differences are not squared: positive and negative ones cancel": second.mean().abs().sqrt(),
        "that is the spread of each coordinate over time, and a steady movement counts there": frames.std(0).mean(),
        "that is the root of the sum of squares over the frames only: take the mean over frames and vertices": (
            second.square().sum(0).mean().sqrt()
        ),
        "differences were taken from vertex to vertex: time is the first axis": vertex_to_vertex,
        "the squares were summed over frames and vertices: take their mean": lengths.square().sum().sqrt(),
        "the middle frame counts twice: v[t+1] - 2 v[t] + v[t-1]": root_mean_square(second + frames[1:-1]),
    }
    found = function(frames)
    if (given := numbers(found)) is not None and not given.ndim and given.isnan():
        return "a root of a negative number: square the differences before you take their mean"
    if said := compare(found, root_mean_square(second), wrong):
        return said
    still = float(function(steady))
    return None if still < 1e-6 else f"a steady movement should have no jitter, but yours is {still:.2f}"


@exercise(
    "Which part of the face's difference from the mean can the modes make, whatever the coefficients?",
    "Take an orthonormal basis Q of what the modes span, and d = face - mean: the share is |Q' d|^2 / |d|^2.",
    "`Q = torch.linalg.qr(modes.flatten(1).T)[0]`, `d = (face - mean).flatten()`, then ...",
)
def at_home(function: Function) -> str | None:
    """face, mean (V, 3), modes (M, V, 3) to the share of the face that a linear model can hold, 0 to 1."""
    generator = draws(3)
    mean = 40 * torch.randn(20, 3, generator=generator, dtype=torch.float64)
    modes = torch.randn(4, 20, 3, generator=generator, dtype=torch.float64)
    modes[1] += 0.8 * modes[0]  # not at right angles
    inside = mean + torch.einsum("m,mvc->vc", torch.tensor([1.0, -2.0, 0.5, 3.0]).double(), modes)
    face = inside + 2 * torch.randn(20, 3, generator=generator, dtype=torch.float64)
    flat, d = modes.flatten(1).T, (face - mean).flatten()

    def share(rows: torch.Tensor, whole: torch.Tensor = d) -> torch.Tensor:
        return (rows @ whole).square().sum() / whole.square().sum()

    basis = torch.linalg.qr(flat)[0].T
    twice = "the modes are not at right angles: what two of them share counts twice; make a basis by QR, or solve"
    right, coefficients = share(basis), share(torch.linalg.pinv(flat))
    wrong = {
        "the mean was not subtracted: it is large, and says nothing about this face": share(basis, face.flatten()),
        twice: share((flat / flat.norm(dim=0)).T),
        "the modes have neither length 1 nor right angles: make a basis by QR, or solve": share(flat.T),
        "those are squares of coefficients: what counts is the shape that they make": coefficients,
        "that is the share that is left over: take one minus it": 1 - right,
        "that is a squared length in mm^2, not a share: divide by |face - mean|^2": right * d.square().sum(),
        "the part below is |face - mean|^2: there the mean was not subtracted": (
            right * d.square().sum() / face.square().sum()
        ),
        "square each coefficient before you add them up": (basis @ d).sum() / d.square().sum(),
        "square each coefficient before you add them up; the square of the sum is another number": (
            (basis @ d).sum().square() / d.square().sum()
        ),
        "that is the share of the mean, not of the face": share(basis, mean.flatten()),
        "that is a ratio of lengths: take the squares, whose shares add up to one": right.sqrt(),
    }
    if said := compare(function(face, mean, modes), right, wrong):
        return said
    own = float(function(inside, mean, modes))
    return None if abs(own - 1) < 1e-6 else f"a face made of the modes has a share of 1; yours is {own:.3f}"


QUIZ = questions("""
A linear model of 200 people and the adaptive model fit a new person, sampled as the 200 were, equally well. What does
that show?
[ ] that both represent faces equally well
    On the stranger the linear error is several times the adaptive one: the ground decides.
[x] that the linear model knows this population and needs fewer numbers for it
    At home it spends a tenth of the numbers for about the same error.
[ ] that the adaptive model has learned from the 200 people too
    It has learned from no person: template and chart are one mesh.

Why do the Gaussians lie on the chart and not in space?
[ ] because two numbers are fewer than three
    They are fewer, but that does not keep the lips apart.
[x] because skin that is near in space can be far away on the skin, such as the two lips
    In space the lower lip's bones hold the rim of the upper lip with a share of nearly a half.
[ ] because a chart has no seams
    Charts have rims and holes; the slit of the mouth is one, and that is what helps.

With one picture a model with a learned prior is better on its own people, and worse on the scan. With eight pictures
the difference is smaller. Why?
[x] pictures replace what the prior had to say
    Evidence outweighs belief, right or wrong, once there is enough of it.
[ ] the prior gets weaker because its weight is lowered
    Its weight stays the same; the data terms grow with the number of pictures.
[ ] eight pictures have more pixels, so noise is higher
    More pictures average noise out.

Adding one person's change of bone numbers to another person's bones does not give the expression. Why?
[ ] expressions are no bone motions
    They are bone motions: the fit of the smile itself is good.
[ ] the second person has another number of bones
    Both have the same rig.
[x] each fit shares the work among its bones in its own way, with weights and places of its own
    Neighbouring bones can do the same to the skin, and each fit has settled it differently.

A fit has a mean error of 0.2 mm, and its shading looks wrong. Which measurement would have shown it?
[ ] the median error instead of the mean
    Both measure distance; ripples of 0.2 mm can be steep.
[x] the angle between its normals and the true ones
    Shading depends on normals, and those are derivatives of the surface.
[ ] the number of parameters
    It tells you nothing about this fit.

Model A's mean error on five faces is 0.95 mm, B's 1.00 mm, and faces differ by 0.4 mm. Is A better?
[ ] yes, its error is lower
    There are only five faces; another five might show the opposite.
[ ] no, 0.05 is less than 0.4
    The spread of the faces does not matter where both models are tried on the same ones.
[x] you cannot tell yet: look at the differences face by face
    If A is better by about 0.05 on each of them it is; if by 0.5 on one and worse on four it is not.
""")
