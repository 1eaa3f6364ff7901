"""Exercises and quiz of lesson 15: small and moving."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.comparing import numbers, one_number, pair
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.slips import result_of
from asm_teach.course.quizzes import questions


@exercise(
    "A point is seen before and after. Project both, each with its own depth, and subtract.",
    "u and v are the two rows of focal * (x, y) / z after, less the same before; the third row is their length.",
    "`seen = focal * after[:, :2] / after[:, 2:]` is half of it. What is subtracted, and what stands in the third row?",
)
def flow_by_projection(function: Function) -> str | None:
    """before and after (n, 3) mm in camera axes, focal in pixels: u, v and magnitude (3, n) in pixels."""
    generator = draws(0)
    before = torch.randn(6, 3, generator=generator, dtype=torch.float64) * 40 + torch.tensor([0.0, 0.0, 600.0])
    after = before + 4 * torch.randn(6, 3, generator=generator, dtype=torch.float64)
    focal = varied(900.0)

    def flow(x: Tensor, y: Tensor, near: Tensor | None = None) -> Tensor:
        depth = y[:, 2:] if near is None else near
        moved = focal * (y[:, :2] / depth - x[:, :2] / x[:, 2:])
        return torch.cat([moved, moved.norm(dim=1, keepdim=True)], 1).T

    right = flow(before, after)
    motion = after - before
    orthographic = focal * motion[:, :2] / before[:, 2:]
    wrong = {
        "the sign of u and v: flow goes from before to after": flow(after, before),
        "both were divided by the depth before; the point came nearer or went away meanwhile": flow(
            before, after, before[:, 2:]
        ),
        "the focal length is missing: these are slopes, and pixels are wanted": right / focal,
        "this is the motion in millimetres; it has to be projected": torch.cat(
            [motion[:, :2], motion[:, :2].norm(dim=1, keepdim=True)], 1
        ).T,
        "the third row is the length of (u, v) in pixels; yours is the motion in space": torch.cat(
            [right[:2], motion.norm(dim=1)[None]]
        ),
        "the third row is squared: take the root": torch.cat([right[:2], right[2:].square()]),
        "u and v are right; the third row, their length, is missing": right[:2],
        "the numbers are right: a row for u, one for v, one for the magnitude, so (3, n)": right.T,
        "u and v are exchanged: u is along the columns, from x": right[[1, 0, 2]],
        "the third row is the sum of u and v: take their length": torch.cat([right[:2], right[:2].sum(0)[None]]),
        "a motion of the point was divided by its depth; the point itself has to be projected twice": torch.cat(
            [orthographic, orthographic.norm(dim=1, keepdim=True)], 1
        ).T,
    }
    return compare(result_of(lambda x, y: function(x, y, focal), before=before, after=after), right, wrong)


@exercise(
    "Cut a square of 14 x 14 around each centre, then put the four together to one map.",
    "Columns c - 7 to c + 6 and rows r - 7 to r + 6; eyes above, lips below, each on its own side.",
    "`flow[:, r - 7 : r + 7, c - 7 : c + 7]` cuts one. Along which axis does `torch.cat` put two side by side?",
)
def four_areas(function: Function) -> str | None:
    """flow (3, 28, 28) and centres (4, 2), column and row of left eye, right eye, left and right lips: (3, 28, 28)."""
    flow = torch.randn(3, 28, 28, generator=draws(0), dtype=torch.float64)
    centres = torch.tensor([[9, 8], [20, 7], [11, 19], [17, 20]])

    def cut(shift: int = 7, swap: bool = False) -> list[Tensor]:
        places = centres.flip(1) if swap else centres
        return [flow[:, r - shift : r - shift + 14, c - shift : c - shift + 14] for c, r in places.tolist()]

    def tile(parts: list[Tensor], order: tuple[int, ...] = (0, 1, 2, 3)) -> Tensor:
        a, b, c, d = (parts[k] for k in order)
        return torch.cat([torch.cat([a, b], 2), torch.cat([c, d], 2)], 1)

    areas, swapped = cut(), cut(swap=True)
    wrong = {
        "column and row are exchanged: the centres give the column first, and a map takes the row first": tile(swapped),
        "column and row are exchanged, and so are two of the areas: the faults hide each other, as in published code": (
            tile(swapped, (0, 2, 1, 3))
        ),
        "the right eye and the left lips are exchanged: the eyes lie above, the lips below": tile(areas, (0, 2, 1, 3)),
        "left and right are exchanged": tile(areas, (1, 0, 3, 2)),
        "lips lie above and eyes below": tile(areas, (2, 3, 0, 1)),
        "the squares begin one too late: from c - 7 to c + 6, and c - 6 is the second": tile(cut(6)),
        "the four areas are right: tile them to one map (3, 28, 28)": torch.stack(areas),
        "the four areas stand in one row: two above, two below": torch.cat(areas, 2),
        "the four areas stand in one column: two above, two below": torch.cat(areas, 1),
    }
    return compare(result_of(function, flow=flow, centres=centres), tile(areas), wrong)


@exercise(
    "Each query asks all keys; how well they agree decides how much of each value it takes.",
    "softmax(Q K^T / sqrt(D)) V, the softmax over the keys.",
    "`weights = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)`. What are they the weights of?",
)
def attend(function: Function) -> str | None:
    """query, key and value (T, D) to (T, D)."""
    generator = draws(0)
    query, key, value = (varied(1.5) * torch.randn(5, 4, generator=generator, dtype=torch.float64) for _ in range(3))
    scores = query @ key.mT / 2
    right = scores.softmax(-1) @ value
    wrong = {
        "the root of D is missing below: large scores make the softmax pick one key": (2 * scores).softmax(-1) @ value,
        "D stands below, and its root is wanted": (scores / 2).softmax(-1) @ value,
        "the softmax runs over the queries: the weights of one query have to sum to 1": scores.softmax(0) @ value,
        "the softmax is missing: the weights of a query do not sum to 1": scores @ value,
        "queries and keys are exchanged": scores.mT.softmax(-1) @ value,
        "these are the weights: take with them a mean of the values": scores.softmax(-1),
        "the keys are averaged; the weights belong to the values": scores.softmax(-1) @ key,
        "the softmax came before the root of D": (query @ key.mT).softmax(-1) / 2 @ value,
    }
    return compare(result_of(function, query=query, key=key, value=value), right, wrong)


@exercise(
    "Two numbers for each class, from its row and its column. Then the plain mean over the classes.",
    "F1 = 2 hits / (true + said), recall = hits / true, with true the sum of the row and said that of the column.",
    "`hits = counts.diagonal()`, `true = counts.sum(1)`, `said = counts.sum(0)`. Which of them stand under the hits?",
)
def uf1_uar(function: Function) -> str | None:
    """counts (C, C), rows are true classes: UF1 and UAR, two numbers from 0 to 1."""
    generator = draws(0)
    counts = torch.randint(1, 12, (3, 3), generator=generator) + torch.diag(torch.tensor([90, 30, 12]))
    hits, true, said = counts.diagonal().double(), counts.sum(1).double(), counts.sum(0).double()
    recall, precision = hits / true, hits / said
    f1, share = 2 * hits / (true + said), true / true.sum()
    first, second = pair(
        result_of(function, counts=counts), "return two numbers: the mean F1, and the mean recall of the classes"
    )
    plain = hits.sum() / true.sum()
    wrong_f1 = {
        "the 2 is missing above: a perfect reader would get one half": f1.mean() / 2,
        "each class counts by how frequent it is; unweighted means the plain mean over the classes": (f1 * share).sum(),
        "this is the plain accuracy, in which a rare class hardly counts": plain,
        "first F1 of each class, then the mean; yours is the F1 of mean precision and mean recall": (
            2 * recall.mean() * precision.mean() / (recall.mean() + precision.mean())
        ),
        "these are hits over either: a false alarm and a miss count half in F1": (hits / (true + said - hits)).mean(),
        "this is the mean precision": precision.mean(),
        "this is the mean recall, which comes second": recall.mean(),
        "one number for each class: take their mean": f1,
    }
    wrong_uar = {
        "rows are the true classes; yours divides by what was said, and that is precision": precision.mean(),
        "this is the plain accuracy, in which a rare class hardly counts": plain,
        "one number for each class: take their mean": recall,
        "this is the mean F1, which comes first": f1.mean(),
    }
    return compare(first, f1.mean(), wrong_f1) or compare(second, recall.mean(), wrong_uar)


@exercise(
    "Readable is what stands above chance by more than luck. And it must stay so for every larger amount.",
    "Find the smallest amount from which on all have mean - 2 spread > chance.",
    "`clear = mean - 2 * spread > chance` may be True once by luck. Which amounts have no False behind them?",
)
def smallest_readable(function: Function) -> str | None:
    """amounts (rising), mean and spread (A,), and chance: one of the amounts, or infinity if none is readable."""
    amounts = varied(torch.tensor([0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2], dtype=torch.float64), 0.05)
    mean = torch.tensor([0.34, 0.42, 0.36, 0.41, 0.47, 0.62, 0.81], dtype=torch.float64)
    spread = torch.tensor([0.02, 0.02, 0.03, 0.05, 0.03, 0.03, 0.02], dtype=torch.float64)
    chance = 1 / 3
    words = "return one of the amounts"
    number = one_number(function(amounts.clone(), mean.clone(), spread.clone(), chance), words)
    if number in (3, 4, 5):
        return f"{words} itself, and not its place in the list"
    wrong = {
        "this one is above chance, and a larger one behind it is not: that was luck": amounts[1],
        "here the mean is above chance by less than twice the spread": amounts[3],
        "the smallest of all: its mean is above chance by less than its spread": amounts[0],
        "the mean is above chance by less than its spread here": amounts[2],
        "that is one half above chance; with three classes chance is one third": amounts[5],
        "this is the largest: all from the wanted one on are readable": amounts[6],
    }
    if verdict := compare(number, amounts[4], wrong):
        return verdict
    nothing = numbers(function(amounts.clone(), torch.full_like(mean, chance), spread.clone(), chance))
    if nothing is not None and nothing.numel() == 1 and not bool(nothing.isfinite()):
        return None
    return "right here; but where no amount is readable, return infinity: none of these is large enough"


@exercise(
    "Add the noise first. The two largest of each row share the gate; all others get 0.",
    "Softmax of the two largest values alone, put back at their places.",
    "`best = (scores + noise).topk(2, dim=-1)` has values and indices. `torch.zeros_like(scores).scatter(-1, ...)` "
    "puts numbers at indices: which numbers?",
)
def noisy_top2(function: Function) -> str | None:
    """scores and noise (N, E) to gates (N, E), two of each row above 0."""
    generator = draws(0)
    scores = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    noise = varied(0.8) * torch.randn(6, 4, generator=generator, dtype=torch.float64)

    def of(x: Tensor, chosen_by: Tensor | None = None) -> Tensor:
        best = (x if chosen_by is None else chosen_by).topk(2, dim=-1).indices
        return torch.zeros_like(x).scatter(-1, best, x.gather(-1, best).softmax(-1))

    noisy = scores + noise
    best = noisy.topk(2, dim=-1)
    kept = torch.zeros_like(noisy).scatter(-1, best.indices, 1.0)
    wrong = {
        "the noise is missing: then the same two adapters learn all the time": of(scores),
        "the noise chose the two; it belongs into their gates too": of(scores, noisy),
        "the softmax came before the choice: the two gates do not sum to 1": noisy.softmax(-1) * kept,
        "the others take part in the softmax with 0, and exp(0) is 1: leave them out of it": (noisy * kept).softmax(-1),
        "all four adapters take part: keep the two largest of each row": noisy.softmax(-1),
        "only one adapter is left: the two largest share the gate": torch.zeros_like(noisy).scatter(
            -1, best.indices[:, :1], 1.0
        ),
        "both get one half; how much larger one score is has to count": kept / 2,
        "the two smallest were kept": of(noisy, -noisy),
        "these are the two gates: put them back at their places, 0 elsewhere": best.values.softmax(-1),
        "these are the scores of the two: take their softmax": noisy * kept,
    }
    return compare(result_of(function, scores=scores, noise=noise), of(noisy), wrong)


@exercise(
    "How much does each adapter get in the whole batch? The loss is 0 when all get the same.",
    "Sum the gates over the batch, one sum for each adapter; then variance over the squared mean.",
    "`load = gates.sum(0)`, and `load.var(correction=0)` stands above. What stands below?",
)
def balance_loss(function: Function) -> str | None:
    """gates (N, E) to one number, 0 when all adapters get the same load."""
    gates = varied(1.0) * torch.rand(9, 4, generator=draws(0), dtype=torch.float64).square()
    gates = gates / gates.sum(1, keepdim=True)
    load = gates.sum(0)
    right = load.var(correction=0) / load.mean().square()
    wrong = {
        "this is the ratio of spread and mean: square it": right.sqrt(),
        "the variance was divided by E - 1; all the adapters are here, so divide by E (correction=0)": (
            load.var() / load.mean().square()
        ),
        "divided by the mean, not by its square: a larger batch would be punished more": (
            load.var(correction=0) / load.mean()
        ),
        "this is the variance alone: divide by the squared mean, so that the batch's size does not count": (
            load.var(correction=0)
        ),
        "the sums go over the adapters, and each frame gives 1 there: sum over the batch": torch.zeros(()).double(),
        "all the gates were taken at once, or row by row: sum over the batch first, one load for each adapter": (
            gates.var(correction=0) / gates.mean().square()
        ),
        "the gates were counted and not summed: a gate of 0.9 is more than one of 0.1": (
            (gates > 0).double().sum(0).var(correction=0) / (gates > 0).double().sum(0).mean().square()
        ),
    }
    return compare(result_of(function, gates=gates), right, wrong)


@exercise(
    "Only directions count: bring every vector to length 1. Then each scene meets each prompt.",
    "logits = cosine / temperature, a row for each scene and a column for each prompt.",
    "`F.normalize(seen, dim=-1) @ F.normalize(prompts, dim=-1).mT` are the cosines. What does 0.01 do with them?",
)
def prompt_logits(function: Function) -> str | None:
    """seen (N, D), prompts (C, D), temperature: logits (N, C)."""
    generator = draws(0)
    seen = 3 * torch.randn(6, 5, generator=generator, dtype=torch.float64)
    prompts = torch.rand(4, 1, generator=generator, dtype=torch.float64) + torch.randn(
        4, 5, generator=generator, dtype=torch.float64
    )
    temperature = varied(0.01)
    a, b = F.normalize(seen, dim=-1), F.normalize(prompts, dim=-1)
    right = a @ b.mT / temperature
    wrong = {
        "the lengths count: a scene with larger numbers would be surer. Normalise both": seen
        @ prompts.mT
        / temperature,
        "the prompts are not normalised: a long one would win everywhere": a @ prompts.mT / temperature,
        "the scenes are not normalised": seen @ b.mT / temperature,
        "multiplied by the temperature: a low one makes the choice sharper, so divide": a @ b.mT * temperature,
        "these are the cosines: divide by the temperature": a @ b.mT,
        "normalised along the batch: the length of a vector runs over its own numbers": (
            F.normalize(seen, dim=0) @ F.normalize(prompts, dim=0).mT / temperature
        ),
        "these are probabilities: logits are wanted, the softmax comes in the loss": right.softmax(-1),
        "a row for each scene, a column for each prompt: yours is the other way round": right.mT,
    }
    return compare(result_of(lambda x, y: function(x, y, temperature), seen=seen, prompts=prompts), right, wrong)


QUIZ = questions("""
A reader is tested on each person in turn, and for each the epoch with the most right answers is kept. What is wrong?
[ ] nothing: the person was not trained on
    The weights did not see the person. The choice of the epoch did.
[x] the test person chose the epoch, so the result flatters
    With labels dealt out at random it even seems to read what is not there.
[ ] the epochs differ from person to person
    That would be allowed if other people chose them.

Of a person's faces ten are negative, six positive, four surprised. A reader always says "negative". What is its UAR?
[ ] 50 %
    That is the accuracy.
[x] one third
    It finds all of one class and none of two: (1 + 0 + 0) / 3.
[ ] 0
    It finds all the negative ones.

Attention among a single token gives
[x] the value of this token, whatever query and key are
    The softmax of one number is 1. A network may be called a transformer and never attend.
[ ] the token itself
    Its value, which a matrix made of it.
[ ] an error
    It computes without complaint, which is the trouble.

Stills of many people help to read clips. What can they teach, and what can they not?
[ ] the direction of smiles
    A still has none.
[x] what smiles look like on other people; which way they go is only in the clips
    In the table the gain is in "which". Whether they also harm has to be measured.
[ ] nothing, since a still has one frame
    Each frame of a clip looks like a still.

What does the balance loss prevent?
[ ] that two adapters get the same frames
    They may; every frame gets two.
[x] that the router sends everything to the same two adapters
    Those would learn and get better, and the others never would.
[ ] overfitting
    It only looks at how the load is shared.

A scene's vector is doubled in length. What happens to its logits in equation (15.7)?
[x] nothing
    Only its direction counts.
[ ] they double
    That would be so without the normalisation.
[ ] they rise by the temperature
    The temperature divides all of them alike.

In a data set the phone always lies on the right. A reader is right in nearly all cases. What do you test next?
[ ] more scenes of the same kind
    They would agree, and say nothing.
[x] scenes in which face and cards form new pairs
    A reader that only sees where the eyes go would fail there.
[ ] a lower temperature
    That changes how sure it is, and not what it looks at.

"Distracted" at 97 %. What do you know?
[ ] the student does not pay attention
    You may look at a phone to look up a word.
[x] the eyes go to where a phone lies
    The rest of the label is a rule that people wrote. Ask before you judge.
[ ] the student is bored, with a probability of 97 %
    No part of the data knew what anybody felt.
""")
