// The face on the graphics card: the programs of programs.js, their buffers and textures, and the order they run in.

class Face {
  constructor(canvas, data, bones) {
    const gl = this.gl = canvas.getContext('webgl2', {antialias: false});
    if (!gl) throw Error('This browser does not offer WebGL 2, which draws the face. A current Firefox, Chrome, Edge or Safari does.');
    Object.assign(this, {canvas, V: bones.vertices.length / 3, J: bones.names.length, weights: new Weights(bones)});
    const {V, J} = this, rows = Math.ceil(V / 256), nothing = `${HEAD} out vec4 c; void main() { c = vec4(0.0); }`;
    this.programs = {
      bones: this.program(BONES(J), nothing, ['row0', 'row1', 'row2', 'pivot']),
      vertices: this.program(VERTICES(J), nothing, ['placed']),
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
      Moves: buffer(gl.UNIFORM_BUFFER, 64 * J, gl.DYNAMIC_COPY)};
    Object.keys(this.uniforms).forEach((block, slot) => {
      for (const name of ['bones', 'vertices']) {
        const index = gl.getUniformBlockIndex(this.programs[name].id, block);
        if (index !== gl.INVALID_INDEX) gl.uniformBlockBinding(this.programs[name].id, index, slot);
      }
    });
    this.placed = buffer(gl.ARRAY_BUFFER, 16 * 256 * rows, gl.DYNAMIC_COPY);
    this.normal = buffer(gl.ARRAY_BUFFER, 12 * V, gl.DYNAMIC_COPY);
    this.runs = buffer(gl.ARRAY_BUFFER, 8 * V, gl.DYNAMIC_DRAW);
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
    this.pairs = this.texture(gl.RGBA32F, WIDTH, 1, gl.RGBA, gl.FLOAT, null);
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
    this.inputs = {bones: attributes(), vertices: attributes([0, rest, 3], [1, this.runs, 2, 0, 0, true]),
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

  weigh(gauss) {  // eq. (2), where it has changed
    const {gl, weights} = this;
    if (!weights.update(gauss)) return;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.runs); gl.bufferSubData(gl.ARRAY_BUFFER, 0, weights.runs);
    gl.bindTexture(gl.TEXTURE_2D, this.pairs);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, WIDTH, weights.rows, 0, gl.RGBA, gl.FLOAT, weights.pairs);
  }

  pose({bones, gauss}, chosen) {
    const {gl, programs, uniforms} = this;
    gl.activeTexture(gl.TEXTURE0);
    this.weigh(gauss);
    gl.bindBuffer(gl.UNIFORM_BUFFER, uniforms.Bones); gl.bufferSubData(gl.UNIFORM_BUFFER, 0, bones);
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 1, null);  // it may not be read from while it is written
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 0, uniforms.Bones);
    gl.useProgram(programs.bones.id);
    this.write('bones', uniforms.Moves, this.J);
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 1, uniforms.Moves);
    gl.bindTexture(gl.TEXTURE_2D, this.pairs);
    gl.useProgram(programs.vertices.id);
    gl.uniform1i(programs.vertices.at.pairs, 0); gl.uniform1i(programs.vertices.at.chosen, chosen);
    this.write('vertices', this.placed, this.V);
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 1, null);
    // The places become a texture, so that a vertex can look up its neighbours; the copy stays on the card.
    gl.bindTexture(gl.TEXTURE_2D, this.places);
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
