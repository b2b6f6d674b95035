// Filters and orders of tables in the page's address, ?data=mfeat&sort.mfeat=descending:2 % labelled,
// so that a view can be shared, reloaded and left by the back button. The part after # stays a cell's.
"use strict";

const FILTERS = ["data", "block", "labelled", "row"];
const addressed = new Map(); // name in the address -> table
const plainText = (text) => text.replace(/\s+/g, " ").trim();
const headText = (head) => plainText(head.querySelector("button.sort")?.textContent ?? "");

// A table is named by its fold, and where it has none by its section and its place there.
function nameTables() {
  for (const section of document.querySelectorAll("main > section")) {
    let count = 0;
    for (const table of section.querySelectorAll("table.sortable")) {
      const fold = table.closest("details[id]");
      if (!fold) count += 1;
      addressed.set(fold ? fold.id : section.id + (count > 1 ? `.${count}` : ""), table);
    }
  }
}

const nameOf = (table) => [...addressed].find(([, one]) => one === table)?.[0];

// Put values into the address; an empty one is left out. Letters typed one after the other are one step back.
function remember(values, typed = false) {
  const url = new URL(location.href);
  const replaced = typed && Object.keys(values).some((name) => url.searchParams.get(name));
  for (const [name, value] of Object.entries(values)) {
    if (value) url.searchParams.set(name, plainText(value));
    else url.searchParams.delete(name);
  }
  if (url.href === location.href) return;
  history[replaced ? "replaceState" : "pushState"](null, "", url);
  followed = url.search;
}

// A table within the panel of trials has no name: its order is not kept.
function rememberOrder(table, head, order) {
  const name = nameOf(table);
  if (name) remember({ [`sort.${name}`]: order && `${order}:${headText(head)}` });
}

function rememberWords(table, words) {
  const name = nameOf(table);
  if (name) remember({ [`find.${name}`]: words }, true);
}

// What the address asks of the form; returns what this page does not have.
function fillForm(form, wanted) {
  const lacking = [];
  for (const name of FILTERS) {
    const value = wanted.get(name) ?? "";
    const field = form.elements[name];
    if (field.options) {
      const option = [...field.options].find((one) => plainText(one.value) === plainText(value));
      if (!option) lacking.push(`${name}=${value}`);
      field.value = option?.value ?? "";
    } else field.value = value;
  }
  form.dispatchEvent(new Event("addressed"));
  return lacking;
}

// Give a table the order and the words that the address asks; returns what it does not have.
function followTable(name, table, wanted) {
  const lacking = [];
  const fold = table.closest("details");
  const [, order, text] = wanted.get(`sort.${name}`)?.match(/^(ascending|descending):(.*)$/s) ?? [];
  const head = [...table.querySelectorAll("thead th")].find((one) => text && headText(one) === plainText(text));
  if (wanted.has(`sort.${name}`) && !head) lacking.push(`sort.${name}=${wanted.get(`sort.${name}`)}`);
  if (head || table.querySelector("[aria-sort]")) setOrder(table, head, head && order);
  const field = fold?.querySelector("input.filter");
  const words = wanted.get(`find.${name}`) ?? "";
  if (field && (words || field.value)) {
    field.value = words;
    filterList(fold);
  }
  if (fold && (head || (field && words))) fold.open = true;
  return lacking;
}

let followed = "";

function followAddress() {
  if (location.search === followed) return; // only the part after # has changed
  followed = location.search;
  const wanted = new URLSearchParams(location.search);
  const form = document.getElementById("filters");
  const lacking = form ? fillForm(form, wanted) : [];
  for (const [name, table] of addressed) lacking.push(...followTable(name, table, wanted));
  for (const [key, value] of wanted) {
    const [, name] = key.match(/^(?:sort|find)\.(.*)$/s) ?? [];
    if (name !== undefined && !addressed.has(name)) lacking.push(`${key}=${value}`);
  }
  document.getElementById("unfollowed")?.remove();
  if (lacking.length) {
    const note = problem(new Error(`This page has nothing for this part of its address: ${lacking.join(", ")}.`));
    note.id = "unfollowed";
    document.getElementById("main").prepend(note);
  }
}

nameTables();
window.addEventListener("popstate", followAddress);
followAddress();
