// Keeps the page up to date: takes its part from the stream of events and changes only what differs, so that focus, scroll, opened
// details and what is being typed stay as they are. Says when the page is old. Without this script the page still works.
// A browser opens few connections to one address: a page that nobody sees lets its own go, and is brought up to date when it is seen again.
"use strict";
(() => {
  const page = document.body.dataset.follow;
  const part = document.getElementById("part");
  const bar = document.querySelector(".bar");
  const state = document.getElementById("state");
  const hold = document.getElementById("hold");
  if (!page || !part || !window.EventSource) return;

  const LATE = 45000; // longer than the longest pause between two events
  let source = null, heard = false, last = Date.now(), held = false, pressed = false, waiting = null, again = 1000, timer = 0;
  const dot = document.getElementById("dot");
  let told = {title: document.title, dot: dot.className};

  const key = (node) => node.nodeType === 1 ? (node.id || node.getAttribute("name") || "") : "";
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);

  function attributes(from, to) {
    const readers = (name) => name === "open" && from.nodeName === "DETAILS";  // what is folded is theirs
    for (const {name} of [...from.attributes]) if (!to.hasAttribute(name) && !readers(name)) from.removeAttribute(name);
    for (const {name, value} of to.attributes) if (from.getAttribute(name) !== value && !readers(name)) from.setAttribute(name, value);
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
    told = {title: message.title, dot: "dot " + message.tone};
    const time = document.getElementById("asof");
    time.dateTime = message.time;
    time.textContent = message.said;
  }

  function catchUp() {
    if (held || pressed || !waiting) return;
    show(waiting);
    waiting = null;
  }

  function tell() {
    const seconds = Math.round((Date.now() - last) / 1000);
    const stale = Date.now() - last > LATE;
    bar.classList.toggle("stale", stale);
    bar.classList.toggle("held", held);
    part.classList.toggle("old", stale);
    const title = stale ? ["NOT UP TO DATE", ...told.title.split(" · ").slice(1)].join(" · ") : told.title; // without the health that was
    if (document.title !== title) document.title = title;
    dot.className = stale ? "dot open" : told.dot;
    const words = stale ? "NOT UP TO DATE: nothing was heard for " + seconds + " s" : held ? "held still" : heard ? "live" : "connecting";
    if (state.textContent !== words) state.textContent = words;
  }

  function leave() {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
    heard = false;
  }

  function listen() {
    leave();
    if (document.hidden) return;
    source = new EventSource("/events?page=" + encodeURIComponent(page) + "&at=" + encodeURIComponent(location.pathname + location.search));
    source.addEventListener("part", (event) => {
      last = Date.now();
      heard = true;
      again = 1000;
      const message = JSON.parse(event.data);
      if (held || pressed) waiting = message.html !== undefined ? message : waiting; else show(message);
      tell();
    });
    source.onerror = () => { // a closed stream is opened again, less and less often
      leave();
      tell();
      timer = setTimeout(listen, again);
      again = Math.min(again * 2, 15000);
    };
  }

  hold.hidden = false;
  hold.addEventListener("click", () => {
    held = !held;
    hold.setAttribute("aria-pressed", String(held));
    hold.textContent = held ? "Follow" : "Hold still";
    catchUp();
    tell();
  });
  part.addEventListener("pointerdown", () => { pressed = true; }); // nothing moves away between pressing a button and letting it go
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => setTimeout(() => { pressed = false; catchUp(); }));
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
  document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); else { again = 1000; listen(); } tell(); });
  setInterval(tell, 1000);
  listen();
})();
