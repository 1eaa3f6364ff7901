"""Exercises and quiz of lesson 19: what the paper left open."""

from __future__ import annotations

import roma
import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.comparing import pair
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.slips import result_of
from asm_teach.course.checks.topics.filtering import filters
from asm_teach.course.checks.topics.layers import in_turns, wrong_layers
from asm_teach.course.checks.topics.posing import posed
from asm_teach.course.checks.topics.priors import prices
from asm_teach.course.quizzes import questions


@exercise(
    "Ann's moment is what her last scan differs from her mean. Who gets it?",
    "Bob's mean + (Ann's last scan - Ann's mean).",
    "A mean over the scans is `x.mean(0)`, and the last scan is `ann[-1]`. Which mean does Bob have?",
)
def by_means(function: Function) -> str | None:
    """Scans ann (n, D) and bob (m, D) to Bob in the expression of Ann's last scan, (D,)."""
    generator = draws(0)
    ann = 5 + torch.randn(4, 6, generator=generator, dtype=torch.float64)
    bob = 9 + torch.randn(3, 6, generator=generator, dtype=torch.float64)
    a, b = ann.mean(0), bob.mean(0)
    wrong = {
        "the expression is Ann's last scan, not her first": b + ann[0] - a,
        "this is Bob's mean: Ann's moment is missing": b,
        "this is Ann's moment alone: Bob's mean is missing": ann[-1] - a,
        "this hands over Ann with Bob's moment: exchange the two": a + bob[-1] - b,
        "the moment is subtracted here: it is the scan minus the mean": b + a - ann[-1],
        "Ann herself is handed over too: subtract her mean": b + ann[-1],
        "this is Ann's last scan: Bob is not in it": ann[-1],
        "Bob's last scan has a moment of Bob's own: take his mean": bob[-1] + ann[-1] - a,
        "the moment was taken against the mean of all scans; it must be Ann's own": (
            b + ann[-1] - torch.cat([ann, bob]).mean(0)
        ),
        "the mean runs over the coordinates here; it must run over the scans: .mean(0)": (
            bob.mean() + ann[-1] - ann[-1].mean()
        ).expand(6),
    }
    return compare(result_of(function, ann=ann, bob=bob), b + ann[-1] - a, wrong)


@exercise(
    "`away` is a sum of two independent parts. What is the variance of each, and of their sum?",
    "The mean of n moments has the variance e_var / n. "
    "The best guess takes the share of the person's variance in the sum.",
    "share = a_var / (a_var + e_var / n). What does it become for very many scans, and for e_var = 0?",
)
def persons_part(function: Function) -> str | None:
    """away, variances a_var and e_var and the number of scans n to the person's part of away."""
    away, a, e, n = varied(6.0), varied(4.0), varied(18.0), 3
    right = away * a / (a + e / n)
    wrong = {
        "the moments of n scans cancel in part: their mean has the variance e_var / n": away * a / (a + e),
        "this is the part of the moment; the person's is wanted": away * (e / n) / (a + e / n),
        "the mean of n moments has the variance e_var / n, not e_var / n^2": away * a / (a + e / n**2),
        "these are shares of deviations; the best guess has shares of variances": (
            away * a**0.5 / (a**0.5 + (e / n) ** 0.5)
        ),
        "both variances were divided by n; the person is the same in all scans": away * (a / n) / (a / n + e / n),
        "n multiplies e_var here: more scans must give the person more": away * a / (a + e * n),
        "this is the share alone: multiply it by away": a / (a + e / n),
        "the variances were squared: the share is a_var over the sum": away * a**2 / (a**2 + (e / n) ** 2),
        "away as a whole is not the person's: the usual moment is in it": away,
        "the factor is upside down: the share is below 1": away * (a + e / n) / a,
    }
    return compare(function(away, a, e, n), right, wrong)


@exercise(
    "First the moment, in the frame of each bone: where is v, seen from the bone's place?",
    "d = v - b, then M d + b, then P of that, for each bone; at the end the weighted sum over the bones.",
    "`d = v[:, None] - places` is (V, J, 3), and M d is `torch.einsum('jcd,vjd->vjc', moment[..., :3], d)` "
    "plus `moment[..., 3]`. What has to be added before P takes it?",
)
def pose_by_design(function: Function) -> str | None:
    """v (V, 3), weights (V, J), places (J, 3), person and moment (J, 3, 4) to posed vertices (V, 3)."""
    generator = draws(0)
    v, places = (30 * torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (6, 3))
    weights = torch.rand(6, 3, generator=generator, dtype=torch.float64).softmax(1)

    def motions() -> Tensor:
        turn = roma.rotvec_to_rotmat(0.5 * torch.randn(3, 3, generator=generator, dtype=torch.float64))
        shift = 5 * torch.randn(3, 3, 1, generator=generator, dtype=torch.float64)
        return torch.cat([1.2 * turn, shift], -1)

    given = {"v": v, "weights": weights, "places": places, "person": motions(), "moment": motions()}
    return compare(result_of(function, **given), *posed(**given))


@exercise(
    "Split `away` into its part along the modes and the rest. Which variance has each part?",
    "Along mode m the square is divided by deviation^2 + noise^2; everything outside the modes by noise^2. "
    "Half the sum is the answer.",
    "`along = modes @ away` is (M,). The square of what is outside is `away.square().sum() - along.square().sum()`. "
    "What divides it?",
)
def price_of_face(function: Function) -> str | None:
    """away (P,), orthonormal modes (M, P), deviations (M,) and noise to half the squared distance in deviations."""
    generator = draws(0)
    modes = torch.linalg.qr(torch.randn(8, 3, generator=generator, dtype=torch.float64))[0].T.contiguous()
    deviations = varied(torch.tensor([3.0, 2.0, 0.7], dtype=torch.float64))
    away, noise = torch.randn(8, generator=generator, dtype=torch.float64), varied(0.5)
    found = result_of(lambda a, m, d: function(a, m, d, noise), away=away, modes=modes, deviations=deviations)
    return compare(found, *prices(away, modes, deviations, noise))


@exercise(
    "Where the scan lies inside the face, no layer helps. Where it lies outside, what does one more millimetre of "
    "layer save, and what does it cost?",
    "The derivative of (r - t)^2 / 2 + price t is t - r + price, zero at t = r - price. But t may not be negative.",
    "`(r - price)`, with everything below 0 set to 0.",
)
def layer_of(function: Function) -> str | None:
    """How far the scan lies outside, r (V,), and a price to the thickness t >= 0, (V,)."""
    r = varied(torch.tensor([-3.0, -0.2, 0.1, 0.4, 1.0, 5.0, 8.0], dtype=torch.float64))
    price = varied(0.5)
    return compare(function(r.clone(), price), (r - price).clamp(min=0), wrong_layers(r, price))


@exercise(
    "Two steps in a loop. Which of the two does lesson 5 know already, and what is its right-hand side once the layer "
    "is taken off?",
    "c = (B B^T + trust^2 I)^-1 B (x - t n - mean), all coordinates in one row; then "
    "t = max(n . (x - mean - B^T c) - price, 0).",
    "`away = (x - t[:, None] * normals - mean).flatten()` and `c = torch.linalg.solve(square, basis @ away)`. "
    "From what is the layer measured: from x, or from x without the layer?",
)
def face_and_layer(function: Function) -> str | None:
    """x, mean, normals (V, 3), basis (M, 3V), trust, price, rounds to coefficients (M,) and the layer (V,)."""
    generator = draws(0)
    mean = 20 * torch.randn(12, 3, generator=generator, dtype=torch.float64)
    normals = torch.nn.functional.normalize(torch.randn(12, 3, generator=generator, dtype=torch.float64), dim=1)
    basis = torch.randn(3, 36, generator=generator, dtype=torch.float64)
    true = torch.tensor([1.0, -0.5, 2.0]).double() @ basis
    thick = torch.tensor([0.0] * 7 + [6.0, 5.0, 4.0, 3.0, 2.0], dtype=torch.float64)
    x = mean + true.view(12, 3) + varied(thick)[:, None] * normals
    trust, price = varied(2.0), varied(0.3)
    right = in_turns(x, mean, basis, normals, trust, price, 4)

    def other(
        rounds: int = 4, trust: float = trust, price: float = price, clamp: bool = True, lagged: bool = False
    ) -> tuple[Tensor, Tensor]:
        return in_turns(x, mean, basis, normals, trust, price, rounds, clamp, lagged)

    tables = {
        "this is what one round gives: loop `rounds` times, and take the layer off before each solve": other(rounds=1),
        "this is one round too few": other(rounds=3),
        "this is one round too many": other(rounds=5),
        "trust is squared in the prior: trust^2 |c|^2": other(trust=trust**0.5),
        "the prior on the coefficients is missing: add trust^2 to the diagonal": other(trust=0.0),
        "the price is missing": other(price=0.0),
        "the layer may not be negative": other(clamp=False),
        "the layer is measured from the whole scan, not from what the last layer left of it": other(lagged=True),
    }
    answer = function(x.clone(), mean.clone(), basis.clone(), normals.clone(), trust, price, 4)
    found = pair(answer, "return two things: the coefficients (M,) and the layer (V,)")
    if compare(found[0], right[1]) is None and compare(found[1], right[0]) is None:
        return "the two are exchanged: first the coefficients (M,), then the layer (V,)"
    return compare(found[0], right[0], {words: c for words, (c, _) in tables.items()}) or compare(
        found[1], right[1], {words: t for words, (_, t) in tables.items()}
    )


@exercise(
    "Four lines in a loop, in the order of the text. What grows before each measurement, and what shrinks after it?",
    "p + q, then k = p / (p + r), then a + k (z - a), then (1 - k) p.",
    "Begin with `a = torch.zeros_like(z[0])`, append the new `a` to a list in each turn, and `torch.stack` the list. "
    "Which p stands in the gain: before q was added, or after?",
)
def filtered(function: Function) -> str | None:
    """Measurements z (T,), variances q and r, and the first variance p to the filter's guesses (T,)."""
    z = torch.randn(6, generator=draws(0), dtype=torch.float64) + 2
    q, r, p = varied(0.3), varied(1.1), varied(0.8)
    return compare(result_of(lambda z: function(z, q, r, p), z=z), *filters(z, q, r, p))


QUIZ = questions("""
Ann and Bob have one scan each. Why does subtracting the mean hand over nothing?
[ ] the noise of the scanner is as large as the expression
    It is 0.3 mm; expressions move the skin by several millimetres.
[x] the mean of one scan is the scan, so what is left as the moment is zero
    The whole of Ann, her expression too, counts as the person.
[ ] Ann's and Bob's faces are too different
    They could be twins and it would still hand over nothing.

Modes of all scans are sorted by size. Why do they not part person and moment?
[ ] there are too few of them
    More modes mix the two as well.
[x] size is not cause: an open jaw moves more skin than many differences between people
    A large mode can be an expression, and a small one the detail of a nose.
[ ] they are not orthogonal
    They are, and that does not help.

A stranger comes with one scan. What lets the learned split tell a smile from a wide mouth?
[ ] the scan's noise
    Noise is the same in both.
[ ] the calm scan of the stranger
    There is none.
[x] how other people differ and how others move: two clouds of different shapes
    A change is given to the cloud in which it is likelier.

The split learned without labels is nearly as good. What does it not know?
[x] what a calm face is: the usual expression counts to the person
    From scans alone only differences between expressions can be seen.
[ ] how people differ
    It estimates that from the means, less what the moments leave in them.
[ ] how expressions differ
    It sees that within each person.

The bilinear model can hold the learned sum too: it only needs zero for each product. Why is it farther from the truth?
[ ] alternating least squares cannot find the sum
    It starts from the numbers of the sum.
[ ] it saw fewer scans
    It saw the same 900.
[x] its products are many numbers, which 150 people determine poorly, and here everyone moves alike
    What the products learn from these scans does not hold for a stranger.

By design, the person is a rest motion per bone. With one scan per person the transfer is no better than nothing. Why?
[ ] the bones cannot express people
    With a calm scan of each person the same bones hand over a good part of the expression.
[x] whatever the bones can express as a person becomes the person: nothing says what a moment looks like
    The prior asks for the smallest moment, and zero is smallest.
[ ] the bones' frames are wrong
    With calm scans the same frames work.

What finds the beard, although its place is not given?
[ ] its colour
    The scans have none.
[x] it lies outside, most vertices have none, and the face may not take every shape
    Sign, sparseness and a prior: leave one out and the beard becomes chin.
[ ] the landmarks
    They lie on the mouth and the jaw, and are not used here.

One photograph, and a prior that was learned from 300 fits. Why does it help more than the general prior?
[ ] it is stronger
    A general prior of any strength knows bones one at a time.
[x] it knows which parameters vary together, so what is seen tells about what is not seen
    The few directions in which faces vary are cheap, and all others are dear.
[ ] it knows the person
    Nobody in the test is among the 300.

Why is a filter that believes in little motion far from the truth, although it is so calm?
[x] it comes late: each frame moves the guess by a small share of the difference only
    Calm is bought with lateness; the smoother, which sees the future, need not pay.
[ ] it averages the noise of too many points
    More points make it better.
[ ] the landmarks tremble too much
    They tremble as much for its rivals.

With 69 numbers each, the auto-encoder loses to the linear model at home. What does that tell you?
[ ] neural models are worse
    Here people are sums of shapes: a linear model has nothing to miss.
[ ] it was trained on too few steps
    It begins as the linear model and leaves it.
[x] on this home ground there is nothing non-linear to learn, and 900 scans do not teach it what lies abroad
    Ask of each model on whose home ground it was measured.

The price of the layer is set too high. What happens to a bearded chin?
[x] the layer becomes too thin, and the face swallows the rest of the beard
    A millimetre of face is then cheaper than a millimetre of layer.
[ ] the layer covers the whole face
    That happens when it costs too little.
[ ] nothing, because the minimum stays the same
    The price is part of what is minimised.

Why must the method also be tried on people without a beard?
[ ] to measure the noise
    The noise is known.
[x] a layer can take a real chin for hair, or a strong prior can make every face average
    Each repair has a cost where nothing is broken; with too much trust a bare chin is 1 mm off.
[ ] a beard may be hidden by the hand
    That is another kind of surface that is not skin.
""")
