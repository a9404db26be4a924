/* The combobox (ARIA practices: list autocomplete with manual selection). */
const parts = (input) => {
  const combo = input.closest("[data-combo]");
  return { combo, list: combo.querySelector("[role=listbox]"), foot: combo.querySelector(".combo-foot"), button: combo.querySelector("[data-add]") };
};
const options = (list) => [...list.querySelectorAll("[role=option]:not([aria-disabled])")];

function close(input) {
  const { list, foot } = parts(input);
  list.hidden = true;
  list.replaceChildren();
  foot.textContent = "";
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function activate(input, option) {
  const { list } = parts(input);
  for (const one of list.querySelectorAll("[aria-selected=true]")) one.setAttribute("aria-selected", "false");
  if (!option) { input.removeAttribute("aria-activedescendant"); return; }
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", option.id);
}

function choose(input, option) {
  const { button } = parts(input);
  button.value = `${button.dataset.add}:${option.dataset.value}`;
  input.value = "";
  close(input);
  button.click();
}

function move(input, step) {
  const { list } = parts(input);
  if (list.hidden) { htmx.trigger(input, "look"); return; }
  const all = options(list);
  if (!all.length) return;
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const next = step === "first" ? 0 : step === "last" ? all.length - 1 : (at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length;
  activate(input, all[next]);
}

document.addEventListener("keydown", (event) => {
  const input = event.target;
  if (!input.matches?.("[role=combobox]")) return;
  const { list, button } = parts(input);
  const active = list.querySelector("[aria-selected=true]");
  if (event.key === "ArrowDown") { event.preventDefault(); move(input, 1); }
  else if (event.key === "ArrowUp") { event.preventDefault(); move(input, -1); }
  else if (event.key === "Escape") { event.preventDefault(); if (list.hidden) input.value = ""; close(input); }
  else if (event.key === "Enter") {
    event.preventDefault();
    const only = options(list).length === 1 && list.children.length === 1 ? options(list)[0] : null;
    if (active ?? only) choose(input, active ?? only);
    else if (input.value.trim()) { button.value = button.dataset.add; button.click(); }
  }
});

document.addEventListener("mousedown", (event) => {
  if (event.target.closest?.("[data-combo] [role=option]")) event.preventDefault();
});
document.addEventListener("click", (event) => {
  const option = event.target.closest?.("[data-combo] [role=option]");
  if (option && !option.hasAttribute("aria-disabled")) choose(option.closest("[data-combo]").querySelector("[role=combobox]"), option);
});
document.addEventListener("focusout", (event) => {
  const combo = event.target.closest?.("[data-combo]");
  if (combo && !combo.contains(event.relatedTarget)) close(combo.querySelector("[role=combobox]"));
});
document.addEventListener("htmx:afterSwap", (event) => {
  const list = event.detail.target;
  if (!list.matches?.("[role=listbox]")) return;
  const input = list.closest("[data-combo]").querySelector("[role=combobox]");
  if (document.activeElement !== input || !(input.value.trim() || list.children.length)) { close(input); return; }
  list.hidden = !list.querySelector("[role=option]");
  input.setAttribute("aria-expanded", String(!list.hidden));
  input.removeAttribute("aria-activedescendant");
});

/* A pasted list has more lines than the field: they become names between commas. */
document.addEventListener("paste", (event) => {
  const input = event.target;
  const text = event.clipboardData?.getData("text") ?? "";
  if (!input.matches?.("[role=combobox]") || !/[\n,;]/.test(text.trim())) return;
  event.preventDefault();
  input.value = text.trim().split(/[\s,;]+/).join(", ");
  const { button } = parts(input);
  button.value = button.dataset.add;
  button.click();
});
