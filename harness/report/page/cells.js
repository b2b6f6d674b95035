// The trials behind a number: a panel that opens by its address, #cell/<data set>/<cell>[/<trial>].
"use strict";

const panel = document.getElementById("panel");
const panelBody = panel?.querySelector(".body");

function parts(hash) {
  const [, anchor, name, trial] = hash.slice(1).split("/").map(decodeURIComponent);
  return { anchor, name, trial };
}

// The link in the page that leads to the same cell: it has the number, its line the data file.
function linkTo(anchor, name) {
  return [...document.querySelectorAll('a[href^="#cell/"]')].find((link) => {
    const own = parts(link.getAttribute("href"));
    return own.anchor === anchor && own.name === name && !own.trial && link.closest("[data-file]");
  }) ?? [...document.querySelectorAll('a[href^="#cell/"]')].find((link) => {
    const own = parts(link.getAttribute("href"));
    return own.anchor === anchor && own.name === name && link.closest("[data-file]");
  });
}

function openPanel(title, ...children) {
  panel.querySelector("h2").textContent = title;
  panelBody.replaceChildren(...children);
  if (!panel.open) panel.showModal();
  panelBody.scrollTop = 0;
}

function table(heads, lines, css = "list") {
  const head = make("tr", {}, ...heads.map(([text, n]) => make("th", { scope: "col", class: n ? "n" : "" }, text)));
  const rows = lines.map((line) => make("tr", { id: line.id, class: line.css },
    ...line.cells.map((cell, at) => make("td", { class: heads[at][1] ? "n" : "" }, ...[cell].flat()))));
  const made = make("table", { class: css }, make("thead", {}, head), make("tbody", {}, ...rows));
  if (css.includes("sortable")) makeSortable(made);
  return make("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "table" }, made);
}

// Columns in which no line prints anything are left out.
function filled(heads, lines) {
  const keep = heads.map((_, at) => lines.some((line) => line.cells[at] && line.cells[at] !== ""));
  const own = (list) => list.filter((_, at) => keep[at]);
  return table(own(heads), lines.map((line) => ({ ...line, cells: own(line.cells) })), "list sortable");
}

// What the chosen candidate of the last stage has and others have not; all settings where one ran.
function chosenSettings(trial) {
  const last = (trial.stages ?? []).at(-1);
  const chosen = last?.groups.flat().find((one) => one.chosen);
  return chosen ? chosen.settings : (last ? "" : trial.settings ?? "");
}

function trialsTable(cell, anchor, name, wanted) {
  const heads = [["Trial", 1], ["Status"], ["Test", 1], ["NMSE", 1], ["Tuning", 1], ["Epoch", 1],
    ["Time", 1], ["Memory", 1], ["Device"], ["View weights"], ["Chosen"]];
  const lines = cell.trials.map((trial) => ({
    css: String(trial.trial) === wanted ? "wanted" : "",
    cells: [
      make("a", { href: `#cell/${anchor}/${name}/${trial.trial}` }, String(trial.trial)),
      make("span", { class: `status ${trial.status}` }, trial.status + (trial.stale ? "†" : "")),
      trial.test ?? "", trial.nmse ?? "", trial.tuning ?? "", trial.epoch ?? "",
      trial.time ?? "", trial.memory ?? "", trial.device ?? "", (trial.weights ?? []).join(", "),
      make("span", { class: "config" }, chosenSettings(trial)),
    ],
  }));
  return filled(heads, lines);
}

function candidates(trial, wanted) {
  const blocks = (trial.stages ?? []).filter((stage) => stage.groups.length).flatMap((stage, at) => {
    const heads = [["Candidate"], ["Tuning score", 1], ["Epoch", 1], ["Time", 1], ["Status"], ["Reason"]];
    const lines = stage.groups.flatMap((group, input) => group.map((one) => ({
      css: one.chosen ? "chosen" : "",
      cells: [
        [stage.groups.length > 1 ? `input ${input + 1}: ` : "", one.settings || "the only one",
          one.chosen ? " " : "", one.chosen ? make("span", { class: "badge" }, "chosen") : ""],
        one.score, String(one.epoch), one.time, one.status === "ok" ? "" : one.status, one.reason ?? "",
      ],
    })));
    const title = `${trial.stages.length > 1 ? `Stage ${at + 1}: ` : ""}${stage.method}`;
    const by = stage.chosen_by ? `, chosen by ${stage.chosen_by}` : "";
    return [
      make("p", {}, make("strong", {}, title), by),
      filled(heads, lines),
      stage.settings ? make("p", { class: "config quiet" }, `All with: ${stage.settings}`) : "",
    ];
  });
  if (!blocks.length) return "";
  const open = wanted === String(trial.trial);
  return make("details", { class: "fold", open },
    make("summary", {}, `Trial ${trial.trial}: every candidate with its tuning score`), ...blocks);
}

function failures(cell) {
  const bad = cell.trials.filter((trial) => trial.reason || trial.trace);
  return bad.map((trial) => make("div", {},
    make("p", {}, make("span", { class: `status ${trial.status}` }, `Trial ${trial.trial}, ${trial.status}`),
      `: ${trial.reason ?? ""}`),
    trial.trace ? make("details", {}, make("summary", {}, "trace"), make("pre", {}, trial.trace)) : ""));
}

function curves(cell, mark) {
  const logged = cell.trials.filter((trial) => trial.curves);
  const names = [...new Set(logged.flatMap((trial) => Object.keys(trial.curves)))];
  if (!names.length) return [];
  const select = make("select", {}, ...names.map((name) => make("option", {}, name)));
  const box = make("div");
  const show = () => {
    const lines = logged.filter((trial) => trial.curves[select.value]).map((trial, at) => {
      const { n, y } = trial.curves[select.value];
      const x = (i) => (y.length > 1 ? 1 + Math.round((i * (n - 1)) / (y.length - 1)) : 1);
      const points = y.map((value, i) => ({ x: x(i), y: value })).filter((point) => point.y !== null);
      return { name: `trial ${trial.trial}`, mark: { hue: at === 0 ? mark.hue : 1 + at, shape: at, hollow: false }, points };
    });
    chart(box, {
      lines, x: "epoch", y: select.value, text: `Learning curve: ${select.value}`,
      label: (name, point) => `${name}, epoch ${point.x}: ${number(point.y)}`,
    }).catch((error) => box.replaceChildren(problem(error)));
  };
  select.addEventListener("change", show);
  show();
  const first = `of the first ${logged.length} trial${logged.length === 1 ? "" : "s"}`;
  return [make("h3", {}, `Learning curves ${first}`), make("label", {}, "Curve ", select), box];
}

async function openCell() {
  const { anchor, name, trial } = parts(location.hash);
  const link = linkTo(anchor, name);
  if (!link) {
    openPanel("No such number", make("p", {}, "This report has no cell of that address."));
    return;
  }
  const data = await load(link.closest("[data-file]").dataset.file);
  const cell = data.cells[name];
  const seconds = cell.trials.reduce((sum, one) => sum + (one.seconds ?? 0), 0);
  const ok = cell.trials.filter((one) => one.status === "ok").length;
  const where = document.getElementById(anchor)?.querySelector("h2")?.firstChild.textContent.trim() ?? "";
  const box = link.closest("td");
  const known = [link.textContent.trim(), box?.querySelector(".gap")?.textContent].filter(Boolean).join("; ");
  const title = `${data.row}: ${where}, ${cell.place}`;
  openPanel(
    title,
    make("p", {}, make("strong", {}, known), ` · ${ok} of ${cell.trials.length} trials ok · `
      + `${window.coreTime(seconds)} in all${data.block ? ` · ${data.block}` : ""}`),
    ...failures(cell),
    make("h3", {}, "Trials"),
    trialsTable(cell, anchor, name, trial),
    make("h3", {}, "How settings were chosen"),
    make("p", { class: "quiet" }, data.chosen_by ? `By ${data.chosen_by}.` : ""),
    ...cell.trials.map((one) => candidates(one, cell.trials.length === 1 ? String(one.trial) : trial)),
    ...curves(cell, { hue: 0 }),
  );
}

window.coreTime = (total) => (total < 120 ? `${total.toFixed(total < 10 ? 1 : 0)} core-seconds`
  : total < 7200 ? `${(total / 60).toFixed(1)} core-minutes` : `${(total / 3600).toFixed(1)} core-hours`);

function follow() {
  if (!location.hash.startsWith("#cell/")) {
    if (panel.open) panel.close();
    return;
  }
  openCell().catch((error) => openPanel("The trials cannot be shown", problem(error)));
}

if (panel) {
  window.addEventListener("hashchange", follow);
  panel.addEventListener("close", () => {
    if (location.hash.startsWith("#cell/")) {
      history.replaceState(null, "", location.pathname + location.search);
    }
  });
  panel.querySelector(".close").addEventListener("click", () => panel.close());
  follow();
}
