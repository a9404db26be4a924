/* What pages do beyond plain HTML. Everything works without this file. */

const spoken = () => document.getElementById("spoken");

function say(words) {
  const place = spoken();
  if (!place) return;
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = words; });
}

/* Copy buttons: <button type="button" data-copy="#id" hidden>Copy</button>. Shown only where copying can work. */
function showCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("[data-copy][hidden]")) button.hidden = false;
}

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  if (!source) return;
  const words = button.querySelector("[data-words]") ?? button;
  const before = words.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    words.textContent = "Copied";
    say(button.dataset.copied ?? "Copied to the clipboard");
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    say("Copying was refused. The value is selected: copy it with your keyboard.");
  }
  setTimeout(() => { words.textContent = before; }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

/* What htmx has fetched into a dialog is shown there; without it, the link that asked leads to a page of its own. An answer to
   what was asked within the dialog does not open it again for who has closed it meanwhile. */
document.addEventListener("htmx:afterSwap", (event) => {
  const dialog = event.detail.target.closest("dialog:not([open])");
  if (dialog && event.detail.requestConfig?.within !== dialog) dialog.showModal();
});

/* Where the next step is, after a page or a part of it has come: marked by the server, and taken once. (htmx's own autofocus
   speaks up in the console where something has focus already.) */
function goOn(from = document.body) {
  const place = document.querySelector("[data-focus]");
  place?.removeAttribute("data-focus");
  const here = document.activeElement;
  const movedOn = here !== document.body && here !== from && !(here.id && here.id === from.id);
  if (!movedOn) place?.focus();
}

/* Whoever has moved on by the time the answer comes is not called back. */
document.addEventListener("htmx:beforeRequest", ({ detail: { elt, requestConfig } }) => {
  requestConfig.from = document.activeElement;
  requestConfig.within = elt.closest("dialog");
});

/* Nobody looks at a hidden tab, so what asks for itself again waits there. */
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.matches("[data-poll]")) event.preventDefault();
});

/* Trying a secret out: it is read from the page at the moment of the press, so that no field of the browser ever holds it. */
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.querySelector("[data-try]")) return;
  event.preventDefault();
  const secret = document.getElementById("secret")?.textContent.trim() ?? "";
  document.getElementById("trial").textContent = "Asking Cloudflare";
  htmx.ajax("POST", form.action, { source: form, target: "#trial", swap: "innerHTML", values: { secret } });
});

/* An answer of the portal's says by itself what went wrong. Where none came, or a proxy's or server's own that is not put into
   the page, this says so. The builder's form has words of its own for its saving. */
const saves = ({ requestConfig: sent }) => sent?.verb === "post" && sent.elt.closest("#draft[data-autosave]");

function unanswered(event, words) {
  const messages = document.getElementById("messages");
  const banner = document.getElementById("unanswered")?.content.firstElementChild.cloneNode(true);
  if (!messages || !banner || saves(event.detail)) return;
  banner.querySelector("p:last-child").textContent = words;
  banner.dataset.unanswered = "";
  messages.replaceChildren(banner);
  messages.scrollIntoView({ block: "nearest" });
  if (event.detail.target?.id === "trial") event.detail.target.textContent = "";
}

const UNREACHED = "The portal cannot be reached. What you see here has not changed. Check your connection, then try again.";
document.addEventListener("htmx:sendError", (event) => unanswered(event, UNREACHED));
document.addEventListener("htmx:timeout", (event) => unanswered(event, UNREACHED));
document.addEventListener("htmx:beforeSwap", (event) => {
  const { shouldSwap, isError, xhr } = event.detail;
  if (shouldSwap || !isError) return;
  if (xhr.status === 413) unanswered(event, "That is too much to send at once. Shorten it, then try again.");
  else if (xhr.status === 405) unanswered(event, "This page is out of date. Reload it, then try again.");
  else unanswered(event, `The portal gave no usable answer (${xhr.status}). What you see here has not changed. Try again in a moment.`);
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) document.querySelector("[data-unanswered]")?.remove();
});

/* A secret does not outlive its page in the browser's back/forward cache. */
addEventListener("pagehide", () => {
  for (const place of document.querySelectorAll("[data-wipe]")) place.textContent = "";
});

document.addEventListener("DOMContentLoaded", () => {
  showCopyButtons(document);
  goOn();
  for (const button of document.querySelectorAll("[data-try]")) button.closest("form").hidden = false;
});
document.addEventListener("htmx:afterSwap", (event) => {
  showCopyButtons(document);
  goOn(event.detail.requestConfig?.from);
});
