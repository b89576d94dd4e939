"""Splits: by content, stable, and never the same picture on both sides."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from folders import fill, save
from PIL import Image

from neardup.errors import ConfigError
from neardup.training.data.manifest import Entry, Manifest, scan_folder
from neardup.training.data.splits import Splits, near_copy_groups, split, write_splits


def scan_and_split(root: Path, tmp_path: Path) -> tuple[Manifest, Splits]:
    manifest = scan_folder(root, tmp_path / "cache", workers=1, show=False)
    return manifest, split(manifest, near_copy_groups(manifest, radius=3), val=0.2, test=0.2)


def contents(manifest: Manifest, splits: Splits) -> dict[str, set[str]]:
    return {
        name: {manifest.entries[i].content_hash for i in getattr(splits, name)}
        for name in ("train", "val", "test")
    }


def entries(count: int) -> Manifest:
    """A manifest of `count` distinct pictures that need not exist."""
    made = (
        Entry(f"{i}.png", 1, 1, f"{i * 7919:064x}", 10, 10, (i * 0x9E3779B97F4A7C15) % 2**64, 50.0)
        for i in range(count)
    )
    return Manifest(Path("pictures"), tuple(made), ())


def test_shares_and_no_overlap() -> None:
    manifest = entries(5000)
    splits = split(manifest, np.arange(5000), val=0.1, test=0.2)
    parts = [set(splits.train), set(splits.val), set(splits.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 5000
    assert abs(len(splits.val) - 500) < 100
    assert abs(len(splits.test) - 1000) < 130


def test_renaming_moving_and_adding_moves_no_picture(tmp_path: Path) -> None:
    root = tmp_path / "in"
    paths = fill(root, 60, size=32)
    before = contents(*scan_and_split(root, tmp_path))
    (root / "sub").mkdir()
    for path in paths[::2]:
        shutil.move(path, root / "sub" / f"renamed_{path.name}")
    fill(root, 40, first=100, size=32)
    manifest, splits = scan_and_split(root, tmp_path)
    after = contents(manifest, splits)
    for name, hashes in before.items():
        assert hashes <= after[name]
    order = [manifest.entries[i].content_hash for i in splits.train]
    assert order == sorted(order), "the order does not depend on names"


def test_changing_val_leaves_test_alone() -> None:
    manifest, groups = entries(500), np.arange(500)
    one, other = (split(manifest, groups, val=val, test=0.1) for val in (0.1, 0.3))
    np.testing.assert_array_equal(one.test, other.test)
    assert set(one.val) < set(other.val)


def test_of_near_copies_the_largest_stays(tmp_path: Path) -> None:
    root = tmp_path / "in"
    fill(root, 40)
    picture = Image.open(root / "007.png")
    picture.resize((picture.width * 3, picture.height * 3)).save(root / "big.png")
    picture.save(root / "small.jpg", quality=90)
    (root / "again.png").write_bytes((root / "009.png").read_bytes())
    manifest, splits = scan_and_split(root, tmp_path)
    copies = {(copy.path, copy.copy_of) for copy in splits.near_copies}
    assert {("007.png", "big.png"), ("small.jpg", "big.png")} <= copies
    assert ("again.png", "009.png") in copies or ("009.png", "again.png") in copies
    used = np.concatenate([splits.train, splits.val, splits.test])
    assert len(used) + len(splits.near_copies) == len(manifest.entries) == 43
    groups = near_copy_groups(manifest, radius=3)
    assert len(set(groups[used])) == len(used), "no group is used twice"


def test_blank_pictures_are_left_out(tmp_path: Path) -> None:
    root = tmp_path / "in"
    fill(root, 40)
    save(np.full((50, 50, 3), 255, np.uint8), root / "white.png")
    save(np.full((60, 60, 3), 254, np.uint8), root / "nearly_white.png")
    _, splits = scan_and_split(root, tmp_path)
    assert {blank.path for blank in splits.blank} == {"white.png", "nearly_white.png"}


def test_too_few_images_says_how_many_are_needed() -> None:
    with pytest.raises(ConfigError, match=r"about 70 are needed.*data\.val_fraction") as error:
        split(entries(4), np.arange(4), val=0.1, test=0)
    assert "pictures" in str(error.value)
    with pytest.raises(ConfigError, match="train split would hold 0"):
        split(entries(0), np.arange(0), val=0.1, test=0.1)
    assert len(split(entries(4), np.arange(4), val=0, test=0).train) == 4


@pytest.mark.parametrize(("val", "test"), [(-0.1, 0.1), (0.5, 0.5), (0.9, 0.4), (float("nan"), 0)])
def test_impossible_shares(val: float, test: float) -> None:
    with pytest.raises(ConfigError, match="val_fraction"):
        split(entries(100), np.arange(100), val=val, test=test)


def test_the_splits_file_names_every_file_once(tmp_path: Path) -> None:
    root = tmp_path / "in"
    fill(root, 40)
    (root / "notes.txt").write_text("no picture")
    (root / "again.png").write_bytes((root / "009.png").read_bytes())
    save(np.zeros((50, 50, 3), np.uint8), root / "black.png")
    manifest, splits = scan_and_split(root, tmp_path)
    write_splits(tmp_path / "splits.json", manifest, splits)
    record = json.loads((tmp_path / "splits.json").read_text())
    assert record["root"] == str(root.resolve())
    assert record["val"] == [manifest.entries[i].path for i in splits.val]
    assert [item["path"] for item in record["skipped"]] == ["black.png", "notes.txt"]
    assert all(item["reason"] for item in record["skipped"])
    assert [(item["path"], item["copy_of"]) for item in record["near_copies"]] == [
        (copy.path, copy.copy_of) for copy in splits.near_copies
    ]
    everything = [*record["train"], *record["val"], *record["test"]]
    everything += [item["path"] for item in (*record["skipped"], *record["near_copies"])]
    assert sorted(everything) == sorted(p.name for p in root.iterdir())
