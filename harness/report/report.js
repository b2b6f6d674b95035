"use strict";
document.documentElement.classList.add("scripted");

function show(list, test) {
  const lines = [...list.querySelectorAll("tbody tr")];
  lines.forEach((line) => { line.hidden = !test(line); });
  const shown = lines.filter((line) => !line.hidden).length;
  list.querySelector(".shown").textContent = `${shown} of ${lines.length}`;
}

for (const part of document.querySelectorAll("section.data")) {
  const list = part.querySelector("details[id^=trials]");
  if (!list) continue;
  const filter = list.querySelector(".filter");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    show(list, (line) => words.every((word) => line.textContent.toLowerCase().includes(word)));
  });
  for (const cell of part.querySelectorAll("table.main td[data-cell]")) {
    if (cell.classList.contains("absent")) continue;
    cell.addEventListener("click", () => {
      list.open = true;
      filter.value = "";
      show(list, (line) => line.dataset.cell === cell.dataset.cell);
      list.scrollIntoView({ behavior: "smooth" });
    });
  }
}

for (const head of document.querySelectorAll(".sortable th")) {
  head.addEventListener("click", () => {
    const table = head.closest("table");
    const at = [...head.parentNode.children].indexOf(head);
    const down = head.dataset.order === "up";
    table.querySelectorAll("th").forEach((other) => { delete other.dataset.order; });
    head.dataset.order = down ? "down" : "up";
    const text = (line) => line.children[at].textContent.replace("−", "-").replace("<", "");
    // Times and sizes are printed in the unit that suits each: compare seconds and megabytes.
    const units = { min: 60, h: 3600, GB: 1000 };
    const number = (line) => {
      const [, value, unit] = text(line).match(/^\s*([+-]?[\d.]+)\s*([A-Za-z]*)/) ?? [];
      return Number.parseFloat(value) * (units[unit] ?? 1);
    };
    const lines = [...table.tBodies[0].rows].sort((a, b) => {
      const [x, y] = [number(a), number(b)];
      if (Number.isNaN(x) && Number.isNaN(y)) return text(a).localeCompare(text(b));
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
      return x - y;
    });
    table.tBodies[0].append(...(down ? lines.reverse() : lines));
  });
}

// Paper has no folds: everything is open while the page is printed.
window.addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details:not([open])")) {
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
