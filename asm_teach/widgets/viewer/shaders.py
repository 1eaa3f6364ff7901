"""The small programs that the graphics card runs: for lit surfaces and their edges, for dots, and for labels.

Own shaders rather than three.js's materials and lights, for two reasons. Several heads can turn side by side,
each about itself, because the shift sideways comes after the perspective; and the light is, formula by formula,
that of `asm_teach.drawing.portrait`, so a printed picture looks like the live one.
"""

from __future__ import annotations

from asm_teach.drawing.portrait import BACK, FUNCTIONS

FORWARD = 6.0  # mm: a bone so far under the skin still counts as seen
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
attribute vec4 finish;  // see `portrait.Finish`
varying vec3 vTint;
varying vec4 vFinish;
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
  vFinish = finish;
  vUv = uv;
  vNormal = normalMatrix * unfolded(pointAndNormal.w);
  vSeen = seen.xyz;
  gl_Position = place(seen);
}
""".replace("PLACE", _PLACE)

# An opaque surface is not blended: the nearest fragment alone is written, with its colour weighed by how much of it is
# drawn, so that where the neck fades out the page shows and not what lies behind in the head.
SURFACE_FRAGMENT = f"""
uniform sampler2D map;
uniform float textured;
uniform float dressed;  // a portrait's skin, with eyes and teeth
uniform float known;    // the finish is that of a head whose triangles all look outwards
uniform float facets;
uniform float contrast;
uniform float opacity;
varying vec3 vTint;
varying vec4 vFinish;
varying vec3 vNormal;
varying vec3 vSeen;
varying vec2 vUv;
varying float vAcross;
{FUNCTIONS}
void main() {{
  if (abs(vAcross) > 1.0 || vFinish.y < 0.004) discard;
  vec3 n = normalize(facets > 0.5 ? cross(dFdx(vSeen), dFdy(vSeen)) : vNormal);
  bool back = known > 0.5 ? !gl_FrontFacing : n.z < 0.0;
  if (facets > 0.5 ? n.z < 0.0 : back) n = -n;
  vec3 own = textured > 0.5 ? texture2D(map, vUv).rgb : vTint;
  vec4 finish = vFinish;
  if (known > 0.5 && back && n.z > 0.25) {{  // at an outline a back shows by less than a pixel
    own *= {BACK};
    finish.w = 0.0;
  }}
  vec3 lit = portrait(n, own, finish, dressed, contrast);
  gl_FragColor = opacity < 1.0 ? vec4(lit, opacity * finish.y) : vec4(lit * finish.y, finish.y);
}}
"""

EDGES_VERTEX = """
attribute vec4 finish;
varying float vShown;
PLACE
void main() {
  vShown = finish.y;
  gl_Position = place(modelViewMatrix * vec4(position, 1.0));
  gl_Position.z -= 0.0004 * gl_Position.w;  // a little nearer than the surface that they lie on
}
""".replace("PLACE", _PLACE)

EDGES_FRAGMENT = """
varying float vAcross;
varying float vShown;
void main() {
  if (abs(vAcross) > 1.0) discard;
  gl_FragColor = vec4(0.07, 0.13, 0.20, 0.5 * vShown);
}
"""

# Drawn twice: what stands before the surface, or within FORWARD mm behind it, is filled; what it hides is hollow. The
# selected one is a ring in both.
DOTS_VERTEX = """
attribute vec3 tint;
attribute float size;
varying vec3 vTint;
varying float vSize;
PLACE
void main() {
  vTint = tint;
  vec4 seen = modelViewMatrix * vec4(position, 1.0);
  vec4 nearer = projectionMatrix * (seen + vec4(0.0, 0.0, FORWARD, 0.0));
  gl_Position = place(seen);
  gl_Position.z = nearer.z / nearer.w * gl_Position.w;
  vSize = size;
  gl_PointSize = size;
}
""".replace("PLACE", _PLACE).replace("FORWARD", f"{FORWARD:.1f}")

DOTS_FRAGMENT = """
uniform float hollow;
varying vec3 vTint;
varying float vSize;
varying float vAcross;
void main() {
  float r = 2.0 * length(gl_PointCoord - 0.5);
  // the selected one is a ring, through which the surface shows
  if (r > 1.0 || abs(vAcross) > 1.0 || (vSize > 10.0 && r < 0.42)) discard;
  if (hollow > 0.5 && vSize < 10.0) {
    if (r < 0.55) discard;
    gl_FragColor = vec4(vTint, 0.4);
    return;
  }
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
