"""The two small programs that the graphics card runs: one for lit surfaces, one for dots.

Own shaders rather than three.js's materials and lights, for two reasons. Several heads can turn side by side,
each about itself, because the shift sideways comes after the perspective; and the light is, formula by formula,
that of `asm_teach.zbuffer.shade`, so a printed picture looks like the live one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asm_teach.zbuffer import FILL, FILL_POWER, GAMMA, GLOSS, GROUND_POWER, KEY, KEY_POWER, SHINE, SKY_POWER, WRAP


def _vec(values: Sequence[float] | NDArray[np.float64]) -> str:
    return f"vec3({', '.join(f'{float(v):.5f}' for v in values)})"


_SHIFT = """
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

SURFACE_VERTEX = (
    """
attribute vec3 tint;
varying vec3 vTint;
varying vec3 vNormal;
varying vec3 vSeen;
varying vec2 vUv;
"""
    + _SHIFT
    + """
void main() {
  vec4 seen = modelViewMatrix * vec4(position, 1.0);
  vTint = tint;
  vUv = uv;
  vNormal = normalMatrix * normal;
  vSeen = seen.xyz;
  gl_Position = place(seen);
}
"""
)

SURFACE_FRAGMENT = f"""
uniform sampler2D map;
uniform float textured;
uniform float facets;
uniform float contrast;
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
  gl_FragColor = vec4(pow(clamp(lit, 0.0, 1.0), vec3({1 / GAMMA:.5f})), 1.0);
}}
"""

DOTS_VERTEX = (
    """
attribute vec3 tint;
attribute float size;
varying vec3 vTint;
varying float vSize;
"""
    + _SHIFT
    + """
void main() {
  vTint = tint;
  gl_Position = place(modelViewMatrix * vec4(position, 1.0));
  vSize = size;
  gl_PointSize = size;
}
"""
)

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
