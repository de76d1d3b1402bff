// Keeps the page up to date: takes its part from the stream of events and changes only what differs, so that focus, scroll, opened
// details and what is being typed stay as they are. Says when the page is old. Without this script the page still works.
"use strict";
(() => {
  const page = document.body.dataset.follow;
  const part = document.getElementById("part");
  const bar = document.querySelector(".bar");
  const state = document.getElementById("state");
  const hold = document.getElementById("hold");
  if (!page || !part || !window.EventSource) return;

  const LATE = 45000; // longer than the longest pause between two events
  let source = null, last = Date.now(), held = false, waiting = null, again = 1000, timer = 0;

  const key = (node) => node.nodeType === 1 ? (node.id || node.getAttribute("name") || "") : "";
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);

  function attributes(from, to) {
    for (const {name} of [...from.attributes]) {
      if (!to.hasAttribute(name) && !(name === "open" && from.nodeName === "DETAILS")) from.removeAttribute(name);
    }
    for (const {name, value} of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }

  function morph(from, to) {
    if (from.nodeType !== 1) { if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue; return; }
    attributes(from, to);
    const wanted = [...to.childNodes];
    let at = from.firstChild;
    for (const next of wanted) {
      let found = at;
      while (found && !alike(found, next)) found = key(next) ? found.nextSibling : null;
      if (!found && at && !key(next) && !key(at) && at.nodeType === next.nodeType && at.nodeName === next.nodeName) found = at;
      if (!found) { from.insertBefore(document.importNode(next, true), at); continue; }
      while (at !== found) { const gone = at; at = at.nextSibling; gone.remove(); }
      morph(found, next);
      at = found.nextSibling;
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  }

  function show(message) {
    if (message.html !== undefined) {
      const fresh = new DOMParser().parseFromString(message.html, "text/html").body;
      const box = document.createElement("div");
      box.id = "part";
      box.append(...fresh.childNodes);
      morph(part, box);
    }
    document.title = message.title;
    document.getElementById("dot").className = "dot " + message.tone;
    const time = document.getElementById("asof");
    time.dateTime = message.time;
    time.textContent = message.said;
  }

  function tell() {
    const seconds = Math.round((Date.now() - last) / 1000);
    const stale = !held && Date.now() - last > LATE;
    bar.classList.toggle("stale", stale);
    bar.classList.toggle("held", held);
    const words = held ? "held still" : stale ? "NOT UP TO DATE: nothing was heard for " + seconds + " s"
      : source && source.readyState === 1 ? "live" : "connecting";
    if (state.textContent !== words) state.textContent = words;
  }

  function listen() {
    source = new EventSource("/events?page=" + encodeURIComponent(page) + "&at=" + encodeURIComponent(location.pathname + location.search));
    source.addEventListener("part", (event) => {
      last = Date.now();
      again = 1000;
      const message = JSON.parse(event.data);
      if (held) waiting = message.html !== undefined ? message : waiting; else show(message);
      tell();
    });
    source.onopen = tell;
    source.onerror = () => { // a closed stream is opened again, less and less often
      source.close();
      tell();
      clearTimeout(timer);
      timer = setTimeout(listen, again);
      again = Math.min(again * 2, 15000);
    };
  }

  hold.hidden = false;
  hold.addEventListener("click", () => {
    held = !held;
    hold.setAttribute("aria-pressed", String(held));
    hold.textContent = held ? "Follow" : "Hold still";
    if (!held && waiting) { show(waiting); waiting = null; }
    tell();
  });
  addEventListener("pagehide", () => { if (source) source.close(); clearTimeout(timer); });
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  setInterval(tell, 1000);
  listen();
})();
