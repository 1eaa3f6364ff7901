"""Natural wrong answers to the exercises of lessons 7 to 11, and a part of the words that each should get."""

from __future__ import annotations

import math

import torch


def to_pixels(lens, columns):
    return lens / 36 * columns


def depth(s, z):
    return 1 / (s / z).sum(1)


def weights(s, z):
    return s / z / (s / z).sum(1, keepdim=True)


def both(t, own, beyond):
    x = (t - 0.5) * (own - beyond)
    return own + x, beyond + x


def twice(t, own, beyond):
    if t > 0.5:
        return own, beyond + 2 * (t - 0.5) * (own - beyond)
    return own + 2 * (0.5 - t) * (beyond - own), beyond


def exchanged(t, own, beyond):
    if t > 0.5:
        return beyond + (t - 0.5) * (own - beyond), own
    return beyond, own + (0.5 - t) * (beyond - own)


def step(r, g, w, square=lambda x: x.square()):
    c, mean_g = (w * r).sum(0) / w[:, 0].sum(), (w * g).sum(0) / w[:, 0].sum()
    return -(w * g * (r - c)).sum() / ((w * g * g).sum() - w[:, 0].sum() * square(mean_g).sum())


def differences(mine, other):
    return torch.tensor([other[key] - mine[key] for key in mine if key in other])


def all_keys(mine, other):
    d = torch.tensor([other[key] - mine[key] for key in mine])
    return d.mean(), d.std() / len(d) ** 0.5


def by_order(mine, other):
    d = torch.tensor(list(other.values())) - torch.tensor(list(mine.values()))
    return d.mean(), d.std() / len(d) ** 0.5


def unpaired(mine, other):
    a, b = torch.tensor(list(mine.values())), torch.tensor(list(other.values()))
    return b.mean() - a.mean(), (a.var() / len(a) + b.var() / len(b)) ** 0.5


def basis(modes):
    return torch.linalg.qr(modes.flatten(1).T)[0]


def no_mean(x):
    return x / x.norm()


WRONG = [
    ("pixel_of", lambda x, f, c: f * x / x[2] + c, "sizes 3 and 2 do not fit: axes are compared from the last"),
    (
        "pixel_of",
        lambda x, f, c: f * x[:2] / x[2] + c + 0.5,
        "a pixel's place is counted from the corner of the picture,",
    ),
    ("pixel_of", lambda x, f, c: x[:2] * x[2] / f + c, "the depth divides, and the focal length multiplies: here it"),
    ("pixel_of", lambda x, f, c: f * x[:2] / x[2] ** 2 + c, "you divided by the square of the depth"),
    (
        "pixel_of",
        lambda x, f, c: f * (x[:2] - c) / x[2] + c,
        "x is measured from the optical axis, in mm: do not subtract",
    ),
    ("pixel_of", lambda x, f, c: f * (x[:2] + c) / x[2], "the principal point is in pixels: add it after the division"),
    ("pixel_of", lambda x, f, c: f * x[1:] / x[0] + c, "the depth is the last of the three, x[2]; you divided by"),
    ("pixel_of", lambda x, f, c: f * x[:2] / -x[2] + c, "the signs: a point to the right of the axis is seen to the"),
    (
        "distance_of",
        lambda w, p, lens, n: 36 / lens * n * w / p,
        "film and lens the wrong way round: the focal length is lens",
    ),
    (
        "distance_of",
        lambda w, p, lens, n: lens / 36 * w / p,
        "the columns are missing: in pixels the focal length is lens",
    ),
    (
        "distance_of",
        lambda w, p, lens, n: p * w / to_pixels(lens, n),
        "solve for the distance: it is f * wide / pixels, and here f",
    ),
    (
        "distance_of",
        lambda w, p, lens, n: to_pixels(lens, n) * (w / 2) / p,
        "half the face was taken, but all of its pixels",
    ),
    (
        "distance_of",
        lambda w, p, lens, n: lens * w * n / p,
        "the film's 36 mm are missing: in pixels the focal length is",
    ),
    ("distance_of", lambda w, p, lens, n: round(to_pixels(lens, n)) * w / p, "do not round on the way"),
    ("distance_of", lambda w, p, lens, n: lens * w / 36, "columns and pixels are both missing: how large is the face"),
    (
        "into_space",
        lambda s, z: (s / z / (s / z).sum(1), depth(s, z)),
        "sizes 3 and 50 do not fit: axes are compared from the last",
    ),
    (
        "into_space",
        lambda s, z: (weights(s, z), (s * z).sum(1) / s.sum(1)),
        "the depth is blended with the weights of the screen; one",
    ),
    (
        "into_space",
        lambda s, z: (weights(s, z), depth(s, z)[:, None]),
        "the numbers are right, but an axis of length 1 is too many",
    ),
    (
        "into_space",
        lambda s, z: (s / z / (s / z).sum(0), depth(s, z)),
        "row 0 sums to 0.08638, not to 1 (50 of 50 rows do so); the",
    ),
    ("into_space", lambda s, z: ((s / z).softmax(1), depth(s, z)), "b is divided by its sum; softmax takes exp first"),
    (
        "into_space",
        lambda s, z: (weights(s, z), 1 / z.mean(1)),
        "this is one over the mean depth of the corners, which have",
    ),
    (
        "into_space",
        lambda s, z: (weights(s, z), z.mean(1)),
        "this is the mean of the three corners, which have different",
    ),
    ("into_space", lambda s, z: (weights(s, z), weights(s, z) * z), "the sum over axis 1 is still missing"),
    ("repair", both, "both pixels change at once; the outline cuts only one of"),
    ("repair", twice, "the change is twice too much: over t from 1/2 to 1 half of"),
    ("repair", exchanged, "the two are in the wrong order: first the own pixel, then"),
    ("repair", lambda t, own, beyond: own + t * (beyond - own), "return two colours: the new own and the new beyond"),
    (
        "repair",
        lambda t, own, beyond: (t * own, (1 - t) * beyond),
        "each colour is only made darker; what is missing of one is",
    ),
    (
        "repair",
        lambda t, own, beyond: (own, own) if t > 0.5 else (own, beyond),
        "at t = 0.1 the result does not depend on t: did you round",
    ),
    (
        "repair",
        lambda t, own, beyond: (t * own + (1 - t) * beyond, (1 - t) * own + t * beyond),
        "this is a mix of both colours in both pixels; the outline",
    ),
    ("dolly_zoom", 600 * 2250, "f * z is not what has to stay, but f / z: divide by 900"),
    ("dolly_zoom", 2.5, "that is how much longer the lens is; the distance is as"),
    ("dolly_zoom", 1950, "you add the difference of the focal lengths; what has to"),
    ("dolly_zoom", 3750, "the square: f / z has to stay, not f / z^2"),
    ("dolly_zoom", 240.0, "that is nearer: a longer lens has to stand further"),
    ("dolly_zoom", 900 / 600 * 2250, "the first camera's f / z is 1.5 pixels per mm: divide 2250"),
    ("dolly_zoom", 1.5, "that is in metres; give it in"),
    ("dolly_zoom", "1500 mm", "give one number, in mm"),
    ("immune", lambda x: (x - x.mean()).log(), "the mean is taken away before the logarithm, which has no"),
    ("immune", lambda x: x.log() / x.log().norm(), "it is immune to gamma, but changes with the gain: the"),
    ("immune", lambda x: no_mean(x).log(), "it changes with gamma: after the logarithm it is a factor;"),
    ("immune", lambda x: x / x.max(), "it changes with gamma: take the logarithm first"),
    ("immune", lambda x: x.log(), "it changes with the gain: after the logarithm a gain is a"),
    ("immune", lambda x: (x / x.mean()).log(), "it changes with gamma: after the logarithm it is a factor;"),
    ("immune", lambda x: x.log() / x.log().mean(), "it is immune to gamma, but changes with the gain: the"),
    ("immune", lambda x: x.softmax(0), "it changes with the gain: after the logarithm a gain is a"),
    (
        "immune",
        lambda x: (x.log() - x.log().mean()) / (x - x.mean()).norm(),
        "what you divide by changes with the gain: take the size of",
    ),
    (
        "immune",
        lambda x: (x.log() - x.log().mean()) / (x.log() - x.log().mean()),
        "all its numbers are the same: nothing of the skin is",
    ),
    ("immune", lambda x: math.log(x), "the functions of math take one number; for a whole tensor"),
    ("step_of", lambda r, g, b: step(r, g, b), "sizes 3 and 8 do not fit: axes are compared from the last"),
    ("step_of", lambda r, g, b: step(r, g, b[:, None] ** 2), "the weights b are squared: they count once"),
    (
        "step_of",
        lambda r, g, b: step(r, g, b[:, None].sqrt()),
        "the root of b was taken: the weights count as they are",
    ),
    (
        "step_of",
        lambda r, g, b: -(b[:, None] * g * r).sum(1) / (b[:, None] * g * g).sum(1),
        "d is one number for all pictures, but you give 3: sum over",
    ),
    (
        "step_of",
        lambda r, g, b: step(r, g, b[:, None]) * 2,
        "it is 2 times the right answer: a factor is missing or too",
    ),
    ("step_of", lambda r, g, b: step(r, g, b[:, None]) / 2, "it is 0.5 times the right answer: a factor is missing or"),
    (
        "step_of",
        lambda r, g, b: step(r, g, b[:, None], lambda x: 0 * x),
        "the common row was held; it moves with the step, so the",
    ),
    (
        "step_of",
        lambda r, g, b: (
            (b[:, None] * g * (r - (b[:, None] * r).sum(0) / b.sum())).sum()
            / ((b[:, None] * g * g).sum() - ((b[:, None] * g).sum(0) ** 2).sum() / b.sum())
        ),
        "the sign: a step goes against the",
    ),
    (
        "step_of",
        lambda r, g, b: (
            -(b[:, None] * g * (r - (b[:, None] * r).sum(0))).sum()
            / ((b[:, None] * g * g).sum() - ((b[:, None] * g).sum(0) ** 2).sum() / b.sum())
        ),
        "the common row is a mean with the weights b: divide its sum",
    ),
    (
        "step_of",
        lambda r, g, b: (
            -(b[:, None] * g * (r - (b[:, None] * r).sum(0) / b.sum())).sum()
            / ((b[:, None] * g * g).sum() - ((g).sum(0) ** 2).sum() / b.sum())
        ),
        "the weights b are missing where the second derivative gets",
    ),
    (
        "step_of",
        lambda r, g, b: (
            -(b[:, None] * g * (r - (b[:, None] * r).sum(0) / b.sum())).sum(0)
            / ((b[:, None] * g * g).sum(0) - ((b[:, None] * g).sum(0) ** 2) / b.sum())
        ),
        "d is one number for the whole row, but you give 8: sum over",
    ),
    (
        "step_of",
        lambda r, g, b: (
            -(b[:, None] * g * (r - (b[:, None] * r).mean(0))).sum()
            / ((b[:, None] * g * g).sum() - ((b[:, None] * g).sum(0) ** 2).sum() / b.sum())
        ),
        "the common row is a mean with the weights b: its sum is",
    ),
    (
        "step_of",
        lambda r, g, b: (
            -(b[:, None] * g * (r - (b[:, None] * r).sum(0) / b.sum())).sum()
            * ((b[:, None] * g * g).sum() - ((b[:, None] * g).sum(0) ** 2).sum() / b.sum())
        ),
        "divide by the second derivative; you multiply by",
    ),
    ("step_of", lambda r, g, b: -(b[:, None] * (r - r.mean(0))).sum() / (b[:, None] * g * g).sum(), ""),
    (
        "depth_error",
        lambda t, s, e: e / (s * math.sin(t)),
        "take the sine of half the angle; two times that is not the",
    ),
    (
        "depth_error",
        lambda t, s, e: e / (s * math.sin(t) / 2),
        "take the sine of half the angle, not half the sine, and",
    ),
    (
        "depth_error",
        lambda t, s, e: 2 * e * s * math.sin(t / 2),
        "the precision is divided by all of it: here size and sine",
    ),
    ("depth_error", lambda t, s, e: e / (2 * s * math.sin(math.radians(t / 2))), "the angle is in radians already"),
    (
        "depth_error",
        lambda t, s, e: e / (2 * s * torch.sin(t / 2)),
        "torch.sin takes a tensor, and found a plain float: use",
    ),
    (
        "depth_error",
        lambda t, s, e: e * 2 / (s * math.sin(t / 2)),
        "both pictures move, so the shift is twice as large: 2",
    ),
    (
        "depth_error",
        lambda t, s, e: e / (2 * s * math.sin(t / 2) * 2),
        "the 2 stands there twice: each of the two pictures moves by",
    ),
    ("depth_error", lambda t, s, e: e / s / math.sin(t / 2), "only one picture was moved: both are, in opposite"),
    (
        "depth_error",
        lambda t, s, e: e / (2 * s) * math.sin(t / 2),
        "size and sine both divide the precision; you multiply by",
    ),
    (
        "depth_error",
        lambda t, s, e: e / (2 * s * math.cos(t / 2)),
        "cosine for sine: seen from the front (angle 0) depth does",
    ),
    ("depth_error", lambda t, s, e: e / (s * math.tan(t)), "take the sine of half the angle, not the tangent of the"),
    (
        "depth_error",
        lambda t, s, e: e / (s * math.tan(t / 2)),
        "both pictures move, and each by the sine of half the angle,",
    ),
    (
        "depth_error",
        lambda t, s, e: s / (2 * e * math.sin(t / 2)),
        "upside down: the precision is divided, by size and",
    ),
    ("depth_error", lambda t, s, e: e * s / (2 * math.sin(t / 2)), "divide the pixels by the size; you"),
    ("depth_error", lambda t, s, e: e / (2 * s * math.sin(2 * t)), "half the angle, not twice the"),
    ("depth_error", lambda t, s, e: e / (2 * s * t / 2), "that takes the angle for its sine, which is right for small"),
    ("depth_error", lambda t, s, e: e / s, "the angle is missing: from the front (angle 0) depth does"),
    (
        "depth_error",
        lambda t, s, e: 2 * s * math.sin(t / 2),
        "that is the shift in pixels per mm; divide the precision by",
    ),
    (
        "depth_error",
        lambda t, s, e: e / (2 * math.sin(t / 2)),
        "the shift is in pixels, so divide by the pixels per mm: the",
    ),
    ("error_floor", lambda a, b: (4 * a**2 - b**2) / 3, "a and b are exchanged, and the root is missing: take four"),
    (
        "error_floor",
        lambda a, b: abs((4 * a**2 - b**2) / 3) ** 0.5,
        "a and b are exchanged: 8 pictures have the smaller part of",
    ),
    ("error_floor", lambda a, b: (b**2 - a**2 / 4) ** 0.5, "1/8 is a quarter of 1/2, so c is gone; but of f^2 three"),
    ("error_floor", lambda a, b: (a**2 - b**2) / 3, "the difference of both squares still holds c, and f is"),
    ("error_floor", lambda a, b: min(a, b), "that is the error with 8 pictures; the floor lies below"),
    ("error_floor", lambda a, b: (4 * b**2 - a**2) / 3, "that is its"),
    ("error_floor", lambda a, b: (4 * b**2 - a**2) ** 0.5, "that is three of its squares: divide by 3 before you take"),
    ("error_floor", lambda a, b: (2 * b**2 - a**2) ** 0.5, "the answer should be numbers (a tensor, an array or a"),
    (
        "error_floor",
        lambda a, b: abs(2 * b**2 - a**2) ** 0.5,
        "c^2/8 is a quarter of c^2/2, so take four times b^2, not",
    ),
    (
        "error_floor",
        lambda a, b: (8 * b**2 - 2 * a**2) ** 0.5,
        "that is six of its squares: divide by 6 before you take the",
    ),
    ("error_floor", lambda a, b: ((a**2 - b**2) * 8 / 3) ** 0.5, "that is c, the part that views take"),
    ("error_floor", lambda a, b: b - (a - b) / 3, "errors do not add, their squares do: square both before you"),
    ("error_floor", lambda a, b: (a**2 - b**2) ** 0.5, "the difference of the squares is a part of c^2: it tells c,"),
    ("error_floor", lambda a, b: (a + b) / 2, "that is the mean of the two errors; the floor lies below"),
    ("error_floor", lambda a, b: 2 * b - a, "errors do not add, their squares do; and c falls with the"),
    (
        "crossing",
        lambda f1, c1, f2, c2: (c2 - c1) ** 2 / (f1 - f2) ** 2,
        "square each number before you subtract, not the differences",
    ),
    (
        "crossing",
        lambda f1, c1, f2, c2: (c1**2 - c2**2) / (f1**2 - f2**2),
        "the sign: it is the second slope minus the first, over the",
    ),
    (
        "crossing",
        lambda f1, c1, f2, c2: (c1**2 + c2**2) / (f1**2 + f2**2),
        "the two models stand on different sides of the equation:",
    ),
    (
        "crossing",
        lambda f1, c1, f2, c2: round((c2**2 - c1**2) / (f1**2 - f2**2)),
        "do not round: give the real number, here between 1 and 2",
    ),
    ("crossing", lambda f1, c1, f2, c2: (c2**2 - c1**2) / (f1 - f2), "the floors count by their squares, too"),
    (
        "crossing",
        lambda f1, c1, f2, c2: (f1**2 - f2**2) / (c2**2 - c1**2),
        "upside down: the difference of the slopes stands above,",
    ),
    (
        "crossing",
        lambda f1, c1, f2, c2: ((c2**2 - c1**2) / (f1**2 - f2**2)) ** 0.5,
        "that is its root: c^2 is divided by N",
    ),
    ("crossing", lambda f1, c1, f2, c2: (c2 - c1) / (f1 - f2), "the squares are"),
    ("crossing", lambda f1, c1, f2, c2: (c2 - c1) / (f1**2 - f2**2), "the slopes count by their squares,"),
    (
        "crossing",
        lambda f1, c1, f2, c2: (c2**2 - c1**2) - (f1**2 - f2**2),
        "divide the difference of the squared slopes by that of the",
    ),
    (
        "crossing",
        lambda f1, c1, f2, c2: (c2**2 + c1**2) / (f1**2 - f2**2),
        "the squared slopes stand on different sides of the",
    ),
    (
        "crossing",
        lambda f1, c1, f2, c2: ((c2**2 - c1**2) / (f1**2 - f2**2)) ** 2,
        "that is its square: c^2 is divided by N itself",
    ),
    ("estimate", lambda d, s, p: d * s / (p + s), "noise and prior are exchanged, and the squares are missing"),
    (
        "estimate",
        lambda d, s, p: d * (p**2 + s**2) / p**2,
        "upside down: a prior draws the estimate towards 0, so it is",
    ),
    ("estimate", lambda d, s, p: d * p**2 / (p + s) ** 2, "p^2 + s^2 is not (p + s)^2"),
    ("estimate", lambda d, s, p: d / s**2, "the prior is not used: the data are only divided by their"),
    ("estimate", lambda d, s, p: d * p**2 / s**2, "divide by the sum p^2 + s^2, not by s^2 alone"),
    ("estimate", lambda d, s, p: d.mean() * p**2 / (p**2 + s**2), "this is the mean over axis 0, which should stay"),
    ("estimate", lambda d, s, p: -d * p**2 / (p**2 + s**2), "the sign: the estimate lies between 0 and d"),
    ("estimate", lambda d, s, p: d * s**2 / (p**2 + s**2), "noise and prior are exchanged: a wide prior should change"),
    ("estimate", lambda d, s, p: d * p / (p + s), "the squares are missing: widths count by their"),
    ("estimate", lambda d, s, p: d / (p**2 + s**2), "p^2 is missing above: a wide prior should change"),
    ("estimate", lambda d, s, p: d / s**2 / (1 / s**2 + 1 / p), "p counts by its square, as s"),
    ("estimate", lambda d, s, p: d * p**2 / (p**2 + s), "s counts by its square, as p"),
    ("estimate", lambda d, s, p: d / (1 / s**2 + 1 / p**2), "d is divided by s^2 in the first term: that is"),
    ("estimate", lambda d, s, p: d * p / (p**2 + s**2) ** 0.5, "that is d times the root of the share: no root is"),
    ("estimate", lambda d, s, p: d * p, "multiply by the share p^2 / (p^2 + s^2), not by"),
    (
        "estimate",
        lambda d, s, p: (d / s**2 + d / p**2) / (1 / s**2 + 1 / p**2),
        "that is the data as they are: the prior is not",
    ),
    ("estimate", lambda d, s, p: (d - 0) * p**2 / (p**2 + s**2) / 2, "a prior of endless width should change"),
    ("estimate", lambda d, s, p: d.clamp(-p, p), "a prior of this kind is no wall: it makes each d smaller by"),
    ("estimate", lambda d, s, p: d / 2, "that is right only where prior and noise have the same"),
    (
        "estimate",
        lambda d, s, p: (d - torch.zeros_like(d)) ** 2 / s**2 + d**2 / p**2,
        "that is the loss at c = 0 and d; give the c for which it is",
    ),
    (
        "estimate",
        lambda d, s, p: d * p**2 / (p**2 - s**2),
        "both terms pull towards each other, so below stands a sum,",
    ),
    ("fair", all_keys, "there is no such key, ('scan', 4, 0)"),
    ("fair", by_order, "this holds settings that only one of the two has: take"),
    ("fair", unpaired, "this holds settings that only one of the two has: take"),
    (
        "fair",
        lambda m, o: (differences(m, o).mean(), differences(m, o).std() / 9**0.5),
        "n - 1 belongs to the deviation only; divide that by the",
    ),
    (
        "fair",
        lambda m, o: (differences(m, o).mean(), differences(m, o).std(unbiased=False) / 10**0.5),
        "the deviation was taken with n; take it with n - 1",
    ),
    ("fair", lambda m, o: differences(m, o).mean(), "return two numbers: the mean and its standard error"),
    (
        "fair",
        lambda m, o: (differences(m, o).median(), differences(m, o).std() / 10**0.5),
        "that is the median of the differences; take their mean",
    ),
    (
        "fair",
        lambda m, o: (differences(m, o).sum(), differences(m, o).std() / 10**0.5),
        "that is the sum of the differences; take their mean",
    ),
    (
        "fair",
        lambda m, o: (differences(m, o).mean(), differences(m, o).std()),
        "that is the deviation of one difference: the mean of n has",
    ),
    ("fair", lambda m, o: (-differences(m, o).mean(), differences(m, o).std() / 10**0.5), "the sign: other minus"),
    (
        "fair",
        lambda m, o: (differences(m, o).mean(), differences(m, o).std() / len(differences(m, o))),
        "you divide by n; divide by the root of",
    ),
    (
        "fair",
        lambda m, o: (differences(m, o).mean(), differences(m, o).var() / 10**0.5),
        "that has the variance, not the deviation, over the root of",
    ),
    ("fair", lambda m, o: (differences(m, o).mean(), (differences(m, o).var() / 10)), "that is its square: take the"),
    (
        "fair",
        lambda m, o: (differences(m, o).mean(), differences(m, o).std() / len(m) ** 0.5),
        "n is the number of differences, not that of the settings in",
    ),
    (
        "fair",
        lambda m, o: (differences(m, o).mean(), (differences(m, o) ** 2).mean() ** 0.5 / 10**0.5),
        "the deviation is measured from the mean of the differences,",
    ),
    (
        "fair",
        lambda m, o: (differences(m, o).abs().mean(), differences(m, o).std() / 10**0.5),
        "the differences keep their signs: where mine is worse, it",
    ),
    (
        "fair",
        lambda m, o: (differences(m, o).mean(), differences(m, o).std() * 10**0.5),
        "the deviation is multiplied by the root of n; divide by",
    ),
    (
        "fair",
        lambda m, o: (sum(o[k] / m[k] for k in m if k in o) / 10, differences(m, o).std() / 10**0.5),
        "differences, not",
    ),
    (
        "fair",
        lambda m, o: (differences(m, o).sum() / len(m), differences(m, o).std() / 10**0.5),
        "divide by the number of settings that both have, not by",
    ),
    (
        "fair",
        lambda m, o: (differences(m, o).std() / 10**0.5, differences(m, o).mean()),
        "the two are in the wrong order: first the mean, then its",
    ),
    (
        "hand_on",
        lambda calm, expressive, other: other * expressive / calm,
        "the expression is a displacement: differences, not ratios",
    ),
    (
        "hand_on",
        lambda calm, expressive, other: (other + expressive) / 2,
        "that is the mean of two people; add the displacement,",
    ),
    (
        "hand_on",
        lambda calm, expressive, other: other + expressive,
        "calm was not subtracted: add the displacement, expressive -",
    ),
    (
        "hand_on",
        lambda calm, expressive, other: other + (expressive - other),
        "that is the first person's expression; the other one keeps",
    ),
    (
        "hand_on",
        lambda calm, expressive, other: calm + (expressive - other),
        "the difference is that of the two faces; the expression is",
    ),
    (
        "hand_on",
        lambda calm, expressive, other: expressive - other,
        "the difference is that of the two faces; take that of the",
    ),
    (
        "sizes",
        lambda J, K, V, M: (8 * J * (11 + 6 * K), 8 * (3 * V * (M + 1) + M)),
        "a float32 has four bytes, not eight",
    ),
    (
        "sizes",
        lambda J, K, V, M: (4 * (3 * V * (M + 1) + M), 4 * J * (11 + 6 * K)),
        "the two are in the wrong order: first the face, then the",
    ),
    (
        "sizes",
        lambda J, K, V, M: (4 * J * (11 + 6 * K), 4 * 3 * V * M),
        "the mean and the standard deviations of the modes are",
    ),
    (
        "sizes",
        lambda J, K, V, M: (4 * J * (11 + 6 * K), 4 * (3 * V * (M + 1) + 3 * V)),
        "there is one standard deviation for each mode, M in all",
    ),
    (
        "sizes",
        lambda J, K, V, M: (4 * J * 11 * 6 * K, 4 * (3 * V * (M + 1) + M)),
        "the bone's own 11 numbers are added to those of its",
    ),
    ("sizes", lambda J, K, V, M: (32 * J * (11 + 6 * K), 32 * (3 * V * (M + 1) + M)), "those are bits, not bytes"),
    (
        "sizes",
        lambda J, K, V, M: (4 * J * 6 * K, 4 * (3 * V * (M + 1) + M)),
        "a bone's own motion (9) and its place (2) are missing",
    ),
    (
        "sizes",
        lambda J, K, V, M: (J * (11 + 6 * K), 3 * V * (M + 1) + M),
        "those are numbers; a float32 has four bytes",
    ),
    (
        "jitter",
        lambda f: (f[2:] - f[:-2]).square().sum(-1).mean().sqrt(),
        "this leaves out the middle frame, so a steady movement",
    ),
    (
        "jitter",
        lambda f: (f[2:] - 2 * f[1:-1] + f[:-2]).norm(),
        "the squares were summed over frames and vertices: take",
    ),
    (
        "jitter",
        lambda f: (f[2:] - 2 * f[1:-1] + f[:-2]).norm(dim=1).mean(),
        "the lengths are taken over the vertices: x, y and z are the",
    ),
    ("jitter", lambda f: (f[2:] - 2 * f[1:-1] + f[:-2]).norm(dim=-1), "the root of the mean square is still missing"),
    (
        "jitter",
        lambda f: (f[2:] - 2 * f[1:] + f[:-2]).square().sum(-1).mean().sqrt(),
        "sizes 5 and 6 do not fit: axes are compared from the last",
    ),
    ("jitter", lambda f: f.std(0).mean(), "that is the spread of each coordinate over time, and a"),
    (
        "jitter",
        lambda f: (f[2:] - 2 * f[1:-1] + f[:-2]).mean().sqrt(),
        "a root of a negative number: square the differences before",
    ),
    (
        "jitter",
        lambda f: (f[2:] + f[1:-1] - 2 * f[:-2]).square().sum(-1).mean().sqrt(),
        "the 2 belongs to the middle frame: v[t+1] - 2 v[t] + v[t-1]",
    ),
    (
        "at_home",
        lambda face, mean, modes: (basis(modes).T @ (face - mean)).square().sum(),
        "a matrix product of 4x60 and 20x3: the inner two sizes have",
    ),
    (
        "at_home",
        lambda face, mean, modes: (basis(modes).T @ (face - mean).flatten()).square().sum(),
        "that is a squared length in mm^2, not a share: divide by",
    ),
    (
        "at_home",
        lambda face, mean, modes: (basis(modes).T @ (face - mean).flatten()).square().sum() / face.square().sum(),
        "the part below is |face - mean|^2: there the mean was not",
    ),
    (
        "at_home",
        lambda face, mean, modes: (torch.linalg.qr(modes.flatten(1))[0] @ (face - mean).flatten()).square().sum(),
        "a product of a matrix 4x4 and a vector of 60: the inner",
    ),
    (
        "at_home",
        lambda face, mean, modes: (basis(modes).T @ (face - mean).flatten()).norm() / (face - mean).norm(),
        "that is a ratio of lengths: take the squares, whose shares",
    ),
    (
        "at_home",
        lambda face, mean, modes: (basis(modes).T @ (face - mean).flatten()).sum() / (face - mean).square().sum(),
        "square each coefficient before you add them up",
    ),
    (
        "at_home",
        lambda face, mean, modes: (
            (modes.flatten(1) @ (face - mean).flatten()).square().sum() / (face - mean).square().sum()
        ),
        "the modes have neither length 1 nor right angles: make a",
    ),
]
