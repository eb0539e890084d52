// The stream of news: how many wait, what arrived, what was decided, and whether anything runs.
import { clockText, serverNow, setServerTime } from "./clock.js";

const SILENT_TOO_LONG = 14_000;
const SAY_AT_MOST_EVERY = 10_000;

const source = document.querySelector("[data-live]");
const title = document.title.replace(/^\(\d[\d,]*\+?\) /, "");
let lastHeard = Date.now();
let lastKnown = serverNow();
let standing = source?.dataset.standing;
let unsaid = 0;
let lastSaid = 0;

// What a page asks by itself does not count as somebody using it.
export function ask(address) {
  return fetch(address, { headers: { "Assent-Unattended": "yes" } });
}

export function isOffline() {
  return document.documentElement.classList.contains("offline");
}

export function onNews(listener) {
  document.addEventListener("assent:heard", (event) => listener(event.detail));
}

function heard(event) {
  const news = JSON.parse(event.detail.data);
  setServerTime(news.now);
  lastHeard = Date.now();
  lastKnown = Date.parse(news.now);
  setOffline(false);
  const shown = news.waiting.toLocaleString("en-US") + (news.capped ? "+" : "");
  for (const element of document.querySelectorAll("[data-waiting]")) {
    element.textContent = shown;
    if (element.classList.contains("count")) element.hidden = news.waiting === 0;
  }
  document.title = source.dataset.page === "queue" && news.waiting ? `(${shown}) ${title}` : title;
  news.turned = standing !== news.standing;
  standing = news.standing;
  if (news.turned) refreshBanners();
  unsaid += news.arrived.length;
  document.dispatchEvent(new CustomEvent("assent:heard", { detail: news }));
}

async function refreshBanners() {
  const answer = await ask("/banners");
  if (answer.ok) document.getElementById("banners").innerHTML = await answer.text();
}

function setOffline(off) {
  if (off === isOffline()) return;
  document.documentElement.classList.toggle("offline", off);
  const words = off ? `Can't reach Assent. Last known ${clockText(lastKnown)} UTC. Deciding is off.` : "";
  for (const place of document.querySelectorAll("[data-connection]")) {
    place.textContent = words;
    place.classList.toggle("lost", off);
  }
  for (const control of document.querySelectorAll("[data-approve], [data-reject], [data-confirm]")) {
    if (off) control.setAttribute("aria-disabled", "true");
    // What is to be read first stays off.
    else if (!control.dataset.gated) control.removeAttribute("aria-disabled");
  }
}

function say() {
  if (unsaid === 0 || Date.now() - lastSaid < SAY_AT_MOST_EVERY) return;
  document.querySelector("[data-hearing]").textContent = `${unsaid} new ${unsaid === 1 ? "request" : "requests"}.`;
  lastSaid = Date.now();
  unsaid = 0;
}

if (source) {
  // Not in the page itself: htmx may look at it before its extension for these streams has been loaded.
  source.setAttribute("hx-sse:connect", source.dataset.live);
  // A queue in the background goes on counting in its title, and notifies who asked for that. Other pages let go of
  // their connection meanwhile: a browser has six for one server.
  if (source.dataset.page === "queue") source.setAttribute("hx-config", '{"sse": {"pauseOnBackground": false}}');
  htmx.process(source);
  source.addEventListener("assent:news", heard);
  source.addEventListener("assent:signed-out", () => location.reload());
  source.addEventListener("htmx:sse:error", () => { if (Date.now() - lastHeard > 1000) setOffline(true); });
  addEventListener("offline", () => setOffline(true));
  // What was silent while nobody looked may be well: it has as long as ever to be heard again.
  document.addEventListener("visibilitychange", () => { lastHeard = Date.now(); });
  setInterval(() => {
    if (Date.now() - lastHeard > SILENT_TOO_LONG && !document.hidden) setOffline(true);
    say();
  }, 1000);
}
