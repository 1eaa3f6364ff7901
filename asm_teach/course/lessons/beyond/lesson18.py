"""Exercises and quiz of lesson 18: driving and editing."""

from __future__ import annotations

import torch
from torch.nn.functional import cosine_similarity

from asm_teach.course.checks.checking import Function, exercise
from asm_teach.course.checks.diagnoses import compare
from asm_teach.course.checks.draws import draws, varied
from asm_teach.course.checks.slips import result_of
from asm_teach.course.checks.topics.listening import heard, heard_of_own
from asm_teach.course.quizzes import questions


@exercise(
    "Each position compares its query with every key. What turns such scores into shares that sum to one?",
    "softmax(Q K^T / sqrt(d)) V, with d numbers in a query; the softmax runs over the tokens.",
    "`scores = queries @ keys.T / queries.shape[1] ** 0.5` is (P, T), one row for each position. "
    "Along which axis do a position's shares have to sum to one?",
)
def listen(function: Function) -> str | None:
    """queries (P, d), keys (T, d) and values (T, e) to what each position hears, (P, e)."""
    generator = draws(0)
    queries, keys = (torch.randn(n, 6, generator=generator, dtype=torch.float64) for n in (5, 4))
    values = varied(1.0) * torch.randn(4, 3, generator=generator, dtype=torch.float64)
    return compare(result_of(function, queries=queries, keys=keys, values=values), *heard(queries, keys, values))


@exercise(
    "Two changes of the same face are compared: the one that it should not show, and the one that it should.",
    "Right half only: mean |other - made| over mean |own - made|.",
    "`half = made.shape[2] // 2` and `by_other = (other - made)[..., half:].abs().mean()`. What stands below it?",
)
def leaked(function: Function) -> str | None:
    """made, other, own (N, H, 2W): what the right face shows of the left driver, as a share of its own motion."""
    generator = draws(0)
    made, other, own = torch.rand(3, 4, 5, 8, generator=generator, dtype=torch.float64)
    other = made + varied(0.1) * (other - 0.4)
    right_other, right_own = (other - made)[..., 4:], (own - made)[..., 4:]
    right = right_other.abs().mean() / right_own.abs().mean()
    wrong = {
        "this looks at the whole picture: of course the left face moves when its own driver does": (
            (other - made).abs().mean() / (own - made).abs().mean()
        ),
        "this is the left half; leakage is what the right face shows": (
            (other - made)[..., :4].abs().mean() / (own - made)[..., :4].abs().mean()
        ),
        "the half was cut along the height: columns are the last axis": (
            (other - made)[:, 2:].abs().mean() / (own - made)[:, 2:].abs().mean()
        ),
        "brighter and darker cancel: take the absolute changes before the mean": right_other.mean() / right_own.mean(),
        "this is upside down: the motion that should not be there stands above": 1 / right,
        "this is in grey levels, and says nothing until it is divided by the face's own motion": (
            right_other.abs().mean()
        ),
        "squares were compared, which makes a small leak look smaller": (
            right_other.square().mean() / right_own.square().mean()
        ),
        "these are root mean squares: take the mean of the absolute changes": (
            right_other.square().mean().sqrt() / right_own.square().mean().sqrt()
        ),
        "other was compared with own: both are compared with made": (
            (other - own)[..., 4:].abs().mean() / right_own.abs().mean()
        ),
    }
    return compare(result_of(function, made=made, other=other, own=own), right, wrong)


@exercise(
    "Ask each driver alone first. What does a position do with the answer of a driver that is not its own?",
    "The sum over c of M_c times Attn(Q, K_c, V_c); each driver has a softmax of its own.",
    "`heard = torch.stack([listen(queries, k, v) for k, v in zip(keys, values)])` is (C, P, e). "
    "Which shape must the masks (C, P) get to multiply it?",
)
def masked_attention(function: Function) -> str | None:
    """queries (P, d), keys (C, T, d), values (C, T, e) and masks (C, P) to what each position hears, (P, e)."""
    generator = draws(0)
    queries = torch.randn(6, 5, generator=generator, dtype=torch.float64)
    keys = torch.randn(2, 4, 5, generator=generator, dtype=torch.float64)
    values = varied(1.0) * torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
    first = torch.tensor([1, 1, 0.7, 0, 0, 0.2], dtype=torch.float64)
    masks = torch.stack([first, 1 - first])
    found = result_of(function, queries=queries, keys=keys, values=values, masks=masks)
    return compare(found, *heard_of_own(queries, keys, values, masks))


@exercise(
    "The right mask rises from 0 to 1 across the border. Which function does that, and what does the left one do?",
    "right = sigmoid((column - border) / width), left = 1 - right.",
    "`right = torch.sigmoid((columns - border) / width)`: what is it at the border, and how do you stack the two?",
)
def soft_masks(function: Function) -> str | None:
    """columns (n,), border and width to masks (2, n), the left driver's first, which sum to one."""
    columns = torch.arange(9, dtype=torch.float64) + 0.5
    border, width = varied(4.0), varied(0.8)
    right = torch.sigmoid((columns - border) / width)
    wrong = {
        "the order: the left driver's mask comes first": torch.stack([right, 1 - right]),
        "the width multiplies: a wide border has to rise slowly, so divide by it": (
            torch.stack([1 - (y := torch.sigmoid((columns - border) * width)), y])
        ),
        "this is the right mask alone: stack both": right,
        "both masks are the same, so the two drivers share every position": torch.stack([right, right]),
        "the border is missing: the masks have to cross there": (
            torch.stack([1 - (y := torch.sigmoid(columns / width)), y])
        ),
        "this is a hard border: a width is given": torch.stack([columns < border, columns >= border]).double(),
        "the width is missing": torch.stack([1 - (y := torch.sigmoid(columns - border)), y]),
        "the shapes: (2, n), one row for each driver": torch.stack([1 - right, right], 1),
    }
    return compare(function(columns.clone(), border, width), torch.stack([1 - right, right]), wrong)


@exercise(
    "A table of scores, pictures down and captions across: where do the right pairs stand, and what shall they be?",
    "Cross entropy of the diagonal of pictures @ texts.T / temperature: once along the rows, once along the columns.",
    "`scores = pictures @ texts.T / temperature`, `right = torch.arange(len(scores))`: the first half is "
    "`cross_entropy(scores, right)`. Which table does the second half look at?",
)
def match_loss(function: Function) -> str | None:
    """pictures (N, d), texts (N, d), both of length 1, and a temperature to one number."""
    generator, temperature = draws(0), varied(0.3)
    pictures, texts = torch.nn.functional.normalize(
        torch.randn(2, 5, 4, generator=generator, dtype=torch.float64), dim=2
    )
    scores, diagonal = pictures @ texts.T / temperature, torch.arange(5)
    cross_entropy = torch.nn.functional.cross_entropy
    rows, columns = cross_entropy(scores, diagonal), cross_entropy(scores.T, diagonal)
    warm = pictures @ texts.T * temperature
    wrong = {
        "only pictures look for captions; captions have to find their pictures too": rows,
        "only captions look for pictures; pictures have to find their captions too": columns,
        "the two halves were added: take their mean": rows + columns,
        "multiplied by the temperature: divide by it": (
            (cross_entropy(warm, diagonal) + cross_entropy(warm.T, diagonal)) / 2
        ),
        "the temperature is missing": (
            (cross_entropy(warm / temperature, diagonal) + cross_entropy(warm.T / temperature, diagonal)) / 2
        ),
        "this is the mean score of the right pairs: wrong pairs have to count, or all may be alike": (
            scores.diagonal().mean()
        ),
        "this only pulls right pairs together: then all embeddings may be the same": (
            (1 - (pictures * texts).sum(1)).mean()
        ),
        "the sign: a loss falls when pairs match": -(rows + columns) / 2,
        "this is one number for each pair: take the mean": (
            (cross_entropy(scores, diagonal, reduction="none") + cross_entropy(scores.T, diagonal, reduction="none"))
            / 2
        ),
        "the losses were summed over the pairs: take their mean": (rows + columns) / 2 * 5,
    }
    found = function(pictures.clone(), texts.clone(), temperature)
    return compare(found, (rows + columns) / 2, wrong)


@exercise(
    "Not where the picture is, but which way it went. What did the sentence do, seen from the plain caption?",
    "1 - cos(after - before, said - plain), the mean over the edits.",
    "`moved = after - before` and `told = said - plain`, both (N, d). "
    "The cosine is their product over both lengths, row by row: what is left to do?",
)
def directional_loss(function: Function) -> str | None:
    """before, after (N, d) of pictures, plain (d,) and said (N, d) of sentences to one number."""
    generator = draws(0)
    before, after, said = varied(1.0) * torch.randn(3, 4, 5, generator=generator, dtype=torch.float64)
    plain = torch.randn(5, generator=generator, dtype=torch.float64)
    moved, told = after - before, said - plain
    cosine = cosine_similarity(moved, told, dim=1)
    wrong = {
        "this compares where the picture is with what is said; compare how both have moved": (
            (1 - cosine_similarity(after, said, dim=1)).mean()
        ),
        "the plain caption is not subtracted: the sentence moves from there": (
            (1 - cosine_similarity(moved, said, dim=1)).mean()
        ),
        "the picture before is not subtracted": (1 - cosine_similarity(after, told, dim=1)).mean(),
        "one of the two differences is the other way round, so the best edit would be the opposite": (
            1 + cosine
        ).mean(),
        "this is the cosine: a loss falls when the directions agree, so take one minus it": cosine.mean(),
        "this is one number for each edit: take the mean": 1 - cosine,
        "the lengths are missing: a cosine divides by both": 1 - (moved * told).sum(1).mean(),
        "all edits were put into one long vector; each has a cosine of its own": (
            1 - cosine_similarity(moved.flatten(), told.flatten(), dim=0)
        ),
        "the cosine was taken over the edits: each edit's d numbers belong together": (
            (1 - cosine_similarity(moved, told, dim=0)).mean()
        ),
        "this is the squared distance of the moves: it tells how far, and the sentence does not": (
            (moved - told).square().sum(1).mean()
        ),
        "the edits were summed: take the mean": (1 - cosine).sum(),
    }
    return compare(result_of(function, before=before, after=after, plain=plain, said=said), (1 - cosine).mean(), wrong)


@exercise(
    "A person is the face at rest. How far does its skin move, and how do many distances become one?",
    "The root of the mean of the squared distances, over the vertices of the face alone.",
    "`moved = (after - before)[skin]` is (n, 3). Square it, sum over x, y and z: what follows, and in which order?",
)
def identity_lost(function: Function) -> str | None:
    """before, after (V, 3) mm at rest, and skin (n,), numbers of vertices, to a root mean square in mm."""
    generator = draws(0)
    before = 50 * torch.randn(9, 3, generator=generator, dtype=torch.float64)
    after = before + varied(2.0) * torch.randn(9, 3, generator=generator, dtype=torch.float64)
    skin = torch.tensor([0, 2, 3, 5, 8])
    squares = (after - before).square()
    wrong = {
        "all vertices are in it, also those behind the face: take those of skin": squares.sum(1).mean().sqrt(),
        "the mean was taken over x, y and z too: a distance is the root of their sum": squares[skin].mean().sqrt(),
        "this is the mean of the distances: take the root of the mean of their squares": (
            squares[skin].sum(1).sqrt().mean()
        ),
        "the root is missing: this is in square millimetres": squares[skin].sum(1).mean(),
        "this is a sum over the vertices: take the mean": squares[skin].sum(1).sum().sqrt(),
        "this is the largest distance": squares[skin].sum(1).max().sqrt(),
        "opposite motions cancel: square before the mean": (after - before)[skin].mean(0).norm(),
        "this is one distance for each vertex": squares[skin].sum(1).sqrt(),
    }
    found = result_of(function, before=before, after=after, skin=skin)
    return compare(found, squares[skin].sum(1).mean().sqrt(), wrong)


QUIZ = questions("""
A code is to hold what a driver does and not who it is. How do you test it?
[x] let two people make the same expression, and look how far their codes are apart
    And let one person make two: the first distance has to be small beside the second.
[ ] look whether the driven face resembles its driver
    A hint, and no number; a small leak of identity cannot be seen at 48 pixels.
[ ] train a larger encoder
    What the code keeps depends on what it learns from.

One attention serves two drivers, and it was trained until each face follows its own. Does it leak?
[ ] no, it has learned whom to listen to
    A softmax never gives a share of exactly 0.
[x] a little: every token has a share above 0 at every position
    Training makes the wrong shares small. A mask makes them 0.
[ ] only if the two drivers look alike
    Then it would leak the more, but the shares are never 0.

The masks are right, and the left driver still moves some pixels of the right face. What may be the reason?
[ ] the softmax
    Each driver has a softmax of its own now.
[x] a layer behind the attention lets positions look at their neighbours
    A mask closes one way. Convolutions and self-attention are others.
[ ] the expression code holds identity
    That would change the left face too, and is another fault.

A sceptic cuts the picture in two, drives each half alone and puts them together. When does the mask do more than that?
[ ] always
    With two faces side by side and no layer that mixes positions, both are the same computation.
[x] when faces overlap, share light, or when later layers have to know of both
    Then the picture has to be made as one, and only the driving has to stay apart.
[ ] never
    A cut needs a straight line between the faces; a mask does not.

The directional loss is 1 - cos. What does it tell about the strength of an edit?
[x] nothing: half the step and twice the step have the same cosine
    So with a price on a changed face a fainter edit is the cheaper one. We fix the length of the step.
[ ] a larger edit has a smaller loss
    A cosine does not change with the length.
[ ] the strength is right where the loss is zero
    It can be zero for a step of any length.

One edit raises the brow bone, another the brows as a muscle does. By which measure is the first one worse?
[ ] by the directional loss
    The picture moves the same way, more or less.
[x] by the identity lost: the face at rest is another one afterwards
    Words alone do not tell whether a person or a moment is meant.
[ ] by the attribute gained
    Both can raise the brows by as many millimetres.

Three pictures of one edited head, from three sides, show the same nose. What did the editor learn to make that so?
[ ] that views have to agree
    There was no such loss here.
[x] nothing: all pictures are of one mesh
    A generator that is 3D agrees with itself. What is not free is that the edit shows from every side.
[ ] the shape of noses
    It knows 37 numbers and what pictures of them look like to an encoder.

The sentence box does not know the word "beard". What should it do?
[ ] leave the word out and edit the rest
    Then you would take the result for what you wrote.
[x] name the word, change nothing, and say which words it knows
    A wrong guess would look like an answer.
[ ] take the nearest word that it knows
    Its embeddings of unknown words were never trained.
""")
