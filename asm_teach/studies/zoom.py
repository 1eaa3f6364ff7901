"""One woman from about 15, 30, 45 and 60 cm: do pictures alone determine how far away a camera stood? See lesson 9.

From near, a nose is large; from far, small. A model that is fitted to each photograph alone can put that into the shape
of the nose. Fitted to all four together it cannot: there is one nose, and the cameras have to make the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import data_dir
from asm_teach.data.heads import Head
from asm_teach.data.scans import load_photographs
from asm_teach.fitting.result import Fit
from asm_teach.geometry.alignment import align_points, apply_alignment
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.rendering.camera import Camera
from asm_teach.view_fit.fit import fit_views
from asm_teach.view_fit.view import View


@dataclass(frozen=True, eq=False)
class Zoom:
    """The distances and shapes that fits to four photographs from four distances find.

    names: of the photographs, from near to far as they were taken. distances: (4,) mm from the camera to the tip of the
    nose, of a fit to each alone (`alone`) and of one to all (`together`). change: (4,) mm, how far the shape fitted to
    each photograph alone is from that of all four: root mean square over the face, after similarity alignment.
    """

    names: tuple[str, ...]
    alone: Tensor
    together: Tensor
    change: Tensor
    fit: Fit

    def text(self) -> str:
        """The distances and changes as a table in columns."""
        lines = [f"{'photograph':<12}{'alone, mm':>12}{'together, mm':>14}{'shape changes by, mm':>22}"]
        lines += [
            f"{name:<12}{a:12.0f}{t:14.0f}{c:22.2f}"
            for name, a, t, c in zip(self.names, self.alone, self.together, self.change, strict=True)
        ]
        return "\n".join(lines)


def zoom_views(progress: bool = True) -> list[View]:
    """The four photographs with MediaPipe's points, from near to far.

    Raises AssetUnavailable for files that are neither here nor can be fetched.
    """
    found = load_npz(data_dir() / "facemesh478.npz")
    return [
        View(photo.image, torch.from_numpy(found[f"{photo.name}.jpg"][:, :2]), name=photo.name)
        for photo in load_photographs("zoom", progress)
    ]


def compare_distances(head: Head, views: Sequence[View] | None = None, progress: bool = True) -> Zoom:
    """Fit the adaptive model to each photograph alone and to all of them together, taken with one lens.

    views: from near to far; None for the photographs of `zoom`. Raises AssetUnavailable where they are not here.
    """
    views = zoom_views(progress) if views is None else views
    model = AdaptiveSkinningModel(head.mesh, head.rig, 2)
    fits = [fit_views(model, [view], progress=progress, device="cpu") for view in views]
    together = fit_views(model, views, one_lens=True, progress=progress, device="cpu")
    return Zoom(
        names=tuple(view.name for view in views),
        alone=torch.tensor([_from_nose(head, fit, fit.cameras[0]) for fit in fits]),
        together=torch.tensor([_from_nose(head, together, camera) for camera in together.cameras]),
        change=torch.tensor([shape_change(head, fit.vertices, together.vertices) for fit in fits]),
        fit=together,
    )


def shape_change(head: Head, one: Tensor, other: Tensor) -> float:
    """How far two heads (V, 3) differ over the face: root mean square of mm, after similarity alignment."""
    face = head.mesh.part_vertices("face")
    one, other = one[face], other[face]
    away = apply_alignment(one, align_points(one, other, True)) - other
    return float(away.square().sum(1).mean().sqrt())


def _from_nose(head: Head, fit: Fit, camera: Camera) -> float:
    tip = head.landmarks.points(fit.vertices, head.mesh.faces)[30]
    return float(torch.linalg.vector_norm(camera.centre() - tip))
