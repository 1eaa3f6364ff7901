"""The track player without a browser: its numbers, its words, its still picture, and its file."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from asm_teach.avatar.performer import Performer
from asm_teach.avatar.track import CHANNELS
from asm_teach.fitting.result import Fit
from asm_teach.formats.checks.outputs import is_ours
from asm_teach.widgets import TrackPlayer
from asm_teach.widgets.track_player.page import NAME, page_data
from tests.avatar.models import adaptive
from tests.avatar.test_animation import take
from tests.widgets.parts import close_widgets  # noqa: F401


@pytest.fixture(scope="module")
def player() -> TrackPlayer:
    return TrackPlayer(adaptive(), take(6))


def test_it_shows_the_performer(player) -> None:
    expected = Performer.of(adaptive()).at(take(6), 0.7)
    torch.testing.assert_close(player.vertices(0.7), expected)
    fit = TrackPlayer(Fit(adaptive(), adaptive()().detach()))
    assert torch.equal(fit.vertices(3.0), fit.performer.vertices)
    assert fit.text == "a head of 4165 vertices with 51 named shapes, at rest"
    assert player.text == "a head of 4165 vertices with 51 named shapes; a recorded face, 4.0 s in 6 frames"


def test_a_sound_goes_into_the_page() -> None:
    """With as many bytes as it has, and words that say so."""
    sound = bytes(range(256)) + b"end"
    talking = TrackPlayer(adaptive(), replace(take(6), sound=sound))
    assert talking.text.endswith("; a spoken sentence, 4.0 s in 6 frames")
    packed = page_data(talking.model, talking.performer, talking.track)["track"]["sound"]
    assert base64.b64decode(packed) == sound and packed in talking.page
    assert page_data(talking.model, talking.performer, take(6))["track"]["sound"] is None


def test_a_saved_notebook_has_a_picture_of_four_times(player) -> None:
    bundle = player._stands_for_it()
    assert bundle["text/plain"] == player.text
    picture = np.asarray(Image.open(io.BytesIO(player.still())).convert("RGB")).astype(int)
    parts = np.array_split(picture, 4, axis=1)
    width = min(part.shape[1] for part in parts)
    for one, other in zip(parts[:-1], parts[1:], strict=True):
        assert np.abs(one[:, :width] - other[:, :width]).mean() > 2  # each shows another face
    assert len(player.picture([0.2]).axes) == 1


def test_the_page_is_in_the_frame_and_becomes_a_file(player, tmp_path) -> None:
    (framed,) = re.findall(r'srcdoc="([^"]*)"', player.value)
    assert html.unescape(framed) == player.page
    player.save(tmp_path / NAME)
    assert (tmp_path / NAME).read_text("utf-8") == player.page and is_ours(tmp_path / NAME)
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', player.page, re.DOTALL)
    assert [shape["name"] for shape in json.loads(found)["shapes"]] == list(player.performer.names)
    with pytest.raises(ValueError, match="there is no folder"):
        player.save(tmp_path / "none" / "me.html")


def test_the_page_keeps_the_channels_that_move_something(player) -> None:
    track = take(6)
    track.amounts[:, CHANNELS.index("jawOpen")] = 0
    data: dict[str, Any] = page_data(player.model, player.performer, track)["track"]
    names = [player.performer.names[column] for column in data["columns"]]
    assert set(names) == set(player.performer.names) - {"jawOpen"}  # nor the tongue, which this head has not
    assert data["size"] * 32_000 == pytest.approx(float(track.amounts.max()))


def test_too_many_vertices_are_refused(player) -> None:
    mesh = player.model.mesh
    fans = replace(
        mesh, uv=torch.rand(3 * len(mesh.faces) * 3, 2), uv_faces=torch.arange(3 * len(mesh.faces)).view(-1, 3)
    )
    model = adaptive()
    model.mesh = fans
    assert page_data(model, player.performer)["rows"] is not None  # each corner on its own still fits
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asm_teach.widgets.track_player.page._MOST", 20_000)
        with pytest.raises(ValueError, match=r"model: \d+ vertices; the page has room for 20,000"):
            page_data(model, player.performer)
