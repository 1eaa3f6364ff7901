"""How a head is lit: one formula and one set of constants for the stills, the 3D view and the playground.

`shade` is the formula in numpy, for stills; `FUNCTIONS` is the same one in GLSL, for the two live views. A soft key
light whose edge is warm, as on skin, lights a portrait, with a cool light from the other side and the sky as far as a
vertex sees it; the sum goes through a film's curve. Colours that stand for numbers keep off the curve, close to their
scale.

Of the embedded heads more is known than their shape: `finish_of` gives (V, 4) numbers, computed by
`data/recipe/portrait.py`:

0. how much of the sky the vertex sees, 0 to 1 (ambient occlusion);
1. how much of it is drawn, 0 at the cut of the neck to 1;
2. x and 3. kind + 0.4 y of its place: kind 0 is skin, with y from 0 to 1 inside the mouth; 2 is an eye, with x and y
   in units of 2.5 iris radii from its middle; 4 is a tooth, with x in teeth from the middle and y from gum (-1) to
   edge (1).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asm_teach.base.arrays import load_npz
from asm_teach.data.assets import data_dir

Array = NDArray[np.float64]

INSIDE = (0.21, 0.065, 0.06)  # of a head, seen from below through its neck: in the playground
BACK = 0.6  # elsewhere: of the surface's own colour, so that a hairline between two triangles does not stand out
# The light hangs on the camera (x right, y up, z towards the viewer), so no view is ever dark.
KEY, FILL = np.array([-0.50, 0.56, 0.66]), np.array([0.86, 0.08, 0.50])
KEY /= np.linalg.norm(KEY)
FILL /= np.linalg.norm(FILL)
HALF = KEY + [0.0, 0.0, 1.0]
HALF /= np.linalg.norm(HALF)
KEY_COLOUR, FILL_COLOUR = np.array([1.02, 0.94, 0.84]), np.array([0.075, 0.10, 0.14])
SKY, GROUND = np.array([0.25, 0.26, 0.28]), np.array([0.10, 0.075, 0.065])
WRAP = np.array([0.25, 0.13, 0.085])  # red light travels furthest under the skin: a warm edge of the shadow
GLOW = np.array([0.22, 0.05, 0.02])  # and comes out of folds redder than it went in
RIM = np.array([0.16, 0.18, 0.21])  # light that grazes
GLOSS = 0.055
EXPOSURE = 0.84
FILM = (6.2, 0.5, 1.7, 0.06)  # Hejl and Burgess-Dawson's curve of a film: x (a x + b) / (x (a x + c) + d)
SCLERA, IRIS, IRIS_EDGE, PUPIL = (0.84, 0.81, 0.78), (0.36, 0.44, 0.42), (0.09, 0.12, 0.13), (0.015, 0.015, 0.018)
GLINT, WET = np.array([-0.21, 0.15, 0.966]), 0.35  # where an eye mirrors the key light; gloss of eyes and teeth
TOOTH, GUM = (0.93, 0.90, 0.83), (0.60, 0.30, 0.28)
TONGUE = (0.42, 0.16, 0.15)


def _vec(values: Sequence[float] | Array) -> str:
    return f"vec3({', '.join(f'{float(v):.5f}' for v in values)})"


# finish: see above. own: the colour of the surface itself; dressed: whether that is a portrait's skin, to which
# eyes and teeth are added; contrast 1 for a portrait, less for data. Gamma is 2: pow is slow without a graphics card.
FUNCTIONS = f"""
vec3 sphereOf(vec2 place) {{  // the eyeball's colour
  vec2 p = 2.5 * place;
  float r = length(p), inside = 1.0 - smoothstep(0.93, 1.05, r);
  vec3 iris = mix({_vec(IRIS)}, {_vec(IRIS_EDGE)}, smoothstep(0.62, 1.0, r));
  vec2 ray = p / (r + 0.05);
  iris *= 0.78 + 0.30 * (1.0 - smoothstep(-0.9, 0.9, p.y)) + 0.10 * sin(9.0 * ray.x) * sin(7.0 * ray.y);
  vec3 white = {_vec(SCLERA)} - vec3(0.02, 0.09, 0.10) * smoothstep(1.3, 2.2, abs(p.x));
  vec3 eye = mix(mix(white, iris, inside), {_vec(PUPIL)}, 1.0 - smoothstep(0.36, 0.44, r));
  return eye * (1.0 - 0.5 * smoothstep(0.15, 1.0, p.y));  // the upper lid's shadow
}}
vec3 toothOf(vec2 place) {{
  float gap = abs(fract(place.x) - 0.5) * 2.0;  // 1 between two teeth
  float gum = 1.0 - smoothstep(-0.5, -0.25, place.y + 0.35 * (gap * gap - 0.3));
  return mix({_vec(TOOTH)} * (1.0 - 0.35 * smoothstep(0.84, 1.0, gap)), {_vec(GUM)}, gum);
}}
vec3 portrait(vec3 n, vec3 own, vec4 finish, float dressed, float contrast) {{
  float wet = {GLOSS:.5f};
  bool eye = finish.w > 1.0 && finish.w < 3.0;
  if (dressed > 0.5 && finish.w > 1.0) {{
    own = eye ? sphereOf(vec2(finish.z, 2.5 * finish.w - 5.0)) : toothOf(vec2(finish.z, 2.5 * finish.w - 10.0));
    wet = {WET:.5f};
  }} else if (dressed > 0.5) own = mix(own, {_vec(TONGUE)}, smoothstep(0.1, 0.9, 2.5 * finish.w));
  float open = finish.x, grazing = 1.0 - abs(n.z);
  vec3 sky = open * (1.0 + (1.0 - open) * {_vec(GLOW)});
  vec3 key = max((dot(n, {_vec(KEY)}) + {_vec(WRAP)}) / (1.0 + {_vec(WRAP)}), 0.0);
  vec3 light = {_vec(KEY_COLOUR)} * key * (0.45 + 0.55 * sky)
    + {_vec(FILL_COLOUR)} * max(dot(n, {_vec(FILL)}), 0.0) * open
    + mix({_vec(GROUND)}, {_vec(SKY)}, 0.5 + 0.5 * n.y) * sky + {_vec(RIM)} * grazing * grazing * grazing * open;
  if (contrast < 1.0) return sqrt(clamp(own * own * (1.0 + contrast * (light - 1.0)), 0.0, 1.0));
  float shine = max(dot(n, {_vec(HALF)}), 0.0);
  shine *= shine; shine *= shine; shine *= shine; shine *= shine;
  if (dressed > 0.5 && eye) shine = 0.12 * shine + 2.6 * smoothstep(0.988, 0.996, dot(n, {_vec(GLINT)}));
  vec3 x = {EXPOSURE:.5f} * (own * own * light + wet * shine * open);
  return x * ({FILM[0]:.5f} * x + {FILM[1]:.5f}) / (x * ({FILM[0]:.5f} * x + {FILM[2]:.5f}) + {FILM[3]:.5f});
}}
"""


def shade(
    normals: Array, own: Array, finish: Array | None = None, dressed: bool = False, contrast: float = 1.0
) -> Array:
    """Colours (n, 3) of lit points: the formula of this module.

    Args:
        normals: (n, 3) unit, in the camera's axes, towards the viewer.
        own: (n, 3) the colour of the surface itself, in [0, 1].
        finish: (n, 4) as this module's text lists them; None where nothing is known.
        dressed: whether `own` is a portrait's skin, to which eyes and teeth are added.
        contrast: 1 for a portrait; less keeps the colours of data close to those of their scale.
    """
    finish = np.broadcast_to(BARE, (len(normals), 4)) if finish is None else finish
    kind = np.round(finish[:, 3] / 2) * 2
    y = 2.5 * (finish[:, 3] - kind)
    eye, tooth = dressed & (kind == 2), dressed & (kind == 4)
    if dressed:
        own = _mix(own, np.array(TONGUE), _step(0.1, 0.9, y * (kind == 0)))
        own = np.where(eye[:, None], _sphere(finish[:, 2], y), own)
        own = np.where(tooth[:, None], _tooth(finish[:, 2], y), own)
    opened, grazing = finish[:, :1], 1 - np.abs(normals[:, 2:])
    sky = opened * (1 + (1 - opened) * GLOW)
    key = np.maximum(((normals @ KEY)[:, None] + WRAP) / (1 + WRAP), 0)
    light = KEY_COLOUR * key * (0.45 + 0.55 * sky) + FILL_COLOUR * np.maximum(normals @ FILL, 0)[:, None] * opened
    light = light + (GROUND + (SKY - GROUND) * (0.5 + 0.5 * normals[:, 1:2])) * sky + RIM * grazing**3 * opened
    if contrast < 1:
        return np.sqrt(np.clip(own**2 * (1 + contrast * (light - 1)), 0, 1))
    shine = np.maximum(normals @ HALF, 0) ** 16
    shine = np.where(eye, 0.12 * shine + 2.6 * _step(0.988, 0.996, normals @ GLINT), shine)
    wet = np.where(eye | tooth, WET, GLOSS) * shine
    x = EXPOSURE * (own**2 * light + wet[:, None] * opened)
    a, b, c, d = FILM
    return x * (a * x + b) / (x * (a * x + c) + d)


def _step(low: float, high: float, x: Array) -> Array:
    """GLSL's smoothstep."""
    share = np.clip((x - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _mix(a: Array, b: Array, share: Array) -> Array:
    return a + share[:, None] * (b - a)


def _sphere(x: Array, y: Array) -> Array:
    """The eyeball's colour, (n, 3): white, iris, pupil, and the shadow of the upper lid."""
    p, q = 2.5 * x, 2.5 * y
    r = np.hypot(p, q)
    iris = _mix(np.array(IRIS), np.array(IRIS_EDGE), _step(0.62, 1.0, r))
    rays = 0.10 * np.sin(9 * p / (r + 0.05)) * np.sin(7 * q / (r + 0.05))
    iris = iris * (0.78 + 0.30 * (1 - _step(-0.9, 0.9, q)) + rays)[:, None]
    white = np.array(SCLERA) - _step(1.3, 2.2, np.abs(p))[:, None] * [0.02, 0.09, 0.10]
    eye = _mix(_mix(white, iris, 1 - _step(0.93, 1.05, r)), np.array(PUPIL), 1 - _step(0.36, 0.44, r))
    return eye * (1 - 0.5 * _step(0.15, 1.0, q))[:, None]


def _tooth(x: Array, y: Array) -> Array:
    """The colour of teeth and gums, (n, 3)."""
    gap = np.abs(x % 1 - 0.5) * 2
    gum = 1 - _step(-0.5, -0.25, y + 0.35 * (gap * gap - 0.3))
    return _mix(np.array(TOOTH) * (1 - 0.35 * _step(0.84, 1.0, gap))[:, None], np.array(GUM), gum)


BARE = np.array([1.0, 1.0, 0.0, 0.0])  # the finish of a vertex of which nothing is known


class Finish(NamedTuple):
    """What is known of the surface of a head.

    values: (V, 4) as this module's text lists them. lids: (L, 3) triangles that close its mouth and its eyes, behind
    which the skull would be seen.
    """

    values: Array
    lids: NDArray[np.int64]


@cache
def _finishes() -> dict[tuple[int, ...], Finish]:
    """By topology, of the embedded heads."""
    raw, found = load_npz(data_dir() / "portrait.npz"), {}
    for name in ("makehuman", "soma"):
        shown = np.stack([raw[f"{name}_occlusion"], raw[f"{name}_fade"]], 1) / 255
        values = np.concatenate([shown, raw[f"{name}_place"].astype(float)], 1)
        found[tuple(int(x) for x in raw[f"{name}_topology"])] = Finish(values, raw[f"{name}_lids"].astype(np.int64))
    return found


def finish_of(count: int, faces: ArrayLike) -> Finish | None:
    """The finish of a mesh of `count` vertices with the triangles (F, 3) of an embedded head; None for any other."""
    table = np.ascontiguousarray(faces, "<i4")
    known = _finishes()
    if (count, len(table)) not in {key[:2] for key in known}:
        return None
    return known.get((count, len(table), crc32(table.tobytes())))
