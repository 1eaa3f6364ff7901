"""Scans far from the origin, as photogrammetry with map coordinates writes them: fitted near it, put back afterwards.

4.6e6 m from the origin float32, in which fits compute, has steps of half a metre. The middle of such a scan is taken
away in float64 before anything becomes float32, and added to the result in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from asm_teach.fitting.result import Course
from asm_teach.formats.units import far_middle
from asm_teach.geometry.closest_point import to_array
from asm_teach.geometry.mesh import Mesh

Fitting = TypeVar("Fitting", bound=Callable[..., Course])


def anywhere(fit: Fitting) -> Fitting:
    """Make a fit to a scan one that also takes a scan far from the origin, and that passes on the notes of its file.

    fit: takes a model, a scan and keywords, and returns a `Course` with `vertices`.
    """

    @wraps(fit)
    def fit_anywhere(model: Any, scan: Mesh, *, landmarks: Tensor | None = None, **options: Any) -> Course:
        if not isinstance(scan, Mesh):
            return fit(model, scan, landmarks=landmarks, **options)
        middle = far_middle(to_array(scan.vertices))
        if middle is None:
            found = fit(model, scan, landmarks=landmarks, **options)
            return replace(found, notes=(*scan.notes, *found.notes)) if scan.notes else found
        at = torch.from_numpy(middle).to(scan.vertices.device)
        near = scan.with_vertices((scan.vertices.double() - at).float())
        known = landmarks if landmarks is None else landmarks.double() - at.to(landmarks.device)
        try:
            found = fit(model, near, landmarks=known, **options)
        except ValueError as error:
            raise ValueError(f"{error} (places are counted from {middle.tolist()}, the middle of the scan)") from None
        note = (
            f"The scan lies far from the origin, at {middle.tolist()} in its unit; it was fitted near it: the vertices "
            "that are returned lie where the scan lies, the model stays near the origin."
        )
        return replace(put_back(found, at), notes=(*scan.notes, note, *found.notes))

    return cast(Fitting, fit_anywhere)


def put_back(found: Any, at: Tensor) -> Any:
    """The result of a fit, moved to where `at` (3,), in the unit of the scan's file, is the origin; float64."""

    def there(points: Tensor) -> Tensor:
        return points.double() + found.unit * at.to(points.device)

    moved: dict[str, Any] = {"vertices": there(found.vertices)}
    if found.scan is not None:
        moved["scan"] = found.scan.with_vertices(there(found.scan.vertices))
    if hasattr(found, "alignment"):
        scale, rotation, shift = found.alignment
        moved["alignment"] = (scale.double(), rotation.double(), there(shift))
    return replace(found, **moved)
