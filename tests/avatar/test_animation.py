"""A recorded face on a head: the performer is eq. (1), and the file's animation is the performer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import roma
import torch

from asm_teach.avatar.export import export_gltf
from asm_teach.avatar.expressions import expression_shapes
from asm_teach.avatar.performer import Performer
from asm_teach.avatar.track import CHANNELS, Track
from asm_teach.model.adaptive import SkinnedModel
from tests.avatar.gltf_animation import Animated
from tests.avatar.models import HEAD, adaptive, static
from tests.formats.fuzz_files import small_model


def take(frames: int = 7, seed: int = 0) -> Track:
    """A wild one: all channels, uneven times, the head turned by up to half a radian about each axis."""
    generator = torch.Generator().manual_seed(seed)
    times = torch.cumsum(torch.rand(frames, generator=generator, dtype=torch.float64) + 0.1, 0)
    amounts = torch.rand(frames, 52, generator=generator, dtype=torch.float64)
    head = torch.rand(frames, 3, generator=generator, dtype=torch.float64) - 0.5
    return Track("wild", times - times[0], amounts, head, torch.zeros(frames, 2, 3))


def moments(track: Track) -> list[float]:
    """All frames, the middles between them, and one after the end."""
    times = track.times.tolist()
    return sorted([*times, *((a + b) / 2 for a, b in zip(times[:-1], times[1:], strict=True)), times[-1] + 5])


def by_the_model(model: SkinnedModel, track: Track, time: float) -> torch.Tensor:
    """Eq. (1) with all weights: the bones below the head turn about the middle of the ears, after the shapes."""
    amounts, head = track.at(time)
    shapes, model = expression_shapes(model), model.double()
    rest = model() + shapes.moved({name: amounts[name] for name in shapes.names})
    rig, places = model.rig, model.chart.bind(model.bone_uv, model())  # type: ignore[operator, union-attr]
    middle = (places[rig.index("ear_L")] + places[rig.index("ear_R")]) / 2
    matrices = torch.eye(3, 4, dtype=torch.float64).repeat(len(rig), 1, 1)
    turn = roma.rotvec_to_rotmat(head)
    for bone in range(len(rig)):
        above = bone
        while above >= 0 and rig.names[above] != "head":
            above = int(rig.parents[above])
        if above >= 0:
            matrices[bone] = torch.cat([turn, (middle - turn @ middle)[:, None]], 1)
    blended = torch.einsum("vj,jab->vab", model.weights(), matrices)
    return (blended @ torch.nn.functional.pad(rest, (0, 1), value=1.0)[..., None])[..., 0].detach()


def test_the_performer_is_equation_1() -> None:
    track, model = take(3), adaptive()
    performer = Performer.of(model)
    for time in moments(track):
        expected = by_the_model(adaptive(), track, time)
        assert (performer.at(track, time) - expected).norm(dim=1).max() < 1e-3
        assert (expected - model()).norm(dim=1).max() > 20
    assert torch.equal(performer.pose({}), performer.vertices)


def test_the_skull_follows_and_the_neck_stays() -> None:
    performer = Performer.of(adaptive())
    face = HEAD.mesh.part_vertices("eyes")
    assert performer.share[face].min() > 0.98 and performer.share.min() < 0.5
    turned = performer.pose({}, torch.tensor([0.0, 0.3, 0.0]))
    left = (turned - performer.vertices)[face, 0]
    assert left.min() > 15  # towards the person's left


@pytest.mark.parametrize("posed", [False, True], ids=["baked", "posed"])
def test_the_animation_of_the_file_is_the_performer(tmp_path, posed) -> None:
    """Baked. Posed, the turn goes before the motions that the fit gave the bones, so nothing but those stays."""
    track, model = take(), adaptive()
    shown = export_gltf(model, file := tmp_path / "me.glb", track=track, influences=None, posed=posed)
    assert shown.seconds == track.seconds
    animated = Animated(file)
    if posed:
        with torch.no_grad():
            model.translation[0] = model.rotation[0] = model.log_scale[0] = 0  # as if the root had stayed
            export_gltf(model, file, track=track, influences=None, posed=posed, overwrite=True)
        still = Animated(file)
        share = Performer.of(model).share
        first = 1000 * (still.at(track.times[1].item()) - still.at(track.times[0].item()))
        assert np.linalg.norm(first, axis=1)[share.numpy() > 0.99].min() > 1
    else:
        performer = Performer.of(model)
        frames = {round(t, 9) for t in track.times.tolist()}
        for time in moments(track):
            away = 1000 * animated.at(time) - performer.at(track, time).numpy()
            # between keys of such turns the node's place goes straight, and the performer's in an arc
            assert np.linalg.norm(away, axis=1).max() < (0.005 if round(time, 9) in frames else 15)


def test_at_sixty_frames_a_second_a_straight_line_is_as_good_as_an_arc(tmp_path) -> None:
    slow = take(2)
    track = replace(slow, times=torch.tensor([0.0, 1 / 60], dtype=torch.float64), head=slow.head * 0.2)
    model = adaptive()
    export_gltf(model, file := tmp_path / "me.glb", track=track, influences=None)
    away = 1000 * Animated(file).at(1 / 120) - Performer.of(model).at(track, 1 / 120).numpy()
    assert np.linalg.norm(away, axis=1).max() < 0.2


def test_quaternions_take_the_short_way(tmp_path) -> None:
    """From just under to just over half a turn the quaternion would change its sign."""
    head = torch.tensor([[0.0, 3.1, 0.0], [0.0, -3.1, 0.0], [0.0, 3.0, 0.0]], dtype=torch.float64)
    track = Track("round", torch.arange(3.0).double(), torch.zeros(3, 52).double(), head, torch.zeros(3, 2, 3))
    export_gltf(adaptive(), file := tmp_path / "me.glb", track=track)
    (values,) = [values for _, path, _, values in Animated(file).channels if path == "rotation"]
    assert ((values[1:] * values[:-1]).sum(1) > 0.9).all()


def test_a_rig_without_a_head_keeps_its_shapes(tmp_path) -> None:
    model, track = static(), take(3)
    model.rig = replace(model.rig, names=tuple(name.replace("head", "skull") for name in model.rig.names))
    export_gltf(model, file := tmp_path / "me.glb", track=track)
    assert [path for _, path, _, _ in Animated(file).channels] == ["weights"]
    performer = Performer.of(model)
    assert torch.equal(performer.pose({}, torch.tensor([0.0, 1.0, 0.0])), performer.vertices)


def test_each_shape_gets_its_channel(tmp_path) -> None:
    amounts = torch.zeros(2, 52, dtype=torch.float64)
    amounts[1] = torch.arange(52) / 100
    track = Track("steps", torch.tensor([0.0, 0.5]).double(), amounts, torch.zeros(2, 3), torch.zeros(2, 2, 3))
    export_gltf(adaptive(), file := tmp_path / "me.glb", track=track)
    animated = Animated(file)
    ((node, path, keys, values),) = animated.channels  # the head stays, so no bone has a channel
    assert (node, path, keys.tolist()) == (0, "weights", [0.0, 0.5])
    for name, value in zip(animated.names, values[1], strict=True):
        assert value == pytest.approx(CHANNELS.index(name) / 100)


def test_a_track_needs_shapes(tmp_path) -> None:
    with pytest.raises(ValueError, match="track: it moves the named shapes, which shapes=False leaves out"):
        export_gltf(adaptive(), tmp_path / "me.glb", track=take(), shapes=False)
    with pytest.raises(ValueError, match="mesh: it is none of the embedded heads"):
        Performer.of(small_model())
