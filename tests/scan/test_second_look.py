"""scan --verify finds what the distance leaves in doubt, says how, and remembers."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neardup import Detector
from neardup.errors import NeardupError
from neardup.library.file import Facts, File, Picture
from neardup.library.listing import Selection
from neardup.scan.pipeline import ScanOptions, scan
from neardup.scan.second_look import Matches, accepted, candidates, neighbour_count
from neardup.search.exact import Pairs, pairs_within
from neardup.search.nearest import neighbours
from neardup.verify.match import Kind, Match


@pytest.fixture
def folder(tmp_path, textured) -> Path:
    """Six pictures, a crop of the first that is far away by its distance, a mirrored second."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(6):
        Image.fromarray(textured(index)).save(folder / f"{index}.png")
    Image.fromarray(textured(0)[20:170, 130:280]).save(folder / "crop of 0.png")
    Image.fromarray(textured(1)[:, ::-1]).save(folder / "mirror of 1.png")
    return folder


@pytest.fixture(autouse=True)
def every_pair(monkeypatch):
    """The toy encoder has no idea of crops: look at all neighbours, however far."""
    monkeypatch.setattr("neardup.scan.second_look.REACH", 2.0)


def read_pairs(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_crops_and_mirrors_are_found_and_explained(folder, run_scan, tmp_path):
    _, without, _ = run_scan(folder, "--at", "0.2", out=tmp_path / "plain")
    _, with_it, groups = run_scan(folder, "--at", "0.2", "--verify")
    assert (without["pairs"], with_it["pairs"]) == (0, 2)
    found = {
        tuple(sorted(Path(file["path"]).stem for file in group["files"])): group["files"][1]
        for group in groups
    }
    assert set(found) == {("0", "crop of 0"), ("1", "mirror of 1")}
    assert found["0", "crop of 0"]["match"].startswith("this is a crop of the first (zoom 2.0x")
    assert found["1", "mirror of 1"]["match"].endswith("the same picture, mirrored")
    page = (tmp_path / "report/report.html").read_text()
    shown = json.loads(page.split('id="data">')[1].split("</script>")[0])["groups"]
    maps = [file["map"] for group in shown for file in group["files"] if "map" in file]
    assert sorted(round(values[0]) for values in maps) == [-1, 1]  # mirrored; only cut out
    rows = read_pairs(tmp_path / "report/pairs.csv")
    assert {"crop", "mirrored"} == {
        word for row in rows for word in ("crop", "mirrored") if word in row["match"]
    }


def test_many_files_of_the_same_pixels_stay_in_one_group(folder, run_scan):
    for number in range(30):
        path = folder / f"5 again {number}.png"
        Image.open(folder / "5.png").save(path, compress_level=1, dpi=(number + 1,) * 2)
        os.utime(path, (10**9 - number,) * 2)
    _, _, groups = run_scan(folder, "--at", "0.2", "--verify")
    assert sorted(len(group["files"]) for group in groups) == [2, 2, 31]


def test_across_two_folders(folder, run_scan, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (folder / "crop of 0.png").rename(other / "crop.png")
    _, _, groups = run_scan(other, "--against", folder, "--at", "0.2", "--verify")
    (group,) = groups
    assert [Path(file["path"]).name for file in group["files"]] == ["0.png", "crop.png"]
    assert group["files"][1]["match"].startswith("this is a crop of the first")


def test_a_second_scan_extracts_nothing_again(folder, toy_bundle, tmp_path, capsys):
    detector = Detector.load(toy_bundle)
    options = ScanOptions(at=0.2, verify=True, report_folder=tmp_path / "report")
    first = scan(Selection(folders=[folder]), detector.bundle, detector.embedder, options)
    assert "Local features" in capsys.readouterr().err
    second = scan(Selection(folders=[folder]), detector.bundle, detector.embedder, options)
    printed = capsys.readouterr().err
    assert "Embedding" in printed
    assert "Local features" not in printed
    assert "Second look" not in printed
    assert [pair.match.sentence() for pair in second.pairs] == [
        pair.match.sentence() for pair in first.pairs
    ]


def test_features_of_files_that_are_gone_are_dropped(folder, run_scan, tmp_path):
    run_scan(folder, "--verify")
    size = (tmp_path / "report/scan-cache.sqlite").stat().st_size
    for path in sorted(folder.iterdir())[:-1]:
        path.unlink()
    run_scan(folder, "--verify")
    assert (tmp_path / "report/scan-cache.sqlite").stat().st_size <= size


def test_a_picture_that_cannot_be_read_again_costs_its_own_pairs(folder, toy_bundle, monkeypatch):
    detector = Detector.load(toy_bundle)
    from neardup.scan import pipeline

    look_again = pipeline.look_again

    def after_a_change(*arguments, **options):
        (folder / "1.png").write_bytes(b"gone")
        return look_again(*arguments, **options)

    monkeypatch.setattr(pipeline, "look_again", after_a_change)
    result = scan(
        Selection(folders=[folder]),
        detector.bundle,
        detector.embedder,
        ScanOptions(at=0.2, verify=True),
    )
    (group,) = result.groups
    assert {file.path.name for file in group.files} == {"0.png", "crop of 0.png"}


def test_without_opencv_it_says_what_to_install(folder, toy_bundle, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    detector = Detector.load(toy_bundle)
    with pytest.raises(NeardupError, match=r"pip install 'neardup\[verify\]'"):
        scan(
            Selection(folders=[folder]),
            detector.bundle,
            detector.embedder,
            ScanOptions(verify=True),
        )


def test_bursts_without_verify_is_refused(folder, run_scan):
    code, message, _ = run_scan(folder, "--bursts", "keep")
    assert code == 2
    assert "--verify" in message


def test_decisions_count_after_the_second_look(folder, run_scan, tmp_path):
    run_scan(folder, "--at", "0.2", "--verify")
    groups = json.loads((tmp_path / "report/groups.json").read_text())["groups"]
    apart = [sorted(file["sha256"] for file in group["files"]) for group in groups]
    decisions = tmp_path / "decisions.json"
    decisions.write_text(json.dumps({"format": 1, "different": apart, "keep": []}))
    _, summary, groups = run_scan(folder, "--at", "0.2", "--verify", "--decisions", decisions)
    assert (summary["pairs"], groups) == (0, [])


def unit_vectors(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("across", [False, True])
def test_neighbours_are_the_nearest_within_the_radius(across):
    a, b = unit_vectors(40, 0), unit_vectors(50, 1) if across else None
    found = neighbours(a, 3, 1.0, b)
    wanted = set()
    every = pairs_within(a, 1.0, b)
    for row in range(len(a)):
        own = [
            (distance, i, j)
            for i, j, distance in zip(*(column.tolist() for column in every), strict=True)
            if i == row or (not across and j == row)
        ]
        wanted |= {(i, j) for _, i, j in sorted(own)[:3]}
    assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == wanted


def test_neighbours_of_few_or_no_vectors():
    assert len(neighbours(unit_vectors(0, 0), 10, 2.0).left) == 0
    assert len(neighbours(unit_vectors(1, 0), 10, 2.0).left) == 0
    assert len(neighbours(unit_vectors(4, 0), 10, 2.0).left) == 6


def test_more_pictures_more_neighbours():
    assert neighbour_count(10) == neighbour_count(3500) == 10
    assert neighbour_count(350_000) == 100


@pytest.mark.parametrize(
    ("bursts", "called", "apart"),
    [("report", [0, 2], [1]), ("keep", [2], [0, 1]), ("merge", [0, 1, 2], [])],
)
def test_shots_of_one_scene(bursts, called, apart):
    """Pairs 0 (within the threshold) and 1 are of one scene, 2 is a crop, 3 is nothing."""
    facts = Facts(width=1, height=1, format="PNG", taken="", camera=False)
    pictures = [
        Picture(facts, (File(path=Path(name), bytes=1, modified=0, sha256=name, link=False),))
        for name in "abcde"
    ]
    scene, crop = Match(kind=Kind.SCENE), Match(kind=Kind.CROP)
    matches = Matches({("a", "b"): scene, ("a", "c"): scene, ("a", "d"): crop, ("a", "e"): None})
    left, right = np.zeros(4, np.int64), np.arange(1, 5)
    pairs = Pairs(left, right, np.array([0.1, 1.0, 1.0, 1.0], np.float32))
    found, scenes = accepted(pairs, 0.5, pictures, pictures, matches, bursts)
    assert (found.right - 1).tolist() == called
    assert (scenes.right - 1).tolist() == apart


def test_an_album_of_one_scene_does_not_get_all_its_pairs_looked_at():
    vectors = np.random.default_rng(0).normal(1, 0.01, (150, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = pairs_within(vectors, 0.5)
    assert len(found.left) == 150 * 149 / 2
    looked_at = candidates(found, vectors, None)
    assert len(looked_at.left) <= (20 + neighbour_count(150)) * 150
    assert found.distance.min() == looked_at.distance.min()
