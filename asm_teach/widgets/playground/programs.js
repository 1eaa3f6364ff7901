// The programs of the face on the graphics card:
//   bones     one point a bone: eq. (3) gives its pivot, and the walk up the tree its matrix S
//   vertices  one point for three vertices: eq. (1) gives their places, with the weights of weights.js
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
uniform sampler2D shares;  // a bone, and its weights for three vertices
uniform int chosen;
layout(location = 0) in vec3 rest0;
layout(location = 1) in vec3 rest1;
layout(location = 2) in vec3 rest2;
layout(location = 3) in uvec2 run;  // which shares are the three vertices': the first, and how many
out vec4 placed0, placed1, placed2;  // where each is, and the weight of the chosen bone
void main() {
  vec3 sum = vec3(0.0), own = sum, a = sum, b = sum, c = sum;
  for (uint i = run.x; i < run.x + run.y; i++) {
    vec4 share = texelFetch(shares, ivec2(i % ${WIDTH}u, i / ${WIDTH}u), 0);
    int bone = int(share.x), s = 4 * bone;
    mat3x4 M = mat3x4(S[s], S[s + 1], S[s + 2]);  // its rows
    a += share.y * (vec4(rest0, 1.0) * M);
    b += share.z * (vec4(rest1, 1.0) * M);
    c += share.w * (vec4(rest2, 1.0) * M);
    sum += share.yzw;
    if (bone == chosen) own = share.yzw;
  }
  placed0 = vec4(rest0 + a / sum.x, own.x / sum.x);
  placed1 = vec4(rest1 + b / sum.y, own.y / sum.y);
  placed2 = vec4(rest2 + c / sum.z, own.z / sum.z);
}`;

const NORMALS = `${HEAD}
uniform sampler2D places;
uniform usampler2D fan;  // the neighbours of each vertex in order, four at a time
layout(location = 0) in uvec2 run;  // which of them: the first four, and how many fours
out vec3 normal;
vec3 at(uint i) { return texelFetch(places, ivec2(i & 255u, i >> 8), 0).xyz; }
void main() {
  vec3 here = at(uint(gl_VertexID)), last = vec3(0.0);
  normal = last;
  for (uint f = run.x; f < run.x + run.y; f++) {
    uvec4 four = texelFetch(fan, ivec2(f & 255u, f >> 8), 0);
    vec3 a = at(four.x) - here, b = at(four.y) - here, c = at(four.z) - here, d = at(four.w) - here;
    normal += cross(last, a) + cross(a, b) + cross(b, c) + cross(c, d);
    last = d;
  }
}`;

const PICTURE = `${HEAD}
uniform int chosen, look;  // 0 skin, 1 clay, 2 clay under a net, 3 weights of the chosen bone
uniform float pixel; uniform mat3 view; uniform vec3 target; uniform vec4 lens;  // distance, two focal lengths, how far dots come forward
layout(location = 0) in vec4 placed;
layout(location = 1) in vec2 uv;
layout(location = 2) in vec3 normal;
layout(location = 3) in vec4 finish;  // how it is lit and drawn: see drawing/portrait.py
out vec3 vNormal; out vec2 vUv; out vec4 vFinish;
flat out int vBone;
void main() {
  vec3 seen = view * (placed.xyz - target) - vec3(0.0, 0.0, lens.x);
  float near = 0.1 * lens.x, far = 4.0 * lens.x;
  gl_Position = vec4(lens.yz * seen.xy, (-(far + near) * seen.z - 2.0 * far * near) / (far - near) - lens.w, -seen.z);
  vNormal = view * normal; vBone = gl_VertexID; vFinish = finish;
  vUv = look == 3 ? vec2((15.0 * placed.w + 0.5) / 16.0, 0.5) : uv;  // on the scale of colours, or on the skin
  gl_PointSize = pixel * (gl_VertexID == chosen ? 15.0 : 7.0);
}`;

const vec3 = (x) => `vec3(${x.map((one) => one.toFixed(5)).join(", ")})`;
// The nearest fragment alone is written, its colour weighed by how much of it is drawn: where the neck fades out, the
// page shows. A little is always there, so that it hides what lies behind it in the head.
const LIT = (data) => `${HEAD}
uniform sampler2D albedo;  // the skin, one pixel of clay, or a scale of colours
uniform vec3 tint;  // of the skin
uniform float contrast, dressed;
in vec3 vNormal; in vec2 vUv; in vec4 vFinish;
out vec4 colour;
${data.light}
void main() {
  vec3 n = normalize(gl_FrontFacing ? vNormal : -vNormal), own = tint * texture(albedo, vUv).rgb;
  vec4 finish = vFinish;
  float shown = max(finish.y, 0.01);
  if (!gl_FrontFacing) { own = ${vec3(data.inside)}; finish.w = 0.0; shown = max(finish.y * finish.y * finish.y, 0.01); }
  colour = vec4(portrait(n, own, finish, dressed, contrast) * shown, shown);
}`;

// Lids, nets and dots share the picture's vertex program; dots are large points, the chosen bone's a ring.
const PLAIN = (data) => `${HEAD}
uniform int kind, chosen;  // 0 lids, 1 a net, 2 dots, 3 hollow dots: those of bones behind the skin
in vec4 vFinish;
flat in int vBone;
out vec4 colour;
void main() {
  float shown = max(vFinish.y, 0.01);
  colour = kind == 0 ? vec4(0.5 * ${vec3(data.inside)}, 1.0) * shown : vec4(0.08, 0.13, 0.2, 1.0) * 0.55 * shown;
  if (kind < 2) return;
  float r = 2.0 * length(gl_PointCoord - 0.5);
  if (r > 1.0 || (vBone == chosen && r < 0.45) || (kind == 3 && vBone != chosen && r < 0.55)) discard;
  vec3 inner = vBone == chosen ? vec3(0.76, 0.25, 0.05) : vec3(0.1, 0.25, 0.42);
  colour = kind == 3 && vBone != chosen ? vec4(0.4 * inner, 0.4) : vec4(mix(inner, vec3(1.0), step(0.72, r)), 1.0);
}`;
