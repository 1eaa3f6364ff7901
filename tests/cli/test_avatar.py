"""`asm-teach avatar`: what it writes and prints, and one line for bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from asm_teach.model.storage import save
from tests.avatar.gltf_reference import Played
from tests.avatar.models import adaptive
from tests.command import one_line, run
from tests.formats.fuzz_files import small_model


@pytest.fixture
def face(tmp_path: Path) -> Path:
    save(adaptive(), tmp_path / "me.npz")
    return tmp_path / "me.npz"


def test_a_saved_model_becomes_an_avatar(face) -> None:
    output = face.with_name("me.glb")
    result = run("avatar", face, "-o", output)
    assert result.exit_code == 0, result.output
    assert "4165 vertices, 84 bones, 51 named shapes, with its texture" in result.output
    assert f"wrote {output}, 1.0 MB" in result.output and "leave out" not in result.output
    played = Played(output)
    assert played.weights.shape[1] == 4 and len(played.names) == 51
    before = output.read_bytes()
    result = run("avatar", face, "-o", output, "--influences", 8, "--posed", "--no-shapes")  # a name given is replaced
    assert "no named shapes" in result.output and "8 bones for each vertex leave out" in result.output
    played = Played(output)
    assert output.read_bytes() != before and played.weights.shape[1] == 8 and not played.names
    assert any("scale" in node for node in played.nodes)


def test_bad_input_is_one_line_and_no_file(face, tmp_path, monkeypatch) -> None:
    save(small_model(), small := tmp_path / "small.npz")
    assert "--no-shapes" in one_line(run("avatar", small, "-o", tmp_path / "small.glb"))
    assert "should end in .glb" in one_line(run("avatar", face, "-o", tmp_path / "me.fbx"))
    (other := tmp_path / "other.npz").write_bytes(b"nothing of ours")
    assert "other.npz" in one_line(run("avatar", other, "-o", tmp_path / "other.glb"))
    assert not list(tmp_path.glob("*.glb"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "avatar.glb").write_bytes(b"mine")
    assert "is there already; name it to replace it" in one_line(run("avatar", face))
    assert (tmp_path / "avatar.glb").read_bytes() == b"mine"
