"""RAW files beside their JPEG, live photos beside their film."""

import csv
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from dng import dng
from neardup.library.file import Facts, File, Picture
from neardup.scan.shots import companions


@pytest.fixture
def card(tmp_path, picture):
    """A shot as RAW and JPEG; a later copy of both; a smaller copy; a film without a photo."""
    pytest.importorskip("rawpy")
    card, copy = tmp_path / "card", tmp_path / "a"
    card.mkdir()
    photo = picture(1, size=(640, 480))
    photo.save(card / "dsc_1.jpg", quality=90)
    preview = io.BytesIO()
    photo.save(preview, "JPEG", quality=80)
    (card / "DSC_1.DNG").write_bytes(dng(np.asarray(photo), preview=preview.getvalue()))
    (card / "DSC_1.xmp").write_text("<x/>")
    shutil.copytree(card, copy)
    (copy / "DSC_1.xmp").unlink()
    # The copy of the JPEG is the oldest of all: alone it would be the one to keep.
    for age, path in enumerate((copy / "dsc_1.jpg", card / "DSC_1.DNG", card / "dsc_1.jpg")):
        os.utime(path, (age, age))
    photo.resize((320, 240)).save(tmp_path / "small.png")
    (tmp_path / "film.mov").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(40))
    return tmp_path


def names(groups, root):
    return {
        tuple(os.path.relpath(file["path"], root) for file in group["files"]) for group in groups
    }


def test_both_halves_of_a_shot_are_kept_together(card, run_scan):
    _, _, groups = run_scan(card)
    assert names(groups, card) == {
        ("a/DSC_1.DNG", "card/DSC_1.DNG"),
        ("a/dsc_1.jpg", "card/dsc_1.jpg", "small.png"),
    }
    assert all(group["proposed"] for group in groups)
    (card / "small.png").unlink()
    (card / "a" / "DSC_1.DNG").rename(card / "a" / "other name.DNG")
    _, _, groups = run_scan(card)
    assert names(groups, card) == {
        ("card/DSC_1.DNG", "a/other name.DNG"),
        ("card/dsc_1.jpg", "a/dsc_1.jpg"),
    }


def test_halves_of_a_shot_are_reported_where_that_is_asked_for(card, run_scan):
    _, summary, groups = run_scan(card, "--raw-pairs", "report")
    assert len(groups) == 1
    assert groups[0]["files"][0]["format"] == "RAW"
    assert not groups[0]["proposed"]  # a developed picture may have been edited
    assert [file["format"] for file in groups[0]["files"]].count("RAW") == 2
    counts = summary["counts"]
    assert counts["seen"] == 7 == sum(counts.values()) - counts["seen"]


def test_companions_are_told_and_their_reason_says_whose_they_are(card, run_scan, tmp_path):
    _, _, groups = run_scan(card)
    told = {
        os.path.relpath(file["path"], card): [os.path.basename(name) for name in file["companions"]]
        for group in groups
        for file in group["files"]
    }
    assert {path: found for path, found in told.items() if found} == {
        "card/DSC_1.DNG": ["DSC_1.xmp"]
    }
    with open(tmp_path / "report" / "skipped.csv", newline="") as file:
        reasons = {Path(row["path"]).name: row["reason"] for row in csv.DictReader(file)}
    assert reasons["DSC_1.xmp"] == "no picture; it goes with DSC_1.DNG"
    assert reasons["film.mov"].startswith("not a picture")


def test_a_companion_has_one_picture(picture):
    def made(name, format):
        facts = Facts(width=9, height=9, format=format, taken="", camera=True)
        file = File(path=Path(name), bytes=1, modified=0, sha256=name, link=False)
        return Picture(facts, (file,))

    pictures = [
        made("x/IMG_1.jpg", "JPEG"), made("x/IMG_1.HEIC", "HEIF"), made("x/IMG_2.JPG", "JPEG"),
        made("x/IMG_2.CR2", "RAW"), made("y/IMG_1.jpg", "JPEG"),
    ]  # fmt: skip
    loose = [
        "x/IMG_1.MOV", "x/img_2.xmp", "x/IMG_2.jpg.xmp", "x/IMG_2.mov", "z/IMG_1.MOV",
        "y/IMG_1.png", "y/IMG_1.json",
    ]  # fmt: skip
    found = companions(pictures, map(Path, loose))
    assert {str(path): [str(name) for name in names] for path, names in found.items()} == {
        "x/IMG_1.HEIC": ["x/IMG_1.MOV"],
        "x/IMG_2.JPG": ["x/IMG_2.jpg.xmp"],
        "x/IMG_2.CR2": ["x/IMG_2.mov", "x/img_2.xmp"],
        "y/IMG_1.jpg": ["y/IMG_1.json"],
    }


def test_a_live_photo_is_kept_beside_its_film(tmp_path, picture, run_scan):
    for name in ("first", "then"):
        (tmp_path / name).mkdir()
        picture(1).save(tmp_path / name / "IMG_1.png")
        os.utime(tmp_path / name / "IMG_1.png", (name == "then", name == "then"))
    (tmp_path / "then" / "IMG_1.MOV").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(40))
    _, _, (group,) = run_scan(tmp_path / "first", tmp_path / "then")
    assert [Path(file["path"]).parent.name for file in group["files"]] == ["then", "first"]
    assert group["why"] == "the files are identical; this one lies with what belongs to it"
