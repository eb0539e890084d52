// The queue while it is open: arrivals wait behind a link, what was decided elsewhere stays where it is, dimmed.
import { disturb } from "./guards.js";
import { ask, onNews } from "./live.js";

const page = document.querySelector('[data-page="queue"]');
const fresh = new Set();
let missed = false;

const rowOf = (approval) => document.querySelector(`[data-row="${CSS.escape(approval)}"]`);

async function idsOfThisPage() {
  const answer = await ask(location.href);
  const loaded = new DOMParser().parseFromString(await answer.text(), "text/html");
  return [...loaded.querySelectorAll("[data-row]")].map((row) => row.dataset.row);
}

function offer(words) {
  const place = document.querySelector("[data-arrivals]");
  place.hidden = false;
  place.querySelector("a").textContent = words;
}

function offerFresh() {
  if (missed) return;
  offer(`Show ${fresh.size} new`);
  // What was decided elsewhere before it was looked at is not new any more.
  document.querySelector("[data-arrivals]").hidden = fresh.size === 0;
}

async function arrived(ids) {
  // A filter is the server's to apply; without one everything that arrives belongs here.
  const here = "filtered" in page.dataset ? await idsOfThisPage() : ids;
  for (const each of here) if (!rowOf(each)) fresh.add(each);
  if (fresh.size === 0) return;
  // Where there is nothing yet, nothing can move under anybody.
  if (document.querySelector("[data-rows]")) offerFresh();
  else location.reload();
}

function decided(change) {
  // An arrival is a change as well, and is new until it is decided.
  if (!change.open && fresh.delete(change.id)) offerFresh();
  const row = rowOf(change.id);
  if (!row || row.matches(".done") || row.querySelector("form")?.dataset.sent) return;
  // A vote of several changes a row that goes on waiting; a step that is open on it goes on as well.
  if (change.open && row.matches(".strip")) return;
  if (change.open || row.matches(".strip")) {
    htmx.ajax("GET", `/rows/${encodeURIComponent(change.id)}`, { target: row, swap: "outerHTML" });
    disturb();
    return;
  }
  row.classList.add("done", "fresh");
  row.querySelectorAll(".when, .votes, .acts").forEach((each) => each.remove());
  const pick = row.querySelector("[data-pick]");
  if (pick) { pick.checked = false; pick.disabled = true; }
  const outcome = document.createElement("span");
  outcome.className = "outcome";
  outcome.textContent = change.words;
  row.append(outcome);
  countSelected();
}

function countSelected() {
  const picked = document.querySelectorAll("[data-pick]:checked").length;
  const place = document.querySelector("[data-selected-count]");
  if (place) place.textContent = `${picked} selected`;
}

if (page) {
  onNews((news) => {
    missed ||= news.missed;
    if (missed) offer("Show what has changed");
    if (news.arrived.length) arrived(news.arrived);
    news.changed.forEach(decided);
    const next = document.querySelector("[data-summary] [data-deadline]");
    if (next && news.next) next.dateTime = news.next;
    // With nothing left to decide, nothing expires next.
    if (next) next.closest(".quiet").hidden = !news.next;
  });
  document.addEventListener("change", (event) => { if (event.target.matches("[data-pick]")) countSelected(); });
  countSelected();

  // After a decision the focus goes on to the next row, and never to its buttons.
  document.addEventListener("htmx:after:swap", () => {
    if (document.activeElement && document.activeElement !== document.body) return;
    let next = swapped?.isConnected ? swapped.nextElementSibling : null;
    while (next?.matches(".done")) next = next.nextElementSibling;
    (next ?? document.querySelector(".row:not(.done)"))?.querySelector("[data-open]")?.focus();
  });

  let swapped = null;
  new MutationObserver((changes) => {
    for (const change of changes) swapped = [...change.addedNodes].find((node) => node.matches?.("[data-row]")) ?? swapped;
  }).observe(document.querySelector("#main"), { childList: true, subtree: true });
}
