// What somebody types outlives the page: a session that ended meanwhile, a reload, the way from the list to the request's own page. It is
// kept in this tab alone, for this person and for the call that they saw, until it is sent or they sign out.
"use strict";
window.hitlTyped = (() => {
  const TYPED = "input:not([type=hidden]), textarea, select";
  const KEPT = "form[data-keep]";
  const MARK = "hitl typed ";
  const person = `${MARK}${document.body.dataset.me} `;

  const changed = (control) =>
    control.type === "checkbox" || control.type === "radio"
      ? control.checked !== control.defaultChecked
      : control.tagName === "SELECT"
        ? control.options[control.selectedIndex] !== ([...control.options].findLast((option) => option.defaultSelected) ?? control.options[0])
        : control.value !== control.defaultValue;

  const controls = (form) => [...form.querySelectorAll(TYPED)];
  const keyOf = (form) => `${person}${form.getAttribute("action")} ${form.dataset.keep}`;
  const digestOf = (form) => form.querySelector("input[name=digest]")?.value ?? "";

  // A browser may forbid storage, or have no room: then what is typed is kept by the page alone.
  const stored = (do_) => { try { return do_(sessionStorage); } catch { return null; } };
  const write = (key, kept) => stored((all) => all.setItem(key, JSON.stringify(kept)));
  const read = (key) => stored((all) => JSON.parse(all.getItem(key)));
  const forget = (key) => stored((all) => all.removeItem(key));
  const keys = (start) => stored((all) => Object.keys(all).filter((key) => key.startsWith(start))) ?? [];

  const keep = (form, sent = false) => {
    if (!controls(form).some(changed)) return forget(keyOf(form));
    const values = controls(form).map((control) => (control.type === "checkbox" ? control.checked : control.value));
    return write(keyOf(form), { digest: digestOf(form), values, sent });
  };

  // Into the forms below `root` as they are drawn. What the server gave back with what is wrong with it holds it already.
  const restore = (root) => {
    for (const form of root.querySelectorAll(KEPT)) {
      const kept = form.closest("[data-draft]") ? null : read(keyOf(form));
      const into = controls(form);
      if (!kept || kept.digest !== digestOf(form) || kept.values.length !== into.length) continue;
      into.forEach((control, at) => {
        if (control.type === "checkbox") control.checked = kept.values[at]; else control.value = kept.values[at];
      });
      const folded = form.closest("details");
      if (folded) folded.open = true;
    }
  };

  const formOf = (event) => event.target.closest?.(KEPT);
  document.addEventListener("input", (event) => { if (formOf(event)) keep(formOf(event)); });
  document.addEventListener("change", (event) => { if (formOf(event)) keep(formOf(event)); });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.requestConfig.elt;  // which is not on the page any more, where that was drawn anew
    if (form.matches(KEPT) && event.detail.successful) forget(keyOf(form));
  });
  document.addEventListener("submit", (event) => {
    if (event.target.getAttribute("action") === "/sign-out") keys(MARK).forEach(forget);
    // Whether a form without htmx was taken shows on the page that comes next: it is not there any more, or it is, with what was typed.
    else if (event.target.matches(KEPT) && !event.target.hasAttribute("hx-post")) keep(event.target, true);
  });

  restore(document);
  const here = new Set([...document.querySelectorAll(KEPT)].map(keyOf));
  for (const key of keys(person)) if (read(key)?.sent && !here.has(key)) forget(key);
  return { changed, restore };
})();
