"""`asm-teach speak`: what it writes and prints, and one line for bad input."""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from asm_teach.avatar.track import CHANNELS
from asm_teach.beyond.speech.mouth_shapes import speak
from asm_teach.beyond.speech.sentence import read_sentence
from asm_teach.beyond.speech.sound import RATE
from asm_teach.model.storage import save
from tests.avatar.gltf_reference import Played
from tests.avatar.models import adaptive
from tests.beyond.speech.spoken import hum, write_hum, write_phones
from tests.command import one_line, run
from tests.formats.fuzz_files import small_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A face, a sentence and its phones: "mama"."""
    monkeypatch.chdir(tmp_path)
    save(adaptive(), tmp_path / "me.npz")
    write_hum(tmp_path / "mama.wav")
    write_phones(
        tmp_path / "mama.json", ("M", 0.1, 0.1), ("AA", 0.2, 0.3), ("M", 0.5, 0.1), ("AA", 0.6, 0.35), words=["mama"]
    )
    return tmp_path


def test_a_file_and_a_page(folder: Path) -> None:
    result = run("speak", "me.npz", "mama.wav", "--phones", "mama.json", "-o", "talk.glb", "--page", "talk.html")
    assert result.exit_code == 0, result.output
    assert "mama.wav: 1.0 s, 6 phones: mama\n" in result.output
    assert "51 named shapes, 1.0 s of animation" in result.output and "play mama.wav with it" in result.output
    played = Played(folder / "talk.glb")
    (animation,) = played.json["animations"]
    assert animation["name"] == "mama" and len(played.names) == 51
    track = speak(read_sentence("mama.wav", "mama.json"))
    assert track.amounts[30, CHANNELS.index("jawOpen")] > 0.3
    page = (folder / "talk.html").read_text("utf-8")
    found = re.search(r'"sound": "([A-Za-z0-9+/=]+)"', page)
    assert found
    (folder / "again.wav").write_bytes(base64.b64decode(found[1]))
    rate, samples = wavfile.read(folder / "again.wav")
    assert rate == RATE
    np.testing.assert_allclose(samples / 32767, hum(1.0), atol=1e-3)


def test_without_phones_the_sentence_is_listened_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def listen(sound, words):
        asked.append((sound.name, words))
        return read_sentence("mama.wav", "mama.json")

    monkeypatch.setattr("asm_teach.beyond.speech.listening.listen", listen)
    result = run("speak", "me.npz", "mama.wav", "-o", "a.glb")
    assert result.exit_code == 0 and "PocketSphinx guesses the words" in result.output
    result = run("speak", "me.npz", "mama.wav", "--words", "mama", "-o", "b.glb")
    assert result.exit_code == 0 and "guesses" not in result.output
    assert asked == [("mama", None), ("mama", "mama")] and (folder / "b.glb").is_file()


def test_bad_input_is_one_line_and_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*words: object) -> str:
        return one_line(run("speak", *words, "-o", "no.glb"))

    save(small_model(), "small.npz")
    known = ("mama.wav", "--phones", "mama.json")
    assert "small.npz: this head has no landmarks, so nothing says where its mouth is" in told("small.npz", *known)
    assert "--words: the file of --phones has the words already" in told("me.npz", *known, "--words", "mama")
    wavfile.write("silence.wav", RATE, np.zeros(RATE, np.int16))
    assert "silence.wav: it is silent" in told("me.npz", "silence.wav", "--phones", "mama.json")
    assert "me.npz: it is no WAV file" in told("me.npz", "me.npz", "--phones", "mama.json")
    assert "mama.json: M ends at 0.60 s and the sound 'short' at 0.50 s" in told(
        "me.npz", write_hum(folder / "short.wav", 0.5), "--phones", "mama.json"
    )
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    assert "pip install 'asm_teach[speech]'" in told("me.npz", "mama.wav")
    assert "should end in .glb" in one_line(run("speak", "me.npz", *known, "-o", "talk.wav"))
    (folder / "talk.html").write_bytes(b"mine")
    assert "--page: 'talk.html' is there already" in one_line(run("speak", "me.npz", *known, "--page", "talk.html"))
    assert not list(folder.glob("*.glb")) and (folder / "talk.html").read_bytes() == b"mine"


def test_lips_that_are_one_surface_cannot_speak(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from asm_teach.avatar import expressions

    monkeypatch.setattr(expressions, "is_sealed", lambda mesh, opening: True)
    line = one_line(run("speak", "me.npz", "mama.wav", "--phones", "mama.json", "-o", "no.glb"))
    assert "me.npz: it cannot speak, its lips are one surface" in line and not (folder / "no.glb").exists()
