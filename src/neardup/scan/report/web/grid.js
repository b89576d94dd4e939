// ---- the grid: cards of one height, of which only those near the window exist -------------------
const byId = (id) => document.getElementById(id);
const grid = byId("grid");
const AROUND = 2; // rows drawn above and below the window
const TILES = 12; // pictures of a group in its card; the viewer shows them all
const SPOKEN = {
  keep: "keep", goes: "copy", different: "not the same", "": "keep?",
  open: "to review", choose: "which one to keep?", accepted: "accepted", rejected: "not the same",
};

let visible = []; // the groups shown, in order
let columns = 1;
let rowHeight = 0;
let rows = [0, 0]; // drawn
const cards = new Map(); // group to its card, for those drawn
const current = { place: 0, at: 0 }; // the group by its place among the visible, and its file

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function sizeOf(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (bytes >= 999.5 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
  return `${unit && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

const plural = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
const shortPath = (path) =>
  (path.startsWith(`${data.folder}/`) ? path.slice(data.folder.length + 1) : path);
const wordOf = (group) => group.word || `distance ${group.farthest.toFixed(2)}`;

function howOf(group) {
  const [first, second] = group.files;
  if (group.filesInAll > group.files.length) {
    return `the first ${group.files.length.toLocaleString("en")} of ${plural(group.filesInAll, "file")};`
      + " all are in groups.json";
  }
  if (group.word === "identical") return "every byte is the same";
  if (group.files.length > 2) return `${group.files.length} files`;
  const how = second.match?.replace("the first and this are the ", "").replace(/\bthis\b/, "the second");
  return how ?? `looks the same, distance ${second.distance.toFixed(2)}`;
}

const picture = (file) => (data.thumbnails[file.sha256]
  ? element("img", { src: data.thumbnails[file.sha256], alt: "", decoding: "async", draggable: false })
  : element("span", { className: "missing", textContent: "no preview" }));

function drawTile(group, at) {
  const file = group.files[at];
  const open = element("button", { type: "button", className: "thumb" }, picture(file));
  const fixed = across || file.identical_to_previous;
  const badge = element("button", { type: "button", className: "badge", disabled: fixed });
  if (!fixed) badge.title = "Keep this one (b)";
  const place = shortPath(file.path);
  const caption = element("figcaption", { title: file.path },
    element("b", { textContent: nameOf(file.path) }),
    element("span", { textContent: folderOf(place) || "." }),
    element("span", { textContent: [`${file.width} × ${file.height}`, sizeOf(file.bytes),
      ...file.companions.map((path) => `with ${nameOf(path)}`)].join(" · ") }));
  const tile = element("figure", { className: "tile" }, open, badge, caption);
  const rejects = element("button", { type: "button", className: "not", textContent: "✕" });
  rejects.title = "Not the same (x)";
  if (file.pair && group.members.length > 1) tile.append(rejects);
  open.onclick = () => openViewer(group, Math.max(at, 1));
  badge.onclick = () => decide(group, () => keep(group, [file]), { stay: true });
  rejects.onclick = () => decide(group, () => reject(group, file), { stay: true });
  tile.refresh = (fate) => {
    tile.dataset.fate = fate;
    badge.textContent = !file.reference ? SPOKEN[fate]
      : across ? `in ${nameOf(data.against)}` : "reference";
    const name = nameOf(file.path);
    badge.setAttribute("aria-label", `${badge.textContent}: keep ${name}`);
    badge.setAttribute("aria-pressed", String(isChosen(file)));
    rejects.setAttribute("aria-label", `${name} is not the same`);
    rejects.setAttribute("aria-pressed", String(fate === "different"));
    open.setAttribute("aria-label", `${name}, ${badge.textContent}: compare`);
  };
  return tile;
}

function drawCard(group) {
  const strip = element("div", { className: "strip" });
  for (let at = 0; at < Math.min(group.files.length, TILES); at += 1) strip.append(drawTile(group, at));
  strip.classList.toggle("many", group.files.length > 2);
  if (group.files.length > TILES) {
    const more = element("button", { type: "button", className: "more" });
    more.textContent = `${group.files.length - TILES} more`;
    more.onclick = () => openViewer(group, TILES);
    strip.append(more);
  }
  const state = element("span", { className: "state" });
  const gain = element("span", { className: "gain" });
  const accepts = element("button", { type: "button", className: "accept" });
  const rejects = element("button", { type: "button", className: "reject", textContent: "Not the same" });
  const why = element("p", { className: "why" });
  const how = howOf(group);
  const card = element("article", { className: "card" },
    element("header", {}, element("span", { className: "word", textContent: wordOf(group) }), state, gain),
    strip,
    element("p", { className: "how", textContent: how, title: how }), why,
    element("div", { className: "verdict" }, accepts, rejects));
  card.dataset.word = group.word;
  accepts.onclick = () => decide(group, () => accept(group), { stay: true });
  rejects.onclick = () => decide(group, () => reject(group, group.files[0]), { stay: true });
  card.refresh = () => {
    const now = stateOf(group);
    const fates = fatesOf(group);
    [...strip.querySelectorAll(".tile")].forEach((tile, at) => tile.refresh(fates[at]));
    card.dataset.state = now;
    state.textContent = SPOKEN[now];
    gain.textContent = now === "rejected" ? "" : sizeOf(gainOf(group));
    gain.title = "space to gain";
    why.textContent = why.title = group.files.some(isChosen) ? "you chose what to keep"
      : group.proposed ? `keep the first: ${group.why}` : `which one to keep? ${group.why}`;
    if (across) why.textContent = why.title = `the first is in ${data.against}`;
    const asks = fates.includes("") && now !== "rejected";
    why.classList.toggle("asks", asks);
    accepts.textContent = now === "accepted" ? "Accepted" : now === "choose" ? "Choose one" : "Accept";
    accepts.setAttribute("aria-pressed", String(now === "accepted"));
    rejects.setAttribute("aria-pressed", String(now === "rejected"));
    card.setAttribute("aria-label",
      `Group ${group.number + 1}, ${group.files.length} files, ${wordOf(group)}, ${SPOKEN[now]}`);
  };
  card.refresh();
  return card;
}

/** Measure a card, for all are as high as it. */
function measure() {
  if (!visible.length) return;
  const card = cards.values().next().value ?? grid.appendChild(drawCard(visible[0]));
  columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  rowHeight = card.getBoundingClientRect().height + parseFloat(getComputedStyle(grid).rowGap);
  if (!cards.size) card.remove();
}

const gridTop = () => grid.getBoundingClientRect().top + scrollY;

/** Draw the rows that the window shows, and some around; the padding stands for the others. */
function drawWindow() {
  if (!visible.length || !rowHeight) return;
  const last = Math.ceil(visible.length / columns);
  const top = (scrollY - gridTop()) / rowHeight;
  const from = Math.max(0, Math.min(last - 1, Math.floor(top) - AROUND));
  const to = Math.min(last, Math.ceil(top + innerHeight / rowHeight) + AROUND);
  if (from === rows[0] && to === rows[1]) return;
  rows = [from, to];
  const wanted = visible.slice(from * columns, to * columns);
  const keeping = new Set(wanted);
  for (const [group, card] of cards) if (!keeping.has(group)) { card.remove(); cards.delete(group); }
  let before = grid.firstElementChild;
  wanted.forEach((group, offset) => {
    let card = cards.get(group);
    if (!card) {
      card = drawCard(group);
      cards.set(group, card);
    }
    if (card === before) before = before.nextElementSibling;
    else grid.insertBefore(card, before);
    const place = from * columns + offset;
    card.setAttribute("aria-posinset", String(place + 1));
    card.setAttribute("aria-setsize", String(visible.length));
  });
  markCurrent();
  grid.style.paddingTop = `${from * rowHeight}px`;
  grid.style.paddingBottom = `${Math.max(0, last - to) * rowHeight}px`;
}

function markCurrent() {
  for (const [group, card] of cards) card.classList.toggle("current", group === visible[current.place]);
}

function redrawGrid() {
  rows = [0, 0];
  for (const card of cards.values()) card.remove();
  cards.clear();
  grid.style.paddingTop = grid.style.paddingBottom = "0";
  measure();
  drawWindow();
}

/** Show other groups, or in another order; the current one stays current where it is shown. */
function showGroups(groups) {
  const was = visible[current.place];
  visible = groups;
  current.place = Math.max(0, visible.indexOf(was));
  current.at = 0;
  redrawGrid();
}

/** Bring a group into the window and give the keys to one of its pictures. */
function focusGroup(place, at = 0) {
  if (!visible.length) return;
  current.place = Math.max(0, Math.min(visible.length - 1, place));
  const group = visible[current.place];
  current.at = Math.min(at, Math.min(group.files.length, TILES) - 1);
  const y = gridTop() + Math.floor(current.place / columns) * rowHeight;
  const above = getComputedStyle(byId("top")).position === "sticky" ? byId("top").offsetHeight : 0;
  const below = byId("bar").offsetHeight;
  if (y - above < scrollY) scrollTo(0, y - above - 12);
  else if (y + rowHeight > scrollY + innerHeight - below) scrollTo(0, y + rowHeight - innerHeight + below);
  drawWindow();
  markCurrent();
  const thumb = cards.get(group)?.querySelectorAll(".thumb")[current.at];
  thumb?.focus({ preventScroll: true });
  const strip = thumb?.closest(".strip");
  strip?.scrollTo(thumb.parentElement.offsetLeft - (strip.clientWidth - thumb.offsetWidth) / 2, 0);
}

function moveFile(step) {
  const group = visible[current.place];
  const at = current.at + step;
  if (!group) return;
  if (at >= 0 && at < Math.min(group.files.length, TILES)) focusGroup(current.place, at);
  else if (step > 0 && current.place + 1 < visible.length) focusGroup(current.place + 1);
  else if (step < 0 && current.place > 0) focusGroup(current.place - 1, Infinity);
}

/** The next place, from `place` on and then from the start, whose group is not yet decided; or -1. */
function nextToReview(place) {
  const after = visible.findIndex((group, at) => at > place && STATES.open(group));
  return after >= 0 ? after : visible.findIndex(STATES.open);
}
