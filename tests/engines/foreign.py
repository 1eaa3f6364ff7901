"""Whether other engines move our GLB files as eq. (1) does: run by hand where they are installed.

    python -m tests.engines.foreign [babylon] [blender] [godot]
    python -m tests.engines.foreign --record    # and write data/engines.json, which lesson 10 shows

It writes a face as GLB files, at rest, in 20 random poses and in 10 expressions, every second of them in a pose too. It
asks each engine for its vertices, prints how many mm they are from the plain reference of `tests.avatar.gltf_reference`
and fails where that is too far. What each needs:

- babylon: Node.js, and a folder BABYLON: `npm install --prefix "$BABYLON" @babylonjs/core@9 @babylonjs/loaders@9`
- blender: BLENDER, a Python with Blender's module: `python3.11 -m venv v && v/bin/pip install bpy==4.5.15`
- godot: `apt-get install godot3-server`
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asm_teach.avatar.export import export_gltf
from asm_teach.avatar.expressions import expression_shapes
from asm_teach.formats.gltf.container import BINARY_CHUNK, JSON_CHUNK, MAGIC
from tests.avatar.gltf_reference import Played
from tests.avatar.models import adaptive
from tests.engines.test_gltf import random_poses

SCRIPTS = Path(__file__).parent
RECORD = Path(__file__).parents[2] / "data" / "engines.json"
ENGINES = {"babylon": (8, 0.001), "blender": (8, 0.001), "godot": (4, 0.02)}
"""Name -> how many bones for each vertex it counts, and mm that are allowed."""


def posed_file(file: Path, played: Played, pose: dict[str, Any], path: Path) -> Path:
    """The file with the nodes of its joints moved, and the weights of its shapes set."""
    content = file.read_bytes()
    (length,) = struct.unpack_from("<I", content, 12)
    text, body = json.loads(content[20 : 20 + length]), content[28 + length :]
    for joint, (translation, rotation, scale) in zip(played.joints, pose["moves"] or played.moves(), strict=True):
        text["nodes"][joint] |= {"translation": translation, "rotation": rotation, "scale": scale}
    mesh = text["meshes"][0]
    mesh["weights"] = [pose["amounts"].get(name, 0.0) for name in mesh["extras"]["targetNames"]]
    written = json.dumps(text).encode()
    written += b" " * (-len(written) % 4)
    chunks = [struct.pack("<I4s", len(part), kind) + part for kind, part in
              ((JSON_CHUNK, written), (BINARY_CHUNK, body))]  # fmt: skip
    path.write_bytes(struct.pack("<4sII", MAGIC, 2, 12 + sum(map(len, chunks))) + b"".join(chunks))
    return path


def vertices(engine: str, files: Sequence[Path]) -> np.ndarray:
    """(files, V, 3) metres, as an engine has them."""
    folder = files[0].parent
    if engine == "godot":
        (folder / "project.godot").write_text("config_version=4\n")
        (folder / "files.txt").write_text("\n".join(file.name for file in files))
        _import_into_godot(folder, len(files))
        _run(["godot3-server", "--path", str(folder), "--script", str(SCRIPTS / "godot_vertices.gd")])
        found = folder / "found.bin"
    else:
        program = {"babylon": "node", "blender": os.environ.get("BLENDER", "")}[engine]
        script = {"babylon": "babylon_vertices.mjs", "blender": "blender_vertices.py"}[engine]
        found = folder / "found"
        _run([program, str(SCRIPTS / script), str(found), *map(str, files)])
    return np.fromfile(found, dtype="<f8").reshape(len(files), -1, 3)


def missing(engine: str) -> str:
    """What an engine lacks here, in words; nothing where it can run."""
    needed = {"babylon": "BABYLON", "blender": "BLENDER"}.get(engine)
    if needed and not os.environ.get(needed):
        return f"{needed} is not set"
    return "" if engine != "godot" or shutil.which("godot3-server") else "godot3-server is not installed"


def _import_into_godot(folder: Path, count: int) -> None:
    """Let the editor of Godot read all files; it does not quit by itself, so it is ended when they are there."""
    with subprocess.Popen(
        ["godot3-server", "--path", str(folder), "--editor"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as editor:
        end = time.monotonic() + 300
        while len(list(folder.glob(".import/*.md5"))) < count and time.monotonic() < end:
            time.sleep(1)
        editor.terminate()
    assert len(list(folder.glob(".import/*.md5"))) == count, "Godot has not imported all files"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def main() -> None:
    """Print the figures of the engines that are named, or of all that are here."""
    model = adaptive()
    shapes = expression_shapes(model)
    asked = [name for name in sys.argv[1:] if name != "--record"]
    record = json.loads(RECORD.read_text("utf-8")) if RECORD.is_file() else {}
    for engine in asked or ENGINES:
        if lacks := missing(engine):
            print(f"{engine}: left out, {lacks}; the head of this file says how to get it")
            continue
        influences, allowed = ENGINES[engine]
        for posed in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "me.glb"
                export_gltf(model, file, influences=influences, posed=posed, shapes=shapes, texture=False)
                played = Played(file)
                poses = random_poses(played)
                files = [posed_file(file, played, pose, Path(folder) / f"p{k}.glb") for k, pose in enumerate(poses)]
                file.unlink()
                found = vertices(engine, files)
            expected = np.array([played.vertices(pose["moves"], pose["amounts"]) for pose in poses])
            off = 1000 * np.linalg.norm(found - expected, axis=-1)
            kind = "posed" if posed else "baked"
            parts = {"rest": off[:1], "poses": off[1:21], "expressions": off[21:]}
            figures = ", ".join(f"{name} {part.mean():.2g} (largest {part.max():.2g})" for name, part in parts.items())
            record.setdefault(engine, {"influences": influences})[kind] = {
                name: float(f"{part.max():.1e}") for name, part in parts.items()
            }
            print(f"{engine} {kind}, {influences} influences, mm: {figures}", flush=True)
            assert off.max() < allowed
    if "--record" in sys.argv:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
