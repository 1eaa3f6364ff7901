"""A recorded face as an animation of glTF: what each shape and the head's bone do at each time.

The 51 shapes do what the recording says. The head turns with all that hangs on its root, about the middle between the
ears, near to where a skull turns on its neck. The bone `head` alone would fold the neck, which no bones of the template
share out; so head and neck turn as one, as a bust does, and few influences lose nothing. The eyes follow their eyeLook
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
from asm_teach.model.transforms import Rig, bind_matrices, bone_transforms, world_matrices

HEAD, EARS = "head", ("ear_L", "ear_R")


@dataclass(frozen=True, eq=False)
class Turning:
    """The bone that turns a head with all that hangs on it, and the point (3,) mm that it is turned about."""

    bone: int
    middle: Tensor


def turning(rig: Rig, points: Tensor) -> Turning | None:
    """How the head of a rig is turned, whose bones stand at points (J, 3); None for a rig without a head."""
    if HEAD not in rig.names:
        return None
    top = rig.index(HEAD)
    ears = [rig.index(name) for name in EARS if name in rig.names]
    middle = points[ears].mean(0) if len(ears) == 2 else points[top]
    while (parent := int(rig.parents[top])) >= 0:
        top = parent
    return Turning(top, middle)


def below(rig: Rig, bone: int) -> list[int]:
    """A bone and all that hang on it."""
    parents, found, new = rig.parents.tolist(), [bone], [bone]
    while new := [child for child, parent in enumerate(parents) if parent in new]:
        found += new
    return sorted(found)


def animate(gltf: GltfWriter, track: Track, shapes: Sequence[str], rig: Rig, pose: RestPose, joints: int) -> None:
    """Add a track to a GLB file whose mesh is node 0 and whose bones are the nodes from `joints` on.

    A root's matrix is translate . rotate . scale. A turn R about the middle m goes before it: rotation R r, and
    translation m + R (t - m).
    """
    columns = [CHANNELS.index(name) if name in CHANNELS else -1 for name in shapes]
    padded = torch.nn.functional.pad(track.amounts, (0, 1))  # the last column, 0, is of shapes that no track has
    channels: dict[tuple[int, str], Floats] = {(0, "weights"): padded[:, columns].reshape(-1, 1).numpy()}
    motion = bone_transforms(pose.translation, pose.rotation, pose.scale)
    turned = turning(rig, world_matrices(bind_matrices(pose.points), motion, rig)[..., 3])
    if turned is not None and track.head.any():
        bone, middle = turned.bone, turned.middle
        place = pose.points[bone] + pose.translation[bone]
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
