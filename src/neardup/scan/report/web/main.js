// ---- the page as a whole: what every change redraws, the controls, the keys ---------------------
const controls = Object.fromEntries(
  ["search", "state", "word", "order", "size"].map((name) => [name, byId(name)]));
const settingsName = "neardup page";
const asked = () => Object.fromEntries(
  Object.entries(controls).map(([name, input]) => [name, input.value]));
const numberOf = (number) => number.toLocaleString("en");
const undecidedLeft = () => data.groups.length - review().reviewed;

let warned = false; // that the browser keeps nothing

function say(text) { byId("said").textContent = text; }

function refresh() {
  for (const card of cards.values()) card.refresh();
  refreshViewer();
  const { reviewed, gain, possible } = review();
  byId("progress").max = data.groups.length || 1;
  byId("progress").value = reviewed;
  const all = data.groups.length;
  byId("reviewed").textContent = `${numberOf(reviewed)} of ${numberOf(all)} reviewed, `
    + `${sizeOf(gain)} to gain${possible > gain ? ` (of ${sizeOf(possible)})` : ""}`;
  byId("undo").disabled = !changes.length;
  const sure = visible.filter(isSure).length;
  byId("bulk").textContent = `Accept ${numberOf(sure)} that are sure`;
  byId("bulk").disabled = !sure;
  if (!storageFails || warned) return;
  say("This browser keeps nothing for this page: save the decisions before you close it.");
  warned = true;
}

/** Make a change of a group; when that decides it, go on to the next one to review. */
function decide(group, make, { stay = false } = {}) {
  const changed = make();
  const state = stateOf(group);
  if (visible.includes(group)) current.place = visible.indexOf(group);
  markCurrent();
  if (state === "choose") say("Now choose which to keep (b).");
  else if (changed) say(`${nameOf(group.files[0].path)}: ${changes.at(-1).what}`);
  if (!changed) return;
  refresh();
  if (stay || !["accepted", "rejected"].includes(state)) {
    if (!stay && viewer.open && verdictOf(group.files[shown.at]) === DIFFERENT) stepInViewer(1);
    return;
  }
  const place = nextToReview(visible.indexOf(group));
  if (place < 0) {
    say(undecidedLeft() ? "All that are shown are reviewed." : "All are reviewed: save the decisions.");
  } else if (viewer.open) openViewer(visible[place]);
  else focusGroup(place);
}

function undo() {
  const last = undoChange();
  if (!last) return;
  say(`Undone: ${last.what}`);
  refresh();
  const place = visible.findIndex((group) => short(group.files[0].sha256) === last.first);
  if (place < 0) return;
  if (viewer.open) openViewer(visible[place], visible[place] === shown.group ? shown.at : 1);
  else focusGroup(place);
}

function filterGroups() {
  showGroups(groupsShown(asked()));
  const none = byId("empty");
  none.hidden = visible.length > 0;
  none.textContent = data.groups.length ? "No group is like that."
    : `Nothing to clean up: no two of the ${plural(data.counts.embedded, "picture")} are the same.`;
  none.classList.toggle("happy", !data.groups.length);
  refresh();
}

function keepSettings() {
  const { order, size } = asked();
  try { localStorage.setItem(settingsName, JSON.stringify({ order, size })); } catch { /* off */ }
}

function resize() {
  keepSettings();
  grid.style.setProperty("--width", `${controls.size.value}px`);
  redrawGrid();
}

function bulk() {
  const sure = visible.filter(isSure);
  if (sure.length && acceptSure(sure)) {
    say(`${plural(sure.length, "sure group")} accepted.`);
    refresh();
  }
}

function save() {
  saveDecisions();
  const left = undecidedLeft();
  say("Saved as neardup-decisions.json where your browser puts downloads"
    + `${left ? `; ${plural(left, "group")} still to review` : ""}.`);
  byId("bar").classList.add("saved");
}

async function copyCommand() {
  try { await navigator.clipboard.writeText(data.next); } catch {
    getSelection().selectAllChildren(byId("command"));
    document.execCommand("copy");
  }
  say("Copied.");
}

// ---- keys --------------------------------------------------------------------------------------
const here = () => visible[current.place];
const fileHere = () => here()?.files[current.at];
const withGroup = (act) => () => { if (here()) act(here(), fileHere()); };

const gridKeys = {
  j: () => focusGroup(current.place + 1),
  k: () => focusGroup(current.place - 1),
  n: () => { const place = nextToReview(current.place); if (place >= 0) focusGroup(place); },
  ArrowRight: () => moveFile(1),
  ArrowLeft: () => moveFile(-1),
  ArrowDown: () => focusGroup(current.place + columns, current.at),
  ArrowUp: () => focusGroup(current.place - columns, current.at),
  Home: () => focusGroup(0),
  End: () => focusGroup(visible.length - 1),
  Enter: withGroup((group) => openViewer(group, current.at)),
  a: withGroup((group) => decide(group, () => accept(group))),
  x: withGroup((group, file) => decide(group, () => reject(group, file))),
  b: withGroup((group, file) => decide(group, () => keep(group, [file]))),
  B: withGroup((group, file) => decide(group, () => keep(group, [file], { also: true }), { stay: true })),
  "/": () => controls.search.focus(),
};
const pictureA = () => shown.group.files[0];
const pictureB = () => shown.group.files[shown.at];
const keepInViewer = (...files) => decide(shown.group,
  () => keep(shown.group, files, { also: files.length > 1 }));
const viewerKeys = {
  j: () => stepGroupInViewer(1),
  k: () => stepGroupInViewer(-1),
  n: () => openViewer(visible[nextToReview(current.place)] ?? shown.group, 1),
  ArrowRight: () => stepInViewer(1),
  ArrowLeft: () => stepInViewer(-1),
  ArrowDown: () => stepGroupInViewer(1),
  ArrowUp: () => stepGroupInViewer(-1),
  a: () => decide(shown.group, () => accept(shown.group)),
  x: () => decide(shown.group, () => reject(shown.group, pictureB())),
  b: () => keepInViewer(pictureB()),
  "]": () => keepInViewer(pictureB()),
  "[": () => keepInViewer(pictureA()),
  B: () => keepInViewer(pictureA(), pictureB()),
  "+": () => zoomBy(1.5),
  "=": () => zoomBy(1.5),
  "-": () => zoomBy(1 / 1.5),
  0: resetView,
  Escape: () => viewer.close(),
  " ": () => { if (shown.mode !== "blink") showMode("blink"); clearInterval(blinking); flip(); },
  ...Object.fromEntries(Object.keys(MODES).map((mode, at) => [at + 1, () => showMode(mode)])),
};
const everywhere = { u: undo, s: save, "?": () => byId("help").showModal() };

addEventListener("keydown", (event) => {
  const undoing = (event.ctrlKey || event.metaKey) && event.key === "z";
  if (byId("help").open || (!undoing && (event.ctrlKey || event.metaKey || event.altKey))) return;
  const letter = event.key.length === 1;
  const input = event.target.closest?.(letter ? "input[type=search], select" : "input, select");
  if (input && event.key === "Escape") input.blur();
  if (input && (letter || /^(Arrow.*|Home|End|Enter)$/.test(event.key))) return;
  const button = event.target.closest?.("button:not(.thumb), a, summary");
  if (button && ["Enter", " "].includes(event.key)) return;
  const keys = { ...everywhere, ...(viewer.open ? viewerKeys : gridKeys) };
  const act = undoing ? undo : Object.hasOwn(keys, event.key) ? keys[event.key] : null;
  if (!act) return;
  event.preventDefault();
  act();
});

// ---- start -------------------------------------------------------------------------------------
function drawList(title, rows, all, csv) {
  if (!rows.length) return "";
  const table = element("table");
  const more = all > rows.length ? `; the first ${numberOf(rows.length)}, all are in ${csv}` : "";
  const summary = element("summary", { textContent: `${title} (${numberOf(all)})${more}` });
  const details = element("details", {}, summary, table);
  details.ontoggle = () => { // drawn when first opened
    if (table.rows.length) return;
    const cell = (text) => element("td", { textContent: text });
    table.append(...rows.map((row) => element("tr", {}, ...row.map(cell))));
  };
  return details;
}

function drawRest() {
  const say = (text, className = "") => element("p", { textContent: text, className });
  const left = data.groupsInAll - data.groups.length;
  const contents = new Set(data.groups.flatMap((group) => group.files.map((file) => file.sha256)));
  const bare = contents.size - Object.keys(data.thumbnails).length;
  byId("rest").append(
    say(data.sentences[1]),
    left > 0 ? say(`${plural(left, "group")} more, the least sure, are left out, or this page would grow`
      + " too large. They are in groups.json: clean what is here, then scan again.", "asks") : "",
    data.scenes ? say(`${plural(data.scenes, "pair")} look like two shots of one scene and are not`
      + " called duplicates: see scenes.csv.") : "",
    bare > 0 ? say(`${plural(bare, "picture")} without a preview: it could not be read, or there are so`
      + " many that this page would grow too large. The viewer loads the files themselves.") : "",
    drawList("Skipped files", data.skippedFiles, data.counts.skipped, "skipped.csv"),
    drawList("Blank pictures, compared with nothing", data.blankFiles.map((path) => [path]),
      data.counts.blank, "blank.csv"));
}

function start() {
  loadMarks();
  controls.size.value = Math.max(330, Math.min(460, innerWidth * 0.17)); // larger where space allows
  try {
    const { order, size } = JSON.parse(localStorage.getItem(settingsName));
    Object.assign(controls.order, { value: order });
    Object.assign(controls.size, { value: size });
  } catch { /* off */ }
  byId("summary").textContent = `${data.about}: ${data.sentences[0]}`;
  byId("summary").title = data.sentences.join("\n");
  byId("command").textContent = data.next;
  drawRest();
  document.documentElement.classList.toggle("across", across);
  for (const name of ["state", "word", "order"]) {
    controls[name].onchange = () => { filterGroups(); keepSettings(); };
  }
  let waiting = 0;
  controls.search.oninput = () => { clearTimeout(waiting); waiting = setTimeout(filterGroups, 120); };
  controls.size.oninput = () => { cancelAnimationFrame(waiting); waiting = requestAnimationFrame(resize); };
  byId("bulk").onclick = bulk;
  byId("undo").onclick = undo;
  byId("save").onclick = save;
  byId("copy").onclick = copyCommand;
  byId("help-button").onclick = () => byId("help").showModal();
  grid.addEventListener("focusin", (event) => {
    const found = [...cards].find(([, card]) => card.contains(event.target));
    if (!found) return;
    current.place = visible.indexOf(found[0]);
    const tile = event.target.closest(".tile");
    current.at = tile ? [...tile.parentElement.children].indexOf(tile) : 0;
    markCurrent();
  });
  addEventListener("scroll", drawWindow, { passive: true });
  let width = 0;
  new ResizeObserver(() => {
    if (grid.clientWidth === width) return;
    width = grid.clientWidth;
    redrawGrid();
  }).observe(grid);
  grid.style.setProperty("--width", `${controls.size.value}px`);
  filterGroups();
}
start();
