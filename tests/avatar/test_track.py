"""Recorded faces: what is read from each kind of file, and what is said of a bad one."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import roma
import torch

from asm_teach.avatar.track import ANGLES, CHANNELS, LOOK, Track, read_track
from asm_teach.data.heads import load_head
from tests.avatar.models import recorded

CAMEL = [*CHANNELS, *ANGLES]
APP = [name[0].upper() + name[1:] for name in CAMEL]  # as Live Link Face spells them


def line(values: Sequence[object]) -> str:
    return ",".join(map(str, values)) + "\n"


def live_link(frames: Sequence[float], rows: np.ndarray, begin: str = "14:03:52") -> str:
    """A CSV as the app writes it; the first frame may be any of its second."""
    text = line(["Timecode", "BlendShapeCount", *APP])
    return text + "".join(
        line([f"{begin}:{frame:06.3f}", 61, *row]) for frame, row in zip(frames, rows.tolist(), strict=True)
    )


def packets(frames: Sequence[int], rows: np.ndarray, rate: tuple[int, int] = (60, 1)) -> bytes:
    """A file of packets, written by the description of the format alone."""
    content = struct.pack(">BI", 6, len(frames))
    for frame, row in zip(frames, rows, strict=True):
        body = b"\x06" + struct.pack(">I", 3) + b"dev" + struct.pack(">I", 4) + b"name"
        body += struct.pack(">IfII", frame, 0.25, *rate) + struct.pack(f">B{len(row)}f", len(row), *row)
        content += struct.pack(">I", len(body)) + body
    return content


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def written(content: str | bytes) -> Path:
        path = tmp_path / "take.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def rows(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 0.9, (count, 61)).round(4)


# --- the kinds of file


def test_the_csv_of_live_link_face(write) -> None:
    values = rows(4)
    track = read_track(write(live_link([10, 11, 12.5, 13], values)), rate=60)
    assert track.name == "take" and track.notes == ()
    np.testing.assert_allclose(track.times, [0, 1 / 60, 2.5 / 60, 3 / 60], atol=1e-9)
    np.testing.assert_allclose(track.amounts, values[:, :52])
    assert track.seconds == pytest.approx(0.05)


def test_the_names_are_those_of_the_embedded_head_and_the_tongue() -> None:
    assert set(CHANNELS) == {*load_head().expressions.names, "tongueOut"} and len(CHANNELS) == 52


def test_timecodes_count_frames_and_pass_midnight(write) -> None:
    """Three seconds of 30 frames each: the highest number tells the rate."""
    text = line(["Timecode", "jawOpen"])
    text += "".join(line([f"{clock}:{frame:02d}", 0.5]) for clock in ("23:59:58", "23:59:59", "00:00:00")
                    for frame in range(30))  # fmt: skip
    track = read_track(write(text))
    np.testing.assert_allclose(np.diff(track.times), 1 / 30, atol=1e-6)
    short = read_track(write(line(["Timecode", "jawOpen"]) + line(["0:0:0:00", 0]) + line(["0:0:0:01", 1])))
    assert short.seconds == pytest.approx(1 / 60) and any("`rate` says otherwise" in note for note in short.notes)


@pytest.mark.parametrize("packed", [True, False])
def test_packets_of_live_link_face(write, packed) -> None:
    values = rows(5)
    content = packets([100, 101, 104, 103, 105], values, (60000, 1001))
    track = read_track(write(gzip.compress(content) if packed else content))
    np.testing.assert_allclose(track.times, np.array([0, 1, 3, 4, 5]) * 1001 / 60000, atol=1e-9)
    np.testing.assert_allclose(track.amounts, values[[0, 1, 3, 2, 4], :52], atol=1e-6)
    assert any("sorted by their frames" in note for note in track.notes)


def test_a_table_of_another_program(write) -> None:
    """Semicolons with commas for points, capitals, underscores, any order, and columns that nobody knows."""
    path = write("Time;jaw_open;MOUTHSMILE_L;mood;browInnerUp\n0;0,25;0,5;1;0\n0,5;0,75;0,5;1;0\n")
    track = read_track(path)
    assert track.at(0.25)[0]["jawOpen"] == pytest.approx(0.5)
    assert track.amounts[:, CHANNELS.index("mouthSmileLeft")].tolist() == [0.5, 0.5]
    assert "not known and left out: mood" in track.notes
    assert any("eyeBlinkLeft" in note and "taken as 0" in note for note in track.notes)
    for head, seconds in (("time_ms", 2e-3), ("frame", 2 / 60)):
        assert read_track(write(f"{head},jawOpen\n4,0\n6,1\n")).seconds == pytest.approx(seconds)
    assert read_track(write("frame,jawOpen\n4,0\n6,1\n"), rate=25).seconds == pytest.approx(2 / 25)


def test_the_recorded_take() -> None:
    track = recorded()
    assert track.amounts.shape == (180, 52) and track.seconds == pytest.approx(186 / 60, abs=0.01)
    assert track.notes == ("1 gap in the recording, the longest 0.13 s at 0.08 s; the face moves straight across",)
    # The eyes look where their shapes say, by LOOK, and the head turns against them: the person looks at the phone.
    for side, out in enumerate((1.0, -1.0)):
        name = ("Left", "Right")[side]
        look = {way: track.amounts[:, CHANNELS.index(f"eyeLook{way}{name}")] for way in ("In", "Out", "Up", "Down")}
        left = out * (look["Out"] - look["In"])
        assert np.polyfit(left, track.eyes[:, side, 1], 1)[0] == pytest.approx(LOOK, abs=0.02)
        assert np.polyfit(look["Down"] - look["Up"], track.eyes[:, side, 0], 1)[0] == pytest.approx(LOOK, abs=0.02)
        assert np.corrcoef(track.eyes[:, side, 1], track.head[:, 1])[0, 1] < -0.9


# --- angles


@pytest.mark.parametrize(
    ("column", "moves"),
    [  # where a turn of 0.2 takes the nose (0, 0, 1) and the crown (0, 1, 0); x is the person's left
        ("headYaw", ([0.1987, 0, 0.9801], [0, 1, 0])),
        ("headPitch", ([0, 0.1987, 0.9801], [0, 0.9801, -0.1987])),
        ("headRoll", ([0, 0, 1], [-0.1987, 0.9801, 0])),
        ("leftEyeYaw", ([-0.1987, 0, 0.9801], [0, 1, 0])),
        ("leftEyePitch", ([0, -0.1987, 0.9801], [0, 0.9801, 0.1987])),
    ],
)
def test_which_way_the_angles_turn(write, column, moves) -> None:
    track = read_track(write(f"time,jawOpen,{column}\n0,0,0\n1,0,0.2\n"))
    turn = roma.rotvec_to_rotmat((track.head if column.startswith("head") else track.eyes[:, 0])[1])
    np.testing.assert_allclose(turn @ torch.eye(3, dtype=turn.dtype)[:, [2, 1]], np.array(moves).T, atol=1e-4)


def test_yaw_comes_first_and_roll_last(write) -> None:
    track = read_track(write("time,jawOpen,headYaw,headPitch,headRoll\n0,0,0,0,0\n1,0,0.5,0.3,0.2\n"))
    x, y, z = (torch.tensor(v, dtype=torch.float64) for v in ([-0.3, 0, 0], [0, 0.5, 0], [0, 0, 0.2]))
    expected = roma.rotvec_to_rotmat(y) @ roma.rotvec_to_rotmat(x) @ roma.rotvec_to_rotmat(z)
    torch.testing.assert_close(roma.rotvec_to_rotmat(track.head[1]), expected)


def test_degrees_are_noticed(write) -> None:
    track = read_track(write("time,jawOpen,headYaw\n0,0,0\n1,0,20\n"))
    assert track.head[1].tolist() == pytest.approx([0, np.radians(20), 0])
    assert any("taken as degrees" in note for note in track.notes)


def test_eyes_without_their_shapes_look_by_their_angles(write) -> None:
    track = read_track(write("time,jawOpen,leftEyeYaw,leftEyePitch,rightEyeYaw\n0,0,0,0,0\n1,0,-0.305,0.122,-0.305\n"))
    amounts, _ = track.at(1)
    assert amounts["eyeLookOutLeft"] == pytest.approx(0.5, abs=5e-3)
    assert amounts["eyeLookInRight"] == pytest.approx(0.5, abs=5e-3)
    assert amounts["eyeLookDownLeft"] == pytest.approx(0.2, abs=5e-3) and amounts["eyeLookInLeft"] == 0


def test_between_frames_amounts_and_head_go_straight(write) -> None:
    track = read_track(write("time,jawOpen,headYaw\n0,0,0\n1,1,0.4\n3,0,0.4\n"))
    amounts, head = track.at(0.25)
    assert amounts["jawOpen"] == 0.25 and head.tolist() == pytest.approx([0, 0.1, 0])
    assert track.at(-1)[0]["jawOpen"] == 0 and track.at(2)[0]["jawOpen"] == 0.5 and track.at(9)[0]["jawOpen"] == 0


# --- bad input


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the file is empty"),
        (b"\xff\x00\xfe" * 40, "this is no text"),
        ("time,mood\n0,1\n1,1\n", "none of its columns has a name of ARKit, such as jawOpen"),
        ("jawOpen\n0\n1\n", "no column of times"),
        ("time,jawOpen,JawOpen\n0,0,0\n1,1,1\n", "jawOpen stands in it twice, as jawOpen and JawOpen"),
        ("time,jawOpen\n0,nan\n1,1\n", "jawOpen is nan in line 2"),
        ("time,jawOpen\n0,0\ninf,1\n", "time is inf in line 3"),
        ("time,jawOpen\n0,0\n1,\n", "line 3 has nothing where a number of jawOpen should be"),
        ("time,jawOpen\n0,0\n1,open\n", "line 3 has 'open' where a number of jawOpen should be"),
        ("time,jawOpen\n0,0\n1\n", "line 3 has 1 columns and the first line 2; is it cut off"),
        ("time,jawOpen\n0,0\n2,0\n1,0\n", "the times run backwards or stand still, from 2.000 s to 1.000 s at frame 3"),
        ("time,jawOpen\n0,0\n", "it holds 1 frame"),
        ("time,jawOpen\n", "it holds no frame with a face"),
        ("time,jawOpen\n0,0\n1,87\n", "jawOpen is 87 at frame 2; amounts go from 0 to 1, so divide percentages by 100"),
        ("Timecode,jawOpen\n1:2:3:4,0\n1:2:3,0\n", "line 3 has the timecode '1:2:3'"),
        (gzip.compress(b"nothing of the kind"), "no recording of Live Link Face's packets"),
        (gzip.compress(packets([1, 2], rows(2)))[:-9], "cut off or damaged"),
        (packets([1, 2], rows(2))[:-9], "the end is missing"),
        (packets([1, 2], rows(2)[:, :50]), "50 values, and 61 are known"),
        (packets([1, 2], rows(2), (0, 1)), "no recording"),
        (packets([1, 2], np.where(rows(2) > 0.5, np.nan, 0)), "a value is NaN or infinite in packet 1"),
    ],
)
def test_what_cannot_be_used_is_said(write, content, words) -> None:
    with pytest.raises(ValueError, match=r"^take.csv: ") as error:
        read_track(write(content))
    assert words in str(error.value)


def test_other_arguments_are_checked(write, tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_track(tmp_path / "none.csv")
    for rate in (0, -1, float("nan"), 1e9):
        with pytest.raises(ValueError, match="rate: found"):
            read_track(write("frame,jawOpen\n0,0\n1,1\n"), rate=rate)


def test_frames_without_a_face_or_with_the_same_time_are_left_out(write) -> None:
    values = rows(4)
    text = live_link([10, 11, 11, 12], values).splitlines(keepends=True)
    text.insert(2, "14:03:52:10.500,0\n")
    track: Track = read_track(write("".join(text)), rate=60)
    np.testing.assert_allclose(track.amounts, values[[0, 1, 3], :52])
    assert track.notes == (
        "1 frames without a face in sight: left out",
        "1 frames repeat the time before them: left out",
    )


def test_amounts_a_little_beyond_are_kept(write) -> None:
    track = read_track(write("time,jawOpen\n0,-0.2\n1,1.3\n"))
    assert track.at(1)[0]["jawOpen"] == 1.3 and "jawOpen is beyond 0 to 1: kept as recorded" in track.notes
