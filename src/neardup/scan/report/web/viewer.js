// ---- the viewer: a group's first picture (A) and another of its files (B), laid over one another
// where the second look says how. A layer is a picture in the frame of a panel; all panels of a mode
// show the same part of their frames. --------------------------------------------------------------
const viewer = byId("viewer");
const stage = byId("stage");
const amount = byId("amount");
const amountInput = amount.querySelector("input");
const MODES = { side: "Side by side", blink: "Blink", wipe: "Slider", difference: "Difference", explained: "Explained" };
const BLINK_MS = 700;
const IDENTITY = [1, 0, 0, 1, 0, 0];

const shown = { group: null, at: 1, mode: "side" };
const view = { zoom: 1, x: 0.5, y: 0.5 }; // what lies in the panels' centre, as shares of the frame
let panels = []; // { frame, layers: [{ node, map }], element, fixed }
let blinking = 0;

// ---- affine maps as CSS writes them: [a, b, c, d, e, f] takes (x, y) to (ax + cy + e, bx + dy + f)
const applyMap = ([a, b, c, d, e, f], [x, y]) => [a * x + c * y + e, b * x + d * y + f];
function invertMap([a, b, c, d, e, f]) {
  const area = a * d - b * c;
  return [d / area, -b / area, -c / area, a / area, (c * f - d * e) / area, (b * e - a * f) / area];
}
const cornersOf = ({ width, height }) => [[0, 0], [width, 0], [width, height], [0, height]];

/** Where A's pixels lie in B: as the second look found it, or else both as large as they can be. */
function mapOf(a, b) {
  if (b.map) return b.map;
  const scale = Math.min(b.width / a.width, b.height / a.height);
  return [scale, 0, 0, scale, (b.width - scale * a.width) / 2, (b.height - scale * a.height) / 2];
}

/** The panels of a mode: their titles, frames and layers, each a file and its map into the frame. */
function arrange(mode, a, b) {
  const map = mapOf(a, b);
  const [whole, part, toPart] = b.inside === "a" ? [b, a, invertMap(map)] : [a, b, map];
  const layer = (file, place) => ({ file, map: place });
  const both = whole === a
    ? [layer(a, IDENTITY), layer(b, invertMap(map))] : [layer(a, map), layer(b, IDENTITY)];
  const laid = [ // what both show, as the part shows it
    { ...layer(whole, toPart), within: part, toWithin: toPart },
    { ...layer(part, IDENTITY), within: whole, toWithin: invertMap(toPart) }];
  switch (mode) {
    case "side": return [
      { title: nameOf(a.path), frame: a, layers: [layer(a, IDENTITY)] },
      { title: nameOf(b.path), frame: b, layers: [layer(b, IDENTITY)] }];
    case "explained": return [
      { title: `${nameOf(whole.path)}, and where the other lies`, frame: whole, layers: [layer(whole, IDENTITY)],
        outline: cornersOf(part).map((corner) => applyMap(invertMap(toPart), corner)), fixed: true },
      { title: nameOf(part.path), frame: part, layers: [layer(part, IDENTITY)] },
      { title: `${nameOf(whole.path)}, laid over it`, frame: part, layers: [laid[0]] },
      { title: "difference", frame: part, layers: laid, difference: true }];
    case "difference": return [{ title: "black where they agree", frame: part, layers: laid, difference: true }];
    default: return [{ title: "", frame: whole, layers: both }];
  }
}

function drawLayer({ file, map, within, toWithin }, note) {
  const node = element("img", { alt: file.path, draggable: false });
  Object.assign(node.style, { width: `${file.width}px`, height: `${file.height}px` });
  if (within) {
    const corners = cornersOf(within).map((corner) => applyMap(invertMap(toWithin), corner));
    node.style.clipPath = `polygon(${corners.map(([x, y]) => `${x}px ${y}px`).join(",")})`;
  }
  if (data.thumbnails[file.sha256]) node.src = data.thumbnails[file.sha256];
  const full = new Image(); // the file itself, where the browser may load and can show it
  full.onload = () => { node.src = file.uri; };
  full.onerror = () => { note.textContent = "the small preview: the file could not be loaded"; };
  full.src = file.uri;
  return { node, map };
}

function drawPanel(panel) {
  const note = element("span", { className: "note" });
  const area = element("div", { className: "area" });
  const layers = panel.layers.map((layer) => drawLayer(layer, note));
  layers.forEach(({ node }) => area.append(element("div", { className: "sheet" }, node)));
  if (panel.outline) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const shape = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
    shape.setAttribute("points", panel.outline.map((corner) => corner.join(",")).join(" "));
    svg.append(shape);
    Object.assign(svg.style, { width: `${panel.frame.width}px`, height: `${panel.frame.height}px` });
    area.append(element("div", { className: "sheet" }, svg));
    layers.push({ node: svg, map: IDENTITY });
  }
  const box = element("figure", { className: `panel${panel.difference ? " difference" : ""}` }, area,
    element("figcaption", {}, panel.title, note));
  stage.append(box);
  return { ...panel, layers, element: area };
}

/** Place every layer, in as many columns as make the pictures largest: the frame fits its panel at
 * zoom 1. */
function place() {
  const fit = (columns) => Math.min(...panels.map(({ frame }) => Math.min(stage.clientWidth / columns / frame.width,
    (stage.clientHeight / Math.ceil(panels.length / columns) - 24) / frame.height)));
  const best = panels.reduce((most, _, at) => (fit(at + 1) > fit(most) ? at + 1 : most), 1);
  stage.style.setProperty("--columns", best);
  for (const { frame, layers, element: area, fixed } of panels) {
    const { clientWidth: width, clientHeight: height } = area;
    const at = fixed ? { zoom: 1, x: 0.5, y: 0.5 } : view;
    const scale = Math.min(width / frame.width, height / frame.height) * at.zoom;
    const left = width / 2 - at.x * frame.width * scale;
    const top = height / 2 - at.y * frame.height * scale;
    for (const { node, map } of layers) {
      node.style.transform = `matrix(${scale},0,0,${scale},${left},${top}) matrix(${map.join(",")})`;
    }
  }
}

function zoomBy(factor, [x, y] = [0.5, 0.5]) {
  const zoom = Math.max(1, Math.min(60, view.zoom * factor));
  view.x += (x - view.x) * (1 - view.zoom / zoom);
  view.y += (y - view.y) * (1 - view.zoom / zoom);
  view.zoom = zoom;
  moveBy(0, 0);
}

function moveBy(x, y) {
  const reach = 0.5 - 0.5 / view.zoom;
  view.x = Math.max(0.5 - reach, Math.min(0.5 + reach, view.x + x));
  view.y = Math.max(0.5 - reach, Math.min(0.5 + reach, view.y + y));
  place();
}

/** The point of the frame under the pointer, and how much of the frame one pixel is. */
function under(event) {
  const area = event.target.closest(".area");
  const panel = panels.find((each) => each.element === area && !each.fixed);
  if (!panel) return null;
  const box = area.getBoundingClientRect();
  const scale = Math.min(box.width / panel.frame.width, box.height / panel.frame.height) * view.zoom;
  const step = [1 / (panel.frame.width * scale), 1 / (panel.frame.height * scale)];
  return { step, point: [
    view.x + (event.clientX - box.left - box.width / 2) * step[0],
    view.y + (event.clientY - box.top - box.height / 2) * step[1]] };
}

function listenToPointers() {
  const pointers = new Map();
  stage.addEventListener("wheel", (event) => {
    const at = under(event);
    if (!at) return;
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 400), at.point);
  }, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    stage.setPointerCapture?.(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before && shown.mode === "wipe") {
      const box = panels[0].element.getBoundingClientRect();
      amountInput.value = (event.clientX - box.left) / box.width * 100;
      applyAmount();
    }
    if (!before) return;
    pointers.set(event.pointerId, event);
    const panel = panels.find((each) => !each.fixed);
    const other = [...pointers.values()].find((each) => each.pointerId !== event.pointerId);
    if (other) {
      const spread = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      zoomBy(spread(event) / Math.max(1, spread(before)));
    } else {
      const box = panel.element.getBoundingClientRect();
      const scale = Math.min(box.width / panel.frame.width, box.height / panel.frame.height) * view.zoom;
      moveBy((before.clientX - event.clientX) / (panel.frame.width * scale),
        (before.clientY - event.clientY) / (panel.frame.height * scale));
    }
  });
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => pointers.delete(event.pointerId));
  stage.addEventListener("dblclick", () => { if (view.zoom > 1) resetView(); else zoomBy(4); });
}

function resetView() {
  Object.assign(view, { zoom: 1, x: 0.5, y: 0.5 });
  place();
}

// ---- modes -------------------------------------------------------------------------------------
const flip = () => stage.classList.toggle("flipped");

function applyAmount() {
  const value = Number(amountInput.value);
  stage.style.setProperty("--wipe", `${value}%`);
  stage.style.setProperty("--gain", String(2 ** (value / 20)));
}

function showMode(mode) {
  const [a, b] = [shown.group.files[0], shown.group.files[shown.at]];
  shown.mode = mode === "explained" && !b.map ? "side" : mode;
  clearInterval(blinking);
  stage.className = shown.mode;
  stage.replaceChildren();
  panels = arrange(shown.mode, a, b).map(drawPanel);
  for (const button of byId("modes").children) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === shown.mode));
    if (button.dataset.mode === "explained") button.disabled = !b.map;
  }
  amount.hidden = !["wipe", "difference"].includes(shown.mode);
  amount.firstElementChild.textContent = shown.mode === "wipe" ? "Slider" : "Brighter";
  amountInput.value = shown.mode === "wipe" ? 50 : 40;
  applyAmount();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (shown.mode === "blink" && !still) blinking = setInterval(flip, BLINK_MS);
  place();
}

// ---- what stands below the pictures ------------------------------------------------------------
function drawFacts(a, b) {
  const rows = {
    name: (file) => nameOf(file.path),
    folder: (file) => folderOf(shortPath(file.path)) || ".",
    pixels: (file) => `${file.width} × ${file.height}`,
    size: (file) => sizeOf(file.bytes),
    format: (file) => file.format,
    [a.taken || b.taken ? "taken" : "modified"]: dateOf,
    "goes with": (file) => file.companions.map(nameOf).join(", "),
  };
  if (!a.companions.length && !b.companions.length) delete rows["goes with"];
  const table = element("table", {}, ...Object.entries(rows).map(([name, value]) => {
    const differs = value(a) !== value(b) && name !== "name";
    return element("tr", {}, element("th", { textContent: name, scope: "row" }), ...[a, b].map((file) =>
      element("td", { textContent: value(file), title: file.path, className: differs ? "differs" : "" })));
  }));
  const links = element("p", {}, ...[a, b].map((file, at) =>
    element("a", { href: file.uri, target: "_blank", textContent: at ? "open the right file" : "open the left file" })));
  const found = a.sha256 === b.sha256 ? "every byte is the same"
    : [b.sure, b.match?.replace("the first", "the left").replace("this", "the right"), `distance ${b.distance.toFixed(4)}`,
      b.probability === null ? null : `probability ${b.probability > 0.9995 ? "above 0.999" : b.probability.toFixed(3)}`].filter(Boolean).join(" · ");
  byId("facts").replaceChildren(element("p", { className: "found", textContent: found }), table, links);
}

function drawVerdicts(group, a, b) {
  const fates = fatesOf(group);
  const button = (text, key, pressed, act) => {
    const made = element("button", { type: "button", onclick: act }, `${text} `, element("kbd", { textContent: key }));
    made.setAttribute("aria-pressed", String(pressed));
    return made;
  };
  const state = stateOf(group);
  const staying = (file) => fates[group.files.indexOf(file)] === "keep" && isChosen(file);
  const choice = !across && !b.identical_to_previous;
  byId("verdicts").replaceChildren(...[
    element("p", { className: fates.includes("") ? "asks" : "", textContent: across ? `the left is in ${data.against}`
      : group.files.some(isChosen) ? "you chose what to keep"
        : group.proposed ? `keep the left: ${group.why}` : `which one to keep? ${group.why}` }),
    button("Accept the group", "a", state === "accepted", () => decide(group, () => accept(group))),
    button("Not the same", "x", verdictOf(b) === DIFFERENT, () => decide(group, () => reject(group, b))),
    ...(choice ? [button("Keep left", "[", staying(a), () => decide(group, () => keep(group, a))),
      button("Keep right", "]", staying(b), () => decide(group, () => keep(group, b))),
      button("Keep both", "B", staying(a) && staying(b), () => decide(group, () => keepBoth(group)))] : []),
  ]);
}

const keepBoth = (group) => {
  keep(group, group.files[0], { also: true });
  return keep(group, group.files[shown.at], { also: true });
};

function drawFilm(group) {
  const film = byId("film");
  film.hidden = group.files.length < 3;
  if (film.hidden) return film.replaceChildren();
  const fates = fatesOf(group);
  film.replaceChildren(...group.files.map((file, at) => {
    const made = element("button", { type: "button", disabled: at === 0, title: file.path }, picture(file));
    made.dataset.fate = fates[at];
    made.setAttribute("aria-label", `${nameOf(file.path)}, ${SPOKEN[fates[at]]}`);
    made.setAttribute("aria-current", String(at === shown.at));
    made.onclick = () => openViewer(group, at);
    return made;
  }));
  const now = film.children[shown.at];
  return film.scrollTo(now.offsetLeft - film.clientWidth / 2, 0);
}

function refreshViewer() {
  if (!viewer.open) return;
  const { group, at } = shown;
  drawVerdicts(group, group.files[0], group.files[at]);
  drawFilm(group);
  const place = visible.indexOf(group);
  byId("viewer-group").replaceChildren(
    element("span", { className: "word", textContent: wordOf(group) }),
    element("span", { className: "state", textContent: SPOKEN[stateOf(group)] }),
    ` ${place + 1} of ${visible.length}${group.files.length > 2 ? `, file ${at + 1} of ${group.files.length}` : ""}`);
  viewer.dataset.word = group.word;
  viewer.dataset.state = stateOf(group);
}

function openViewer(group, at = 1) {
  shown.group = group;
  shown.at = Math.max(1, Math.min(group.files.length - 1, at));
  current.place = Math.max(0, visible.indexOf(group));
  if (!viewer.open) viewer.showModal();
  drawFacts(group.files[0], group.files[shown.at]);
  Object.assign(view, { zoom: 1, x: 0.5, y: 0.5 });
  refreshViewer();
  showMode(shown.mode);
  for (const file of visible[current.place + 1]?.files.slice(0, 2) ?? []) new Image().src = file.uri; // ready for the next
}

function stepInViewer(step) {
  const { group, at } = shown;
  const next = at + step;
  if (next >= 1 && next < group.files.length) openViewer(group, next);
  else stepGroupInViewer(step);
}

function stepGroupInViewer(step) {
  const group = visible[current.place + step];
  if (group) openViewer(group, 1);
}

for (const [mode, name] of Object.entries(MODES)) {
  const at = byId("modes").children.length + 1;
  const button = element("button", { type: "button" }, `${name} `, element("kbd", { textContent: at }));
  button.dataset.mode = mode;
  button.onclick = () => showMode(mode);
  byId("modes").append(button);
}
amountInput.oninput = applyAmount;
stage.onclick = () => { if (shown.mode === "blink") flip(); };
listenToPointers();
new ResizeObserver(place).observe(stage);
byId("close").onclick = () => viewer.close();
viewer.onclose = () => {
  clearInterval(blinking);
  stage.replaceChildren();
  panels = [];
  focusGroup(current.place, shown.at);
};
