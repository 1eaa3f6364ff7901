"""The files in which recorded faces come: tables of numbers, and the packets that Live Link Face sends.

Only the form is dealt with here; `track` says what the numbers mean.
"""

from __future__ import annotations

import csv
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from asm_teach.base.arrays import Floats
from asm_teach.formats.text_files import read_text

MOST_BYTES = 256_000_000  # an hour of a take has some 150 million
_RATES = (24, 25, 30, 48, 50, 60, 120)  # frames a second that cameras have
_DAY = 86_400.0
_TIMES = {  # spelling of a column without marks -> its unit in seconds; 0: count of frames
    "timecode": 1.0, "time": 1.0, "times": 1.0, "t": 1.0, "seconds": 1.0, "timestamp": 1.0, "timeseconds": 1.0,
    "timems": 1e-3, "milliseconds": 1e-3, "timestampms": 1e-3, "frame": 0.0, "framenumber": 0.0,
}  # fmt: skip
_COUNT = "blendshapecount"  # of Live Link Face: 0 where the phone saw no face


class Recording(NamedTuple):
    """What a file holds: times (T,) in seconds, name -> (T,) values, and notes."""

    times: Floats
    values: dict[str, Floats]
    notes: list[str]


# --- tables


def read_table(path: Path, names: Sequence[str], rate: float | None = None) -> Recording:
    """A table in a text file: a line of names, then a line for each frame.

    Args:
        path: the file.
        names: columns to look for; capitals, spaces and underscores do not matter, and `_L` is Left.
        rate: frames a second; by default what timecodes tell, else 60.

    Raises:
        ValueError: it is no text, is empty, has no column of times, a column twice, or a line or value that cannot be
            used.
    """
    lines = [line for line in read_text(path, most=MOST_BYTES).splitlines() if line.strip()]
    if not lines:
        raise ValueError(f"{path.name}: the file is empty; record or export it again")
    mark = max(",;\t", key=lines[0].count)
    rows = list(csv.reader(lines, delimiter=mark))
    spelled = {_spelling(name): name for name in names}
    header = [_spelling(cell) for cell in rows[0]]
    clock = next((k for k, cell in enumerate(header) if cell in _TIMES), None)
    if clock is None:
        raise ValueError(
            f"{path.name}: its first line has no column of times; it should name `Timecode`, `time` (seconds), "
            "`time_ms` or `frame`, and shapes such as jawOpen"
        )
    wanted = {k: spelled[cell] for k, cell in enumerate(header) if cell in spelled}
    for name in set(wanted.values()):
        if len(twice := [rows[0][k].strip() for k, one in wanted.items() if one == name]) > 1:
            raise ValueError(f"{path.name}: {name} stands in it twice, as {' and '.join(twice)}; keep one column")
    notes = []
    unknown = [rows[0][k].strip() for k in range(len(header)) if k not in wanted and k != clock and header[k] != _COUNT]
    if unknown:
        more = f" and {len(unknown) - 6} more" if len(unknown) > 6 else ""
        notes.append(f"not known and left out: {', '.join(filter(None, unknown[:6]))}{more}")
    seen, unseen = [], 0
    count = header.index(_COUNT) if _COUNT in header else None
    for number, row in enumerate(rows[1:], start=2):
        if count is not None and len(row) > count and row[count].strip() == "0":
            unseen += 1  # what follows is empty or left from before
        elif len(row) != len(header):
            raise ValueError(
                f"{path.name}: line {number} has {len(row)} columns and the first line {len(header)}; is it cut off?"
            )
        else:
            seen.append((number, row))
    if unseen:
        notes.append(f"{unseen} frames without a face in sight: left out")
    if not seen:
        raise ValueError(f"{path.name}: it holds no frame with a face; record it again")
    comma = mark == ";"  # where semicolons part the columns, commas may stand for points
    values = {
        name: np.array([_number(row[k], number, rows[0][k], path, comma) for number, row in seen])
        for k, name in wanted.items()
    }
    texts = [row[clock].strip() for _, row in seen]
    if ":" in texts[0]:
        times = _timecodes(texts, [number for number, _ in seen], rate, path, notes)
    else:
        times = np.array(
            [_number(text, number, rows[0][clock], path, comma) for text, (number, _) in zip(texts, seen, strict=True)]
        )
        times = times * _TIMES[header[clock]] if _TIMES[header[clock]] else times / (rate or 60.0)
    return _each_time_once(Recording(times, values, notes))


def _spelling(name: str) -> str:
    """A name without what people and programs write differently."""
    name = re.sub(r"[_ ]L$", "Left", re.sub(r"[_ ]R$", "Right", name.strip()))
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _number(text: str, line: int, column: str, path: Path, comma: bool) -> float:
    try:
        value = float(text.replace(",", ".") if comma else text)
    except ValueError:
        found = repr(text.strip()[:20]) if text.strip() else "nothing"
        raise ValueError(
            f"{path.name}: line {line} has {found} where a number of {column.strip()} should be; mend or remove it"
        ) from None
    if not np.isfinite(value):
        raise ValueError(f"{path.name}: {column.strip()} is {text.strip()} in line {line}; mend or remove the line")
    return value


def _timecodes(texts: list[str], lines: list[int], rate: float | None, path: Path, notes: list[str]) -> Floats:
    """hours:minutes:seconds:frames, with a fraction of a frame after a point, in seconds; also over midnight."""
    parts = []
    for text, line in zip(texts, lines, strict=True):
        if not (match := re.fullmatch(r"(\d+):(\d+):(\d+)[:;](\d+(?:\.\d+)?)", text)):
            raise ValueError(
                f"{path.name}: line {line} has the timecode {text[:24]!r}; it should be hours:minutes:seconds:frames"
            )
        parts.append([float(part) for part in match.groups()])
    hours, minutes, seconds, frames = np.array(parts).T
    if rate is None:
        last = frames.max()
        rate = next((float(one) for one in _RATES if last < one), last + 1)
        if len(np.unique(seconds)) < 3 and rate < 60:  # less than one whole second, in which all frames are counted
            rate = 60.0
            notes.append("too short to tell how many frames a second has: taken as 60; `rate` says otherwise")
    clock = 3600 * hours + 60 * minutes + seconds + frames / rate
    return clock + _DAY * np.cumsum(np.diff(clock, prepend=clock[0]) < -_DAY / 2)


def _each_time_once(found: Recording) -> Recording:
    """Frames that repeat the time before them left out: programs write one twice now and then."""
    fresh = np.diff(found.times, prepend=found.times[0] - 1) != 0
    if fresh.all():
        return found
    notes = [*found.notes, f"{(~fresh).sum()} frames repeat the time before them: left out"]
    return Recording(found.times[fresh], {name: one[fresh] for name, one in found.values.items()}, notes)


# --- packets


def read_packets(path: Path, names: Sequence[str]) -> Recording:
    """Network packets of Live Link Face, as the program LLV keeps them: packed by gzip, each with its length before it.

    A packet tells its version (6), the device, the subject, the frame as a whole number and a fraction, the rate as a
    fraction, how many values follow, and the values, all with the largest byte first.

    Args:
        path: the file.
        names: of the values of a packet, in order.

    Raises:
        ValueError: the file is cut off or damaged, or holds no packet with a face.
    """
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            unpacked = zlib.decompressobj(wbits=31)
            content = unpacked.decompress(content, MOST_BYTES)
            if not unpacked.eof:
                raise zlib.error("the end is missing")
        except zlib.error as error:
            raise ValueError(f"{path.name}: it is cut off or damaged ({error}); fetch or record it again") from None
    try:
        (count,) = struct.unpack_from(">xI", content)
        at, rows, without = 5, [], 0
        for _ in range(count):
            (length,) = struct.unpack_from(">I", content, at)
            packet = content[at + 4 : at + 4 + length]
            if len(packet) < length:
                raise struct.error("the end is missing")
            at += 4 + length
            row = _packet(packet, len(names))
            if row is None:
                without += 1
            else:
                rows.append(row)
    except (struct.error, ZeroDivisionError) as error:
        raise ValueError(
            f"{path.name}: it is no recording of Live Link Face's packets, or it is cut off ({error}); record it again"
        ) from None
    if not rows:
        raise ValueError(f"{path.name}: it holds no packet with a face; record it again")
    table = np.array(rows)
    if not np.isfinite(table).all():
        raise ValueError(
            f"{path.name}: a value is NaN or infinite in packet {np.argmin(np.isfinite(table).all(1)) + 1}"
        )
    notes = [f"{without} packets without a face in sight: left out"] * bool(without)
    order = np.argsort(table[:, 0], kind="stable")  # a network may deliver them in another order
    if (np.diff(order) < 0).any():
        notes.append("packets came in another order than they were sent: sorted by their frames")
    table = table[order]
    return _each_time_once(Recording(table[:, 0], dict(zip(names, table[:, 1:].T, strict=True)), notes))


def _packet(packet: bytes, count: int) -> list[float] | None:
    """Time in seconds and values; None of a packet without a face."""
    at = 1
    for _ in range(2):  # device and subject
        (length,) = struct.unpack_from(">I", packet, at)
        at += 4 + length
    frame, fraction, numerator, denominator = struct.unpack_from(">IfII", packet, at)
    if packet[0] != 6:
        raise struct.error(f"version {packet[0]}, and 6 is known")
    if len(packet) <= at + 16 or packet[at + 16] == 0:
        return None
    if packet[at + 16] != count:
        raise struct.error(f"{packet[at + 16]} values, and {count} are known")
    return [(frame + fraction) * denominator / numerator, *struct.unpack_from(f">{count}f", packet, at + 17)]
