"""What a slider does to faces that bones were fitted to: python tests/benchmarks/editing.py [FOLDER]; twenty minutes.

Ten embedded people are fitted, or read from FOLDER, where they are kept. Each slider goes by 3 mm, or to its end where
that is nearer, once by the list of bones that does so on the template, the same on both sides, and once by `edit`:

- apart: by how many mm the places of the left and the right side have moved unequally; mean and largest;
- beyond: the largest way of the skin that the slider does not move on the template by 0.1 mm; median and largest;
- off: how far the skin is from where the slider brings that of the template, of its largest way; mean, per cent.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from asm_teach.avatar.editing import _Editor, _Lever, _moved, _nearest, _pattern, _turn
from asm_teach.avatar.sliders import SLIDERS, Slider
from asm_teach.data.heads import load_head
from asm_teach.model.adaptive import AdaptiveSkinningModel, SkinnedModel
from asm_teach.model.storage import load_model, save
from asm_teach.scan_fit.fit import fit_scan

AMOUNT, STILL = 3.0, 0.1  # mm


def person(seed: int, folder: Path) -> SkinnedModel:
    """The model fitted to an embedded person."""
    path = folder / f"p{seed}.npz"
    if not path.exists():
        head = load_head()
        scan = head.sample(seed, expression=False)
        save(fit_scan(AdaptiveSkinningModel(head.mesh, head.rig), scan, progress=False).model, path)
    return load_model(path)


def apart(editor: _Editor, slider: Slider, moved: Tensor) -> float:
    """By how much the places of the two sides have moved unequally, mm; 0 for those in the middle of the face."""
    if not slider.is_paired:
        return 0.0
    model = editor.model
    rows = _nearest(model, [*slider.places, *(place.across() for place in slider.places)])
    ways = (moved[rows] - model()[rows]) @ _turn(model)
    along = torch.tensor([place.along for place in (*slider.places, *(p.across() for p in slider.places))]).double()
    left, right = (ways * along).sum(1).view(2, -1).sum(1)
    return float((left - right).abs())


@torch.no_grad()
def main(folder: Path) -> None:
    """Print the table: a row for each slider, its two ways side by side."""
    found: dict[str, list[list[float]]] = {slider.name: [] for slider in SLIDERS}
    for seed in range(10):
        editor = _Editor(person(seed, folder))
        source, model = editor.source, editor.model
        for slider in SLIDERS:
            amount = min(AMOUNT, slider.high)
            sides = [_pattern(source.rig, slider, end) for end in ("_L", "_R")]
            lever = _Lever(source, slider, *sides)
            listed = lever.motion(lever.solve(lever.target(amount, "both")))
            meant = (_moved(source, listed) - source()) @ _turn(model).T
            row = []
            for motion in (listed, editor.motion(slider, amount, "both")):
                moved = _moved(model, motion)
                off = (moved - model() - meant).norm(dim=1)
                still = meant.norm(dim=1) < STILL
                row += [apart(editor, slider, moved), float((moved - model())[still].norm(dim=1).max())]
                row.append(100 * float(off[~still].mean() / meant.norm(dim=1).max()))
            found[slider.name].append(row)
        print(f"person {seed}", file=sys.stderr, flush=True)
    print(f"{'':14}{'the same list of bones':^39}{'edit':^39}")
    print(f"{'':14}" + 2 * f"{'apart, mm':>13}{'beyond, mm':>14}{'off, %':>9}   ")
    rows = torch.tensor([found[slider.name] for slider in SLIDERS])
    for name, one in (*zip(found, rows, strict=True), ("all", rows.flatten(0, 1))):
        words = ""
        for at in (0, 3):
            unequal, beyond, off = one[:, at : at + 3].T
            words += f"{unequal.mean():6.2f} {unequal.max():6.2f}{beyond.median():7.2f} {beyond.max():6.2f}"
            words += f"{off.mean():9.1f}   "
        print(f"{name:14}{words.rstrip()}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as place:
            main(Path(place))
