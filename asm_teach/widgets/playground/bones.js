// The parameters of one face, theta: what the torch model calls by the same names, as arrays of numbers.

class Bones {
  constructor(data) {
    Object.assign(this, { names: data.bones, parents: data.parents, images: data.images, K: data.components });
    const K = this.K;
    this.widths = {
      translation: 3,
      rotation: 3,
      log_scale: 3,
      bone_uv: 2,
      mixture_logits: K,
      mixture_mean: 2 * K,
      mixture_factor: 3 * K,
    };
    this.vertices = unpack(data.vertices, Float32Array);
    this.uv = unpack(data.uv, Float32Array);
    this.faces = unpack(data.faces, Uint16Array);
    this.mesh = new Mesh(this.faces, this.vertices.length / 3);
    this.start = {};
    for (const part in this.widths) this.start[part] = Float64Array.from(unpack(data.start[part], Float32Array));
    // how far a pasted pose may be from the first face: beyond that there is no face to be seen
    this.most = {
      translation: 150,
      rotation: Math.PI,
      log_scale: Math.log(4),
      bone_uv: 1,
      mixture_logits: 30,
      mixture_mean: 1,
      mixture_factor: 5,
    };
    this.found = this.names.map(() => ({})); // of each bone, where it was last located on the chart
  }

  copy(theta) {
    return Object.fromEntries(Object.entries(theta).map(([part, numbers]) => [part, numbers.slice()]));
  }

  between(a, b, share) {
    const theta = this.copy(a);
    for (const part in theta)
      theta[part].forEach((x, i) => {
        theta[part][i] = x + share * (b[part][i] - x);
      });
    return theta;
  }

  // Add `amount` times a list of [bone, part, numbers]. The reach of a bone is the width of its Gaussians: one unit of
  // it makes L = [[exp a, 0], [b, exp c]] twice as large.
  add(theta, moves, amount) {
    for (const [bone, part, numbers] of moves) {
      if (part === "reach") {
        const grown = amount * numbers[0] * Math.LN2,
          L = theta.mixture_factor;
        for (let k = 3 * this.K * bone; k < 3 * this.K * (bone + 1); k += 3) {
          L[k] += grown;
          L[k + 1] *= Math.exp(grown);
          L[k + 2] += grown;
        }
      } else {
        numbers.forEach((x, i) => {
          theta[part][numbers.length * bone + i] += amount * x;
        });
      }
    }
  }

  // Add `amount` times a motion of all bones: nine numbers each, move, turn, logarithm of the scale.
  addMotion(theta, motion, amount) {
    ["translation", "rotation", "log_scale"].forEach((part, group) => {
      theta[part].forEach((_, i) => {
        theta[part][i] += amount * motion[9 * Math.floor(i / 3) + 3 * group + (i % 3)];
      });
    });
  }

  // Eq. (3), first half: the triangle of the chart under (u, v), and where in it; outside, the nearest boundary point.
  locate(u, v) {
    const { uv, faces } = this;
    const inside = (f) => {
      const [a, b, c] = [2 * faces[f], 2 * faces[f + 1], 2 * faces[f + 2]];
      const [ex, ey, gx, gy] = [uv[b] - uv[a], uv[b + 1] - uv[a + 1], uv[c] - uv[a], uv[c + 1] - uv[a + 1]];
      const area = ex * gy - ey * gx,
        x = u - uv[a],
        y = v - uv[a + 1];
      return [(x * gy - y * gx) / area, (ex * y - ey * x) / area];
    };
    for (let f = faces.length - 3; f >= 0; f -= 3) {
      const [s, t] = inside(f);
      if (s >= -1e-12 && t >= -1e-12 && 1 - s - t >= -1e-12) return { face: f, s, t };
    }
    let best = { far: Infinity };
    for (const [f, a, b] of this.mesh.rim()) {
      const dx = uv[2 * b] - uv[2 * a],
        dy = uv[2 * b + 1] - uv[2 * a + 1];
      const along = ((u - uv[2 * a]) * dx + (v - uv[2 * a + 1]) * dy) / (dx * dx + dy * dy);
      const share = Math.min(1, Math.max(0, along));
      const x = uv[2 * a] + share * dx,
        y = uv[2 * a + 1] + share * dy,
        far = (x - u) ** 2 + (y - v) ** 2;
      if (far < best.far) best = { far, f, x, y };
    }
    [u, v] = [best.x, best.y];
    const [s, t] = inside(best.f);
    return { face: best.f, s, t };
  }

  // What the face is computed from. Of each bone six four-vectors: the rows of [A - 1 | t], where A turns and scales,
  // and the corners of its bind triangle, with its parent and its two barycentric coordinates beside them. Sines are
  // taken here: a graphics card may be off by 0.0005. Of each Gaussian two: centre and log of pi / |L|; L's inverse.
  blocks(theta) {
    const J = this.names.length,
      K = this.K,
      bones = new Float32Array(24 * J),
      gauss = new Float32Array(8 * J * K);
    for (let j = 0; j < J; j++) {
      const [x, y, z] = theta.rotation.subarray(3 * j, 3 * j + 3),
        angle = Math.hypot(x, y, z);
      const s = angle > 1e-9 ? Math.sin(angle) / angle : 1,
        h = angle > 1e-9 ? 2 * (Math.sin(angle / 2) / angle) ** 2 : 0.5;
      const turn = [
        // Rodrigues' formula, less the identity
        -h * (y * y + z * z),
        h * x * y - s * z,
        h * x * z + s * y,
        h * x * y + s * z,
        -h * (x * x + z * z),
        h * y * z - s * x,
        h * x * z - s * y,
        h * y * z + s * x,
        -h * (x * x + y * y),
      ];
      const grow = [0, 1, 2].map((k) => Math.expm1(theta.log_scale[3 * j + k]));
      for (let r = 0; r < 3; r++) {
        for (let c = 0; c < 3; c++)
          bones[24 * j + 4 * r + c] = turn[3 * r + c] * (1 + grow[c]) + (r === c ? grow[c] : 0);
        bones[24 * j + 4 * r + 3] = theta.translation[3 * j + r];
      }
      const [u, v] = theta.bone_uv.subarray(2 * j, 2 * j + 2);
      if (this.found[j].u !== u || this.found[j].v !== v) this.found[j] = { u, v, at: this.locate(u, v) };
      const { face, s: second, t: third } = this.found[j].at;
      [this.parents[j], second, third].forEach((beside, corner) => {
        const i = 3 * this.faces[face + corner];
        bones.set([...this.vertices.subarray(i, i + 3), beside], 24 * j + 12 + 4 * corner);
      });
      const logits = theta.mixture_logits.subarray(K * j, K * j + K),
        top = Math.max(...logits);
      const sum = top + Math.log(logits.reduce((total, l) => total + Math.exp(l - top), 0));
      for (let k = 0; k < K; k++) {
        const i = K * j + k,
          [a, b, c] = theta.mixture_factor.subarray(3 * i, 3 * i + 3);
        const p = Math.exp(-a),
          q = Math.exp(-c);
        gauss.set(
          [
            u + theta.mixture_mean[2 * i],
            v + theta.mixture_mean[2 * i + 1],
            logits[k] - sum - a - c,
            0,
            p,
            -b * p * q,
            q,
            0,
          ],
          8 * i,
        );
      }
    }
    return { bones, gauss };
  }

  // The pose as JSON: the parameters of those bones that differ from the model the page was written from.
  text(theta) {
    const bones = {};
    for (const [part, width] of Object.entries(this.widths)) {
      this.names.forEach((name, j) => {
        const now = [...theta[part].subarray(width * j, width * (j + 1))];
        if (now.every((x, i) => x === this.start[part][width * j + i])) return;
        const row = now.map((x) => Number(x.toPrecision(9))); // enough digits for a float32 to come back
        const n = { mixture_mean: 2, mixture_factor: 3 }[part];
        bones[name] ||= {};
        bones[name][part] = n ? Array.from({ length: this.K }, (_, k) => row.slice(n * k, n * (k + 1))) : row;
      });
    }
    return JSON.stringify({ format: "asm_teach pose", bones });
  }

  read(text) {
    // throws an Error in plain words
    if (text.length > 1_000_000) throw Error("This text is longer than a pose can be: copy the pose again.");
    let pose;
    try {
      pose = JSON.parse(text);
    } catch (error) {
      if (/\b(NaN|-?Infinity)\b/.test(text)) throw Error("This text holds NaN or Infinity, which a pose cannot hold.");
      throw Error(`This JSON is not complete (${error.message}). Copy the pose again, from the first { to the last }.`);
    }
    if (
      !/^asm_teach pose( 1)?$/.test(pose?.format) ||
      typeof pose.bones !== "object" ||
      !pose.bones ||
      Array.isArray(pose.bones)
    ) {
      throw Error('This JSON is not a pose: one begins with {"format": "asm_teach pose".');
    }
    const other = Object.keys(pose.bones).filter((name) => !this.names.includes(name));
    if (other.length)
      throw Error(`This pose is of another rig: there is no bone “${other[0]}” here (one of ${other.length}).`);
    const theta = this.copy(this.start);
    for (const [name, parts] of Object.entries(pose.bones)) {
      for (let [part, given] of Object.entries(parts ?? {})) {
        let numbers = [given].flat(2);
        if (part === "scale") [part, numbers] = ["log_scale", numbers.map((x) => Math.log(x || NaN))]; // of a bone panel
        const width = Object.hasOwn(this.widths, part) ? this.widths[part] : 0;
        if (!width) throw Error(`Bone “${name}” has “${part}”, which no bone has.`);
        if (numbers.length !== width)
          throw Error(`“${part}” of bone “${name}” has ${numbers.length} numbers; here it has ${width}.`);
        if (!numbers.every(Number.isFinite))
          throw Error(`“${part}” of bone “${name}” holds something that is not a finite number.`);
        const at = width * this.names.indexOf(name),
          first = this.start[part].subarray(at, at + width);
        if (numbers.some((x, i) => Math.abs(x - first[i]) > this.most[part]))
          throw Error(`“${part}” of bone “${name}” is further from the first face than a face can be.`);
        theta[part].set(numbers, at);
      }
    }
    return theta;
  }
}
