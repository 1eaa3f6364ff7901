"""How long a fit to a raw scan takes, and how close it comes: both, because each is easy to have without the other."""

from __future__ import annotations

import time

import pytest
import torch

from asm_teach.data.assets import AssetUnavailable
from asm_teach.data.heads import load_head
from asm_teach.data.scans import load_scan
from asm_teach.geometry.closest_point import closest_points
from asm_teach.model.adaptive import AdaptiveSkinningModel
from asm_teach.scan_fit.fit import fit_scan

pytestmark = [pytest.mark.timing, pytest.mark.long, pytest.mark.usefixtures("one_thread")]

# Measured alone: 18 to 20, where the fit of before, which found no open mouth, took 24 to 25. Half of it is the start.
_SECONDS, _MEAN, _MEDIAN = 45.0, 0.29, 0.14


def test_a_raw_scan_is_fitted_in_time() -> None:
    """Lee Perry-Smith, 9,279 vertices in no pose and unit that the fit is told: CPU seconds, and mm from the scan."""
    try:
        scan = load_scan("lee-perry-smith", progress=False).mesh
    except AssetUnavailable as error:
        pytest.skip(f"no fetched files: {error}")
    head = load_head()
    model = AdaptiveSkinningModel(head.mesh, head.rig, components=2)
    start = time.process_time()
    fit = fit_scan(model, scan, progress=False, device="cpu")
    seconds = time.process_time() - start
    away = closest_points(fit.vertices[head.mesh.part_vertices("face")], fit.scan.vertices, fit.scan.faces)[1]
    mean, median = away.mean().item(), away.quantile(torch.tensor(0.5)).item()
    print(
        f"\n{len(scan.vertices):,} vertices, {len(fit.history)} steps: {seconds:.1f} CPU s (bar {_SECONDS:g}); "
        f"{mean:.3f} mm on average (bar {_MEAN}), median {median:.3f} (bar {_MEDIAN})"
    )
    assert mean <= _MEAN and median <= _MEDIAN
    assert seconds <= _SECONDS
