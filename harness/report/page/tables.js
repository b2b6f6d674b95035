// Sort, filter and copy tables; load the rows of long ones; unfold everything on paper.
"use strict";

// ---------------------------------------------------------------- sort

// Times and sizes are printed in the unit that suits each: compare seconds and megabytes.
const UNITS = { min: 60, h: 3600, GB: 1000 };

function sortKey(cell) {
  if (!cell || cell.querySelector("i")) return Number.NaN; // 3/5: no mean
  const text = cell.textContent.trim().replace("−", "-").replace("<", "");
  const [, value, unit] = text.match(/^([+-]?[\d.]+)\s*([A-Za-z]*)/) ?? [];
  return Number.parseFloat(value) * (UNITS[unit] ?? 1);
}

function compareCells(a, b, down) {
  const [x, y] = [sortKey(a), sortKey(b)];
  if (Number.isNaN(x) && Number.isNaN(y)) {
    const order = (a?.textContent ?? "").localeCompare(b?.textContent ?? "");
    return down ? -order : order;
  }
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
  return down ? y - x : x - y;
}

const linesOf = (table) => [...table.querySelectorAll("tbody tr:not(.block)")];

// Ascending, descending, and the order of the paper again; the best number first in main tables.
function sortBy(table, head) {
  const orders = table.classList.contains("main") ? ["descending", "ascending"] : ["ascending", "descending"];
  const order = [...orders, undefined][orders.indexOf(head.getAttribute("aria-sort")) + 1];
  setOrder(table, head, order);
  rememberOrder(table, head, order);
}

// ``order`` is ascending, descending, or undefined: that of the paper.
function setOrder(table, head, order) {
  table.first ??= linesOf(table).map((line) => [line, line.parentNode]);
  table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
  if (order) head.setAttribute("aria-sort", order);
  table.classList.toggle("sorted", Boolean(order));
  if (!order) {
    table.first.forEach(([line, body]) => body.append(line));
    return;
  }
  const at = [...head.parentNode.children].indexOf(head);
  const lines = linesOf(table);
  lines.sort((a, b) => compareCells(a.children[at], b.children[at], order === "descending"));
  table.tBodies[0].append(...lines);
}

function makeSortable(table) {
  for (const head of table.querySelectorAll("thead th")) {
    if (!head.textContent.trim()) continue;
    const button = make("button", { type: "button", class: "sort" }, head.firstChild);
    button.addEventListener("click", () => sortBy(table, head));
    head.prepend(button);
  }
}

// ---------------------------------------------------------------- filter

function markGroups(table) {
  for (const body of table.tBodies) {
    const group = body.querySelector("tr.block th")?.textContent ?? "";
    for (const line of body.querySelectorAll("tr:not(.block)")) line.dataset.group = group;
  }
}

function hideColumns(table, labels, wanted) {
  const heads = [...table.querySelectorAll("thead th")];
  heads.forEach((head, at) => {
    const label = labels.find((one) => head.textContent.startsWith(one));
    if (!label) return;
    const hide = Boolean(wanted) && label !== wanted;
    head.hidden = hide;
    for (const line of linesOf(table)) if (line.children[at]) line.children[at].hidden = hide;
  });
}

function applyFilters(form, labels) {
  const wanted = Object.fromEntries(new FormData(form));
  const words = (wanted.row ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const part of document.querySelectorAll("section.data")) {
    part.hidden = Boolean(wanted.data) && part.id !== wanted.data;
    for (const table of part.querySelectorAll("table")) hideColumns(table, labels, wanted.labelled);
    for (const table of part.querySelectorAll("table.main")) {
      for (const line of linesOf(table)) {
        const name = line.children[0].textContent.toLowerCase();
        const inGroup = !wanted.block || line.dataset.group === wanted.block;
        line.hidden = !inGroup || !words.every((word) => name.includes(word));
        shown += !line.hidden && !part.hidden;
      }
      for (const body of table.tBodies) {
        const head = body.querySelector("tr.block");
        if (head) head.hidden = !body.querySelector("tr:not(.block):not([hidden])");
      }
    }
  }
  form.querySelector("output").textContent = shown === 1 ? "1 row shown" : `${shown} rows shown`;
}

function setUpFilters(form) {
  const tables = [...document.querySelectorAll("table.main")];
  tables.forEach(markGroups);
  const texts = (list) => [...new Set(list)].filter(Boolean);
  const labels = texts(tables.flatMap((table) =>
    [...table.querySelectorAll("thead th.n")].map((head) => head.dataset.label)));
  const parts = [...document.querySelectorAll("section.data")];
  const choices = {
    data: parts.map((part) => [part.id, part.querySelector("h2").firstChild.textContent.trim()]),
    block: texts(tables.flatMap((t) => linesOf(t).map((line) => line.dataset.group))).map((g) => [g, g]),
    labelled: labels.map((label) => [label, label]),
  };
  for (const [name, pairs] of Object.entries(choices)) {
    const select = form.elements[name];
    pairs.forEach(([value, text]) => select.append(make("option", { value }, text)));
    select.closest("label").hidden = pairs.length < 2;
  }
  form.elements.row.closest("label").hidden = !tables.length;
  form.hidden = ![...form.querySelectorAll("label")].some((label) => !label.hidden);
  const chosen = () => Object.fromEntries(new FormData(form));
  form.addEventListener("input", (event) => {
    applyFilters(form, labels);
    remember(chosen(), event.target === form.elements.row);
  });
  form.addEventListener("reset", () => setTimeout(() => {
    applyFilters(form, labels);
    remember(chosen());
  }));
  form.addEventListener("addressed", () => applyFilters(form, labels));
  form.addEventListener("submit", (event) => event.preventDefault());
}

// The words of a list's own field: a line is shown if it has them all.
function filterList(list) {
  const field = list.querySelector("input.filter");
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const lines = linesOf(list);
  lines.forEach((line) => {
    const text = line.textContent.toLowerCase();
    line.hidden = !words.every((word) => text.includes(word));
  });
  const shown = lines.filter((line) => !line.hidden).length;
  list.querySelector(".shown").textContent = `${shown} of ${lines.length}`;
}

// ---------------------------------------------------------------- long tables

function laterCell(cell, head) {
  const plain = typeof cell === "string" ? { text: cell } : cell;
  const text = plain.text + (plain.stale ? "†" : "");
  const inner = plain.link ? make("a", { href: plain.link }, text)
    : make("span", { class: plain.css?.startsWith("status") ? plain.css : "" }, text);
  const css = [head.className, plain.css?.startsWith("status") ? "" : plain.css, plain.bold ? "best" : ""];
  const box = make("td", { class: css.filter(Boolean).join(" "), "data-file": plain.file }, inner);
  if (plain.note) box.append(" ", make("small", {}, plain.note));
  if (plain.more) {
    box.append(make("details", {}, make("summary", {}, "trace"), make("pre", {}, plain.more)));
  }
  return box;
}

async function fillLater(table) {
  const file = table.dataset.later;
  if (!file) return;
  delete table.dataset.later;
  const body = table.tBodies[0];
  try {
    const heads = [...table.querySelectorAll("thead th")];
    let group = "";
    for (const row of await load(file)) {
      if (row.group && row.group !== group) {
        const head = make("th", { colspan: heads.length, scope: "rowgroup" }, row.group);
        body.append(make("tr", { class: "block" }, head));
      }
      group = row.group;
      const cells = row.cells.map((cell, at) => laterCell(cell, heads[at]));
      body.append(make("tr", { "data-file": row.file }, ...cells));
    }
    table.parentNode.querySelector(".later")?.remove();
    delete table.first;
    if (nameOf(table)) followTable(nameOf(table), table, new URLSearchParams(location.search));
  } catch (error) {
    table.dataset.later = file;
    table.after(problem(error));
  }
}

for (const table of document.querySelectorAll("table[data-later]")) {
  const fold = table.closest("details");
  fold.addEventListener("toggle", () => fold.open && fillLater(table));
}

// ---------------------------------------------------------------- copy

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", async () => {
    const text = button.parentNode.querySelector(`textarea.${button.dataset.copy}`);
    let done = true;
    try {
      await navigator.clipboard.writeText(text.value);
    } catch {
      text.hidden = false; // no clipboard here: the text is shown and selected
      text.select();
      done = document.execCommand("copy");
      text.hidden = done;
    }
    const note = button.parentNode.querySelector("output");
    note.textContent = done ? "Copied." : "Press Ctrl-C to copy the text below.";
  });
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll("input.filter").forEach((field) => {
  const list = field.closest("details");
  field.addEventListener("input", () => {
    filterList(list);
    rememberWords(list.querySelector("table"), field.value);
  });
});
const filters = document.getElementById("filters");
if (filters) setUpFilters(filters);

// A link to something folded unfolds it.
function unfold() {
  if (location.hash.startsWith("#cell/")) return;
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (place?.tagName === "DETAILS") {
    place.open = true;
    place.scrollIntoView();
  }
}
window.addEventListener("hashchange", unfold);
unfold();

// ---------------------------------------------------------------- paper

// Paper has no folds: everything is open while the page is printed.
window.addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("main details:not([open])")) {
    fold.dataset.folded = "";
    fold.open = true;
  }
});
window.addEventListener("afterprint", () => {
  for (const fold of document.querySelectorAll("details[data-folded]")) {
    delete fold.dataset.folded;
    fold.open = false;
  }
});
document.getElementById("print")?.addEventListener("click", async () => {
  await Promise.all([...document.querySelectorAll("table[data-later]")].map(fillLater));
  window.print();
});
