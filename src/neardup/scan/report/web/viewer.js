// ---- the viewer: a group's first picture (A) and another of its files (B), laid over one another
// where the second look says how. A layer is a picture in the frame of a panel; all panels of a mode
// show the same part of their frames. --------------------------------------------------------------
const viewer = byId("viewer");
const stage = byId("stage");
const amount = byId("amount");
const amountInput = amount.querySelector("input");
const MODES = {
  side: "Side by side", blink: "Blink", wipe: "Slider", difference: "Difference", explained: "Explained",
};
const FILM = 30; // pictures of a group shown before and after the one that is compared
const BLINK_MS = 700;
const IDENTITY = [1, 0, 0, 1, 0, 0];

const shown = { group: null, at: 1, mode: "side" };
const WHOLE = { zoom: 1, x: 0.5, y: 0.5 };
const view = { ...WHOLE }; // x and y: what lies in the panels' centre, as shares of their frames
let panels = []; // { frame, layers: [{ node, map }], element, fixed, link: map from the first frame }
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
  const letter = (file) => (file === a ? "A" : "B");
  const named = (file) => `${letter(file)}: ${nameOf(file.path)}`;
  const both = whole === a
    ? [layer(a, IDENTITY), layer(b, invertMap(map))] : [layer(a, map), layer(b, IDENTITY)];
  const laid = [ // what both show, as the part shows it
    { ...layer(whole, toPart), clip: { frame: part, map: toPart } },
    { ...layer(part, IDENTITY), clip: { frame: whole, map: invertMap(toPart) } }];
  switch (mode) {
    case "side": return [
      { title: named(a), frame: a, layers: [layer(a, IDENTITY)] },
      { title: named(b), frame: b, layers: [layer(b, IDENTITY)], link: map }];
    case "explained": return [
      { title: `${named(whole)}, and where ${letter(part)} lies`, fixed: true,
        frame: whole, layers: [layer(whole, IDENTITY)],
        outline: cornersOf(part).map((corner) => applyMap(invertMap(toPart), corner)) },
      { title: named(part), frame: part, layers: [layer(part, IDENTITY)] },
      { title: `${letter(whole)}, laid over ${letter(part)}`, frame: part, layers: [laid[0]] },
      { title: "difference: black where they agree", frame: part, layers: laid, difference: true }];
    case "difference": return [
      { title: "black where they agree", frame: part, layers: laid, difference: true }];
    default: return [{ title: "", frame: whole, layers: both }];
  }
}

function drawLayer({ file, map, clip }, note) {
  const node = element("img", { alt: file.path, draggable: false });
  Object.assign(node.style, { width: `${file.width}px`, height: `${file.height}px` });
  if (clip) {
    const corners = cornersOf(clip.frame).map((corner) => applyMap(invertMap(clip.map), corner));
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

const fit = (width, height, frame) => Math.min(width / frame.width, height / frame.height);

/** As many columns of panels as make the pictures largest. */
function bestColumns() {
  const scale = (columns) => {
    const rowsOfPanels = Math.ceil(panels.length / columns);
    const [width, height] = [stage.clientWidth / columns, stage.clientHeight / rowsOfPanels - 24];
    return Math.min(...panels.map(({ frame }) => fit(width, height, frame)));
  };
  return panels.reduce((best, _, at) => (scale(at + 1) > scale(best) ? at + 1 : best), 1);
}

/** What a panel shows: all of its frame, or the view, whose centre a linked panel finds again. */
function viewOf({ frame, fixed, link }) {
  if (fixed) return WHOLE;
  if (!link) return view;
  const first = panels[0].frame;
  const [x, y] = applyMap(link, [view.x * first.width, view.y * first.height]);
  return within({ zoom: view.zoom, x: x / frame.width, y: y / frame.height });
}

/** The view, moved so that it shows nothing beyond its frame. */
function within({ zoom, x, y }) {
  const reach = 0.5 - 0.5 / zoom;
  const limit = (share) => Math.max(0.5 - reach, Math.min(0.5 + reach, share));
  return { zoom, x: limit(x), y: limit(y) };
}

/** Place every layer: at zoom 1 the frame fits its panel. */
function place() {
  stage.style.setProperty("--columns", bestColumns());
  for (const panel of panels) {
    const { frame, layers } = panel;
    const { clientWidth: width, clientHeight: height } = panel.element;
    const at = viewOf(panel);
    const scale = fit(width, height, frame) * at.zoom;
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
  Object.assign(view, within({ zoom: view.zoom, x: view.x + x, y: view.y + y }));
  place();
}

/** So many pixels of the window on a panel, as shares of the first panel's frame. */
function shares({ frame, element: area, link }, x, y) {
  const scale = fit(area.clientWidth, area.clientHeight, frame) * view.zoom;
  if (!link) return [x / (frame.width * scale), y / (frame.height * scale)];
  const first = panels[0].frame;
  const [a, b, c, d] = invertMap(link);
  return [(a * x + c * y) / (first.width * scale), (b * x + d * y) / (first.height * scale)];
}

function zoomAt(event) {
  const area = event.target.closest(".area");
  const panel = panels.find((each) => each.element === area && !each.fixed);
  if (!panel) return;
  event.preventDefault();
  const { left, top, width, height } = area.getBoundingClientRect();
  const [x, y] = shares(panel, event.clientX - left - width / 2, event.clientY - top - height / 2);
  zoomBy(Math.exp(-event.deltaY / 400), [view.x + x, view.y + y]);
}

function wipeTo(event) {
  const box = panels[0].element.getBoundingClientRect();
  amountInput.value = (event.clientX - box.left) / box.width * 100;
  applyAmount();
}

function listenToPointers() {
  const pointers = new Map();
  stage.addEventListener("wheel", zoomAt, { passive: false });
  stage.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    stage.setPointerCapture?.(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before && shown.mode === "wipe") wipeTo(event);
    if (!before) return;
    pointers.set(event.pointerId, event);
    const other = [...pointers.values()].find((each) => each.pointerId !== event.pointerId);
    if (other) {
      const spread = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      zoomBy(spread(event) / Math.max(1, spread(before)));
    } else {
      const panel = panels.find((each) => !each.fixed);
      moveBy(...shares(panel, before.clientX - event.clientX, before.clientY - event.clientY));
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    stage.addEventListener(name, (event) => pointers.delete(event.pointerId));
  }
  stage.addEventListener("dblclick", () => { if (view.zoom > 1) resetView(); else zoomBy(4); });
}

function resetView() {
  Object.assign(view, WHOLE);
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
    name: (file) => `${file === a ? "A" : "B"}: ${nameOf(file.path)}`,
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
  const links = [a, b].map((file, at) => element("a",
    { href: file.uri, target: "_blank", textContent: `open ${"AB"[at]}` }));
  byId("facts").replaceChildren(
    element("p", { className: "found", textContent: foundOf(a, b) }), table, element("p", {}, ...links));
}

function foundOf(a, b) {
  if (a.sha256 === b.sha256) return "every byte is the same";
  const how = b.match?.replace("the first", "A").replace(/\bthis\b/, "B");
  const sure = b.probability === null ? null
    : `probability ${b.probability > 0.9995 ? "above 0.999" : b.probability.toFixed(3)}`;
  return [b.sure, how, `distance ${b.distance.toFixed(4)}`, sure].filter(Boolean).join(" · ");
}

function drawVerdicts(group, a, b) {
  const fates = fatesOf(group);
  const button = (text, key, pressed, act) => {
    const made = element("button", { type: "button", onclick: act }, `${text} `);
    made.append(element("kbd", { textContent: key }));
    made.setAttribute("aria-pressed", String(pressed));
    return made;
  };
  const state = stateOf(group);
  const staying = (file) => fates[group.files.indexOf(file)] === "keep" && isChosen(file);
  const choice = !across && !b.identical_to_previous;
  const why = across ? `A is in ${data.against}`
    : group.files.some(isChosen) ? "you chose what to keep"
      : `${group.proposed ? "keep A:" : "which one to keep?"} ${group.why}`;
  byId("verdicts").replaceChildren(
    element("p", { className: fates.includes("") ? "asks" : "", textContent: why }),
    button("Accept the group", "a", state === "accepted", viewerKeys.a),
    button("Not the same", "x", verdictOf(b) === DIFFERENT, viewerKeys.x));
  if (choice) byId("verdicts").append(
    button("Keep A", "[", staying(a), viewerKeys["["]),
    button("Keep B", "]", staying(b), viewerKeys["]"]),
    button("Keep both", "⇧b", staying(a) && staying(b), viewerKeys.B));
}

function drawFilm(group) {
  const film = byId("film");
  film.hidden = group.files.length < 3;
  if (film.hidden) return film.replaceChildren();
  const fates = fatesOf(group);
  const start = Math.max(0, shown.at - FILM);
  film.replaceChildren(...group.files.slice(start, shown.at + FILM + 1).map((file, offset) => {
    const at = start + offset;
    const made = element("button", { type: "button", disabled: at === 0, title: file.path }, picture(file));
    made.dataset.fate = fates[at];
    made.setAttribute("aria-label", `${nameOf(file.path)}, ${SPOKEN[fates[at]]}`);
    made.setAttribute("aria-current", String(at === shown.at));
    made.onclick = () => openViewer(group, at);
    return made;
  }));
  const now = film.querySelector("[aria-current=true]");
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
    ` ${place + 1} of ${visible.length}`,
    group.files.length > 2 ? `, file ${at + 1} of ${group.files.length}` : "");
  viewer.dataset.word = group.word;
  viewer.dataset.state = stateOf(group);
}

function openViewer(group, at = 1) {
  shown.group = group;
  shown.at = Math.max(1, Math.min(group.files.length - 1, at));
  current.place = Math.max(0, visible.indexOf(group));
  if (!viewer.open) viewer.showModal();
  drawFacts(group.files[0], group.files[shown.at]);
  Object.assign(view, WHOLE);
  refreshViewer();
  showMode(shown.mode);
  const next = visible[current.place + 1]?.files.slice(0, 2) ?? [];
  for (const file of next) new Image().src = file.uri; // loaded before they are asked for
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
