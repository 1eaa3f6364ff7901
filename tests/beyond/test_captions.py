"""The grammar of captions, what is measured, the encoders and their losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import asm_teach as asm
from asm_teach.beyond.captions import (
    ATTRIBUTES,
    WORDS,
    PictureEncoder,
    TextEncoder,
    caption,
    contrast_loss,
    directional_loss,
    match_loss,
    measure,
    sentence,
    understood,
    words_of,
)


def test_a_caption_names_what_is_unusual_and_is_understood_again() -> None:
    generator = np.random.default_rng(0)
    z = torch.zeros(8)
    assert set(understood(caption(z, generator))) == set()
    z[[0, 4, 7]] = torch.tensor([2.0, -2.0, 1.0])
    for _ in range(20):
        assert understood(caption(z, generator)) == {"smile": 1, "wide jaw": -1, "full lips": 1}
    assert len(understood(caption(torch.full((8,), 3.0), generator))) == 3


def test_every_phrase_is_understood_as_its_own_attribute_alone() -> None:
    for name, one in ATTRIBUTES.items():
        for sign, phrases in ((1, one.more), (-1, one.less)):
            for phrase in phrases:
                assert understood(f"A FACE with {phrase}.") == {name: sign}, phrase


def test_a_sentence_is_joined_as_one_says_it() -> None:
    assert sentence([]) == "a face"
    assert sentence(["a smile"]) == "a face with a smile"
    assert sentence(["a smile", "full lips", "a wide jaw"], "a head") == "a head with a smile, full lips and a wide jaw"


def test_what_is_measured_rises_with_the_unit_that_does_it() -> None:
    head = asm.load_head()

    def of(**amounts: float) -> torch.Tensor:
        moved = head.mesh.vertices + head.offsets(expressions=amounts)
        return measure(head.landmarks.points(moved, head.mesh.faces))

    names, rest = list(ATTRIBUTES), of()
    for name, amounts in {
        "smile": {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0},
        "open mouth": {"jawOpen": 1.0},
        "raised brows": {"browOuterUpLeft": 1.0, "browOuterUpRight": 1.0},
        "closed eyes": {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    }.items():
        gained = of(**amounts) - rest
        assert gained[names.index(name)] > 3 and int(gained.argmax()) == names.index(name)


def test_the_losses_are_least_for_the_right_partner_and_have_the_right_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 4, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    for loss in (match_loss, directional_loss, contrast_loss):
        assert torch.autograd.gradcheck(loss, (first, second))
    unit = torch.nn.functional.normalize(first.detach(), dim=1)
    assert match_loss(unit, unit) < match_loss(unit, unit.roll(1, 0))
    assert contrast_loss(3 * unit, unit) < contrast_loss(unit, unit.roll(1, 0))
    assert float(directional_loss(5 * unit, 0.1 * unit)) == pytest.approx(0, abs=1e-12)  # no length counts
    scores = (unit @ second.detach().T) / 0.1
    by_hand = -(scores.log_softmax(1).diagonal() + scores.log_softmax(0).diagonal()).mean() / 2
    assert float(match_loss(unit, second.detach())) == pytest.approx(float(by_hand))


def test_embeddings_have_length_one_and_do_not_depend_on_their_neighbours() -> None:
    torch.manual_seed(0)
    texts = TextEncoder()
    alone, beside = (
        texts(["a face with a smile"]),
        texts(["a face with a smile", "a head with full lips and low brows"]),
    )
    assert torch.allclose(alone[0], beside[0], atol=1e-6)
    assert torch.allclose(beside.norm(dim=1), torch.ones(2))
    assert not torch.allclose(*texts(["a wide jaw and a long nose", "a long jaw and a wide nose"]), atol=1e-3)
    assert torch.allclose(PictureEncoder()(torch.rand(3, 64, 64)).norm(dim=1), torch.ones(3))


def test_bad_input_is_refused() -> None:
    for empty in ("", "  ", "..., !"):
        with pytest.raises(ValueError, match="sentence: there is no word in"):
            words_of(empty)
    with pytest.raises(ValueError, match=r"unknown words 'beard', 'green'; the encoder learned these \d+ words"):
        understood("a face with a beard, a beard and green eyes")
    with pytest.raises(ValueError, match="unknown word 'lächeln'"):
        words_of("a Lächeln")
    with pytest.raises(ValueError, match="it has 25 words"):
        words_of(" ".join(25 * ["smile"]))
    with pytest.raises(ValueError, match=r"pictures has shape \(1, 32, 32\)"):
        PictureEncoder()(torch.rand(1, 32, 32))
    with pytest.raises(ValueError, match=r"points has shape \(5, 3\)"):
        measure(torch.rand(5, 3))
    assert len(WORDS) == len(set(WORDS)) < 60
