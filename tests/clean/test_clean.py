"""``neardup clean`` as a person meets it."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.clean.worlds import entry, sha256, snapshot, write_report

from neardup.clean.moving import move
from neardup.cli.main import main
from neardup.files import JOURNAL, list_files

SEA, SMALL, HILL = b"sea" * 400, b"sea, smaller", b"hill"


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Files, and the report of a scan that was given their folder by a relative path."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "album"
    (folder / "sub").mkdir(parents=True)
    for name, data in (("sea", SEA), ("sub/sea", SEA), ("small", SMALL), ("hill", HILL)):
        (folder / name).write_bytes(data)
    return folder


def report(*files, proposed=True, against=None):
    """Write one group, of (name, bytes, further facts)."""
    entries = [entry(f"album/{name}", data, **more) for name, data, more in files]
    write_report(Path("report"), [(proposed, entries)], relative_to=Path.cwd(), against=against)


@pytest.fixture
def run(capsys):
    """Run ``neardup clean``: the exit code, and what it printed as JSON, or the error."""

    def run(*arguments):
        code = main(["clean", "--json", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.err if code == 2 else json.loads(printed.out.splitlines()[-1])

    return run


def names(answer, what="gone"):
    return sorted(os.path.relpath(each["path"], Path.cwd() / "album") for each in answer[what])


THREE = (("sea", SEA, {}), ("sub/sea", SEA, {"again": True}), ("small", SMALL, {}))


def test_nothing_moves_before_apply_and_all_comes_back(album, run):
    report(*THREE)
    before = snapshot(Path.cwd())
    code, answer = run("report", "--accept", "sure")
    assert (code, names(answer), answer["journal"]) == (0, ["small", "sub/sea"], None)
    assert answer["bytes"] == len(SEA) + len(SMALL)
    assert snapshot(Path.cwd()) == before
    os.chdir("album")  # the report says where its paths begin
    code, answer = run("../report", "--accept", "sure", "--apply")
    os.chdir("..")
    assert names(answer) == ["small", "sub/sea"]
    assert [path.name for path in list_files(album)] == ["hill", "sea"]
    journal = Path(answer["journal"])
    assert (journal.parent / "sub" / "sea").read_bytes() == SEA
    assert journal.parent.parent == Path.cwd() / "neardup-removed"
    code, answer = run("--undo", journal)
    assert (code, len(answer["back"])) == (0, 2)
    shutil.rmtree("neardup-removed")
    assert snapshot(Path.cwd()) == before


def test_a_scan_leaves_what_was_removed_alone(album, run):
    report(*THREE)
    _, answer = run("report", "--accept", "sure", "--apply", "--to", album / "out")
    removed = Path(answer["journal"]).parent
    assert [path.name for path in list_files(album)] == ["hill", "sea"]
    assert {path.name for path in list_files(removed)} == {"sea", "small", JOURNAL}


def decide(same=(), different=(), keep=()):
    pairs = [
        {"a": sha256(a), "b": sha256(b), "same": said}
        for said, listed in ((True, same), (False, different))
        for a, b in listed
    ]
    kept = [sha256(data) for data in keep]
    Path("decisions.json").write_text(json.dumps({"format": 2, "pairs": pairs, "keep": kept}))
    return "--decisions", "decisions.json"


def test_only_what_was_decided(album, run):
    report(*THREE)
    assert run("report")[0] == 2
    assert names(run("report", *decide())[1]) == []
    _, answer = run("report", *decide(same=[(SEA, SMALL)]))
    assert names(answer) == ["small"]
    assert [(Path(each["path"]).name, each["why"]) for each in answer["undecided"]] == [
        ("sea", "not decided")
    ]
    assert names(run("report", *decide(same=[(SEA, SEA)]))[1]) == ["sub/sea"]
    _, answer = run("report", *decide(same=[(SEA, SMALL), (SEA, SEA)], keep=[SMALL]))
    assert names(answer) == ["sea", "sub/sea"]
    _, answer = run("report", *decide(different=[(SEA, SMALL)]), "--accept", "sure")
    assert names(answer) == ["sub/sea"]
    assert answer["undecided"][0]["why"].startswith("you said")


def test_where_nothing_tells_which_to_keep_a_person_must(album, run):
    report(*THREE, proposed=False)
    assert names(run("report", "--accept", "sure")[1]) == []
    _, answer = run("report", *decide(same=[(SEA, SMALL), (SEA, SEA)]))
    assert names(answer) == []
    assert "choose one" in answer["undecided"][0]["why"]
    _, answer = run("report", *decide(same=[(SEA, SMALL)], keep=[SEA]))
    assert names(answer) == ["small"]


def test_references_and_the_folder_compared_against_are_never_touched(album, run):
    report(("sea", SEA, {}), ("sub/sea", SEA, {"again": True, "reference": True}))
    assert names(run("report", "--accept", "sure")[1]) == ["sea"]
    reference = {"reference": True}
    report(("sea", SEA, {}), ("small", SMALL, reference), ("sub/sea", SEA, {"again": True}))
    assert names(run("report", *decide(same=[(SEA, SMALL)]))[1]) == []
    twice = [entry("album/sea", SEA), entry("album/small", SMALL, reference=True)]
    once = [entry("album/hill", HILL), entry("album/small", SMALL)]
    write_report(Path("report"), [(True, twice), (True, once)], relative_to=Path.cwd())
    assert names(run("report", "--accept", "sure")[1]) == []
    report(*THREE, against="elsewhere")
    assert names(run("report", "--accept", "sure")[1]) == ["small"]


def test_what_is_larger_than_all_that_would_stay_is_for_a_person_to_decide(album, run):
    report(("small", SMALL, {}), ("sea", SEA, {"side": 20}), against="elsewhere")
    _, answer = run("report", "--accept", "sure")
    assert names(answer) == []
    assert "more pixels" in answer["undecided"][0]["why"]
    assert names(run("report", *decide(same=[(SEA, SMALL)]))[1]) == ["sea"]


def test_what_may_show_something_of_its_own_is_never_surely_a_copy(album, run):
    report(("sea", SEA, {}), ("small", SMALL, {"own_content": True}), against="elsewhere")
    assert names(run("report", "--accept", "sure")[1]) == []
    assert names(run("report", *decide(same=[(SEA, SMALL)]))[1]) == ["small"]


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("sea", Path.unlink, "the copy to keep, .*sea: there is no such file"),
        ("sea", lambda path: path.write_bytes(b""), "the copy to keep, .* has changed"),
        ("sea", lambda path: path.write_bytes(SEA[::-1]), "the copy to keep, .* has changed"),
        ("small", lambda path: path.write_bytes(SMALL[::-1]), "^has changed"),
    ],
)
def test_what_changed_is_left_and_said(album, run, name, change, why):
    report(("sea", SEA, {}), ("small", SMALL, {}))
    change(album / name)
    before = snapshot(album)
    code, answer = run("report", "--accept", "sure", "--apply")
    assert (code, names(answer), answer["journal"]) == (1, [], None)
    assert re.search(why, answer["left"][0]["why"])
    assert snapshot(album) == before
    assert list(Path("neardup-removed").iterdir()) == []


def test_what_a_link_that_stays_leads_to_stays(album, run):
    report(*THREE)
    (album / "hill").unlink()
    (album / "hill").symlink_to("small")  # put there since the scan
    entries = [entry("album/sea", SEA), entry("album/small", SMALL)]
    lone = [entry("album/hill", HILL), entry("album/sub/sea", SEA)]
    write_report(Path("report"), [(True, entries), (False, lone)], relative_to=Path.cwd())
    code, answer = run("report", "--accept", "sure", "--apply")
    assert (code, names(answer), names(answer, "left")) == (1, [], ["small"])


def test_where_a_link_cannot_go_what_it_leads_to_stays(album, run, monkeypatch):
    (album / "sub" / "link").symlink_to("../small")
    report(("sea", SEA, {}), ("small", SMALL, {}), ("sub/link", SMALL, {"again": True}))
    rename = os.rename

    def refuse(source, target):
        if Path(source).is_symlink():
            raise PermissionError(13, "Permission denied", str(source))
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse)
    before = snapshot(album)
    _, answer = run("report", "--accept", "sure", "--apply")
    assert names(answer, "left") == ["small", "sub/link"]
    assert snapshot(album) == before


def test_nothing_is_moved_onto_another_file(album):
    with pytest.raises(FileExistsError):
        move(album / "sea", album / "small")
    assert ((album / "sea").read_bytes(), (album / "small").read_bytes()) == (SEA, SMALL)


def test_decisions_in_rounds(album, run):
    report(*THREE)
    _, first = run("report", *decide(same=[(SEA, SMALL)]), "--apply")
    code, second = run("report", *decide(same=[(SEA, SMALL), (SEA, SEA)]), "--apply")
    assert (code, names(second), len(second["missing"])) == (0, ["sub/sea"], 1)
    code, turned = run("report", *decide(same=[(SEA, SMALL)], keep=[SMALL]), "--apply")
    assert (code, names(turned)) == (1, [])
    assert run("--undo", second["journal"])[1]["back"] == [str(album / "sub/sea")]
    assert run("--undo", first["journal"])[1]["back"] == [str(album / "small")]
    assert run("--undo", first["journal"]) == (0, {"back": [], "missing": []})


def test_a_full_disk_loses_nothing(album, run, monkeypatch):
    report(*THREE)
    before = snapshot(album)
    write, room = os.write, 500

    def full(file, data):
        nonlocal room
        room -= len(data)
        if room < 0:
            write(file, data[:9])
            raise OSError(28, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", full)
    code, answer = run("report", "--accept", "sure", "--apply")
    monkeypatch.undo()
    assert (code, len(answer["gone"])) == (1, 1)
    assert "No space left" in answer["left"][0]["why"]
    monkeypatch.chdir(album.parent)
    assert run("--undo", answer["journal"])[0] == 0
    assert snapshot(album) == before


def test_names_that_a_terminal_cannot_show(album, run, capsys):
    odd = "sub/\udcff\x1b[2J\n.jpg"
    (album / odd).write_bytes(SMALL)
    report(("sea", SEA, {}), (odd, SMALL, {}))
    assert main(["clean", "report", "--accept", "sure", "--apply"]) == 0
    (album / odd).write_bytes(b"new")
    (journal,) = Path("neardup-removed").glob("*")
    assert main(["clean", "--undo", str(journal)]) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_films_and_notes_go_with_their_picture(album, run):
    for name, data in (("sea.mov", b"film"), ("sub/sea.mov", b"film"), ("small.xmp", b"notes")):
        (album / name).write_bytes(data)
    before = snapshot(album)
    with_film = {"companions": ["album/sub/sea.mov"]}
    report(
        ("sea", SEA, {"companions": ["album/sea.mov"]}),
        ("sub/sea", SEA, {"again": True, **with_film}),
        ("small", SMALL, {"companions": ["album/small.xmp"]}),
    )
    code, answer = run("report", "--accept", "sure")
    assert (code, names(answer), names(answer, "left")) == (1, ["sub/sea"], ["small"])
    assert "small.xmp" in answer["left"][0]["why"]
    _, answer = run("report", *decide(same=[(SEA, SMALL)]), "--accept", "sure", "--apply")
    assert names(answer) == ["small", "sub/sea"]
    left = {path.relative_to(album).as_posix() for path in list_files(album)}
    assert left == {"hill", "sea", "sea.mov"}
    assert run("--undo", answer["journal"])[0] == 0
    assert snapshot(album) == before


def test_what_appeared_in_the_old_place_stays(album, run):
    report(*THREE)
    _, answer = run("report", "--accept", "sure", "--apply")
    journal = answer["journal"]
    (album / "small").write_bytes(b"new")
    code, answer = run("--undo", journal)
    assert code == 1
    assert "stays at" in answer["missing"][0]["why"]
    assert (album / "small").read_bytes() == b"new"
    assert (album / "sub" / "sea").read_bytes() == SEA
    (album / "small").unlink()
    assert run("--undo", journal)[0] == 0
    assert (album / "small").read_bytes() == SMALL


def test_hard_links_take_the_place_of_identical_files(album, run):
    report(*THREE)
    before = snapshot(album)
    code, answer = run("report", "--accept", "sure", "--apply", "--link")
    assert (code, names(answer), names(answer, "left")) == (1, ["sub/sea"], ["small"])
    assert (album / "sub" / "sea").samefile(album / "sea")
    assert run("--undo", answer["journal"])[0] == 0
    assert snapshot(album) == before


def test_the_trash(album, run, monkeypatch, tmp_path):
    send2trash = pytest.importorskip("send2trash")
    trash = tmp_path / "trash"
    trash.mkdir()
    monkeypatch.setattr(send2trash, "send2trash", lambda path: shutil.move(path, trash))
    report(*THREE)
    code, answer = run("report", "--accept", "sure", "--apply", "--to", "trash")
    assert (code, len(answer["gone"])) == (0, 2)
    code, answer = run("--undo", answer["journal"])
    assert code == 1
    assert "trash: restore it there" in answer["missing"][0]["why"]


def test_the_trash_needs_a_package(album, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "send2trash", None)
    report(*THREE)
    code, message = run("report", "--accept", "sure", "--apply", "--to", "trash")
    assert code == 2
    assert "neardup[trash]" in message


def test_wrong_arguments_harm_nothing(album, run):
    for arguments in (("album", "--accept", "sure"), ("--undo", album / "sea"), ("--undo", "no")):
        code, message = run(*arguments)
        assert code == 2
        assert len(message.splitlines()) == 1
    assert (album / "sea").read_bytes() == SEA
    Path("report").mkdir()
    Path("report/groups.json").write_text('{"format": 1, "groups": [{}], "against": null}')
    assert "groups.json" in run("report", "--accept", "sure")[1]


def test_metadata_that_only_the_removed_copy_has(tmp_path, run, textured, toy_bundle, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "album"
    folder.mkdir()
    photo = Image.fromarray(textured(1))
    photo.save(folder / "large.png")
    exif = Image.Exif()
    exif[0x4746] = 5
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 30.0, 0.0), 3: "W", 4: (11.0, 15.0, 0.0)})
    exif.get_ifd(0x8769)[0x9003] = "2019:05:04 10:00:00"
    words = b"<dc:subject><rdf:Bag><rdf:li>sea &amp; sun</rdf:li></rdf:Bag></dc:subject>"
    small = photo.resize((150, 150))
    small.save(folder / "small.jpg", quality=60, exif=exif, xmp=words)
    Image.fromarray(np.flipud(textured(2))).save(folder / "other.png")
    main(["scan", "album", "--bundle", str(toy_bundle), "--out", "report", "--workers", "1"])
    groups = json.loads(Path("report/groups.json").read_text())["groups"]
    (hashes,) = ([file["sha256"] for file in group["files"]] for group in groups)
    decisions = {"format": 2, "pairs": [{"a": hashes[0], "b": hashes[1], "same": True}]}
    large = next(f["sha256"] for f in groups[0]["files"] if f["path"].endswith("large.png"))
    Path("decisions.json").write_text(json.dumps({**decisions, "keep": [large]}))
    _, answer = run("report", "--decisions", "decisions.json")
    assert names(answer) == ["small.jpg"]
    assert answer["gone"][0]["only_here"] == {
        "rating": ["5"],
        "position": ["48.50000, -11.25000"],
        "date taken": ["2019:05:04 10:00:00"],
        "keywords": ["sea & sun"],
    }
