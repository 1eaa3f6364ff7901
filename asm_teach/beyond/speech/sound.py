"""Read the sound of a sentence from a WAV file: one channel, 16,000 samples a second.

The standard library reads no floating-point WAV, and SciPy's reader fails on damaged files in many ways; so the few
kinds of numbers that WAV holds are read here, and each fault gets its words.
"""

from __future__ import annotations

import io
import math
import os
import struct
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor

from asm_teach.base.arrays import Floats

RATE = 16_000
"""Samples a second of a `Sound`: speech has little above 8 kHz, and speech recognisers are trained on this rate."""
LEVELS = 100
"""Loudness values a second: recognisers place phones on the same grid of 10 ms."""
LONGEST = 60.0  # s: one sentence, not a chapter
SHORTEST = 0.1  # s: a phone or two
_MOST_BYTES = 200_000_000  # a minute of eight channels at 96 kHz and 32 bit
_RATES = (4_000, 384_000)
_SILENT = 1e-3  # of full scale, root mean square of the loudest 10 ms: 60 dB below it, no voice is that quiet
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_KINDS = {(_PCM, 1), (_PCM, 2), (_PCM, 3), (_PCM, 4), (_FLOAT, 4), (_FLOAT, 8)}  # with their bytes


@dataclass(frozen=True, eq=False)
class Sound:
    """A recorded sentence.

    Attributes:
        name: of the file, without its ending.
        samples: (n,) float64, about -1 to 1, with mean 0.
        notes: what was changed on the way, one sentence each.
    """

    name: str
    samples: Tensor
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE

    def levels(self) -> Tensor:
        """(n,) loudness: the root mean square of each 10 ms; the last one may hold less."""
        step = RATE // LEVELS
        padded = torch.nn.functional.pad(self.samples, (0, -len(self.samples) % step))
        return padded.reshape(-1, step).square().mean(1).sqrt()

    def pcm(self) -> bytes:
        """The samples as whole numbers of 16 bit, the lower byte first."""
        return (self.samples.clamp(-1, 1) * 32767).round().numpy().astype("<i2").tobytes()

    def wav(self) -> bytes:
        """The sound as a WAV file of 16 bit."""
        file = io.BytesIO()
        with wave.open(file, "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
            out.writeframes(self.pcm())
        return file.getvalue()


def read_sound(path: str | os.PathLike[str]) -> Sound:
    """Read a WAV file of any rate: whole numbers of 8 to 32 bit, or floating-point numbers. Channels are mixed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, or one that is damaged, empty, silent, not finite, shorter than 0.1 s or
            longer than a minute.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; check the name and the folder")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path.name}: {path.stat().st_size / 1e6:.0f} MB are too much; cut out one sentence")
    channels, rate, notes = _numbers(path)  # (n, C)
    seconds = len(channels) / rate
    if not SHORTEST <= seconds <= LONGEST:
        raise ValueError(
            f"{path.name}: it lasts {_length(seconds)}; give one sentence, {SHORTEST} to {LONGEST:.0f} s long"
        )
    if not np.isfinite(channels).all():
        raise ValueError(f"{path.name}: a sample is NaN or infinite; export the sound again")
    mono = channels.mean(1)
    mono -= mono.mean()  # many microphones add a constant, which cannot be heard
    if channels.shape[1] > 1:
        notes.append(f"{channels.shape[1]} channels: mixed into one")
    if rate != RATE:
        common = math.gcd(rate, RATE)
        mono = resample_poly(mono, RATE // common, rate // common)
        notes.append(f"{rate} samples a second: brought to {RATE}")
    sound = Sound(path.stem, torch.from_numpy(np.ascontiguousarray(mono)), tuple(notes))
    if (loudest := float(sound.levels().max())) < _SILENT:
        raise ValueError(
            f"{path.name}: it is silent (its loudest 10 ms reach {loudest:.1g} of full scale); record it louder"
        )
    return sound


def _length(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds > 120 else f"{seconds:.3g} s"


def _numbers(path: Path) -> tuple[Floats, int, list[str]]:
    """The samples (n, C) of a WAV file, samples a second, and notes."""
    content = path.read_bytes()
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError(
            f"{path.name}: it is no WAV file; write it as one, for example with Audacity or "
            f"`ffmpeg -i {path.name} sentence.wav`"
        )
    kind = width = rate = count = 0
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        at += 8
        if name == b"fmt " and size >= 16 and at + size <= len(content):
            kind, count, rate, _, block = struct.unpack_from("<HHIIH", content, at)
            if kind == _EXTENSIBLE and size >= 26:
                (kind,) = struct.unpack_from("<H", content, at + 24)
            width = block // count if count else 0
        elif name == b"data":
            break
        at += size + size % 2
    else:
        raise ValueError(f"{path.name}: it holds no samples, or it is cut off; export the sound again")
    if not (count and (kind, width) in _KINDS and _RATES[0] <= rate <= _RATES[1]):
        raise ValueError(
            f"{path.name}: format {kind}, {8 * width} bit, {rate} samples a second cannot be read; export it as WAV, "
            "PCM of 16 bit"
        )
    block, notes = width * count, []
    there = len(content) - at
    if there < size and 0 < size < 0xFFFFFF00:  # programs that write into a pipe put one of these for "unknown"
        notes.append(f"the file is cut off: {there / block / rate:.2f} of {size / block / rate:.2f} s are there")
    length = (there if size == 0 else min(size, there)) // block * block
    if not length:
        raise ValueError(f"{path.name}: it holds no samples, or it is cut off; export the sound again")
    raw = np.frombuffer(content, np.uint8, length, at)
    if kind == _FLOAT:
        return raw.view(f"<f{width}").astype(np.float64).reshape(-1, count), rate, notes
    padded = np.zeros((length // width, 4), np.uint8)  # the highest bytes of a whole number of 32 bit
    padded[:, 4 - width :] = raw.reshape(-1, width)
    if width == 1:
        padded[:, 3] ^= 0x80  # 8 bit count from 0, with 128 for silence
    return (padded.view("<i4") / 2.0**31).reshape(-1, count), rate, notes
