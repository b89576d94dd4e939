"""Killed before any line that moves files, both in cleaning and in undoing: all come back."""

import itertools
import os
import shutil

import pytest
from tests.clean.worlds import clean, decided, entry, in_child, sha256, snapshot, undo_all
from tests.clean.worlds import write_report as write

from neardup.files import JOURNAL

SEA, COPY, HILL = b"sea" * 40, b"sea, smaller", b"hill"


@pytest.fixture
def album(home):
    """Two accepted contents, the second in two files and a link; and the decisions."""
    root = home / "album"
    (root / "sub").mkdir(parents=True)
    (root / "sea.jpg").write_bytes(SEA)
    (root / "sub" / "copy.jpg").write_bytes(COPY)
    (root / "link.jpg").symlink_to("sub/copy.jpg")
    (root / "hill.jpg").write_bytes(HILL)
    files = [
        entry("sea.jpg", SEA),
        entry("sub/copy.jpg", COPY),
        entry("link.jpg", COPY, again=True),
    ]
    write(home / "report", [(True, files)], relative_to=root)
    sea, copy = sha256(SEA), sha256(COPY)
    return root, decided(same=[(sea, copy), (copy, copy)])


@pytest.fixture
def twins(home):
    """Three identical files, of which a hard link takes the place of two."""
    root = home / "album"
    root.mkdir()
    for name in "abc":
        (root / name).write_bytes(SEA)
        os.utime(root / name, ns=(1, ord(name) * 10**9))
    files = [entry("a", SEA), entry("b", SEA, again=True), entry("c", SEA, again=True)]
    write(home / "report", [(True, files)], relative_to=root)
    return root, decided(same=[(sha256(SEA), sha256(SEA))])


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("how", ["folder", "link"])
def test_at_any_line(how, elsewhere, home, request):
    root, decisions = request.getfixturevalue("twins" if how == "link" else "album")
    before = snapshot(root)
    quarantine = home / "removed"
    across = quarantine if elsewhere else None

    def kill(do, at):
        return in_child(do, kill_at=at, across=across, unprivileged=False)

    def do_clean():
        clean(home / "report", quarantine, decisions, how=how)

    for line in itertools.count(1, 9):
        quarantine.mkdir()
        killed = kill(do_clean, line)
        pictures = {what[1] for what in snapshot(home)[0].values() if what[0] == "file"}
        assert {SEA, COPY if how == "folder" else SEA} <= pictures
        kill(lambda: undo_all(quarantine), line)
        assert undo_all(quarantine) == []
        assert snapshot(root) == before
        rest = [path.name for path in quarantine.rglob("*") if path.is_file()]
        assert set(rest) <= {JOURNAL}
        shutil.rmtree(quarantine)
        if not killed:
            break
    assert line > 100
