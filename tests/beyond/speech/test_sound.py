"""Sounds of every kind that WAV holds are read alike, and bad ones get words."""

from __future__ import annotations

import re
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from asm_teach.beyond.speech.sound import RATE, Sound, read_sound
from tests.beyond.speech.spoken import hum, write_hum


def write_24_bit(path: Path, values: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 3, RATE, 0, "NONE", ""))
        numbers = (values * (2**23 - 1)).astype("<i4")
        file.writeframes(numbers.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        (np.uint8, 2**-7), (np.int16, 2**-15), ("24 bit", 2**-23), (np.int32, 2**-31), (np.float32, 1e-7),
        (np.float64, 0),
    ],
)  # fmt: skip
def test_whole_and_floating_point_numbers(tmp_path: Path, kind: type | str, step: float) -> None:
    expected = hum(0.5)
    if isinstance(kind, str):
        write_24_bit(tmp_path / "hum.wav", expected)
    elif kind is np.uint8:
        wavfile.write(tmp_path / "hum.wav", RATE, (128 + 127 * expected).round().astype(kind))
    elif np.issubdtype(kind, np.integer):
        wavfile.write(tmp_path / "hum.wav", RATE, (np.iinfo(kind).max * expected).astype(kind))
    else:
        wavfile.write(tmp_path / "hum.wav", RATE, expected.astype(kind))
    found = read_sound(tmp_path / "hum.wav")
    assert found.name == "hum" and found.notes == () and found.seconds == 0.5
    off = np.abs(found.samples.numpy() - (expected - expected.mean())).max()
    assert off <= 1.5 * step + 1e-12


def test_the_long_form_of_the_header(tmp_path: Path) -> None:
    """WAVE_FORMAT_EXTENSIBLE, with a chunk of odd length that nobody needs before the samples."""
    samples = (32767 * hum(0.5)).astype("<i2").tobytes()
    layout = struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE, 2 * RATE, 2, 16, 22, 16, 4) + struct.pack("<H", 1) + bytes(14)
    chunks = b"".join(
        name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
        for name, data in ((b"LIST", b"odd"), (b"fmt ", layout), (b"data", samples))
    )
    (tmp_path / "hum.wav").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    expected = hum(0.5)
    np.testing.assert_allclose(read_sound(tmp_path / "hum.wav").samples, expected - expected.mean(), atol=5e-5)


def test_channels_are_mixed_and_rates_brought_to_one(tmp_path: Path) -> None:
    left = hum(1.0, 44_100)
    wavfile.write(tmp_path / "hum.wav", 44_100, np.stack([1.2 * left, 0.8 * left + 0.1], 1).astype(np.float32))
    found = read_sound(tmp_path / "hum.wav")
    assert found.notes == ("2 channels: mixed into one", "44100 samples a second: brought to 16000")
    inside = slice(400, -400)  # the ends ring
    np.testing.assert_allclose(found.samples[inside], hum(1.0)[inside], atol=2e-3)
    assert abs(float(found.samples.mean())) < 1e-4  # the constant 0.1 is gone


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    sound = Sound("hum", torch.from_numpy(hum(0.33)))
    (tmp_path / "again.wav").write_bytes(sound.wav())
    found = read_sound(tmp_path / "again.wav")
    torch.testing.assert_close(found.samples, sound.samples - sound.samples.mean(), atol=2**-15, rtol=0)


def test_loudness_of_each_hundredth_of_a_second() -> None:
    samples = torch.cat([torch.zeros(1600), 0.5 * torch.ones(800), torch.zeros(80)]).double()
    levels = Sound("step", samples).levels()
    assert levels.tolist() == [0.0] * 10 + [0.5] * 5 + [0.0]


def test_a_file_that_is_cut_off_is_read_with_a_note(tmp_path: Path) -> None:
    whole = write_hum(tmp_path / "hum.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    assert read_sound(tmp_path / "cut.wav").notes == ("the file is cut off: 0.50 of 1.00 s are there",)


def test_bad_sounds_are_named(tmp_path: Path) -> None:
    def told(name: str, rate: int, values: np.ndarray) -> str:
        wavfile.write(tmp_path / name, rate, values)
        with pytest.raises(ValueError, match=re.escape(name)) as error:
            read_sound(tmp_path / name)
        return str(error.value)

    quiet = np.full(RATE, 300, np.int16)  # a constant is no sound
    assert "it is silent (its loudest 10 ms reach" in told("silence.wav", RATE, quiet)
    assert "it lasts 60 minutes; give one sentence" in told("hour.wav", 4_000, np.zeros(3600 * 4_000, np.uint8))
    assert "it lasts 0.05 s" in told("click.wav", RATE, hum(0.05).astype(np.float32))
    assert "NaN or infinite" in told("nan.wav", RATE, np.where(np.arange(RATE) == 99, np.nan, hum(1.0)))
    assert "holds no samples" in told("empty.wav", RATE, np.zeros(0, np.int16))
    assert "1000 samples a second cannot be read" in told("slow.wav", 1_000, (hum(1.0) * 9999).astype(np.int16))
    (tmp_path / "a.mp3").write_bytes(b"ID3" + bytes(100))
    with pytest.raises(ValueError, match=r"a.mp3: it is no WAV file; .*ffmpeg -i a.mp3 sentence.wav"):
        read_sound(tmp_path / "a.mp3")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_sound(tmp_path / "none.wav")


def test_damaged_files_get_words_too(tmp_path: Path) -> None:
    """Whatever byte is wrong or missing, the file is read or refused with its name."""
    whole = bytearray(write_hum(tmp_path / "hum.wav", 0.2).read_bytes())
    random = np.random.default_rng(0)
    refused = 0
    for trial in range(300):
        content = whole.copy()
        if trial % 3:
            for at in random.integers(0, 44, 3):
                content[at] = random.integers(256)
        else:
            del content[random.integers(0, 200) :]
        (tmp_path / "damaged.wav").write_bytes(content)
        try:
            assert read_sound(tmp_path / "damaged.wav").samples.isfinite().all()
        except ValueError as error:
            refused += 1
            assert str(error).startswith("damaged.wav: ")
    assert 150 < refused < 300
