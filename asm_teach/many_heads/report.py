"""A page to look at many heads: each with pictures from two sides, its error and its notes, to be sorted and filtered.

The page is `report.html` in the folder of results; its pictures lie in `report` beside it, and a browser loads each
when it comes into sight. Nothing else is needed: no network and no server.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from urllib.parse import quote

import matplotlib
import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import NDArray
from PIL import Image

from asm_teach.base.arrays import load_npz
from asm_teach.base.files import whole
from asm_teach.drawing.plots import BACKGROUND  # noqa: F401  with it matplotlib knows the scale of errors
from asm_teach.drawing.scales import ERROR
from asm_teach.drawing.still import draw, look
from asm_teach.formats.checks.outputs import MARK, check_output, signed
from asm_teach.many_heads.manifest import Entry, read_manifest
from asm_teach.many_heads.worker import ERRORS, FITTED

PAGE, PICTURES = "report.html", "report"
TILE = (176, 208)  # pixels of one picture; three stand side by side
MOST = 2.0  # mm: where the scale of errors ends
_NO_VALUE = (0.62, 0.62, 0.62)  # grey: nothing to compare it with
_BINS = 16  # of the histogram


def write_report(folder: Path, watch: Callable[[int, int], None] | None = None) -> Path:
    """Write the page of a folder of results. A head that was drawn before and has not changed is not drawn again.

    Args:
        folder: as `fit_many` writes it.
        watch: called after each head with how many are drawn, and of how many.

    Raises:
        ValueError: no manifest in it, or a page in its place that is not the program's.
    """
    entries = sorted({entry.name: entry for entry in read_manifest(folder)}.values(), key=_by_number)
    if not entries:
        raise ValueError(f"folder: {str(folder)!r} holds no manifest.jsonl; asm-teach fit-scan FOLDER -o writes one")
    page = folder / PAGE
    check_output(page, given=False)
    rows, counts = [], dict.fromkeys(("fitted", "refused", "failed", "lost"), 0)
    for n, entry in enumerate(entries):
        counts[entry.status] += 1
        picture = _picture(folder, entry)
        rows.append(_row(entry, picture.relative_to(folder) if picture else None))
        if watch:
            watch(n + 1, len(entries))
    here = files("asm_teach.many_heads")
    text = Template(here.joinpath("report.html").read_text("utf-8")).substitute(
        mark=MARK,
        style=here.joinpath("report.css").read_text("utf-8"),
        script=here.joinpath("report.js").read_text("utf-8"),
        title=html.escape(f"{len(entries)} heads in {folder.resolve().name}"),
        summary=_summary(entries),
        histogram=_histogram([entry.mm for entry in entries if entry.status == "fitted" and entry.mm is not None]),
        scale=", ".join(to_hex(matplotlib.colormaps[ERROR](x)) for x in np.linspace(0, 1, 9)),
        most=f"{MOST:g}",
        statuses="".join(_box(status, count) for status, count in counts.items() if count),
        rows="\n".join(rows),
    )
    with whole(page) as part:
        part.write_bytes(signed(text.encode("utf-8", "replace"), page.name))
    return page


def _by_number(entry: Entry) -> list[tuple[int, str]]:
    """The order of names in which head9 comes before head10."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", entry.name)]


def _picture(folder: Path, entry: Entry) -> Path | None:
    """The picture of a fitted head, drawn if it is not there or older than the fit; None where there is no fit."""
    model, picture = folder / f"{entry.name}.npz", folder / PICTURES / f"{entry.name}.webp"
    if entry.status != "fitted" or not model.is_file():
        return None
    if not picture.is_file() or picture.stat().st_mtime < model.stat().st_mtime:
        try:
            arrays = load_npz(model)
            tiles = draw_head(arrays[FITTED], arrays["faces"], arrays.get(ERRORS))
        except (ValueError, KeyError):  # damaged since: the row says that there is no picture
            return None
        picture.parent.mkdir(parents=True, exist_ok=True)
        with whole(picture) as part:
            tiles.save(part, "WEBP", quality=82)
    return picture


def draw_head(
    vertices: NDArray[np.float32], faces: NDArray[np.int64], errors: NDArray[np.float16] | None
) -> Image.Image:
    """Three pictures side by side: from the front, from the left, and the error (V,) in mm; without it, from the right.

    Args:
        vertices: (V, 3) mm.
        faces: (F, 3).
        errors: (V,) mm, NaN where there is nothing to compare with; drawn from 0 to `MOST`.
    """
    tiles = [draw(vertices, faces, look(vertices, view, TILE)) for view in ("front", (55.0, 5.0))]
    if errors is None:
        tiles.append(draw(vertices, faces, look(vertices, (-55.0, 5.0), TILE)))
    else:
        share = np.nan_to_num(errors.astype(np.float64) / MOST).clip(0, 1)
        colours = np.where(np.isnan(errors)[:, None], _NO_VALUE, matplotlib.colormaps[ERROR](share)[:, :3])
        tiles.append(draw(vertices, faces, look(vertices, "front", TILE), colours, contrast=0.55))
    return Image.fromarray((np.concatenate(tiles, 1) * 255).round().astype(np.uint8))


def _row(entry: Entry, picture: Path | None) -> str:
    """One head of the page."""
    name = html.escape(entry.name)
    width, height = 3 * TILE[0], TILE[1]
    third = "the error of each point" if entry.mm is not None else "the other side"
    seen = f"{name} from the front, from the left, and {third}"
    shown = (
        f'<img loading="lazy" decoding="async" src="{quote(picture.as_posix())}" width="{width}" height="{height}" '
        f'alt="{seen}">'
        if picture
        else f'<p class="none">{"no picture" if entry.status == "fitted" else "no fit"}</p>'
    )
    facts = [entry.status, *([f"{entry.mm:.2f} mm"] if entry.mm is not None else []), f"{entry.seconds:.1f} s"]
    said = [*([entry.sentence] if entry.sentence else []), *entry.notes]
    notes = f"<ul>{''.join(f'<li>{html.escape(note)}</li>' for note in said)}</ul>" if said else ""
    title = f'<a href="{quote(entry.name)}.npz">{name}</a>' if picture else name
    return (
        f'<li class="{entry.status}" data-mm="{-1 if entry.mm is None else entry.mm}" data-seconds="{entry.seconds}" '
        f'data-notes="{len(said)}" data-status="{entry.status}" data-name="{name}">{shown}<div><h2>{title}</h2>'
        f'<p class="facts">{" · ".join(facts)}</p>{notes}<p class="source">{html.escape(entry.source)}</p></div></li>'
    )


def _summary(entries: Sequence[Entry]) -> str:
    found = np.array([entry.mm for entry in entries if entry.status == "fitted" and entry.mm is not None])
    if not len(found):
        return "These heads have no scans to measure their error against."
    return (
        f"Mean distance to the scan: {np.median(found):.2f} mm for the median head, "
        f"{np.percentile(found, 90):.2f} mm for nine of ten, {found.max():.2f} mm for the worst."
    )


def _histogram(values: Iterable[float]) -> str:
    """How many heads have which error, as a picture without a file."""
    found = np.array(list(values))
    if len(found) < 2:
        return ""
    top = float(np.ceil(found.max() * 10) / 10) or 0.1
    counts, _ = np.histogram(found, _BINS, (0.0, top))
    bars = "".join(
        f'<rect x="{n * 20 + 1}" y="{80 - 80 * count / counts.max():.1f}" width="18" '
        f'height="{80 * count / counts.max():.1f}"/>'
        for n, count in enumerate(counts)
    )
    told = f"Histogram of the mean distance of {len(found)} heads, from 0 to {top:g} mm"
    return (
        f'<figure><svg viewBox="0 0 {_BINS * 20} 82" role="img" aria-label="{told}">{bars}</svg>'
        f"<figcaption><span>0</span><span>heads by mean distance</span><span>{top:g} mm</span></figcaption></figure>"
    )


def _box(status: str, count: int) -> str:
    return f'<label><input type="checkbox" name="status" value="{status}" checked> {count} {status}</label>'
