"""The models that are compared in lesson 5: linear ones, static skinning, and the adaptive model in all its sizes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from asm_teach.data.heads import Head
from asm_teach.data.scans import FaceKit
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel, StaticSkinningModel
from asm_teach.model.linear import LinearMorphableModel
from asm_teach.model.storage import save
from asm_teach.studies.bone_budget import budget_rig

GROUPS = {
    "given": "linear, modes given",
    "learned": "linear, modes learned from people",
    "neural": "neural, learned from people",
    "static": "skinned, weights fixed",
    "adaptive": "skinned, what adapts",
    "bones": "adaptive, number of bones",
    "components": "adaptive, Gaussians per bone",
}
ALL = ("motion", "weights", "binding")
FIRST_SAMPLE = 10_000  # linear models learn from the people of this seed and the next ones, and are tried on others
POPULATION = 1000  # people whose leading modes stand for those that the maker of the head would give


@dataclass(frozen=True, eq=False)
class Contender:
    """A model to be fitted. groups: the parts of the table it belongs to. free: what may move of a skinned model."""

    name: str
    groups: tuple[str, ...]
    model: SkinnedModel | LinearMorphableModel
    free: tuple[str, ...] = ALL

    @property
    def parameters(self) -> int:
        """Numbers for one face: what the fit may change. A linear model has seven for place, turn and size."""
        if isinstance(self.model, LinearMorphableModel):
            return len(self.model) + 7
        return free_numbers(self.model, self.free)


def contenders(head: Head, groups: Sequence[str] = tuple(GROUPS), quick: bool = False) -> list[Contender]:
    """The models of some groups of GROUPS; with `quick` only the ends of each sweep.

    Raises ValueError for a group that is not there.
    """
    for group in groups:
        if group not in GROUPS:
            raise ValueError(f"groups: there is no {group!r}; choose from {', '.join(GROUPS)}")
    found = []
    for contender in _contenders(head, groups, quick):
        if among := tuple(group for group in contender.groups if group in groups):
            found.append(replace(contender, groups=among))
    return found


def _contenders(head: Head, groups: Sequence[str], quick: bool) -> Iterator[Contender]:
    if "given" in groups or "learned" in groups:
        shapes = sampled_shapes(head, POPULATION if "given" in groups else 200)
    if "given" in groups:
        given = LinearMorphableModel.from_samples(head.mesh, shapes, 80)
        for modes in (10, 80) if quick else (10, 20, 40, 60, 80):
            yield Contender(f"linear, {modes} modes", ("given",), given.first(modes))
    if "learned" in groups:
        for people in (25, 200) if quick else (25, 50, 100, 200):
            model = LinearMorphableModel.from_samples(head.mesh, shapes[:people])
            yield Contender(f"linear, {len(model)} modes of {people} people", ("learned",), model)
    painted = StaticSkinningModel(head.mesh, head.hand_rig, head.hand_weights)
    yield Contender(f"static, {len(head.hand_rig)} bones, hand-made weights", ("static",), painted)

    def adaptive(bones: int, components: int, label: str, *groups: str, free: tuple[str, ...] = ALL) -> Contender:
        rig = head.rig if bones == len(head.rig) else budget_rig(head.mesh, head.rig, bones)
        model = AdaptiveSkinningModel(head.mesh, rig, components)
        return Contender(label.format(J=bones, K=components), groups, model, free)

    full = len(head.rig)
    yield adaptive(full, 2, "static, {J} bones, starting mixtures", "static", free=("motion",))
    yield adaptive(full, 2, "adaptive, {J} bones x {K}, weights only", "adaptive", free=("motion", "weights"))
    yield adaptive(full, 2, "adaptive, {J} bones x {K}, binding only", "adaptive", free=("motion", "binding"))
    sweep = [(full, 1), (full // 4, 2), (full // 2, 2), (full, 2), (2 * full, 2), (full, 3), (full, 4)]
    for bones, components in [pair for pair in sweep if not quick or pair not in ((full // 2, 2), (full, 3))]:
        member = {"bones": components == 2, "components": bones == full, "adaptive": (bones, components) == (full, 2)}
        groups = [group for group, belongs in member.items() if belongs]
        yield adaptive(bones, components, "adaptive, {J} bones x {K}", *groups)


def facekit_contenders(kit: FaceKit, quick: bool = False) -> list[Contender]:
    """Linear models of the first identity modes of ICT-FaceKit, learned from people in a light stage; for raw scans."""
    modes = torch.stack([mode for name, mode in kit.modes.items() if name.startswith("identity")])
    model = LinearMorphableModel.from_modes(kit.mesh, modes)
    counts = [count for count in (10, 20, 40, 60, 80, 100) if count < len(modes)] + [len(modes)]
    return [
        Contender(f"linear, {count} light-stage modes", ("given",), model.first(count))
        for count in (counts[-1:] if quick else counts)
    ]


def sampled_shapes(head: Head, people: int) -> Tensor:
    """The vertices (n, V, 3) mm of people to learn from, none of whom a model is tried on."""
    return torch.stack([head.sample(FIRST_SAMPLE + k).vertices for k in range(people)])


def free_numbers(model: SkinnedModel, free: Sequence[str] = ALL) -> int:
    """How many numbers of a skinned model describe one face, of those kinds that are free: J (11 + 6 K) if adaptive."""
    each = {"motion": 9}
    if isinstance(model, AdaptiveSkinningModel):
        each |= {"weights": 6 * model.components, "binding": 2}
    return len(model.rig) * sum(each.get(kind, 0) for kind in free)


def file_size(model: SkinnedModel | LinearMorphableModel) -> int:
    """Bytes of the file of a model: template, chart and landmarks, and its modes or its rig and parameters."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.npz"
        if isinstance(model, LinearMorphableModel):
            model.save(path)
        else:
            save(model, path)
        return path.stat().st_size
