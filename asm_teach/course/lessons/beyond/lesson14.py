"""Exercises and quiz of lesson 14: labels, people, shortcuts."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.comparing import numbers
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.slips import gradient_cut, result_of
from asm_teach.course.quizzes import questions


@exercise(
    "For each column count three things: where both say yes, how often you said so, and how often it is true.",
    "F1 = 2 both / (said + true), column by column; then the mean of the columns.",
    "`both = (said & true).sum(0)`. What are the other two counts, and along which axis are they taken?",
)
def mean_f1(function: Function) -> str | None:
    """said and true (N, U) of True and False to the mean F1 of the columns, a number."""
    generator = draws(0)
    chance = torch.tensor([0.6, 0.3, 0.15])
    true = torch.rand(40, 3, generator=generator) < chance
    said = true ^ (torch.rand(40, 3, generator=generator) < torch.where(true, 0.3, 0.2))
    true[0], said[0], true[1], said[1], true[2], said[2] = True, True, True, False, False, True
    both, says, is_true = ((x.sum(0).double()) for x in (said & true, said, true))
    each = 2 * both / (says + is_true)
    wrong = {
        "this is one number per unit: take their mean": each,
        "this is the plain accuracy: where units are rare, who always says no gets most of it": (
            (said == true).double().mean()
        ),
        "the counts of all units were put together: each column has an F1 of its own": 2
        * both.sum()
        / (says.sum() + is_true.sum()),
        "this is the precision: said wrongly counts in it, missed does not": (both / says).mean(),
        "this is the recall: missed counts in it, said wrongly does not": (both / is_true).mean(),
        "this is the mean of precision and recall: F1 is their harmonic mean": (
            (both / says + both / is_true) / 2
        ).mean(),
        "both belongs twice above, since it is counted in said and in true": (both / (says + is_true)).mean(),
        "this is both over either, the IoU of lesson 13": (both / (says + is_true - both)).mean(),
        "the columns are the units: this is an F1 per face": (
            2 * (said & true).sum(1).double() / (said.sum(1) + true.sum(1)).clamp_min(1)
        ).mean(),
    }
    return compare(result_of(function, said=said, true=true), each.mean(), wrong)


@exercise(
    "Forwards nothing happens. What does `backward` get, and what does it have to hand on?",
    "`forward` stores the strength in `ctx` and returns z; `backward` gets the gradient and returns minus strength "
    "times it, and None for the strength itself.",
    "`ctx.strength = strength` in `forward`. In `backward` two things are returned, one for each argument of "
    "`forward`: which number multiplies `gradient` in the first?",
)
def reversed_gradient(function: Function) -> str | None:
    """z (N, D) and strength to z again, with a gradient of -strength times the one that comes back."""
    generator = draws(0)
    z, back = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    strength = varied(0.7)
    x = z.clone().requires_grad_()
    found = function(x, strength)
    changed = {
        "forwards z passes unchanged; only the gradient is turned round": -z,
        "forwards z passes unchanged: minus strength belongs into backward": -strength * z,
        "strength belongs into backward; forwards z passes unchanged": strength * z,
    }
    if said := compare(found, z, changed):
        return said
    if cut := gradient_cut(found):
        return cut
    (slope,) = torch.autograd.grad((found * back).sum(), x, allow_unused=True)
    if slope is None:
        return "the gradient is cut: what you return does not depend on z for autograd; look for detach"
    wrong = {
        "the gradient passes as it came: backward has to return minus strength times it": back,
        "the minus sign is missing: with it the encoder climbs where the head descends": strength * back,
        "the strength is missing: the gradient is turned round at full size": -back,
        "the strength counts twice": -(strength**2) * back,
        "divided by the strength: multiply by it": -back / strength,
        "the gradient is 0: the encoder would not notice the head": torch.zeros_like(back),
    }
    return compare(slope, -strength * back, wrong)


@exercise(
    "First throw away what reads units too poorly. What decides among the rest?",
    "Keep those whose F1 is at most `allow` below the best one; of them take the one with the lowest probe.",
    "`good = f1 >= f1.max() - allow`. Give the others a probe that never wins, then `argmin`.",
)
def chosen(function: Function) -> str | None:
    """f1 (L,) and probe (L,) of people kept for choosing, and allow, to the index of the lambda to take."""
    before = varied(2, 0.5)
    f1 = varied(1.0, 0.05) * torch.tensor([*([0.4] * before), 0.650, 0.668, 0.661, 0.659, 0.645, 0.300]).double()
    probe = torch.tensor([*([0.3] * before), 0.25, 0.18, 0.15, 0.16, 0.11, 0.09]).double()
    found = numbers(function(f1.clone(), probe.clone(), 0.01))
    right = before + 2
    if found is None or found.numel() != 1 or not float(found).is_integer():
        return "return the index of one lambda, a whole number: not its F1, not its probe, and not several"
    wrong = {
        "this one has the highest F1: within allow of it another one knows less about people": before + 1,
        "this one has the lowest probe of all, and reads nothing any more": before + 5,
        "this is measured from another F1 than the best: allow counts from the best one": before + 4,
        "this is the largest lambda that is good enough; the lowest probe decides": before + 3,
        "this is the first one, without any reversal": 0,
        "this one has the highest probe of those that are good enough": before,
    }
    return compare(found.reshape(()), float(right), {words: float(k) for words, k in wrong.items()})


@exercise(
    "When is a row of probabilities surest, and when least sure? What is its entropy then?",
    "c = 1 - H / ln K, with H = - sum p ln p over the K classes.",
    "`entropy = -torch.xlogy(p, p).sum(1)`, where 0 ln 0 counts as 0. What is the largest value it can take?",
)
def confidence(function: Function) -> str | None:
    """p (N, K), rows of probabilities, to (N,): 1 for a sure row, 0 for one that does not know."""
    p = (2 * torch.randn(5, 6, generator=draws(0), dtype=torch.float64)).softmax(1)
    p = torch.cat([p, torch.eye(6, dtype=torch.float64)[:1]])
    entropy = -torch.xlogy(p, p).sum(1)
    given = result_of(function, p=p)
    found = numbers(given)
    if found is not None and found.shape == entropy.shape and bool(found.isnan().any()):
        return "a probability of 0 gives 0 times minus infinity, which is nan: use torch.xlogy(p, p), where it is 0"
    wrong = {
        "this is high when the row is unsure: take one minus it": entropy / math.log(6),
        "this is the entropy, high when the row is unsure and not yet between 0 and 1": entropy,
        "divide the entropy by its largest value, ln K, before you subtract it from 1": 1 - entropy,
        "this is the negative entropy: it is 0 for a sure row": -entropy,
        "the entropy was divided by K; its largest value is ln K": 1 - entropy / 6,
        "this is the entropy in bits over ln K: use one logarithm for both": 1 - entropy / math.log(2) / math.log(6),
        "this is the highest probability: at a row that does not know it is 1 / K and not 0": p.amax(1),
        "this is a sum over the faces: each row has a confidence of its own": 1
        + torch.xlogy(p, p).sum(0) / math.log(6),
        "this is a mean over the classes: the entropy is a sum": 1 + torch.xlogy(p, p).mean(1) / math.log(6),
    }
    return compare(given, 1 - entropy / math.log(6), wrong)


@exercise(
    "Which pairs of anchors are too near to each other, and by how much? Those that are far enough cost nothing.",
    "The mean over the pairs i < j of max(0, margin - |a_i - a_j|) squared.",
    "`torch.pdist(anchors)` has the distance of each pair once. What does `.relu()` do to `margin` minus it?",
)
def anchor_term(function: Function) -> str | None:
    """anchors (A, D) and margin to one number, 0 where every pair is at least margin apart."""
    anchors = varied(1.0) * torch.randn(6, 3, generator=draws(0), dtype=torch.float64)
    apart = torch.pdist(anchors)
    margin = float(apart.median()) * 1.2
    short = (margin - apart).relu()
    right = short.square().mean()
    given = function(anchors.clone(), margin)
    wrong = {
        "this has no lower bound: anchors would fly apart for ever, and nothing else would count": (
            -apart.square().mean()
        ),
        "this has no lower bound, and counts every pair twice": -torch.cdist(anchors, anchors).square().sum(),
        "this is a sum over the pairs: take the mean": short.square().sum(),
        "the square is missing": short.mean(),
        "without max(0, .) anchors that are far enough are pulled back": (margin - apart).square().mean(),
        "the other way round: this punishes anchors that are far apart": (apart - margin).relu().square().mean(),
        "squared distances were compared with the margin": (margin - apart.square()).relu().square().mean(),
        "each anchor was also compared with itself: the distance 0 is in the mean": (
            (margin - torch.cdist(anchors, anchors)).relu().square().mean()
        ),
    }
    return compare(given, right, wrong) or gradient_of(function, anchors, margin)


def gradient_of(function: Function, anchors: Tensor, margin: float) -> str | None:
    """Whether anchors can learn from the term: its gradient reaches them."""
    return gradient_cut(function(anchors.clone().requires_grad_(), margin))


@exercise(
    "Three steps: which nodes are linked at all, which links go, and how a node shares its weight out.",
    "A = 1 where |related| >= least, without links among the first `kinds` and without the diagonal. Then each row: "
    "`share` is divided evenly among its neighbours, and the node itself keeps 1 - share.",
    "`links = (related.abs() >= least).double()`, `links[:kinds, :kinds] = 0`, `links.fill_diagonal_(0)`. "
    "By what is each row divided before it is multiplied by share?",
)
def adjacency(function: Function) -> str | None:
    """related (n, n), kinds, least and share to the weights (n, n) of a graph, rows that sum to 1."""
    generator, kinds, least, share = draws(0), 4, 0.3, varied(0.4)
    related = 1.4 * torch.rand(7, 7, generator=generator, dtype=torch.float64) - 0.7
    related = (related + related.T) / 2
    related[:kinds, kinds] = related[kinds, :kinds] = torch.tensor([0.5, -0.6, 0.4, -0.5]).double()
    related[0, 5] = related[5, 0] = -0.8
    related[1, 2] = related[2, 1] = 0.9
    related.fill_diagonal_(1.0)

    def by(links: Tensor, itself: float = 1 - share, part: float = share, axis: int = 1) -> Tensor:
        return part * links / links.sum(axis, keepdim=True).clamp_min(1) + itself * torch.eye(7).double()

    full = (related.abs() >= least).double()
    links = full.clone()
    links[:kinds, :kinds] = 0
    alone = full.clone()
    alone.fill_diagonal_(0)
    own = links.clone()
    links.fill_diagonal_(0)
    signed = (related >= least).double()
    signed[:kinds, :kinds] = 0
    signed.fill_diagonal_(0)
    wrong = {
        "links that say no count as well: take the size of a correlation, not its sign": by(signed),
        "links between two emotions are still in it: they go": by(alone),
        "a node is a neighbour of itself here: clear the diagonal before you divide": by(own),
        "the correlations themselves were kept: a link is 1 or 0": by(links * related.abs()),
        "share and 1 - share are exchanged": by(links, share, 1 - share),
        "the columns were divided: each row shares its own weight out": by(links, axis=0),
        "not divided: with many neighbours a row sums to more than 1": share * links + (1 - share) * torch.eye(7),
        "the node itself is missing: it keeps 1 - share": by(links, 0.0),
        "the node itself keeps 1 - share, not 1": by(links, 1.0),
        "these are the links; they still have to be shared out": links,
    }
    return compare(result_of(lambda x: function(x, kinds, least, share), related=related), by(links), wrong)


@exercise(
    "A correlation forgives another mean and another size. What has to stand below so that neither is forgiven?",
    "2 cov(x, y) / (var x + var y + (mean x - mean y)^2), with plain means over the N faces.",
    "`x, y = said - said.mean(), true - true.mean()` and `cov = (x * y).mean()`. Three things are added below.",
)
def agreement(function: Function) -> str | None:
    """said and true (N,) to their concordance, a number up to 1."""
    generator = draws(0)
    true = torch.randn(12, generator=generator, dtype=torch.float64)
    said = varied(0.5) * true + 0.2 * torch.randn(12, generator=generator, dtype=torch.float64)
    said = said - said.mean() + true.mean() + varied(0.3)  # so that the means always differ
    x, y = said - said.mean(), true - true.mean()
    cov, size = (x * y).mean(), x.square().mean() + y.square().mean()
    off = (said.mean() - true.mean()).square()
    wrong = {
        "this is the plain correlation: it forgives another mean and another size": cov
        / (x.square().mean() * y.square().mean()).sqrt(),
        "the difference of the means is missing below": 2 * cov / size,
        "the 2 is missing above: for equal labels this gives one half": cov / (size + off),
        "the difference of the means is to be squared": 2 * cov / (size + off.sqrt()),
        "var and cov were divided by N - 1: plain means are meant": 2 * cov * 12 / 11 / (size * 12 / 11 + off),
        "deviations stand below where variances should": 2
        * cov
        / (x.square().mean().sqrt() + y.square().mean().sqrt() + off),
        "the means were not subtracted in cov": 2 * (said * true).mean() / (size + off),
        "twice the product of the deviations stands below, where the sum of the variances belongs": 2
        * cov
        / (2 * (x.square().mean() * y.square().mean()).sqrt() + off),
        "this is the loss, one minus the concordance": 1 - 2 * cov / (size + off),
    }
    return compare(result_of(function, said=said, true=true), 2 * cov / (size + off), wrong)


QUIZ = questions("""
A reader does better on people it was trained on than on new ones, and a probe names its people. What happened?
[x] it learned who makes which unit, and that does not help with somebody new
    It recognised the person and remembered the habits. That is a shortcut.
[ ] new people move their faces in other ways
    Here every unit moves all faces alike, since they were drawn so.
[ ] it needs more steps of training
    More steps make it remember better.

Backwards the reversal hands on -lambda times the gradient. Who minimises the loss of the head that names people?
[ ] nobody
    The head itself does: its own weights lie before the reversal on the way back.
[x] the head minimises it, and the encoder makes it larger
    One loss, two directions. That is why it is a game and not a descent.
[ ] both, with different speed
    Without the minus sign it would be so.

The network's own head names people no better than chance. Has the code forgotten them?
[ ] yes, chance is chance
    The head may simply have been led astray: with large lambda it was, and a fresh probe found more than before.
[x] not proven: ask a fresh probe, and remember that even it is only linear
    What one reader cannot find, another may.
[ ] no, a code never forgets
    A constant code forgets everything, the units as well.

Equal weights per person did as well as the best lambda. What follows?
[ ] reversal is useless
    Weights need to know the habits in the training set; reversal needs names only.
[x] a sceptic's simple baseline belongs into the table, for it may win
    The question is what the clever method adds to the simple one.
[ ] weights should be called reversal
    They do not touch the gradient of any head.

Confidence c is built from the entropy of p. What happens if its sign is wrong?
[x] sure answers are replaced by anchors, and unsure ones are kept
    That is the opposite of what reliability is for.
[ ] nothing, since the mixture sums to 1 anyway
    It sums to 1 with any c.
[ ] the network cannot be trained
    It can. Nothing in the loss tells you, so you have to look.

A graph with random rows did about as well as one with rows of units. What follows for the rows of units?
[x] here they gave the heads nothing that can be measured
    A control that keeps the machinery and takes the meaning away shows that.
[ ] random rows have a hidden meaning
    They were drawn after the labels were made, by a generator of random numbers.
[ ] the graph needs more layers
    Perhaps it does; this comparison does not tell.

Frames split at random give the highest accuracy. Which number do you report, if it shall work for new people?
[ ] that one
    Frames of one clip lie on both sides, and the test asks for what was seen.
[x] that of a split by people, and one by population if it goes to others
    A split must separate what will be new in use.
[ ] the mean of all splits
    A mean of a wrong number and a right one is a wrong number.

A recogniser is trained on people of one mapping and used on people of another. What tells you, in use, that it fails?
[ ] its confidence drops
    It did not: it was as sure as before.
[x] nothing that it says; you need labels from the people it is used on
    And whether a label exists at all is a question for them.
[ ] the people's faces look unusual
    Each movement is as usual as before. What differs is what goes with it.
""")
