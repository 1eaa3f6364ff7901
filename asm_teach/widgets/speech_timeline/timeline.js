// The sentence under the head: its wave, its words and phones, and what the tracks do. It has no clock of its own: the
// line stands where the player is, and so at the sound that is heard.

const LANE = 60; // height of a drawing, in its own units; 1000 of them wide

class Timeline {
  constructor({ words, phones, levels, lanes, text }, seconds) {
    lanes = lanes.map((lane) => ({ ...lane, list: [...unpack(lane.values, Float32Array)] }));
    Object.assign(this, { words, phones, lanes, seconds });
    const home = document.createElement("div");
    home.id = "timeline";
    home.tabIndex = 0; // where it is too narrow it scrolls
    home.setAttribute("role", "group");
    home.ariaLabel = `The sentence: ${text}`;
    const loud = unpack(levels, Float32Array),
      up = [...loud].map((y, k) => [(1000 * k) / (loud.length - 1), LANE / 2 - (LANE / 2) * y]),
      wave = [...up, ...up.map(([x, y]) => [x, LANE - y]).reverse()];
    const drawings = lanes.map(({ list, colour }) => [
      list.map((y, k) => [(1000 * k) / (list.length - 1), LANE - 2 - (LANE - 4) * y]),
      colour,
    ]);
    home.innerHTML = `<div class="lanes">${svg([[wave, ""]], 34)}${svg(drawings, 84)}<div class="line"></div></div><div class="key">${lanes
      .map(({ name, colour }) => `<span><i style="background:${colour}"></i>${name}</span>`)
      .join("")}</div>`;
    const rows = [words, phones].map((list) => names(list, seconds));
    home.querySelector("svg").after(...rows);
    this.spans = rows.map((row) => [...row.children]);
    this.line = home.querySelector(".line");
    this.home = home;
    this.said = document.createElement("p");
    this.said.id = "phone";
    this.said.setAttribute("aria-live", "polite");
    $("player").after(home, this.said);
    const area = home.querySelector(".lanes"),
      seek = (event) => {
        const box = area.getBoundingClientRect();
        pause();
        go((seconds * (event.clientX - box.left)) / box.width);
        describe();
      };
    area.addEventListener("pointerdown", seek);
    area.addEventListener("pointermove", (event) => {
      if (event.buttons) seek(event);
    });
    addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !"[]".includes(event.key)) return;
      if (event.target.closest("[type=search]")) return;
      this.step(event.key === "]" ? 1 : -1);
      event.preventDefault();
    });
  }

  // Which of a list is spoken at a time, or -1.
  static at(list, time) {
    return list.findIndex(([, begin, end]) => time >= begin - 1e-6 && time < end - 1e-6);
  }

  // To the middle of the next phone, or the one before.
  step(by) {
    const now = Timeline.at(this.phones, player.time),
      next = Math.max(0, Math.min(this.phones.length - 1, (now < 0 ? this.phones.length : now) + by)),
      [, begin, end] = this.phones[next];
    pause();
    go((begin + end) / 2);
    describe();
  }

  tick() {
    const { time } = player,
      left = time / this.seconds;
    this.line.style.left = `${100 * left}%`;
    const now = [this.words, this.phones].map((list) => Timeline.at(list, time));
    this.spans.forEach((row, k) => {
      row.forEach((span, number) => {
        span.classList.toggle("now", number === now[k]);
      });
    });
    const { home } = this,
      x = left * home.scrollWidth;
    if (x < home.scrollLeft || x > home.scrollLeft + home.clientWidth - 20) home.scrollLeft = x - 40;
    this.said.ariaLive = player.playing ? "off" : "polite";
    this.said.textContent = this.words_of(now, time);
  }

  words_of([word, phone], time) {
    const heard =
        phone < 0 ? "the end" : this.phones[phone][0] === "SIL" ? "silence" : `the phone ${this.phones[phone][0]}`,
      inside = word < 0 ? "" : ` in “${this.words[word][0]}”`,
      does = this.lanes.map(({ name, list, said: [zero, size, unit] }) => {
        const at = Math.round((time / this.seconds) * (list.length - 1));
        return `${name} ${Math.round(size * (list[at] - zero))}${unit}`.replace("-", "−");
      });
    return `${time.toFixed(2)} s, ${heard}${inside}: ${does.join(", ")}.`;
  }
}

function svg(drawings, height) {
  const lines = drawings.map(
    ([points, colour]) =>
      `<polyline ${colour ? `stroke="${colour}"` : 'class="wave"'} points="${points.map((p) => p.map((x) => x.toFixed(1)).join()).join(" ")}"/>`,
  );
  return `<svg viewBox="0 0 1000 ${LANE}" preserveAspectRatio="none" style="height:${height}px" aria-hidden="true">${lines.join("")}</svg>`;
}

function names(list, seconds) {
  const row = document.createElement("div");
  row.className = "names";
  row.ariaHidden = "true";
  for (const [name, begin, end] of list) {
    const span = document.createElement("span");
    span.textContent = name === "SIL" ? "" : name;
    span.title = name;
    Object.assign(span.style, { left: `${(100 * begin) / seconds}%`, width: `${(100 * (end - begin)) / seconds}%` });
    row.append(span);
  }
  return row;
}

let timeline = null;
fillers.push(() => {
  if (!player.track) return;
  timeline ??= new Timeline(data.sentence, player.track.seconds);
  timeline.tick();
});
