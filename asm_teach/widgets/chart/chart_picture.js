// What is seen of the face chart: the triangles, and on them ellipses with grips, points, dots and a line.
// It stands before chart.js, in one module.

const SVG = "http://www.w3.org/2000/svg";
const TICKS = 9; // numbers along each side, at most
const STRETCH = "M-4.5 0H4.5M-2.5 -2L-4.5 0L-2.5 2M2.5 -2L4.5 0L2.5 2";
const TURN = "M-3 2.5A3.8 3.8 0 1 0 -2.5 -3M-2.5 -5.5V-2.5H-5.5";
const CROSS = "M-11 0H-4M4 0H11M0 -11V-4M0 4V11";
const MOVE = "Arrow keys move, Shift with arrows stretches, Alt with arrows turns.";

function add(parent, tag, attributes = {}, text = "") {
  const node = ["div", "button", "canvas"].includes(tag)
    ? document.createElement(tag)
    : document.createElementNS(SVG, tag);
  set(node, attributes).textContent = text;
  return parent.appendChild(node);
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

class Picture {
  constructor(model, root) {
    this.model = model;
    this.size = model.get("size");
    this.window = { u: 0.5, v: 0.5, span: model.get("span") }; // what part of the chart is seen
    this.local = {}; // item -> values not yet answered by the kernel
    this.sides = [];
    this.uv = bytes(model.get("uv"), Float32Array);
    this.faces = bytes(model.get("faces"), Uint32Array);
    this.palette = Uint32Array.from(model.get("palette"), ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0);
    root.classList.add("asm-chart");
    root.setAttribute("data-lm-suppress-shortcuts", "true"); // else the notebook takes the arrow keys
    const bar = add(root, "div", {
      class: "asm-chart-bar",
      role: "group",
      "aria-label": "part of the chart that is seen",
    });
    const button = (text, name, act) => {
      add(bar, "button", { type: "button", "aria-label": name, title: name }, text).addEventListener("click", act);
    };
    button("−", "show more of the chart", () => this.zoom(1.5));
    button("+", "show less of the chart, larger", () => this.zoom(1 / 1.5));
    button("Whole chart", "show the whole chart", () => this.zoom(Infinity));
    const stage = add(root, "div", { class: "asm-chart-stage", style: `width:${this.size}px;height:${this.size}px` });
    const pixels = Math.round(this.size * Math.min(window.devicePixelRatio || 1, 2));
    const square = { width: pixels, height: pixels, "aria-hidden": "true" };
    this.canvases = ["colours", "lines"].map((name) => add(stage, "canvas", { class: `asm-chart-${name}`, ...square }));
    this.svg = add(stage, "svg", { viewBox: `0 0 ${this.size} ${this.size}`, role: "group" });
  }

  // -- places --------------------------------------------------------------------------------------------

  x(u) {
    return ((u - this.window.u) / this.window.span + 0.5) * this.size;
  }
  y(v) {
    return (0.5 - (v - this.window.v) / this.window.span) * this.size;
  }

  place(e) {
    // of a pointer, on the chart
    const box = this.svg.getBoundingClientRect();
    const [right, up] = [(e.clientX - box.left) / box.width - 0.5, 0.5 - (e.clientY - box.top) / box.height];
    return [this.window.u + right * this.window.span, this.window.v + up * this.window.span];
  }

  zoom(factor, about) {
    const ids = [`e${this.model.get("selected")}`, "bone"];
    const item = about || ids.map((id) => this.item(id)).find(Boolean) || this.window;
    const span = clamp(this.window.span * factor, 0.03, 1.04);
    const half = Math.max(0, (1.04 - span) / 2);
    this.window = { u: clamp(item.u, 0.5 - half, 0.5 + half), v: clamp(item.v, 0.5 - half, 0.5 + half), span };
    this.xy = this.uv.map((value, i) => (i % 2 ? this.y(value) : this.x(value)));
    drawEdges(this.canvases[1], this.size, this.xy, this.faces, this.window.span > 0.5 ? 0.12 : 0.22);
    this.paint();
    this.draw();
  }

  paint() {
    const values = bytes(this.model.get("values"), Uint8Array);
    fillTriangles(this.canvases[0], this.size, this.xy, this.faces, values, this.palette);
  }

  // -- what lies on them ---------------------------------------------------------------------------------

  item(id) {
    // an ellipse "e0" or a point, as it stands now
    if (this.local[id]) return this.local[id];
    const points = this.model.get("points");
    return /^e\d+$/.test(id) ? this.model.get("ellipses")[+id.slice(1)] : points.find((one) => one.id === id);
  }

  draw() {
    const bone = this.item("bone"),
      out = (pixels) => pixels < 0 || pixels > this.size;
    const follow = bone && !this.held && this.window.span < 1 && !this.turning;
    if (follow && (out(this.x(bone.u)) || out(this.y(bone.v)))) {
      // once: a bone far off the chart stays out of sight
      this.turning = true;
      this.zoom(1, bone);
      this.turning = false;
      return;
    }
    const ellipses = this.model.get("ellipses"),
      points = this.model.get("points"),
      dots = this.model.get("dots");
    const shape = JSON.stringify([ellipses.length, points.map((one) => one.id), dots.length]);
    if (shape !== this.shape) this.build(ellipses, points, dots); // else the nodes stay, and with them the focus
    this.shape = shape;
    set(this.svg, { "aria-label": this.model.get("label") });
    const path = (places) => places.map(([u, v], i) => `${i ? "L" : "M"}${this.x(u)} ${this.y(v)}`).join("");
    set(this.nodes.triangle, { d: path(this.model.get("triangle")) });
    set(this.nodes.segment, { d: path(this.model.get("segment")) });
    dots.forEach(([u, v], i) => {
      const look = i === this.model.get("chosen") ? "asm-dot asm-on" : "asm-dot";
      set(this.nodes[`dot${i}`], { cx: this.x(u), cy: this.y(v), class: look });
    });
    const step = [0.2, 0.1, 0.05, 0.02, 0.01, 0.005].find((one) => this.window.span / one >= 4) || 0.005;
    for (const axis of ["u", "v"]) {
      const first = Math.ceil((this.window[axis] - 0.46 * this.window.span) / step);
      for (let i = 0; i < TICKS; i++) {
        const at = (first + i) * step,
          seen = at < this.window[axis] + 0.47 * this.window.span;
        const place = axis === "u" ? { x: this.x(at) } : { y: this.y(at) + 4 };
        const text = `${i ? "" : `${axis} `}${at.toFixed(step < 0.01 ? 3 : step < 0.1 ? 2 : 1)}`;
        set(this.nodes[axis + i], { visibility: seen ? "visible" : "hidden", ...place }).textContent = text;
      }
    }
    for (const k of ellipses.keys()) this.drawEllipse(k);
    for (const { id } of points) this.drawPoint(id);
  }

  drawEllipse(k) {
    const e = this.item(`e${k}`),
      on = k === this.model.get("selected");
    const n = this.nodes,
      pixels = this.size / this.window.span;
    const [x, y, degrees] = [this.x(e.u), this.y(e.v), (e.angle * 180) / Math.PI];
    for (const layer of ["g", "h"]) set(n[layer + k], { class: `asm-ellipse${on ? " asm-on" : ""}` });
    set(n[`turned${k}`], { transform: `translate(${x} ${y}) rotate(${-degrees})` });
    for (const [name, times] of [
      ["hit", 1],
      ["halo", 1],
      ["line", 1],
      ["twice", 2],
    ]) {
      set(n[name + k], { rx: times * e.s1 * pixels, ry: times * e.s2 * pixels });
    }
    // a grip that is held stays on its side
    const { parts, sides } = gripPlaces(e, [x, y], pixels, this.size, (this.held && this.sides[k]) || []);
    this.sides[k] = sides;
    set(n[`leads${k}`], { d: `M${parts.turn}L${x} ${y}L${parts.across}` });
    const number = (value) => value.toFixed(4);
    const says = {
      centre: `u ${number(e.u)}, v ${number(e.v)}`,
      along: `sigma 1 is ${number(e.s1)}`,
      across: `sigma 2 is ${number(e.s2)}`,
      turn: `${degrees.toFixed(0)} degrees`,
    };
    const now = { centre: e.u, along: e.s1, across: e.s2, turn: degrees };
    for (const [part, [px, py]] of Object.entries(parts)) {
      set(n[`e${k}:${part}`], {
        transform: `translate(${px} ${py})`,
        "aria-valuetext": says[part],
        "aria-valuenow": number(now[part]),
        tabindex: on || part === "centre" ? 0 : -1, // of an ellipse that is not selected the centre selects it
      });
    }
    set(n[`mark${k}along`], { transform: `rotate(${-degrees})` });
    set(n[`mark${k}across`], { transform: `rotate(${90 - degrees})` });
    // of centres on the same spot the numbers stand apart, to the lower left
    set(n[`name${k}`], { x: on ? 0 : -13 - 13 * k, y: on ? 4 : 26 });
  }

  drawPoint(id) {
    const point = this.item(id),
      [x, y] = [this.x(point.u), this.y(point.v)];
    const e = this.item(`e${this.model.get("selected")}`);
    const sides = this.sides[this.model.get("selected")] || [1, 1];
    const [gx, gy] = point.pin && e ? pinPlace([x, y], e, sides, this.size) : [x, y];
    set(this.nodes[`lead-${id}`], { d: `M${x} ${y}L${gx} ${gy}` });
    const [u, v] = [point.u.toFixed(4), point.v.toFixed(4)];
    set(this.nodes[id], {
      transform: `translate(${gx} ${gy})`,
      "aria-valuetext": `u ${u}, v ${v}`,
      "aria-valuenow": u,
    });
  }

  build(ellipses, points, dots) {
    this.svg.textContent = "";
    const n = {};
    this.nodes = n;
    n.triangle = add(this.svg, "path", { class: "asm-triangle" });
    n.segment = add(this.svg, "path", { class: "asm-segment" });
    dots.forEach(([, , name], i) => {
      n[`dot${i}`] = add(this.svg, "circle", { r: 3 });
      add(n[`dot${i}`], "title", {}, name);
      n[`dot${i}`].addEventListener("click", (event) => {
        event.stopPropagation();
        this.save({ chosen: i });
      });
    });
    for (let i = 0; i < TICKS; i++) {
      n[`u${i}`] = add(this.svg, "text", { class: "asm-tick", y: this.size - 5, "text-anchor": "middle" });
      n[`v${i}`] = add(this.svg, "text", { class: "asm-tick", x: 4 });
    }
    ellipses.forEach((_, k) => {
      const group = add(this.svg, "g");
      n[`g${k}`] = group;
      const turned = add(group, "g");
      n[`turned${k}`] = turned;
      for (const name of ["twice", "halo", "line", "hit"])
        n[name + k] = add(turned, "ellipse", { class: `asm-${name}` });
      n[`hit${k}`].addEventListener("click", (event) => {
        event.stopPropagation();
        this.save({ selected: k });
      });
    });
    ellipses.forEach((_, k) => {
      // the grips lie above all outlines
      const group = add(this.svg, "g");
      n[`h${k}`] = group;
      n[`leads${k}`] = add(group, "path", { class: "asm-lead" });
      const what = { centre: "centre", along: "width along, sigma 1", across: "width across, sigma 2", turn: "angle" };
      const most = { centre: [-1, 2], along: [0, 1], across: [0, 1], turn: [-180, 180] };
      for (const part of ["turn", "across", "along", "centre"]) {
        const handle = this.handle(group, `e${k}:${part}`, `Gaussian ${k + 1}, ${what[part]}. ${MOVE}`, most[part]);
        add(handle, "circle", { class: "asm-grip", r: part === "centre" ? 9 : 7 });
        const number = { class: "asm-number", "text-anchor": "middle" };
        if (part === "centre") n[`name${k}`] = add(handle, "text", number, `${k + 1}`);
        else n[`mark${k}${part}`] = add(handle, "path", { class: "asm-mark", d: part === "turn" ? TURN : STRETCH });
      }
    });
    points.forEach(({ id, name, pin }) => {
      n[`lead-${id}`] = add(this.svg, "path", { class: "asm-lead" });
      const handle = this.handle(this.svg, id, `${name}. Arrow keys move it.`, [-1, 2]);
      if (pin) add(handle, "path", { class: "asm-pin", d: "M0 -8L8 0L0 8L-8 0Z" });
      else for (const kind of ["asm-cross-halo", "asm-cross"]) add(handle, "path", { class: kind, d: CROSS });
    });
  }
}
