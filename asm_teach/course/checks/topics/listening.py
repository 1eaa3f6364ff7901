"""Slips with attention: what a position hears from the tokens of one driver, and from those of several under masks."""

from __future__ import annotations

from torch import Tensor


def _attention(queries: Tensor, keys: Tensor, values: Tensor, scale: float | None = None, axis: int = -1) -> Tensor:
    scores = queries @ keys.mT * (queries.shape[-1] ** -0.5 if scale is None else scale)
    return scores.softmax(axis) @ values


def heard(queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """What positions with queries (5, 6) hear from four tokens, and its table of mistakes."""
    scores = queries @ keys.T / 6**0.5
    wrong = {
        "the scores are not divided by sqrt(d): with long queries one token would take all": (
            _attention(queries, keys, values, 1.0)
        ),
        "divided by d: it is the root of d": _attention(queries, keys, values, 1 / 6),
        "multiplied by sqrt(d): divide by it": _attention(queries, keys, values, 6**0.5),
        "divided by the root of the number of tokens; d is the length of a query": (
            _attention(queries, keys, values, 1 / 4**0.5)
        ),
        "the softmax runs over the positions: the shares of one position, over its tokens, sum to one": (
            _attention(queries, keys, values, axis=0)
        ),
        "the softmax is missing: scores can be negative and are not shares": scores @ values,
        "these are the shares: multiply them by the values": scores.softmax(-1),
        "each position took the token with the highest score alone: that has no gradient": values[scores.argmax(1)],
        "this is the mean of all tokens: the shares do not depend on the query": values.mean(0).expand(5, -1),
    }
    return _attention(queries, keys, values), wrong


def heard_of_own(queries: Tensor, keys: Tensor, values: Tensor, masks: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The same of two drivers (2, 4, ...) under masks (2, 6), by eq. (18.1), and its table of mistakes."""
    answers = _attention(queries, keys, values)  # (2, 6, 3)
    right = (masks[..., None] * answers).sum(0)
    flat_keys, flat_values = keys.flatten(0, 1), values.flatten(0, 1)
    scores = queries @ flat_keys.T / 5**0.5
    shares = masks.T.repeat_interleave(4, 1) * scores.softmax(1)
    wrong = {
        "one softmax serves the tokens of both drivers, and no mask is left in it: this is what leaks": (
            _attention(queries, flat_keys, flat_values)
        ),
        "one softmax over all tokens, masked afterwards: the shares of a position no longer sum to one": (
            shares @ flat_values
        ),
        "the masks multiply the scores: a score of 0 still has a share, since exp(0) = 1": (
            _attention(masks[..., None] * queries, keys, values).sum(0)
        ),
        "the masks are missing: every position hears both drivers": answers.sum(0),
        "the masks are missing, and this is the mean of both drivers": answers.mean(0),
        "the masks are exchanged: each position hears the other driver": (masks.flip(0)[..., None] * answers).sum(0),
        "this is the mean over the drivers: sum, since the masks share each position out": right / 2,
        "the scores are not divided by sqrt(d)": (masks[..., None] * _attention(queries, keys, values, 1.0)).sum(0),
        "these are the answers of both drivers: sum over them": masks[..., None] * answers,
        "only the first driver is in it": masks[0, :, None] * answers[0],
        "the masks were rounded: a position on the border belongs to both": (masks.round()[..., None] * answers).sum(0),
    }
    return right, wrong
