"""The cameras that a fit has found so far, in words and as a plan from above. No widgets here."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from asm_teach.geometry.alignment import Alignment, apply_alignment
from asm_teach.rendering.camera import Camera

_WIDTH, _HEIGHT, _EDGE = 320, 170, 16  # pixels
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


def seats(cameras: Sequence[Camera], middle: Tensor, turn: Alignment | None = None) -> list[Seat]:
    """The seats of cameras about a face with its middle (3,) in mm, which `turn` would turn to look along +z."""
    found = []
    for camera in cameras:
        centre, axis = camera.centre().detach().to(middle), camera.world_to_camera()[2, :3].detach().to(middle)
        if turn is None:
            place = centre - middle
        else:
            place, axis = apply_alignment(centre, turn) - apply_alignment(middle, turn), turn[1].to(axis) @ axis
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
        ends = [
            (x + _SIGHT * math.cos(a), y + _SIGHT * math.sin(a)) for a in (heading - seat.half, heading + seat.half)
        ]
        sight = " ".join(f"{a:.1f},{b:.1f}" for a, b in (ends[0], (x, y), ends[1]))
        drawn.append(f'<polyline points="{sight}" class="asm-sight"/><circle cx="{x:.1f}" cy="{y:.1f}" r="8"/>')
        drawn.append(f'<text x="{x:.1f}" y="{y + 4:.1f}" class="asm-seat">{number}</text>')
    words = html.escape(f"cameras from above: {'; '.join(camera_words(cameras))}", quote=True)
    return (
        f'<svg class="asm-cameras" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{words}">{"".join(drawn)}</svg>'
    )
