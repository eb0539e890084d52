// Times by the server's clock: a laptop's may be wrong, and a deadline is the server's to tell.
const SOON = 5 * 60 * 1000;
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];

let ahead = 0;

export function setServerTime(written) {
  ahead = Date.parse(written) - Date.now();
}

export function serverNow() {
  return Date.now() + ahead;
}

export function clockText(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
}

function inWords(milliseconds) {
  let seconds = Math.max(Math.floor(milliseconds / 1000), 0);
  if (seconds < 60) return `${seconds} s`;
  const parts = [];
  for (const [size, unit] of UNITS) {
    const count = Math.floor(seconds / size);
    seconds %= size;
    if (count) parts.push(`${count} ${unit}`);
  }
  return parts.slice(0, 2).join(" ");
}

function showDeadlines() {
  const now = serverNow();
  for (const time of document.querySelectorAll("[data-deadline]")) {
    const left = Date.parse(time.dateTime) - now;
    const text = left > 0 ? `in ${inWords(left)}` : "deadline passed";
    if (time.textContent !== text) time.textContent = text;
    time.classList.toggle("soon", left > 0 && left < SOON);
    if (left <= 0 && !time.dataset.passed) {
      time.dataset.passed = "yes";
      time.dispatchEvent(new CustomEvent("assent:passed", { bubbles: true }));
    }
  }
}

const source = document.querySelector("[data-now]");
if (source) setServerTime(source.dataset.now);
showDeadlines();
setInterval(showDeadlines, 1000);
