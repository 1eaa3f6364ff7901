"""A mouth that speaks: what the formula says, and what the lips and the jaw of a head do in real sentences.

`python -m tests.beyond.speech.test_mouth_shapes` prints the figures.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from asm_teach.avatar.performer import Performer
from asm_teach.avatar.track import CHANNELS
from asm_teach.beyond.speech.mouth_shapes import (
    FRAMES,
    GESTURES,
    GLIDES,
    RULES,
    Rule,
    amounts,
    dominances,
    halves,
    speak,
)
from asm_teach.beyond.speech.sentence import PHONES, SILENCE, Sentence, Timed
from tests.avatar.models import HEAD, adaptive
from tests.beyond.speech.spoken import sentences

JAW = CHANNELS.index("jawOpen")
CLOSED = 0.6  # mm between lips that touch, about the way a lip gives when the other presses it
LABIALS = ("P", "B", "M")


def reference(phones: list[Timed], time: float, gesture: str) -> float:
    """Cohen and Massaro's formula for one gesture at one time, phone by phone."""
    above = below = 0.0
    for name, begin, end in phones:
        rule = next(rule for names, rule in RULES.items() if name in names.split())
        away = max(abs(time - (begin + end) / 2) - (end - begin) / 4, 0.0)
        dominance = rule.firm.get(gesture, 1.0) * math.exp(-GESTURES[gesture].fall * away)
        above += dominance * rule.targets.get(gesture, 0.0)
        below += dominance
    return above / below


def opening(performer: Performer, table: Tensor) -> Tensor:
    """(T, 3) mm that the lips have parted beyond their distance at rest, at the middle of the mouth and beside it."""
    marks = HEAD.mesh.landmarks["ibug68"]
    rest = marks.points(performer.vertices, HEAD.mesh.faces)
    offsets = torch.stack([marks.points(offset, HEAD.mesh.faces) for offset in performer.offsets])
    columns = [CHANNELS.index(name) for name in performer.names]
    points = rest + torch.einsum("te,enx->tnx", table[:, columns], offsets)

    def apart(places: Tensor) -> Tensor:
        return (places[..., [61, 62, 63], :] - places[..., [67, 66, 65], :]).norm(dim=-1)

    return apart(points) - apart(rest)


def at_labials(performer: Performer, sentence: Sentence) -> tuple[Tensor, Tensor]:
    """(n,) mm between the lips at each p, b and m: at its middle, and in the best frame of the track within it."""
    phones = [phone for phone in sentence.phones if phone.name in LABIALS]
    middles = torch.tensor([(phone.begin + phone.end) / 2 for phone in phones], dtype=torch.float64)
    track = speak(sentence)
    frames = opening(performer, track.amounts).abs().amax(1)
    best = [frames[(track.times >= phone.begin) & (track.times <= phone.end)].min() for phone in phones]
    return opening(performer, amounts(sentence.phones, middles)).abs().amax(1), torch.stack(best)


def follows(track_jaw: Tensor, levels: Tensor) -> float:
    """The correlation of the jaw with the loudness, which is smoothed over 90 ms as a jaw is slow."""
    smooth = torch.nn.functional.avg_pool1d(levels[None], 9, 1, 4, count_include_pad=False)[0]
    count = min(len(track_jaw), len(smooth))
    return float(torch.corrcoef(torch.stack([track_jaw[:count], smooth[:count]]))[0, 1])


@pytest.fixture(scope="module")
def performer() -> Performer:
    return Performer.of(adaptive())


def test_every_phone_has_one_rule() -> None:
    ruled = [phone for phones in RULES for phone in phones.split()]
    assert len(ruled) == len(set(ruled)) and {*ruled, *GLIDES} == {*PHONES, SILENCE}
    for rule in RULES.values():
        assert {*rule.targets, *rule.firm} <= set(GESTURES)
        assert all(0 < amount <= 1 for amount in rule.targets.values()) and all(firm > 0 for firm in rule.firm.values())
    assert {shape for gesture in GESTURES.values() for shape in gesture.shapes} <= set(CHANNELS)


def test_the_closed_form_is_the_papers_sum() -> None:
    phones = [Timed(SILENCE, 0, 0.2), Timed("M", 0.2, 0.26), Timed("AA", 0.26, 0.45), Timed("F", 0.45, 0.5),
              Timed("UW", 0.5, 0.62)]  # fmt: skip
    times = torch.linspace(0, 0.62, 63, dtype=torch.float64)
    table = amounts(phones, times)
    shares = dominances(phones, times)
    for name in GESTURES:
        torch.testing.assert_close(shares[name].sum(1), torch.ones_like(times))
    for row, time in enumerate(times.tolist()):
        found = {name: reference(phones, time, name) for name in GESTURES}
        expected = {
            "jawOpen": found["jaw"], "mouthClose": found["closed"] * found["jaw"],
            "mouthFunnel": found["funnel"] * (1 - found["closed"]), "mouthPucker": found["pucker"],
            "mouthStretchRight": found["spread"], "mouthRollLower": found["tucked"],
            "mouthUpperUpLeft": found["raised"] * (1 - found["closed"]), "mouthFrownLeft": 0.0,
        }  # fmt: skip
        assert {name: float(table[row, CHANNELS.index(name)]) for name in expected} == pytest.approx(
            expected, abs=1e-12
        )


def test_a_diphthong_is_two_vowels() -> None:
    assert halves([Timed("B", 0, 0.1), Timed("AY", 0.1, 0.3)]) == [
        Timed("B", 0, 0.1), Timed("AA", 0.1, 0.2), Timed("IH", 0.2, 0.3)
    ]  # fmt: skip


def test_neighbours_show_in_a_phone() -> None:
    """The t of "too" is rounder than that of "tea", which is what dominance functions are for."""
    now = torch.tensor([0.05], dtype=torch.float64)
    too, tea = (amounts([Timed("T", 0, 0.1), Timed(vowel, 0.1, 0.3)], now)[0] for vowel in ("UW", "IY"))
    pucker = CHANNELS.index("mouthPucker")
    assert too[pucker] > 0.25 and tea[pucker] == 0


def test_lips_close_at_every_p_b_and_m(performer: Performer) -> None:
    """In five read sentences, on a face that is none of those that the shapes were made for."""
    found = [at_labials(performer, sentence) for sentence in sentences()]
    middle, best = (torch.cat(column) for column in zip(*found, strict=True))
    assert len(middle) == 29
    assert middle.max() < CLOSED and best.max() < CLOSED / 2


def test_lips_stay_apart_where_p_b_and_m_do_not_dominate(performer: Performer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: as slow as the jaw and no firmer than other phones, they leave the mouth open nearly always."""
    from asm_teach.beyond.speech import mouth_shapes

    soft = Rule(RULES["P B M"].targets)
    monkeypatch.setattr(mouth_shapes, "_RULE_OF", {**mouth_shapes._RULE_OF, **dict.fromkeys(LABIALS, soft)})
    monkeypatch.setitem(GESTURES, "closed", GESTURES["closed"]._replace(fall=GESTURES["jaw"].fall))
    middle = torch.cat([at_labials(performer, sentence)[0] for sentence in sentences()])
    assert (middle > CLOSED).sum() > 20


def test_lips_part_between_them(performer: Performer) -> None:
    """They do not close by staying shut: in the middle of open vowels they are 4 mm apart or more."""
    for sentence in sentences():
        vowels = [phone for phone in sentence.phones if phone.name in ("AA", "AE", "AY", "AW") and
                  phone.end - phone.begin > 0.08]  # fmt: skip
        middles = torch.tensor([(phone.begin + phone.end) / 2 for phone in vowels], dtype=torch.float64)
        assert len(vowels) == 0 or opening(performer, amounts(sentence.phones, middles))[:, 1].min() > 4


def test_the_jaw_goes_with_the_loudness() -> None:
    """More than with the loudness of any other moment: shifted round by half a second or more, it goes less far."""
    for sentence in sentences():
        jaw, levels = speak(sentence).amounts[:, JAW], sentence.sound.levels()
        shifted = [follows(jaw, levels.roll(shift)) for shift in range(50, len(levels) - 50, 10)]
        assert follows(jaw, levels) > 0.3 and follows(jaw, levels) > max(shifted)


def test_the_track_fits_the_sound() -> None:
    for sentence in sentences():
        track = speak(sentence)
        assert track.seconds == pytest.approx(sentence.sound.seconds) and track.name == sentence.sound.name
        assert len(track.times) == round(FRAMES * track.seconds) + 1 and (track.times.diff() > 0).all()
        assert track.amounts.min() >= 0 and track.amounts.max() <= 1 and not track.head.any()
        assert track.amounts[-1, JAW] < 0.05 and track.amounts[0, JAW] < 0.05  # silence: the mouth is shut


def main() -> None:
    performer = Performer.of(adaptive())
    print("sentence                        p b m  lips, mm: middle  best   most open, mm   jaw with loudness, shifted")
    for sentence in sentences():
        middle, best = at_labials(performer, sentence)
        track, levels = speak(sentence), sentence.sound.levels()
        jaw = track.amounts[:, JAW]
        shifted = max(follows(jaw, levels.roll(shift)) for shift in range(50, len(levels) - 50, 10))
        wide = opening(performer, track.amounts)[:, 1].max()
        print(f"{sentence.text[:32]:32}{len(middle):4}{middle.max():14.2f}{best.max():10.2f}{wide:12.1f}"
              f"{follows(jaw, levels):22.2f}{shifted:9.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
