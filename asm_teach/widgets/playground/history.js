// Undo and redo: whole states, of which there are a few kilobytes each.

const past = [],
  ahead = [],
  LONGEST = 200;
let last = { key: "", at: 0 };

const snapshot = () => ({ ...state, base: bones.copy(state.base), amounts: { ...state.amounts } });

function remember(key) {
  // called before a change; a row of changes by one control is one step
  const now = performance.now();
  if (key !== last.key || now - last.at > 1200) {
    past.push(snapshot());
    if (past.length > LONGEST) past.shift();
  }
  ahead.length = 0;
  last = { key, at: now };
  offer();
}

function step(from, to) {
  if (!from.length) return;
  to.push(snapshot());
  state = from.pop();
  last.key = "";
  offer();
  fill();
  change(true);
}
const undo = () => step(past, ahead),
  redo = () => step(ahead, past);

function offer() {
  $("undo").disabled = !past.length;
  $("redo").disabled = !ahead.length;
}

function buildHistory() {
  $("undo").addEventListener("click", undo);
  $("redo").addEventListener("click", redo);
  addEventListener("keydown", (event) => {
    // a text that is being written has an undo of its own
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target === $("text")) return;
    const key = event.key.toLowerCase(),
      act = key === "z" ? (event.shiftKey ? redo : undo) : key === "y" ? redo : null;
    if (act) {
      event.preventDefault();
      act();
    }
  });
  offer();
}
