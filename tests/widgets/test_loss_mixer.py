"""The loss mixer without a browser: its sliders, its fit, its words and its picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from asm_teach.beyond.mouth.films import detected
from asm_teach.beyond.mouth.lip_readers import load_lip_reader
from asm_teach.widgets import LossMixer
from asm_teach.widgets.loss_mixer import loss_mixer
from tests.beyond.mouth.test_films import some_film
from tests.widgets.parts import close_widgets  # noqa: F401


@pytest.fixture
def mixer(monkeypatch) -> LossMixer:
    monkeypatch.setattr(loss_mixer, "STEPS", 3)
    mouth, film, lips = some_film(10)
    points = detected(lips, np.random.default_rng(0))
    return LossMixer(mouth, film, points, load_lip_reader("A"), load_lip_reader("B"))


def test_a_slider_fits_anew_and_the_words_tell(mixer) -> None:
    before, words, picture = mixer.amounts, mixer.text, mixer.picture.value
    assert words.startswith("lips ") and "B reads in the film" in words
    mixer.sliders["lip reader"].value = 20.0
    assert not torch.equal(mixer.amounts, before) and mixer.picture.value != picture
    mixer.place.value = 1
    assert mixer.text != words


def test_the_picture_shows_given_and_fitted_crops(mixer) -> None:
    mixer.mix(1.0, 0.0, 0.0)
    picture = np.asarray(Image.open(io.BytesIO(mixer.still())))
    assert picture.shape == (2 * 96, 9 * 96)
    assert np.abs(picture[:96].astype(int) - picture[96:]).mean() > 1


def test_no_weight_is_said_and_keeps_the_fit(mixer) -> None:
    fitted = mixer.amounts
    mixer.sliders["landmarks"].value = 0.0
    assert mixer.text.startswith("all weights are 0") and torch.equal(mixer.amounts, fitted)


def test_bad_input_is_refused(mixer) -> None:
    with pytest.raises(ValueError, match="photometric is 500"):
        mixer.mix(1.0, 500, 0.0)
    with pytest.raises(ValueError, match="all weights are 0"):
        mixer.mix(0.0, 0.0, 0.0)
    short = mixer.film._replace(crops=mixer.film.crops[:8])
    with pytest.raises(ValueError, match="8 crops"):
        LossMixer(mixer.mouth, short, mixer.points, mixer.reader, mixer.judge)
