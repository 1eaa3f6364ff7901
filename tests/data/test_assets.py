"""Fetching: mirror, cache, download, in this order, and the checksum is checked everywhere. No network is needed."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from asm_teach.data import assets
from asm_teach.data.assets import AssetUnavailable, asset_licence, asset_path, data_dir, fetch, list_assets, load_npz

CONTENT = {"head.obj": b"v 0 0 0\n", "skin.png": b"not really a picture", "extra.obj": b"v 1 1 1\n"}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args) -> None:
        self.server.asked.append(self.path)


@pytest.fixture
def server(tmp_path) -> Iterator[http.server.ThreadingHTTPServer]:
    """A source of files on this computer; `asked` lists what was asked for."""
    folder = tmp_path / "source" / "someone" / "heads" / "abc123" / "files"
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    handler = functools.partial(Quiet, directory=tmp_path / "source")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.asked = []
        running.folder = folder
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def places(tmp_path, monkeypatch, server) -> dict[str, Path]:
    """An asset list of our own, an empty mirror and an empty cache."""

    def row(name: str) -> dict[str, object]:
        size, digest = len(CONTENT[name]), hashlib.sha256(CONTENT[name]).hexdigest()
        source = {"repo": "someone/heads", "commit": "abc123", "path": f"files/{name}"}
        return {"name": name, **source, "bytes": size, "sha256": digest}

    about = {"about": "a head", "licence": "CC0-1.0", "attribution": "Someone", "note": "kindly lent"}
    more = {"repo": "someone/heads", "commit": "abc123", "folder": "files"}
    more["sha256"] = {"extra.obj": row("extra.obj")["sha256"]}
    head = {**about, "files": [row("head.obj"), row("skin.png")], "more_files": more}
    url = f"http://127.0.0.1:{server.server_port}/{{repo}}/{{commit}}/{{path}}"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sources.json").write_text(json.dumps({"url": url, "assets": {"head": head}}))
    found = {"mirror": tmp_path / "mirror", "cache": tmp_path / "cache"}
    found["mirror"].mkdir()
    monkeypatch.setattr(assets, "data_dir", lambda: tmp_path / "data")
    monkeypatch.setenv("ASM_TEACH_CACHE", str(found["cache"]))
    monkeypatch.delenv("ASM_TEACH_MIRROR", raising=False)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")  # a proxy cannot see this computer
    return found


def fill(folder: Path, *names: str) -> None:
    (folder / "head").mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / "head" / name).write_bytes(CONTENT[name])


def test_download_into_the_cache_once(places, server, capsys) -> None:
    assert list_assets()[0].here is False
    folder = fetch("head")
    assert folder == places["cache"] / "head"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: CONTENT[name] for name in ("head.obj", "skin.png")
    }
    said = capsys.readouterr()
    assert said.out == 'head: CC0-1.0; Someone; note: "kindly lent"\n'  # the licence, once
    assert "100%" in said.err  # the bar
    assert server.asked == ["/someone/heads/abc123/files/head.obj", "/someone/heads/abc123/files/skin.png"]
    assert fetch("head") == folder and asset_path("head", "skin.png") == folder / "skin.png"
    assert len(server.asked) == 2 and capsys.readouterr().out == ""
    (row,) = list_assets()
    assert row == assets.AssetRow("head", "a head", "CC0-1.0", 28, True, str(folder))


def test_download_without_a_bar(places, capsys) -> None:
    fetch("head", progress=False)
    assert capsys.readouterr().err == ""


def test_one_file_and_files_beyond_the_list(places, server) -> None:
    assert asset_path("head", "extra.obj").read_bytes() == CONTENT["extra.obj"]
    assert asset_path("head", "skin.png").read_bytes() == CONTENT["skin.png"]
    assert len(server.asked) == 2
    assert list_assets()[0].here is False  # head.obj is still missing


def test_the_mirror_is_read_first(places, server, monkeypatch) -> None:
    monkeypatch.setenv("ASM_TEACH_MIRROR", str(places["mirror"]))
    fill(places["mirror"], "head.obj", "skin.png")
    fill(places["cache"], "head.obj", "skin.png")
    assert fetch("head") == places["mirror"] / "head"
    assert asset_path("head", "head.obj") == places["mirror"] / "head" / "head.obj"
    assert list_assets()[0].where == str(places["mirror"] / "head")
    assert server.asked == []


def test_an_incomplete_mirror_is_completed_in_the_cache(places, server, monkeypatch) -> None:
    """The files of an asset name each other, so they must lie in one folder."""
    monkeypatch.setenv("ASM_TEACH_MIRROR", str(places["mirror"]))
    fill(places["mirror"], "head.obj")
    folder = fetch("head")
    assert folder == places["cache"] / "head"
    assert sorted(path.name for path in folder.iterdir()) == ["head.obj", "skin.png"]
    assert server.asked == ["/someone/heads/abc123/files/skin.png"]


@pytest.mark.parametrize("place", ["mirror", "cache"])
def test_a_changed_file_is_refused(places, server, monkeypatch, place) -> None:
    monkeypatch.setenv("ASM_TEACH_MIRROR", str(places["mirror"]))
    fill(places[place], "head.obj", "skin.png")
    changed = places[place] / "head" / "skin.png"
    changed.write_bytes(b"something else")
    expected, found = (hashlib.sha256(c).hexdigest() for c in (CONTENT["skin.png"], b"something else"))
    for call in (lambda: fetch("head"), lambda: asset_path("head", "skin.png")):
        with pytest.raises(ValueError, match="checksum does not match.*delete it and run `asm-teach data head`") as e:
            call()
        assert str(changed) in str(e.value) and expected in str(e.value) and found in str(e.value)
    assert server.asked == []


def test_a_changed_source_is_refused_and_nothing_is_kept(places, server) -> None:
    (server.folder / "head.obj").write_bytes(b"something else")
    expected, found = (hashlib.sha256(c).hexdigest() for c in (CONTENT["head.obj"], b"something else"))
    with pytest.raises(
        ValueError, match="head.obj of head: the checksum does not match.*run `asm-teach data head`"
    ) as e:
        fetch("head", progress=False)
    assert expected in str(e.value) and found in str(e.value)
    assert list((places["cache"] / "head").iterdir()) == []


def test_no_network_is_one_clear_sentence(places, server, monkeypatch) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(AssetUnavailable) as caught:
        fetch("head", progress=False)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("head.obj of head is not on this computer and could not be downloaded")
    assert "connect to the internet once and run `asm-teach data head`" in message
    assert message.endswith("or set ASM_TEACH_MIRROR to a folder that holds head/head.obj")
    fill(places["cache"], "head.obj", "skin.png")  # what is here needs no network
    assert fetch("head") == places["cache"] / "head"


def test_an_address_that_is_gone(places, server) -> None:
    (server.folder / "head.obj").unlink()
    with pytest.raises(AssetUnavailable, match=r"could not be downloaded \(404 Client Error"):
        fetch("head", progress=False)


def test_unknown_names(places) -> None:
    with pytest.raises(ValueError, match="there is no asset 'body'; the assets are head"):
        fetch("body")
    with pytest.raises(ValueError, match="'head' has no file 'ear.obj'; it has head.obj, skin.png and 1 more"):
        asset_path("head", "ear.obj")
    with pytest.raises(ValueError, match="there is no asset"):
        asset_licence("body")


def test_a_mirror_that_is_no_folder(places, monkeypatch) -> None:
    monkeypatch.setenv("ASM_TEACH_MIRROR", str(places["mirror"] / "gone"))
    with pytest.raises(ValueError, match="ASM_TEACH_MIRROR names .*gone', which is no folder"):
        fetch("head")


def test_the_real_list(monkeypatch, tmp_path) -> None:
    """Every asset has a licence and an attribution; every file is pinned to a commit and has its checksum."""
    monkeypatch.delenv("ASM_TEACH_MIRROR", raising=False)
    monkeypatch.setenv("ASM_TEACH_CACHE", str(tmp_path))
    rows = {row.name: row for row in list_assets()}
    assert set(rows) == {
        "james", "lee-perry-smith", "ict-facekit", "mediapipe-canonical", "lisa", "zoom", "london",
        "llv-capture", "librivox-speech", "neck", "london-smiles", "face-api-expression",
    }  # fmt: skip
    assert not any(row.here for row in rows.values())
    content = json.loads((data_dir() / "sources.json").read_text())
    for name, entry in content["assets"].items():
        assert rows[name].bytes > 10_000 and entry["licence"] and entry["attribution"]
        for file in entry["files"]:
            assert len(file["commit"]) == 40 and len(file["sha256"]) == 64 and int(file["sha256"], 16)
    more = content["assets"]["ict-facekit"]["more_files"]["sha256"]
    listed = {file["name"] for file in content["assets"]["ict-facekit"]["files"]}
    modes = {f"identity{i:03d}.obj" for i in range(100)}
    assert modes <= listed | set(more) and not listed & set(more)
    assert '"consent covers lab-based and web-based studies and to illustrate research"' in asset_licence("london")


# Files of arrays


def test_npz_round_trip(tmp_path) -> None:
    arrays = {"a": np.arange(6).reshape(2, 3), "b": np.array(["x", "yz"])}
    np.savez_compressed(tmp_path / "some.npz", **arrays)
    loaded = load_npz(tmp_path / "some.npz")
    assert set(loaded) == {"a", "b"} and all((loaded[name] == arrays[name]).all() for name in arrays)


def test_what_is_no_npz_is_refused(tmp_path) -> None:
    whole = tmp_path / "whole.npz"
    np.savez(whole, a=np.arange(1000))
    content = bytearray(whole.read_bytes())
    flipped = bytes(content[:2000]) + bytes([content[2000] ^ 255]) + bytes(content[2001:])
    np.savez(tmp_path / "objects.npz", a=np.array([{"any": "thing"}], dtype=object))
    bad = {"text": b"just text", "empty": b"", "half": bytes(content[:4000]), "flipped": flipped}
    bad["objects"] = (tmp_path / "objects.npz").read_bytes()
    for name, content in bad.items():
        path = tmp_path / f"{name}.npz"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}.npz: this is not a whole .npz file of plain arrays"):
            load_npz(path)
    with pytest.raises(FileNotFoundError, match=r"there is no file .*gone.npz"):
        load_npz(tmp_path / "gone.npz")
