// What HTML cannot do by itself: keys, drawing anew what others changed, and bringing into view where a run stands. Without this script every page works.
"use strict";
(() => {
  const TYPED = "input:not([type=hidden]), textarea, select";
  const FOCUSED = "a, button, summary, input, textarea, select, [tabindex]";

  // ------------------------------------------------------------------------------------------------- what is half typed

  // What somebody is typing into, has typed into, or was handed back with what is wrong with it, is never drawn anew under their hands.
  const holdsDraft = (element) =>
    element.matches("[data-draft]") ||
    element.querySelector("[data-draft]") !== null ||
    (element.contains(document.activeElement) && document.activeElement.matches(TYPED)) ||
    [...element.querySelectorAll(TYPED)].some(hitlTyped.changed);

  const ready = (drawn) => {
    window.htmx?.process(drawn);
    hitlTyped.restore(drawn);
    showPlace(drawn);
  };

  // A graph larger than its box shows where it stands, in the middle, and else how it begins.
  const showPlace = (root) => {
    for (const box of root.querySelectorAll(".picture")) {
      const marked = (kind) => [...box.querySelectorAll(`.node.${kind}:not(.subgraph)`)].at(-1);
      const place = ["unknown", "failed", "waiting", "running", "next"].map(marked).find(Boolean) ?? box.querySelector(".node.start");
      if (!place) continue;
      const outer = box.getBoundingClientRect(), inner = place.getBoundingClientRect();
      box.scrollLeft += (inner.left + inner.right - outer.left - outer.right) / 2;
      box.scrollTop += (inner.top + inner.bottom - outer.top - outer.bottom) / 2;
    }
  };

  const put = (old, fresh) => {
    const drawn = document.adoptNode(fresh);
    // What was opened stays open.
    const opened = [...old.querySelectorAll("details")].map((details) => details.open);
    drawn.querySelectorAll("details").forEach((details, at) => { details.open ||= opened[at] ?? false; });
    const current = old.hasAttribute("aria-current"), focused = old.contains(document.activeElement);
    const at = [...old.querySelectorAll(FOCUSED)].indexOf(document.activeElement);
    old.replaceWith(drawn);
    ready(drawn);
    if (current) choose(drawn, focused);
    if (at >= 0) drawn.querySelectorAll(FOCUSED)[at]?.focus({ preventScroll: true });
  };

  // ------------------------------------------------------------------------------------------- what others have changed

  const connection = document.getElementById("connection");
  const say = (text, state = "") => { connection.hidden = !text; connection.textContent = text; connection.dataset.state = state; };

  const fetched = async (address) => {
    const answer = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" } });
    if (answer.status === 401 || answer.redirected) { say("Signed out – reload the page to go on"); throw new Error("signed out"); }
    if (!answer.ok) throw new Error(String(answer.status));
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };

  // The list as it is now: what came is put in its place, what went stays where it was and says who decided.
  const renewInbox = async () => {
    const fresh = await fetched(location.href);
    const line = document.getElementById("line");
    const now = [...fresh.querySelectorAll("#line > li")];
    const waiting = new Set(now.map((item) => item.id));
    let before = null;
    for (const item of now) {
      const old = document.getElementById(item.id);
      if (old === null) {
        const drawn = document.adoptNode(item);
        before === null ? line.prepend(drawn) : before.after(drawn);
        ready(drawn);
        before = drawn;
        continue;
      }
      if (old.dataset.version !== item.dataset.version && !holdsDraft(old)) put(old, item);
      before = document.getElementById(item.id);
    }
    for (const old of [...line.children]) {
      if (waiting.has(old.id) || "final" in old.dataset) continue;
      const card = (await fetched(`/requests/${old.dataset.request}/card`)).querySelector("li");
      if (card === null) continue;
      if (holdsDraft(old)) keepTyped(old, card); else put(old, card);
    }
    for (const id of ["empty", "pages"]) document.getElementById(id)?.replaceWith(document.adoptNode(fresh.getElementById(id)));
    document.getElementById("empty").hidden = line.children.length > 0;
  };

  // Of what somebody is typing into, only what it says of itself becomes true: nothing can be sent any more, and nothing typed is lost.
  const keepTyped = (old, fresh) => {
    if (fresh.dataset.status === "pending") return;
    old.querySelector(".top").replaceWith(document.adoptNode(fresh.querySelector(".top")));
    old.querySelectorAll("button").forEach((button) => { button.disabled = true; });
    old.dataset.status = fresh.dataset.status;
    old.dataset.version = fresh.dataset.version;
    if ("final" in fresh.dataset) old.dataset.final = "";
  };

  const renewPage = async () => {
    const fresh = await fetched(location.pathname);
    // Noted before anything is taken out of it: what stands before each part.
    const parts = [...fresh.querySelectorAll("[data-part]")].map((now) => [now, now.previousElementSibling?.id]);
    for (const part of [...document.querySelectorAll("[data-part]")]) {
      const now = fresh.getElementById(part.id);
      if (holdsDraft(part)) {
        if (!now?.querySelector("form")) part.querySelectorAll("button").forEach((button) => { button.disabled = true; });
      } else if (now === null) part.remove();
      else if (!part.isEqualNode(now)) put(part, now);
    }
    for (const [now, follows] of parts) {
      if (document.getElementById(now.id) !== null) continue;
      const before = follows && document.getElementById(follows);
      if (before) { before.after(document.adoptNode(now)); ready(document.getElementById(now.id)); }
    }
  };

  const { live, request, run, events: source = "/api/v1/events" } = document.body.dataset;
  const renew = { inbox: renewInbox, page: renewPage, preview: renewPage }[live];
  let busy = false, again = false;
  const soon = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try { do { again = false; await renew(); } while (again); } catch { /* the next event, or a reload, shows it */ } finally { busy = false; }
  };
  if (renew && window.EventSource) {
    let events = null, lost = false;
    const listen = () => {
      events = new EventSource(source);
      events.addEventListener("change", (event) => {
        const change = JSON.parse(event.data);
        if (live !== "page" || change.request_id === request || change.run_id === run) soon();
      });
      // From here on nothing is missed; what changed between the drawing of the page and now is.
      events.addEventListener("listening", () => { lost = false; say("Live", "live"); soon(); });
      events.onerror = () => {
        lost = true;
        // Refused, and so not tried again: to ask for the page tells why.
        if (events.readyState === EventSource.CLOSED) soon();
        // A stream ends now and then and begins again at once: that is no news.
        setTimeout(() => { if (lost && events && (connection.hidden || connection.dataset.state === "live")) say("Not live – what you see may be old"); }, 4000);
      };
    };
    const leave = () => { events?.close(); events = null; lost = true; };
    // A browser has six connections to one server for all its tabs: only what is looked at keeps one.
    const follow = () => { if (document.hidden) leave(); else if (events === null) listen(); };
    document.addEventListener("visibilitychange", follow);
    window.addEventListener("pagehide", leave);
    window.addEventListener("pageshow", follow);
    follow();
  }

  showPlace(document);

  // --------------------------------------------------------------------------------------------------------------- keys

  const cards = () => [...document.querySelectorAll("#line > li")];
  const chosen = () => document.querySelector("li[aria-current]") ?? document.querySelector("[data-current]");

  const choose = (card, focus = true) => {
    document.querySelectorAll("li[aria-current]").forEach((other) => other.removeAttribute("aria-current"));
    card.setAttribute("aria-current", "true");
    if (focus) { card.focus({ preventScroll: true }); card.scrollIntoView({ block: "nearest" }); }
  };

  const move = (step) => {
    const all = cards();
    const at = all.indexOf(document.querySelector("li[aria-current]"));
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)];
    if (next) choose(next);
  };

  const press = (key) => {
    const found = chosen()?.querySelector(`[data-key="${key}"]`);
    if (!found || found.disabled) return false;
    if (found.tagName === "SUMMARY") {
      found.parentElement.open = true;
      (found.parentElement.querySelector(TYPED) ?? found).focus();
      return true;
    }
    const words = found.form.querySelector("textarea");
    if (key === "f" && words && !words.value.trim()) words.focus(); else found.click();
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.matches(TYPED)) {
      if (event.key === "Escape") { event.target.blur(); event.target.closest("li")?.focus(); }
      return;
    }
    if (event.repeat && !"jk".includes(event.key)) return;
    if (event.key === "j" || event.key === "k") { move(event.key === "j" ? 1 : -1); event.preventDefault(); }
    else if ("arfed".includes(event.key) && press(event.key)) event.preventDefault();
  });
  document.addEventListener("focusin", (event) => {
    const card = event.target.closest?.("#line > li");
    if (card && !card.hasAttribute("aria-current")) choose(card, false);
  });

  // Where a card is drawn anew because it was decided here, the keys go on from it.
  let from = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target: card, xhr } = event.detail;
    // What the server says before any page of ours: not a part to be drawn in the place of what was typed.
    if (xhr.status >= 400 && card.id && !xhr.responseText.includes(`id="${card.id}"`)) {
      event.detail.shouldSwap = false;
      say("Not done – this page is too old, or no longer yours. Copy what you typed, and reload it.");
    }
    from = card.matches?.("li[aria-current]") ? card.id : null;
  });
  document.addEventListener("htmx:load", (event) => hitlTyped.restore(event.detail.elt));
  document.addEventListener("htmx:afterSettle", () => {
    const card = from && document.getElementById(from);
    from = null;
    if (card) {
      choose(card, false);
      (card.querySelector("[aria-invalid=true]") ?? card).focus({ preventScroll: true });
    } else document.querySelector("#main [aria-invalid=true]")?.focus();
  });
  document.addEventListener("htmx:sendError", () => say("Not sent – the server does not answer. Nothing you typed is lost; try again."));
  document.addEventListener("htmx:responseError", (event) =>
    say(event.detail.xhr.status === 401 ? "Signed out – sign in in another tab, then send again" : "Not sent – the server could not take it. Try again."));
})();
