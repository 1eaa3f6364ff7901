"""Films of mouths, a detector's noise, the losses, and a fit by them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.mouth.films import (
    NOISE,
    Weights,
    detected,
    draw_film,
    film_times,
    fit_film,
    lip_distances,
    lipread_loss,
    looks_by_lot,
    phones_by_lot,
    photometric_loss,
    spoken,
)
from asm_teach.beyond.mouth.lip_readers import VISEMES, load_lip_reader
from asm_teach.beyond.mouth.mouth_crops import SHAPES, load_mouth
from asm_teach.beyond.speech.sentence import Timed


def some_film(count=7, own_skin=False):
    head, generator = asm.load_head(), np.random.default_rng(3)
    mouth = load_mouth(head)
    looks = looks_by_lot(head, mouth, 320, generator, own_skin)
    phones = [Timed("AA", 0, 0.12), Timed("M", 0.12, 0.2), Timed("AA", 0.2, 0.4)]
    film = draw_film(mouth, looks, phones, film_times(0.02, count), generator)
    lips = mouth.marks(mouth.vertices(film.amounts, film.view.rest), film.view.matrix)
    return mouth, film, lips


def test_lips_close_at_an_m_and_part_at_an_a() -> None:
    mouth, film, lips = some_film()
    names = [list(VISEMES)[k] for k in film.visemes.tolist()]
    gaps = lip_distances(lips)[:, 1]
    assert names[:2] == ["open", "open"] and names[3] == "closed"
    assert float(gaps[3]) < 1 < 2 < float(gaps[0])
    assert film.crops.shape == (7, 32, 32) and film.amounts.shape == (7, len(SHAPES))


def test_phones_by_lot_follow_each_other_without_a_gap() -> None:
    phones = phones_by_lot(np.random.default_rng(0), 2.0, ("M", "AA"))
    assert phones[0].begin == 0 and phones[-1].end >= 2
    assert all(a.end == b.begin for a, b in zip(phones, phones[1:], strict=False))
    assert {phone.name for phone in phones} <= {"M", "AA", "SIL"}
    assert float(spoken(phones, film_times(0, 50)).min()) >= 0


def test_half_of_a_detectors_variance_stays_through_the_film() -> None:
    noise = detected(torch.zeros(4000, 20, 2), np.random.default_rng(1))
    assert float(noise.var(0).mean()) == pytest.approx(NOISE**2 / 2, rel=0.05)
    many = torch.stack([detected(torch.zeros(1, 20, 2), np.random.default_rng(k))[0] for k in range(400)])
    assert float(many.var(0).mean()) == pytest.approx(NOISE**2, rel=0.15)


def test_the_photometric_loss_forgives_exposure_and_nothing_else() -> None:
    crops = torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64) + 0.1
    assert float(photometric_loss(0.3 * crops, crops)) == pytest.approx(0, abs=1e-12)
    assert float(photometric_loss(crops.flip(0), crops)) > 0.05
    drawn = torch.rand(2, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: photometric_loss(x, crops), (drawn,))


def test_the_lipread_loss_looks_at_directions() -> None:
    target = torch.randn(3, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert float(lipread_loss(2 * target, target)) == pytest.approx(0, abs=1e-12)
    assert float(lipread_loss(-target, target)) == pytest.approx(2)
    features = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: lipread_loss(x, target), (features,))


def test_distances_do_not_change_when_all_points_shift() -> None:
    _, _, lips = some_film(3)
    assert torch.allclose(lip_distances(lips + torch.tensor([2.0, -1.0])), lip_distances(lips), atol=1e-4)
    assert torch.allclose(lip_distances(2 * lips), 2 * lip_distances(lips), atol=1e-4)


def test_a_fit_comes_nearer_with_each_kind_of_loss() -> None:
    mouth, film, lips = some_film()

    def off(amounts):
        moved = mouth.vertices(amounts - film.amounts, torch.zeros_like(film.view.rest))
        return float(mouth.landmarks.points(moved, mouth.faces).norm(dim=-1).mean())

    rest = off(0 * film.amounts)
    reader = load_lip_reader("A")
    for weights in (Weights(1, 1), Weights(0, 0, 60), Weights(0, 0, 0, 20)):
        assert off(fit_film(mouth, film, lips, weights, reader, steps=15)) < 0.9 * rest


def test_a_lip_reader_that_counts_has_to_be_there() -> None:
    mouth, film, lips = some_film()
    with pytest.raises(ValueError, match="there is no reader"):
        fit_film(mouth, film, lips, Weights(reader=1))
