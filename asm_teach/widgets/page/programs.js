// The programs of the face on the graphics card:
//   bones     one point a bone: eq. (3) gives its pivot, and the walk up the tree its matrix S
//   vertices  one point a vertex: eq. (1) gives its place, with the weights of weights.js
//   normals   one point a vertex: the sum of the normals of the triangles round it
//   picture   the triangles, lit
// The first three write to buffers (transform feedback), not to the screen, and the matrices that the first writes are
// the uniforms of the second: no number goes back to the processor. The parameters are read from uniform buffers,
// which hold 1,024 four-vectors on any device, more than plain uniforms are sure to have room for (256).

const HEAD = `#version 300 es
precision highp float; precision highp int; precision highp sampler2D; precision highp usampler2D;`;

const BONES = (J) => `${HEAD}
layout(std140) uniform Bones { vec4 bone[${6 * J}]; };
out vec4 row0, row1, row2, pivot;
vec3 place(int j) {  // psi of eq. (3), from the corners of the bind triangle
  vec4 a = bone[6 * j + 3], b = bone[6 * j + 4], c = bone[6 * j + 5];
  return a.xyz + b.w * (b.xyz - a.xyz) + c.w * (c.xyz - a.xyz);
}
void main() {
  mat3 X = mat3(0.0); vec3 x = vec3(0.0);  // S - 1 so far, [X | x]: of a bone at rest exactly 0
  for (int j = gl_VertexID; j >= 0; j = int(bone[6 * j + 3].w)) {
    mat3 D = transpose(mat3(bone[6 * j].xyz, bone[6 * j + 1].xyz, bone[6 * j + 2].xyz));
    vec3 t = vec3(bone[6 * j].w, bone[6 * j + 1].w, bone[6 * j + 2].w) - D * place(j);  // B T B^-1 - 1 = [D | t]
    x = t + x + D * x;
    X = D + X + D * X;
  }
  mat3 R = transpose(X);
  row0 = vec4(R[0], x.x); row1 = vec4(R[1], x.y); row2 = vec4(R[2], x.z);
  vec3 p = place(gl_VertexID);
  pivot = vec4(p + X * p + x, 1.0);
}`;

const VERTICES = (J) => `${HEAD}
layout(std140) uniform Moves { vec4 S[${4 * J}]; };
uniform sampler2D pairs;  // bone and weight, twice
uniform int chosen;
layout(location = 0) in vec3 rest;
layout(location = 1) in uvec2 run;  // which pairs are the vertex's: the first, and how many
out vec4 placed;  // where the vertex is, and the weight of the chosen bone
void main() {
  float sum = 0.0, share = 0.0;
  vec4 x = vec4(0.0), y = x, z = x;
  for (uint i = run.x; i < run.x + run.y; i++) {
    vec4 two = texelFetch(pairs, ivec2(i % ${WIDTH}u, i / ${WIDTH}u), 0);
    ivec2 bone = ivec2(two.xz), s = 4 * bone;
    sum += two.y + two.w;
    share += (bone.x == chosen ? two.y : 0.0) + (bone.y == chosen ? two.w : 0.0);
    x += two.y * S[s.x] + two.w * S[s.y];
    y += two.y * S[s.x + 1] + two.w * S[s.y + 1];
    z += two.y * S[s.x + 2] + two.w * S[s.y + 2];
  }
  vec4 v = vec4(rest, 1.0);
  placed = vec4(rest + vec3(dot(x, v), dot(y, v), dot(z, v)) / sum, share / sum);
}`;

const NORMALS = `${HEAD}
uniform sampler2D places;
uniform usampler2D fan;  // of each triangle round a vertex, its two other corners
layout(location = 0) in uvec2 run;  // which of them: the first, and how many
out vec3 normal;
vec3 at(uint i) { return texelFetch(places, ivec2(i & 255u, i >> 8), 0).xyz; }
void main() {
  vec3 here = at(uint(gl_VertexID));
  normal = vec3(0.0);
  for (uint f = run.x; f < run.x + run.y; f++) {
    uvec2 other = texelFetch(fan, ivec2(f & 255u, f >> 8), 0).xy;
    normal += cross(at(other.x) - here, at(other.y) - here);
  }
}`;

const PICTURE = `${HEAD}
uniform int chosen; uniform float pixel;
uniform mat3 view; uniform vec3 target; uniform vec4 lens;  // distance, two focal lengths, how far dots come forward
layout(location = 0) in vec4 placed;
layout(location = 1) in vec2 uv;
layout(location = 2) in vec3 normal;
out vec3 vNormal; out vec2 vUv; out float vWeight;
flat out int vBone;
void main() {
  vec3 seen = view * (placed.xyz - target) - vec3(0.0, 0.0, lens.x);
  float near = 0.1 * lens.x, far = 4.0 * lens.x;
  gl_Position = vec4(lens.yz * seen.xy, (-(far + near) * seen.z - 2.0 * far * near) / (far - near) - lens.w, -seen.z);
  vNormal = view * normal; vUv = uv; vWeight = placed.w; vBone = gl_VertexID;
  gl_PointSize = pixel * (gl_VertexID == chosen ? 15.0 : 7.0);
}`;

const num = (x) => x.toFixed(5);
const vec3 = (x) => `vec3(${x.map(num).join(', ')})`;
const LIT = (light, ramp) => `${HEAD}
uniform int look;  // 0 skin, 1 clay, 2 clay under a net, 3 weights of the chosen bone
uniform sampler2D skin;
in vec3 vNormal; in vec2 vUv; in float vWeight; flat in int vBone;
out vec4 colour;
const vec3 ramp[16] = vec3[](${ramp.map(vec3).join(', ')});
void main() {
  vec3 n = normalize(gl_FrontFacing ? vNormal : -vNormal);
  float step = clamp(vWeight, 0.0, 1.0) * 15.0, contrast = look == 3 ? 0.6 : 1.0;
  vec3 albedo = look == 0 ? texture(skin, vUv).rgb : ${vec3(light.CLAY)};
  if (look == 3) albedo = mix(ramp[int(step)], ramp[min(int(step) + 1, 15)], fract(step));
  if (!gl_FrontFacing) albedo = vec3(0.24, 0.09, 0.08);  // inside the head
  vec3 light = ${num(light.POWERS[0])} * max((dot(n, ${vec3(light.KEY)}) + ${vec3(light.WRAP)}) / (1.0 + ${vec3(light.WRAP)}), 0.0)
    + ${num(light.POWERS[1])} * max(dot(n, ${vec3(light.FILL)}), 0.0) + mix(${num(light.POWERS[3])}, ${num(light.POWERS[2])}, 0.5 + 0.5 * n.y);
  light = 1.0 + contrast * (light - 1.0);
  float shine = max(dot(n, normalize(${vec3(light.KEY)} + vec3(0.0, 0.0, 1.0))), 0.0);
  shine *= shine; shine *= shine; shine *= shine;  // to the power of 24, and a gamma of 2: pow is slow without a card
  vec3 lit = albedo * albedo * light + ${num(light.GLOSS)} * contrast * shine * shine * shine;
  colour = vec4(sqrt(clamp(lit, 0.0, 1.0)), 1.0);
}`;

// Nets and dots share the picture's vertex program; dots are large points, the chosen bone's a ring.
const PLAIN = `${HEAD}
uniform int dots, chosen;
in vec3 vNormal; in vec2 vUv; in float vWeight; flat in int vBone;
out vec4 colour;
void main() {
  colour = vec4(0.08, 0.13, 0.2, 1.0) * 0.55;
  if (dots == 0) return;
  float r = 2.0 * length(gl_PointCoord - 0.5);
  if (r > 1.0 || (vBone == chosen && r < 0.45)) discard;
  vec3 inner = vBone == chosen ? vec3(0.76, 0.25, 0.05) : vec3(0.1, 0.25, 0.42);
  colour = vec4(mix(inner, vec3(1.0), step(0.72, r)), 1.0);
}`;

