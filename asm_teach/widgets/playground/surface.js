// A surface on the graphics card, lit as a portrait: its buffers and textures, and how it is drawn. Where its vertices
// are is the matter of those who have one: `place` takes places that the processor computed, and Face computes them here.

function unpack(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Kind(bytes.buffer);
}

// What each texture unit holds; the last is the skin, one pixel of clay, or the scale of colours for weights.
const UNITS = ["shares", "places", "fan", "albedo"];

class Surface {
  // mesh: a Mesh; uv: two numbers for each vertex; room: how many vertices the buffer of their places has room for
  constructor(canvas, data, mesh, uv, room = mesh.V) {
    const gl = canvas.getContext("webgl2", { antialias: false, stencil: true });
    this.gl = gl;
    if (!gl)
      throw Error(
        "This browser has no WebGL 2, which draws the face. A current Firefox, Chrome, Edge or Safari has it.",
      );
    Object.assign(this, { canvas, V: mesh.V });
    this.programs = { lit: this.program(PICTURE, LIT(data)), plain: this.program(PICTURE, PLAIN(data)) };
    this.placed = this.buffer(16 * room, gl.DYNAMIC_COPY);
    this.normal = this.buffer(12 * this.V, gl.DYNAMIC_COPY);
    const pixel = (colour) => Uint8Array.from([...colour, 1], (x) => Math.round(255 * x)),
      bytes = [gl.RGBA, gl.UNSIGNED_BYTE];
    this.textures = {
      skin: this.texture(gl.RGBA8, 1, 1, ...bytes, pixel(data.clay)),
      clay: this.texture(gl.RGBA8, 1, 1, ...bytes, pixel(data.clay)),
      ramp: this.texture(
        gl.RGBA8,
        data.ramp.length,
        1,
        ...bytes,
        Uint8Array.from(data.ramp.flatMap((c) => [...pixel(c)])),
      ),
    };
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    this.units();
    const finish = this.buffer(unpack(data.finish, Float32Array));
    this.inputs = {
      mesh: this.attributes([0, this.placed, 4], [1, this.buffer(uv), 2], [2, this.normal, 3], [3, finish, 4]),
    };
    const skin = Uint16Array.from([...mesh.faces, ...unpack(data.lids, Uint16Array)]); // mouth and eyes closed behind
    Object.assign(this, { mesh, triangles: this.indices(skin), lids: this.indices(new Mesh(skin, this.V).lids()) });
  }

  indices(list) {
    const { gl } = this,
      made = gl.createBuffer();
    gl.bindVertexArray(this.inputs.mesh);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, made);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, list, gl.STATIC_DRAW);
    gl.bindVertexArray(null);
    return { made, count: list.length };
  }

  // A buffer with this content, or of so many bytes.
  buffer(content, use = this.gl.STATIC_DRAW, target = this.gl.ARRAY_BUFFER) {
    const { gl } = this,
      made = gl.createBuffer();
    gl.bindBuffer(target, made);
    gl.bufferData(target, content, use);
    gl.bindBuffer(target, null);
    return made;
  }

  attributes(...list) {
    // [slot, buffer, numbers, bytes from one to the next, first byte, of integers]
    const { gl } = this,
      made = gl.createVertexArray();
    gl.bindVertexArray(made);
    for (const [slot, from, size, stride = 0, start = 0, whole = false] of list) {
      gl.bindBuffer(gl.ARRAY_BUFFER, from);
      gl.enableVertexAttribArray(slot);
      if (whole) gl.vertexAttribIPointer(slot, size, gl.UNSIGNED_INT, stride, start);
      else gl.vertexAttribPointer(slot, size, gl.FLOAT, false, stride, start);
    }
    gl.bindVertexArray(null);
    gl.bindBuffer(gl.ARRAY_BUFFER, null);
    return made;
  }

  units() {
    // each program looks for a texture in its unit
    const { gl } = this;
    UNITS.forEach((name, unit) => {
      for (const { id, at } of Object.values(this.programs))
        if (at[name]) {
          gl.useProgram(id);
          gl.uniform1i(at[name], unit);
        }
      if (this.textures[name]) this.bind(name);
    });
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

  async dress(skin) {
    // a JPEG in base64; the first row of the texture is at v = 0
    const { gl } = this,
      file = new Blob([unpack(skin, Uint8Array)], { type: "image/jpeg" }),
      picture = await createImageBitmap(file, { imageOrientation: "flipY" });
    this.bind("skin", 3);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
  }

  // Where each vertex is, and its normal: three numbers each.
  place(places, normals) {
    const { gl, V } = this,
      four = new Float32Array(4 * V);
    for (let v = 0; v < V; v++) four.set(places.subarray(3 * v, 3 * v + 3), 4 * v);
    for (const [buffer, content] of [
      [this.placed, four],
      [this.normal, normals],
    ]) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, content);
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, null);
  }

  // camera: {rows: the three rows of the rotation, target, distance, focal}; quick: fronts of triangles
  // alone, which is half the work, with lids over the openings through which backs show. look: 0 to 3, as LOOKS has
  // them; chosen: a bone; dots: whether bones show; tint: of the skin.
  draw(camera, quick, { look = 0, chosen = -1, dots = false, tint = [1, 1, 1] } = {}) {
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
    if (look === 2) {
      this.net ??= this.indices(this.mesh.net()); // few look at it
      paint("plain", "mesh", 0.4, 1, () => elements(gl.LINES, this.net));
    }
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
