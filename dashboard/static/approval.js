// One approval while it is open: what changes is shown as it changes, and a change of content disarms the decision.
import { disturb } from "./guards.js";
import { ask, onNews } from "./live.js";

const page = document.querySelector('[data-page="approval"]');
const approval = page?.dataset.approval;
let watcher;
let asked = 0;

const textOf = (element) => {
  const copy = element.cloneNode(true);
  copy.querySelectorAll("time").forEach((time) => { time.textContent = ""; });
  return copy.textContent.replace(/\s+/g, " ").trim();
};

function showDifference(before, after) {
  const old = new Map([...before.querySelectorAll("[data-field]")].map((field) => [field.dataset.field, textOf(field)]));
  for (const field of after.querySelectorAll("[data-field]")) {
    if (old.get(field.dataset.field) !== textOf(field)) field.classList.add("differs");
  }
}

function replaceBar(loaded, contentChanged) {
  const bar = document.getElementById("bar");
  const next = loaded.getElementById("bar");
  const open = next.hasAttribute("data-waits");
  const sending = bar.querySelector("form")?.dataset.sent;
  // A step that is open stays open, unless what it was about has changed or been decided.
  if (sending || (open && !contentChanged && bar.classList.contains("stepping"))) return;
  // Whoever was told that somebody else was first has read it in better words than the state's.
  // Whoever has sent a decision that is not recorded yet waits for that, and does not decide again.
  if (bar.querySelector(".told") && (open || !bar.hasAttribute("data-unrecorded"))) return;
  if (textOf(bar) === textOf(next) && !contentChanged) return;
  bar.replaceWith(next);
  htmx.process(next);
  gate();
}

async function refresh() {
  const mine = ++asked;
  const answer = await ask(location.pathname);
  if (answer.redirected || !answer.ok) { location.reload(); return; }
  const text = await answer.text();
  // Answers may overtake each other: only the newest question's is shown.
  if (mine !== asked) return;
  const loaded = new DOMParser().parseFromString(text, "text/html");
  let contentChanged = false;
  for (const next of loaded.querySelectorAll("[data-fresh]")) {
    const current = document.getElementById(next.id);
    if (!current || textOf(current) === textOf(next)) continue;
    if (next.id === "what") {
      contentChanged = true;
      showDifference(current, next);
      document.querySelector("[data-changed]").hidden = false;
    }
    next.classList.add("fresh");
    current.replaceWith(next);
    htmx.process(next);
  }
  if (contentChanged) disturb();
  replaceBar(loaded, contentChanged);
}

// On a phone, Approve waits until the end of what will run has been on the screen.
function gate() {
  const end = document.querySelector("[data-end-of-what]");
  const approve = document.querySelector("#bar [data-approve]");
  const word = approve?.querySelector("[data-approve-word]");
  if (!end || !word || end.dataset.seen || !matchMedia("(max-width: 47.99rem)").matches) return;
  approve.setAttribute("aria-disabled", "true");
  approve.dataset.gated = "yes";
  word.textContent = "Read to the end";
  watcher?.disconnect();
  watcher = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    end.dataset.seen = "yes";
    disturb();
    const now = document.querySelector("#bar [data-approve]");
    now?.removeAttribute("aria-disabled");
    now?.removeAttribute("data-gated");
    const label = now?.querySelector("[data-approve-word]");
    if (label) label.textContent = "Approve";
  }, { rootMargin: "0px 0px -88px 0px" });
  watcher.observe(end);
}

if (page) {
  gate();
  addEventListener("click", (event) => {
    if (event.target.closest?.("[data-gated]")) document.querySelector("[data-end-of-what]").scrollIntoView({ block: "center" });
  }, true);
  onNews((news) => {
    if (news.turned || news.missed || news.changed.some((each) => each.id === approval)) refresh();
  });
  document.addEventListener("assent:passed", () => setTimeout(refresh, 1500));
  document.addEventListener("htmx:after:swap", () => {
    gate();
    const said = document.querySelector("#bar .said");
    if (said) document.querySelector("#bar [data-following]")?.focus();
    else if (!document.querySelector("#bar.stepping")) disturb();
    if (said) refresh();
  });
}
