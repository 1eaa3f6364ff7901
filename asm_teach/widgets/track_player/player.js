// A recorded face, and the clock that runs through it: play, pause, go to a time, speed, repeat. Where there is a sound,
// its clock is the only one: each picture shows the time that is heard.

class Track {
  constructor({ times, amounts, size, heads, columns }, shapes) {
    this.times = unpack(times, Float32Array);
    this.size = size;
    this.values = unpack(amounts, Int16Array); // columns.length numbers for each frame, of which one is `size`
    this.heads = unpack(heads, Float32Array); // a quaternion for each frame
    this.columns = columns; // which shape each of the numbers moves
    this.shapes = shapes;
    this.seconds = this.times.at(-1);
  }

  // The frame that holds at a time, or is the last before it.
  frame(time) {
    let low = 0,
      high = this.times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  // Amounts of all shapes, and the turn of the head: straight from frame to frame.
  at(time) {
    const { times, values, heads, columns, size } = this,
      from = Math.min(this.frame(time), times.length - 2),
      share = Math.max(0, Math.min(1, (time - times[from]) / (times[from + 1] - times[from]))),
      amounts = new Array(this.shapes).fill(0),
      width = columns.length;
    columns.forEach((shape, k) => {
      const [a, b] = [values[width * from + k], values[width * (from + 1) + k]];
      amounts[shape] = size * (a + share * (b - a));
    });
    const turn = (frame) => [...heads.subarray(4 * frame, 4 * frame + 4)];
    return { amounts, head: slerp(turn(from), turn(from + 1), share) };
  }
}

const SPEEDS = [0.25, 0.5, 1, 2];
const player = { track: null, sound: null, time: 0, speed: 1, playing: false, repeat: false, request: 0 };

function go(time) {
  player.time = Math.max(0, Math.min(player.track.seconds, time));
  Object.assign(state, player.track.at(player.time));
  fill();
  show();
}

function play() {
  if (!player.track || player.playing) return;
  player.playing = true;
  if (player.time >= player.track.seconds) player.time = 0;
  const { sound } = player;
  if (sound) {
    sound.currentTime = player.time;
    sound.play().catch((error) => {
      if (error.name === "AbortError") return; // paused before it began
      pause();
      trouble(`The browser does not play the sound: ${error.message}`);
    });
  }
  let last = performance.now();
  const step = (now) => {
    let time = sound ? sound.currentTime : player.time + (player.speed * Math.max(0, now - last)) / 1000;
    last = now;
    if (player.repeat) time %= player.track.seconds;
    go(time);
    if (player.time < player.track.seconds && !sound?.ended) player.request = requestAnimationFrame(step);
    else pause();
  };
  player.request = requestAnimationFrame(step);
  tell();
}

function pause() {
  cancelAnimationFrame(player.request);
  if (!player.playing) return;
  player.playing = false;
  player.sound?.pause();
  tell();
}

function tell() {
  // what the button does next, and what is said of the clock
  $("play").textContent = player.playing ? "Pause" : "Play";
  fill();
  describe();
}

const toggle = () => (player.playing ? pause() : play());

function nudge(frames) {
  pause();
  const { track } = player,
    next = Math.max(0, Math.min(track.times.length - 1, track.frame(player.time + 1e-4) + frames));
  go(track.times[next]);
  describe();
}

function setSpeed(number) {
  player.speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, number))];
  if (player.sound) player.sound.playbackRate = player.speed;
  describe();
}

function faster(steps) {
  setSpeed(SPEEDS.indexOf(player.speed) + steps);
  fill();
}

function buildPlayer() {
  $("player").hidden = !player.track;
  if (!player.track) return;
  if (data.track.sound) player.sound = new Audio(`data:audio/wav;base64,${data.track.sound}`);
  const { track } = player,
    scrub = $("scrub");
  Object.assign(scrub, { min: 0, max: Math.ceil(100 * track.seconds) / 100, step: 0.01 });
  scrub.addEventListener("input", () => {
    pause();
    go(+scrub.value);
    describe();
  });
  fillers.push(() => {
    if (document.activeElement !== scrub || player.playing) scrub.value = player.time;
    const clock = `${player.time.toFixed(2)} of ${track.seconds.toFixed(2)} s`;
    $("clock").textContent = clock;
    scrub.ariaValueText = clock;
  });
  $("play").addEventListener("click", toggle);
  $("repeat").addEventListener("change", () => {
    player.repeat = $("repeat").checked;
    if (player.sound) player.sound.loop = player.repeat;
  });
  chips(
    $("speeds"),
    "speed",
    SPEEDS.map((x) => `${x} ×`),
    () => SPEEDS.indexOf(player.speed),
    setSpeed,
  );
  const acts = {
    " ": toggle,
    k: toggle,
    ",": () => nudge(-1),
    ".": () => nudge(1),
    "<": () => faster(-1),
    ">": () => faster(1),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !acts[event.key]) return;
    if (event.target.closest("button, summary, [type=search], [type=checkbox], [type=radio]")) return; // theirs
    acts[event.key]();
    event.preventDefault();
  });
}
