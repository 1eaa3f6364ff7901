// Sorts and filters the heads of the page. Without it the page shows all of them by name.
const form = document.querySelector("form");
const list = document.getElementById("heads");
const rows = [...list.children].map((row) => ({ row, words: row.textContent.toLowerCase(), ...row.dataset }));
const byName = new Intl.Collator(undefined, { numeric: true });

function sort() {
  const order = form.elements.order.value;
  rows.sort((a, b) => (order === "name" ? 0 : b[order] - a[order]) || byName.compare(a.name, b.name));
  list.append(...rows.map((one) => one.row));
}

function filter() {
  const words = form.elements.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = new Set(new FormData(form).getAll("status"));
  let shown = 0;
  for (const one of rows) {
    one.row.hidden = !(wanted.has(one.status) && words.every((word) => one.words.includes(word)));
    shown += !one.row.hidden;
  }
  form.querySelector("output").textContent = `${shown} of ${rows.length} shown`;
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", filter);
form.elements.order.addEventListener("change", sort);
form.hidden = false;
filter();
