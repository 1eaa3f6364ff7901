"""Sentences for tests: the five that are fetched, sounds without words, and files of their phones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from asm_teach.beyond.speech.sentence import Sentence, read_sentence
from asm_teach.beyond.speech.sound import RATE, Sound
from asm_teach.data.assets import AssetUnavailable, fetch

FILES = [f"sense_and_sensibility_01_austen_64kb-0{number}" for number in (870, 880, 890, 920, 930)]


def files(number: int) -> tuple[Path, Path]:
    """The sound and the phones of one of the five sentences; a test without them is skipped."""
    try:
        folder = fetch("librivox-speech", progress=False)
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")
    return folder / f"{FILES[number]}.wav", folder / f"{FILES[number]}.phone.json"


def sentences() -> list[Sentence]:
    return [read_sentence(*files(number)) for number in range(len(FILES))]


def hum(seconds: float, rate: int = RATE) -> np.ndarray:
    """(n,) a voice's lowest notes, at half of full scale."""
    time = np.arange(round(seconds * rate)) / rate
    return 0.3 * np.sin(2 * np.pi * 120 * time) + 0.2 * np.sin(2 * np.pi * 360 * time + 1)


def sound(seconds: float) -> Sound:
    return Sound("hum", torch.from_numpy(hum(seconds)))


def write_hum(path: Path, seconds: float = 1.0) -> Path:
    wavfile.write(path, RATE, (32767 * hum(seconds)).astype(np.int16))
    return path


def write_phones(path: Path, *phones: tuple[str, float, float], words: Sequence[str] = ("word",)) -> Path:
    """Phones (name, begin, duration), all of them in the first word."""
    parts = [{"t": name, "b": begin, "d": lasts, "p": 1.0} for name, begin, lasts in phones]
    entries = [{"t": word, "b": 0.0, "d": 1.0, "p": 1.0, "w": parts if k == 0 else []} for k, word in enumerate(words)]
    path.write_text(json.dumps({"t": " ".join(words), "b": 0.0, "d": 1.0, "p": 1.0, "w": entries}))
    return path
