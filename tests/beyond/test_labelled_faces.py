"""Faces as points with labels, and the numbers that say how well labels were read."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import asm_teach as asm
from asm_teach.base.arrays import load_npz
from asm_teach.beyond.action_units import UNITS
from asm_teach.beyond.face_crops import PLACES
from asm_teach.beyond.labelled_faces import (
    POINTS,
    STEADY_ROWS,
    PointFaces,
    balanced_accuracy,
    concordance,
    f1_score,
    framed,
    people_apart,
)
from asm_teach.data.assets import data_dir


@pytest.fixture(scope="module")
def faces() -> PointFaces:
    return PointFaces.of(asm.load_head(), range(3))


def test_a_unit_moves_its_points_and_a_person_has_a_face_of_its_own(faces) -> None:
    who, amounts = torch.tensor([0, 0, 1]), torch.zeros(3, len(UNITS))
    amounts[1, list(UNITS).index(12)] = 1.0
    calm, smile, other = faces.draw(who, amounts, torch.Generator().manual_seed(0), noise=0.0).reshape(3, 68, 2)
    corners = [48, 54]
    assert float((smile[corners, 0] - smile[corners, 0].mean()).abs().sum()) > 1.05 * float(
        (calm[corners, 0] - calm[corners, 0].mean()).abs().sum()
    )
    assert float(smile[corners, 1].mean()) < float(calm[corners, 1].mean())  # up, and y goes down
    assert float((other - calm).abs().max()) > 0.01


def test_faces_lie_in_the_square_of_the_crops_drawn_or_photographed(faces) -> None:
    drawn = faces.draw(torch.arange(3), torch.zeros(3, len(UNITS)), torch.Generator().manual_seed(1))
    stored = load_npz(data_dir() / "smile_points.npz")["points"]
    assert stored.shape == (49, 2, 68, 2)
    photographed = framed(torch.from_numpy(stored.astype(np.float32)).flatten(0, 1))
    for points in (drawn, photographed):
        eyes = points.reshape(-1, 68, 2)[:, list(STEADY_ROWS)]
        assert float((eyes - torch.tensor(PLACES)).abs().max()) < 0.08
    moved = torch.from_numpy(stored[0].astype(np.float32))
    assert torch.allclose(framed(3 * moved + 20), framed(moved), atol=1e-4)


def test_measures_agree_with_their_words() -> None:
    true = torch.tensor([[True], [True], [False], [False]])
    said = torch.tensor([[True], [False], [True], [False]])
    assert float(f1_score(said, true)[0]) == pytest.approx(0.5)
    assert float(f1_score(true, true)[0]) == 1 and float(f1_score(~true, true)[0]) == 0
    names = torch.tensor([0, 0, 0, 1])
    assert balanced_accuracy(torch.zeros(4, dtype=torch.int64), names) == pytest.approx(0.5)
    x = torch.randn(50, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert float(concordance(x, x)) == pytest.approx(1) and float(concordance(-x, x)) < -0.9
    assert float(concordance(2 * x + 1, x)) < 0.7  # a correlation of 1, and no agreement
    y = (x + torch.randn(50, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: concordance(y, x), (y,))


def test_a_split_by_people_has_nobody_on_both_sides() -> None:
    who = torch.arange(10).repeat(7)
    away = people_apart(who, 0.3, torch.Generator().manual_seed(0))
    assert not set(who[away].tolist()) & set(who[~away].tolist()) and int(away.sum()) == 21
    with pytest.raises(ValueError, match="somebody on both sides"):
        people_apart(who, 0.01, torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="share 0.5 of 1 people"):
        people_apart(torch.zeros(5), 0.5, torch.Generator().manual_seed(0))


def test_labels_that_do_not_fit_are_refused(faces) -> None:
    yes = torch.ones(4, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match="one answer for each label"):
        f1_score(yes[:3], yes)
    with pytest.raises(ValueError, match="column 1 is never True"):
        f1_score(yes, torch.tensor([[True, False]] * 4))
    with pytest.raises(ValueError, match="of True and False"):
        f1_score(yes.float(), yes.float())
    with pytest.raises(ValueError, match="1 class only"):
        balanced_accuracy(torch.zeros(4), torch.zeros(4))
    with pytest.raises(ValueError, match="at least two"):
        concordance(torch.zeros(1), torch.zeros(1))
    with pytest.raises(ValueError, match="nothing varies"):
        concordance(torch.ones(3), torch.ones(3))
    with pytest.raises(ValueError, match=r"68, 2\)"):
        framed(torch.zeros(2, 5, 2))
    with pytest.raises(ValueError, match="people"):
        faces.draw(torch.tensor([3]), torch.zeros(1, len(UNITS)), torch.Generator())
    with pytest.raises(ValueError, match="a row per face"):
        faces.draw(torch.tensor([0]), torch.zeros(1, 5), torch.Generator())


def test_the_points_are_sixty_eight_different_ones() -> None:
    assert len(set(POINTS)) == 68 and max(POINTS) < 468
