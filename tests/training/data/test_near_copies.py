"""Finding the same picture twice in a training folder."""

from pathlib import Path

import numpy as np
import pytest
from folders import fill, save
from PIL import Image

from neardup.procedural import generate
from neardup.training.data.manifest import Manifest, difference_hash, scan_folder
from neardup.training.data.splits import near_copy_groups, pairs_within


def scan(root: Path, tmp_path: Path) -> Manifest:
    return scan_folder(root, tmp_path / "cache", workers=1, show=False)


def groups_by_path(manifest: Manifest, radius: int = 3) -> dict[str, int]:
    groups = near_copy_groups(manifest, radius=radius)
    return {e.path: int(g) for e, g in zip(manifest.entries, groups, strict=True)}


@pytest.mark.parametrize(("count", "radius"), [(2, 1), (300, 1), (3000, 3), (1500, 8), (300, 16)])
def test_pairs_within_finds_what_comparing_all_finds(count: int, radius: int) -> None:
    rng = np.random.default_rng(radius)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    for copy in range(count // 2):  # pairs at every small distance
        bits = rng.choice(64, int(rng.integers(1, radius + 4)), replace=False)
        flips = sum(1 << int(bit) for bit in bits)
        hashes[copy] = hashes[count - 1 - copy] ^ np.uint64(flips)
    hashes = np.unique(hashes)
    bits = np.unpackbits(hashes.view(np.uint8).reshape(-1, 8), axis=1).astype(np.int32)
    distance = bits.sum(1)[:, None] + bits.sum(1) - 2 * bits @ bits.T
    expected = np.argwhere(np.triu(distance <= radius, 1))
    np.testing.assert_array_equal(pairs_within(hashes, radius), expected)


def test_copies_are_grouped_and_others_are_not(tmp_path: Path) -> None:
    root = tmp_path / "in"
    fill(root, 30, size=96)
    (root / "same_bytes.png").write_bytes((root / "003.png").read_bytes())
    picture = Image.open(root / "005.png")
    picture.save(root / "compressed.jpg", quality=85)
    picture.resize((picture.width * 2, picture.height * 2)).save(root / "larger.webp", quality=90)
    groups = groups_by_path(scan(root, tmp_path))
    assert groups["same_bytes.png"] == groups["003.png"]
    assert groups["compressed.jpg"] == groups["larger.webp"] == groups["005.png"]
    assert len(set(groups.values())) == 30


def test_flat_pictures_and_gradients_do_not_chain(tmp_path: Path) -> None:
    root = tmp_path / "in"
    fill(root, 3)
    for level in range(0, 250, 25):
        save(np.full((40, 40, 3), level, np.uint8), root / f"flat{level}.png")
        ramp = np.linspace(0, 5 + level, 40, dtype=np.uint8)
        save(np.tile(ramp[None, :, None], (40, 1, 3)), root / f"ramp{level}.png")
    (root / "flat_copy.png").write_bytes((root / "flat25.png").read_bytes())
    groups = groups_by_path(scan(root, tmp_path))
    assert groups["flat_copy.png"] == groups["flat25.png"], "equal bytes are equal pictures"
    assert len(set(groups.values())) == 23


def test_radius_zero_wants_equal_hashes(tmp_path: Path) -> None:
    root = tmp_path / "in"
    fill(root, 5)
    Image.open(root / "001.png").save(root / "copy.bmp")
    groups = groups_by_path(scan(root, tmp_path), radius=0)
    assert groups["copy.bmp"] == groups["001.png"]
    assert len(set(groups.values())) == 5


def test_groups_of_nothing_and_of_one(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert near_copy_groups(scan(tmp_path / "in", tmp_path), radius=3).shape == (0,)
    fill(tmp_path / "in", 1)
    assert near_copy_groups(scan(tmp_path / "in", tmp_path), radius=3).tolist() == [0]


def test_difference_hash_by_hand() -> None:
    steps = np.tile(np.array([0, 9, 5, 1, 4, 8, 2, 6, 12], np.uint8) * 20, (8, 1))
    pixels = np.repeat(np.repeat(steps, 8, 0), 8, 1)[..., None].repeat(3, -1)
    assert difference_hash(pixels) == int("10011011" * 8, 2)
    assert difference_hash(generate(0, 0, 64)) != difference_hash(generate(0, 1, 64))
