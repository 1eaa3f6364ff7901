"""Takes from files: landmarks, folders of pictures, videos; and those that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

import asm_teach as asm
from asm_teach.model.storage import save
from asm_teach.tracking.footage import read_footage
from tests.command import one_line, run

HEAD = asm.load_head()


def points() -> np.ndarray:
    """(4, 68, 2): the template, which goes to the right in a picture of 400 x 300."""
    rest = HEAD.landmarks.points(HEAD.mesh.vertices, HEAD.mesh.faces)
    pixels = 1.2 * (rest[:, :2] * torch.tensor([1.0, -1.0])) + torch.tensor([150.0, 150.0])
    return np.stack([(pixels + torch.tensor([8.0 * k, 0.0])).double().numpy() for k in range(4)])


def test_a_file_of_landmarks_is_read_with_times_or_a_rate(tmp_path: Path) -> None:
    file = tmp_path / "take.npz"
    np.savez(file, landmarks=points(), size=np.array([400, 300]), times=np.array([0.0, 0.1, 0.2, 0.4]))
    footage = read_footage(file)
    frames = list(footage.frames)
    assert footage.size == (400, 300) and footage.name == "take"
    assert [frame.time for frame in frames] == [0.0, 0.1, 0.2, 0.4]
    assert np.array_equal(frames[2].landmarks.numpy(), points()[2])
    np.savez(file, landmarks=points(), size=np.array([400, 300]), rate=np.array(20.0))
    assert [frame.time for frame in read_footage(file).frames] == [0.0, 0.05, 0.1, 0.15]
    assert next(iter(list(read_footage(file, rate=10).frames)[1:])).time == 0.1


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"size": np.ones(2)}, "no array 'landmarks'"),
        ({"landmarks": points()}, "no array 'size'"),
        ({"landmarks": points()[0], "size": np.ones(2)}, r"landmarks \(68, 2\)"),
        ({"landmarks": points(), "size": np.ones(2)}, "neither times nor a rate"),
        ({"landmarks": points(), "size": np.ones(2), "times": np.ones(3)}, r"times \(3,\), and there are 4 frames"),
    ],
)
def test_files_that_are_no_landmarks_are_refused(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "take.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_footage(tmp_path / "take.npz")


def test_a_folder_of_pictures_is_read_in_order_with_the_landmarks_beside_them(tmp_path: Path) -> None:
    for k, one in enumerate(points()):
        Image.new("RGB", (400, 300)).save(tmp_path / f"frame{k}.png")
        np.savez(tmp_path / f"frame{k}.npz", landmarks=one)
    frames = list(read_footage(tmp_path, rate=20).frames)
    assert [frame.time for frame in frames] == [0.0, 0.05, 0.1, 0.15]
    assert np.abs(frames[3].landmarks.numpy() - points()[3]).max() < 1e-3
    assert all(frame.image.shape == (300, 400, 3) for frame in frames)
    Image.new("RGB", (400, 310)).save(tmp_path / "frame2.png")
    with pytest.raises(ValueError, match="frame2.png: 400 x 310 pixels, and frame0.png 400 x 300"):
        list(read_footage(tmp_path).frames)


def test_of_two_faces_the_one_of_the_frame_before_is_followed(tmp_path: Path, fake_mediapipe: ModuleType) -> None:
    """A larger one that comes in does not take its place; and a frame without any is one without landmarks."""
    expected, said = [], []
    for k in range(4):
        picture = np.full((400, 900, 3), 0.25, np.float32)
        if k != 3:
            expected.append(fake_mediapipe.paint(picture, 60 + 10 * k, 100, 120, 150))
        if k == 1:
            fake_mediapipe.paint(picture, 600, 60, 220, 260, colour=1)
        Image.fromarray((picture * 255).round().astype(np.uint8)).save(tmp_path / f"{k}.png")
    frames = list(read_footage(tmp_path, say=said.append).frames)
    for frame, truth in zip(frames[:3], expected, strict=True):
        assert np.abs(frame.landmarks.numpy() - truth).max() < 1.5
    assert frames[3].landmarks is None and said == []


def test_what_is_no_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file or folder"):
        read_footage(tmp_path / "none.mp4")
    with pytest.raises(ValueError, match="no picture in this folder"):
        read_footage(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(ValueError, match=r"a.txt: expected a video \(.mp4"):
        read_footage(tmp_path / "a.txt")
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"a.mp4: (to read a video PyAV is needed|no video can be read)"):
        read_footage(tmp_path / "a.mp4")
    for rate in (0.0, float("nan")):
        with pytest.raises(ValueError, match="rate: found"):
            read_footage(tmp_path, rate=rate)


def test_a_video_is_read_with_its_own_times(tmp_path: Path, fake_mediapipe: ModuleType) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "take.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 60, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    footage = read_footage(tmp_path / "take.mp4")
    frames = list(footage.frames)
    assert footage.size == (320, 240) and len(frames) == 5
    assert [frame.time for frame in frames] == pytest.approx([0.0, 0.04, 0.08, 0.12, 0.16])
    assert all(frame.landmarks is None for frame in frames)
    with pytest.raises(ValueError, match="knows when its frames were taken"):
        read_footage(tmp_path / "take.mp4", rate=30)


def test_the_command_writes_an_animation(tmp_path: Path) -> None:
    save(asm.AdaptiveSkinningModel(HEAD.mesh, HEAD.rig), tmp_path / "me.npz")
    np.savez(tmp_path / "take.npz", landmarks=points(), size=np.array([400, 300]), rate=np.array(10.0))
    output = tmp_path / "take.glb"
    result = run("track", tmp_path / "take.npz", "--person", tmp_path / "me.npz", "-o", output)
    assert result.exit_code == 0, result.output
    assert "4 frames, 0.3 s; landmarks lie" in result.output and f"wrote {output}" in result.output
    content = output.read_bytes()
    described = json.loads(content[20 : 20 + int.from_bytes(content[12:16], "little")])
    assert described["animations"][0]["name"] == "take"
    line = one_line(run("track", tmp_path / "take.npz", "--person", tmp_path / "me.npz", "--pictures", "-o", "b.glb"))
    assert "pictures: 0 of the first 4 frames have one" in line
    assert "is there already" in one_line(
        run("track", tmp_path / "take.npz", "--person", tmp_path / "me.npz", "-o", output)
    )
