// Nothing decides by accident: no held key, no double click, nothing right after what stands here has changed.
import { isOffline } from "./live.js";

const SETTLE = 600;
const DECIDES = "[data-approve], [data-reject], [data-confirm]";

let quietFrom = performance.now();

// Call it when something moved under the reader: what was aimed at may not be there any more.
export function disturb() {
  quietFrom = performance.now();
}

export function isSettled() {
  return performance.now() - quietFrom >= SETTLE;
}

function stop(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

addEventListener("focus", disturb);
document.addEventListener("visibilitychange", disturb);

document.addEventListener("click", (event) => {
  const control = event.target.closest?.(DECIDES);
  if (!control) return;
  if (event.detail > 1 || !isSettled() || isOffline() || control.getAttribute("aria-disabled") === "true") stop(event);
}, true);

document.addEventListener("keydown", (event) => {
  if (event.repeat && (event.key === "Enter" || event.key === " ") && event.target.closest?.("form, .row, .bar")) stop(event);
}, true);

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-decision], .bulk")) return;
  const confirm = form.querySelector("[data-confirm]");
  if (!isSettled() || isOffline() || form.dataset.sent || !confirm || confirm.disabled) {
    stop(event);
    return;
  }
  form.dataset.sent = "yes";
  setTimeout(() => {
    confirm.textContent = "Recording…";
    for (const control of form.querySelectorAll("button, a")) {
      control.setAttribute("aria-disabled", "true");
      if (control.matches("button")) control.disabled = true;
    }
  });
}, true);

// A request that failed on its way can be tried again: it is the same decision, and counts once.
document.addEventListener("htmx:error", (event) => {
  const form = event.target.closest?.("form[data-decision]");
  if (!form) return;
  delete form.dataset.sent;
  for (const control of form.querySelectorAll("button, a")) {
    control.removeAttribute("aria-disabled");
    if (control.matches("button")) control.disabled = false;
  }
  const confirm = form.querySelector("[data-confirm]");
  confirm.textContent = "Send it again";
});

// Arm the last step: its button works after the time that the step asks for, and once the word was typed.
function arm(step) {
  if (step.dataset.armed) return;
  step.dataset.armed = "soon";
  disturb();
  const form = step.matches("form") ? step : step.querySelector("form");
  const confirm = form.querySelector("[data-confirm]");
  const word = form.querySelector("[data-word]");
  if (!confirm) return;
  const update = () => {
    if (!form.dataset.sent) confirm.disabled = step.dataset.armed !== "yes" || (word !== null && word.value.trim() !== word.dataset.word);
  };
  word?.addEventListener("input", update);
  update();
  setTimeout(() => { step.dataset.armed = "yes"; update(); }, Number(step.dataset.step));
  (form.querySelector("[data-comment]") ?? word ?? step.querySelector("[data-step-focus]") ?? step).focus({ preventScroll: !step.matches(".row") });
}

function armAll(root) {
  if (root.nodeType !== Node.ELEMENT_NODE) return;
  for (const step of root.matches("[data-step]") ? [root] : root.querySelectorAll("[data-step]")) arm(step);
}

new MutationObserver((changes) => {
  for (const change of changes) change.addedNodes.forEach(armAll);
}).observe(document.body, { childList: true, subtree: true });
armAll(document.body);
