"use strict";
const about = JSON.parse(document.getElementById("about").textContent);
const form = document.getElementById("ask");
const answer = document.getElementById("answer");

for (const place of document.querySelectorAll("[data-origin]")) {
  place.textContent = place.textContent.replaceAll(place.dataset.origin, location.origin);
}

const field = (index) => form.elements[`f${index}`];

/* The JSON text of one value; undefined when nothing was filled in, so that the service says that it is missing. */
function written(feature, text) {
  if (feature.tensor) return text.trim() === "" ? undefined : text;
  if (text === "") return feature.nullable ? "null" : feature.type === "string" ? '""' : undefined;
  if (feature.type === "string") return JSON.stringify(text);
  if (feature.type === "bool") return text;
  try { if (feature.type === "int") return String(BigInt(text)); } catch { /* no whole number: sent as it is, and refused */ }
  return JSON.stringify(Number(text));
}

function body() {
  const parts = about.features.map((feature, index) => [feature.name, written(feature, field(index).value)]);
  return `{"features": {${parts.filter((part) => part[1] !== undefined).map((part) => `${JSON.stringify(part[0])}: ${part[1]}`).join(", ")}}}`;
}

function fill() {
  about.features.forEach((feature, index) => {
    const shown = feature.tensor ? JSON.stringify(feature.example) : String(feature.example);
    field(index).value = feature.example === null || feature.example === undefined ? "" : shown;
  });
  judge([]);
}

/* Say at each field what is wrong with its value. */
function judge(errors) {
  about.features.forEach((feature, index) => {
    const found = errors.filter((error) => error.feature === feature.name).map((error) => error.message).join("; ");
    document.getElementById(`w${index}`).textContent = found;
    field(index).setAttribute("aria-invalid", String(found !== ""));
  });
  const first = form.querySelector('[aria-invalid="true"]');
  if (first) first.focus();
}

function put(parent, tag, text, names = {}) {
  const made = document.createElement(tag);
  if (text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(names)) made.setAttribute(name, value);
  parent.append(made);
  return made;
}

function table(title, rows, heads) {
  const made = put(answer, "table", null);
  put(made, "caption", title, { class: "soft" });
  const head = put(put(made, "thead", null), "tr", null);
  heads.forEach((text) => put(head, "th", text, { scope: "col" }));
  const lines = put(made, "tbody", null);
  for (const cells of rows) {
    const line = put(lines, "tr", null);
    cells.forEach((text, place) => put(line, place ? "td" : "th", text, place ? {} : { scope: "row" }));
  }
}

function show(status, told, seconds) {
  answer.replaceChildren();
  const given = status === 200 && told.predictions;
  if (given) {
    put(answer, "p", told.predictions[0].label, { class: "label" });
    table("Score of each class", Object.entries(told.predictions[0].scores).map(([name, score]) => [name, score.toPrecision(6)]), ["Class", "Score"]);
    if (told.explanations) {
      const one = told.explanations[0];
      const ranked = Object.entries(one.contributions).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
      table(`What moved the score of ${one.of} from ${one.base.toPrecision(4)} to ${one.score.toPrecision(4)}`,
            ranked.map(([name, value]) => [name, (value > 0 ? "+" : "") + value.toPrecision(3)]), ["Feature", "Contribution"]);
    }
  } else {
    put(answer, "p", `${status} ${told.title || ""}`, { class: "label" });
    put(answer, "p", told.detail || told.error || "The service gave no reason.");
  }
  judge(told.errors || []);
  put(answer, "p", `Status ${status}, ${Math.round(seconds * 1000)} ms from this browser.`, { class: "soft" });
  put(answer, "pre", JSON.stringify(told, null, 2), { tabindex: "0", "aria-label": "The whole answer" });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const headers = { "content-type": "application/json" };
  const key = document.getElementById("key").value;
  if (key) headers["x-api-key"] = key;
  const explain = document.getElementById("explain");
  const started = performance.now();
  try {
    const response = await fetch(explain && explain.checked ? "/predict?explain=true" : "/predict", { method: "POST", headers, body: body() });
    const text = await response.text();
    let told = {};
    try { told = JSON.parse(text); } catch { told = { detail: text }; }
    show(response.status, told, (performance.now() - started) / 1000);
  } catch (error) {
    show(0, { title: "No answer", detail: `The service does not answer: ${error.message}` }, (performance.now() - started) / 1000);
  }
});
document.getElementById("fill").addEventListener("click", fill);
