// Small things: copying, filters that apply when chosen, and notifications for those who ask for them.
import { onNews } from "./live.js";

document.addEventListener("click", async (event) => {
  const copy = event.target.closest?.("[data-copy]");
  if (!copy) return;
  const text = copy.parentElement.querySelector("[data-copy-text]");
  const word = copy.querySelector("span");
  try {
    await navigator.clipboard.writeText(text.textContent);
    word.textContent = "Copied";
  } catch {
    // Over plain HTTP there is no clipboard for pages: it is selected, for Ctrl+C.
    getSelection().selectAllChildren(text);
    word.textContent = "Press Ctrl+C";
  }
  setTimeout(() => { word.textContent = "Copy"; }, 2000);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// What makes something makes it once, however often its button is pressed: its secret is shown in the first answer only.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.querySelectorAll("[data-once]")) delete form.dataset.sent;
});

// On a phone the menu is a line that moves sideways: it begins where one is.
document.querySelector(".side nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

const notify = document.querySelector("[data-notify]");
if (notify && "Notification" in window) {
  notify.hidden = Notification.permission !== "default";
  notify.addEventListener("click", async () => { notify.hidden = (await Notification.requestPermission()) !== "default"; });
  onNews((news) => {
    if (!news.arrived.length || !document.hidden || Notification.permission !== "granted") return;
    const count = news.arrived.length;
    new Notification(`${count} new ${count === 1 ? "request waits" : "requests wait"}`, { tag: "assent", body: `${news.waiting} waiting` });
  });
}
