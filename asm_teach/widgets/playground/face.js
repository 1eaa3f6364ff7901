// The face of the model on the graphics card: the first three programs of programs.js, and the order they run in.

class Face extends Surface {
  constructor(canvas, data, bones) {
    const weights = new Weights(bones),
      { G } = weights,
      V = bones.vertices.length / 3,
      J = bones.names.length,
      rows = Math.ceil(V / 256);
    super(canvas, data, bones.mesh, bones.uv, Math.max(256 * rows, 3 * G));
    Object.assign(this, { J, weights });
    const { gl } = this,
      nothing = `${HEAD} out vec4 c; void main() { c = vec4(0.0); }`;
    Object.assign(this.programs, {
      bones: this.program(BONES(J), nothing, ["row0", "row1", "row2", "pivot"]),
      vertices: this.program(VERTICES(J), nothing, ["placed0", "placed1", "placed2"]),
      normals: this.program(NORMALS, nothing, ["normal"]),
    });
    this.uniforms = {
      Bones: this.buffer(96 * J, gl.DYNAMIC_DRAW, gl.UNIFORM_BUFFER),
      Moves: this.buffer(64 * J, gl.DYNAMIC_COPY, gl.UNIFORM_BUFFER),
    };
    Object.keys(this.uniforms).forEach((block, slot) => {
      for (const name of ["bones", "vertices"]) {
        const index = gl.getUniformBlockIndex(this.programs[name].id, block);
        if (index !== gl.INVALID_INDEX) gl.uniformBlockBinding(this.programs[name].id, index, slot);
      }
    });
    this.runs = this.buffer(8 * G, gl.DYNAMIC_DRAW);
    const padded = new Float32Array(9 * G);
    padded.set(bones.vertices);
    const rest = this.buffer(padded),
      fans = bones.mesh.fans(),
      run = this.buffer(fans.runs);
    Object.assign(this.textures, {
      shares: this.texture(gl.RGBA32F, WIDTH, 1, gl.RGBA, gl.FLOAT, null),
      places: this.texture(gl.RGBA32F, 256, rows, gl.RGBA, gl.FLOAT, null),
      fan: this.texture(gl.RGBA16UI, 256, fans.list.length / 1024, gl.RGBA_INTEGER, gl.UNSIGNED_SHORT, fans.list),
    });
    this.units();
    Object.assign(this.inputs, {
      bones: this.attributes(),
      vertices: this.attributes(...[0, 1, 2].map((k) => [k, rest, 3, 36, 12 * k]), [3, this.runs, 2, 0, 0, true]),
      normals: this.attributes([0, run, 2, 0, 0, true]),
      dots: this.attributes([0, this.uniforms.Moves, 4, 64, 48]),
    });
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
}
