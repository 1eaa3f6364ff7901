"""Exercises and quiz of lesson 13: what a reader looks at."""

from __future__ import annotations

import torch
from torch import Tensor

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.comparing import equal, numbers, pair
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.slips import result_of
from asm_teach.course.checks.topics.looking import frames, occlusions, plain
from asm_teach.course.quizzes import questions


@exercise(
    "Each unit has a map of its own. First bring all of them to the same height, then put those that act together.",
    "Divide each row by its largest number; of the rows that act take the largest number at each vertex.",
    "`alone = moved / moved.amax(1, keepdim=True)` is (E, V). Which rows does `alone[acts]` keep?",
)
def union_map(function: Function) -> str | None:
    """moved (E, V) mm and acts (E,) of True and False to one map (V,) from 0 to 1."""
    moved = varied(1.0) * 6 * torch.rand(5, 12, generator=draws(0), dtype=torch.float64).square()
    acts = torch.tensor([True, False, True, False, True])
    alone = moved / moved.amax(1, keepdim=True)
    right = alone[acts].amax(0)
    wrong = {
        "these are millimetres: a jaw that drops far would outshine every brow. Divide each row by its largest": (
            moved[acts].amax(0)
        ),
        "one height for all units: each row is divided by its own largest number": (moved[acts] / moved.max()).amax(0),
        "these are the maps of the units that act; the largest of each column is wanted": alone[acts],
        "all units are in it; only those that act belong there": alone.amax(0),
        "this is their sum: where two units move the same skin it is above 1": alone[acts].sum(0),
        "this is their mean, which gets weaker with every unit that moves something else": alone[acts].mean(0),
        "each vertex was divided by its largest, so the map is 1 everywhere": (moved / moved.amax(0))[acts].amax(0),
    }
    return compare(result_of(function, moved=moved, acts=acts), right, wrong)


@exercise(
    "A turn and a scale of the plane are one complex number. Which problem of least squares is left?",
    "Subtract the means of both first. Then a = sum conj(z) w / sum |z|^2, and b = mean(w) - a mean(z).",
    "`x, y = z - z.mean(), w - w.mean()` and `a = (x.conj() * y).sum() / x.abs().square().sum()`. "
    "Where does a take the mean of z, and where should it go?",
)
def eye_frame(function: Function) -> str | None:
    """z (n,) complex pixels and w (n,) complex places in the square to a and b with a z + b nearest to w."""
    generator = draws(0)
    z = torch.view_as_complex(100 * torch.randn(5, 2, generator=generator, dtype=torch.float64)) + complex(600, 500)
    turn = torch.polar(torch.tensor(0.002).double(), varied(torch.tensor(0.4).double()))
    noise = torch.view_as_complex(torch.randn(5, 2, generator=generator, dtype=torch.float64))
    w = turn * (z - z.mean()) + 0.02 * noise + complex(0.5, 0.25)
    words = "return two complex numbers: a, the turn and scale, and b, the shift"
    first, second = (plain(one) for one in pair(function(z.clone(), w.clone()), words))
    (a, turned), (b, shifted) = frames(z, w)
    return compare(first, a, turned) or compare(second, b, shifted)


@exercise(
    "How many of the smiles did it find? How many of the calm faces did it leave alone? Both count alike.",
    "It is the mean of two shares: of the smiles that were called so, and of the others that were not.",
    "`found = said[true].double().mean()` is the first share. "
    "Which rows does the second one look at, and what is right there?",
)
def balanced_accuracy(function: Function) -> str | None:
    """said (N,) and true (N,), both of True and False, to a number from 0 to 1."""
    generator = draws(0)
    true = torch.arange(30) < varied(9, 0.2)
    true = true[torch.randperm(30, generator=generator)]
    said = true ^ (torch.rand(30, generator=generator) < torch.where(true, 0.45, 0.15))
    said[true.nonzero()[0]], said[(~true).nonzero()[0]] = False, True  # at least one of each fault
    said[true.nonzero()[-1]], said[(~true).nonzero()[-1]] = True, False
    found, kept = said[true].double().mean(), (~said[~true]).double().mean()
    right = (found + kept) / 2
    wrong = {
        "this is the plain accuracy: with few smiles, who always says no gets most of it right": (
            (said == true).double().mean()
        ),
        "this is the share of smiles that were found alone; who always says yes finds all": found,
        "the second share is the other way round: at a calm face, False is right": (
            (found + said[~true].double().mean()) / 2
        ),
        "these are the shares of what was said; look at what is true first": (
            (true[said].double().mean() + (~true[~said]).double().mean()) / 2
        ),
        "this is the precision: of those called smiles, how many are": true[said].double().mean(),
        "the two shares were added: take their mean": found + kept,
        "this is the share of faults: take one minus it": 1 - right,
    }
    if said_wrong := compare(result_of(function, said=said, true=true), right, wrong):
        return said_wrong
    try:
        nothing = numbers(function(said, torch.zeros_like(true)))
    except ValueError:
        return None
    if nothing is not None and not nothing.isfinite().all():
        return None
    return (
        "right for two classes, but with one class alone a share has nothing to look at: let nan come out, or raise "
        "a ValueError, and put no number in its place"
    )


@exercise(
    "Sort the scores. Then a cut is a place in the row, and there are only N - 1 of them: try each.",
    "For each cut, add up (x - mean)^2 over the low group, with its own mean, and over the high group, with its own.",
    "`s = scores.sort().values`, and the groups are `s[:k]` and `s[k:]` for k from 1 to N - 1. "
    "Between which two scores lies the threshold of the best k?",
)
def cut(function: Function) -> str | None:
    """scores (N,) to one number, between two of them."""
    generator = draws(0)
    low, high = torch.randn(17, generator=generator).double(), 2 * torch.randn(9, generator=generator).double()
    scores = varied(1.0) * torch.cat([low - 1.5, high + 3.5, torch.tensor([-11.0, 13.5]).double()])  # two far out
    scores = scores[torch.randperm(len(scores), generator=generator)]
    s = scores.sort().values
    middle = (s[1:] + s[:-1]) / 2

    def around(x: Tensor) -> Tensor:
        return (x - x.mean()).square()

    parts = [(s[:k], s[k:]) for k in range(1, len(s))]
    sums = torch.stack([around(a).sum() + around(b).sum() for a, b in parts])
    means = torch.stack([around(a).mean() + around(b).mean() for a, b in parts])
    k = int(sums.argmin())
    a, b = parts[k]
    wrong = {
        "this is the mean of all scores: no group has been formed, and it moves with the share of smiles": (
            scores.mean()
        ),
        "this is the median: it calls half of the photographs smiles, whether they are or not": scores.median(),
        "this is half way between the median's neighbours: it calls half of them smiles, whether they are or not": (
            s[len(s) // 2 - 1 : len(s) // 2 + 1].mean()
        ),
        "this is half way between the means of the two groups; the threshold lies between their nearest scores": (
            (a.mean() + b.mean()) / 2
        ),
        "this is the middle of the widest gap, and a single far score makes one": middle[(s[1:] - s[:-1]).argmax()],
        "this is half way between the lowest and the highest score: two numbers decide for all": (s[0] + s[-1]) / 2,
        "this is the highest score of the low group; the threshold lies half way to the next one": s[k],
        "this is the lowest score of the high group; the threshold lies half way down to the last low one": s[k + 1],
        "add up the squares in each group: with the means of the squares a group of one counts as much as the rest": (
            middle[means.argmin()]
        ),
        "this is the worst cut: the sum of squares should be as small as possible": middle[sums.argmax()],
    }
    return compare(function(scores.clone()), middle[k], wrong)


@exercise(
    "A whole number counts steps. How long is a step, and where does counting begin?",
    "value = scale * number + lowest. As whole numbers of 8 bits they cannot be multiplied: make them floats first.",
    "`numbers.float() * scale + lowest` has the right values. Which method gives it the shape?",
)
def unpacked(function: Function) -> str | None:
    """numbers (n,) uint8, scale and lowest to floats of a shape."""
    shape = (3, 2, 2)
    stored = torch.randint(0, 256, (12,), generator=draws(0), dtype=torch.uint8)
    scale, lowest = varied(0.0058), varied(-0.7125)
    steps = stored.double()
    right = (steps * scale + lowest).reshape(shape)
    wrong = {
        "lowest is missing: the number 0 stands for the lowest value": (steps * scale).reshape(shape),
        "the scale multiplies lowest too: scale * number + lowest": ((steps + lowest) * scale).reshape(shape),
        "lowest is the value of number 0 and is added as it is, with its sign": (steps * scale - lowest).reshape(shape),
        "divided by 255: the scale is the length of one step already": (steps / 255 * scale + lowest).reshape(shape),
        "divided by the scale: a number counts steps of that length": (steps / scale + lowest).reshape(shape),
        "the numbers were taken with a sign: uint8 goes from 0 to 255": (
            (stored.view(torch.int8).double() * scale + lowest).reshape(shape)
        ),
        "the values are right; the shape is missing": right.flatten(),
        "the numbers lie in the file with the last index running fastest: reshape in that order": (
            right.flatten().reshape(shape[::-1]).permute(2, 1, 0)
        ),
    }
    return compare(function(stored.clone(), scale, lowest, shape), right, wrong, 2e-6)


@exercise(
    "First one map for each face: the mean over its features. Then the cosine of two maps, as of two long vectors.",
    "loss = mean over the faces of 1 - a . h / (|a| |h|), with a and h all the places of one face in a row.",
    "`a = features.mean(1).flatten(1)` and `h = target.flatten(1)`. `(a * h).sum(1)` is one number for each face: "
    "what does it have to be divided by?",
)
def attention_loss(function: Function) -> str | None:
    """features (N, C, 8, 8) and target (N, 8, 8) to one number."""
    generator = draws(0)
    features = varied(1.0) * torch.rand(3, 5, 4, 4, generator=generator, dtype=torch.float64) ** 2
    target = torch.rand(3, 4, 4, generator=generator, dtype=torch.float64) ** 3
    a, h = features.mean(1).flatten(1), target.flatten(1)
    cosine = (a * h).sum(1) / (a.norm(dim=1) * h.norm(dim=1))
    c = torch.nn.functional.cosine_similarity
    wrong = {
        "this is the cosine: a loss falls when the maps agree, so take one minus it": cosine.mean(),
        "this is one number for each face: take their mean": 1 - cosine,
        "the lengths are missing: a brighter map would be a better one": 1 - (a * h).sum(1).mean(),
        "all faces were put into one long vector; each has a cosine of its own": 1 - c(a.flatten(), h.flatten(), dim=0),
        "the cosine was taken along one axis of the map: flatten the places of a face first": (
            (1 - c(features.mean(1), target, dim=1)).mean()
        ),
        "the cosine was taken along the last axis of the map: flatten the places of a face first": (
            (1 - c(features.mean(1), target, dim=2)).mean()
        ),
        "each feature was compared by itself: take the mean over the features first": (
            (1 - c(features.flatten(2), h[:, None], dim=2)).mean()
        ),
        "the means were subtracted: that is a correlation, and here the plain cosine is meant": (
            (1 - c(a - a.mean(1, keepdim=True), h - h.mean(1, keepdim=True))).mean()
        ),
        "the largest feature was taken for the mean": (1 - c(features.amax(1).flatten(1), h)).mean(),
        "this is the squared distance of the maps": (a - h).square().mean(),
        "the faces were added: take their mean": (1 - cosine).sum(),
    }
    return compare(result_of(function, features=features, target=target), (1 - cosine).mean(), wrong)


@exercise(
    "Cover one square, ask again, and note what is lost. Then the next square, on the crop as it was.",
    "map[r, c] = score(crop) - score(crop with the square at row r and column c set to the crop's mean).",
    "Two loops over `range(0, len(crop), side)`; in each `covered = crop.clone()` and "
    "`covered[r : r + side, c : c + side] = crop.mean()`. In which order are the two scores subtracted?",
)
def occlusion_map(function: Function) -> str | None:
    """score, crop (S, S), side of a square: how much of the score each covered square takes, (S/side, S/side)."""
    crop = torch.rand(12, 12, generator=draws(0), dtype=torch.float64) ** 2
    looks_at = torch.rand(12, 12, generator=draws(1), dtype=torch.float64) - 0.2
    side, kept = 4, crop.clone()

    def score(x: Tensor) -> Tensor:
        return (x * looks_at).sum() + 3 * x[5, 5] * x[1, 9]

    found = function(score, crop, side)
    if not torch.equal(crop, kept):
        return "your function changes the crop in place: clone it before you cover a square"
    return compare(found, *occlusions(score, crop))


@exercise(
    "A map has no edge. Which of its places count as marked, if as many should be marked as in the mask?",
    "Take the n largest places of the map, n = the number of marked places of the mask. IoU = both / either.",
    "`marked = torch.zeros_like(mask)` and `marked[heat.topk(int(mask.sum())).indices] = True`. "
    "Which of `&` and `|` gives what both mark?",
)
def overlap(function: Function) -> str | None:
    """heat (V,) and mask (V,) of True and False to their intersection over union, a number from 0 to 1."""
    generator = draws(0)
    heat = torch.randn(20, generator=generator, dtype=torch.float64)
    mask = torch.zeros(20, dtype=torch.bool)
    best = heat.argsort(descending=True)
    mask[best[[0, 2, 3, 5, 9, 13]]] = True  # four of the six largest, and two others
    marked = torch.zeros_like(mask)
    marked[best[:6]] = True
    both, either = (marked & mask).sum(), (marked | mask).sum()

    def of(other: Tensor) -> Tensor:
        return (other & mask).sum() / (other | mask).sum()

    small = torch.zeros_like(mask)
    small[best[-6:]] = True
    wrong = {
        "this is both over the mask: the share that was found. Below stands what either marks": both / mask.sum(),
        "the map was cut at 0 and not at as many places as the mask has": of(heat > 0),
        "the map was cut at its mean: mark as many places as the mask has": of(heat > heat.mean()),
        "the smallest places are marked: the map is large where the network looks": of(small),
        "these are places on which both agree, marked or not": (marked == mask).double().mean(),
        "both were counted twice below: either = one + other - both": both / (marked.sum() + mask.sum()),
        "this is the Dice score, twice both over the sum; IoU is both over either": 2
        * both
        / (marked.sum() + mask.sum()),
    }
    found = result_of(function, heat=heat, mask=mask)
    if equal(found, both):
        return "this is the number of places that both mark: divide it by the number that either marks"
    return compare(found, (both / either).double(), {words: value.double() for words, value in wrong.items()})


QUIZ = questions("""
A network is trained on drawn faces alone and tested on photographs. Why is the threshold not chosen on the photographs?
[ ] there are too few of them
    With more of them it would still be the same mistake.
[x] then the test would have helped to make what it tests
    The threshold is a part of the reader. Chosen on the test it flatters, as the last line of the table shows.
[ ] a threshold must be 0.5
    Any number may be a threshold; what counts is where it was chosen.

The square is laid by the corners of the eyes. What would go wrong with the corners of the mouth?
[x] the square would take away what a smile does to the width of the mouth
    Whatever the frame is laid by always looks the same in it.
[ ] the detector finds them less exactly
    That is a small matter here.
[ ] nothing, as long as all faces are treated alike
    They would be treated alike, and the width of the mouth would be the same in all.

Of 100 faces 10 smile. A reader calls none of them a smile. What are its accuracy and its balanced accuracy?
[ ] 90 % and 90 %
    It finds no smile at all, and balanced accuracy counts that as half.
[x] 90 % and 50 %
    Half of the mean is 0 of 10 smiles, the other half 90 of 90 calm faces.
[ ] 10 % and 50 %
    It is right at 90 of 100 faces.

The published network and ours disagree at a face. Who is right?
[ ] the published one, because it saw more photographs
    What it saw, and with which labels, is not documented.
[ ] ours, because its labels are exact
    They are exact for drawn faces.
[x] neither vote tells: a person has to look at the face, and at what "right" shall mean
    Pseudo-labels are opinions. They help where two opinions are better than one, and no further.

Why is a map of action units made from the skin that moves, and not from discs around landmarks?
[ ] discs are slower
    Both take no time.
[x] the shapes tell exactly which skin moves and how far, also where no landmark lies
    Cheeks are the clearest case: unit 6 has none of the 68 landmarks.
[ ] discs cannot overlap
    They can; the largest counts, as in our union.

The attention loss makes maps agree with the action units. What does that prove about the reader's decision?
[ ] that it is made from the marked skin
    The loss asks for a bright map there. The layers behind it may read what they like.
[ ] that it is more accurate
    Look at the table: that is a second question, with an answer of its own.
[x] nothing yet: whether the marked skin decides has to be tested, by covering it
    A map that was asked for is a promise; the occlusion map is a test.

Two random marks each cover a third of the face. What IoU do they have on average, about?
[ ] 0
    They meet in about a ninth of the face.
[x] 0.2
    a^2 / (2a - a^2) = a / (2 - a), and a third gives a fifth.
[ ] 0.33
    That is the share of the one that the other covers; below stands what either covers.

A reader reports joy at 90 %. What may you say?
[ ] this person is happy
    It has seen skin. People smile out of politeness, pain and embarrassment, and are happy without a smile.
[ ] this person is happy, with a probability of 90 %
    The number is about pictures like those it was trained on, not about this person.
[x] the picture resembles those that were called joy when it was trained
    And here these were drawings of action units 6 and 12. What a person feels, you ask.
""")
