"""A neck of eight joints for an embedded head, as a published table has them, beside its 84 bones. Lesson 12.

Joints are named after the bone that they move: C7 to C1 from below, then the skull, here `head`. The table's sources
are Vasavada, Li and Delp (1998) for ranges and a skeleton by Mortensen and others for places and shares.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from asm_teach.data.assets import data_dir
from asm_teach.data.heads import Head
from asm_teach.model.transforms import Rig

VERTEBRAE = ("C7", "C6", "C5", "C4", "C3", "C2", "C1")
_ENDS = ("neck01", "head")  # of the artists' rig: where the neck begins and ends
_OWN = ("neck01", "neck02", "neck03")  # the joints whose place the vertebrae take
_TRUNK = ("spine", "clavicle", "shoulder", "upperarm")


def neck_reach() -> Tensor:
    """(8, 3) radians to one side that each joint, from C7 up, can nod (about x), turn (y) and bend (z)."""
    table = _table()
    ways = ("nod", "turn", "bend")
    degrees = [[table["range"][j["part"]][way] / 2 * j["shares"][way] for way in ways] for j in table["joints"]]
    return torch.deg2rad(torch.tensor(degrees))


def with_neck(head: Head) -> Head:
    """The same head, its artists' rig with eight joints in the neck in the place of their three.

    Pose it as `StaticSkinningModel(head.mesh, head.hand_rig, head.hand_weights)`. Where the joints lie follows from the
    table by the similarity that brings its lowest and topmost joint to those of the artists. A vertex belongs to the
    joints by its level: 0 in the trunk, 1 at the skull, between them by the weights that the artists painted.

    Raises:
        ValueError: the artists' rig has no neck, or has these joints already.
    """
    rig, at = head.hand_rig, head.hand_rig.positions
    if missing := [name for name in (*_ENDS, *_OWN) if name not in rig.names]:
        raise ValueError(f"head: its rig has no joint {missing[0]!r}; the neck goes from {_ENDS[0]} to {_ENDS[1]}")
    assert at is not None
    low, high = (at[rig.index(name)].double() for name in _ENDS)
    table = _table()["joints"]
    z = torch.tensor([complex(joint["up"], joint["forward"]) for joint in table], dtype=torch.complex128)
    ends = torch.complex(torch.stack([low[1], high[1]]), torch.stack([low[2], high[2]]))
    plane = ends[0] + (ends[1] - ends[0]) / (z[-1] - z[0]) * (z - z[0])
    places = torch.stack([torch.zeros(len(z), dtype=torch.float64), plane.real, plane.imag], 1)

    axis = (high - low) / (high - low).square().sum()
    shares = _hats(_level(head, (at.double() - low) @ axis), (places - low) @ axis)  # of the trunk and the eight joints
    kept = [j for j, name in enumerate(rig.names) if name not in _OWN]
    painted, names = head.hand_weights.double()[:, kept], [rig.names[j] for j in kept]
    trunk = torch.tensor([name.startswith(_TRUNK) for name in names])
    foot, top = rig.names[int(rig.parents[rig.index(_ENDS[0])])], _ENDS[1]
    below = _shared(shares[:, 0], painted * trunk, names.index(foot))
    above = _shared(shares[:, -1], painted * ~trunk, names.index(top))
    weights = torch.cat([below + above, shares[:, 1:-1]], 1)

    order = [*names, *VERTEBRAE]
    hangs = {name: rig.names[int(p)] for name, p in zip(rig.names, rig.parents, strict=True) if p >= 0}
    hangs |= dict(pairwise([top, *reversed(VERTEBRAE), foot]))
    parents = torch.tensor([order.index(hangs[name]) if name in hangs else -1 for name in order])
    spots = torch.cat([at[kept], places[:-1].to(at)])
    spots[names.index(top)] = places[-1].to(at)
    return replace(head, hand_rig=Rig(tuple(order), parents, positions=spots), hand_weights=weights.float())


def _table() -> Any:
    return json.loads((data_dir() / "neck.json").read_text("utf-8"))


def _level(head: Head, heights: Tensor) -> Tensor:
    """(V,) how high on the chain each vertex is, by the painted weights; heights: (J,) of the artists' joints."""
    rig = head.hand_rig
    levels = torch.tensor([0.0 if name.startswith(_TRUNK) else 1.0 for name in rig.names], dtype=torch.float64)
    for lower, upper in pairwise([*map(rig.index, _OWN), rig.index(_ENDS[1])]):
        levels[lower] = (heights[lower] + heights[upper]) / 2
    return head.hand_weights.double() @ levels


def _hats(level: Tensor, along: Tensor) -> Tensor:
    """(V, n + 1) weights of the trunk and n joints at heights (n,), linear between the middles of their bones."""
    tops = torch.cat([along[1:], torch.ones_like(along[:1])])
    centres = torch.cat([torch.zeros_like(along[:1]), (along + tops) / 2])
    centres[-1] = 1.0  # the skull
    t = ((level[:, None] - centres[:-1]) / centres.diff()).clamp(0, 1)
    ends = torch.ones_like(t[:, :1])
    return torch.cat([ends, t], 1) - torch.cat([t, 0 * ends], 1)


def _shared(total: Tensor, painted: Tensor, default: int) -> Tensor:
    """A weight (V,) shared out among bones as they were painted (V, B); where none was, the default has it."""
    all_of_it = painted.sum(1, keepdim=True)
    shares = torch.where(all_of_it > 0, painted / all_of_it.clamp_min(1e-12), 0.0)
    shares[all_of_it[:, 0] == 0, default] = 1.0
    return total[:, None] * shares
