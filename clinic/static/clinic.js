/* Comfort only: every page works without this file. No inline handlers, no storage, nothing from elsewhere. */
"use strict";
(() => {
  const all = (what, root = document) => [...root.querySelectorAll(what)];
  const one = (what, root = document) => root.querySelector(what);
  const on = (name, what, early) => document.addEventListener(name, what, early);
  const FIELDS = "input:not([type=hidden], [type=radio], [type=checkbox], [readonly]), select, textarea";
  let opener = null; // what a float was opened from: focus goes back there

  // Floats: in sight, focus on the field to mend or the first empty one.
  const float = () => one("dialog.pop[open]") || all(".place").at(-1);
  const focusIn = (held) => {
    const leaf = held.matches(".leaf") ? held : one(".leaf", held);
    leaf.tabIndex = -1;
    const fields = all(FIELDS, leaf).filter((field) => field.offsetParent && !field.disabled);
    const first = one("[aria-invalid=true]", leaf) || fields.find((field) => !field.value) || fields[0] || leaf;
    first.focus({ preventScroll: true });
  };
  const inSight = (place) => {
    const leaf = one(".leaf", place);
    const hidden = () => {
      const { top, bottom } = leaf.getBoundingClientRect();
      return Math.max(0, 48 - top) * (top + scrollY < 48 ? 99 : 1) + Math.max(0, bottom - innerHeight + 32);
    };
    const before = hidden();
    if (before) place.classList.toggle("up");
    if (hidden() > before) place.classList.toggle("up");
    leaf.scrollIntoView({ block: "nearest" });
  };
  const modal = () => {
    const dialog = one("dialog.pop[open]:not(:modal)");
    dialog?.close();
    dialog?.showModal();
  };
  const unmark = () => all(".item.sel").forEach((item) => item.classList.remove("sel"));
  const back = () => {
    unmark();
    const same = (link) => link.id === opener.id && link.getAttribute("href") === opener.getAttribute("href");
    if (opener) (opener.isConnected ? opener : all("a").find(same))?.focus();
    opener = null;
  };
  // A float that htmx put here is taken away here; any other is closed by its link, a page of its own.
  const close = (event) => {
    const link = event.target.closest("[data-close]");
    const held = link?.closest(".place, dialog.pop");
    if (!held?.dataset.here || link.hasAttribute("hx-get") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const empty = document.createElement("div");
    empty.id = held.id;
    held.replaceWith(...(held.matches(".place") ? [] : [empty]));
    back();
  };
  // While a flyout is on its way: a leaf with what the page already knows.
  const wait = (item) => {
    const place = document.createElement("div");
    place.className = `place waiting ${[...item.classList].filter((name) => /^[rscw]\d+$/.test(name)).join(" ")}`;
    place.innerHTML = '<section class="leaf flyout wait" aria-busy="true"><header class="head"><h2></h2><p class="sub"></p></header>' +
      "<i></i><i></i><i></i><p>Still loading. The line is slow; nothing is lost.</p></section>";
    one("h2", place).textContent = one("b", item)?.textContent;
    one(".sub", place).textContent = one(".at", item)?.textContent;
    item.after(place);
    inSight(place);
  };

  // Sending: once is enough, and the button says so.
  const ready = () => all("button").filter((button) => button.kept).forEach((button) => {
    button.replaceChildren(...button.kept);
    button.disabled = button.kept = false;
  });
  on("submit", (event) => {
    const { target: form, submitter: button } = event;
    // Only after the browser or htmx has read the form: a disabled button would not be in it.
    if (button && form.matches("[method=post], [hx-post]")) setTimeout(() => {
      button.kept = [...button.childNodes];
      if (button.dataset.busy) button.replaceChildren(button.dataset.busy);
      button.disabled = true;
    });
  });
  addEventListener("pageshow", ready);

  on("htmx:beforeRequest", ({ detail: { elt: from } }) => {
    all(".dropped").forEach((note) => note.remove());
    if (from.closest(".place, dialog.pop")) return;
    if (from.matches("a, button")) opener = from;
    unmark();
    if (!from.matches(".item")) return;
    from.classList.add("sel");
    all(".place").forEach((place) => place.remove());
    wait(from);
  });
  on("htmx:afterRequest", () => all(".waiting").forEach((place) => place.remove()) || setTimeout(ready));
  on("htmx:sendError", ({ detail: { elt: from } }) => {
    const note = document.createElement("p");
    note.className = "note bad dropped";
    note.setAttribute("role", "alert");
    note.textContent = "The line dropped before an answer came. Nothing you typed is lost: send it again.";
    (from.closest("form") || one("main")).prepend(note);
  });
  on("htmx:afterSettle", () => {
    const fresh = all(".place:not([data-here])").at(-1);
    if (fresh) all(".place").forEach((place) => place === fresh || place.remove());
    modal();
    const held = float();
    if (!held) return opener && !opener.isConnected && back();
    if (held.matches(".place")) inSight(held);
    if (!held.contains(document.activeElement) || one("[aria-invalid=true]", held)) focusIn(held);
    held.dataset.here = "1";
  });
  on("click", (event) => {
    close(event);
    all("details.me[open]").forEach((menu) => menu.contains(event.target) || menu.removeAttribute("open"));
  });
  on("cancel", (event) => {
    event.preventDefault();
    one("[data-close]", event.target)?.click();
  }, true);

  // Keys: each does what a link on the page does.
  const step = (from, key) => {
    const top = (element) => element.getBoundingClientRect().top;
    const stops = (root) => all(".item, .slot", root).filter((stop) => stop.offsetParent).sort((a, b) => top(a) - top(b));
    const bodies = all(".body");
    const here = bodies.indexOf(from.closest(".body"));
    const ordered = stops(bodies[here]);
    if (/Up|Down/.test(key)) return ordered[ordered.indexOf(from) + (key === "ArrowDown" ? 1 : -1)];
    const beside = bodies[here + (key === "ArrowRight" ? 1 : -1)];
    return beside && stops(beside).sort((a, b) => Math.abs(top(a) - top(from)) - Math.abs(top(b) - top(from)))[0];
  };
  const KEYS = {
    "/": () => one(".find input"),
    t: () => one("[data-key=t]")?.click(),
    m: () => one("[data-key=m]")?.click(),
    n: (at) => (at.matches(".slot") ? at : one(".day-head a.vh", at.closest(".day") || one(".day.cur") || document))?.click(),
    Escape: () => one("details.me[open] summary, .place [data-close]")?.click(),
  };
  on("keydown", (event) => {
    const at = document.activeElement;
    if (event.ctrlKey || event.metaKey || event.altKey || one("dialog:modal")) return;
    if (event.key !== "Escape" && at.matches("input, select, textarea")) return;
    const next = event.key.startsWith("Arrow") ? at.matches(".item, .slot") && step(at, event.key) : KEYS[event.key]?.(at);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  if (one("[data-print]")) addEventListener("load", () => print());
  modal();
  if (float()) focusIn(float());
  else one("[aria-invalid=true]")?.focus();
  if (one(".place")) inSight(one(".place"));
})();
