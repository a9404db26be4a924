/* The builder beyond plain forms: what autosave says, what happens meanwhile, how long a name is. htmx does the rest. */

const form = document.getElementById("draft");

/* Autosave: one request at a time (hx-sync). It stops at the first thing that goes wrong, and says so. */
let underWay = 0;
let paused = false;

function status(words, bad) {
  const place = document.getElementById("saved");
  if (!place) return;
  place.classList.toggle("bad", Boolean(bad));
  place.textContent = words;
}

function pause(words) {
  paused = true;
  status(`${words} `, true);
  const again = document.createElement("button");
  again.type = "button";
  again.className = "linklike";
  again.textContent = "Try again";
  again.addEventListener("click", resume);
  document.getElementById("saved")?.append(again);
}

function stillSays(answer) {
  if (new URL(answer.url).pathname.startsWith("/sign-in/")) return "Still not saved: sign in again in another window.";
  if (answer.status === 404) return "Still not saved: this draft is not open to you any more.";
  return answer.ok ? "Still not saved: this is no longer a draft." : "Still not saved: the portal has a problem.";
}

/* The form's token ends with the session that it came with: a page of the new session brings another. */
async function resume() {
  status("Saving");
  try {
    const answer = await fetch(form.action, { headers: { Accept: "text/html" }, cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const token = page.querySelector("#draft [name=csrfmiddlewaretoken]");
    if (!answer.ok || !token) { pause(stillSays(answer)); return; }
    form.elements.csrfmiddlewaretoken.value = token.value;
  } catch {
    pause("Still not saved: the portal cannot be reached.");
    return;
  }
  paused = false;
  document.getElementById("messages").replaceChildren();
  htmx.trigger(form, "input");
}

/* Both changed the same: nothing is saved until somebody has chosen. The form is out of sight by then, and goes with the choice,
   so what was typed until this moment goes along. */
function askToChoose() {
  paused = true;
  unsaved = true;
  held.length = 0;
  form.inert = false;
  document.getElementById("choose")?.focus();
}

const ours = (event) => form?.contains(event.detail.elt) && event.detail.requestConfig?.verb === "post";

function says(code) {
  if (code === 400 || code === 403 || code === 404) return "Not saved: the notice above says why.";
  if (code === 429) return "Not saved: too many requests. Wait a moment.";
  return code ? "Not saved: the portal has a problem. Your entries are still here." : "Not saved: the portal cannot be reached. Your entries are still here.";
}

/* Meanwhile. An answer shows the draft as it was when it was asked for: what was typed, ticked or pressed since then is
   carried over to it. */
let sent = new Map();
let leaving = false;
let unsaved = false;
const held = [];

/* "Saving" is said where it takes a while only: a reader of the screen would hear it with every pause in somebody's typing. */
const SLOW = 400;
let saying = 0;

if (form?.dataset.autosave !== undefined) {
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!ours(event)) return;
    if ((paused || leaving) && event.detail.elt === form) { event.preventDefault(); return; }
    underWay += 1;
    unsaved = false;
    sent = new Map(fields(form).map((field) => [field, stateOf(field)]));
    /* Another connection brings a whole new page, which would take along what is typed until it comes. */
    form.inert = event.detail.elt.name === "connection";
    clearTimeout(saying);
    saying = setTimeout(status, SLOW, "Saving");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!ours(event)) return;
    underWay = Math.max(0, underWay - 1);
    clearTimeout(saying);
    const code = event.detail.xhr?.status;
    if (event.detail.successful) paused = false;
    else if (code === 409) askToChoose();
    else { pause(says(event.detail.xhr?.status ?? 0)); held.length = 0; form.inert = false; unsaved = true; }
    /* Once htmx is done with this answer, and has sent what it had queued behind it. */
    setTimeout(next);
  });
  /* A press while a save is on its way waits for it: else the two would meet as a conflict of one person with herself. */
  form.addEventListener("submit", (event) => {
    leaving = !underWay;
    if (leaving) return;
    event.preventDefault();
    hold(event.submitter);
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[hx-post]");
    if (!button || !underWay) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    hold(button);
  }, true);
  form.addEventListener("input", (event) => {
    leaving = false;
    unsaved ||= !event.target.matches("[role=combobox], [data-finder]");
  }, true);
  /* Whoever follows a link right after the last key has not said that it should be forgotten. */
  addEventListener("beforeunload", () => {
    if (!unsaved || leaving || paused) return;
    unsaved = false;
    fetch(form.action, { method: "POST", body: new FormData(form), keepalive: true, headers: { "HX-Request": "true", "HX-Target": "told" } }).catch(() => {});
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

const ticked = (field) => field.type === "radio" || field.type === "checkbox";
const stateOf = (field) => (ticked(field) ? field.checked : field.value);
const fields = (root) => [...root.querySelectorAll("input:not([type=hidden]), textarea, select")];
const isChanged = (field) => sent.has(field) && sent.get(field) !== stateOf(field);

function hold(button) {
  held.push({ value: button.value, words: button.textContent, add: button.dataset.add });
}

/* Ranges and rows of permissions are counted, and one may have gone from among them: what they say tells which is which. */
const uncounted = (name) => name.replace(/^(remove-range:[a-z]+):[0-9]+$/, "$1").replace(/^(b[0-9]+-p)[0-9]+$/, "$1");

function counterpart(field) {
  const alike = fields(form).filter((one) => one.type === field.type && uncounted(one.name) === uncounted(field.name));
  if (ticked(field)) return alike.find((one) => one.value === field.value);
  return alike.find((one) => one.value === sent.get(field)) ?? alike.at(-1);
}

function next() {
  if (underWay) return;
  const press = held.shift();
  if (!press) {
    if (!paused && fields(form).some(isChanged)) htmx.trigger(form, "input");
    return;
  }
  const button = [...form.elements, ...document.querySelectorAll("[form=draft]")].find((one) => one.type === "submit" && (press.add
    ? one.dataset.add === press.add
    : uncounted(one.value) === uncounted(press.value) && one.textContent === press.words));
  if (!button) { next(); return; }
  if (press.add) button.value = press.value;
  if (button.hasAttribute("hx-post")) button.click();
  else form.requestSubmit(button);
}

/* Where the focus is in a part that is about to be replaced: htmx finds it again by its id only. */
const stops = (root) => [...root.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")];
const kept = new WeakMap();

/* With their states: a radio button that comes in takes the mark from the one that it replaces. */
const changedIn = (target) => fields(target).filter((field) => isChanged(field) && (field.type !== "radio" || field.checked)).map((field) => [field, stateOf(field)]);

function keepFor(target) {
  const at = stops(target).indexOf(document.activeElement);
  kept.set(target, {
    at,
    words: at < 0 ? "" : document.activeElement.textContent,
    open: [...target.querySelectorAll("details")].map((one) => one.open),
    changed: form.contains(target) ? changedIn(target) : [],
    focused: document.activeElement,
    caret: at < 0 ? null : document.activeElement.selectionStart,
  });
}

function carryOver(target) {
  const was = kept.get(target);
  if (!was || was.carried) return;
  const folds = [...target.querySelectorAll("details")];
  if (folds.length === was.open.length) folds.forEach((one, index) => { one.open ||= was.open[index]; });
  was.carried = was.changed.map(([field, state]) => {
    const now = counterpart(field);
    if (!now) return null;
    now[ticked(field) ? "checked" : "value"] = state;
    if (field === was.focused) {
      now.focus();
      if (typeof was.caret === "number") now.setSelectionRange(was.caret, was.caret);
    }
    return now;
  });
  if (was.at >= 0 && document.activeElement === document.body) {
    const all = stops(target);
    (all.find((one) => was.words && one.textContent === was.words) ?? all[Math.min(was.at, all.length - 1)])?.focus();
  }
}

function goOnWith(field) {
  if (!field?.isConnected) return;
  const looks = field.matches("[role=combobox], [data-finder]");
  if (looks) { if (field === document.activeElement) htmx.trigger(field, "look"); }
  else if (ticked(field)) htmx.trigger(field, "input");
  else htmx.trigger(field === document.activeElement ? form : field, field === document.activeElement ? "input" : "change");
}

if (form) {
  document.addEventListener("htmx:beforeSwap", (event) => { if (ours(event) && form.contains(event.detail.target)) keepFor(event.detail.target); });
  document.addEventListener("htmx:afterSwap", (event) => { if (ours(event)) carryOver(event.detail.target); });
  document.addEventListener("htmx:afterSettle", (event) => {
    const was = kept.get(event.detail.target);
    kept.delete(event.detail.target);
    setTimeout(() => was?.carried?.forEach(goOnWith));
    markFields(form);
  });
  /* What has not changed is left alone: it would be read out anew with each save, and a focus in it be lost. */
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    if (target.id === "saved") target.classList.remove("bad");
    if (fragment instanceof HTMLElement && fragment.innerHTML.trim() === target.innerHTML.trim()) event.detail.shouldSwap = false;
    else keepFor(target);
  });
  document.addEventListener("htmx:oobAfterSwap", (event) => { carryOver(event.detail.target); kept.delete(event.detail.target); });
}

/* Whoever typed before this script had come is not forgotten. */
document.addEventListener("DOMContentLoaded", () => {
  const typed = (field) => field.matches("input, textarea") && field.value !== field.defaultValue;
  if (form?.dataset.autosave !== undefined && [...form.elements].some(typed)) htmx.trigger(form, "input");
});

/* Messages stand in slots that a save fills; their fields say so too. */
function markFields(root) {
  for (const field of root.querySelectorAll("[aria-describedby$='-slot']")) {
    const slot = document.getElementById(field.getAttribute("aria-describedby").split(" ").at(-1));
    if (slot?.querySelector(".error")) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
}

/* The same for machines: read when it is opened, and anew after each save while it stands open. */
const same = document.getElementById("same");
function showSame() {
  if (same?.open) htmx.trigger(same.querySelector(".tabs [aria-current]") ?? same.querySelector(".tabs a"), "click");
}
same?.addEventListener("toggle", () => { if (!same.querySelector("pre")) showSame(); });
document.addEventListener("saved", showSame);

/* How much of the name is used. */
function count() {
  for (const place of document.querySelectorAll("[data-count]")) {
    const field = document.querySelector(place.dataset.count);
    place.hidden = false;
    place.textContent = `${[...field.value.trim()].length} of ${place.dataset.limit}`;
  }
}
document.addEventListener("input", (event) => { if (event.target.id === "name") count(); });
count();

/* The finder: Enter goes to the first answer instead of sending the form. */
document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-finder]")) return;
  const list = document.getElementById(event.target.id.replace("-find", "-found"));
  if (event.key === "Enter" || event.key === "ArrowDown") {
    event.preventDefault();
    list?.querySelector("button")?.focus();
  } else if (event.key === "Escape" && event.target.value) {
    event.preventDefault();
    event.target.value = "";
    list?.replaceChildren();
  }
});
