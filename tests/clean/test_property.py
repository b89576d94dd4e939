"""Random decisions on random folders, killed at random moments: nothing is lost, all comes back."""

import itertools
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.clean.worlds import (
    NOBODY,
    clean,
    decided,
    entry,
    in_child,
    sha256,
    snapshot,
    undo_all,
    write_report,
)

FOLDERS = ("", "a", "a/b", "A", "a/\udcff", "locked")
NAMES = ("x.jpg", "X.jpg", "x (2).jpg", "\udcfe.png", "neardup-journal.jsonl.jpg")
KINDS = ("file", "file", "hard", "soft", "soft absolute", "alias")
CHANGES = ("nothing",) * 20 + ("emptied", "deleted", "rewritten", "touched", "linked elsewhere")


@dataclass
class File:
    path: str
    data: bytes
    reference: bool
    films: list[str]


@dataclass
class World:
    files: list[File] = field(default_factory=list)
    groups: list[tuple[bool, list[list[File]]]] = field(default_factory=list)


def build(draw, root: Path) -> World:
    """A folder, and the groups that a scan might have found in it."""
    for folder in FOLDERS:
        (root / folder).mkdir(exist_ok=True)
    os.symlink("a", root / "also a")
    world = World()
    places = itertools.product(FOLDERS, NAMES)
    free = draw(st.permutations(list(places)))
    contents: list[list[File]] = []
    for number in range(draw(st.integers(2, 6))):
        data = b"picture %d" % number * draw(st.sampled_from([1, 1, 5000]))
        files: list[File] = []
        for copy in range(draw(st.integers(1, 3))):
            place = os.path.join(*free.pop())
            kind = draw(st.sampled_from(KINDS)) if copy else "file"
            path = root / place
            model = root / files[0].path if files else path
            if kind == "alias":  # the same file, reached by a link to its folder
                if not files[0].path.startswith("a/") or files[-1].path.startswith("also"):
                    continue
                place = "also a" + files[0].path[1:]
            elif kind == "hard":
                os.link(model, path, follow_symlinks=False)
            elif kind == "soft":
                path.symlink_to(os.path.relpath(model, path.parent))
            elif kind == "soft absolute":
                path.symlink_to(model)
            else:
                path.write_bytes(data)
                os.utime(path, ns=(10**18, 10**18 + draw(st.integers(0, 2)) * 10**9 + 1))
            films = []
            if kind != "alias" and draw(st.integers(0, 3)) == 0:
                films.append(place + ".mov")
                (root / films[0]).write_bytes(
                    b"film %d" % (number + copy * draw(st.integers(0, 1)))
                )
            files.append(File(place, data, draw(st.integers(0, 7)) == 0, films))
        contents.append(files)
        world.files += files
    rest = list(contents)
    while rest:
        size = draw(st.integers(2, 4))
        members, rest = rest[:size], rest[size:]
        if draw(st.integers(0, 5)) == 0:  # against another folder, one may be in several groups
            members.append(draw(st.sampled_from(contents)))
        members = [m for place, m in enumerate(members) if m not in members[:place]]
        world.groups.append((draw(st.integers(0, 3)) > 0, members))
    return world


def decide(draw, world: World):
    """Decisions; and every pair that is accepted by them, or is surely a copy."""
    same, different, keep, accepted = set(), set(), set(), set()
    accept_sure = draw(st.booleans())
    written = []
    for proposed, members in world.groups:
        first = sha256(members[0][0].data)
        entries = []
        for files in members:
            own = sha256(files[0].data)
            sure = own == first or draw(st.booleans())
            for pair in {(first, own), (own, own)}:
                mark = draw(st.sampled_from(["same"] * 6 + ["different", ""]))
                if mark == "same":
                    same.add(pair)
                elif mark == "different" and pair not in same:
                    different.add(pair)
                if accept_sure and proposed and sure:
                    accepted.add(pair)
            if draw(st.integers(0, 3)) == 0:
                keep.add(own)
            for copy, file in enumerate(files):
                word = "sure" if sure else "likely"
                found = entry(
                    file.path,
                    file.data,
                    again=copy > 0,
                    sure=word,
                    reference=file.reference,
                    companions=file.films,
                )
                entries.append(found)
        written.append((proposed, entries))
    rejected = {frozenset(pair) for pair in different - same}
    accepted = {pair for pair in accepted | same if frozenset(pair) not in rejected}
    return written, decided(same, different - same, keep), accept_sure, accepted


def meddle(draw, root: Path, world: World) -> None:
    """What a person does to the files between the scan and the cleaning."""
    for number, file in enumerate(world.files):
        what = draw(st.sampled_from(CHANGES))
        path = root / file.path
        if what == "nothing" or not os.path.lexists(path):
            continue
        if what == "deleted":
            path.unlink()
        elif what == "linked elsewhere":
            path.unlink()
            path.symlink_to(root / draw(st.sampled_from(world.files)).path)
        elif path.exists():
            if what == "touched":
                os.utime(path)
            else:
                new = b"" if what == "emptied" else b"another %d" % number
                path.write_bytes(new[: len(file.data)].ljust(len(file.data) if new else 0))


def pictures(found) -> dict[str, set[str]]:
    """sha256 of every regular file's bytes to its paths."""
    held: dict[str, set[str]] = {}
    for path, (what, *rest) in found[0].items():
        if what == "file":
            held.setdefault(sha256(rest[0]), set()).add(path)
    return held


def classes(pairs):
    """Each content to all that are accepted as the same picture, through others too."""
    together: dict[str, set[str]] = {}
    for a, b in pairs:
        merged = together.get(a, {a}) | together.get(b, {b})
        for each in merged:
            together[each] = merged
    return together


def check_nothing_lost(root: Path, before, after, world: World, decisions, accepted) -> None:
    held_before, held = pictures(before), pictures(after)
    together = classes(accepted)
    gone = before[0].keys() - after[0].keys()
    films = {film: file for file in world.files for film in file.films}
    decided = set().union(*decisions.same)
    for content in held_before:
        if held_before[content] <= films.keys():
            owners = [films[film] for film in held_before[content]]
            with_theirs = all(file.path in gone and sha256(file.data) in decided for file in owners)
            assert content in held or with_theirs, "a film is lost"
            continue
        assert together.get(content, {content}) & held.keys(), "a picture is lost"
    known: dict[str, list[File]] = {}
    for file in world.files:
        known.setdefault(os.path.relpath(os.path.realpath(root / file.path), root), [])
        name = os.path.join(os.path.realpath((root / file.path).parent), Path(file.path).name)
        known.setdefault(os.path.relpath(name, os.path.realpath(root)), []).append(file)
    for path in gone:
        if path in films:
            assert films[path].path in gone, "a film went alone"
            continue
        files = known[path]
        assert not any(file.reference for file in files), "a reference went"
        content = sha256(files[0].data)
        extra = (content, content) in accepted
        assert extra or len(together.get(content, ())) > 1, "what nobody accepted went"
    assert not after[0].keys() - before[0].keys()
    for path, what in before[0].items():
        if what[0] == "link" and path in after[0]:
            target = os.path.normpath(os.path.join(root, os.path.dirname(path), what[1]))
            if os.path.relpath(target, root) in before[0] and before[0][path] == after[0][path]:
                was = os.path.relpath(target, root)
                assert was in after[0], "a link that stays leads nowhere"


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_no_picture_is_lost_and_all_come_back(data, ground):
    draw = data.draw
    home = Path(tempfile.mkdtemp(dir=ground))
    try:
        root = home / "pictures"
        root.mkdir()
        world = build(draw, root)
        written, decisions, accept_sure, accepted = decide(draw, world)
        write_report(home / "report", written, relative_to=root)
        meddle(draw, root, world)
        give_away(home)
        if draw(st.booleans()):
            (root / "locked").chmod(0o555)
        quarantine = draw(st.sampled_from([home / "removed", root / "removed"]))
        quarantine.mkdir()
        os.chown(quarantine, NOBODY, NOBODY)
        across = quarantine if draw(st.booleans()) else None
        how = draw(st.sampled_from(["folder", "folder", "link"]))
        kill_at = draw(st.one_of(st.none(), st.sampled_from(range(1, 900))))

        def looked(ignore=quarantine):
            found, shared = snapshot(root)
            inside = os.path.relpath(ignore, root)
            kept = {p: w for p, w in found.items() if not (p + "/").startswith(inside + "/")}
            lots = [[p for p in lot if p in kept] for lot in shared]
            return kept, sorted(lot for lot in lots if lot)

        before = looked()
        killed = in_child(
            lambda: clean(home / "report", quarantine, decisions, accept_sure=accept_sure, how=how),
            kill_at=kill_at,
            across=across,
        )
        after = looked()
        event(f"{how}, moved {before != after}, killed {killed}, across {across is not None}")
        check_nothing_lost(root, before, after, world, decisions, accepted)
        for kill_at in draw(st.lists(st.sampled_from(range(1, 400)), max_size=2)):
            in_child(lambda: undo_all(quarantine), kill_at=kill_at, across=across)
        in_child(lambda: undo_all(quarantine), across=across)
        assert looked() == before
        in_child(lambda: undo_all(quarantine), across=across)
        assert looked() == before
        assert undo_all(quarantine) == []
    finally:
        os.chmod(root / "locked", 0o755)
        shutil.rmtree(home)


def give_away(folder: Path) -> None:
    if os.getuid() == 0:
        for place, folders, names in os.walk(folder):
            for name in [*folders, *names, "."]:
                os.chown(os.path.join(place, name), NOBODY, NOBODY, follow_symlinks=False)
