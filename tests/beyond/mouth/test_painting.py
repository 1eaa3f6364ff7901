"""The encoder, the painter, the pixels that it is shown, and what it is asked."""

from __future__ import annotations

import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.mouth.mouth_crops import SHAPES, load_mouth
from asm_teach.beyond.mouth.painting import (
    carried,
    closing,
    cycle_loss,
    geometry,
    load_encoder,
    load_painter,
    obedience,
    other_amounts,
)
from asm_teach.rendering.shading import lamp

LIGHT = lamp(torch.tensor([0.3, 0.5, 1.0]), 0.6, 0.4)[:, 0]


def scene(jaw=0.0):
    head = asm.load_head()
    mouth = load_mouth(head)
    view = mouth.view(head)
    amounts = torch.zeros(2, 16)
    amounts[:, 0] = jaw
    return mouth, view, mouth.vertices(amounts, view.rest)


def test_lips_cannot_close_further_than_the_jaw_opens() -> None:
    numbers = torch.rand(5, 16, generator=torch.Generator().manual_seed(0))
    amounts = closing(numbers)
    assert bool((amounts[:, 1] <= amounts[:, 0]).all())
    assert torch.equal(amounts[:, 2:], numbers[:, 2:])


def test_pixels_stay_where_nothing_moves_and_part_with_the_lips() -> None:
    mouth, view, now = scene()
    then = scene(0.3)[2]
    crops = torch.rand(2, 32, 32, generator=torch.Generator().manual_seed(1)) + 0.1
    shown, mask = carried(mouth, crops, now, now, view.matrix, 200, torch.Generator().manual_seed(2))
    assert 150 < float(mask[0].sum()) <= 200 and torch.equal(shown, crops * mask)
    moved, there = carried(mouth, crops, now, then, view.matrix, 200, torch.Generator().manual_seed(2))
    gap = (slice(None), slice(17, 20), slice(14, 18))
    assert float(mask[gap].sum()) > 0 and not there[gap].any()  # the lips have parted, and their pixels with them
    assert not carried(mouth, crops, now, now, view.matrix, 0, torch.Generator())[1].any()


def test_geometry_has_a_hole_where_the_mouth_is_open() -> None:
    mouth, view, opened = scene(0.4)
    picture = geometry(mouth, opened, view.matrix)
    assert picture.shape == (2, 3, 32, 32)
    assert float(picture[0, :, 17:20, 14:18].norm(dim=0).max()) < 0.2
    assert float(picture[0, :, 2:6, 2:6].norm(dim=0).min()) > 0.9


def test_the_painter_takes_the_tone_of_skin_from_the_shown_pixels() -> None:
    mouth, view, now = scene()
    painter, picture = load_painter("plain"), geometry(mouth, now, view.matrix)
    crops = mouth.paint(now, view.matrix, mouth.lit(now, mouth.skin(), LIGHT))[:, 0]
    means = []
    for factor in (0.5, 1.0):
        pixels = carried(mouth, factor * crops, now, now, view.matrix, 500, torch.Generator().manual_seed(0))
        with torch.no_grad():
            means.append(float(painter(picture, *pixels)[0, 4:-4, 4:-4].mean()))
    assert means[0] < 0.8 * means[1]


def test_the_encoder_sees_that_a_jaw_opens() -> None:
    mouth, view, now = scene()
    amounts = torch.zeros(2, 16)
    amounts[1, 0] = 0.4
    with torch.no_grad():
        found = load_encoder("landmarks")(mouth.draw(amounts, view, mouth.skin(), LIGHT))
    assert float(found[1, 0] - found[0, 0]) > 0.1


def test_the_cycle_asks_for_what_was_asked_for() -> None:
    asked = torch.rand(3, 16, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    assert float(cycle_loss(asked, asked)) == 0
    assert float(cycle_loss(asked + 0.1, asked)) == pytest.approx(0.16)
    found = torch.rand(3, 16, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: cycle_loss(x, asked), (found,))


def test_obedience_is_a_slope() -> None:
    asked = torch.randn(40, 16, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    other = torch.randn(40, 16, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
    assert float(obedience(asked, 0.3 * asked)) == pytest.approx(0.3)
    assert float(obedience(asked, 0.3 * asked + other)) == pytest.approx(0.3, abs=0.15)


def test_other_expressions_are_possible_ones() -> None:
    amounts = closing(torch.rand(50, 16, generator=torch.Generator().manual_seed(7)))
    found = other_amounts(amounts, torch.Generator().manual_seed(8))
    assert found.shape == amounts.shape and float(found.min()) >= 0 and float(found.max()) <= 1
    assert not torch.equal(found, amounts)


def test_other_names_are_refused() -> None:
    with pytest.raises(ValueError, match="no encoder 'best'"):
        load_encoder("best")
    with pytest.raises(ValueError, match="no painter 'landmarks'"):
        load_painter("landmarks")
    assert len(SHAPES) == 16
