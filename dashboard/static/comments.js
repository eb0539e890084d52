// A rejection's comment survives being signed out in the middle, and the reasons last used can be used again.
const REASONS = "assent:reasons";
const MOST = 5;

const draftOf = (form) => `assent:comment:${form.dataset.approval}`;

function reasons() {
  try {
    return JSON.parse(localStorage.getItem(REASONS) ?? "[]");
  } catch {
    return [];
  }
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-comment]")) sessionStorage.setItem(draftOf(event.target.form), event.target.value);
});

document.addEventListener("submit", (event) => {
  const comment = event.target.querySelector?.("[data-comment]")?.value.trim();
  if (!comment) return;
  localStorage.setItem(REASONS, JSON.stringify([comment, ...reasons().filter((each) => each !== comment)].slice(0, MOST)));
});

document.addEventListener("htmx:after:request", (event) => {
  const form = event.target.closest?.("form[data-decision]");
  if (form && event.detail?.ctx?.response?.status === 200) sessionStorage.removeItem(draftOf(form));
});

function offer(field) {
  if (!field.value) field.value = sessionStorage.getItem(draftOf(field.form)) ?? "";
  const place = field.form.querySelector("[data-reasons]");
  for (const reason of reasons()) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.textContent = reason.length > 60 ? `${reason.slice(0, 60)}…` : reason;
    button.addEventListener("click", () => {
      field.value = reason;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.focus();
    });
    place.append(button);
    place.hidden = false;
  }
}

function offerAll(root) {
  if (root.nodeType === Node.ELEMENT_NODE) root.querySelectorAll("[data-comment]").forEach(offer);
}

new MutationObserver((changes) => {
  for (const change of changes) change.addedNodes.forEach(offerAll);
}).observe(document.body, { childList: true, subtree: true });
offerAll(document.body);
