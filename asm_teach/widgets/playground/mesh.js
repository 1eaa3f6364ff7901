// What follows from the list of triangles alone: edges, open rims and the lids that close them, fans round vertices.

class Mesh {
  constructor(faces, V) {
    Object.assign(this, { faces, V });
  }

  edges() {
    // [triangle, one end, other end], once each, with the number of triangles that share it
    if (this.known) return this.known;
    const seen = new Map(),
      { faces } = this;
    for (let f = 0; f < faces.length; f += 3) {
      for (let k = 0; k < 3; k++) {
        const a = faces[f + k],
          b = faces[f + ((k + 1) % 3)],
          key = Math.min(a, b) * 65536 + Math.max(a, b);
        if (seen.has(key)) seen.get(key)[3]++;
        else seen.set(key, [f, a, b, 1]);
      }
    }
    this.known = [...seen.values()];
    return this.known;
  }

  rim() {
    return this.edges().filter((edge) => edge[3] === 1);
  }

  net() {
    return Uint16Array.from(this.edges().flatMap(([, a, b]) => [a, b]));
  }

  // Each rim closed by a fan of triangles, turned as the skin is: they stand for the inside where backs are left out.
  lids() {
    const next = new Map(),
      lids = []; // from each vertex of a rim the next ones: two where rims touch
    for (const [, a, b] of this.rim()) next.set(b, [...(next.get(b) ?? []), a]);
    for (const begin of next.keys()) {
      const loop = [];
      for (let v = begin; next.get(v)?.length; v = next.get(v).pop()) loop.push(v);
      for (let k = 2; k < loop.length; k++) lids.push(loop[0], loop[k - 1], loop[k]);
    }
    return Uint16Array.from(lids);
  }

  // The neighbours of each vertex, in the order of the triangles round it: each two in a row are a triangle with it.
  // Rings are closed by their first; where there are several rings or gaps, the vertex itself stands between them, and
  // it fills the last four. Where each vertex's begin and how many, in fours, and their list.
  fans() {
    const { faces, V } = this,
      next = Array.from({ length: V }, () => new Map()),
      spare = new Map();
    for (let f = 0; f < faces.length; f += 3) {
      for (let k = 0; k < 3; k++) {
        const [v, a, b] = [faces[f + k], faces[f + ((k + 1) % 3)], faces[f + ((k + 2) % 3)]];
        if (next[v].has(a))
          spare.set(v, [...(spare.get(v) ?? []), v, a, b]); // three triangles share an edge
        else next[v].set(a, b);
      }
    }
    const runs = new Uint32Array(2 * V),
      fans = [];
    next.forEach((after, v) => {
      const list = [],
        ends = new Set(after.values()),
        begins = [...after.keys()];
      for (const begin of [...begins.filter((b) => !ends.has(b)), ...begins]) {
        if (!after.has(begin)) continue;
        if (list.length) list.push(v);
        list.push(begin);
        for (let at = begin; after.has(at); ) {
          const to = after.get(at);
          after.delete(at);
          list.push(to);
          at = to;
        }
      }
      list.push(...(spare.get(v) ?? []));
      while (list.length % 4) list.push(v);
      runs.set([fans.length / 4, list.length / 4], 2 * v);
      fans.push(...list);
    });
    const list = new Uint16Array(1024 * Math.ceil(fans.length / 1024));
    list.set(fans);
    return { runs, list };
  }
}
