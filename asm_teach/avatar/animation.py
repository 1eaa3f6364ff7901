"""A recorded face as an animation of glTF: what each shape and the head's bone do at each time.

The 51 shapes do what the recording says. The head turns by its bone, with all bones below it, about the middle between
the ears, near to where a skull turns on its neck; the bone's own pivot is the crown. The eyes follow their eyeLook
shapes: no bone holds an eyeball alone, so turning bones would bend it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import roma
import torch
from torch import Tensor

from asm_teach.avatar.rest_pose import RestPose
from asm_teach.avatar.track import CHANNELS, Track
from asm_teach.base.arrays import Floats
from asm_teach.formats.gltf.writer import GltfWriter
from asm_teach.model.transforms import Rig

HEAD, EARS = "head", ("ear_L", "ear_R")


@dataclass(frozen=True, eq=False)
class Turning:
    """The bone that turns a head, and the point (3,) mm that it is turned about."""

    bone: int
    middle: Tensor


def turning(rig: Rig, points: Tensor) -> Turning | None:
    """How the head of a rig is turned, whose bones stand at points (J, 3); None for a rig without a head."""
    if HEAD not in rig.names:
        return None
    ears = [rig.index(name) for name in EARS if name in rig.names]
    bone = rig.index(HEAD)
    return Turning(bone, points[ears].mean(0) if len(ears) == 2 else points[bone])


def below(rig: Rig, bone: int) -> list[int]:
    """A bone and all that hang on it; parents come before their children."""
    found = [bone]
    for child, parent in enumerate(rig.parents.tolist()):
        if parent in found:
            found.append(child)
    return found


def animate(gltf: GltfWriter, track: Track, shapes: Sequence[str], rig: Rig, pose: RestPose, joints: int) -> None:
    """Add a track to a GLB file whose mesh is node 0 and whose bones are the nodes from `joints` on.

    A node's matrix is translate . rotate . scale in its parent. A turn R about the middle m goes before it, in the
    parent's axes: rotation R r, and translation m + R (t - m).
    """
    columns = [CHANNELS.index(name) if name in CHANNELS else -1 for name in shapes]
    padded = torch.nn.functional.pad(track.amounts, (0, 1))  # the last column, 0, is of shapes that no track has
    channels: dict[tuple[int, str], Floats] = {(0, "weights"): padded[:, columns].reshape(-1, 1).numpy()}
    turned = turning(rig, pose.points)
    if turned is not None and track.head.any():
        bone, parent = turned.bone, int(rig.parents[turned.bone])
        above = pose.points[parent] if parent >= 0 else torch.zeros(3, dtype=torch.float64)
        middle, place = turned.middle - above, pose.points[bone] - above + pose.translation[bone]
        turns = roma.rotvec_to_unitquat(track.head)
        own = roma.rotvec_to_unitquat(pose.rotation[bone]).expand_as(turns)
        moved = middle + roma.quat_action(turns, (place - middle).expand(len(turns), 3))
        channels[joints + bone, "rotation"] = _near(roma.quat_product(turns, own).numpy())
        channels[joints + bone, "translation"] = moved.numpy() / 1000
    gltf.animation(track.name, track.times.numpy(), channels)


def _near(quaternions: Floats) -> Floats:
    """Each quaternion with the sign that is nearer to the one before it, so that none goes the long way round."""
    turns = np.where((quaternions[1:] * quaternions[:-1]).sum(1) < 0, -1.0, 1.0)
    return quaternions * np.concatenate([[1.0], np.cumprod(turns)])[:, None]
