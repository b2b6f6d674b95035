// Interactive plots, drawn by Chart.js when they are asked for; figures of the page stay as they are.
"use strict";

const SHAPES = ["circle", "rect", "triangle", "rectRot", "triangle", "cross", "crossRot",
  "triangle", "triangle", "star", "star"];
const TURNS = [0, 0, 0, 0, 180, 0, 0, 270, 90, 0, 0];
const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const hueOf = (hue) => colourOf(hue === 0 ? "--accent" : `--hue-${hue - 1}`);
const drawn = new Set();

function look(mark) {
  const colour = hueOf(mark.hue);
  return {
    borderColor: colour,
    backgroundColor: mark.hollow ? colourOf("--paper") : colour,
    pointStyle: SHAPES[mark.shape],
    rotation: TURNS[mark.shape],
    pointRadius: 5,
    pointHoverRadius: 8,
    borderWidth: 1.5,
  };
}

function axis(title, { log = false, whole = false } = {}) {
  const ticks = { color: colourOf("--muted") };
  if (log) {
    const leading = (value) => Number((value / 10 ** Math.floor(Math.log10(value))).toPrecision(3));
    ticks.callback = (value) => ([1, 2, 5].includes(leading(value)) ? String(Number(value.toPrecision(2))) : "");
  }
  if (whole) Object.assign(ticks, { precision: 0, stepSize: 1 });
  return {
    type: log ? "logarithmic" : "linear",
    offset: whole,
    title: { display: true, text: title, color: colourOf("--muted") },
    ticks,
    grid: { color: colourOf("--rule") },
  };
}

// One chart in `box`. `lines`: name, mark, points [{x, y, ...}]; `open` is called with a point.
async function chart(box, { lines, x, y, log = false, whole = false, joined = true, label, text, open }) {
  await load("data/chart.js");
  const canvas = make("canvas", { role: "img", "aria-label": text });
  box.replaceChildren(make("div", { class: "chart" }, canvas));
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const made = new Chart(canvas, {
    type: joined ? "line" : "scatter",
    data: {
      datasets: lines.map((line) => ({
        label: line.name, data: line.points, showLine: joined, parsing: false, tension: 0,
        ...look(line.mark), ...(line.points.length > 30 ? { pointRadius: 0 } : {}),
      })),
    },
    options: {
      maintainAspectRatio: false,
      animation: calm ? false : { duration: 150 },
      interaction: { mode: "nearest", intersect: !joined, axis: joined ? "x" : "xy" },
      scales: { x: axis(x, { log, whole }), y: axis(y) },
      plugins: {
        legend: { position: "bottom", labels: { color: colourOf("--ink"), usePointStyle: true } },
        tooltip: { callbacks: { title: () => "", label: (item) => label(item.dataset.label, item.raw) } },
      },
      onClick: (event, items) => {
        if (!items.length || !open) return;
        open(lines[items[0].datasetIndex].points[items[0].index]);
      },
    },
  });
  drawn.add(made);
  return made;
}

const number = (value) => (Math.abs(value) < 1 ? value.toFixed(3).replace(/^(-?)0/, "$1") : value.toPrecision(4));
const seconds = (value) => (value < 120 ? `${Number(value.toPrecision(3))} s`
  : value < 7200 ? `${(value / 60).toFixed(1)} min` : `${(value / 3600).toFixed(1)} h`);

// The figure again, with names on hover, lines that can be switched off and points that open.
async function explore(button) {
  const box = button.closest("figure").querySelector(".explored");
  if (box.firstChild) {
    box.replaceChildren();
    button.setAttribute("aria-expanded", "false");
    return;
  }
  try {
    const plot = await load(button.dataset.plot);
    for (const panel of plot.panels) {
      const place = make("div");
      box.append(...(panel.title ? [make("p", { class: "quiet" }, panel.title)] : []), place);
      await chart(place, {
        ...plot,
        lines: panel.lines,
        label: (name, point) => {
          const x = plot.unit === "s" ? seconds(point.x) : point.x;
          return `${name}: ${number(point.y)}${point.sd ? ` ± ${number(point.sd)}` : ""} at ${x}`;
        },
        open: (point) => { if (point.link) location.hash = point.link; },
      });
    }
    button.setAttribute("aria-expanded", "true");
  } catch (error) {
    box.replaceChildren(problem(error));
  }
}

for (const button of document.querySelectorAll("button[data-plot]")) {
  button.addEventListener("click", () => explore(button));
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const made of drawn) made.destroy(); // their colours are those of the other scheme
  drawn.clear();
  document.querySelectorAll(".explored, .chart").forEach((box) => box.replaceChildren());
});
