// Rows side by side on the same trials: two or more are ticked in a table.
"use strict";

const ticked = (table) => [...table.querySelectorAll("input.pick:checked")].map((box) => box.closest("tr"));

function rowsOf(lines, datas, cellOf) {
  const rows = datas.map((data, at) => ({ name: data.row, cell: data.cells[cellOf(lines[at])], mark: lines[at].mark }));
  return rows.filter((row) => row.cell);
}

function sideBySide(rows) {
  const value = (row, trial) => row.cell.trials.find((one) => one.trial === trial)?.value;
  const trials = [...new Set(rows.flatMap((row) => row.cell.trials.map((one) => one.trial)))].sort((a, b) => a - b);
  const [first, ...others] = rows;
  const heads = [["Trial", 1], ...rows.map((row) => [row.name, 1]),
    ...others.map((row) => [`${first.name} minus ${row.name}`, 1])];
  const gap = (a, b) => (a === undefined || b === undefined ? undefined : a - b);
  const signed = (d) => (d === undefined ? "" : `${d < 0 ? "−" : "+"}${number(Math.abs(d))}`);
  const lines = trials.map((trial) => ({
    cells: [String(trial), ...rows.map((row) => (value(row, trial) === undefined ? "" : number(value(row, trial)))),
      ...others.map((row) => signed(gap(value(first, trial), value(row, trial))))],
  }));
  const sentences = others.map((row) => {
    const gaps = trials.map((trial) => gap(value(first, trial), value(row, trial))).filter((d) => d !== undefined);
    const count = (test) => gaps.filter(test).length;
    const mean = gaps.reduce((sum, d) => sum + d, 0) / gaps.length;
    const words = gaps.length ? `${signed(mean)} on average over ${gaps.length} common trial${gaps.length === 1 ? "" : "s"}: higher in `
      + `${count((d) => d > 1e-9)}, equal in ${count((d) => Math.abs(d) <= 1e-9)}, lower in ${count((d) => d < -1e-9)}`
      : "no common trial";
    return make("li", {}, `${first.name} minus ${row.name}: ${words}.`);
  });
  return [make("ul", { class: "read" }, ...sentences), table(heads, lines, "list sortable"), trials, value];
}

async function compare(tableOf, lines) {
  const datas = await Promise.all(lines.map((line) => load(line.dataset.file)));
  const labels = [...tableOf.querySelectorAll("thead th[data-label]")];
  const select = make("select", {}, ...labels.map((head, at) => make("option", { value: at }, head.dataset.label)));
  const box = make("div");
  const show = () => {
    const at = [...labels[0].parentNode.children].indexOf(labels[Number(select.value)]);
    const cellOf = (line) => {
      const link = line.children[at]?.querySelector("a[href^='#cell/']");
      return link ? parts(link.getAttribute("href")).name : "";
    };
    const rows = rowsOf(lines, datas, cellOf);
    if (rows.length < 2) {
      box.replaceChildren(make("p", {}, "Fewer than two of these rows have trials here."));
      return;
    }
    const [list, numbers, trials, value] = sideBySide(rows);
    const place = make("div");
    box.replaceChildren(list, place, numbers);
    chart(place, {
      x: "trial", whole: true, y: "test accuracy", text: "Accuracy of each trial; the numbers are in the table.",
      lines: rows.map((row) => ({
        name: row.name,
        mark: row.mark,
        points: trials.filter((t) => value(row, t) !== undefined).map((t) => ({ x: t, y: value(row, t) })),
      })),
      label: (name, point) => `${name}, trial ${point.x}: ${number(point.y)}`,
    }).catch((error) => place.replaceChildren(problem(error)));
  };
  select.addEventListener("change", show);
  openPanel("Side by side on the same trials", make("label", {}, "Labelled ", select), box);
  show();
}

for (const main of document.querySelectorAll("table.main:has(tr[data-file])")) {
  const button = make("button", { type: "button", disabled: true }, "Compare ticked rows");
  const bar = make("p", { class: "tools" }, button, " ", make("span", { class: "quiet" }, "Tick two or more rows of the table."));
  for (const line of main.querySelectorAll("tr[data-file]")) {
    const head = line.children[0];
    const mark = head.querySelector("svg.swatch")?.dataset ?? {};
    line.mark = { hue: Number(mark.hue ?? 1), shape: Number(mark.shape ?? 0), hollow: "hollow" in mark };
    const name = head.textContent.trim();
    const box = make("input", { type: "checkbox", class: "pick", "aria-label": `compare ${name}` });
    box.addEventListener("change", () => { button.disabled = ticked(main).length < 2; });
    head.prepend(box);
  }
  button.addEventListener("click", () => {
    compare(main, ticked(main)).catch((error) => openPanel("The trials cannot be shown", problem(error)));
  });
  main.closest(".wide").before(bar);
}
