// A head that performs: its vertices for any amounts of the named shapes and any turn of the head, as
// avatar/performer.py computes them, and for any millimetres of the sliders that edit the face. A turn is a quaternion [x, y, z, w].

class Performer {
  constructor(data) {
    this.rest = unpack(data.rest, Float32Array);
    this.share = unpack(data.share, Float32Array); // how far each vertex follows the head's bone
    this.middle = data.middle;
    this.drawn = new Mesh(unpack(data.faces, Uint16Array), unpack(data.uv, Float32Array).length / 2);
    this.rows = data.rows && unpack(data.rows, Uint16Array); // which vertex each drawn one is; null: the same
    this.faces = this.rows ? this.drawn.faces.map((v) => this.rows[v]) : this.drawn.faces;
    const moves = (list, Kind) =>
      list.map(({ name, rows, values, size }) => ({
        name,
        rows: unpack(rows, Uint16Array),
        values: unpack(values, Kind), // of which one is `size` mm
        size,
      }));
    this.shapes = moves(data.shapes, Int16Array);
    this.edits = moves(data.edits, Int8Array);
    this.at = new Float32Array(this.rest.length);
    this.normal = new Float32Array(this.rest.length);
  }

  // Move the vertices: edits and shapes first, then the head's bone, eq. (1).
  pose(amounts, head, edits = []) {
    const { at, share, middle } = this;
    at.set(this.rest);
    const add = (list, by) =>
      list.forEach(({ rows, values, size }, number) => {
        const step = (by[number] ?? 0) * size;
        if (step)
          rows.forEach((v, i) => {
            for (let k = 0; k < 3; k++) at[3 * v + k] += step * values[3 * i + k];
          });
      });
    add(this.edits, edits);
    add(this.shapes, amounts);
    if (Math.abs(head[3]) < 1) {
      const [x, y, z] = matrix(head);
      for (let v = 0; v < share.length; v++) {
        const p = [0, 1, 2].map((k) => at[3 * v + k] - middle[k]);
        [x, y, z].forEach((row, k) => {
          at[3 * v + k] += share[v] * (row[0] * p[0] + row[1] * p[1] + row[2] * p[2] - p[k]);
        });
      }
    }
    this.turn();
  }

  // The normals: at each vertex the sum of those of the triangles round it.
  turn() {
    const { at, normal, faces } = this;
    normal.fill(0);
    for (let f = 0; f < faces.length; f += 3) {
      const [a, b, c] = [3 * faces[f], 3 * faces[f + 1], 3 * faces[f + 2]];
      const ux = at[b] - at[a],
        uy = at[b + 1] - at[a + 1],
        uz = at[b + 2] - at[a + 2],
        vx = at[c] - at[a],
        vy = at[c + 1] - at[a + 1],
        vz = at[c + 2] - at[a + 2];
      for (const v of [a, b, c]) {
        normal[v] += uy * vz - uz * vy;
        normal[v + 1] += uz * vx - ux * vz;
        normal[v + 2] += ux * vy - uy * vx;
      }
    }
  }

  // Three numbers for each vertex that is drawn: a vertex on a seam of the texture is drawn once for each side.
  spread(values) {
    if (!this.rows) return values;
    const out = new Float32Array(3 * this.rows.length);
    this.rows.forEach((v, i) => {
      out.set(values.subarray(3 * v, 3 * v + 3), 3 * i);
    });
    return out;
  }
}

function matrix([x, y, z, w]) {
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
  ];
}

// How far a head is turned to its left, raised, and tilted to its right, in degrees: in this order, each in the axes
// that the one before it left. And back.
function angles(q) {
  const [x, y, z] = matrix(q),
    degrees = (a) => (180 * a) / Math.PI;
  return [Math.atan2(x[2], z[2]), Math.asin(Math.max(-1, Math.min(1, y[2]))), Math.atan2(y[0], y[1])].map(degrees);
}

function quaternion([left, raised, tilted]) {
  const [y, x, z] = [left, -raised, tilted].map((a) => (a * Math.PI) / 360),
    [cx, cy, cz, sx, sy, sz] = [x, y, z].map(Math.cos).concat([x, y, z].map(Math.sin));
  return [
    cy * sx * cz + sy * cx * sz,
    sy * cx * cz - cy * sx * sz,
    cy * cx * sz - sy * sx * cz,
    cy * cx * cz + sy * sx * sz,
  ];
}

function slerp(a, b, share) {
  let dot = a.reduce((sum, x, k) => sum + x * b[k], 0);
  const sign = dot < 0 ? -1 : 1;
  dot = Math.min(1, Math.abs(dot));
  const angle = Math.acos(dot),
    [from, to] =
      angle < 1e-4 ? [1 - share, share] : [1 - share, share].map((t) => Math.sin(t * angle) / Math.sin(angle));
  return a.map((x, k) => from * x + sign * to * b[k]);
}
