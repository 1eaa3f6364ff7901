// The face on the graphics card, in four small programs:
//   bones     one point a bone: eq. (3) gives its pivot, and the walk up the tree its matrix S
//   vertices  one point a vertex: eq. (2) gives its weights, eq. (1) its place
//   normals   one point a vertex: the sum of the normals of the triangles round it
//   picture   the triangles, lit
// The first three write to buffers (transform feedback), not to the screen. The parameters are read from uniform
// buffers, which hold 1,024 four-vectors on any device: J K Gaussians take 2 J K = 336 of them, more than plain uniforms
// are sure to have room for (256). A texture would hold any number, but is slower to read in the loop over all Gaussians. So the matrices that the first program writes are
// the uniforms of the second: no number goes back to the processor.

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

const of = (K, write) => Array.from({length: K}, (_, k) => write(k));  // each Gaussian of a bone: an array would be slower
const VERTICES = (J, K) => `${HEAD}
layout(std140) uniform Moves { vec4 S[${4 * J}]; };
layout(std140) uniform Gaussians { vec4 gauss[${2 * J * K}]; };
uniform int chosen;
layout(location = 0) in vec3 rest;
layout(location = 1) in vec2 uv;
out vec4 placed;  // where the vertex is, and the weight of the chosen bone
float exponent(int i) {  // log(pi N(uv; zeta + mu, L L^T)), up to a constant
  vec4 a = gauss[2 * i], b = gauss[2 * i + 1];
  vec2 d = uv - a.xy, y = vec2(b.x * d.x, b.y * d.x + b.z * d.y);
  return a.z - 0.5 * dot(y, y);
}
// Far from every bone all g underflow, only their ratios count: g is kept in units of exp(top), the largest so far.
float share_of(float e) { return exp(max(e, -60.0)); }
void main() {
  float top = -1e30, sum = 0.0, share = 0.0;
  vec4 x = vec4(0.0), y = vec4(0.0), z = vec4(0.0);
  for (int j = 0; j < ${J}; j++) {
    float ${of(K, (k) => `e${k} = exponent(${K} * j + ${k})`).join(', ')}, before = top;
    top = ${of(K, (k) => `e${k}`).reduce((most, e) => `max(${most}, ${e})`, 'top')};
    float g = ${of(K, (k) => `share_of(e${k} - top)`).join(' + ')}, c = share_of(before - top);
    sum = c * sum + g; share = c * share + (j == chosen ? g : 0.0);
    x = c * x + g * S[4 * j]; y = c * y + g * S[4 * j + 1]; z = c * z + g * S[4 * j + 2];
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

class Face {
  constructor(canvas, data, bones) {
    const gl = this.gl = canvas.getContext('webgl2', {antialias: false});
    if (!gl) throw Error('This browser does not offer WebGL 2, which draws the face. A current Firefox, Chrome, Edge or Safari does.');
    Object.assign(this, {canvas, V: bones.vertices.length / 3, J: bones.names.length});
    const {V, J} = this, rows = Math.ceil(V / 256), nothing = `${HEAD} out vec4 c; void main() { c = vec4(0.0); }`;
    this.programs = {
      bones: this.program(BONES(J), nothing, ['row0', 'row1', 'row2', 'pivot']),
      vertices: this.program(VERTICES(J, bones.K), nothing, ['placed']),
      normals: this.program(NORMALS, nothing, ['normal']),
      lit: this.program(PICTURE, LIT(data.light, data.ramp)),
      plain: this.program(PICTURE, PLAIN),
    };
    const buffer = (target, content, use) => {
      const made = gl.createBuffer();
      gl.bindBuffer(target, made); gl.bufferData(target, content, use); gl.bindBuffer(target, null);
      return made;
    };
    this.uniforms = {Bones: buffer(gl.UNIFORM_BUFFER, 96 * J, gl.DYNAMIC_DRAW),
      Gaussians: buffer(gl.UNIFORM_BUFFER, 32 * J * bones.K, gl.DYNAMIC_DRAW),
      Moves: buffer(gl.UNIFORM_BUFFER, 64 * J, gl.DYNAMIC_COPY)};
    Object.keys(this.uniforms).forEach((block, slot) => {
      for (const name of ['bones', 'vertices']) {
        const index = gl.getUniformBlockIndex(this.programs[name].id, block);
        if (index !== gl.INVALID_INDEX) gl.uniformBlockBinding(this.programs[name].id, index, slot);
      }
    });
    this.placed = buffer(gl.ARRAY_BUFFER, 16 * 256 * rows, gl.DYNAMIC_COPY);
    this.normal = buffer(gl.ARRAY_BUFFER, 12 * V, gl.DYNAMIC_COPY);
    const rest = buffer(gl.ARRAY_BUFFER, bones.vertices, gl.STATIC_DRAW), uv = buffer(gl.ARRAY_BUFFER, bones.uv, gl.STATIC_DRAW);

    const round = Array.from({length: V}, () => []), net = new Set(), {faces} = bones;
    for (let f = 0; f < faces.length; f += 3) {
      for (let k = 0; k < 3; k++) {
        const [a, b, c] = [faces[f + k], faces[f + (k + 1) % 3], faces[f + (k + 2) % 3]];
        round[a].push(b, c); net.add(Math.min(a, b) * 65536 + Math.max(a, b));
      }
    }
    const runs = new Uint32Array(2 * V), fan = new Uint16Array(512 * Math.ceil(faces.length / 256));
    let first = 0;
    round.forEach((others, i) => { runs.set([first, others.length / 2], 2 * i); fan.set(others, 2 * first); first += others.length / 2; });
    const run = buffer(gl.ARRAY_BUFFER, runs, gl.STATIC_DRAW);
    this.places = this.texture(gl.RGBA32F, 256, rows, gl.RGBA, gl.FLOAT, null);
    this.fan = this.texture(gl.RG16UI, 256, fan.length / 512, gl.RG_INTEGER, gl.UNSIGNED_SHORT, fan);
    this.skin = this.texture(gl.RGBA8, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array([222, 178, 153, 255]));

    const attributes = (...list) => {  // [slot, buffer, numbers, bytes from one to the next, first byte, of integers]
      const made = gl.createVertexArray();
      gl.bindVertexArray(made);
      for (const [slot, from, size, stride = 0, start = 0, whole = false] of list) {
        gl.bindBuffer(gl.ARRAY_BUFFER, from); gl.enableVertexAttribArray(slot);
        if (whole) gl.vertexAttribIPointer(slot, size, gl.UNSIGNED_INT, stride, start);
        else gl.vertexAttribPointer(slot, size, gl.FLOAT, false, stride, start);
      }
      return made;
    };
    this.inputs = {bones: attributes(), vertices: attributes([0, rest, 3], [1, uv, 2]),
      normals: attributes([0, run, 2, 0, 0, true]), dots: attributes([0, this.uniforms.Moves, 4, 64, 48]),
      mesh: attributes([0, this.placed, 4], [1, uv, 2], [2, this.normal, 3])};
    const indices = (list) => {
      gl.bindVertexArray(this.inputs.mesh);
      const made = gl.createBuffer();
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, made); gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, list, gl.STATIC_DRAW);
      return {made, count: list.length};
    };
    this.net = indices(Uint16Array.from([...net].flatMap((key) => [Math.floor(key / 65536), key % 65536])));
    this.triangles = indices(faces);
    gl.bindVertexArray(null); gl.bindBuffer(gl.ARRAY_BUFFER, null);
  }

  program(vertex, fragment, written) {
    const {gl} = this, id = gl.createProgram(), at = {};
    for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text); gl.compileShader(shader); gl.attachShader(id, shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw Error(gl.getShaderInfoLog(shader) || 'The graphics card is lost.');
    }
    if (written) gl.transformFeedbackVaryings(id, written, gl.INTERLEAVED_ATTRIBS);
    gl.linkProgram(id);
    if (!gl.getProgramParameter(id, gl.LINK_STATUS)) throw Error(gl.getProgramInfoLog(id));
    for (let i = 0; i < gl.getProgramParameter(id, gl.ACTIVE_UNIFORMS); i++) {
      const {name} = gl.getActiveUniform(id, i);
      at[name] = gl.getUniformLocation(id, name);
    }
    return {id, at};
  }

  texture(format, width, height, layout, type, content) {
    const {gl} = this, made = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, made);
    gl.texImage2D(gl.TEXTURE_2D, 0, format, width, height, 0, layout, type, content);
    for (const key of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, key, gl.NEAREST);
    for (const key of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, key, gl.CLAMP_TO_EDGE);
    return made;
  }

  dress(picture) {  // an ImageBitmap whose first row is at v = 0
    const {gl} = this;
    gl.bindTexture(gl.TEXTURE_2D, this.skin);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
  }

  // Run one of the first three programs, once for each of `count` points, and keep what it writes in `buffer`.
  write(name, buffer, count) {
    const {gl} = this;
    gl.bindVertexArray(this.inputs[name]);
    gl.bindBufferBase(gl.TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
    gl.enable(gl.RASTERIZER_DISCARD);
    gl.beginTransformFeedback(gl.POINTS); gl.drawArrays(gl.POINTS, 0, count); gl.endTransformFeedback();
    gl.disable(gl.RASTERIZER_DISCARD);
    gl.bindBufferBase(gl.TRANSFORM_FEEDBACK_BUFFER, 0, null);
    gl.bindVertexArray(null);
  }

  pose({bones, gauss}, chosen) {
    const {gl, programs, uniforms} = this;
    for (const [block, numbers] of [['Bones', bones], ['Gaussians', gauss]]) {
      gl.bindBuffer(gl.UNIFORM_BUFFER, uniforms[block]); gl.bufferSubData(gl.UNIFORM_BUFFER, 0, numbers);
    }
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 2, null);  // it may not be read from while it is written
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 0, uniforms.Bones);
    gl.useProgram(programs.bones.id);
    this.write('bones', uniforms.Moves, this.J);
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 1, uniforms.Gaussians);
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 2, uniforms.Moves);
    gl.useProgram(programs.vertices.id);
    gl.uniform1i(programs.vertices.at.chosen, chosen);
    this.write('vertices', this.placed, this.V);
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 2, null);
    // The places become a texture, so that a vertex can look up its neighbours; the copy stays on the card.
    gl.activeTexture(gl.TEXTURE0); gl.bindTexture(gl.TEXTURE_2D, this.places);
    gl.bindBuffer(gl.PIXEL_UNPACK_BUFFER, this.placed);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, 256, Math.ceil(this.V / 256), gl.RGBA, gl.FLOAT, 0);
    gl.bindBuffer(gl.PIXEL_UNPACK_BUFFER, null);
    gl.activeTexture(gl.TEXTURE1); gl.bindTexture(gl.TEXTURE_2D, this.fan);
    gl.useProgram(programs.normals.id);
    gl.uniform1i(programs.normals.at.places, 0); gl.uniform1i(programs.normals.at.fan, 1);
    this.write('normals', this.normal, this.V);
    gl.activeTexture(gl.TEXTURE0);
  }

  // camera: {rows: the three rows of the rotation, target, distance, focal}; look: 0 to 3; dots: whether bones show.
  draw(camera, look, chosen, dots) {
    const {gl, canvas} = this;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0); gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    const paint = (name, input, forward, draw) => {
      const {id, at} = this.programs[name];
      gl.useProgram(id);
      gl.uniformMatrix3fv(at.view, true, camera.rows.flat());
      gl.uniform3fv(at.target, camera.target);
      gl.uniform4f(at.lens, camera.distance, camera.focal * canvas.height / canvas.width, camera.focal, forward);
      gl.uniform1f(at.pixel, canvas.width / canvas.clientWidth);
      for (const [key, number] of Object.entries({look, skin: 0, chosen, dots: +(input === 'dots')})) gl.uniform1i(at[key], number);
      gl.bindVertexArray(this.inputs[input]);
      draw();
    };
    const elements = (kind, {made, count}) => {
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, made); gl.drawElements(kind, count, gl.UNSIGNED_SHORT, 0);
    };
    gl.bindTexture(gl.TEXTURE_2D, this.skin);
    paint('lit', 'mesh', 0, () => elements(gl.TRIANGLES, this.triangles));
    if (look === 2) paint('plain', 'mesh', 0.4, () => elements(gl.LINES, this.net));
    if (dots) paint('plain', 'dots', 3, () => gl.drawArrays(gl.POINTS, 0, this.J));
    gl.bindVertexArray(null);
  }

  read(buffer, numbers) {  // back to the processor: for the words under the picture, and for tests
    const {gl} = this, out = new Float32Array(numbers);
    gl.bindBuffer(gl.COPY_READ_BUFFER, buffer); gl.getBufferSubData(gl.COPY_READ_BUFFER, 0, out);
    gl.bindBuffer(gl.COPY_READ_BUFFER, null);
    return out;
  }

  positions() { return this.read(this.placed, 4 * this.V); }
}
