"""Animated GLB files, judged by programs that nobody here wrote: Khronos' validator and three.js' AnimationMixer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from asm_teach.avatar.export import export_gltf
from asm_teach.avatar.performer import Performer
from tests.avatar.gltf_animation import Animated
from tests.avatar.models import adaptive, recorded, static
from tests.avatar.test_animation import moments, take
from tests.engines.test_gltf import node, pytestmark  # noqa: F401 (skips this module where there is no Node.js)


def three_at(file: Path, times: list[float]) -> np.ndarray:
    """(times, V, 3) metres."""
    asked, found = file.with_suffix(".json"), file.with_suffix(".bin")
    asked.write_text(json.dumps(times))
    node("three_animation.mjs", file, asked, found)
    return np.fromfile(found, dtype="<f8").reshape(len(times), -1, 3)


def test_the_validator_finds_nothing_to_complain_of(tmp_path) -> None:
    files = [tmp_path / f"{k}.glb" for k in range(3)]
    export_gltf(adaptive(), files[0], track=recorded())
    export_gltf(adaptive(), files[1], track=take(), influences=8, posed=True)
    export_gltf(static(), files[2], track=take(2))
    for line in node("validate.mjs", *files).splitlines():
        assert json.loads(line)["messages"] == []  # neither errors and warnings nor hints


def test_three_plays_what_the_file_says(tmp_path) -> None:
    """Wild turns, baked and posed: less than 0.001 mm from the plain reference, at keys and between them."""
    track = take()
    for posed in (False, True):
        export_gltf(adaptive(), file := tmp_path / "me.glb", track=track, posed=posed, texture=False, overwrite=True)
        animated = Animated(file)
        times = moments(track)
        expected = np.array([animated.at(time) for time in times])
        off = 1000 * np.linalg.norm(three_at(file, times) - expected, axis=-1)
        print(f"AnimationMixer, {'posed' if posed else 'baked'}: largest {off.max():.2g} mm")
        assert off.max() < 0.001 and 1000 * np.linalg.norm(np.diff(expected, axis=0), axis=-1).max() > 20


def test_three_plays_a_recorded_face_as_the_performer_does(tmp_path) -> None:
    """Four bones for each vertex, which three.js counts, are enough: the head turns as a whole."""
    track, model = recorded(), adaptive()
    export_gltf(model, file := tmp_path / "me.glb", track=track, texture=False)
    performer = Performer.of(model)
    times = [0.0, *np.random.default_rng(0).uniform(0, track.seconds, 12).tolist(), track.seconds]
    expected = np.array([performer.at(track, time).numpy() for time in times])
    off = np.linalg.norm(1000 * three_at(file, times) - expected, axis=-1)
    face = model.mesh.part_vertices("face").numpy()
    change = np.linalg.norm(expected - performer.vertices.numpy(), axis=-1)[:, face].mean()
    print(f"a recorded face in three.js: {off[:, face].mean():.2g} mm from the performer on average, "
          f"largest {off.max():.2g}; it moves by {change:.2g} mm on average")  # fmt: skip
    assert off.max() < 0.5 and change > 15  # across the gap of 0.13 s a node goes straight, not in an arc
