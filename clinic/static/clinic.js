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
  const mend = () => document.activeElement === document.body && one("[aria-invalid=true], .lit input:not([type=hidden])")?.focus();
  const inSight = (place) => {
    const leaf = one(".leaf", place);
    const hidden = ({ top, bottom } = leaf.getBoundingClientRect()) =>
      Math.max(0, 48 - top) * (top + scrollY < 48 ? 99 : 1) + Math.max(0, bottom - innerHeight + 32);
    const before = hidden();
    if (before) place.classList.toggle("up");
    if (hidden() > before) place.classList.toggle("up");
    leaf.scrollIntoView({ block: "nearest" });
  };
  const modal = (dialog = one("dialog.pop[open]:not(:modal)")) => {
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
    const empty = Object.assign(document.createElement("div"), { id: held.id });
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

  on("htmx:beforeRequest", (event) => {
    const from = event.detail.elt;
    // Nobody looks, or the page is busy with a deed whose answer is fresher: ask the next time.
    const isBusy = document.hidden || drag || one(".htmx-request:not(#live)");
    if (from.id === "live") return isBusy && event.preventDefault();
    if (one("#live")) htmx.trigger("#live", "htmx:abort");
    all(".dropped").forEach((note) => note.remove());
    if (drag || from.closest(".place, dialog.pop")) return;
    if (from.matches("a, button")) opener = from;
    unmark();
    if (!from.matches(".item")) return;
    from.classList.add("sel");
    all(".place").forEach((place) => place.remove());
    wait(from);
  });
  on("htmx:afterRequest", ({ detail }) => {
    if (detail.elt.id === "live") return;
    all(".waiting").forEach((place) => place.remove());
    setTimeout(ready);
    if (drag) dropped(detail.xhr.status === 204);
  });
  on("htmx:sendError", ({ detail: { elt: from } }) => {
    if (from.id === "live") return;
    const note = document.createElement("p");
    Object.assign(note, { className: "note bad dropped", role: "alert" });
    note.textContent = "The line dropped before an answer came. Nothing you typed is lost: send it again.";
    (from.closest("form") || one("main")).prepend(note);
  });
  on("htmx:afterSettle", ({ detail }) => {
    if (lost && document.activeElement === document.body) all("a").find((link) => link.href === lost)?.focus();
    lost = null;
    if (detail.requestConfig?.elt.id === "live") return;
    const fresh = all(".place:not([data-here])").at(-1);
    if (fresh) all(".place").forEach((place) => place === fresh || place.remove());
    modal();
    const held = float();
    if (!held) return mend() || (opener && !opener.isConnected && back());
    if (held.matches(".place")) inSight(held);
    if (!held.contains(document.activeElement) || one("[aria-invalid=true]", held)) focusIn(held);
    held.dataset.here = "1";
  });

  // News of others: a column is renewed around what is open in it, and the focus stays on the same link.
  let lost = null;
  on("htmx:oobBeforeSwap", ({ detail }) => {
    const { target: day, fragment } = detail;
    if (day.contains(document.activeElement)) lost = document.activeElement.href;
    const kept = day.matches(".day") && one(".place", day);
    if (!kept) return;
    detail.shouldSwap = false;
    const [fresh, chosen] = [fragment.firstElementChild, one(".item.sel", day)?.id];
    all(":scope > *", kept.parentNode).forEach((child) => child === kept || child.remove());
    kept.before(...one(".body", fresh).children);
    for (const name of [".day-head", ".day-foot"]) one(name, day).replaceWith(one(name, fresh));
    if (chosen) document.getElementById(chosen)?.classList.add("sel");
    htmx.process(day);
  });
  on("visibilitychange", () => document.hidden || (one("#live") && htmx.trigger("#live", "live")));

  // Dragging: the item follows in steps of a quarter of an hour (three rows), and the server says whether it may stay.
  let drag = null;
  const put = (body, row) => {
    const { item, was } = drag;
    if (item.parentNode !== body) body.append(item);
    item.className = row ? `${was.replace(/\b[rcw]\d+\b/g, "")} r${row} dragged` : was;
    Object.assign(drag, { to: body, at: row });
  };
  const dropped = (stays) => {
    if (stays) setTimeout(() => htmx.trigger("#live", "live"));
    else put(drag.body);
    drag = null;
  };
  on("dragstart", (event) => drag && event.preventDefault());
  on("pointerdown", ({ target, button, pointerType, clientX, clientY }) => {
    const item = target.closest(".item[data-v]");
    if (item && !drag && !button && pointerType !== "touch") drag = { item, body: item.parentNode, was: item.className, from: [clientX, clientY] };
  });
  on("pointermove", ({ clientX, clientY, buttons }) => {
    if (!drag || drag.sent) return;
    const { at, body, from: [x, y], was } = drag;
    if (!buttons) return dropped();
    if (!at && Math.hypot(clientX - x, clientY - y) < 6) return;
    const beside = ({ left, right }) => left <= clientX && clientX < right;
    const under = all(".body").find((one) => beside(one.getBoundingClientRect()));
    const tall = 3 * parseFloat(getComputedStyle(body).gridAutoRows);
    const quarter = Math.round((was.match(/\br(\d+)/)[1] - 1) / 3 + (clientY - y) / tall);
    put(under || drag.to, Math.min(Math.max(quarter, 0), Math.floor(body.clientHeight / tall) - 1) * 3 + 1);
  });
  on("pointerup", () => {
    if (!drag || drag.sent) return;
    const { item, at, to, body } = drag;
    if (!at) return dropped();
    // The click that ends the drag opens nothing.
    const still = (event) => event.preventDefault() || event.stopPropagation();
    addEventListener("click", still, true);
    setTimeout(() => removeEventListener("click", still, true));
    const [, practitioner, day] = to.parentNode.id.match(/(\d+)-(.+)/);
    const minute = item.getAttribute("hx-get").match(/h=(\d+)/)[1] * 60 + (at - 1) * 5;
    const values = { day, starts_at: `${Math.floor(minute / 60)}:${`0${minute % 60}`.slice(-2)}`, version: item.dataset.v, dragged: 1 };
    if (practitioner > 0) values.practitioner = practitioner;
    drag.sent = true;
    all(".place").forEach((place) => place.remove());
    htmx.ajax("POST", `${item.getAttribute("href")}/move`, { source: item, target: body.parentNode, swap: "outerHTML", values }).catch(() => 0);
  });
  on("pointercancel", () => drag && !drag.sent && dropped());
  on("click", (event) => {
    close(event);
    all("details.me[open]").forEach((menu) => menu.contains(event.target) || menu.removeAttribute("open"));
  });
  on("cancel", (event) => event.preventDefault() || one("[data-close]", event.target)?.click(), true);

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
  float() ? focusIn(float()) : mend();
  if (one(".place")) inSight(one(".place"));
})();
