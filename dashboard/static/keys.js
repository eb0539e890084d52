// Keys for those whose hands stay on them. Letters are off in fields, with modifiers, and when switched off.
import { isSettled } from "./guards.js";

const OFF = "assent:letters-off";
const rows = () => [...document.querySelectorAll(".row[data-row]")];
const current = () => document.activeElement?.closest?.(".row[data-row]") ?? document.querySelector(".row.at");

function move(step) {
  const all = rows();
  const at = all.indexOf(current());
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
  if (!next) return;
  all.forEach((row) => row.classList.toggle("at", row === next));
  (next.querySelector("[data-open]") ?? next).focus();
  next.scrollIntoView({ block: "nearest" });
}

function decide(selector) {
  const row = current();
  const control = row ? row.querySelector(selector) : document.querySelector(`#bar ${selector}`);
  if (control) control.click();
  // What cannot be shown whole in the list is decided on its page.
  else if (row) row.querySelector("[data-open]")?.click();
}

function confirmStep(event) {
  const step = event.target.closest?.("[data-step]");
  if (!step || event.target.closest("button, a, textarea, input")) return false;
  const form = step.matches("form") ? step : step.querySelector("form");
  const button = form.querySelector("[data-confirm]");
  if (button && !button.disabled && isSettled()) form.requestSubmit(button);
  return true;
}

const LETTERS = {
  j: () => move(1),
  k: () => move(-1),
  a: () => decide("[data-approve]"),
  r: () => decide("[data-reject]"),
  x: () => current()?.querySelector("[data-pick]")?.click(),
  v: () => { const raw = document.querySelector("[data-raw]"); if (raw) raw.open = !raw.open; },
  u: () => document.querySelector("[data-back]")?.click(),
  "/": () => document.querySelector("[data-search]")?.focus(),
  "?": () => document.getElementById("help")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.repeat && !["j", "k"].includes(event.key)) return;
  const field = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && field?.matches("[data-comment]")) {
    event.preventDefault();
    field.form.requestSubmit(field.form.querySelector("[data-confirm]"));
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if (field?.matches("[data-search]")) field.blur();
    else document.activeElement?.closest?.("[data-step]")?.querySelector("[data-cancel]")?.click();
    return;
  }
  if (event.key === "Enter") {
    if (confirmStep(event)) event.preventDefault();
    return;
  }
  if (field || document.querySelector("dialog[open]") || localStorage.getItem(OFF)) return;
  const action = LETTERS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.(".row[data-row]");
  if (row) rows().forEach((each) => each.classList.toggle("at", each === row));
});

const letters = document.querySelector("[data-letters]");
if (letters) {
  letters.checked = !localStorage.getItem(OFF);
  letters.addEventListener("change", () => {
    if (letters.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
  });
}
document.querySelector("[data-help]")?.addEventListener("click", () => document.getElementById("help").showModal());
