"use strict";
// ---- decisions: what the person marked; every change can be undone, the browser keeps them ------
const data = JSON.parse(document.getElementById("data").textContent);
const SAME = "same", DIFFERENT = "different", STAYS = "stays";

const marks = new Map(); // pair of contents: SAME or DIFFERENT; content: STAYS; null: taken back
const changes = []; // what was done, to which group's first content, each with the marks before it
const short = (sha256) => sha256.slice(0, 20); // the browser's storage is small
const pairOf = (a, b) => [short(a), short(b)].sort().join(" ");

const storeName = JSON.stringify(["neardup", data.page, data.folder, data.against, data.encoder]);
let saving = 0;
let storageFails = false;

function loadMarks() {
  for (const pair of data.decisions.pairs) {
    marks.set(pairOf(pair.a, pair.b), pair.same ? SAME : DIFFERENT);
  }
  for (const sha256 of data.decisions.keep) marks.set(short(sha256), STAYS);
  try {
    const stored = JSON.parse(localStorage.getItem(storeName));
    for (const [key, mark] of stored?.marks ?? []) marks.set(key, mark);
    const here = new Set(data.groups.flatMap((group) => group.files.map((file) => short(file.sha256))));
    changes.push(...(stored?.changes ?? []).filter((each) => here.has(each.first)));
  } catch { storageFails = true; }
}

function storeMarks() {
  clearTimeout(saving);
  saving = 0;
  for (const undoable of [changes.slice(-100), []]) { // none where the storage is nearly full
    try {
      localStorage.setItem(storeName, JSON.stringify({ marks: [...marks], changes: undoable }));
      storageFails = false;
      return;
    } catch { storageFails = true; } // off, or full
  }
}

/** Make a change that one undo takes back; `make` is given the function that sets a mark. */
function change(what, group, make) {
  const before = [];
  make((key, mark) => {
    const old = marks.get(key) ?? null;
    if (old === mark) return;
    before.push([key, old]);
    marks.set(key, mark);
  });
  if (!before.length) return false;
  changes.push({ what, first: short(group.files[0].sha256), before });
  saving ||= setTimeout(storeMarks, 200);
  return true;
}

/** Take the last change back and return it, or undefined. */
function undoChange() {
  const last = changes.pop();
  last?.before.reverse().forEach(([key, mark]) => marks.set(key, mark));
  saving ||= setTimeout(storeMarks, 200);
  return last;
}

addEventListener("pagehide", () => { if (saving) storeMarks(); });

/** What `neardup clean`, `scan` and `calibrate` read: see neardup.scan.decisions. */
function decisionsFile() {
  const pairs = new Map();
  const keep = new Set();
  const known = new Set();
  for (const group of data.groups) {
    const first = group.files[0].sha256;
    for (const file of group.files) {
      known.add(file.sha256);
      if (marks.get(short(file.sha256)) === STAYS) keep.add(file.sha256);
      const mark = file.pair && marks.get(file.pair);
      if (!mark || pairs.has(file.pair)) continue;
      const itself = file.pair === pairOf(file.sha256, file.sha256);
      pairs.set(file.pair, {
        a: itself ? file.sha256 : first, b: file.sha256, same: mark === SAME,
        distance: itself ? 0 : file.distance, evidence: itself ? null : file.evidence ?? null,
      });
    }
  }
  const measured = data.decisions.encoder === data.encoder;
  for (const pair of data.decisions.pairs) { // what an earlier page decided still holds
    const key = pairOf(pair.a, pair.b);
    if (pairs.has(key) || marks.get(key) === null) continue;
    pairs.set(key, measured ? pair : { ...pair, distance: null, evidence: null });
  }
  for (const sha256 of data.decisions.keep) if (!known.has(sha256)) keep.add(sha256);
  return {
    format: 2, encoder: data.encoder, pictures: data.counts.embedded,
    pairs: [...pairs.values()], keep: [...keep],
  };
}

function saveDecisions() {
  const text = JSON.stringify(decisionsFile(), null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "neardup-decisions.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
