// The face on the graphics card: the programs of programs.js, their buffers and textures, and the order they run in.

// What each texture unit holds; the last is the skin, one pixel of clay, or the scale of colours for weights.
const UNITS = ["shares", "places", "fan", "albedo"];

class Face {
  constructor(canvas, data, bones) {
    const gl = canvas.getContext("webgl2", { antialias: false, stencil: true });
    this.gl = gl;
    if (!gl)
      throw Error(
        "This browser has no WebGL 2, which draws the face. A current Firefox, Chrome, Edge or Safari has it.",
      );
    Object.assign(this, { canvas, V: bones.vertices.length / 3, J: bones.names.length, weights: new Weights(bones) });
    const { V, J } = this,
      { G } = this.weights,
      rows = Math.ceil(V / 256),
      nothing = `${HEAD} out vec4 c; void main() { c = vec4(0.0); }`;
    this.programs = {
      bones: this.program(BONES(J), nothing, ["row0", "row1", "row2", "pivot"]),
      vertices: this.program(VERTICES(J), nothing, ["placed0", "placed1", "placed2"]),
      normals: this.program(NORMALS, nothing, ["normal"]),
      lit: this.program(PICTURE, LIT(data)),
      plain: this.program(PICTURE, PLAIN(data)),
    };
    const buffer = (target, content, use) => {
      const made = gl.createBuffer();
      gl.bindBuffer(target, made);
      gl.bufferData(target, content, use);
      gl.bindBuffer(target, null);
      return made;
    };
    this.uniforms = {
      Bones: buffer(gl.UNIFORM_BUFFER, 96 * J, gl.DYNAMIC_DRAW),
      Moves: buffer(gl.UNIFORM_BUFFER, 64 * J, gl.DYNAMIC_COPY),
    };
    Object.keys(this.uniforms).forEach((block, slot) => {
      for (const name of ["bones", "vertices"]) {
        const index = gl.getUniformBlockIndex(this.programs[name].id, block);
        if (index !== gl.INVALID_INDEX) gl.uniformBlockBinding(this.programs[name].id, index, slot);
      }
    });
    this.placed = buffer(gl.ARRAY_BUFFER, 16 * Math.max(256 * rows, 3 * G), gl.DYNAMIC_COPY);
    this.normal = buffer(gl.ARRAY_BUFFER, 12 * V, gl.DYNAMIC_COPY);
    this.runs = buffer(gl.ARRAY_BUFFER, 8 * G, gl.DYNAMIC_DRAW);
    const padded = new Float32Array(9 * G);
    padded.set(bones.vertices);
    const rest = buffer(gl.ARRAY_BUFFER, padded, gl.STATIC_DRAW),
      uv = buffer(gl.ARRAY_BUFFER, bones.uv, gl.STATIC_DRAW),
      finish = buffer(gl.ARRAY_BUFFER, unpack(data.finish, Float32Array), gl.STATIC_DRAW);

    const fans = bones.mesh.fans(),
      run = buffer(gl.ARRAY_BUFFER, fans.runs, gl.STATIC_DRAW);
    const pixel = (colour) => Uint8Array.from([...colour, 1], (x) => Math.round(255 * x)),
      bytes = [gl.RGBA, gl.UNSIGNED_BYTE];
    this.textures = {
      shares: this.texture(gl.RGBA32F, WIDTH, 1, gl.RGBA, gl.FLOAT, null),
      places: this.texture(gl.RGBA32F, 256, rows, gl.RGBA, gl.FLOAT, null),
      fan: this.texture(gl.RGBA16UI, 256, fans.list.length / 1024, gl.RGBA_INTEGER, gl.UNSIGNED_SHORT, fans.list),
      skin: this.texture(gl.RGBA8, 1, 1, ...bytes, pixel(data.clay)),
      clay: this.texture(gl.RGBA8, 1, 1, ...bytes, pixel(data.clay)),
      ramp: this.texture(gl.RGBA8, 16, 1, ...bytes, Uint8Array.from(data.ramp.flatMap((c) => [...pixel(c)]))),
    };
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    UNITS.forEach((name, unit) => {
      for (const { id, at } of Object.values(this.programs))
        if (at[name]) {
          gl.useProgram(id);
          gl.uniform1i(at[name], unit);
        }
      if (this.textures[name]) this.bind(name);
    });

    const attributes = (...list) => {
      // [slot, buffer, numbers, bytes from one to the next, first byte, of integers]
      const made = gl.createVertexArray();
      gl.bindVertexArray(made);
      for (const [slot, from, size, stride = 0, start = 0, whole = false] of list) {
        gl.bindBuffer(gl.ARRAY_BUFFER, from);
        gl.enableVertexAttribArray(slot);
        if (whole) gl.vertexAttribIPointer(slot, size, gl.UNSIGNED_INT, stride, start);
        else gl.vertexAttribPointer(slot, size, gl.FLOAT, false, stride, start);
      }
      return made;
    };
    this.inputs = {
      bones: attributes(),
      vertices: attributes(...[0, 1, 2].map((k) => [k, rest, 3, 36, 12 * k]), [3, this.runs, 2, 0, 0, true]),
      normals: attributes([0, run, 2, 0, 0, true]),
      dots: attributes([0, this.uniforms.Moves, 4, 64, 48]),
      mesh: attributes([0, this.placed, 4], [1, uv, 2], [2, this.normal, 3], [3, finish, 4]),
    };
    const indices = (list) => {
      gl.bindVertexArray(this.inputs.mesh);
      const made = gl.createBuffer();
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, made);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, list, gl.STATIC_DRAW);
      return { made, count: list.length };
    };
    const skin = Uint16Array.from([...bones.faces, ...unpack(data.lids, Uint16Array)]), // mouth and eyes closed behind
      closed = new Mesh(skin, V);
    Object.assign(this, { net: indices(bones.mesh.net()), lids: indices(closed.lids()), triangles: indices(skin) });
    gl.bindVertexArray(null);
    gl.bindBuffer(gl.ARRAY_BUFFER, null);
  }

  program(vertex, fragment, written) {
    const { gl } = this,
      id = gl.createProgram(),
      at = {};
    for (const [kind, text] of [
      [gl.VERTEX_SHADER, vertex],
      [gl.FRAGMENT_SHADER, fragment],
    ]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(id, shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS))
        throw Error(gl.getShaderInfoLog(shader) || "The graphics card is lost.");
    }
    if (written) gl.transformFeedbackVaryings(id, written, gl.INTERLEAVED_ATTRIBS);
    gl.linkProgram(id);
    if (!gl.getProgramParameter(id, gl.LINK_STATUS)) throw Error(gl.getProgramInfoLog(id));
    for (let i = 0; i < gl.getProgramParameter(id, gl.ACTIVE_UNIFORMS); i++) {
      const { name } = gl.getActiveUniform(id, i);
      at[name] = gl.getUniformLocation(id, name);
    }
    return { id, at };
  }

  texture(format, width, height, layout, type, content) {
    const { gl } = this,
      made = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, made);
    gl.texImage2D(gl.TEXTURE_2D, 0, format, width, height, 0, layout, type, content);
    for (const key of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, key, gl.NEAREST);
    for (const key of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, key, gl.CLAMP_TO_EDGE);
    return made;
  }

  bind(name, unit = UNITS.indexOf(name)) {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, this.textures[name]);
  }

  dress(picture) {
    // an ImageBitmap whose first row is at v = 0
    const { gl } = this;
    this.bind("skin", 3);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
  }

  // Run one of the first three programs, once for each of `count` points, and keep what it writes in `buffer`.
  write(name, buffer, count) {
    const { gl } = this;
    gl.bindVertexArray(this.inputs[name]);
    gl.bindBufferBase(gl.TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
    gl.enable(gl.RASTERIZER_DISCARD);
    gl.beginTransformFeedback(gl.POINTS);
    gl.drawArrays(gl.POINTS, 0, count);
    gl.endTransformFeedback();
    gl.disable(gl.RASTERIZER_DISCARD);
    gl.bindBufferBase(gl.TRANSFORM_FEEDBACK_BUFFER, 0, null);
    gl.bindVertexArray(null);
  }

  weigh(gauss) {
    // eq. (2), where it has changed
    const { gl, weights } = this;
    if (!weights.update(gauss)) return;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.runs);
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, weights.runs);
    this.bind("shares");
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, WIDTH, weights.rows, 0, gl.RGBA, gl.FLOAT, weights.shares);
  }

  pose({ bones, gauss }, chosen) {
    const { gl, programs, uniforms } = this;
    this.weigh(gauss);
    gl.bindBuffer(gl.UNIFORM_BUFFER, uniforms.Bones);
    gl.bufferSubData(gl.UNIFORM_BUFFER, 0, bones);
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 1, null); // it may not be read from while it is written
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 0, uniforms.Bones);
    gl.useProgram(programs.bones.id);
    this.write("bones", uniforms.Moves, this.J);
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 1, uniforms.Moves);
    gl.useProgram(programs.vertices.id);
    gl.uniform1i(programs.vertices.at.chosen, chosen);
    this.write("vertices", this.placed, this.weights.G);
    gl.bindBufferBase(gl.UNIFORM_BUFFER, 1, null);
    // The places become a texture, so that a vertex can look up its neighbours; the copy stays on the card.
    this.bind("places");
    gl.bindBuffer(gl.PIXEL_UNPACK_BUFFER, this.placed);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, 256, Math.ceil(this.V / 256), gl.RGBA, gl.FLOAT, 0);
    gl.bindBuffer(gl.PIXEL_UNPACK_BUFFER, null);
    gl.useProgram(programs.normals.id);
    this.write("normals", this.normal, this.V);
  }

  // camera: {rows: the three rows of the rotation, target, distance, focal}; look: 0 to 3; dots: whether bones show;
  // quick: fronts of triangles alone, which is half the work, with lids over the openings through which backs show.
  draw(camera, look, chosen, dots, quick, tint = [1, 1, 1]) {
    const { gl, canvas } = this;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT | gl.STENCIL_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    const paint = (name, input, forward, kind, draw) => {
      const { id, at } = this.programs[name];
      gl.useProgram(id);
      gl.uniformMatrix3fv(at.view, true, camera.rows.flat());
      gl.uniform3fv(at.target, camera.target);
      gl.uniform4f(at.lens, camera.distance, (camera.focal * canvas.height) / canvas.width, camera.focal, forward);
      gl.uniform1f(at.pixel, canvas.width / canvas.clientWidth);
      gl.uniform1f(at.contrast, look === 3 ? 0.7 : 1);
      gl.uniform1f(at.dressed, look === 0 ? 1 : 0);
      gl.uniform3fv(at.tint, look === 0 ? tint : [1, 1, 1]);
      for (const [key, number] of Object.entries({ look, chosen, kind })) gl.uniform1i(at[key], number);
      gl.bindVertexArray(this.inputs[input]);
      draw();
    };
    const elements = (kind, { made, count }) => {
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, made);
      gl.drawElements(kind, count, gl.UNSIGNED_SHORT, 0);
    };
    this.bind(["skin", "clay", "clay", "ramp"][look], 3);
    if (quick) gl.enable(gl.CULL_FACE);
    paint("lit", "mesh", 0, 0, () => elements(gl.TRIANGLES, this.triangles));
    gl.disable(gl.CULL_FACE);
    if (quick) this.close(() => paint("plain", "mesh", 0, 0, () => elements(gl.TRIANGLES, this.lids)));
    if (look === 2) paint("plain", "mesh", 0.4, 1, () => elements(gl.LINES, this.net));
    if (dots) {
      const all = () => gl.drawArrays(gl.POINTS, 0, this.J);
      gl.depthMask(false);
      gl.depthFunc(gl.GREATER);
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      paint("plain", "dots", 3, 3, all);
      gl.disable(gl.BLEND);
      gl.depthFunc(gl.LEQUAL);
      paint("plain", "dots", 3, 2, all);
      gl.depthMask(true);
    }
    gl.bindVertexArray(null);
  }

  // Where a line of sight meets no front of the skin but backs of it, it goes through lids, once more inwards than
  // outwards for each back, whatever shape the lids have: so they are counted, and painted where the count is not 0.
  close(lids) {
    const { gl } = this;
    gl.enable(gl.STENCIL_TEST);
    gl.depthRange(1, 1);
    gl.depthMask(false); // behind all that is drawn
    gl.colorMask(false, false, false, false);
    gl.stencilFunc(gl.ALWAYS, 0, 255);
    gl.stencilOpSeparate(gl.FRONT, gl.KEEP, gl.KEEP, gl.INCR_WRAP);
    gl.stencilOpSeparate(gl.BACK, gl.KEEP, gl.KEEP, gl.DECR_WRAP);
    lids();
    gl.colorMask(true, true, true, true);
    gl.stencilFunc(gl.NOTEQUAL, 0, 255);
    gl.stencilOp(gl.KEEP, gl.KEEP, gl.KEEP);
    lids();
    gl.disable(gl.STENCIL_TEST);
    gl.depthRange(0, 1);
    gl.depthMask(true);
  }

  read(buffer, numbers) {
    // back to the processor: for the words under the picture, and for tests
    const { gl } = this,
      out = new Float32Array(numbers);
    gl.bindBuffer(gl.COPY_READ_BUFFER, buffer);
    gl.getBufferSubData(gl.COPY_READ_BUFFER, 0, out);
    gl.bindBuffer(gl.COPY_READ_BUFFER, null);
    return out;
  }

  positions() {
    return this.read(this.placed, 4 * this.V);
  }
}
