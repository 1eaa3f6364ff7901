"""The GLB files of `export_gltf`, judged by programs that nobody here wrote: Khronos' validator and three.js."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asm_teach.avatar.export import export_gltf
from asm_teach.avatar.import_gltf import import_gltf
from asm_teach.avatar.inside import face_of
from asm_teach.base.files import PACKAGE
from asm_teach.data.heads import load_head
from asm_teach.model.adaptive import AdaptiveSkinningModel
from tests.avatar.foreign import POSES, head, written
from tests.avatar.gltf_reference import Move, Played
from tests.avatar.models import HEAD, adaptive, moved, static
from tests.formats.fuzz_files import small_model

SCRIPTS = Path(__file__).parent
NODE, MODULES = shutil.which("node"), PACKAGE.parent / "node_modules"
THERE = NODE is not None and all((MODULES / name).is_dir() for name in ("three", "gltf-validator"))
pytestmark = pytest.mark.skipif(not THERE, reason="Node.js with three and gltf-validator is not there: npm install")


def node(script: str, *arguments: Path) -> str:
    """What a script prints; the modules are found beside the checkout's package.json."""
    assert NODE is not None
    command = [NODE, str(SCRIPTS / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the validator


def test_the_validator_finds_nothing_to_complain_of(tmp_path) -> None:
    soma = load_head("soma")
    cases: list[tuple[Any, dict[str, Any]]] = [
        (adaptive(), {}),
        (adaptive(), {"influences": 8}),
        (adaptive(), {"posed": True, "influences": 8}),
        (adaptive(), {"posed": True, "influences": None}),
        (static(), {"posed": True}),
        (moved(AdaptiveSkinningModel(soma.mesh, soma.rig)), {"texture": torch.rand(64, 64, 3)}),
        (small_model(), {"shapes": False, "texture": torch.rand(8, 8, 3)}),
    ]
    files = [tmp_path / f"{k}.glb" for k in range(len(cases))]
    for file, (model, options) in zip(files, cases, strict=True):
        export_gltf(model, file, **options)
    for line in node("validate.mjs", *files).splitlines():
        assert json.loads(line)["messages"] == []  # neither errors and warnings nor hints
    # A head of clay keeps its UV for whoever paints it; the validator mentions that, as the least of its four kinds.
    export_gltf(adaptive(), clay := tmp_path / "clay.glb", texture=False)
    (line,) = node("validate.mjs", clay).splitlines()
    assert [message["code"] for message in json.loads(line)["messages"]] == ["UNUSED_OBJECT"]


def test_the_validator_does_find_faults(tmp_path) -> None:
    export_gltf(small_model(), file := tmp_path / "a.glb", shapes=False)
    content = file.read_bytes()
    file.write_bytes(content.replace(b'"VEC4"', b'"VEC3"', 1))
    (line,) = node("validate.mjs", file).splitlines()
    assert json.loads(line)["numErrors"] > 0


# --- three.js


def three_vertices(file: Path, poses: list[dict[str, Any]]) -> np.ndarray:
    """(poses, V, 3) metres."""
    asked, found = file.with_suffix(".json"), file.with_suffix(".bin")
    asked.write_text(json.dumps(poses))
    node("three_vertices.mjs", file, asked, found)
    return np.fromfile(found, dtype="<f8").reshape(len(poses), -1, 3)


def random_moves(played: Played, generator: np.random.Generator) -> list[Move]:
    """Every joint by some 3 mm, 8 degrees and 10 per cent from where the file has it."""
    moves = []
    for translation, rotation, scale in played.moves():
        turn = np.array([*generator.normal(0, 0.07, 3), 1.0]) + [*rotation[:3], 0.0]
        place = np.array(translation) + generator.normal(0, 0.003, 3)
        size = np.array(scale) * np.exp(generator.normal(0, 0.1, 3))
        moves.append((place.tolist(), (turn / np.linalg.norm(turn)).tolist(), size.tolist()))
    return moves


def random_poses(played: Played) -> list[dict[str, Any]]:
    """Rest, 20 poses of all joints, and 10 expressions, some with a pose."""
    generator = np.random.default_rng(0)
    poses: list[dict[str, Any]] = [{"moves": None, "amounts": {}}]
    poses += [{"moves": random_moves(played, generator), "amounts": {}} for _ in range(20)]
    for number in range(10):
        names = generator.choice(HEAD.expressions.names, 3, replace=False).tolist()
        amounts = dict(zip(names, generator.uniform(0.2, 1, 3).tolist(), strict=True))
        poses.append({"moves": random_moves(played, generator) if number % 2 else None, "amounts": amounts})
    return poses


@pytest.mark.parametrize("posed", [False, True], ids=["baked", "posed"])
def test_three_moves_the_vertices_as_equation_1_does(tmp_path, posed) -> None:
    """At rest, in 20 random poses and 10 expressions, some with a pose: less than 0.001 mm from the plain reference."""
    model = adaptive()
    export_gltf(model, file := tmp_path / "me.glb", posed=posed, texture=False)  # node has no pictures
    played = Played(file)
    poses = random_poses(played)
    found = three_vertices(file, poses)
    expected = np.array([played.vertices(pose["moves"], pose["amounts"]) for pose in poses])
    off = 1000 * np.linalg.norm(found - expected, axis=-1)
    print(f"three.js {'posed' if posed else 'baked'}: mean {off.mean():.2g} mm, largest {off.max():.2g} mm")
    assert off.max() < 0.001
    change = 1000 * np.linalg.norm(expected[1:] - expected[0], axis=-1).max(1)
    assert change.min() > 1  # so that each of them is a pose
    if not posed:
        assert 1000 * np.linalg.norm(found[0] - face_of(model).numpy() / 1000, axis=1).max() < 0.001


@pytest.mark.parametrize("poses", [{}, POSES], ids=["bound", "posed"])
def test_three_shows_a_head_of_another_program_where_it_is_read(tmp_path, poses) -> None:
    """Joints with axes of their own, an armature that is turned and scaled, two skins, an eye on its joint, shapes."""
    file, amounts = written(head(poses), tmp_path / "other.glb"), {"jawOpen": 0.7, "smile": -0.4}
    (tmp_path / "amounts.json").write_text(json.dumps(amounts))
    node("three_scene.mjs", file, tmp_path / "amounts.json", tmp_path / "found.bin")
    found = 1000 * np.fromfile(tmp_path / "found.bin", dtype="<f8").reshape(-1, 3)
    read = import_gltf(file)
    off = np.linalg.norm(found[:-81] - read.vertices(amounts).detach().numpy(), axis=1)  # the last is the hat
    print(f"three.js and import_gltf: {off.max():.2g} mm apart at most")
    assert len(off) == 243 and off.max() < 0.001
    assert np.linalg.norm(found[:81] - read.model().detach().numpy()[:81], axis=1).max() > 1
