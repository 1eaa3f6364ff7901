"""What an engine loses that counts few bones for each vertex: python tests/benchmarks/influences.py; a minute.

An embedded person is fitted and exported with 4, 8 and all influences, baked and posed. The weights are read from each
file; with them and with all weights of the model the same matrices move the face, and the table shows the distances:

- fit: the face as it was fitted;
- joint: one bone at a time, each but the root, turned by 10 degrees about an axis of the world, moved by 3 mm, and made
  larger by a tenth, all along that axis (x, y and z in turn); of the vertices that move by more than 0.1 mm;
- shape: each of the 51 named shapes, fully.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asm_teach.avatar.export import export_gltf
from asm_teach.avatar.expressions import expression_shapes
from asm_teach.avatar.rest_pose import RestPose, baked, template
from asm_teach.data.heads import load_head
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.model.skinning import linear_blend_skinning
from asm_teach.model.transforms import Rig, bind_matrices, bone_transforms, skinning_matrices
from asm_teach.scan_fit.fit import fit_scan
from tests.avatar.gltf_reference import Played

SEED = 3
SHOWN = 0.1  # mm


def matrices(pose: RestPose, rig: Rig) -> tuple[Tensor, Tensor]:
    """The skinning matrices of the pose as it is (J, 3, 4), and of each move (J - 1, J, 3, 4)."""
    bones = [bone for bone in range(len(rig)) if rig.parents[bone] >= 0]
    translation, rotation, scale = (
        part.repeat(len(bones) + 1, 1, 1) for part in (pose.translation, pose.rotation, pose.scale)
    )
    for row, bone in enumerate(bones):
        axis = row % 3
        translation[row + 1, bone, axis] += 3.0
        rotation[row + 1, bone, axis] += np.radians(10.0)
        scale[row + 1, bone, axis] *= 1.1
    moved = skinning_matrices(bind_matrices(pose.points), bone_transforms(translation, rotation, scale), rig)
    return moved[0], moved[1:]


def weights_of(path: Path, count: int) -> Tensor:
    """The weights in a file, (V, J)."""
    played = Played(path)
    dense = np.zeros((len(played.positions), count))
    np.add.at(dense, (np.arange(len(dense))[:, None], played.indices), played.weights)
    return torch.from_numpy(dense)


def told(off: Tensor) -> str:
    """Mean, RMSE, 95th percentile and largest of distances."""
    values = off.flatten().numpy()
    return f"{values.mean():8.4f} {(values**2).mean() ** 0.5:8.4f} {np.quantile(values, 0.95):8.4f} {values.max():8.3f}"


def main() -> None:
    """Print the table."""
    head = load_head()
    person = head.sample(SEED)
    fit = fit_scan(AdaptiveSkinningModel(head.mesh, head.rig), person, progress=False)
    face, rig = head.mesh.part_vertices("face"), head.rig.to(dtype=torch.float64)
    own = (fit.vertices - person.vertices)[face].norm(dim=1)
    print(f"person {SEED}: fitted in {fit.seconds:.1f} s to {own.mean():.2f} mm (mean), largest {own.max():.1f} mm")
    print(
        f"{'':16}{'MB':>6}{'s':>6}  "
        + "".join(f"{name:>6}: mean     RMSE     95 %  largest " for name in ("fit", "joint", "shape"))
    )
    begin = time.perf_counter()
    expressions = expression_shapes(fit)
    print(f"its 51 expressions: {time.perf_counter() - begin:.1f} s")
    for kind in ("baked", "posed"):
        pose = (template if kind == "posed" else baked)(fit.model, expressions.by_name())
        still, moves = matrices(pose, rig)
        vertices, full = pose.vertices[face], pose.weights[face]
        for influences in (4, 8, None):
            with tempfile.TemporaryDirectory() as folder:
                path, begin = Path(folder) / "me.glb", time.perf_counter()
                shown = export_gltf(fit, path, influences=influences, posed=kind == "posed", shapes=expressions)
                seconds = time.perf_counter() - begin
                few = weights_of(path, len(rig))[face]

            def off(transforms: Tensor, points: Tensor = vertices, few: Tensor = few, full: Tensor = full) -> Tensor:
                return (
                    linear_blend_skinning(points, few, transforms) - linear_blend_skinning(points, full, transforms)
                ).norm(dim=-1)

            change = linear_blend_skinning(vertices, full, moves) - linear_blend_skinning(vertices, full, still)
            shaped = torch.stack([off(still, vertices + shape[face]) for shape in pose.shapes.values()])
            columns = [told(off(still)), told(off(moves)[change.norm(dim=-1) > SHOWN]), told(shaped)]
            print(f"{kind} {influences or 'all':>9} {shown.size / 1e6:6.2f}{seconds:6.2f}  " + "  ".join(columns))


if __name__ == "__main__":
    sys.exit(main())
