"""Visemes and the two lip readers."""

from __future__ import annotations

import pytest
import torch

from asm_teach.beyond.mouth.lip_readers import VISEMES, load_lip_reader, visemes, windows
from asm_teach.beyond.mouth.mouth_crops import SHAPES
from asm_teach.beyond.speech.sentence import PHONES, SILENCE, Timed
from tests.beyond.mouth.test_films import some_film

OPEN = list(VISEMES).index("open")


def test_every_phone_has_one_viseme() -> None:
    grouped = " ".join(VISEMES.values()).split()
    assert sorted(grouped) == sorted({*PHONES, SILENCE} - {"AY", "AW", "EY", "OY", "OW"})


def test_the_second_half_of_a_diphthong_is_its_second_vowel() -> None:
    names = [list(VISEMES)[k] for k in visemes([Timed("OW", 0.0, 0.2)], torch.tensor([0.05, 0.15])).tolist()]
    assert names == ["round", "round"]
    names = [list(VISEMES)[k] for k in visemes([Timed("AY", 0.0, 0.2)], torch.tensor([0.05, 0.15, 0.9])).tolist()]
    assert names == ["open", "wide", "wide"]


def test_a_window_has_two_crops_on_either_side() -> None:
    film = torch.arange(7.0)[:, None, None].expand(7, 32, 32)
    assert windows(film)[:, :, 0, 0].tolist() == [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5], [2, 3, 4, 5, 6]]


def test_readers_see_an_open_mouth_and_no_exposure() -> None:
    mouth, film, _ = some_film()
    amounts = torch.zeros(2, 16)
    amounts[1, SHAPES.index("jawOpen")] = 0.35
    shut, wide = mouth.draw(amounts, film.view, mouth.skin(), film.light)
    films = torch.stack([x.expand(5, 32, 32) for x in (shut, wide, 0.6 * wide)])
    for name in ("A", "B"):
        with torch.no_grad():
            said = load_lip_reader(name)(films)
        assert float(said[1, OPEN] - said[0, OPEN]) > 1
        assert torch.allclose(said[1], said[2], atol=0.3)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="choose A or B"):
        load_lip_reader("C")
    with pytest.raises(ValueError, match="films has shape"):
        load_lip_reader("B")(torch.zeros(1, 4, 32, 32))
