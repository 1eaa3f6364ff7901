// Where the grips of an ellipse go: at the ends of its axes, but clear of each other and inside the picture.
// It stands before chart.js, in one module.

const REACH = 26; // pixels: no grip comes nearer to the centre or to the next grip, however small the ellipse
const EDGE = 13; // pixels kept free along the border
const PIN = 34; // pixels from a bone to the grip that moves it

// Pixels from a place to the border of the picture in a direction.
function room([x, y], [dx, dy], size) {
  const side = (p, d) => (d > 0 ? (size - EDGE - p) / d : d < 0 ? (EDGE - p) / d : Infinity);
  return Math.min(side(x, dx), side(y, dy));
}

// The end of an axis: along the direction or, where the picture ends, against it. `side` is +1 or -1 to keep a side.
function axisEnd(centre, direction, wanted, size, side) {
  const opposite = direction.map((d) => -d);
  const space = { 1: room(centre, direction, size), "-1": room(centre, opposite, size) };
  const chosen = side || (space[1] >= wanted || space[1] >= space[-1] ? 1 : -1);
  const far = space[chosen] > REACH ? Math.min(wanted, space[chosen]) : wanted;
  return { side: chosen, far, at: (less) => centre.map((p, i) => p + chosen * direction[i] * (far - less)) };
}

// e: the ellipse; centre: pixels; pixels: of one chart unit; sides: kept while a grip is held.
function gripPlaces(e, centre, pixels, size, sides) {
  const [cos, sin] = [Math.cos(e.angle), Math.sin(e.angle)];
  const first = axisEnd(centre, [cos, -sin], Math.max(REACH, e.s1 * pixels) + REACH, size, sides[0]);
  const second = axisEnd(centre, [-sin, -cos], Math.max(REACH, e.s2 * pixels), size, sides[1]);
  const parts = { centre, along: first.at(REACH), across: second.at(0), turn: first.at(0) };
  return { parts, sides: [first.side, second.side] };
}

// A bone's pin is held away from the grips of the ellipse at hand, and inside the picture.
function pinPlace(centre, e, sides, size) {
  const [cos, sin] = [Math.cos(e.angle), Math.sin(e.angle)];
  const [a, b] = sides.map((side) => -side * Math.SQRT1_2);
  const ways = [
    [a, b],
    [a, -b],
    [-a, b],
    [-a, -b],
  ].map(([p, q]) => [p * cos - q * sin, -p * sin - q * cos]);
  const way = ways.find((one) => room(centre, one, size) > PIN) || ways[0];
  return centre.map((p, i) => p + PIN * way[i]);
}
