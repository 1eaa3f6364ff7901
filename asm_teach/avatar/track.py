"""A recorded face: the amounts of ARKit's named shapes over time, and how head and eyes turned.

Phones record faces as 52 numbers between 0 and 1, sixty times a second. `read_track` reads what Live Link Face writes
(its CSV, or its network packets as a file), and any table that has a time and ARKit's names as its columns.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import roma
import torch
from torch import Tensor

from asm_teach.avatar.track_files import Recording, read_packets, read_table
from asm_teach.base.arrays import Floats

CHANNELS = (
    *(f"eye{what}{side}" for side in ("Left", "Right")
      for what in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")),
    "jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft",
    "mouthRight", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft",
    "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft",
    "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp",
    "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip
"""ARKit's 52 shapes, in the order in which Live Link Face sends them."""
ANGLES = tuple(f"{part}{axis}" for part in ("head", "leftEye", "rightEye") for axis in ("Yaw", "Pitch", "Roll"))
"""What follows them there. Radians."""

LOOK = 0.61
"""Radians that an eye has turned where its eyeLook shape is 1: measured on a recorded take, correlation 1.00."""
_GAP = 3.0  # times the usual step: a longer one is worth a word
_MOST = 10.0  # an amount beyond this is a percentage or no amount at all
_HALF_TURN = 3.2  # radians; larger angles are degrees
_SIGNS = ((1.0, -1.0, 1.0), (-1.0, 1.0, -1.0), (-1.0, 1.0, -1.0))
"""Of yaw, pitch and roll of the head and of each eye: which way they turn about y, x and z of our axes.

The head's yaw counts to the person's left, its pitch up, its roll to the right shoulder; those of the eyes count the
other way round. So says the take of `llv-capture`: the eyes turn against the head, as those of a person do who looks at
the phone, and the eyeLook shapes tell which way that is.
"""


@dataclass(frozen=True, eq=False)
class Track:
    """A recorded face.

    Attributes:
        name: of the file it came from, without its ending.
        times: (T,) seconds, rising from 0.
        amounts: (T, 52) of `CHANNELS`, 0 where the recording has no such channel.
        head: (T, 3) how the head is turned: rotation vectors, radians, in the axes of the head.
        eyes: (T, 2, 3) the same of the left and the right eye. The eyeLook shapes turn the eyes already.
        notes: what a reader of the file should know, such as gaps and channels that are missing.
        sound: a WAV file that begins with the track, of a face that speaks. Pages play it; a GLB file cannot hold it.
    """

    name: str
    times: Tensor
    amounts: Tensor
    head: Tensor
    eyes: Tensor
    notes: tuple[str, ...] = ()
    sound: bytes | None = None

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return float(self.times[-1])

    def at(self, time: float) -> tuple[dict[str, float], Tensor]:
        """The amounts by name, and the head's rotation vector, at a time: straight from frame to frame.

        Before the first frame the first one holds, and after the last the last.
        """
        after = int(torch.searchsorted(self.times, time).clamp(1, len(self.times) - 1))
        begin, end = self.times[after - 1 : after + 1].tolist()
        share = min(max((time - begin) / (end - begin), 0.0), 1.0)
        row = torch.lerp(self.amounts[after - 1], self.amounts[after], share)
        ends = roma.rotvec_to_unitquat(self.head[after - 1 : after + 1])
        turned = roma.unitquat_slerp(ends[0], ends[1], torch.tensor(share, dtype=ends.dtype))
        return dict(zip(CHANNELS, row.tolist(), strict=True)), roma.unitquat_to_rotvec(turned)


def read_track(path: str | os.PathLike[str], *, rate: float | None = None) -> Track:
    """Read a recorded face.

    The kinds of file are told apart by their content:

    - the CSV of Live Link Face: Timecode, BlendShapeCount, 52 shapes, nine angles;
    - any other CSV (commas, semicolons or tabs) with a column `time` in seconds, `time_ms` or `frame`, and columns with
      ARKit's names, in any order and spelling of small and capital letters;
    - packets of Live Link Face in a file, as the program LLV records them.

    Args:
        path: the file.
        rate: frames a second, for a table that counts frames. By default the frames in its timecodes tell, else 60.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, cut off or no recording; a channel stands in it twice; a value is missing, NaN,
            infinite or no amount; times run backwards; or there are fewer than two frames.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: there is no file {str(path)!r}; check the name and the folder")
    if rate is not None and not (np.isfinite(rate) and 1 <= rate <= 1000):
        raise ValueError(f"rate: found {rate!r}; give frames a second, such as 60")
    with path.open("rb") as file:
        binary = file.read(2) in (b"\x1f\x8b", b"\x06\x00")
    found = read_packets(path, (*CHANNELS, *ANGLES)) if binary else read_table(path, (*CHANNELS, *ANGLES), rate)
    return _checked(found, path)


def _checked(found: Recording, path: Path) -> Track:
    """The recording as a track, with notes on what is odd about it."""
    columns, notes = dict(found.values), list(found.notes)
    if not any(name in columns for name in CHANNELS):
        raise ValueError(
            f"{path.name}: none of its columns has a name of ARKit, such as jawOpen or EyeBlinkLeft; is it a recorded "
            "face?"
        )
    times = _rising(found.times - found.times[0], path)
    steps = np.diff(times)
    if gaps := int((steps > _GAP * np.median(steps)).sum()):
        longest = int(steps.argmax())
        notes.append(
            f"{gaps} gap{'s' * (gaps > 1)} in the recording, the longest {steps[longest]:.2f} s at "
            f"{times[longest]:.2f} s; the face moves straight across"
        )
    angles = _angles(columns, notes)
    _look_by_angles(columns, angles, notes)
    missing = [name for name in CHANNELS if name not in columns]
    if missing:
        notes.append(f"{_some(missing)} not in the file: taken as 0")
    amounts = np.stack([columns.get(name, np.zeros(len(times))) for name in CHANNELS], 1)
    _check_amounts(amounts, path, notes)
    return Track(
        path.stem, torch.from_numpy(times), torch.from_numpy(amounts), angles[:, 0], angles[:, 1:],
        tuple(notes),
    )  # fmt: skip


def _rising(times: Floats, path: Path) -> Floats:
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        raise ValueError(
            f"{path.name}: the times run backwards or stand still, from {times[back[0]]:.3f} s to "
            f"{times[back[0] + 1]:.3f} s at frame {back[0] + 2}; sort the frames, and keep each time once"
        )
    if len(times) < 2:
        raise ValueError(f"{path.name}: it holds {len(times)} frame, and a face moves between at least two")
    return times


def _angles(columns: Mapping[str, Floats], notes: list[str]) -> Tensor:
    """(T, 3, 3) rotation vectors of head, left and right eye, from their yaw, pitch and roll."""
    count = len(next(iter(columns.values())))
    table = np.stack([columns.get(name, np.zeros(count)) for name in ANGLES], 1).reshape(count, 3, 3)
    if np.abs(table).max() > _HALF_TURN:
        table = np.radians(table)
        notes.append("the angles of head and eyes are larger than half a turn in radians: taken as degrees")
    if "headYaw" not in columns:
        notes.append("no angles of the head in the file: it stays as it is")
    yaw, pitch, roll = (torch.from_numpy(table) * torch.tensor(_SIGNS)).unbind(-1)
    still = torch.zeros_like(yaw)
    axes = (still, yaw, still), (pitch, still, still), (still, still, roll)  # yaw about y, pitch about x, roll about z
    first, second, third = (roma.rotvec_to_unitquat(torch.stack(axis, -1)) for axis in axes)
    return roma.unitquat_to_rotvec(roma.quat_product(roma.quat_product(first, second), third))


def _look_by_angles(columns: dict[str, Floats], angles: Tensor, notes: list[str]) -> None:
    """Where a file has the angles of the eyes without their eyeLook shapes, the shapes are made of the angles."""
    for number, side in enumerate(("Left", "Right")):
        names = [f"eyeLook{way}{side}" for way in ("Down", "Up", "In", "Out")]
        if f"{side.lower()}EyeYaw" not in columns or any(name in columns for name in names):
            continue
        down, left = (angles[:, 1 + number, axis].numpy() / LOOK for axis in (0, 1))
        out = left if side == "Left" else -left
        for name, amount in zip(names, (down, -down, -out, out), strict=True):
            columns[name] = np.clip(amount, 0.0, 1.0)
        notes.append(f"eyeLook{side}: made of the angles of that eye")


def _check_amounts(amounts: Floats, path: Path, notes: list[str]) -> None:
    frame, channel = np.unravel_index(np.abs(amounts).argmax(), amounts.shape)
    largest = amounts[frame, channel]
    if abs(largest) > _MOST:
        raise ValueError(
            f"{path.name}: {CHANNELS[channel]} is {largest:.4g} at frame {frame + 1}; amounts go from 0 to 1, so "
            "divide percentages by 100"
        )
    outside = sorted({CHANNELS[k] for k in np.flatnonzero(((amounts < -0.05) | (amounts > 1.05)).any(0))})
    if outside:
        notes.append(f"{_some(outside)} beyond 0 to 1: kept as recorded")


def _some(names: list[str]) -> str:
    """A list of names that does not fill the screen."""
    shown = ", ".join(names[:4])
    return shown + (f" and {len(names) - 4} more" if len(names) > 4 else "") + (" are" if len(names) > 1 else " is")
