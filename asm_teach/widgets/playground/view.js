// The camera, how fine a picture it takes, and from where it looks, in words. A page that uses it says in what `manner`
// the face is drawn, and how to `describe` and `fill` what it shows.

const camera = { azimuth: 0, elevation: 0, zoom: 1, aside: [0, 0], view: "front" }; // aside: mm to the right and up

// Fast devices draw two pixels for each of the screen's, each way, which makes edges smooth. Slow ones draw fewer while
// something moves, and the fine picture when it rests.
const sharp = { fine: 2, quick: 2 };
let resting = 0;

function size(sharpness) {
  const { canvas } = face,
    wanted = [canvas.clientWidth, canvas.clientHeight].map((x) => Math.max(1, Math.round(sharpness * x)));
  if (canvas.width !== wanted[0] || canvas.height !== wanted[1]) [canvas.width, canvas.height] = wanted;
}

function measure() {
  // how long a picture takes, and so how fine it may be while something moves
  const { gl } = face,
    pixel = new Uint8Array(4);
  sharp.fine = Math.min(3, Math.max(2, 1.5 * devicePixelRatio));
  for (sharp.quick of [sharp.fine, 1, 0.75, 0.5, 0.4]) {
    const times = [0, 1, 2].map(() => {
      const begin = performance.now();
      draw(sharp.quick);
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
      return performance.now() - begin;
    });
    if (Math.min(...times) < 6) break;
  }
  if (sharp.quick < sharp.fine) sharp.fine = 1.5; // half a second for a still picture would be too long
}

function paint() {
  draw(sharp.quick);
  clearTimeout(resting);
  if (sharp.quick < sharp.fine) resting = setTimeout(() => draw(sharp.fine), 110);
}

function draw(sharpness) {
  size(sharpness);
  const az = (camera.azimuth * Math.PI) / 180,
    el = (camera.elevation * Math.PI) / 180;
  const towards = [Math.sin(az) * Math.cos(el), Math.sin(el), Math.cos(az) * Math.cos(el)];
  const right = [Math.cos(az), 0, -Math.sin(az)];
  const up = [towards[1] * right[2], towards[2] * right[0] - towards[0] * right[2], -towards[1] * right[0]];
  const focal = 1 / Math.tan((data.fov * Math.PI) / 360),
    aspect = face.canvas.width / face.canvas.height;
  const [low, high] = box,
    half = high.map((x, i) => (x - low[i]) / 2);
  const fits = Math.max(half[1], Math.max(half[0], 0.7 * half[2]) / aspect) * focal + half[2];
  const distance = (1.03 * data.margin * fits) / camera.zoom,
    [x, y] = camera.aside;
  camera.reach = (2 * distance) / (focal * face.canvas.clientHeight); // mm at the face for a pixel of the page
  face.draw(
    {
      rows: [right, up, towards],
      target: high.map((z, i) => (z + low[i]) / 2 - x * right[i] - y * up[i]),
      focal,
      distance,
    },
    sharpness < sharp.fine,
    manner(),
  );
}

let box; // about what is drawn of the first face, wherever a fit has put it
function frame(places) {
  const shown = unpack(data.finish, Float32Array);
  const along = [0, 1, 2].map((k) => places.filter((_, i) => i % 4 === k && shown[i - k + 1] > 0.3));
  box = [along.map((x) => x.reduce((m, y) => Math.min(m, y))), along.map((x) => x.reduce((m, y) => Math.max(m, y)))];
}

function turn(azimuth, elevation, zoom = 1, x = 0, y = 0) {
  // x and y: by so many pixels of the page
  camera.azimuth = ((camera.azimuth + azimuth + 540) % 360) - 180;
  camera.elevation = Math.max(-85, Math.min(85, camera.elevation + elevation));
  camera.zoom = Math.max(0.5, Math.min(6, camera.zoom * zoom));
  const [low, high] = box;
  camera.aside = [x, -y].map((by, k) => {
    // at most until the face is half out of sight
    const most = (high[k] - low[k]) / 2;
    return Math.max(-most, Math.min(most, camera.aside[k] + by * camera.reach));
  });
  if ((azimuth || elevation) && camera.view) {
    camera.view = "";
    fill();
  }
  paint();
  describe();
}

function preset(name) {
  [camera.azimuth, camera.elevation] = data.views[name];
  Object.assign(camera, { view: name, zoom: 1, aside: [0, 0] });
  fill();
  paint();
  describe();
}

function seen() {
  const side = (x, plus, minus) => `${Math.abs(Math.round(x))}° ${x < 0 ? minus : plus}`;
  const from = camera.view
    ? `${camera.view} view`
    : `seen from ${side(camera.azimuth, "to the person's left", "to the person's right")}, ${side(camera.elevation, "up", "down")}`;
  const [x, y] = camera.aside.map(Math.round),
    moved = [];
  if (x) moved.push(`${Math.abs(x)} mm to the ${x < 0 ? "left" : "right"}`);
  if (y) moved.push(`${Math.abs(y)} mm ${y < 0 ? "down" : "up"}`);
  return (
    from +
    (Math.abs(camera.zoom - 1) > 0.01 ? `, ${camera.zoom.toFixed(1)} times as large` : "") +
    (moved.length ? `, shifted ${moved.join(" and ")}` : "")
  );
}
