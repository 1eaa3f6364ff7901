"""The heaviest bones: which they are, and that their shares make a whole."""

from __future__ import annotations

import numpy as np
import pytest

from asm_teach.avatar.influences import WHOLE, heaviest


def weights(rows: int, bones: int) -> np.ndarray:
    drawn = np.random.default_rng(bones).exponential(size=(rows, bones)) ** 4
    return drawn / drawn.sum(1, keepdims=True)


@pytest.mark.parametrize("count", [4, 8, 84])
def test_the_heaviest_bones_come_first_and_make_a_whole(count) -> None:
    dense = weights(300, 84)
    kept = heaviest(dense, count)
    assert kept.joints.shape == kept.shares.shape == (300, count)
    assert (kept.shares.astype(int).sum(1) == WHOLE).all()
    assert (np.diff(kept.shares.astype(int), axis=1) <= 0).all()
    for row, joints, shares in zip(dense, kept.joints, kept.shares, strict=True):  # slow and plain
        best = sorted(range(84), key=lambda bone: -row[bone])[:count]
        expected, found = np.zeros(84), np.zeros(84)
        expected[best] = row[best] / row[best].sum()
        for joint, share in zip(joints, shares, strict=True):
            found[joint] += share / WHOLE
        assert abs(found - expected).max() < 1 / WHOLE
    assert kept.left_out == pytest.approx(1 - np.sort(dense)[:, -count:].sum(1).mean(), abs=1e-12)


def test_the_missing_goes_to_those_that_lost_most() -> None:
    exact = np.array([[10.75, 20.5, WHOLE - 31.25]])  # rounded down they miss 2 of the whole
    kept = heaviest(exact / WHOLE, 3)
    assert kept.joints.tolist() == [[2, 1, 0]] and kept.shares.tolist() == [[WHOLE - 31, 20, 11]]


def test_bones_without_a_share_are_the_first() -> None:
    kept = heaviest(np.array([[0.0, 0.0, 1.0, 0.0]]), 4)
    assert kept.joints.tolist() == [[2, 0, 0, 0]] and kept.shares.tolist() == [[WHOLE, 0, 0, 0]]


def test_a_set_is_filled_where_there_are_few_bones() -> None:
    kept = heaviest(np.array([[0.25, 0.75]]), 4)
    assert kept.joints.tolist() == [[1, 0, 0, 0]] and kept.shares.tolist() == [[49151, 16384, 0, 0]]
