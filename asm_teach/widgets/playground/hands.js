// What turns the camera: keys, mouse and fingers on the picture. The page scrolls under a finger everywhere else.

const KEYS = {
  ArrowLeft: [-10, 0],
  ArrowRight: [10, 0],
  ArrowUp: [0, 10],
  ArrowDown: [0, -10],
  "+": [0, 0, 1.15],
  "=": [0, 0, 1.15],
  "-": [0, 0, 1 / 1.15],
};

function buildCamera() {
  const { canvas } = face,
    names = Object.keys(data.views),
    held = new Map();
  chips(
    $("views"),
    "view",
    names.map((n) => n[0].toUpperCase() + n.slice(1)),
    () => names.indexOf(camera.view),
    (i) => preset(names[i]),
    "click",
  ); // a view that is chosen already may have been zoomed or shifted
  canvas.addEventListener("keydown", (event) => {
    const act = KEYS[event.key],
      home = event.key === "Home";
    if (event.ctrlKey || event.metaKey || event.altKey || !(act || home)) return;
    if (home) preset("front");
    else if (event.shiftKey && act.length === 2) turn(0, 0, 1, 2 * act[0], -2 * act[1]);
    else turn(...act);
    event.preventDefault();
  });
  // One pointer turns, or shifts with Shift or the right button held; of two, their middle shifts and their span zooms.
  canvas.addEventListener("pointerdown", (event) => {
    if (held.size === 2) return;
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, event);
  });
  canvas.addEventListener("pointermove", (event) => {
    const old = held.get(event.pointerId);
    if (!old) return;
    const x = event.clientX - old.clientX,
      y = event.clientY - old.clientY;
    if (held.size === 2) {
      const other = [...held.values()].find((t) => t.pointerId !== event.pointerId);
      const span = (e) => Math.max(20, Math.hypot(e.clientX - other.clientX, e.clientY - other.clientY));
      turn(0, 0, span(event) / span(old), x / 2, y / 2);
    } else if (event.shiftKey || event.buttons & 2) turn(0, 0, 1, x, y);
    else turn(-0.4 * x, 0.4 * y);
    held.set(event.pointerId, event);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
    canvas.addEventListener(end, (event) => held.delete(event.pointerId));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      turn(0, 0, Math.exp(-0.0015 * event.deltaY));
    },
    { passive: false },
  );
  canvas.addEventListener("webglcontextlost", () =>
    trouble("Another program took over the graphics card. Reload this page."),
  );
  new ResizeObserver(() => {
    if (canvas.clientWidth) draw(sharp.fine);
  }).observe(canvas);
}
