// Eq. (2) in the page: which bones hold each vertex, and how much. A bone that moves leaves this as it is; it is done
// again, for the bones concerned, when a Gaussian or a binding changes, and its result stays on the graphics card.

const LEAST = Math.log(1e-6); // of a vertex's largest Gaussian: less moves nothing by a thousandth of a millimetre
const WIDTH = 1024; // of the texture that holds them: whole rows are sent

class Weights {
  constructor({ uv, names, K }) {
    const V = uv.length / 2,
      J = names.length,
      G = Math.ceil(V / 3);
    Object.assign(this, { uv, V, J, K, G, known: new Float32Array(8 * J * K).fill(NaN) });
    this.tops = new Float64Array(V).fill(NaN); // log of about the largest Gaussian at each vertex: the unit of its weights
    this.weights = new Float32Array(V * J);
    this.runs = new Uint32Array(2 * G); // of each three vertices: where their bones begin in `shares`, and how many
    this.shares = new Float32Array(0); // bone, and its weights for the three
  }

  update(gauss) {
    // false if nothing has changed
    const { V, J, K, known, tops, weights } = this,
      size = 8 * K,
      changed = [];
    for (let j = 0; j < J; j++) {
      if (!gauss.subarray(size * j, size * (j + 1)).every((x, n) => x === known[size * j + n])) changed.push(j);
    }
    if (!changed.length) return false;
    known.set(gauss);
    for (let v = 0; v < V; v++) {
      let stale = Number.isNaN(tops[v]);
      for (let n = 0; n < changed.length && !stale; n++) {
        const at = v * J + changed[n],
          x = this.weight(v, changed[n], tops[v]);
        stale = x > 2 || weights[at] > 0.25; // the largest may be another now
        weights[at] = x;
      }
      if (stale) this.vertex(v);
    }
    this.list();
    return true;
  }

  vertex(v) {
    const { J, K } = this;
    let top = -Infinity;
    for (let i = 0; i < J * K; i++) top = Math.max(top, this.log(v, i));
    this.tops[v] = top;
    for (let j = 0; j < J; j++) this.weights[v * J + j] = this.weight(v, j, top);
  }

  log(v, i) {
    // log(pi N(uv; zeta + mu, L L^T)) of one Gaussian at one vertex, up to a constant
    const { known, uv } = this,
      n = 8 * i;
    const du = uv[2 * v] - known[n],
      dv = uv[2 * v + 1] - known[n + 1],
      x = known[n + 4] * du,
      y = known[n + 5] * du + known[n + 6] * dv;
    return known[n + 2] - 0.5 * (x * x + y * y);
  }

  // In units of the vertex's largest Gaussian: far from every bone all of them underflow, and only their ratios count.
  // The graphics card divides by their sum.
  weight(v, j, top) {
    let sum = 0;
    for (let i = j * this.K; i < (j + 1) * this.K; i++) {
      const log = this.log(v, i) - top;
      if (log > LEAST) sum += Math.exp(log);
    }
    return sum;
  }

  // The card takes three vertices at a time, so that it fetches the matrix of a bone once for all three: neighbours
  // follow nearly the same bones.
  list() {
    const { V, J, G, weights, runs } = this;
    let { shares } = this,
      at = 0;
    for (let three = 0; three < G; three++) {
      if (shares.length < at + 4 * J + 4 * WIDTH) {
        const more = new Float32Array(2 * shares.length + 4 * J * WIDTH);
        more.set(shares);
        shares = more;
      }
      const a = J * 3 * three,
        b = J * Math.min(3 * three + 1, V - 1),
        c = J * Math.min(3 * three + 2, V - 1);
      runs[2 * three] = at / 4;
      for (let j = 0; j < J; j++) {
        const x = weights[a + j],
          y = weights[b + j],
          z = weights[c + j];
        if (x + y + z > 0) {
          shares[at] = j;
          shares[at + 1] = x;
          shares[at + 2] = y;
          shares[at + 3] = z;
          at += 4;
        }
      }
      runs[2 * three + 1] = at / 4 - runs[2 * three];
    }
    Object.assign(this, { shares, rows: Math.ceil(at / (4 * WIDTH)) });
  }
}
