// Eq. (2) in the page: which bones hold each vertex, and how much. A bone that moves leaves this as it is; it is done
// again, for the bones concerned, when a Gaussian or a binding changes, and its result stays on the graphics card.

const LEAST = Math.log(1e-6);  // of a vertex's largest Gaussian: less moves nothing by a thousandth of a millimetre
const WIDTH = 1024;  // of the texture that holds the pairs: whole rows are sent

class Weights {
  constructor({uv, names, K}) {
    const V = uv.length / 2, N = names.length * K;
    Object.assign(this, {uv, V, K, N, e: new Float32Array(V * N), known: new Float32Array(8 * N).fill(NaN)});
    this.runs = new Uint32Array(2 * V);  // of each vertex: where its pairs of bones begin in `pairs`, and how many
    this.pairs = new Float32Array(0);    // bone, weight, bone, weight
  }

  update(gauss) {  // false if nothing has changed
    const {K, N, known} = this;
    let changed = false;
    for (let i = 0; i < N; i += K) {
      if (gauss.subarray(8 * i, 8 * (i + K)).every((x, n) => x === known[8 * i + n])) continue;
      changed = true;
      for (let k = i; k < i + K; k++) this.evaluate(k, ...[0, 1, 2, 4, 5, 6].map((n) => gauss[8 * k + n]));
    }
    if (changed) { known.set(gauss); this.list(); }
    return changed;
  }

  evaluate(i, zu, zv, height, p, b, q) {  // log(pi N(uv; zeta + mu, L L^T)), up to a constant, at every vertex
    const {e, uv, V, N} = this;
    for (let v = 0; v < V; v++) {
      const du = uv[2 * v] - zu, dv = uv[2 * v + 1] - zv, x = p * du, y = b * du + q * dv;
      e[v * N + i] = height - 0.5 * (x * x + y * y);
    }
  }

  // The weights of a vertex are given in units of its largest Gaussian: far from every bone all Gaussians underflow,
  // only their ratios count. The graphics card divides by their sum.
  list() {
    const {V, N, K, e, runs} = this;
    let {pairs} = this, at = 0;
    for (let v = 0, first = 0; v < V; v++, first += N) {
      if (pairs.length < at + 2 * N + 4 * WIDTH) { const more = new Float32Array(2 * pairs.length + 4 * WIDTH * N); more.set(pairs); pairs = more; }
      let top = -Infinity;
      for (let i = first; i < first + N; i++) if (e[i] > top) top = e[i];
      runs[2 * v] = at / 4;
      const least = top + LEAST;
      for (let i = first, j = 0; i < first + N; j++) {
        let g = 0;
        for (const end = i + K; i < end; i++) if (e[i] > least) g += Math.exp(e[i] - top);
        if (g > 0) { pairs[at++] = j; pairs[at++] = g; }
      }
      if (at % 4) { pairs[at++] = 0; pairs[at++] = 0; }
      runs[2 * v + 1] = at / 4 - runs[2 * v];
    }
    Object.assign(this, {pairs, rows: Math.ceil(at / (4 * WIDTH))});
  }
}
