/* Who else is at this draft: asked every 30 seconds while somebody looks at the page, and at once on coming back to it. */

const here = document.querySelector("[data-here]");
const EVERY = 30_000;
let asked = 0;
let stopped = false;

function ask() {
  if (stopped || document.hidden || Date.now() - asked < EVERY - 1000) return;
  asked = Date.now();
  htmx.trigger(here, "ping");
}

document.addEventListener("DOMContentLoaded", ask);
document.addEventListener("visibilitychange", ask);
setInterval(ask, EVERY);

/* Whoever may not see it any more, or is signed out, is told so once. A save that works proves that asking does too. */
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt !== here) return;
  const code = event.detail.xhr?.status;
  if (code === 403 || code === 404 || here.querySelector("[data-stop]")) stopped = true;
});
document.addEventListener("saved", () => {
  stopped = false;
  const newer = here.querySelector("[data-newer]");
  const revision = document.getElementById("revision")?.value ?? 0;
  if (newer && Number(revision) >= Number(newer.dataset.newer)) newer.remove();
});

/* What has not changed is not read out again. */
const words = (html) => html.replace(/\s+/g, " ").trim();
document.addEventListener("htmx:beforeSwap", (event) => {
  const { elt, target, serverResponse } = event.detail;
  if (elt === here && target.id === "here" && words(serverResponse) === words(target.innerHTML)) event.detail.shouldSwap = false;
});
