"""The small programs that the graphics card runs: for lit surfaces and their edges, for dots, and for labels.

Own shaders rather than three.js's materials and lights, for two reasons. Several heads can turn side by side,
each about itself, because the shift sideways comes after the perspective; and the light is, formula by formula,
that of `asm_teach.drawing.still.shade`, so a printed picture looks like the live one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asm_teach.drawing.still import FILL, FILL_POWER, GAMMA, GLOSS, GROUND_POWER, KEY, KEY_POWER, SHINE, SKY_POWER, WRAP


def _vec(values: Sequence[float] | NDArray[np.float64]) -> str:
    return f"vec3({', '.join(f'{float(v):.5f}' for v in values)})"


_PLACE = """
uniform float shift;    // of this column's middle, in [-1, 1] across the canvas
uniform float columns;  // how many meshes stand side by side
varying float vAcross;
vec4 place(vec4 seen) {
  vec4 clip = projectionMatrix * seen;
  vAcross = clip.x / clip.w * columns;
  clip.x += shift * clip.w;
  return clip;
}
"""

# A vertex and its normal travel as four numbers, so that one message moves a surface: `scene.pack_normals` writes the
# fourth, 4096 x + y, where x and y are the normal's place on an octahedron that is unfolded onto a square.
SURFACE_VERTEX = """
attribute vec4 pointAndNormal;
attribute vec3 tint;
varying vec3 vTint;
varying vec3 vNormal;
varying vec3 vSeen;
varying vec2 vUv;
PLACE
vec3 unfolded(float code) {
  float x = floor(code / 4096.0);
  vec2 square = vec2(x, code - 4096.0 * x) / 2047.5 - 1.0;
  vec3 n = vec3(square, 1.0 - abs(square.x) - abs(square.y));
  float below = max(-n.z, 0.0);
  n.x -= n.x >= 0.0 ? below : -below;
  n.y -= n.y >= 0.0 ? below : -below;
  return normalize(n);
}
void main() {
  vec4 seen = modelViewMatrix * vec4(pointAndNormal.xyz, 1.0);
  vTint = tint;
  vUv = uv;
  vNormal = normalMatrix * unfolded(pointAndNormal.w);
  vSeen = seen.xyz;
  gl_Position = place(seen);
}
""".replace("PLACE", _PLACE)

SURFACE_FRAGMENT = f"""
uniform sampler2D map;
uniform float textured;
uniform float facets;
uniform float contrast;
uniform float opacity;
varying vec3 vTint;
varying vec3 vNormal;
varying vec3 vSeen;
varying vec2 vUv;
varying float vAcross;
const vec3 key = {_vec(KEY / np.linalg.norm(KEY))};
const vec3 fill = {_vec(FILL / np.linalg.norm(FILL))};
const vec3 wrap = {_vec(WRAP)};
void main() {{
  if (abs(vAcross) > 1.0) discard;
  vec3 n = normalize(facets > 0.5 ? cross(dFdx(vSeen), dFdy(vSeen)) : vNormal);
  if (n.z < 0.0) n = -n;
  vec3 albedo = textured > 0.5 ? texture2D(map, vUv).rgb : vTint;
  vec3 light = {KEY_POWER:.5f} * max((dot(n, key) + wrap) / (1.0 + wrap), 0.0)
             + {FILL_POWER:.5f} * max(dot(n, fill), 0.0)
             + mix({GROUND_POWER:.5f}, {SKY_POWER:.5f}, 0.5 + 0.5 * n.y);
  light = 1.0 + contrast * (light - 1.0);
  float gloss = {GLOSS:.5f} * contrast * pow(max(dot(n, normalize(key + vec3(0.0, 0.0, 1.0))), 0.0), {SHINE:.5f});
  vec3 lit = pow(albedo, vec3({GAMMA:.5f})) * light + gloss;
  gl_FragColor = vec4(pow(clamp(lit, 0.0, 1.0), vec3({1 / GAMMA:.5f})), opacity);
}}
"""

EDGES_VERTEX = """
PLACE
void main() {
  gl_Position = place(modelViewMatrix * vec4(position, 1.0));
  gl_Position.z -= 0.0004 * gl_Position.w;  // a little nearer than the surface that they lie on
}
""".replace("PLACE", _PLACE)

EDGES_FRAGMENT = """
varying float vAcross;
void main() {
  if (abs(vAcross) > 1.0) discard;
  gl_FragColor = vec4(0.07, 0.13, 0.20, 0.5);
}
"""

DOTS_VERTEX = """
attribute vec3 tint;
attribute float size;
varying vec3 vTint;
varying float vSize;
PLACE
void main() {
  vTint = tint;
  gl_Position = place(modelViewMatrix * vec4(position, 1.0));
  vSize = size;
  gl_PointSize = size;
}
""".replace("PLACE", _PLACE)

DOTS_FRAGMENT = """
varying vec3 vTint;
varying float vSize;
varying float vAcross;
void main() {
  float r = 2.0 * length(gl_PointCoord - 0.5);
  // the selected one is a ring, through which the surface shows
  if (r > 1.0 || abs(vAcross) > 1.0 || (vSize > 10.0 && r < 0.42)) discard;
  float rim = max(step(0.8, r), vSize > 10.0 ? 1.0 - step(0.54, r) : 0.0);
  gl_FragColor = vec4(mix(vTint, vec3(1.0), rim), 1.0);
}
"""

# PIXELS stands for the size of the view, such as "640.0, 480.0".
LABELS_VERTEX = """
attribute vec2 corner;  // pixels from the bone: x to the right, y up
varying vec2 vUv;
PLACE
void main() {
  vUv = uv;
  gl_Position = place(modelViewMatrix * vec4(position, 1.0));
  gl_Position.xy += 2.0 * corner / vec2(PIXELS) * gl_Position.w;
}
""".replace("PLACE", _PLACE)

LABELS_FRAGMENT = """
uniform sampler2D map;
varying vec2 vUv;
varying float vAcross;
void main() {
  vec4 drawn = texture2D(map, vUv);
  if (abs(vAcross) > 1.0 || drawn.a < 0.1) discard;
  gl_FragColor = drawn;
}
"""
