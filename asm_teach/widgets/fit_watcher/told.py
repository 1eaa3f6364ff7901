"""What a fit that is watched says of itself: its state, numbers and cameras in words, its loss and cameras as drawings.

Everything here is text, HTML or SVG: no widgets.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from asm_teach.geometry.alignment import Alignment, apply_alignment
from asm_teach.rendering.camera import Camera
from asm_teach.widgets.fit_watcher.thread import FitThread

GO = {
    "ready": ("Start", "start the fit"),
    "running": ("Pause", "pause after the current step"),
    "paused": ("Resume", "resume the fit"),
}
"""Label and tooltip of the button that does the next thing, in the states that have one."""
_WORDS = {
    "ready": "Not started: press Start.",
    "running": "The fit is running.",
    "paused": "Paused after the current step. Resume continues from here.",
    "stopping": "Stopping after the current step.",
    "done": "The fit is finished: watcher.fit holds the result.",
    "stopped": "Stopped: watcher.fit holds the best result so far.",
}


def state_words(run: FitThread) -> str:
    """One sentence or two about how the fit stands."""
    state = run.state  # first: what a failed fit raised is there before it says that it failed
    if state != "failed":
        begun = bool(run.history) or state != "running"
        return _WORDS[state] + ("" if begun else " Waiting for the first step.")
    # a ValueError of this project says in a sentence what is wrong; others need their kind to be understood
    return f"The fit failed. {_told(run.failure)}"


def numbers(run: FitThread) -> list[tuple[str, str]]:
    """Rows (what, number with its unit) about the last step; none before it."""
    if not run.history:
        return []
    last = run.history[-1]
    rows = [("iteration", f"{last.iteration}"), ("loss", f"{last.loss:.4g}"), ("seconds", f"{last.seconds:.1f}")]
    if math.isfinite(last.error):
        rows.insert(2, ("mean distance, as weighted by the fit", f"{last.error:.3g} mm"))
    return rows


def notes(run: FitThread) -> tuple[str, ...]:
    """What the fit says of its data, once it has ended, and whether it could be shown."""
    said = () if run.fit is None else tuple(getattr(run.fit, "notes", ()))
    return said if run.blind is None else (*said, f"The fit continues, but it cannot be shown: {_told(run.blind)}")


def lines(words: Iterable[str]) -> str:
    """Each as a line of the page."""
    return "".join(f'<div class="asm-said">{html.escape(line)}</div>' for line in words)


def _told(failure: BaseException | None) -> str:
    return str(failure) if isinstance(failure, ValueError) else f"{type(failure).__name__}: {failure}"


# -- the loss ----------------------------------------------------------------------------------------------------

_WIDTH, _TALL, _LEFT, _BOTTOM, _TOP = 320, 150, 46, 24, 10  # pixels, of the curve
_MOST = 240  # points: more than a screen of this width shows


def loss_curve(losses: Sequence[float]) -> str:
    """An SVG drawing of the losses on a logarithmic scale; where one is not above zero, on a plain one.

    Losses that are not finite are left out.
    """
    pairs = [(i, loss) for i, loss in enumerate(losses) if math.isfinite(loss)]
    if not pairs:
        return '<div class="asm-hint">no loss yet</div>'
    log = min(loss for _, loss in pairs) > 0
    scale = math.log10 if log else float
    step = max(1, len(pairs) // _MOST)
    kept = pairs[::step] if pairs[-1] in pairs[::step] else [*pairs[::step], pairs[-1]]
    last = max(len(losses) - 1, 1)
    values = [scale(loss) for _, loss in kept]
    low, high = min(values), max(values)
    if log:  # whole decades hold a curve that falls a little as steadily as one that falls a lot
        low, high = math.floor(low), max(math.ceil(high), math.floor(low) + 1)
    elif high <= low:
        low, high = low - 0.5, high + 0.5

    def across(iteration: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 8) * iteration / last

    def down(value: float) -> float:
        return _TOP + (_TALL - _TOP - _BOTTOM) * (high - value) / (high - low)

    marks = []
    for tick in _ticks(low, high, log):
        words = f"{10.0**tick:g}" if log else f"{tick:.3g}"
        y = down(tick)
        marks.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 8}" y1="{y:.1f}" y2="{y:.1f}" class="asm-grid"/>')
        marks.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>')
    marks.append(f'<text x="{_WIDTH - 8}" y="{_TOP + 12}" text-anchor="end">loss</text>')
    marks.append(f'<text x="{_LEFT}" y="{_TALL - 6}">0</text>')
    marks.append(f'<text x="{_WIDTH - 8}" y="{_TALL - 6}" text-anchor="end">iteration {len(losses) - 1}</text>')
    line = " ".join(f"{across(i):.1f},{down(v):.1f}" for (i, _), v in zip(kept, values, strict=True))
    x, y = across(kept[-1][0]), down(values[-1])
    words = html.escape(
        f"loss against iteration: {losses[0]:.4g} at first, {kept[-1][1]:.4g} at iteration {len(losses) - 1}"
    )
    return (
        f'<svg class="asm-curve" viewBox="0 0 {_WIDTH} {_TALL}" width="{_WIDTH}" height="{_TALL}" role="img" '
        f'aria-label="{words}">{"".join(marks)}<polyline points="{line}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/></svg>'
    )


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if not log:
        return [low, (low + high) / 2, high]
    step = max(1, math.ceil((high - low) / 4))
    return [float(decade) for decade in range(int(low), int(high) + 1, step)]


# -- the cameras -------------------------------------------------------------------------------------------------

_HEIGHT, _EDGE = 170, 16  # pixels, of the plan; its width is that of the curve
_HEAD = 75.0  # mm: half the width of the head in the plan
_SIGHT = 30.0  # pixels: how long the sides of a camera's field of view are drawn
_RINGS = (250.0, 500.0, 1000.0, 2000.0, 5000.0)  # mm between rings about the face


@dataclass(frozen=True)
class Seat:
    """Where a camera is, in the axes of a face that looks along +z, from its middle.

    place: (x, y, z) mm. looks: (x, y, z) of its optical axis. focal: pixels. half: half its field of view, radians.
    """

    place: tuple[float, float, float]
    looks: tuple[float, float, float]
    focal: float
    half: float


def seats(cameras: Sequence[Camera], middle: Tensor, turn: Alignment) -> list[Seat]:
    """The seats of cameras about a face with its middle (3,) in mm, which `turn` would turn to look along +z."""
    found = []
    for camera in cameras:
        place = apply_alignment(camera.centre().detach().to(middle), turn) - apply_alignment(middle, turn)
        axis = turn[1].to(middle) @ camera.world_to_camera()[2, :3].detach().to(middle)
        focal = float(camera.focal.detach())
        found.append(Seat(tuple(place.tolist()), tuple(axis.tolist()), focal, math.atan(camera.size[0] / 2 / focal)))
    return found


def camera_words(cameras: Sequence[Seat]) -> list[str]:
    """One line a camera: its focal length in pixels, its distance from the face's middle in mm, its side."""
    lines = []
    for number, seat in enumerate(cameras, 1):
        x, y, z = seat.place
        away = math.hypot(x, y, z)
        side = "the person's left" if x > 0 else "the person's right"
        turn = round(math.degrees(math.atan2(abs(x), z)))
        up = round(math.degrees(math.asin(y / max(away, 1e-9))))
        where = [f"{turn}° to {side}"] * bool(turn) + [f"{abs(up)}° {'up' if up > 0 else 'down'}"] * bool(up)
        lines.append(
            f"view {number}: focal length {seat.focal:.0f} px, {away:.0f} mm away, "
            f"{', '.join(where) or 'straight in front'}"
        )
    return lines


def camera_plan(cameras: Sequence[Seat]) -> str:
    """An SVG drawing from above: the head looks down the page, each camera is a number with its field of view."""
    if not cameras:
        return ""
    across = max([300.0, *(2 * abs(seat.place[0]) for seat in cameras)])
    deep = [-_HEAD, 200.0, *(seat.place[2] for seat in cameras)]
    scale = min((_WIDTH - 4 * _EDGE) / across, (_HEIGHT - 2 * _EDGE) / (max(deep) - min(deep)))
    top = _EDGE - scale * min(deep)

    def on_page(x: float, z: float) -> tuple[float, float]:
        return _WIDTH / 2 + scale * x, top + scale * z

    (x0, y0), r = on_page(0, 0), scale * _HEAD
    farthest = max(math.hypot(seat.place[0], seat.place[2]) for seat in cameras)
    step = next((one for one in _RINGS if farthest <= 3 * one), _RINGS[-1])
    drawn = []
    for ring in (step, 2 * step, 3 * step):
        wide, words = scale * ring, f"{ring:g} mm"
        drawn.append(f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="{wide:.1f}" class="asm-ring"/>')
        if x0 + wide < _WIDTH - 2 * _EDGE:  # beside the ears, where cameras seldom stand
            drawn.append(f'<text x="{x0 + wide:.1f}" y="{y0 - 3:.1f}" class="asm-far">{words}</text>')
    drawn.append(f'<path class="asm-head" d="M {x0 - r:.1f} {y0:.1f} A {r:.1f} {r:.1f} 0 1 1 {x0 + r:.1f} {y0:.1f} '
                 f'Q {x0 + r:.1f} {y0 + r:.1f} {x0:.1f} {y0 + 1.35 * r:.1f} Q {x0 - r:.1f} {y0 + r:.1f} {x0 - r:.1f} '
                 f'{y0:.1f} Z"/>')  # fmt: skip
    for number, seat in enumerate(cameras, 1):
        x, y = on_page(seat.place[0], seat.place[2])
        heading = math.atan2(seat.looks[2], seat.looks[0])
        sides = (heading - seat.half, heading + seat.half)
        left, right = ((x + _SIGHT * math.cos(a), y + _SIGHT * math.sin(a)) for a in sides)
        sight = " ".join(f"{a:.1f},{b:.1f}" for a, b in (left, (x, y), right))
        drawn.append(f'<polyline points="{sight}" class="asm-sight"/><circle cx="{x:.1f}" cy="{y:.1f}" r="8"/>')
        drawn.append(f'<text x="{x:.1f}" y="{y + 4:.1f}" class="asm-seat">{number}</text>')
    words = html.escape(f"cameras from above: {'; '.join(camera_words(cameras))}", quote=True)
    return (
        f'<svg class="asm-cameras" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{words}">{"".join(drawn)}</svg>'
    )
