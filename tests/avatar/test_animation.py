"""A recorded face on a head: the performer is eq. (1), and the file's animation is the performer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import roma
import torch

from asm_teach.avatar.export import export_gltf
from asm_teach.avatar.expressions import expression_shapes
from asm_teach.avatar.inside import face_of
from asm_teach.avatar.performer import Performer
from asm_teach.avatar.track import CHANNELS, Track
from asm_teach.model.adaptive import SkinnedModel
from tests.avatar.gltf_animation import Animated
from tests.avatar.models import HEAD, adaptive, static
from tests.formats.fuzz_files import small_model

SKIN = HEAD.mesh.part_vertices("face")  # posed, bones move what lies inside


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
    """Eq. (1) with all weights: all bones turn about the middle of the ears, after the shapes."""
    amounts, head = track.at(time)
    shapes, model = expression_shapes(model), model.double()
    rest = face_of(model) + shapes.moved({name: amounts[name] for name in shapes.names})
    rig, places = model.rig, model.chart.bind(model.bone_uv, model())  # type: ignore[operator, union-attr]
    middle = (places[rig.index("ear_L")] + places[rig.index("ear_R")]) / 2
    turn = roma.rotvec_to_rotmat(head)
    matrices = torch.cat([turn, (middle - turn @ middle)[:, None]], 1).expand(len(rig), 3, 4)
    blended = torch.einsum("vj,jab->vab", model.weights(), matrices)
    return (blended @ torch.nn.functional.pad(rest, (0, 1), value=1.0)[..., None])[..., 0].detach()


def test_the_performer_is_equation_1() -> None:
    track, model = take(3), adaptive()
    performer = Performer.of(model)
    for time in moments(track):
        expected = by_the_model(adaptive(), track, time)
        assert (performer.at(track, time) - expected).norm(dim=1).max() < 1e-3
        assert (expected - face_of(model)).norm(dim=1).max() > 20
    assert torch.equal(performer.pose({}), performer.vertices)


def test_the_head_turns_as_a_whole_and_what_hangs_on_another_root_stays() -> None:
    performer = Performer.of(adaptive())
    torch.testing.assert_close(performer.share, torch.ones_like(performer.share))
    turned = performer.pose({}, torch.tensor([0.0, 0.3, 0.0]))
    assert (turned - performer.vertices)[HEAD.mesh.part_vertices("eyes"), 0].min() > 15  # to the person's left
    shoulders = Performer.of(static()).share  # of the artists' rig, whose head hangs on a spine
    assert shoulders.max() > 0.999


@pytest.mark.parametrize("posed", [False, True], ids=["baked", "posed"])
def test_the_animation_of_the_file_is_the_performer(tmp_path, posed) -> None:
    track, model = take(), adaptive()
    shown = export_gltf(model, file := tmp_path / "me.glb", track=track, influences=None, posed=posed)
    assert shown.seconds == track.seconds
    animated, performer = Animated(file), Performer.of(model)
    frames = {round(t, 9) for t in track.times.tolist()}
    for time in moments(track):
        away = np.linalg.norm(1000 * animated.at(time) - performer.at(track, time).numpy(), axis=1)[SKIN]
        # Between keys of such turns the node's place goes straight, and the performer's in an arc. Posed, the middle
        # of the ears is the template's, which the fit has moved.
        assert away.max() < (15 if posed or round(time, 9) not in frames else 0.005)


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
