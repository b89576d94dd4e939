// ---- the page as a whole: what every change redraws, the controls, the keys ---------------------
const controls = Object.fromEntries(["search", "state", "word", "order", "size"].map((name) => [name, byId(name)]));
const settingsName = "neardup page";
const asked = () => Object.fromEntries(Object.entries(controls).map(([name, input]) => [name, input.value]));
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
  byId("reviewed").textContent = `${reviewed.toLocaleString("en")} of ${all.toLocaleString("en")} reviewed, `
    + `${sizeOf(gain)} to gain${possible > gain ? ` (of ${sizeOf(possible)})` : ""}`;
  byId("undo").disabled = !changes.length;
  const sure = visible.filter(isSure).length;
  byId("bulk").textContent = `Accept ${sure.toLocaleString("en")} that are sure`;
  byId("bulk").disabled = !sure;
  if (storageFails && !warned) say("This browser keeps nothing for this page: save the decisions before you close it.");
  warned ||= storageFails;
}

/** Make a change of a group; when that decides it, go on to the next one to review. */
function decide(group, make, { stay = false } = {}) {
  if (!make()) return;
  const state = stateOf(group);
  if (visible.includes(group)) current.place = visible.indexOf(group);
  markCurrent();
  say(`Group ${group.number + 1} ${changes.at(-1).what}${state === "choose" ? ": now choose which to keep (b)" : ""}`);
  refresh();
  if (stay || !["accepted", "rejected"].includes(state)) {
    if (!stay && viewer.open && verdictOf(group.files[shown.at]) === DIFFERENT) stepInViewer(1);
    return;
  }
  const place = nextToReview(visible.indexOf(group));
  if (place < 0) say(undecidedLeft() ? "All that are shown are reviewed." : "All are reviewed: save the decisions.");
  else if (viewer.open) openViewer(visible[place]);
  else focusGroup(place);
}

function undo() {
  const last = undoChange();
  if (!last) return;
  say(`Undone: ${last.what}`);
  refresh();
  const place = visible.findIndex((group) => group.number === last.number);
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
  say(`Saved as neardup-decisions.json where your browser puts downloads${left ? `; ${plural(left, "group")} still to review` : ""}.`);
  byId("bar").classList.add("saved");
}

async function copyCommand() {
  const text = data.next;
  try { await navigator.clipboard.writeText(text); } catch {
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
  b: withGroup((group, file) => decide(group, () => keep(group, file))),
  B: withGroup((group, file) => decide(group, () => keep(group, file, { also: true }), { stay: true })),
  "/": () => controls.search.focus(),
};
const compared = () => shown.group.files[shown.at];
const viewerKeys = {
  j: () => stepGroupInViewer(1),
  k: () => stepGroupInViewer(-1),
  n: () => { const place = nextToReview(current.place); if (place >= 0) openViewer(visible[place]); },
  ArrowRight: () => stepInViewer(1),
  ArrowLeft: () => stepInViewer(-1),
  ArrowDown: () => stepGroupInViewer(1),
  ArrowUp: () => stepGroupInViewer(-1),
  a: () => decide(shown.group, () => accept(shown.group)),
  x: () => decide(shown.group, () => reject(shown.group, compared())),
  b: () => decide(shown.group, () => keep(shown.group, compared())),
  "]": () => decide(shown.group, () => keep(shown.group, compared())),
  "[": () => decide(shown.group, () => keep(shown.group, shown.group.files[0])),
  B: () => decide(shown.group, () => keepBoth(shown.group), { stay: true }),
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
  const typing = event.target.closest?.(event.key.length === 1 ? "input[type=search], select" : "input, select");
  if (typing && (event.key.length === 1 || event.key.startsWith("Arrow") || ["Home", "End", "Enter"].includes(event.key))) return;
  if (typing && event.key === "Escape") typing.blur();
  const onButton = event.target.closest?.("button, a, summary");
  if (onButton && !onButton.classList.contains("thumb") && ["Enter", " "].includes(event.key)) return;
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
  const more = all > rows.length ? `; the first ${rows.length.toLocaleString("en")}, all are in ${csv}` : "";
  const details = element("details", {}, element("summary", { textContent: `${title} (${all})${more}` }), table);
  details.ontoggle = () => { // drawn when first opened
    if (table.rows.length) return;
    for (const row of rows) table.append(element("tr", {}, ...row.map((text) => element("td", { textContent: text }))));
  };
  return details;
}

function start() {
  loadMarks();
  controls.size.value = Math.max(330, Math.min(460, innerWidth * 0.17)); // larger where space allows
  try {
    for (const [name, value] of Object.entries(JSON.parse(localStorage.getItem(settingsName) ?? "{}"))) controls[name].value = value;
  } catch { /* off */ }
  byId("summary").textContent = across ? data.sentences[0] : `${data.about}: ${data.sentences[0]}`;
  byId("summary").title = data.sentences.join("\n");
  byId("command").textContent = data.next;
  const bare = new Set(data.groups.flatMap((group) => group.files.map((file) => file.sha256))).size - Object.keys(data.thumbnails).length;
  const left = data.groupsInAll - data.groups.length;
  byId("rest").append(...[
    element("p", { textContent: data.sentences[1] }),
    left > 0 ? element("p", { className: "asks", textContent: `${plural(left, "group")} more, the least sure, are left out, or this page would grow too large. They are in groups.json: clean what is here, then scan again.` }) : "",
    data.scenes ? element("p", { textContent: `${plural(data.scenes, "pair")} look like two shots of one scene and are not called duplicates: see scenes.csv.` }) : "",
    bare > 0 ? element("p", { textContent: `${plural(bare, "picture")} without a preview: it could not be read, or there are so many that this page would grow too large. The viewer loads the files themselves.` }) : "",
    drawList("Skipped files", data.skippedFiles, data.counts.skipped, "skipped.csv"),
    drawList("Blank pictures, compared with nothing", data.blankFiles.map((path) => [path]), data.counts.blank, "blank.csv")]);
  document.documentElement.classList.toggle("across", across);
  for (const name of ["state", "word", "order"]) controls[name].onchange = () => { filterGroups(); keepSettings(); };
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
