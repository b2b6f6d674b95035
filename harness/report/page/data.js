// Data files beside the page: scripts that call reportData, for a page on disk may not read files.
"use strict";
document.documentElement.classList.add("scripted");
const arrived = new Map();
const asked = new Map();

function reportData(file, content) {
  arrived.set(file, content);
}

// What a data file holds; the same promise for the same file.
function load(file) {
  if (!asked.has(file)) {
    asked.set(file, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = file;
      script.addEventListener("load", () => resolve(arrived.get(file)));
      script.addEventListener("error", () => {
        asked.delete(file);
        reject(new Error(`${file} is not beside this page: copy the whole folder of the report.`));
      });
      document.head.append(script);
    }));
  }
  return asked.get(file);
}

// An element with attributes and children; a child is an element or a text.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined && value !== "") element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== ""));
  return element;
}

function problem(error) {
  return make("p", { class: "warning", role: "alert" }, error.message);
}
