"""Exercises and quiz of lesson 16: analysis by synthesis."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.comparing import pair
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, factor
from asm_teach.course.checks.slips import gradient_cut, result_of
from asm_teach.course.quizzes import questions

GAPS = ((13, 19), (14, 18), (15, 17), (0, 6))


@exercise(
    "A distance belongs to two points. Which two stand above and below each other, and what is left if both shift?",
    "Pick the first points of all pairs and the second points: (T, 4, 2) each. The length of their difference is "
    "wanted, along the last axis.",
    "`a, b = points[:, [13, 14, 15, 0]], points[:, [19, 18, 17, 6]]`. What does `torch.linalg.vector_norm` need to "
    "know to give (T, 4)?",
)
def lip_gaps(function: Function) -> str | None:
    """points (T, 20, 2) pixels to the distances (T, 4) of four pairs."""
    points = 16 + 5 * factor() * torch.randn(3, 20, 2, generator=draws(0), dtype=torch.float64)
    first, second = zip(*GAPS, strict=True)
    away = points[:, list(first)] - points[:, list(second)]
    right = away.norm(dim=-1)
    wrong = {
        "these are differences, one for columns and one for rows: their length is wanted": away,
        "this is the height alone; points that move sideways change a distance too": away[..., 1].abs(),
        "columns and rows were added, which is the way of a taxi: take the length": away.abs().sum(-1),
        "the length was taken over the wrong axis": away.norm(dim=1),
        "this is one number for each crop: leave the four distances apart": right.mean(1),
        "this is the mean of the crops: a mouth that speaks has other gaps in each": right.mean(0),
    }
    return compare(result_of(function, points=points), right, wrong)


@exercise(
    "A brighter lamp makes all pixels larger by one factor. Find it first: which factor brings the drawing nearest?",
    "g = sum(drawn crops) / sum(drawn^2), over all pixels of the film; then the mean of |g drawn - crops|.",
    "`g = (drawn * crops).sum() / drawn.square().sum()` is the factor. What is left of `g * drawn - crops`?",
)
def photo_loss(function: Function) -> str | None:
    """drawn and crops (T, S, S) to one number."""
    generator = draws(0)
    drawn = 0.2 + torch.rand(3, 6, 6, generator=generator, dtype=torch.float64)
    crops = 0.6 * factor() * drawn * (1 + 0.5 * torch.rand(3, 6, 6, generator=generator, dtype=torch.float64))
    g = (drawn * crops).sum() / drawn.square().sum()
    each = (drawn * crops).sum((1, 2), keepdim=True) / drawn.square().sum((1, 2), keepdim=True)
    away = (g * drawn - crops).abs()
    wrong = {
        "the gain is missing: another exposure would count as another mouth": (drawn - crops).abs().mean(),
        "the gain belongs to the drawing, and sum(drawn^2) stands below": (
            ((drawn * crops).sum() / crops.square().sum() * drawn - crops).abs().mean()
        ),
        "each crop got a gain of its own; a film has one exposure": (each * drawn - crops).abs().mean(),
        "this is the squared difference; its size is wanted, which forgives a shadow more": away.square().mean(),
        "this is the sum over all pixels: take the mean": away.sum(),
        "the signs cancel: take the size of each difference before the mean": (g * drawn - crops).mean(),
        "the gain is the ratio of the means; least squares gives sum(drawn crops) / sum(drawn^2)": (
            (crops.mean() / drawn.mean() * drawn - crops).abs().mean()
        ),
        "this is the difference of each pixel: take the mean": away,
    }
    return compare(result_of(function, drawn=drawn, crops=crops), away.mean(), wrong)


@exercise(
    "Two lists of features agree if they point the same way. Which number of two vectors is 1 then?",
    "loss = the mean over the films of 1 - f . t / (|f| |t|), along the features.",
    "`(features * target).sum(1)` is one number for each film. By which two lengths does it have to be divided?",
)
def lipread_loss(function: Function) -> str | None:
    """features and target (N, F) to one number."""
    generator = draws(0)
    target = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    features = factor() * target + 0.8 * torch.randn(4, 6, generator=generator, dtype=torch.float64)
    c = torch.nn.functional.cosine_similarity
    cosine = c(features, target, dim=1)
    wrong = {
        "this is the cosine: a loss falls when the features agree, so take one minus it": cosine.mean(),
        "this is one number for each film: take their mean": 1 - cosine,
        "the cosine was taken along the films; the features of one film make a vector": (
            (1 - c(features, target, dim=0)).mean()
        ),
        "the lengths are missing: strong features would be better ones": 1 - (features * target).sum(1).mean(),
        "all films were put into one long vector; each has a cosine of its own": (
            1 - c(features.flatten(), target.flatten(), dim=0)
        ),
        "this is the squared distance: it also punishes features that are weaker, as in poor light": (
            (features - target).square().sum(1).mean()
        ),
        "this is the mean squared difference; the angle between the features is wanted": (
            (features - target).square().mean()
        ),
        "the films were added: take their mean": (1 - cosine).sum(),
    }
    return compare(result_of(function, features=features, target=target), (1 - cosine).mean(), wrong)


@exercise(
    "A pixel keeps its grey value and gets another place. Where do you read, and where do you write?",
    "Read at the old place. The new one is floor(place + 0.5 + shift); whatever leaves the crop is dropped.",
    "`new = (places + 0.5 + shift).floor().long()` has columns first. `inside` says which rows of it lie between 0 "
    "and S - 1. What is `crop[row, column]` for the old places?",
)
def carry_pixels(function: Function) -> str | None:
    """crop (S, S), places (k, 2) column and row, shift (k, 2) to shown (S, S) and mask (S, S)."""
    generator = draws(0)
    crop = 0.2 + 0.7 * factor() * torch.rand(8, 8, generator=generator, dtype=torch.float64)
    places = torch.tensor([[1, 2], [6, 3], [2, 6], [7, 7], [4, 0], [5, 5]])
    shift = torch.tensor(
        [[1.7, 0.2], [-1.4, 2.3], [0.1, -2.6], [1.2, 0.0], [0.0, -1.3], [-0.4, 0.9]], dtype=torch.float64
    )
    words = "return two pictures: the shown pixels, and the mask that is 1 where one is shown"

    def carried(
        way: float = 1.0, half: float = 0.5, flip: bool = False, read_new: bool = False, wrap: bool = False
    ) -> tuple[Tensor, Tensor]:
        new = (places + half + way * shift).floor().long()
        inside = ((new >= 0) & (new < 8)).all(1)
        shown, mask = torch.zeros_like(crop), torch.zeros_like(crop)
        for old, there, fits in zip(places.tolist(), new.tolist(), inside.tolist(), strict=True):
            if not fits and not wrap:
                continue
            column, row = (k % 8 for k in there)
            source = (row, column) if read_new else (old[1], old[0])
            target = (column, row) if flip else (row, column)
            shown[target], mask[target] = crop[source], 1
        return shown, mask

    def table(which: int) -> dict[str, Any]:
        return {
            "the pixels stay where they were: add the shift": carried(way=0)[which],
            "the shift goes the wrong way": carried(way=-1)[which],
            "row and column are exchanged: places have the column first, and a picture its rows": (
                carried(flip=True)[which]
            ),
            "the grey value is read at the new place: a pixel takes its own along": carried(read_new=True)[which],
            "the centre of a pixel lies half a pixel further: floor(place + 0.5 + shift)": carried(half=0)[which],
            "a pixel that leaves the crop comes in at the other side: drop it": carried(wrap=True)[which],
            "this is the whole crop: show only the pixels that are carried": crop,
        }

    shown, mask = pair(result_of(function, crop=crop, places=places, shift=shift), words)
    right = carried()
    if mask is not None and isinstance(mask, Tensor):
        mask = mask.double()
    return compare(shown, right[0], table(0)) or compare(mask, right[1], table(1))


@exercise(
    "You know what you asked the painter for, and the encoder says what it sees. Which two must agree?",
    "found = encoder(painter(asked)); add up (found - asked)^2 over the shapes, and take the mean over the pictures.",
    "`(found - asked).square()` is (N, 16). Which axis do you sum, which do you average?",
)
def cycle_loss(function: Function) -> str | None:
    """encoder, painter and asked (N, 16) to one number."""
    generator = draws(0)
    asked = factor() * torch.rand(5, 4, generator=generator, dtype=torch.float64)
    paints = torch.rand(4, 9, generator=generator, dtype=torch.float64)
    reads = (0.3 * torch.rand(9, 4, generator=generator, dtype=torch.float64)).requires_grad_()

    def painter(amounts: Tensor) -> Tensor:
        return (amounts @ paints).tanh()

    def encoder(pictures: Tensor) -> Tensor:
        return (pictures @ reads).sigmoid()

    away = (encoder(painter(asked)) - asked).detach()
    given = function(encoder, painter, asked.clone())
    wrong = {
        "this is the mean over the shapes too: add them up for each picture": away.square().mean(),
        "this is the sum over all pictures: take their mean": away.square().sum(),
        "these are the sizes of the differences: square them": away.abs().sum(1).mean(),
        "this is one number for each picture: take their mean": away.square().sum(1),
        "this is the length of the difference: the square of it is wanted": away.norm(dim=1).mean(),
        "the pictures are compared, where amounts belong: read them with the encoder": (
            (painter(encoder(painter(asked)).detach()) - painter(asked)).square().sum(1).mean().detach()
        ),
    }
    said = compare(given, away.square().sum(1).mean(), wrong)
    return said or gradient_cut(given)


@exercise(
    "A network whose weights do not ask for a gradient stays as it is. Which one learns in this step?",
    "In odd steps the encoder asks for gradients and the painter does not; in even steps it is the other way round.",
    "`module.requires_grad_(True)` or `(False)` sets all weights of a network. Both must be set in every step. What is "
    "`count % 2` in an odd one?",
)
def take_turns(function: Function) -> str | None:
    """count, encoder and painter to the one that learns: the encoder in odd steps, the painter in even ones."""
    first = int(torch.randint(0, 100, (), generator=draws(0)))
    encoder, painter = nn.Linear(2, 2), nn.Linear(2, 2)

    def ask(*modules: nn.Module) -> list[float]:
        return [float(weight.requires_grad) for module in modules for weight in module.parameters()]

    found, right = [], []
    for count in range(first, first + 4):
        learns = function(count, encoder, painter)
        if learns is not encoder and learns is not painter:
            return "return the network that learns in this step, encoder or painter, after you have set both"
        if learns is not (encoder if count % 2 else painter):
            return f"in step {count} the other network was returned: in odd steps the encoder learns"
        found += ask(encoder, painter)
        right += 2 * [float(count % 2)] + 2 * [float(count % 2 == 0)]
    wrong = {
        "it is the other way round: in odd steps the encoder learns": [1 - x for x in right],
        "both learn in every step, and nothing is frozen: the painter may then talk the encoder round": 16 * [1.0],
        "nothing learns any more: a network that was frozen has to be set to True when its turn comes": (
            [*right[:4], *(12 * [0.0])]
        ),
        "the painter never rests: in odd steps it is frozen": [1.0 if k % 4 > 1 else x for k, x in enumerate(right)],
        "the encoder never rests: in even steps it is frozen": [1.0 if k % 4 < 2 else x for k, x in enumerate(right)],
        "nothing learns: one of the two has to": 16 * [0.0],
    }
    return compare(torch.tensor(found), torch.tensor(right), {words: torch.tensor(x) for words, x in wrong.items()})


@exercise(
    "Plot what is seen over what was asked for. The painter obeys if the line through the points has the slope 1.",
    "The slope through the origin is sum(asked seen) / sum(asked^2), over all shapes and pictures.",
    "`(asked * seen).sum()` is the upper part. What stands below is the same with `asked` for `seen`.",
)
def obeyed(function: Function) -> str | None:
    """asked and seen (N, 16), changes of amounts, to one number: the slope."""
    generator = draws(0)
    asked = torch.randn(6, 5, generator=generator, dtype=torch.float64)
    seen = 0.4 * factor() * asked + 0.2 * torch.randn(6, 5, generator=generator, dtype=torch.float64)
    both = (asked * seen).sum()
    wrong = {
        "this is the cosine: it is 1 for a painter that moves everything by a tenth": both / asked.norm() / seen.norm(),
        "what was seen stands below: divide by the sum of asked^2": both / seen.square().sum(),
        "the sizes alone: a painter that moves something else would obey": seen.norm() / asked.norm(),
        "the mean of the single ratios: small changes would count like large ones": (seen / asked).mean(),
        "this is the sum of the products: divide it by the sum of asked^2": both,
        "the root is too many: sum(asked^2) stands below": both / asked.norm(),
        "each picture has a slope of its own: add over pictures and shapes": (
            (asked * seen).sum(1) / asked.square().sum(1)
        ),
        "this is the mean of the pictures' slopes: add before you divide": (
            ((asked * seen).sum(1) / asked.square().sum(1)).mean()
        ),
    }
    return compare(result_of(function, asked=asked, seen=seen), both / asked.square().sum(), wrong)


QUIZ = questions("""
A fit draws a mouth, compares and corrects. Why is the photometric loss misled by a beard?
[ ] hair moves
    It stays where it is in our crops.
[x] the drawing has no beard, and a mouth that is drawn in another way may come nearer to its dark pixels
    The loss sees grey values only. What the drawing lacks, it tries to make from shapes.
[ ] the gain cannot be found
    It can, and it is one number; a beard is dark in some places only.

The lip reader's loss of the fit is lower than that of the true shapes. What has happened?
[ ] the fit is better than the truth
    Nothing is better than the truth here: we know it.
[x] the fit has found what pleases this reader, mouth shape or not
    The reader is a judge that can be bribed with any pixel that it looks at. So another one has to judge.
[ ] the reader learned too little
    A better one is harder to please in a wrong way, and it can be pleased, too.

What must the reader that judges not share with the one that fits?
[ ] the visemes
    They have to be the same, or the answers could not be compared.
[x] weights, layers, and people that it was trained on
    Whatever they share, they may be wrong about together.
[ ] the size of the crops
    That is a convention, and teaches nothing.

Distances between lips do not change when the detector shifts all points of the mouth. What do they lose?
[ ] the opening of the mouth
    That is what they keep.
[x] where the mouth is, and so a mouth that goes to one side
    A shift of all points is what a sideways mouth does, and the distances are blind to it.
[ ] nothing
    What does not change with a shift cannot see one.

The painter is shown half of all pixels. Why may the encoder then stop learning?
[x] the painter fills the gaps from the pixels around them, and the geometry is not needed
    No gradient reaches what is not used.
[ ] the painter gets too slow
    It does the same work.
[ ] the pixels are noisy
    They are the picture's own.

What does the cycle loss ask of the painter?
[ ] that its pictures look like photographs
    That is what the first loss asks.
[x] that the expression which was asked for can be read off its picture
    The encoder's answer to the painted picture is compared with what was asked.
[ ] that it uses few pixels
    How many it gets is not its choice.

Why do encoder and painter learn in turns in the cycle?
[ ] to save time
    A step with both takes hardly longer.
[x] together they could agree on a secret code that no real face has
    The painter would hide the amounts in a few pixels, and the encoder would learn to look there.
[ ] the gradients would be too large
    Their size is not the reason.

A painter moves everything by half of what was asked. Obedience, as a slope, and the cosine are
[ ] 1 and 0.5
    It is the other way round.
[x] 0.5 and 1
    The cosine looks at directions only; the slope tells how far.
[ ] 0.5 and 0.5
    The direction is right, so the cosine is 1.
""")
