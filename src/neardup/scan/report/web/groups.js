// ---- groups: what becomes of each file, how far the review is, which groups are shown and in what
// order ------------------------------------------------------------------------------------------
const across = data.against !== null;
const WORDS = ["identical", "sure", "likely", "doubtful"]; // of rising doubt

for (const [number, group] of data.groups.entries()) {
  const first = group.files[0].sha256;
  let ofFirst = true;
  for (const [at, file] of group.files.entries()) {
    if (at && !file.identical_to_previous) ofFirst = false;
    if (across && ofFirst) file.reference = true;
    const itself = at === 0 || file.identical_to_previous;
    file.pair = at === 0 || (across && ofFirst) ? null
      : pairOf(itself ? file.sha256 : first, file.sha256);
  }
  group.number = number;
  group.members = group.files.filter((file) => file.pair);
  const compared = group.members.filter((file) => file.sha256 !== first && !file.identical_to_previous);
  group.word = !compared.length ? "identical"
    : compared.some((file) => file.sure === null) ? ""
      : WORDS[Math.max(...compared.map((file) => WORDS.indexOf(file.sure)))];
  group.doubt = compared.reduce((most, file) =>
    Math.max(most, file.probability === null ? file.distance / 2 : 1 - file.probability), 0);
}

const verdictOf = (file) => (file.pair && marks.get(file.pair)) || null;
const isChosen = (file) => marks.get(short(file.sha256)) === STAYS;

/** "different", "keep", "goes", or "" where nobody has said which is to stay. */
function fatesOf(group) {
  const chosen = !across && group.files.some(isChosen);
  return group.files.map((file) => {
    if (file.reference) return "keep";
    if (verdictOf(file) === DIFFERENT) return "different";
    if (across || file.identical_to_previous) return "goes";
    if (chosen) return isChosen(file) ? "keep" : "goes";
    if (!group.proposed) return "";
    return file === group.files[0] ? "keep" : "goes";
  });
}

/** "open" (to review), "choose" (which to keep), "accepted" or "rejected". */
function stateOf(group) {
  const verdicts = group.members.map(verdictOf);
  if (verdicts.includes(null)) return "open";
  if (!verdicts.includes(SAME)) return "rejected";
  return fatesOf(group).includes("") ? "choose" : "accepted";
}

/** Bytes that the group's copies take; where nobody has said which stays, all but the first. */
function gainOf(group) {
  const fates = fatesOf(group);
  const goes = (at) => fates[at] === "goes" || (fates[at] === "" && at > 0);
  return group.files.reduce((sum, file, at) => sum + (goes(at) && !file.link ? file.bytes : 0), 0);
}

/** How many groups are decided; bytes to gain by what is accepted, and if all others were, too. */
function review() {
  const found = { reviewed: 0, gain: 0, possible: 0 };
  for (const group of data.groups) {
    const state = stateOf(group);
    if (state === "accepted" || state === "rejected") found.reviewed += 1;
    if (state !== "rejected") found.possible += gainOf(group);
    const fates = state === "rejected" ? [] : fatesOf(group);
    group.files.forEach((file, at) => {
      const decided = file.pair ? verdictOf(file) === SAME : state === "accepted";
      if (decided && fates[at] === "goes" && !file.link) found.gain += file.bytes;
    });
  }
  return found;
}

// ---- changes -----------------------------------------------------------------------------------
function accept(group) {
  if (stateOf(group) === "accepted") {
    return change("taken back", group, (set) => clear(group, set));
  }
  return change("accepted", group, (set) => acceptMembers(group, set));
}

function acceptMembers(group, set) {
  const all = group.members.every((file) => verdictOf(file) === DIFFERENT);
  for (const file of group.members) if (all || verdictOf(file) === null) set(file.pair, SAME);
}

function clear(group, set) {
  for (const file of group.members) set(file.pair, null);
  for (const file of group.files) set(short(file.sha256), null);
}

/** The file is no copy of the first; of the first itself: none of the group is. */
function reject(group, file) {
  const files = file.pair ? [file] : group.members;
  const taken = files.every((each) => verdictOf(each) === DIFFERENT);
  return change(taken ? "taken back" : "rejected", group, (set) => {
    for (const each of files) {
      set(each.pair, taken ? null : DIFFERENT);
      if (!each.identical_to_previous) set(short(each.sha256), null);
    }
  });
}

/** The files stay and the rest of their group are copies; `also`: beside those that stay already. */
function keep(group, files, { also = false } = {}) {
  if (across) return false;
  const fates = fatesOf(group);
  const staying = [...files, ...group.files.filter((_, at) => also && fates[at] === "keep")];
  return change("kept", group, (set) => {
    for (const each of staying) {
      set(short(each.sha256), STAYS);
      if (each.pair && !each.identical_to_previous) set(each.pair, SAME);
    }
    const stays = new Set(staying.map((each) => each.sha256));
    for (const each of group.files) if (!stays.has(each.sha256)) set(short(each.sha256), null);
    acceptMembers(group, set);
  });
}

/** Whether a group may be accepted unseen: nothing that only one of its copies has would go. */
function isSure(group) {
  if (!["identical", "sure"].includes(group.word) || stateOf(group) !== "open") return false;
  const fates = fatesOf(group);
  return !fates.includes("") && !fates.includes("different") && !group.files.some(
    (file, at) => file.own_content || (fates[at] === "goes" && file.companions.length));
}

function acceptSure(groups) {
  return change(`${groups.length} sure groups accepted`, groups[0], (set) => {
    for (const group of groups) acceptMembers(group, set);
  });
}

// ---- which are shown, in what order ------------------------------------------------------------
const folderOf = (path) => path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"), 0));
const nameOf = (path) => path.slice(folderOf(path).length).replace(/^[\\/]/, "");
const collate = new Intl.Collator(undefined, { numeric: true }).compare;
function dateOf(file) {
  if (file.taken) return file.taken.slice(0, 16).replace(":", "-").replace(":", "-");
  const moment = new Date(file.modified * 1000);
  return Number.isNaN(moment.getTime()) ? "" : moment.toISOString().slice(0, 16).replace("T", " ");
}

const ORDERS = {
  surest: (a, b) => a.number - b.number,
  doubt: (a, b) => b.doubt - a.doubt || b.farthest - a.farthest,
  gain: (a, b) => b.gain - a.gain,
  folder: (a, b) => collate(a.files[0].path, b.files[0].path),
  date: (a, b) => (dateOf(a.files[0]) < dateOf(b.files[0]) ? 1 : -1),
};

const STATES = {
  all: () => true,
  open: (group) => ["open", "choose"].includes(stateOf(group)),
  choose: (group) => stateOf(group) !== "rejected" && fatesOf(group).includes(""),
  accepted: (group) => stateOf(group) === "accepted",
  rejected: (group) => stateOf(group) === "rejected",
};

function groupsShown({ search, state, word, order }) {
  if (order === "gain") for (const group of data.groups) group.gain = gainOf(group);
  const sought = search.toLowerCase().split(/\s+/).filter(Boolean);
  return data.groups.filter((group) => (word === "all" || group.word === word)
    && STATES[state](group)
    && (!sought.length || group.files.some((file) => {
      const path = file.path.toLowerCase();
      return sought.every((part) => path.includes(part));
    }))).sort(ORDERS[order]);
}
