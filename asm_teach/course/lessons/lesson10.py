"""Exercises and quiz of lesson 10, the head leaves the notebook."""

from __future__ import annotations

import roma
import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.comparing import equal, numbers
from asm_teach.course.checks.confirming import named
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.slips import result_of
from asm_teach.course.quizzes import questions


def _matrix(linear: Tensor, shift: Tensor) -> Tensor:
    """[linear | shift], (4, 4)."""
    found = torch.eye(4, dtype=linear.dtype)
    found[:3, :3], found[:3, 3] = linear, shift
    return found


@exercise(
    "The matrix has the turn, scaled, in its upper left 3 x 3, and the shift in its last column.",
    "R = I + 2 w [u]_x + 2 [u]_x [u]_x with u = (x, y, z); M = T R S, so the scale meets the point first.",
    "`cross` = [u]_x by `torch.stack([...]).view(3, 3)` as in lesson 1; `R = torch.eye(3) + 2 * w * cross + ...`; the "
    "columns of R are scaled by `R * s`. Where does t go?",
)
def node_matrix(function: Function) -> str | None:
    """t (3,), q (4,) as x, y, z, w, s (3,) to a matrix (4, 4)."""
    generator = draws(0)
    t, s = 10 * torch.randn(3, generator=generator), varied(torch.tensor([1.3, 0.8, 1.1]))
    q = torch.nn.functional.normalize(torch.randn(4, generator=generator), dim=0)
    R, o = roma.unitquat_to_rotmat(q), torch.zeros(())
    x, y, z, w = q
    cross = torch.stack([o, -z, y, z, o, -x, -y, x, o]).view(3, 3)
    eye = torch.eye(3)
    bottom = _matrix(R * s, torch.zeros(3))
    bottom[3, :3] = t
    wrong = {
        "the scale acts before the turn: it scales the columns of R, and yours scales its rows": _matrix(
            s[:, None] * R, t
        ),
        "it turns the other way round: that is the transpose of R": _matrix(R.T * s, t),
        "q is read as w, x, y, z: glTF puts w last": _matrix(roma.unitquat_to_rotmat(q.roll(-1)) * s, t),
        "the shift acts last, so it is neither turned nor scaled": _matrix(R * s, (R * s) @ t),
        "the shift is scaled: it acts last": _matrix(R * s, s * t),
        "the scale is missing": _matrix(R, t),
        "the shift is missing: it is the last column": _matrix(R * s, torch.zeros(3)),
        "the shift stands in the last row: for points as columns it is the last column": bottom,
        "a factor 2 is missing: R = I + 2 w [u]_x + 2 [u]_x [u]_x": _matrix((eye + w * cross + cross @ cross) * s, t),
        "the factor 2 is missing before w [u]_x": _matrix((eye + w * cross + 2 * cross @ cross) * s, t),
        "the factor 2 is missing before the square of [u]_x": _matrix((eye + 2 * w * cross + cross @ cross) * s, t),
        "the square of [u]_x is a product of matrices, `cross @ cross`, and not entry by entry": _matrix(
            (eye + 2 * w * cross + 2 * cross**2) * s, t
        ),
        "w is missing: the first term is 2 w [u]_x": _matrix((eye + 2 * cross + 2 * cross @ cross) * s, t),
    }
    return compare(result_of(function, t=t, q=q, s=s), _matrix(R * s, t), wrong)


@exercise(
    "First one matrix for each bone, then gather those that each vertex names, then move and add.",
    "S = G B^-1 (J, 4, 4); `S[joints]` is (V, k, 4, 4); v' = sum over k of share times S (v, 1).",
    "`S = world @ inverse`, `points = torch.cat([positions, torch.ones_like(positions[:, :1])], 1)`, and "
    "`places = (S[joints] @ points[:, None, :, None])[..., :3, 0]`. What do the shares do with `places`?",
)
def engine_skin(function: Function) -> str | None:
    """positions (V, 3), joints (V, k), shares (V, k), world and inverse (J, 4, 4) to (V, 3)."""
    generator = draws(1)
    bones, count, k = 5, 6, 3
    positions = 10 * torch.randn(count, 3, generator=generator)
    joints = torch.stack([torch.randperm(bones, generator=generator)[:k] for _ in range(count)])
    shares = torch.rand(count, k, generator=generator) + 0.2
    shares = shares / shares.sum(1, keepdim=True)
    world, inverse = (
        torch.stack(
            [
                _matrix(
                    torch.eye(3) + 0.4 * torch.randn(3, 3, generator=generator), torch.randn(3, generator=generator)
                )
                for _ in range(bones)
            ]
        )
        for _ in range(2)
    )

    def skin(matrices: Tensor, of: Tensor = joints, by: Tensor = shares, last: float = 1.0) -> Tensor:
        points = torch.cat([positions, torch.full((count, 1), last)], 1)
        places = (matrices[of] @ points[:, None, :, None])[..., :3, 0]
        return (by[..., None] * places).sum(1)

    S = world @ inverse
    wrong = {
        "the inverse bind matrices are left out: the points are not in the bones' coordinates": skin(world),
        "the product is the wrong way round: S = G B^-1, the inverse bind matrix acts first": skin(inverse @ world),
        "the inverse bind matrices are inverted already: multiply by them as they are": skin(
            world @ torch.linalg.inv(inverse)
        ),
        "`joints` is not used: the first bones move every vertex": skin(S, torch.arange(k).expand(count, k)),
        "the shares are not used: that is the mean of the bones": skin(S, by=torch.full((count, k), 1 / k)),
        "the shares are not used: that is the sum over the bones": skin(S, by=torch.ones(count, k)),
        "only the first bone of each vertex moves it: add up all k": skin(S, joints[:, :1], torch.ones(count, 1)),
        "the shifts are lost: append a 1 to each point, not a 0": skin(S, last=0.0),
        "the matrices act from the wrong side: that is S transposed": skin(S.mT),
        "nothing has moved yet": positions,
    }
    found = result_of(function, positions=positions, joints=joints, shares=shares, world=world, inverse=inverse)
    return compare(found, skin(S), wrong)


@exercise(
    "A condition on the sum is one more equation, and one more unknown goes with it (Lagrange).",
    "The matrix of (*) has k + 1 rows: D' D, and a row and a column of ones with a 0 in the corner. Its right side "
    "is (0, ..., 0, 1).",
    "`D = (places - target[:, None]).transpose(1, 2).flatten(0, 1)`, then fill `K = torch.zeros(k + 1, k + 1)` and "
    "solve. Which of the k + 1 numbers of the solution are the weights?",
)
def solve_again(function: Function) -> str | None:
    """places (N, k, 3), target (N, 3) to weights (k,) that sum to 1."""
    generator = draws(2)
    count, k = 7, 4
    places = 3 * torch.randn(count, k, 3, generator=generator, dtype=torch.float64) + 20
    true = torch.rand(k, generator=generator, dtype=torch.float64) + 0.2
    target = (true / true.sum() * places.mT).sum(-1) + torch.randn(count, 3, generator=generator, dtype=torch.float64)
    answer = result_of(function, places=places, target=target)

    def constrained(d: Tensor) -> Tensor:  # (N, k, 3) to the weights of the least |sum w d| with the sum 1
        D = d.mT.flatten(0, 1)
        w = torch.linalg.solve(D.T @ D, torch.ones(k, dtype=d.dtype))
        return w / w.sum()

    right = constrained(places - target[:, None])
    free = torch.linalg.lstsq(places.mT.flatten(0, 1), target.flatten()).solution
    G = (places - target[:, None]).mT.flatten(0, 1)
    G = G.T @ G
    mu = 1 / torch.linalg.solve(G, torch.ones(k, dtype=G.dtype)).sum()
    wrong = {
        "the condition is missing: these weights are free, and do not sum to 1": free,
        "first solved freely, then divided by the sum: the condition belongs into the equations": free / free.sum(),
        "the target is not used: D holds the places minus the target": constrained(places),
        "all are zero, as the right side of your equations is: it has to end with a 1": torch.zeros(k),
        "that is the solution before it was divided by its sum: the weights sum to 1": right / mu,
        "that is the mean: all weights are the same, and no pose was looked at": torch.full((k,), 1 / k),
        "the poses were averaged first: each pose has three equations of its own": _of_mean(places, target),
    }
    if (found := numbers(answer)) is not None and found.shape == (k + 1,) and equal(found[:k], right):
        return named("the last of the k + 1 numbers is the multiplier: leave it out")
    return compare(answer, right, wrong)


def _of_mean(places: Tensor, target: Tensor) -> Tensor:
    """What the means over the poses give: three equations, and the shortest solution with the sum 1."""
    k = places.shape[1]
    A = torch.cat([places.mean(0).T, torch.ones(1, k, dtype=places.dtype)])
    return torch.linalg.lstsq(
        A, torch.cat([target.mean(0), torch.ones(1, dtype=places.dtype)]), driver="gelsd"
    ).solution


@exercise(
    "Round down first. How many units are missing in each row, and which shares have lost most?",
    "missing = whole - sum of the rounded ones; the `missing` largest remainders get one unit more each.",
    "`exact = whole * shares`, `found = exact.floor()`, `rank = (found - exact).argsort(1).argsort(1)` is 0 for "
    "the share that lost most. Which ranks get one more?",
)
def seats(function: Function) -> str | None:
    """shares (n, k) with rows that sum to 1, whole: a number, to whole numbers (n, k) whose rows sum to it."""
    generator = draws(3)
    shares = torch.rand(9, 5, generator=generator, dtype=torch.float64) ** 2 + 0.01
    shares = shares / shares.sum(1, keepdim=True)
    whole = varied(97, 0.2)
    exact = whole * shares
    low = exact.floor()
    missing = whole - low.sum(1, keepdim=True)

    def given(order: Tensor) -> Tensor:  # one more each to those of the lowest rank
        return low + (order.argsort(1).argsort(1) < missing)

    columns = torch.arange(5.0).expand(9, 5)
    all_to_largest = low + missing * (shares == shares.amax(1, keepdim=True))
    right = given(low - exact)
    wrong = {
        "rounded one by one, the rows miss the whole: give what is missing to the largest remainders": exact.round(),
        "rounded down, the rows are below the whole: give what is missing to the largest remainders": low,
        "rounded up, the rows are above the whole: round down first": exact.ceil(),
        "these are no whole numbers yet": exact,
        "the missing units go to the largest remainders, and not to the largest shares": given(-shares),
        "the missing units go to those that lost most, and yours go to those that lost least": given(exact - low),
        "the missing units go to the largest remainders, and not to the first columns": given(columns),
        "the missing units go one each to the largest remainders, and not all to the largest share": all_to_largest,
        "the missing units go one each to the largest remainders, and not all to the largest remainder": (
            low + missing * ((exact - low) == (exact - low).amax(1, keepdim=True))
        ),
        "argsort gives who is at each rank; its argsort gives the rank of each": low
        + ((low - exact).argsort(1) < missing),
        "one unit too many in each row: ranks are counted from 0": low
        + ((low - exact).argsort(1).argsort(1) <= missing),
        "these are shares again: return the whole numbers": right / whole,
    }
    found = function(shares.clone(), whole)
    return compare(found, right, wrong)


@exercise(
    "What is the normal defined by? The tangents at right angles to it: they go by A.",
    "n' = A^-T n, divided by its length.",
    "`torch.linalg.inv(A).T @ n`. What is its length?",
)
def normal_after(function: Function) -> str | None:
    """A (3, 3), n (3,) to the normal after the map, with length 1."""
    generator = draws(4)
    A = torch.diag(varied(torch.tensor([2.0, 0.7, 1.2]))) + 0.3 * torch.randn(3, 3, generator=generator)
    n = torch.nn.functional.normalize(torch.randn(3, generator=generator), dim=0)

    def unit(x: Tensor) -> Tensor:
        return x / x.norm()

    inverse = torch.linalg.inv(A)
    right = unit(inverse.T @ n)
    wrong = {
        "that is how a tangent goes: a normal goes by the inverse transpose": unit(A @ n),
        "that is how a tangent goes, and its length is not 1: a normal goes by the inverse transpose": A @ n,
        "the length is not 1: divide by it": inverse.T @ n,
        "the transpose is missing: A^-T n": unit(inverse @ n),
        "the transpose is missing, and the length is not 1": inverse @ n,
        "the inverse is missing: A^-T n": unit(A.T @ n),
        "the inverse is missing, and the length is not 1": A.T @ n,
        "the normal points inwards now: the sign": -right,
        "the normal has not turned": n,
        "divided by the square of the length": right / (inverse.T @ n).norm(),
    }
    return compare(result_of(function, A=A, n=n), right, wrong)


QUIZ = questions("""
A file holds the template and bones with motions (posed). A program that reads four influences opens it. What will its
user see?
[ ] The fitted face, since the four heaviest bones matter most
    The four heaviest have only a part of the weight, and bones of a fitted face pull against each other.
[x] A face that is off by more than a millimetre, in patches
    Where the fourth and the fifth bone change places, neighbours follow different bones.
[ ] The template
    The bones do move it, only not quite to the right place.

Why is a baked face exact at rest, even with one bone per vertex?
[ ] Because the bones stand on the fitted skin
    They could stand anywhere: at rest their place does not matter.
[x] Because every skinning matrix is the identity there, and a mean of identities is the identity
    As in lesson 1: at rest the rest shape comes back, whatever the weights, if they sum to one.
[ ] Because baking solves the weights again
    Baking leaves the weights as they are.

You solve the weights of four bones again, in twelve poses. In which poses do you measure how good they are?
[ ] In the same twelve, since the weights were made for them
    There they look better than they are.
[x] In others, drawn in the same way
    Judge on what the solution has not seen: this is what the file will meet.
[ ] In the fitted pose, since it is the one that counts
    If only that one counts, bake it.

A row of weights is stored as 64, 64, 64, 62 of 255. What does an engine that does not divide by the sum do at rest?
[ ] Nothing: the weights are nearly right
    Nearly is a step in the skin, where neighbours have other sums.
[x] It pulls the vertex towards the origin, by 1/255 of its distance
    The sum is 254. One unit more to the share that lost most by rounding mends it.
[ ] It moves the vertex along with the first bone
    At rest no bone moves anything.

Why does no matrix per vertex turn the normals of blended skin correctly?
[ ] Because the inverse transpose is only an approximation
    It is exact, for one matrix that acts on the whole neighbourhood.
[ ] Because matrices cannot turn normals
    One matrix for all does it: the inverse transpose.
[x] Because the weights change from vertex to vertex, and that moves the neighbours as well
    The second term of the product rule. Only normals that are computed from the moved skin have it.
""")
