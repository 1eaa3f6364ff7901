// The camera, and how fine a picture it takes: keys, mouse and fingers turn it.

const camera = {azimuth: 0, elevation: 0, zoom: 1, view: 'front'};

// Fast devices draw two pixels for each of the screen's, each way, which makes edges smooth. Slow ones draw fewer while
// something moves, and the fine picture when it rests.
const sharp = {fine: 2, quick: 2};
let resting = 0;

function size(sharpness) {
  const {canvas} = face, wanted = [canvas.clientWidth, canvas.clientHeight].map((x) => Math.max(1, Math.round(sharpness * x)));
  if (canvas.width !== wanted[0] || canvas.height !== wanted[1]) [canvas.width, canvas.height] = wanted;
}

function measure() {  // how long a picture takes, and so how fine it may be while something moves
  const {gl} = face, pixel = new Uint8Array(4);
  sharp.fine = Math.min(3, Math.max(2, 1.5 * devicePixelRatio));
  for (sharp.quick of [sharp.fine, 1, 0.75, 0.5]) {
    const times = [0, 1, 2].map(() => {
      const begin = performance.now();
      draw(sharp.quick);
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
      return performance.now() - begin;
    });
    if (Math.min(...times) < 6) break;
  }
  if (sharp.quick < sharp.fine) sharp.fine = 1.5;  // half a second for a still picture would be too long
}

function paint() {
  draw(sharp.quick);
  clearTimeout(resting);
  if (sharp.quick < sharp.fine) resting = setTimeout(() => draw(sharp.fine), 250);
}

function draw(sharpness) {
  size(sharpness);
  const az = camera.azimuth * Math.PI / 180, el = camera.elevation * Math.PI / 180;
  const towards = [Math.sin(az) * Math.cos(el), Math.sin(el), Math.cos(az) * Math.cos(el)];
  const right = [Math.cos(az), 0, -Math.sin(az)];
  const up = [towards[1] * right[2], towards[2] * right[0] - towards[0] * right[2], -towards[1] * right[0]];
  const focal = 1 / Math.tan(data.fov * Math.PI / 360), aspect = face.canvas.width / face.canvas.height;
  const [low, high] = box, half = high.map((x, i) => (x - low[i]) / 2);
  const fits = Math.max(half[1], Math.max(half[0], 0.7 * half[2]) / aspect) * focal + half[2];
  face.draw({rows: [right, up, towards], target: high.map((x, i) => (x + low[i]) / 2), focal,
    distance: 1.07 * data.margin * fits / camera.zoom}, look, chosen, $('dots').checked, sharpness < sharp.fine);
}

let box;  // about the first face, wherever a fit has put it
function frame(places) {
  const along = [0, 1, 2].map((k) => places.filter((_, i) => i % 4 === k));
  box = [along.map((x) => x.reduce((m, y) => Math.min(m, y))), along.map((x) => x.reduce((m, y) => Math.max(m, y)))];
}

function turn(azimuth, elevation, zoom = 1) {
  camera.azimuth = (camera.azimuth + azimuth + 540) % 360 - 180;
  camera.elevation = Math.max(-85, Math.min(85, camera.elevation + elevation));
  camera.zoom = Math.max(0.5, Math.min(6, camera.zoom * zoom));
  if (azimuth || elevation) camera.view = '';
  fill(); paint(); describe();
}

function preset(name) {
  [camera.azimuth, camera.elevation] = data.views[name];
  camera.view = name;
  fill(); paint(); describe();
}

function buildCamera() {
  const {canvas} = face, names = Object.keys(data.views), touching = new Map();
  chips($('views'), 'view', names.map((n) => n[0].toUpperCase() + n.slice(1)), () => names.indexOf(camera.view), (i) => preset(names[i]));
  canvas.addEventListener('keydown', (event) => {
    const act = {ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, 10], ArrowDown: [0, -10], '+': [0, 0, 1.15], '=': [0, 0, 1.15],
      '-': [0, 0, 1 / 1.15]}[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (act) turn(...act);
    if (event.key === 'Home') { camera.zoom = 1; preset('front'); }
    if (act || event.key === 'Home') event.preventDefault();
  });
  canvas.addEventListener('pointerdown', (event) => { canvas.setPointerCapture(event.pointerId); touching.set(event.pointerId, event); });
  canvas.addEventListener('pointermove', (event) => {
    const old = touching.get(event.pointerId);
    if (!old) return;
    if (touching.size === 1) turn(-0.4 * (event.clientX - old.clientX), 0.4 * (event.clientY - old.clientY));
    else {  // two fingers
      const other = [...touching.values()].find((t) => t.pointerId !== event.pointerId);
      const span = (e) => Math.hypot(e.clientX - other.clientX, e.clientY - other.clientY);
      turn(0, 0, span(event) / Math.max(1, span(old)));
    }
    touching.set(event.pointerId, event);
  });
  for (const end of ['pointerup', 'pointercancel']) canvas.addEventListener(end, (event) => touching.delete(event.pointerId));
  canvas.addEventListener('wheel', (event) => { event.preventDefault(); turn(0, 0, Math.exp(-0.0015 * event.deltaY)); }, {passive: false});
  canvas.addEventListener('webglcontextlost', () => trouble('The graphics card was lost to another program. Load this page again.'));
  new ResizeObserver(() => { if (canvas.clientWidth) draw(sharp.fine); }).observe(canvas);
}
