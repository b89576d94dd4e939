"""Scans of several folders: references, patterns, leakage, and what could be gained."""

import os
import shutil

import pytest

from neardup import Detector
from neardup.cli.main import main


@pytest.fixture
def places(tmp_path, picture):
    """An inbox of a large copy, a small copy and a new picture; an archive of three pictures."""
    for name in ("inbox", "archive/old"):
        (tmp_path / name).mkdir(parents=True)
    picture(1, size=(200, 150)).save(tmp_path / "archive/sea.png")
    picture(2, size=(400, 300)).save(tmp_path / "archive/hill.png")
    shutil.copy(tmp_path / "archive/hill.png", tmp_path / "archive/old/hill.png")
    picture(1, size=(400, 300)).save(tmp_path / "inbox/sea large.png")
    picture(2, size=(200, 150)).save(tmp_path / "inbox/hill small.png")
    shutil.copy(tmp_path / "archive/sea.png", tmp_path / "inbox/sea again.png")
    picture(3).save(tmp_path / "inbox/new.png")
    return tmp_path


def shown(groups):
    return {
        os.path.basename(group["files"][0]["path"]): [
            (os.path.basename(file["path"]), file["reference"]) for file in group["files"]
        ]
        for group in groups
    }


def test_references_are_kept_and_alone_are_no_group(places, run_scan):
    _, summary, groups = run_scan(places / "inbox", "--reference", places / "archive")
    assert shown(groups) == {
        "sea.png": [("sea.png", True), ("sea again.png", False), ("sea large.png", False)],
        "hill.png": [("hill.png", True), ("hill.png", True), ("hill small.png", False)],
    }
    assert {group["why"] for group in groups} == {
        "it is a reference",
        "it is a reference, though a larger copy seems the original",
    }
    assert [group["proposed"] for group in groups] == [
        "though" not in group["why"] for group in groups
    ]
    spare = ("sea again.png", "sea large.png", "hill small.png")
    assert summary["duplicate_files"] == 3
    assert summary["bytes_to_gain"] == sum((places / "inbox" / n).stat().st_size for n in spare)
    counts = summary["counts"]
    assert counts["seen"] == 7 == sum(counts.values()) - counts["seen"]
    # Copies among references alone are nobody's business here.
    _, summary, groups = run_scan(places / "inbox", "--reference", places / "archive",
                                  "--exclude", "*sea*", "--include", "*.png")  # fmt: skip
    assert list(shown(groups)) == ["hill.png"]
    assert (summary["left_out"], summary["pairs"]) == (3, 1)


def test_folders_in_any_order_give_one_result(places, run_scan):
    one, other = places / "inbox", places / "archive"
    _, _, expected = run_scan(one, other)
    assert run_scan(other, one)[2] == run_scan(other, other / "old", one)[2] == expected


def test_leakage_is_counted_from_both_sides(places, run_scan, toy_bundle, tmp_path, capsys):
    code, summary, groups = run_scan(places / "inbox", "--against", places / "archive")
    assert code == 1
    assert summary["leakage"] == {
        "pictures": 4, "leaked": 3, "other_pictures": 3, "other_leaked": 3,
    }  # fmt: skip
    assert all(group["files"][0]["reference"] for group in groups)
    leaked = (tmp_path / "report/leaked.txt").read_text().splitlines()
    assert leaked == [
        str(places / "inbox" / name)
        for name in ("hill small.png", "sea again.png", "sea large.png")
    ]
    arguments = ["scan", str(places / "inbox"), "--bundle", str(toy_bundle)]
    arguments += ["--out", str(tmp_path / "report"), "--workers", "1"]
    assert main([*arguments, "--against", str(places / "archive")]) == 1
    assert (
        f"3 of 4 pictures of {places}/inbox, 75 %, are in {places}/archive; "
        f"3 of 3 pictures of {places}/archive are in {places}/inbox"
    ) in capsys.readouterr().out
    main(arguments)
    assert not (tmp_path / "report/leaked.txt").exists()  # it was of another scan


def test_links_to_what_stays_free_nothing(places, toy_bundle):
    inbox = places / "inbox"
    (inbox / "link.png").symlink_to(inbox / "new.png")
    os.link(inbox / "new.png", inbox / "hard.png")
    result = Detector.load(toy_bundle).find_duplicates(
        [inbox], exclude=["sea*", "hill*"], show_progress=False
    )
    assert len(result.spare) == 2
    assert result.to_gain == 0
    assert str(result).startswith("1 group, 2 files more than needed, 0 bytes to gain (distance")
