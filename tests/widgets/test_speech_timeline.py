"""The timeline of a sentence without a browser: its lanes, words and still picture, and the numbers of its page."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from asm_teach.avatar.track import CHANNELS
from asm_teach.beyond.speech.mouth_shapes import speak
from asm_teach.beyond.speech.sentence import embedded_sentence
from asm_teach.widgets import SpeechTimeline
from tests.avatar.models import adaptive
from tests.widgets.parts import close_widgets  # noqa: F401


@pytest.fixture(scope="module")
def timeline() -> SpeechTimeline:
    return SpeechTimeline(adaptive(), embedded_sentence())


def test_lanes_show_what_moves(timeline: SpeechTimeline) -> None:
    """Lips are closed in the middle of an m, open at a vowel; brows and head do nothing in this track."""
    lanes, phones = timeline.lanes, timeline.sentence.phones
    assert set(lanes) == {"jaw open", "lips closed"}  # no phone of this sentence is round
    first = {}
    for name, begin, end in phones:
        first.setdefault(name, round(50 * (begin + end)))  # the frame in the middle
    assert lanes["lips closed"][first["M"]] > 0.9 and lanes["lips closed"][first["AY"]] < 0.1
    assert lanes["jaw open"][first["EY"]] > lanes["jaw open"][first["M"]] > lanes["jaw open"][0] + 0.1
    track = replace(speak(timeline.sentence))
    track.head[:, 0] = torch.linspace(0, 0.15, len(track.times))
    nodding = SpeechTimeline(adaptive(), timeline.sentence, track).lanes["nod"]
    assert float(nodding[0]) == 0.5 and float(nodding[-1]) == pytest.approx(0.75)
    track.amounts.zero_()
    track.head.zero_()
    still = SpeechTimeline(adaptive(), timeline.sentence, track)
    assert list(still.lanes) == ["jaw open"] and still.track is not None and not still.track.amounts.any()


def test_the_page_holds_sentence_and_sound(timeline: SpeechTimeline) -> None:
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', timeline.page, re.DOTALL)
    data = json.loads(found)
    assert timeline.track is not None and timeline.track.sound is not None
    assert base64.b64decode(data["track"]["sound"]) == timeline.track.sound
    assert data["sentence"]["text"] == "he might even have been made amiable himself"
    assert data["sentence"]["words"][1] == ["might", 0.38, 0.64] and data["sentence"]["phones"][0][0] == "SIL"
    levels = np.frombuffer(base64.b64decode(data["sentence"]["levels"]), "<f4")
    assert levels.max() == 1 and len(levels) == 329
    assert {len(base64.b64decode(lane["values"])) for lane in data["sentence"]["lanes"]} == {4 * 165}
    assert [lane["said"] for lane in data["sentence"]["lanes"]] == [[0, 50, " %"], [0, 100, " %"]]
    jaw = timeline.track.amounts[:, CHANNELS.index("jawOpen")]
    lane = np.frombuffer(base64.b64decode(data["sentence"]["lanes"][0]["values"]), "<f4")
    np.testing.assert_allclose(lane, 2 * jaw[::2], rtol=1e-6)


def test_words_and_still(timeline: SpeechTimeline) -> None:
    assert timeline.text.endswith("8 words, 32 phones: he might even have been made amiable himself")
    picture = np.asarray(Image.open(io.BytesIO(timeline.still())).convert("RGB"))
    assert picture.shape[1] > 700 and (picture < 250).any(2).mean() > 0.1
    assert len(timeline.picture([0.5, 1.0, 2.0]).axes) == 3 + 2


def test_a_track_of_another_sentence_is_refused(timeline: SpeechTimeline) -> None:
    track = speak(timeline.sentence)
    with pytest.raises(ValueError, match=r"track: it lasts 6\.58 s and the sentence 3\.29 s"):
        SpeechTimeline(adaptive(), timeline.sentence, replace(track, times=2 * track.times))
