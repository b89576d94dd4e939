"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const CHUNK = 40; // groups drawn at a time: the rest waits until it is scrolled to
const across = data.against !== null;

// ---- decisions: what the person marked, kept by the browser between visits -------------------
const storeName = `neardup ${data.encoder} ${data.folder} ${data.against}`;
const decisions = { different: new Set(), keep: new Set() };
const pairOf = (a, b) => (a <= b ? `${a} ${b}` : `${b} ${a}`);

function loadDecisions() {
  let stored = null;
  try { stored = JSON.parse(localStorage.getItem(storeName)); } catch { /* storage is off */ }
  for (const source of [data.decisions, stored]) {
    if (!source) continue;
    for (const [a, b] of source.different) decisions.different.add(pairOf(a, b));
  }
  for (const hash of (stored ?? data.decisions).keep) decisions.keep.add(hash);
}

function decisionsFile() {
  const different = [...decisions.different].sort().map((pair) => pair.split(" "));
  return { format: 1, different, keep: [...decisions.keep].sort() };
}

function saveDecisions() {
  try { localStorage.setItem(storeName, JSON.stringify(decisionsFile())); } catch { /* off */ }
}

function exportDecisions() {
  const text = JSON.stringify(decisionsFile(), null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "neardup-decisions.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const isDifferent = (group, file) =>
  decisions.different.has(pairOf(group.files[0].sha256, file.sha256));
const keptHash = (group) =>
  (group.files.find((file) => decisions.keep.has(file.sha256)) ?? group.files[0]).sha256;
const isDecided = (group) =>
  group.files.some((file) => decisions.keep.has(file.sha256) || isDifferent(group, file));

function toggleDifferent(group, file) {
  const pair = pairOf(group.files[0].sha256, file.sha256);
  if (file.sha256 === group.files[0].sha256) return; // it cannot differ from itself
  if (!decisions.different.delete(pair)) {
    decisions.different.add(pair);
    decisions.keep.delete(file.sha256);
  }
  saveDecisions();
}

function toggleKeep(group, file) {
  if (across) return;
  const kept = decisions.keep.has(file.sha256);
  for (const other of group.files) decisions.keep.delete(other.sha256);
  if (!kept) {
    decisions.keep.add(file.sha256);
    decisions.different.delete(pairOf(group.files[0].sha256, file.sha256));
  }
  saveDecisions();
}

// ---- drawing ---------------------------------------------------------------------------------
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function sizeOf(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
  return `${unit ? bytes.toFixed(1) : bytes} ${units[unit]}`;
}

const shortPath = (path) =>
  (path.startsWith(`${data.folder}/`) ? path.slice(data.folder.length + 1) : path);

const dateOf = (file) => (file.taken
  ? `taken ${file.taken.slice(0, 16).replace(":", "-").replace(":", "-")}`
  : `modified ${new Date(file.modified * 1000).toISOString().slice(0, 16).replace("T", " ")}`);

function drawFile(group, file, uri) {
  const first = file === group.files[0];
  const thumbnail = data.thumbnails[file.sha256];
  const thumb = element("a", { className: "thumb", href: uri, target: "_blank", tabIndex: -1 });
  thumb.append(thumbnail
    ? element("img", { src: thumbnail, alt: file.path, decoding: "async" })
    : "no preview");
  const verdict = element("div", { className: "verdict" });
  const keep = element("button", { type: "button", textContent: "Keep this one" });
  const differ = element("button", { type: "button", textContent: "Not a duplicate" });
  const marks = element("div", { className: "marks" });
  if (!across) marks.append(keep);
  if (file.sha256 !== group.files[0].sha256) marks.append(differ);
  const nearness = first ? (across ? "in the folder compared against" : "distance 0")
    : file.identical_to_previous ? "identical file"
      : `${file.sure ? `${file.sure} · ` : ""}distance ${file.distance.toFixed(4)}`;
  const figure = element("figure", { tabIndex: 0 }, thumb, element("figcaption", {},
    verdict,
    element("div", { textContent: nearness }),
    ...(file.match && !first && !file.identical_to_previous
      ? [element("div", { className: "match", textContent: file.match })] : []),
    element("div", { textContent: `${file.width} × ${file.height} · ${sizeOf(file.bytes)} · ${file.format}` }),
    element("div", { textContent: dateOf(file) }),
    element("div", { className: "path", textContent: shortPath(file.path), title: file.path }),
    marks));
  figure.refresh = () => {
    const different = isDifferent(group, file);
    const kept = !across && !different && !file.identical_to_previous
      && file.sha256 === keptHash(group)
      && (group.proposed || decisions.keep.has(file.sha256));
    figure.classList.toggle("different", different);
    figure.classList.toggle("kept", kept);
    verdict.textContent = different ? "not a duplicate"
      : kept ? (decisions.keep.has(file.sha256) ? "keep (you chose it)" : "keep") : "";
    keep.setAttribute("aria-pressed", String(decisions.keep.has(file.sha256)));
    differ.setAttribute("aria-pressed", String(different));
  };
  figure.mark = (change) => { change(group, file); figure.closest(".group").refresh(); };
  keep.onclick = () => figure.mark(toggleKeep);
  differ.onclick = () => figure.mark(toggleDifferent);
  figure.open = () => thumb.click();
  return figure;
}

function drawExplanation(group, file) {
  const shown = data.explanations[`${group.files[0].sha256} ${file.sha256}`];
  if (!shown) return [];
  return [element("details", {},
    element("summary", { textContent: `how: ${file.match}` }),
    element("img", { className: "explanation", src: shown, alt: file.match }))];
}

function drawGroup(number) {
  const group = data.groups[number];
  const limit = Number(slider.value);
  const files = element("div", { className: "files" });
  group.files.forEach((file, at) => {
    if (file.distance <= limit) files.append(drawFile(group, file, data.uris[number][at]));
  });
  const card = element("section", { className: "group" },
    element("h2", {}, `Group ${number + 1}`,
      element("span", { textContent: `${files.children.length} files` }),
      element("span", { textContent: group.files.every((file) => file.sha256 === group.files[0].sha256) ? "identical files" : `distance up to ${group.farthest.toFixed(4)}` }),
      element("span", { textContent: group.proposed ? `first: ${group.why}` : group.why })),
    files,
    ...group.files.slice(1)
      .filter((file) => !file.identical_to_previous && file.distance <= limit).flatMap((file) => drawExplanation(group, file)));
  card.refresh = () => { for (const figure of files.children) figure.refresh(); };
  card.refresh();
  return card;
}

let visible = []; // numbers of the groups that pass slider and filter
let drawn = 0;

function drawMore() {
  const until = Math.min(drawn + CHUNK, visible.length);
  const fragment = document.createDocumentFragment();
  for (; drawn < until; drawn += 1) fragment.append(drawGroup(visible[drawn]));
  groupsElement.append(fragment);
}

function redraw() {
  const limit = Number(slider.value);
  byId("limit").textContent = limit.toFixed(3);
  visible = [];
  let copies = 0;
  data.groups.forEach((group, number) => {
    const near = group.files.filter((file) => file.distance <= limit).length;
    const decided = filter.value !== "all" && isDecided(group);
    if (near < 2 || (filter.value === "decided" && !decided)
      || (filter.value === "undecided" && decided)) return;
    visible.push(number);
    copies += near - 1;
  });
  byId("shown").textContent = `${visible.length} of ${data.groups.length} groups shown, ${copies} ${across ? "copies" : "files more than needed"}`;
  groupsElement.replaceChildren();
  drawn = 0;
  drawMore();
  scrollTo(0, 0);
}

// ---- keys ------------------------------------------------------------------------------------
const currentFigure = () => document.activeElement?.closest?.("figure") ?? null;

function focusFigure(figure) {
  if (!figure) return;
  document.querySelector(".group.current")?.classList.remove("current");
  figure.closest(".group").classList.add("current");
  figure.focus({ preventScroll: true });
  figure.closest(".group").scrollIntoView({ block: "center" });
}

function moveGroup(step) {
  const card = currentFigure()?.closest(".group") ?? document.querySelector(".group.current");
  if (!card) return focusFigure(groupsElement.querySelector("figure"));
  if (step > 0 && !card.nextElementSibling) drawMore();
  const next = step > 0 ? card.nextElementSibling : card.previousElementSibling;
  return focusFigure(next?.querySelector("figure"));
}

function moveFigure(step) {
  const figure = currentFigure();
  focusFigure(step > 0 ? figure?.nextElementSibling : figure?.previousElementSibling);
}

function toggleHelp() {
  const help = byId("help");
  help.hidden = !help.hidden;
  byId("help-button").setAttribute("aria-expanded", String(!help.hidden));
}

const keys = {
  j: () => moveGroup(1),
  k: () => moveGroup(-1),
  ArrowRight: () => moveFigure(1),
  ArrowLeft: () => moveFigure(-1),
  b: () => currentFigure()?.mark(toggleKeep),
  x: () => currentFigure()?.mark(toggleDifferent),
  Enter: () => currentFigure()?.open(),
  e: exportDecisions,
  "?": toggleHelp,
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, button")
    && (event.key.startsWith("Arrow") || event.key === "Enter")) return;
  if (!Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});

// ---- start -----------------------------------------------------------------------------------
function drawList(title, rows) {
  if (!rows.length) return "";
  const table = element("table");
  const details = element("details", {}, element("summary", { textContent: `${title} (${rows.length})` }), table);
  details.ontoggle = () => { // drawn when first opened
    if (!table.rows.length) {
      for (const row of rows) table.append(element("tr", {}, ...row.map((text) => element("td", { textContent: text }))));
    }
  };
  return details;
}

const slider = byId("slider");
const filter = byId("filter");
const groupsElement = byId("groups");
loadDecisions();
const farthest = data.groups.reduce((most, group) => Math.max(most, group.farthest), 0);
slider.max = slider.value = String(Math.max(farthest, data.threshold));
const { counts } = data;
byId("summary").textContent = `${data.folder}${across ? ` against ${data.against}` : ""}: `
  + `${counts.seen} files, ${counts.embedded} embedded, ${counts.identical} identical copies, `
  + `${counts.blank} blank, ${counts.skipped} skipped; threshold ${data.threshold.toFixed(4)} (${data.at})`;
byId("rest").append(
  drawList("Skipped files", data.skippedFiles),
  drawList("Blank pictures, compared with nothing", data.blankFiles.map((path) => [path])));
let waiting = 0;
slider.oninput = () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(redraw); };
filter.onchange = redraw;
byId("export").onclick = exportDecisions;
byId("help-button").onclick = toggleHelp;
groupsElement.addEventListener("focusin", (event) => {
  document.querySelector(".group.current")?.classList.remove("current");
  event.target.closest(".group")?.classList.add("current");
});
new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) drawMore();
}, { rootMargin: "1500px" }).observe(byId("more"));
redraw();
