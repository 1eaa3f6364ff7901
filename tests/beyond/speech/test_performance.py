"""The written speaker: its words are those that were read, lips follow the rules, and chance is where it should be."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from asm_teach.avatar.track import CHANNELS as SHAPES
from asm_teach.beyond.speech.mouth_shapes import GESTURES, gestures, speak
from asm_teach.beyond.speech.performance import (
    CHANNELS,
    FACE,
    HEAD,
    HEARD,
    RATE,
    Speaker,
    heard,
    made_up,
    perform,
    read_words,
    script_of,
    track_of,
)
from asm_teach.beyond.speech.sentence import PHONES, embedded_sentence

SENTENCE = embedded_sentence()
BROWS, NOD, SMILE = (CHANNELS.index(name) for name in ("brows", "nod", "smile"))


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_channels_are_shared_out() -> None:
    assert sorted((*FACE, *HEAD)) == list(range(len(CHANNELS))) and len(HEARD) == 1 + len(PHONES)


def test_the_words_are_those_of_the_sentences() -> None:
    words = read_words()
    own = words[-len(SENTENCE.words) :]
    assert len(words) == 71 and [word.name for word in own] == [word.name for word in SENTENCE.words]
    for word, timed in zip(own, SENTENCE.words, strict=True):
        assert word.phones[-1].end == pytest.approx(timed.end - timed.begin, abs=0.002)
    stressed = [word.begin + own[k].stress for k, word in enumerate(SENTENCE.words) if own[k].stress is not None]  # type: ignore[operator]
    torch.testing.assert_close(script_of(SENTENCE).stresses, torch.tensor(stressed).double(), atol=2e-3, rtol=0)
    assert 0.3 < sum(word.stress is not None for word in words) / len(words) < 0.7


def test_a_made_up_script_has_no_gap() -> None:
    for seed in range(5):
        script = made_up(read_words(), 80, draws(seed))
        assert script.frames == 80 and script.phones[0].begin == 0
        assert [phone.end for phone in script.phones[:-1]] == [phone.begin for phone in script.phones[1:]]
        assert len(script.stresses) and script.stresses.max() < script.phones[-1].end


def test_what_is_heard_is_one_phone_a_frame_and_the_stress() -> None:
    script = script_of(SENTENCE)
    table = heard(script, 96)
    assert table.shape == (96, 41) and (table[:, :-1].sum(1) == 1).all()
    assert (table[script.frames + 1 :, 0] == 1).all()  # silence beyond the end
    for name, begin, end in script.phones:
        assert table[int((begin + end) / 2 * RATE), HEARD.index(name)] == 1 or end - begin < 1.5 / RATE
    for stress in script.stresses:
        assert table[int(stress * RATE), -1] > 0.9
    silent = replace(SENTENCE, words=())
    assert not heard(script_of(silent))[:, -1].any()


def test_the_mouth_is_the_rules_times_a_number_and_one_strength_moves_brows_and_head() -> None:
    script = script_of(SENTENCE)
    times = (torch.arange(script.frames, dtype=torch.float64) + 0.5) / RATE
    rules = torch.stack(list(gestures(script.phones, times).values()), 1)
    takes = [perform(script, draws(seed), Speaker(sway=0.0)) for seed in range(40)]
    for take in takes[:3]:
        ratio = take[:, : len(GESTURES)][rules > 0.01] / rules[rules > 0.01]
        assert float(ratio.std()) < 1e-12 and 0.4 < float(ratio.mean()) < 1.4
        assert float(take[:, SMILE].std()) < 1e-12
    middles = [int(stress * RATE) for stress in script.stresses]
    brows = torch.stack([take[middles, BROWS] for take in takes])
    nods = torch.stack([take[[m + 2 for m in middles], NOD] - take[0, NOD] for take in takes])
    together = torch.corrcoef(torch.stack([(brows - brows.mean(0)).flatten(), (nods - nods.mean(0)).flatten()]))
    assert float(together[0, 1]) > 0.9 and float(brows.std()) > 0.1
    other = perform(script, draws(0), Speaker(sway=0.0, nod=-0.14))
    torch.testing.assert_close(other[:, NOD] - other[0, NOD], takes[0][0, NOD] - takes[0][:, NOD], atol=1e-9, rtol=0)


def test_a_take_sways_by_its_number() -> None:
    script = made_up(read_words(), 3000, draws())
    take = perform(script, draws(1), Speaker(nod=0.0, sway=0.05))
    assert take[:, CHANNELS.index("turn")].std() == pytest.approx(0.05, rel=0.2)
    assert take[:, CHANNELS.index("tilt")].std() == pytest.approx(0.035, rel=0.2)


def test_the_track_of_the_rules_is_the_written_track() -> None:
    """25 frames a second, laid between each other, stay near the 100 of `speak`, and carry head, brows and smile."""
    take = perform(script_of(SENTENCE), draws(), Speaker(mouth=(1.0, 0.0)))
    track, written = track_of(take, SENTENCE), speak(SENTENCE)
    assert track.sound == written.sound and torch.equal(track.times, written.times)
    jaw = SHAPES.index("jawOpen")
    assert float((track.amounts[:, jaw] - written.amounts[:, jaw]).abs().max()) < 0.05
    assert track.amounts.min() >= 0 and track.amounts.max() <= 1
    assert float(track.amounts[:, SHAPES.index("mouthSmileLeft")].mean()) == pytest.approx(float(take[0, SMILE]))
    at = int(script_of(SENTENCE).stresses[0] * RATE)
    time = int((at + 0.5) * 4)
    assert float(track.amounts[time, SHAPES.index("browInnerUp")]) == pytest.approx(float(take[at, BROWS]), abs=1e-6)
    torch.testing.assert_close(track.head[time, 0], take[at, NOD])
