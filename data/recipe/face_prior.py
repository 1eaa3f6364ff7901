"""Learn what faces are like from 300 people, and write `face_prior.npz`: a low-rank normal prior on the bones' motions.

    python data/recipe/face_prior.py

220 people are sampled from the embedded head, each with an expression; 80 are drawn from ICT-FaceKit (MIT,
`licences/ICT-FaceKit_MIT.txt`), whose 100 identity modes are fetched once, 260 MB. Size, place and turn of a head are
taken out first, because pictures do not show its size and cameras find the rest. The adaptive model is fitted to all of
them, in turns: the motions of each, and the weights that all of them share. With the weights held, eq. (1) is nearly
linear in the motions, and the linear map at rest, applied a few times to what is left, finds them. The prior is the
normal distribution of the motions, with so many modes, and those weights are its centre.

It takes some three minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asm_teach.data.heads import Head, load_head
from asm_teach.data.scans import load_facekit
from asm_teach.fitting.bone_motion import motion_of
from asm_teach.fitting.descent import RATES, snapshot
from asm_teach.fitting.priors import Prior, prior_loss
from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.geometry.closest_point import closest_points, to_array
from asm_teach.geometry.surface_points import barycentric
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.linear import principal_axes
from asm_teach.model.skinning import linear_blend_skinning
from asm_teach.scan_fit.fit import fit_scan

sys.path.insert(0, str(Path(__file__).parent))
from stabilise import FACEKIT68  # where iBUG's points lie on ICT-FaceKit

DATA = Path(__file__).parents[1]
EMBEDDED, FIRST_SEED, FACEKIT = 220, 1000, 80  # people; seeds below are free for tests
MODES, NOISE = 130, 0.05  # kept, and the deviation beside them in units of `Prior`
DOUBT = 3.5  # mm: neighbouring vertices err together, so that each says less than it would alone
STEPS, RELAXED, TURNS, DESCENT, EVERY = 6, 0.6, 7, 50, 5  # every fifth person speaks for the weights
BESIDE, SAME = 0.1, 5.0  # SAME: mm from the other surface, within which a vertex has a place on it


def embedded_people(head: Head) -> Tensor:
    """(EMBEDDED, V, 3) mm."""
    return torch.stack([head.sample(FIRST_SEED + k).vertices for k in range(EMBEDDED)])


def facekit_people(head: Head) -> tuple[Tensor, Tensor]:
    """(FACEKIT, V, 3) mm in the embedded topology, and which vertices (V,) have a place on that face."""
    kit = load_facekit([f"identity{k:03d}" for k in range(100)])
    mesh, modes = kit.mesh, torch.stack(list(kit.modes.values()))
    model = AdaptiveSkinningModel(head.mesh, head.rig)
    mean = fit_scan(model, mesh, landmarks=mesh.vertices[list(FACEKIT68)], device="cpu").vertices.float()
    _, away, face = closest_points(mean, mesh.vertices, mesh.faces)
    corners = mesh.faces[face]
    share = torch.from_numpy(barycentric(to_array(mean), to_array(mesh.vertices[corners]))).float()
    amounts = torch.randn(FACEKIT, len(modes), generator=torch.Generator().manual_seed(0))
    carried = torch.stack([(share[..., None] * mode[corners]).sum(1) for mode in modes])
    return mean + torch.einsum("nk,kvx->nvx", amounts, carried), away < SAME


class Population:
    """People (N, V, 3) mm, each with known vertices (N, V), and a model of them: motions of each, and weights of all.

    Size, place and turn of each person are taken out. numbers: (N, 9 J) the motions, in deviations of `Prior`.
    """

    def __init__(self, head: Head, people: Tensor, known: Tensor) -> None:
        self.face, rest = head.mesh.part_vertices("face"), head.mesh.vertices
        self.model, self.unit = AdaptiveSkinningModel(head.mesh, head.rig), widths(head)
        aligned = [apply_alignment(one, align_points(one[self.face], rest[self.face], scale=True)) for one in people]
        weight = torch.full_like(rest[:, 0], BESIDE)
        weight[self.face] = 1.0
        self.people, self.weight = torch.stack(aligned), weight * known
        self.numbers = torch.zeros(len(people), len(self.unit))

    def fit_motions(self) -> None:
        """Find the motions that bring the head to each person, with the weights as they are."""
        kinds, kind = torch.unique(self.weight, dim=0, return_inverse=True)
        slopes = slopes_at_rest(self.model).flatten(0, 1) * self.unit
        for k, weight in enumerate(kinds):
            rows, each = (kind == k).nonzero()[:, 0], weight.repeat_interleave(3) / DOUBT**2
            held = (slopes.T * each) @ slopes + torch.eye(len(self.unit))
            factor = torch.linalg.cholesky(held.double())
            for _ in range(STEPS):
                with torch.no_grad():
                    left = (self.people[rows] - self.shapes(rows)).flatten(1)
                downhill = (left * each) @ slopes - self.numbers[rows]
                self.numbers[rows] += RELAXED * torch.cholesky_solve(downhill.T.double(), factor).T.float()

    def fit_weights(self, rows: Tensor) -> None:
        """Descend on the Gaussians that all share, for some of the people."""
        model, start = self.model, snapshot(self.model)
        named = {name: p for name, p in model.named_parameters() if name.startswith("mixture")}
        optimiser = torch.optim.Adam([{"params": [p], "lr": RATES[name]} for name, p in named.items()])
        transforms, people, weight = self.transforms(rows), self.people[rows], self.weight[rows]
        for _ in range(DESCENT):
            optimiser.zero_grad()
            moved = linear_blend_skinning(model.vertices, model.weights(), transforms)
            misfit = ((moved - people).square().sum(-1) * weight).sum() / (2 * DOUBT**2)
            (misfit + prior_loss(model, start, Prior())).backward()
            optimiser.step()

    @torch.no_grad()
    def transforms(self, rows: Tensor) -> Tensor:
        """(n, J, 3, 4) the matrices of eq. (1) of some of the people."""
        model, found = self.model, []
        for one in self.numbers[rows] * self.unit:
            parts = (model.translation, model.rotation, model.log_scale)
            for part, values in zip(parts, one.view(-1, 9).split(3, 1), strict=True):
                part.copy_(values)
            found.append(model.transforms())
        model.reset_motion()
        return torch.stack(found)

    def shapes(self, rows: Tensor) -> Tensor:
        """(n, V, 3) mm: the model's faces of some of the people."""
        return linear_blend_skinning(self.model.vertices, self.model.weights(), self.transforms(rows))

    @torch.no_grad()
    def left(self) -> float:
        """Mean distance of the model from the people, mm in the face."""
        every = torch.arange(len(self.people))
        return float((self.people - self.shapes(every))[:, self.face].norm(dim=2).mean())


def widths(head: Head) -> Tensor:
    """(9 J,) the deviations of `Prior`; next to nothing for roots, which stay."""
    prior = Prior()
    unit = torch.tensor([prior.translation] * 3 + [prior.rotation] * 3 + [prior.log_scale] * 3).repeat(len(head.rig), 1)
    unit[head.rig.parents < 0] = 1e-6
    return unit.flatten()


@torch.no_grad()
def slopes_at_rest(model: AdaptiveSkinningModel) -> Tensor:
    """(V, 3, 9 J): how the vertices follow the nine numbers of each bone at rest."""
    bones, rest = len(model.rig), model.vertices.double()
    follow = motion_of(model).jacobian(model.bind_points().double(), model.rig)  # (J, 3, 4, J, 9)
    points = torch.cat([rest, torch.ones_like(rest[:, :1])], 1)
    design = (model.weights().double()[:, :, None] * points[:, None]).flatten(1)  # (V, 4 J)
    follow = follow.permute(0, 2, 3, 4, 1).reshape(4 * bones, 9 * bones, 3)
    return torch.einsum("ve,enr->vrn", design.float(), follow.float())


def main() -> None:
    """Learn and write."""
    head = load_head()
    strangers, known = facekit_people(head)
    every = torch.ones(EMBEDDED, len(known))
    population = Population(
        head, torch.cat([embedded_people(head), strangers]), torch.cat([every, known.float().expand(FACEKIT, -1)])
    )
    for turn in range(TURNS):
        population.fit_motions()
        print(f"{turn}: {population.left():.2f} mm left in the face")
        if turn < TURNS - 1:
            population.fit_weights(torch.arange(turn, EMBEDDED + FACEKIT, EVERY))
    samples, model = population.numbers.double(), population.model
    mean = samples.mean(0)
    spread, axes = principal_axes(samples - mean)
    variance = spread.square() / (len(samples) - 1)
    print(f"{MODES} modes hold {variance[:MODES].sum() / variance.sum():.1%} of the variance")
    deviations = (variance[:MODES] - NOISE**2).clamp_min(0).sqrt()
    np.savez_compressed(
        DATA / "face_prior.npz",
        centre=(mean * population.unit).view(len(head.rig), 9).numpy().astype(np.float32),
        modes=axes[:MODES].view(MODES, len(head.rig), 9).numpy().astype(np.float16),
        deviations=deviations.numpy().astype(np.float32),
        noise=np.float32(NOISE),
        **{name: p.detach().numpy() for name, p in model.named_parameters() if name.startswith("mixture")},
    )


if __name__ == "__main__":
    main()
